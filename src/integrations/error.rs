//! Why something could not be planned, and why it could not be done. Texts that came from a system are redacted before
//! they get here.

use std::time::Duration;

use crate::domain::{Effect, IntentName, OutcomeStatus};

use super::request::RequestError;

/// Why a command cannot be carried out, known before anything was done.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No enabled integration can do it.
    #[error("no enabled integration carries out `{intent}`{}", who_could(.could))]
    NotImplemented {
        /// The intent.
        intent: IntentName,
        /// Systems that could, each with what it takes: "`docker`: it is not enabled".
        could: Vec<String>,
    },
    /// Several can, and nothing says which.
    #[error("several integrations carry out `{intent}`: {}; say which in `[bindings]`", quoted(.candidates))]
    Ambiguous {
        /// The intent.
        intent: IntentName,
        /// Their names.
        candidates: Vec<String>,
    },
    /// The configuration names one that cannot be used.
    #[error("`[bindings]` gives this to `{integration}`, which {reason}")]
    Bound {
        /// Its name.
        integration: String,
        /// Why it cannot.
        reason: String,
    },
    /// Credentials are given to roles, and the person has none of them.
    #[error("`{integration}` acts with the credentials of whoever asks, and you have none of these roles: {}", quoted(.roles))]
    NoCredentials {
        /// The integration.
        integration: String,
        /// The roles that have credentials.
        roles: Vec<String>,
    },
    /// An argument holds what must not be stored or shown.
    #[error(
        "an argument looks like a password or a token; what is asked for is kept and shown, so leave it out: the \
             system's own credentials belong in the configuration"
    )]
    HoldsSecret,
    /// An argument is outside of what the integrations can take.
    #[error("{}", .reasons.join("; "))]
    Unsuitable {
        /// One reason for each integration that could otherwise do it.
        reasons: Vec<String>,
    },
    /// The request could not be filled in.
    #[error("`{integration}` cannot carry this out: {source}")]
    Request {
        /// The integration.
        integration: String,
        /// Why.
        source: RequestError,
    },
    /// What the command is about could not be looked up.
    #[error(transparent)]
    Lookup(#[from] ActionError),
    /// The look-up found nothing.
    #[error("{said}")]
    NotFound {
        /// In a sentence.
        said: String,
    },
    /// The look-up found several where one is needed.
    #[error("`{integration}` has several that match: {}; say which", quoted(.found))]
    SeveralFound {
        /// The integration.
        integration: String,
        /// What was found.
        found: Vec<String>,
    },
    /// A list that does not end, so that nobody knows whether what was found is all.
    #[error("`{integration}` lists more than the {read} that are searched; say more exactly what is meant")]
    TooManyToSearch {
        /// The integration.
        integration: String,
        /// How many were read.
        read: usize,
    },
}

fn who_could(could: &[String]) -> String {
    if could.is_empty() { String::new() } else { format!("; {}", could.join("; ")) }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn last_seen(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("; seen last: {said}") }
}

/// Why an action did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// Nothing reached the system.
    #[error("`{integration}` cannot be reached: {reason}")]
    NotSent {
        /// The integration.
        integration: String,
        /// Why.
        reason: String,
    },
    /// It was sent; no answer came in time.
    #[error("`{integration}` gave no answer within {} s", .limit.as_secs_f64())]
    TimedOut {
        /// The integration.
        integration: String,
        /// The limit.
        limit: Duration,
    },
    /// It was sent; the answer broke off.
    #[error("`{integration}` broke off: {reason}")]
    Cut {
        /// The integration.
        integration: String,
        /// Why.
        reason: String,
    },
    /// The system said no.
    #[error("`{integration}` {said}")]
    Refused {
        /// The integration.
        integration: String,
        /// What it said, beginning with a verb.
        said: String,
    },
    /// The system asks to come again.
    #[error("`{integration}` {said}")]
    Busy {
        /// The integration.
        integration: String,
        /// What it said, beginning with a verb.
        said: String,
    },
    /// The system answered what nobody understands.
    #[error("`{integration}` answered in an unexpected form: {reason}")]
    Unreadable {
        /// The integration.
        integration: String,
        /// What was expected.
        reason: String,
    },
    /// It was sent and taken, and what was to come of it did not show in time.
    #[error("`{integration}` does not show it as done after {} s{}", .limit.as_secs_f64(), last_seen(.said))]
    NotYet {
        /// The integration.
        integration: String,
        /// How long was waited.
        limit: Duration,
        /// What was seen last; empty if there is nothing to say.
        said: String,
    },
    /// It was stopped before anything was sent.
    #[error("stopped before anything was done")]
    Stopped,
    /// It was stopped while it ran.
    #[error("stopped while `{integration}` was at it")]
    Interrupted {
        /// The integration.
        integration: String,
    },
    /// The request could not be filled in.
    #[error("`{integration}` cannot carry this out: {source}")]
    Request {
        /// The integration.
        integration: String,
        /// Why.
        source: RequestError,
    },
}

impl ActionError {
    /// What became of an attempt that ended so. A read has no effect that could be in doubt; a change that was sent and
    /// not answered is unknown, never failed.
    pub fn status(&self, effect: Effect) -> OutcomeStatus {
        match (self, effect) {
            (Self::Stopped, _) | (Self::Interrupted { .. }, Effect::Read) => OutcomeStatus::Cancelled,
            (Self::NotSent { .. } | Self::Refused { .. } | Self::Busy { .. } | Self::Request { .. }, _)
            | (
                Self::TimedOut { .. } | Self::Cut { .. } | Self::Unreadable { .. } | Self::NotYet { .. },
                Effect::Read,
            ) => OutcomeStatus::Failed,
            (
                Self::TimedOut { .. }
                | Self::Cut { .. }
                | Self::Unreadable { .. }
                | Self::NotYet { .. }
                | Self::Interrupted { .. },
                Effect::Change | Effect::Destructive,
            ) => OutcomeStatus::Unknown,
        }
    }

    /// Whether trying again may help, for what may be done twice.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::NotSent { .. } | Self::TimedOut { .. } | Self::Cut { .. } | Self::Busy { .. })
    }
}
