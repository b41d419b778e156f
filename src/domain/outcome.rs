//! What became of an attempt to act.

use serde::{Deserialize, Serialize};

/// How an execution ended. `Unknown` is a fact of its own: it never counts as success, and is never run again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeStatus {
    /// The system said it did it.
    Succeeded,
    /// The system refused, could not be reached before anything was sent, or reported an error.
    Failed,
    /// It was sent, and nobody can say whether it took effect: cut off, timed out, interrupted.
    Unknown,
    /// A person stopped it.
    Cancelled,
}

impl OutcomeStatus {
    /// The word used in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The typed result of an execution. Both texts are already redacted and sanitised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub status: OutcomeStatus,
    /// One line for people: what happened, or why not.
    pub summary: String,
    /// What the system answered, rendered by the action's `reply`; capped, and says so where it was.
    pub output: Option<String>,
}
