//! Where facts are written down. No row, no act: what cannot be recorded does not happen.

use async_trait::async_trait;
use jiff::Timestamp;

use super::AuditEvent;
use crate::domain::{ExecutionId, Outcome, ProposalId};

/// Why a fact could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The proposal already has an execution: nothing runs twice.
    #[error("proposal `{0}` has already been executed")]
    AlreadyOpened(ProposalId),
    /// The store does not have the proposal as one that is executing: nothing runs that is not on record as let through.
    #[error("proposal `{0}` is not approved for execution")]
    NotApproved(ProposalId),
    /// The execution has no open row: it was never opened, or it has been closed.
    #[error("execution `{0}` is not open")]
    NotOpen(ExecutionId),
    /// The store refused or failed.
    #[error("the audit trail cannot be written: {reason}")]
    Unwritable {
        /// In one line, for people.
        reason: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The append-only record, as the executor needs it.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Appends one event to the chain.
    async fn append(&self, event: AuditEvent) -> Result<(), LedgerError>;

    /// Opens the execution's row and appends the event, in one transaction. Fails with `AlreadyOpened` if the proposal
    /// has a row already, and with `NotApproved` unless the proposal is stored as executing.
    async fn open_execution(
        &self,
        execution: ExecutionId,
        proposal: ProposalId,
        event: AuditEvent,
    ) -> Result<(), LedgerError>;

    /// Closes the row with the outcome and appends the event, in one transaction. Fails with `NotOpen` if it is closed.
    async fn close_execution(
        &self,
        execution: ExecutionId,
        outcome: &Outcome,
        at: Timestamp,
        event: AuditEvent,
    ) -> Result<(), LedgerError>;
}
