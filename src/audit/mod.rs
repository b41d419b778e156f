//! What happened, in the past tense: events, the hash chain, verification.
