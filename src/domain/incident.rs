//! Incidents of our own, for teams without a system that keeps them, and what keeps them.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Actor, ExecutionId};

/// What an incident is called: `INC-7`. Numbers begin with 1, follow one another, and are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentKey(i64);

/// A text that is no incident's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid incident `{0}`, expected one such as `INC-7`")]
pub struct IncidentKeyError(String);

impl IncidentKey {
    /// The key with that number, if it is one.
    pub fn new(number: i64) -> Result<Self, IncidentKeyError> {
        if number > 0 { Ok(Self(number)) } else { Err(IncidentKeyError(number.to_string())) }
    }

    /// The number in it.
    pub fn number(self) -> i64 {
        self.0
    }
}

impl FromStr for IncidentKey {
    type Err = IncidentKeyError;

    fn from_str(text: &str) -> Result<Self, IncidentKeyError> {
        let bad = || IncidentKeyError(text.to_owned());
        let (word, number) = text.split_once('-').ok_or_else(bad)?;
        let plain = word.eq_ignore_ascii_case("INC") && number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse().ok().filter(|_| plain).and_then(|number| Self::new(number).ok()).ok_or_else(bad)
    }
}

impl fmt::Display for IncidentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INC-{}", self.0)
    }
}

/// Who did something to an incident, when, and by which execution: what comes twice by the same one is done once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Who asked for it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The attempt.
    pub execution: ExecutionId,
}

/// What is said of an incident when it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncident {
    /// What it is called.
    pub title: String,
    /// How bad it is, in the words of the intent: `sev1`, which is worse than `sev2`.
    pub severity: Option<String>,
    /// What it is about.
    pub service: Option<String>,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its key.
    pub key: IncidentKey,
    /// What was said of it when it was opened.
    pub about: NewIncident,
    /// Who opened it, and when.
    pub opened: Stamp,
    /// Who resolved it, and when; none while it is open.
    pub resolved: Option<Stamp>,
    /// How many updates there are.
    pub updates: u64,
    /// The latest of them.
    pub latest: Option<IncidentUpdate>,
}

/// What somebody said about an incident later on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentUpdate {
    /// Who, and when.
    pub stamp: Stamp,
    /// What.
    pub text: String,
}

/// Whether an incident goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentState {
    /// It does.
    Open,
    /// It is over.
    Resolved,
}

/// Why something was not done to an incident, or an incident not found. Each is the end of a sentence.
#[derive(Debug, thiserror::Error)]
pub enum IncidentError {
    /// There is none of that key.
    #[error("has no `{0}`; `incident.list` shows what is open")]
    Unknown(IncidentKey),
    /// It is over.
    #[error("has `{key}` as resolved, by {} at {}", .by.by, .by.at.strftime("%Y-%m-%d %H:%M UTC"))]
    Resolved {
        /// The incident.
        key: IncidentKey,
        /// Who resolved it, and when.
        by: Box<Stamp>,
    },
    /// What keeps them failed. Whether something was written is not known.
    #[error("cannot keep its incidents: {reason}")]
    Failed {
        /// Why.
        reason: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What keeps incidents. Whatever is written by an execution is written once, however often it comes.
#[async_trait]
pub trait IncidentLog: Send + Sync {
    /// Opens one, and says which.
    async fn open_incident(&self, about: &NewIncident, stamp: &Stamp) -> Result<IncidentKey, IncidentError>;

    /// Adds an update to one that is open.
    async fn update_incident(&self, key: IncidentKey, update: &IncidentUpdate) -> Result<(), IncidentError>;

    /// Resolves one that is open.
    async fn resolve_incident(&self, key: IncidentKey, stamp: &Stamp) -> Result<(), IncidentError>;

    /// The one of that key.
    async fn incident(&self, key: IncidentKey) -> Result<Incident, IncidentError>;

    /// Those in a state, and of a severity if one is named; at most so many. Of those that are open the worst first, and the
    /// oldest among equals; of those that are resolved the latest first.
    async fn incidents(
        &self,
        state: IncidentState,
        severity: Option<&str>,
        most: u32,
    ) -> Result<Vec<Incident>, IncidentError>;
}

impl Incident {
    /// It, if it is open.
    pub fn still_open(self) -> Result<Self, IncidentError> {
        match self.resolved {
            Some(by) => Err(IncidentError::Resolved { key: self.key, by: Box::new(by) }),
            None => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_word_and_a_number() {
        for (text, key) in [("INC-7", "INC-7"), ("inc-42", "INC-42"), ("Inc-007", "INC-7")] {
            assert_eq!(text.parse::<IncidentKey>().unwrap().to_string(), key);
        }
        for text in ["INC-0", "INC-", "INC--1", "INC-+1", "OPS-7", "7", "INC-99999999999999999999", "INC-7 "] {
            let said = format!("invalid incident `{text}`, expected one such as `INC-7`");
            assert_eq!(text.parse::<IncidentKey>().unwrap_err().to_string(), said);
        }
    }
}
