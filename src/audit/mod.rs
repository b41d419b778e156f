//! What happened, in the past tense: events, the hash chain, verification, search, receipts, retention.

mod chain;
mod event;
mod ledger;
mod log;
mod receipt;
mod retention;
mod search;
mod verify;

pub use chain::{ChainRow, Head, HeadError, Removal};
pub use event::{AuditEvent, Fact};
pub use ledger::{Halt, Ledger, LedgerError, WhenHalted};
pub use log::{AuditLog, AuditLogError, Entry, Page, examine_log, search_page, verify_log};
pub use receipt::{Named, NamedError, Receipt};
pub use retention::{PruneError, Pruned, Pruning, Retention, prune};
pub use search::{Ending, Search, UnknownEnding};
pub use verify::{ChainFault, Tampering, Verified, Verifier, verify};
