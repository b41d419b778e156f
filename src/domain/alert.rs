//! An alert, as a monitoring system tells it: text that may suggest something, and never a person.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::ConversationId;

/// Whether it is still the matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertStatus {
    /// Something is wrong.
    Firing,
    /// It was, and is no more.
    Resolved,
}

impl AlertStatus {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// What a monitoring system says. Every text in it is foreign, and as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The rule that fires: `HighErrorRate`.
    pub name: String,
    /// Whether it does still.
    pub status: AlertStatus,
    /// What it is about, but for its name: `service` is `checkout`.
    pub labels: BTreeMap<String, String>,
    /// One line for people; may be empty.
    pub summary: String,
    /// More for people; may be empty.
    pub description: String,
    /// Since when.
    pub starts_at: Timestamp,
    /// The monitoring system's own name for this alert with these labels.
    pub fingerprint: String,
}

/// Alerts that came together, on their way to a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerted {
    /// Where they are told.
    pub conversation: ConversationId,
    /// What is told.
    pub alerts: Vec<Alert>,
}
