//! What the assistant needs of a store beyond proposals and the record.

use async_trait::async_trait;

use super::StoreError;
use crate::audit::{AuditEvent, Ledger};
use crate::domain::{ConversationId, ExecutionId, MessageId, ProposalId};
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
    /// What is left of an unfinished proposal; none if the process that saved it last is alive and sees to it itself.
    async fn remains(&self, proposal: ProposalId) -> Result<Option<Remains>, ProposalStoreError>;

    /// Ends a proposal that cannot be read back, and appends the events, in one transaction. Fails with `Conflict` if it
    /// does not stand where it stood.
    async fn retire(&self, unusable: &Unusable, to: State, events: &[AuditEvent]) -> Result<(), ProposalStoreError>;
}
