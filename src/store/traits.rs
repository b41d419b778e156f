//! What the assistant needs of a store beyond proposals and the record.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::transfer::Session;
use super::{MissLog, StoreError};
use crate::audit::{AuditEvent, Ledger, Retention};
use crate::domain::{ConversationId, ExecutionId, IncidentLog, MessageId, Notebook, ProposalId};
use crate::proposal::{ProposalStore, ProposalStoreError, State, Trace, Unusable};

/// What a dialogue remembers, as JSON.
#[async_trait]
pub trait ConversationStore: Send + Sync {
    /// What was put last.
    async fn get(&self, conversation: &ConversationId) -> Result<Option<serde_json::Value>, StoreError>;

    /// Keeps this in place of what was there.
    async fn put(&self, conversation: &ConversationId, state: &serde_json::Value) -> Result<(), StoreError>;
}

/// Which messages have been handled.
#[async_trait]
pub trait MessageLog: Send + Sync {
    /// True for one caller only, once and for all: that one handles the message.
    async fn first_time(&self, message: &MessageId) -> Result<bool, StoreError>;
}

/// What is left of a proposal's execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// What can be known.
    pub trace: Trace,
    /// The row's id, if one was opened.
    pub execution: Option<ExecutionId>,
}

/// What a start-up needs to put an end to what the process before left behind.
#[async_trait]
pub trait Recovery: ProposalStore + Ledger {
    /// What is left of an unfinished proposal; none if the process that saved it last is alive and sees to it itself. Who
    /// is told what is left sees to it from then on, and nobody else is told.
    async fn remains(&self, proposal: ProposalId) -> Result<Option<Remains>, ProposalStoreError>;

    /// Ends a proposal that cannot be read back, and appends the events, in one transaction. Fails with `Conflict` if it
    /// does not stand where it stood.
    async fn retire(&self, unusable: &Unusable, to: State, events: &[AuditEvent]) -> Result<(), ProposalStoreError>;
}

/// What replicas that share a store need of it, beside what everybody does. One is *on duty*, and sees to what is due; all
/// show signs of life, and what one that is gone has left is taken over by one of the others.
#[async_trait]
pub trait Replicas: Send + Sync {
    /// How long the others wait for a sign of life, by the clock of the store, before they take this replica for gone.
    fn lease(&self) -> Duration;

    /// A sign of life.
    async fn renew(&self) -> Result<(), StoreError>;

    /// Whether nobody living sees to some unfinished proposal; see [`Recovery`].
    async fn any_adrift(&self) -> Result<bool, StoreError>;

    /// Which of these executions somebody wanted stopped, whichever replica heard it: the record says so.
    async fn to_be_stopped(&self, running: &[ExecutionId]) -> Result<Vec<ExecutionId>, StoreError>;

    /// Proposals whose time is over, at most some, if this replica is on duty. It is from now on, if nobody living was.
    async fn due(&self, now: Timestamp) -> Result<Vec<ProposalId>, StoreError>;
}

/// All that the program keeps, wherever it does.
#[async_trait]
pub trait Store: Recovery + Retention + ConversationStore + MessageLog + MissLog + Notebook + IncidentLog {
    /// Whether it can be used.
    async fn probe(&self) -> Result<(), StoreError>;

    /// What replicas need, where there can be any.
    fn replicas(&self) -> Option<&dyn Replicas>;

    /// The whole of it for this process alone, to move it.
    async fn session(&self) -> Result<Box<dyn Session + '_>, StoreError>;

    /// Waits until everything is written and closed. From then on, this process is gone.
    async fn close(&self);
}
