//! Retention: the oldest rows go, and an event of the chain says so, which [`super::Verifier`] begins from.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{AuditLog, AuditLogError, Head, LedgerError, verify_log};
use crate::domain::Actor;

/// Whether it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruning {
    /// Only tells what would be removed.
    Rehearsed,
    /// Removes it.
    Meant,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// The last row of it.
    pub last: Head,
    /// Rows of the record.
    pub rows: u64,
    /// Proposals of which nothing is on record any more, with their executions.
    pub proposals: u64,
}

/// A record whose oldest rows may go.
#[async_trait]
pub trait Retention: AuditLog {
    /// Removes the rows before a moment, up to the first that is younger or belongs to a proposal that has not come to its
    /// end, and with them the proposals and executions that are as old, have come to their end, and of which no row is
    /// left. Appends [`super::Fact::RecordPruned`], all in one transaction. None if there is nothing to remove.
    async fn remove_old(
        &self,
        before: Timestamp,
        by: Option<&Actor>,
        now: Timestamp,
        pruning: Pruning,
    ) -> Result<Option<Pruned>, LedgerError>;
}

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The record cannot be proven whole: removing from it would remove the traces.
    #[error("nothing is removed from a record that is not whole: {0}")]
    Unproven(#[from] AuditLogError),
    /// The store refused or failed.
    #[error(transparent)]
    Failed(#[from] LedgerError),
}

/// Removes what is older than a moment, once the whole record is proven; see [`Retention::remove_old`].
pub async fn prune(
    store: &dyn Retention,
    before: Timestamp,
    by: Option<&Actor>,
    now: Timestamp,
    pruning: Pruning,
) -> Result<Option<Pruned>, PruneError> {
    verify_log(store, None).await?;
    Ok(store.remove_old(before, by, now, pruning).await?)
}
