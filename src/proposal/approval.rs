//! The key that opens the executor: a command that policy or people have let through.
//!
//! The fields are private and the constructor is visible to `proposal` alone, so that no other room can mint one.

use jiff::Timestamp;

use super::draft::Draft;
use super::state::Proposal;
use crate::domain::{Actor, ConversationId, Digest, ExecutionId, ProposalId};

/// Who let something run, and how.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Approval {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// Where: what may be said yes to can depend on it, and is asked again before anything runs.
    pub conversation: ConversationId,
    /// The digest that was shown to them.
    pub digest: Digest,
    /// Why they broke the glass, if they did: let it run without the yeses that it would need.
    #[serde(default)]
    pub broken_glass: Option<String>,
}

/// Something that may run, exactly once, as it was shown. Not `Clone`: one approval, one execution.
#[derive(Debug)]
pub struct Approved<T> {
    subject: T,
    proposal: ProposalId,
    execution: ExecutionId,
    requester: Actor,
    conversation: ConversationId,
    approvals: Vec<Approval>,
    plan: Digest,
    digest: Digest,
}

impl<T> Approved<T> {
    /// Only the state machine calls this, in the step that moves a proposal to `executing`.
    pub(super) fn mint(subject: T, proposal: &Proposal) -> Self {
        let Draft { id, execution, requester, conversation, plan, .. } = &proposal.draft;
        Self {
            subject,
            proposal: *id,
            execution: *execution,
            requester: requester.clone(),
            conversation: conversation.clone(),
            approvals: proposal.approvals.clone(),
            plan: plan.digest,
            digest: proposal.digest,
        }
    }

    /// What may run.
    pub fn subject(&self) -> &T {
        &self.subject
    }

    /// The proposal it comes from; also the idempotency key.
    pub fn proposal(&self) -> ProposalId {
        self.proposal
    }

    /// The id under which the attempt is recorded.
    pub fn execution(&self) -> ExecutionId {
        self.execution
    }

    /// Who asked.
    pub fn requester(&self) -> &Actor {
        &self.requester
    }

    /// Where it was asked for.
    pub fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// Who let it through; empty for a read that policy lets run at once.
    pub fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// The digest of the plan: the action's definition and the exact call. The executor plans again and compares.
    pub fn plan(&self) -> Digest {
        self.plan
    }

    /// The proposal's digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}
