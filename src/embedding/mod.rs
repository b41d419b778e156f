//! Text to vectors and token states, by a local BERT-family encoder on a thread of its own.
