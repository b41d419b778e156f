//! What happened, in the past tense: events, the hash chain, verification, search.

mod chain;
mod event;
mod ledger;
mod log;
mod search;

pub use chain::{ChainFault, ChainRow, Head, HeadError, Tampering, Verifier, verify};
pub use event::{AuditEvent, Fact};
pub use ledger::{Halt, Ledger, LedgerError, WhenHalted};
pub use log::{AuditLog, AuditLogError, Entry, verify_log};
pub use search::Search;
