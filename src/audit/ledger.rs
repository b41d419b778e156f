//! Where facts are written down. No row, no act: what cannot be recorded does not happen.

use async_trait::async_trait;
use jiff::Timestamp;

use super::AuditEvent;
use crate::domain::{Actor, ExecutionId, Outcome, ProposalId};

/// Everything is stopped, and nothing runs until somebody lifts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// Who said so.
    pub by: Actor,
    /// When.
    pub since: Timestamp,
    /// Why, in their words, redacted.
    pub reason: Option<String>,
}

impl std::fmt::Display for Halt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "halted by {} at {}", self.by, self.since.strftime("%Y-%m-%d %H:%M:%SZ"))?;
        self.reason.iter().try_for_each(|reason| write!(f, ": {reason}"))
    }
}

/// Whether an execution is one of those that a halt does not stop: the assistant's own answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenHalted {
    /// Nothing runs.
    Refuse,
    /// Help, the record and the list of proposals answer nevertheless.
    Answer,
}

/// Why a fact could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The proposal already has an execution: nothing runs twice.
    #[error("proposal `{0}` has already been executed")]
    AlreadyOpened(ProposalId),
    /// The store does not have the proposal as one that is executing: nothing runs that is not on record as let through.
    #[error("proposal `{0}` is not approved for execution")]
    NotApproved(ProposalId),
    /// Everything is stopped.
    #[error("everything is {0}")]
    Halted(Halt),
    /// Another process has taken the proposal over, since this one seemed to be gone.
    #[error("proposal `{0}` has been taken over by another process")]
    Elsewhere(ProposalId),
    /// Another process acts upon the same: nothing is changed twice at once.
    #[error("`{command}` is already running, started by {by}")]
    Busy {
        /// The typed form of what runs there.
        command: String,
        /// Who asked for it.
        by: Actor,
    },
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
    /// has a row already, with `NotApproved` unless the proposal is stored as executing, with `Elsewhere` unless this
    /// process stored it so, with `Halted` while everything is stopped, and with `Busy` while another living process acts
    /// upon the target; within a process, its own locks see to that.
    async fn open_execution(
        &self,
        execution: ExecutionId,
        proposal: ProposalId,
        target: Option<&str>,
        when_halted: WhenHalted,
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

    /// Stops everything from here on, and appends the event, in one transaction. A second halt takes the place of the
    /// first.
    async fn halt(&self, halt: &Halt, event: AuditEvent) -> Result<(), LedgerError>;

    /// Lifts the halt and appends the event, in one transaction; what was lifted. Nothing is appended where nothing was
    /// halted.
    async fn lift(&self, event: AuditEvent) -> Result<Option<Halt>, LedgerError>;

    /// The halt that holds now.
    async fn halted(&self) -> Result<Option<Halt>, LedgerError>;
}
