//! A proposal as it is stored: text that is checked again when it is read back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::approval::Approval;
use super::draft::{Draft, Plan, Provenance};
use super::permission::{Target, Verdict};
use super::state::{Proposal, State};
use crate::domain::{
    Actor, Command, CommandError, ConversationId, Digest, ExecutionId, Intents, MessageId, ProposalId,
};

/// The stored form: what a row needs to be found by, and everything else as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredProposal {
    /// The proposal's id.
    pub(crate) id: ProposalId,
    /// Where it stands.
    pub(crate) state: State,
    /// How often it was saved.
    pub(crate) revision: u64,
    /// The rest, JSON.
    pub(crate) body: String,
}

/// Why a stored proposal is none today.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Not the JSON we write.
    #[error("its row cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Its command does not fit the intents of today.
    #[error("its command no longer fits: {0}")]
    Command(#[from] CommandError),
    /// Its content is not what its digest says: its intent's effect is another now, or the row was altered.
    #[error("it is no longer what was shown: expected digest `{expected}`, found `{found}`")]
    Altered {
        /// The digest that was shown, in short.
        expected: String,
        /// The digest of what is there, in short.
        found: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Body {
    execution: ExecutionId,
    conversation: ConversationId,
    message: Option<MessageId>,
    requester: Actor,
    command: serde_json::Value,
    shown: String,
    target: Target,
    plan: Plan,
    #[serde(default)]
    reason: Option<String>,
    provenance: Provenance,
    verdict: Verdict,
    policy: Digest,
    digest: Digest,
    approvals: Vec<Approval>,
    created: Timestamp,
    expires: Timestamp,
}

impl Proposal {
    /// The stored form.
    pub(crate) fn to_stored(&self) -> Result<StoredProposal, serde_json::Error> {
        let draft = self.draft.clone();
        let body = Body {
            execution: draft.execution,
            conversation: draft.conversation,
            message: draft.message,
            requester: draft.requester,
            command: draft.command.to_json(),
            shown: draft.shown,
            target: draft.target,
            plan: draft.plan,
            reason: draft.reason,
            provenance: draft.provenance,
            verdict: self.verdict.clone(),
            policy: self.policy,
            digest: self.digest,
            approvals: self.approvals.clone(),
            created: self.created,
            expires: draft.expires,
        };
        let body = serde_json::to_string(&body)?;
        Ok(StoredProposal { id: draft.id, state: self.state, revision: self.revision, body })
    }

    /// Reads the stored form back: the command must fit today's intents, and the whole must have the digest that was
    /// shown. Yeses to anything else do not count at the moment of running anyway; see `machine`.
    pub(crate) fn restore(stored: StoredProposal, intents: &Intents) -> Result<Self, RestoreError> {
        let body: Body = serde_json::from_str(&stored.body)?;
        let draft = Draft {
            id: stored.id,
            execution: body.execution,
            conversation: body.conversation,
            message: body.message,
            requester: body.requester,
            command: Command::restore(&body.command, intents)?,
            shown: body.shown,
            target: body.target,
            plan: body.plan,
            reason: body.reason,
            provenance: body.provenance,
            expires: body.expires,
        };
        let proposal = Self {
            draft,
            verdict: body.verdict,
            policy: body.policy,
            digest: body.digest,
            state: stored.state,
            approvals: body.approvals,
            created: body.created,
            revision: stored.revision,
        };
        let found = proposal.compute_digest();
        if found != proposal.digest {
            return Err(RestoreError::Altered { expected: proposal.digest.short(), found: found.short() });
        }
        Ok(proposal)
    }
}
