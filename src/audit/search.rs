//! Finding events: by person, intent, service, environment, time and text.

use jiff::Timestamp;

use super::{AuditEvent, Fact};
use crate::domain::{Actor, IntentName, typed_words};

/// What to look for; everything that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Who did it.
    pub actor: Option<Actor>,
    /// Of which intent.
    pub intent: Option<IntentName>,
    /// The command names this service.
    pub service: Option<String>,
    /// The command names this environment.
    pub environment: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Occurs in what was said, the command, or what came back; case does not matter.
    pub text: Option<String>,
    /// At most so many, the latest.
    pub limit: usize,
}

/// The latest 50 events.
impl Default for Search {
    fn default() -> Self {
        Self { actor: None, intent: None, service: None, environment: None, since: None, text: None, limit: 50 }
    }
}

impl Search {
    /// Whether an event is among what is looked for.
    pub fn matches(&self, event: &AuditEvent) -> bool {
        fn given<T>(wanted: &Option<T>, holds: impl Fn(&T) -> bool) -> bool {
            wanted.as_ref().is_none_or(holds)
        }
        given(&self.actor, |actor| event.actor.as_ref() == Some(actor))
            && given(&self.intent, |intent| event.intent.as_ref() == Some(intent))
            && given(&self.service, |service| names(event, &["service"], service))
            && given(&self.environment, |name| names(event, &["environment", "from", "to"], name))
            && given(&self.since, |since| event.at >= *since)
            && given(&self.text, |text| {
                let text = text.to_lowercase();
                texts(event).any(|candidate| candidate.to_lowercase().contains(&text))
            })
    }
}

/// Whether the command has the value for one of the parameters.
fn names(event: &AuditEvent, parameters: &[&str], value: &str) -> bool {
    let words = event.command.as_deref().and_then(|command| typed_words(command).ok()).unwrap_or_default();
    words
        .iter()
        .filter_map(|word| word.split_once('='))
        .any(|(name, found)| parameters.contains(&name) && found == value)
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
        Fact::ProposalConfirmed
        | Fact::ProposalApproved
        | Fact::ProposalRejected
        | Fact::ProposalCancelled
        | Fact::ProposalEdited
        | Fact::ProposalExpired
        | Fact::StopRequested
        | Fact::HaltRefused => None,
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
            (Search { actor: Some("console:mira".parse().unwrap()), ..all() }, true),
            (Search { actor: Some("console:ada".parse().unwrap()), ..all() }, false),
            (Search { intent: Some("service.restart".parse().unwrap()), ..all() }, true),
            (Search { intent: Some("service.stop".parse().unwrap()), ..all() }, false),
            (Search { service: Some("checkout".to_owned()), ..all() }, true),
            (Search { service: Some("check".to_owned()), ..all() }, false),
            (Search { environment: Some("blue green".to_owned()), ..all() }, true),
            (Search { environment: Some("checkout".to_owned()), ..all() }, false),
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
