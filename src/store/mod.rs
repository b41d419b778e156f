//! Durable state: proposals, executions and the audit trail in SQLite, and what a start-up finds of the process before.
//!
//! The traits [`crate::proposal::ProposalStore`], [`crate::audit::Ledger`] and [`crate::audit::AuditLog`] belong to the
//! rooms whose needs they are; those that only the assistant needs are here. [`Sqlite`] implements all of them.

mod error;
mod misses;
mod recover;
mod sqlite;
mod traits;

pub use error::StoreError;
pub use misses::{Miss, MissId, MissKind, MissLog};
pub use recover::{RecoverError, Recovered, RecoveredProposal, recover};
pub use sqlite::Sqlite;
pub use traits::{ConversationStore, MessageLog, Recovery, Remains};
