//! A proposal: a draft, policy's verdict, and where it stands. Only the machine moves it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::approval::Approval;
use super::draft::Draft;
use super::permission::{Needs, Verdict, WhoMay};
use crate::domain::{Actor, ChoiceKind, Command, ConversationId, Digest, OutcomeStatus, ProposalCode, ProposalId};

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// People are asked.
    Pending,
    /// Enough of them said yes; it has not begun.
    Approved,
    /// It was handed to the executor.
    Executing,
    /// The system said it did it.
    Succeeded,
    /// It was not done.
    Failed,
    /// Nobody can say whether it was done.
    Unknown,
    /// Policy denied it.
    Denied,
    /// A person said no.
    Rejected,
    /// The requester took it back, or a person stopped it.
    Cancelled,
    /// Time ran out.
    Expired,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Approved,
        Self::Executing,
        Self::Succeeded,
        Self::Failed,
        Self::Unknown,
        Self::Denied,
        Self::Rejected,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Executing => "executing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Denied => "denied",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Nothing can happen to it any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Approved | Self::Executing)
    }
}

/// How an execution ended is where its proposal stands.
impl From<OutcomeStatus> for State {
    fn from(status: OutcomeStatus) -> Self {
        match status {
            OutcomeStatus::Succeeded => Self::Succeeded,
            OutcomeStatus::Failed => Self::Failed,
            OutcomeStatus::Unknown => Self::Unknown,
            OutcomeStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown state `{0}`")]
pub struct UnknownState(String);

impl FromStr for State {
    type Err = UnknownState;
    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// A command put before people, with everything that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    pub(super) draft: Draft,
    pub(super) verdict: Verdict,
    /// The version of the policy that gave the verdict.
    pub(super) policy: Digest,
    pub(super) digest: Digest,
    pub(super) state: State,
    pub(super) approvals: Vec<Approval>,
    pub(super) created: Timestamp,
    /// Counts the saves, so that of two steps from the same state only one can be saved.
    pub(super) revision: u64,
}

impl Proposal {
    /// What was put before policy, as it stands after edits.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Its id.
    pub fn id(&self) -> ProposalId {
        self.draft.id
    }

    /// Its short code.
    pub fn code(&self) -> ProposalCode {
        self.draft.id.code()
    }

    /// Where it was asked for.
    pub fn conversation(&self) -> &ConversationId {
        &self.draft.conversation
    }

    /// Who asked.
    pub fn requester(&self) -> &Actor {
        &self.draft.requester
    }

    /// What was asked for.
    pub fn command(&self) -> &Command {
        &self.draft.command
    }

    /// Policy's answer.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Who has said yes to it as it is now.
    pub fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// When it was put before people.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// Until when it can be decided, and must have begun.
    pub fn expires(&self) -> Timestamp {
        self.draft.expires
    }

    /// How often it was saved; see [`super::ProposalStore::save`].
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What an approval is bound to: exactly what was asked for, by whom, what it acts upon and does, what would run,
    /// the runbook's revision and the policy. A card shows one digest, and a press on it carries that digest back.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What can be chosen on its card now, in order.
    pub fn choices(&self) -> &'static [ChoiceKind] {
        match (self.state, &self.verdict) {
            (State::Pending, Verdict::Confirm { by: WhoMay::Another, .. }) => {
                &[ChoiceKind::Approve, ChoiceKind::Reject, ChoiceKind::Cancel]
            }
            (State::Pending, Verdict::Confirm { needs: Needs { held: Some(_), .. }, .. }) => {
                &[ChoiceKind::Confirm, ChoiceKind::Approve, ChoiceKind::Reject, ChoiceKind::Cancel]
            }
            (State::Pending, _) => &[ChoiceKind::Confirm, ChoiceKind::Cancel],
            (State::Approved | State::Executing, _) => &[ChoiceKind::Cancel],
            _ => &[],
        }
    }

    /// The digest of what the proposal is now.
    pub(super) fn compute_digest(&self) -> Digest {
        let draft = &self.draft;
        let runbook = draft.provenance.runbook.as_ref().map(|(name, revision)| format!("{name}@{revision}"));
        let parts = [
            draft.id.to_string(),
            draft.requester.to_string(),
            draft.command.to_string(),
            draft.command.effect().to_string(),
            draft.target.name.clone(),
            draft.target.local.to_string(),
            draft.target.production.to_string(),
            draft.plan.digest.to_string(),
            serde_json::to_string(&draft.plan.facts).unwrap_or_default(), // Maps of strings always serialise.
            draft.reason.clone().unwrap_or_default(),
            runbook.unwrap_or_default(),
            self.policy.to_string(),
        ];
        Digest::of(parts.iter().map(String::as_bytes))
    }
}
