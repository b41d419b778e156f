//! Finding events: by person, intent, target, time, how it ended, and text.

use std::str::FromStr;

use jiff::Timestamp;

use super::{AuditEvent, Fact, Named};
use crate::domain::{Actor, IntentName, OutcomeStatus, typed_words};

/// What to look for; everything that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Who did it: one of these accounts. None: whoever.
    pub by: Vec<Actor>,
    /// Of which intent.
    pub intent: Option<IntentName>,
    /// The command names this service.
    pub service: Option<String>,
    /// The command names this environment.
    pub environment: Option<String>,
    /// The command names this, whatever for.
    pub target: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// What it came to.
    pub ending: Option<Ending>,
    /// Of this proposal.
    pub about: Option<Named>,
    /// Occurs in what was said, the command, or what came back; case does not matter.
    pub text: Option<String>,
    /// Rows before this one: where a page before ended.
    pub before: Option<u64>,
    /// At most so many, the latest.
    pub limit: usize,
}

/// What a proposal came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It ran, and was done.
    Succeeded,
    /// It was not done.
    Failed,
    /// Nobody can say whether it was done.
    Unknown,
    /// The requester took it back, or a person stopped it.
    Cancelled,
    /// Policy denied it.
    Denied,
    /// Somebody said no.
    Rejected,
    /// Time ran out.
    Expired,
}

/// A word that is no ending.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}, found `{found}`", words())]
pub struct UnknownEnding {
    /// The word.
    found: String,
}

fn words() -> String {
    Ending::ALL.map(|ending| format!("`{}`", ending.as_str())).join(", ")
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Succeeded, Self::Failed, Self::Unknown, Self::Cancelled, Self::Denied, Self::Rejected, Self::Expired];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

impl FromStr for Ending {
    type Err = UnknownEnding;
    fn from_str(text: &str) -> Result<Self, UnknownEnding> {
        Self::ALL
            .into_iter()
            .find(|ending| ending.as_str() == text)
            .ok_or_else(|| UnknownEnding { found: text.to_owned() })
    }
}

impl Fact {
    /// What it came to, if this is its end.
    pub fn ending(&self) -> Option<Ending> {
        match self {
            Self::ExecutionEnded { status, .. } => Some(match status {
                OutcomeStatus::Succeeded => Ending::Succeeded,
                OutcomeStatus::Failed => Ending::Failed,
                OutcomeStatus::Unknown => Ending::Unknown,
                OutcomeStatus::Cancelled => Ending::Cancelled,
            }),
            Self::ProposalDenied { .. } => Some(Ending::Denied),
            Self::ProposalRejected => Some(Ending::Rejected),
            Self::ProposalCancelled => Some(Ending::Cancelled),
            Self::ProposalExpired => Some(Ending::Expired),
            Self::ProposalCreated { .. }
            | Self::ProposalConfirmed
            | Self::ProposalApproved
            | Self::OnCallCounted { .. }
            | Self::ProposalEdited
            | Self::ProposalReopened { .. }
            | Self::PressRefused { .. }
            | Self::ReasonGiven { .. }
            | Self::GlassBroken { .. }
            | Self::StopRequested
            | Self::Halted { .. }
            | Self::HaltLifted { .. }
            | Self::HaltRefused
            | Self::ExecutionStarted { .. }
            | Self::RecordPruned { .. } => None,
        }
    }
}

/// The latest 50 events.
impl Default for Search {
    fn default() -> Self {
        Self {
            by: Vec::new(),
            intent: None,
            service: None,
            environment: None,
            target: None,
            since: None,
            until: None,
            ending: None,
            about: None,
            text: None,
            before: None,
            limit: 50,
        }
    }
}

impl Search {
    /// Whether an event is among what is looked for; `before` and `limit` are the store's affair.
    pub fn matches(&self, event: &AuditEvent) -> bool {
        fn given<T>(wanted: &Option<T>, holds: impl Fn(&T) -> bool) -> bool {
            wanted.as_ref().is_none_or(holds)
        }
        (self.by.is_empty() || event.actor.as_ref().is_some_and(|actor| self.by.contains(actor)))
            && given(&self.intent, |intent| event.intent.as_ref() == Some(intent))
            && given(&self.service, |service| names(event, &["service"], service))
            && given(&self.environment, |name| names(event, &["environment", "from", "to"], name))
            && given(&self.target, |target| values(event).iter().any(|(_, found)| found.eq_ignore_ascii_case(target)))
            && given(&self.since, |since| event.at >= *since)
            && given(&self.until, |until| event.at < *until)
            && given(&self.ending, |ending| event.fact.ending() == Some(*ending))
            && given(&self.about, |named| named.matches(event))
            && given(&self.text, |text| {
                let text = text.to_lowercase();
                texts(event).any(|candidate| candidate.to_lowercase().contains(&text))
            })
    }
}

/// Whether the command has the value for one of the parameters.
fn names(event: &AuditEvent, parameters: &[&str], value: &str) -> bool {
    values(event).iter().any(|(name, found)| parameters.contains(&name.as_str()) && found == value)
}

/// The command's parameters and their values.
fn values(event: &AuditEvent) -> Vec<(String, String)> {
    let words = event.command.as_deref().and_then(|command| typed_words(command).ok()).unwrap_or_default();
    words
        .iter()
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The texts of an event that people wrote or read.
fn texts(event: &AuditEvent) -> impl Iterator<Item = &str> {
    let own = match &event.fact {
        Fact::ProposalCreated { said, .. } => said.as_deref(),
        Fact::ProposalDenied { reason }
        | Fact::ProposalReopened { reason }
        | Fact::PressRefused { reason, .. }
        | Fact::ReasonGiven { reason }
        | Fact::GlassBroken { reason } => Some(reason.as_str()),
        Fact::Halted { reason } | Fact::HaltLifted { reason } => reason.as_deref(),
        Fact::ExecutionStarted { runs, .. } => Some(runs.as_str()),
        Fact::ExecutionEnded { summary, .. } => Some(summary.as_str()),
        Fact::OnCallCounted { told } => Some(told.as_str()),
        Fact::ProposalConfirmed
        | Fact::ProposalApproved
        | Fact::ProposalRejected
        | Fact::ProposalCancelled
        | Fact::ProposalEdited
        | Fact::ProposalExpired
        | Fact::StopRequested
        | Fact::HaltRefused
        | Fact::RecordPruned { .. } => None,
    };
    event.command.as_deref().into_iter().chain(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::OutcomeStatus;

    #[test]
    fn every_condition_must_hold() {
        let summary = "Disk of db-1 was full".to_owned();
        let event = AuditEvent {
            actor: Some("console:mira".parse().unwrap()),
            intent: Some("service.restart".parse().unwrap()),
            command: Some(r#"service.restart service=checkout environment="blue green""#.to_owned()),
            at: "2026-11-20T12:00:00Z".parse().unwrap(),
            ..AuditEvent::example(Fact::ExecutionEnded { status: OutcomeStatus::Failed, summary })
        };
        let all = || Search::default();
        for (search, expected) in [
            (all(), true),
            (Search { by: vec!["discord:1".parse().unwrap(), "console:mira".parse().unwrap()], ..all() }, true),
            (Search { by: vec!["console:ada".parse().unwrap()], ..all() }, false),
            (Search { intent: Some("service.restart".parse().unwrap()), ..all() }, true),
            (Search { intent: Some("service.stop".parse().unwrap()), ..all() }, false),
            (Search { service: Some("checkout".to_owned()), ..all() }, true),
            (Search { service: Some("check".to_owned()), ..all() }, false),
            (Search { environment: Some("blue green".to_owned()), ..all() }, true),
            (Search { environment: Some("checkout".to_owned()), ..all() }, false),
            (Search { target: Some("Checkout".to_owned()), ..all() }, true),
            (Search { target: Some("blue green".to_owned()), ..all() }, true),
            (Search { target: Some("check".to_owned()), ..all() }, false),
            (Search { until: Some("2026-11-20T12:00:01Z".parse().unwrap()), ..all() }, true),
            (Search { until: Some("2026-11-20T12:00:00Z".parse().unwrap()), ..all() }, false),
            (Search { ending: Some("failed".parse().unwrap()), ..all() }, true),
            (Search { ending: Some("succeeded".parse().unwrap()), ..all() }, false),
            (Search { ending: Some("denied".parse().unwrap()), ..all() }, false),
            (Search { about: Some("k7qm".parse().unwrap()), ..all() }, false),
            (Search { since: Some("2026-11-20T12:00:00Z".parse().unwrap()), ..all() }, true),
            (Search { since: Some("2026-11-20T12:00:01Z".parse().unwrap()), ..all() }, false),
            (Search { text: Some("disk OF".to_owned()), ..all() }, true),
            (Search { text: Some("SERVICE=checkout".to_owned()), ..all() }, true),
            (Search { text: Some("memory".to_owned()), ..all() }, false),
            (Search { service: Some("checkout".to_owned()), text: Some("memory".to_owned()), ..all() }, false),
        ] {
            assert_eq!(search.matches(&event), expected, "{search:?}");
        }
    }
}
