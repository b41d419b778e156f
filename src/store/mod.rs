//! Durable state: proposals, executions and the audit trail in SQLite or PostgreSQL, and what is found of processes that
//! are gone.
//!
//! The traits [`crate::proposal::ProposalStore`], [`crate::audit::Ledger`] and [`crate::audit::AuditLog`] belong to the
//! rooms whose needs they are; those that only the assistant needs are here. [`Sqlite`] and [`Postgres`] implement all of
//! them: as a whole, each is a [`Store`].

mod error;
mod misses;
mod postgres;
mod recover;
mod rows;
mod sqlite;
mod statements;
mod traits;
mod transfer;

pub use error::StoreError;
pub use misses::{Miss, MissId, MissKind, MissLog};
pub use postgres::{Postgres, PostgresError, PostgresUrl, PostgresUrlError};
pub use recover::{RecoverError, Recovered, RecoveredProposal, recover};
pub use sqlite::Sqlite;
pub use traits::{ConversationStore, MessageLog, Recovery, Remains, Replicas, Store};
pub use transfer::{MoveError, Moved, move_store};
