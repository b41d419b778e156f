//! One fact, in the past tense.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Actor, ConversationId, Digest, ExecutionId, IntentName, MessageId, OutcomeStatus, ProposalId};

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// A message was understood as a command and put before policy.
    ProposalCreated {
        /// The message, if one was said (a press or a runbook step has none of its own).
        message: Option<MessageId>,
        /// What was said, redacted.
        said: Option<String>,
        /// Digest of the model that read it; none for the typed form.
        model: Option<Digest>,
        /// The model's calibrated probability.
        confidence: Option<f64>,
        /// The second-best intent and its probability.
        runner_up: Option<(IntentName, f64)>,
        /// The runbook the step came from, with its revision.
        runbook: Option<(String, Digest)>,
        /// Policy's answer: `allow`, `confirm`, `deny`, and the rule that decided.
        verdict: String,
    },
    /// Policy denied it.
    ProposalDenied {
        /// Why, for people.
        reason: String,
    },
    /// The requester said yes.
    ProposalConfirmed,
    /// An authorised other said yes.
    ProposalApproved,
    /// The yes before this counted because of who was on call.
    OnCallCounted {
        /// Who that was, by which schedule, and when it was asked.
        told: String,
    },
    /// Somebody said no.
    ProposalRejected,
    /// The requester took it back.
    ProposalCancelled,
    /// The command was changed; earlier approvals are void.
    ProposalEdited,
    /// Earlier approvals are void for another reason than an edit: people are asked again.
    ProposalReopened {
        /// Why.
        reason: String,
    },
    /// Time ran out.
    ProposalExpired,
    /// Somebody said why: the requester why it is wanted, another why they decided so.
    ReasonGiven {
        /// In their words, redacted.
        reason: String,
    },
    /// Somebody let it run without the yeses it would need.
    GlassBroken {
        /// Why, in their words, redacted.
        reason: String,
    },
    /// Somebody wants what runs to be stopped.
    StopRequested,
    /// Somebody stopped everything, and nothing runs until it is lifted.
    Halted {
        /// Why, in their words, redacted.
        reason: Option<String>,
    },
    /// Things may run again.
    HaltLifted {
        /// Why, in their words, redacted.
        reason: Option<String>,
    },
    /// Somebody tried to halt, or to lift the halt, and may not.
    HaltRefused,
    /// Somebody pressed who may not, or too late.
    PressRefused {
        /// What was pressed.
        choice: String,
        /// Why it did not count.
        reason: String,
    },
    /// The execution's row was opened; the effect comes after this.
    ExecutionStarted {
        /// Who let it through.
        approvers: Vec<Actor>,
        /// `host`, `docker`.
        integration: String,
        /// The exact call, redacted.
        runs: String,
    },
    /// The execution ended.
    ExecutionEnded {
        /// How.
        status: OutcomeStatus,
        /// In one line.
        summary: String,
    },
    /// The oldest rows of the record were removed, and with them what they told of; the chain begins after them.
    RecordPruned {
        /// The last row that was removed.
        through: u64,
        /// Its hash.
        hash: Digest,
        /// What happened before this moment was old enough.
        before: Timestamp,
    },
}

impl Fact {
    /// The word for [`Fact::RecordPruned`] in the store.
    pub(super) const RECORD_PRUNED: &str = "record_pruned";
}

/// A fact with its circumstances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// Who; none when the clock or a restart did it.
    pub actor: Option<Actor>,
    /// Where.
    pub conversation: Option<ConversationId>,
    /// The proposal it belongs to.
    pub proposal: Option<ProposalId>,
    /// The execution it belongs to.
    pub execution: Option<ExecutionId>,
    /// The intent.
    pub intent: Option<IntentName>,
    /// The typed form of the command, redacted.
    pub command: Option<String>,
    /// The proposal's digest.
    pub digest: Option<Digest>,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

#[cfg(test)]
impl AuditEvent {
    /// A fact with no circumstances, for tests.
    pub(crate) fn example(fact: Fact) -> Self {
        Self {
            at: Timestamp::UNIX_EPOCH,
            actor: None,
            conversation: None,
            proposal: None,
            execution: None,
            intent: None,
            command: None,
            digest: None,
            fact,
        }
    }
}
