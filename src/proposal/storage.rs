//! Where proposals are kept, as the assistant needs it.

use async_trait::async_trait;
use jiff::Timestamp;

use super::state::{Proposal, State};
use super::stored::RestoreError;
use crate::audit::AuditEvent;
use crate::domain::{ConversationId, Intents, ProposalCode, ProposalId};

/// Why a proposal could not be saved or found.
#[derive(Debug, thiserror::Error)]
pub enum ProposalStoreError {
    /// Somebody else's step was saved first: load it and step again.
    #[error("proposal `{0}` was changed by somebody else meanwhile")]
    Conflict(ProposalId),
    /// It is there, but is no proposal today.
    #[error("proposal `{id}` cannot be used any more: {source}")]
    Unusable {
        /// Which.
        id: ProposalId,
        /// Why.
        #[source]
        source: RestoreError,
    },
    /// The store refused or failed.
    #[error("the store cannot be used: {reason}")]
    Failed {
        /// In one line, for people.
        reason: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A stored proposal that is none today: its intent is gone, or its row was altered. It can be told about, not acted on.
#[derive(Debug)]
pub struct Unusable {
    /// Its id.
    pub id: ProposalId,
    /// Where it was asked for.
    pub conversation: ConversationId,
    /// Where it stood.
    pub state: State,
    /// Until when it could have been decided.
    pub expires: Timestamp,
    /// Why it cannot be used.
    pub error: RestoreError,
}

/// Proposals that were found, and rows that are none today.
#[derive(Debug, Default)]
pub struct Found {
    /// Oldest first.
    pub proposals: Vec<Proposal>,
    /// Oldest first.
    pub unusable: Vec<Unusable>,
}

/// Proposals, kept across restarts. Commands are read back against the intents of the day, which is why every question
/// takes them.
#[async_trait]
pub trait ProposalStore: Send + Sync {
    /// Saves the proposal and appends the events, in one transaction. Fails with `Conflict` unless the stored revision is
    /// the one before the proposal's: of two steps from the same state only one is saved.
    async fn save(&self, proposal: &Proposal, events: &[AuditEvent]) -> Result<(), ProposalStoreError>;

    /// The proposal of that id.
    async fn load(&self, id: ProposalId, intents: &Intents) -> Result<Option<Proposal>, ProposalStoreError>;

    /// All of a conversation that people can still decide about.
    async fn pending(&self, conversation: &ConversationId, intents: &Intents) -> Result<Found, ProposalStoreError>;

    /// All of every conversation that have not come to their end.
    async fn unfinished(&self, intents: &Intents) -> Result<Found, ProposalStoreError>;

    /// Those of a conversation with that code. Codes are short: there can be more than one.
    async fn by_code(
        &self,
        conversation: &ConversationId,
        code: &ProposalCode,
        intents: &Intents,
    ) -> Result<Found, ProposalStoreError>;
}
