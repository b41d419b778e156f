//! A command as it comes before policy: who asked for what, what exactly would run, and how it was understood.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::permission::Target;
use crate::domain::{Actor, Command, ConversationId, Digest, ExecutionId, IntentName, MessageId, ProposalId};

/// What would run, as the integration planned it. Both texts are already redacted and sanitised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The integration and the exact call: `systemctl restart -- nginx`.
    pub runs: String,
    /// What the preview read, if the action has one.
    pub preview: Option<String>,
    /// What of it must still be so when it runs, by name: `replicas`, `3`.
    #[serde(default)]
    pub facts: Facts,
    /// The typed form of the command that takes it back, if there is one.
    #[serde(default)]
    pub undo: Option<String>,
    /// The system that a person chose, where several could do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Digest of the action's definition and the exact call.
    pub digest: Digest,
}

impl Plan {
    /// The plan of what could not be planned: it is no other's, and nothing runs by it.
    pub fn nothing() -> Self {
        Self {
            runs: String::new(),
            preview: None,
            facts: Facts::new(),
            undo: None,
            system: None,
            digest: Digest::of([]),
        }
    }
}

/// What a preview found, by name.
pub type Facts = BTreeMap<String, String>;

/// How a command came about. Texts are already redacted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// What was said.
    pub said: Option<String>,
    /// Digest of the model that read it; none for the typed form.
    pub model: Option<Digest>,
    /// The model's calibrated probability.
    pub confidence: Option<f64>,
    /// The second-best intent and its probability.
    pub runner_up: Option<(IntentName, f64)>,
    /// The runbook the step came from, with its revision.
    pub runbook: Option<(String, Digest)>,
}

/// A command that is to be put before policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Fresh and random.
    pub id: ProposalId,
    /// Fresh and random: the id of the one execution there can be.
    pub execution: ExecutionId,
    /// Where it was asked for.
    pub conversation: ConversationId,
    /// The message, if one was said.
    pub message: Option<MessageId>,
    /// Who asked.
    pub requester: Actor,
    /// What was asked for.
    pub command: Command,
    /// The typed form as people and the audit trail see it: redacted.
    pub shown: String,
    /// What it acts upon.
    pub target: Target,
    /// What would run.
    pub plan: Plan,
    /// Why it is wanted, in the requester's words; redacted.
    pub reason: Option<String>,
    /// How it came about.
    pub provenance: Provenance,
    /// Until when it can be decided.
    pub expires: Timestamp,
}

/// Another command in the place of the one that was proposed.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// What is asked for now.
    pub command: Command,
    /// The typed form, redacted.
    pub shown: String,
    /// What it acts upon.
    pub target: Target,
    /// What would run.
    pub plan: Plan,
    /// Until when it can be decided.
    pub expires: Timestamp,
}
