//! What happened, in the past tense: events, the hash chain, verification.

mod event;
mod ledger;

pub use event::{AuditEvent, Fact};
pub use ledger::{Ledger, LedgerError};
