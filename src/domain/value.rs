//! Typed values. A value exists only in its canonical form, checked against the closed character set of its type.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest value, in bytes; free text of a ticket fits, a pasted log does not.
const MAX_VALUE_BYTES: usize = 4_096;
/// The longest name of an entity, in characters.
const MAX_NAME_CHARS: usize = 128;

/// The kinds of things that have names of their own in an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // Each variant is the word itself; `catalogue.md` names them.
pub enum EntityType {
    Service,
    Environment,
    Host,
    Team,
    Person,
    Repository,
    Pipeline,
    Database,
    Dashboard,
    Playbook,
    Workspace,
    Component,
    Flag,
    Alert,
}

impl EntityType {
    /// All of them, in the catalogue's order.
    pub const ALL: [Self; 14] = [
        Self::Service,
        Self::Environment,
        Self::Host,
        Self::Team,
        Self::Person,
        Self::Repository,
        Self::Pipeline,
        Self::Database,
        Self::Dashboard,
        Self::Playbook,
        Self::Workspace,
        Self::Component,
        Self::Flag,
        Self::Alert,
    ];

    /// The word used in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Environment => "environment",
            Self::Host => "host",
            Self::Team => "team",
            Self::Person => "person",
            Self::Repository => "repository",
            Self::Pipeline => "pipeline",
            Self::Database => "database",
            Self::Dashboard => "dashboard",
            Self::Playbook => "playbook",
            Self::Workspace => "workspace",
            Self::Component => "component",
            Self::Flag => "flag",
            Self::Alert => "alert",
        }
    }
}

impl fmt::Display for EntityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The type of a parameter's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueType {
    /// A thing with a name of its own; see `[entities.<type>]` in `sayso.toml`.
    Entity(EntityType),
    /// A whole number, zero or more.
    Integer,
    /// 0 to 100, without the sign.
    Percentage,
    /// `true` or `false`.
    Boolean,
    /// ISO 8601: `PT2H`.
    Duration,
    /// RFC 3339.
    DateTime,
    /// `1.4.2`, `v2.0.0-rc1`, `a1b2c3d`, `latest`.
    Version,
    /// Free text.
    Text,
    /// A name that no list knows: a secret, a branch, a container.
    Name,
    /// A domain name.
    Domain,
    /// An absolute file path.
    Path,
    /// `OPS-42` or `#42`.
    Ticket,
    /// `INC-7`.
    Incident,
    /// An intent's name.
    Intent,
    /// One of the words that the parameter lists.
    Enum,
}

impl ValueType {
    /// Every type, as a file may name it.
    pub fn all() -> impl Iterator<Item = Self> {
        let plain = [
            Self::Integer,
            Self::Percentage,
            Self::Boolean,
            Self::Duration,
            Self::DateTime,
            Self::Version,
            Self::Text,
            Self::Name,
            Self::Domain,
            Self::Path,
            Self::Ticket,
            Self::Incident,
            Self::Intent,
            Self::Enum,
        ];
        EntityType::ALL.into_iter().map(Self::Entity).chain(plain)
    }

    /// The word used in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entity(entity) => entity.as_str(),
            Self::Integer => "integer",
            Self::Percentage => "percentage",
            Self::Boolean => "boolean",
            Self::Duration => "duration",
            Self::DateTime => "date-time",
            Self::Version => "version",
            Self::Text => "text",
            Self::Name => "name",
            Self::Domain => "domain",
            Self::Path => "path",
            Self::Ticket => "ticket",
            Self::Incident => "incident",
            Self::Intent => "intent",
            Self::Enum => "enum",
        }
    }

    /// Reads a value of this type and brings it into its canonical form.
    pub fn parse(self, text: &str) -> Result<Value, ValueError> {
        let invalid = |expected: &'static str| ValueError::Invalid { expected, found: text.to_owned() };
        if text.trim().is_empty() {
            return Err(ValueError::Empty);
        }
        if text.len() > MAX_VALUE_BYTES {
            return Err(ValueError::TooLong { bytes: text.len() });
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(invalid("text without control characters"));
        }
        let canonical = match self {
            Self::Text => text.trim().to_owned(),
            Self::Entity(_) | Self::Name => {
                let name = text.trim();
                let fits = name.chars().count() <= MAX_NAME_CHARS
                    && name.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '@' || c == '/')
                    && name.chars().all(|c| c.is_alphanumeric() || "._/@:+- '#".contains(c));
                if !fits {
                    return Err(invalid("a name of letters, digits and `._/@:+-`, not starting with `-`"));
                }
                name.to_owned()
            }
            Self::Integer => text.trim().parse::<u32>().map_err(|_| invalid("a whole number"))?.to_string(),
            Self::Percentage => {
                let number = text.trim().trim_end_matches('%').trim_end();
                let percent: f64 = number.parse().map_err(|_| invalid("a percentage from 0 to 100"))?;
                if !(0.0..=100.0).contains(&percent) {
                    return Err(invalid("a percentage from 0 to 100"));
                }
                // Zero has no sign.
                (percent + 0.0).to_string()
            }
            Self::Boolean => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => "true".to_owned(),
                "false" | "no" | "off" => "false".to_owned(),
                _ => return Err(invalid("`true` or `false`")),
            },
            Self::Duration => {
                let duration =
                    parse_duration(text.trim()).ok_or_else(|| invalid("an ISO 8601 duration such as `PT2H`"))?;
                print_duration(duration)
            }
            Self::DateTime => {
                let time: Timestamp = text.trim().parse().map_err(|_| invalid("an RFC 3339 time"))?;
                time.to_string()
            }
            Self::Version => {
                let version = text.trim();
                let fits = version.len() <= MAX_NAME_CHARS
                    && version.starts_with(|c: char| c.is_ascii_alphanumeric())
                    && version.chars().all(|c| c.is_ascii_alphanumeric() || "._+-/".contains(c));
                if !fits {
                    return Err(invalid("a version such as `1.4.2`"));
                }
                version.to_owned()
            }
            Self::Domain => {
                let domain = text.trim().trim_end_matches('.').to_ascii_lowercase();
                let label = |part: &str| {
                    !part.is_empty()
                        && part.len() <= 63
                        && !part.starts_with('-')
                        && !part.ends_with('-')
                        && part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
                };
                if domain.len() > 253 || !domain.split('.').all(label) {
                    return Err(invalid("a domain name such as `example.com`"));
                }
                domain
            }
            Self::Path => {
                let path = text.trim();
                if !path.starts_with('/') || path.contains(['\n', '\t']) {
                    return Err(invalid("an absolute path such as `/var/log`"));
                }
                path.to_owned()
            }
            Self::Ticket => key(text, true).ok_or_else(|| invalid("a ticket such as `OPS-42` or `#42`"))?,
            Self::Incident => key(text, false).ok_or_else(|| invalid("an incident such as `INC-7`"))?,
            Self::Intent => super::IntentName::from_str(text.trim())
                .map_err(|_| invalid("an intent such as `service.restart`"))?
                .into(),
            Self::Enum => text.trim().to_lowercase(),
        };
        Ok(Value { value_type: self, text: canonical })
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ValueType {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::all()
            .find(|value_type| value_type.as_str() == text)
            .ok_or_else(|| ValueError::UnknownType(text.to_owned()))
    }
}

/// Why a text is no value of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing but white space.
    #[error("expected a value, found nothing")]
    Empty,
    /// More than a value can hold.
    #[error("expected at most {MAX_VALUE_BYTES} bytes, found {bytes}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not of the type's form.
    #[error("expected {expected}, found `{found}`")]
    Invalid {
        /// The form.
        expected: &'static str,
        /// The text.
        found: String,
    },
    /// None of an enumeration's values.
    #[error("expected one of {}, found `{found}`", .expected.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", "))]
    NotOneOf {
        /// The enumeration.
        expected: Vec<String>,
        /// The text.
        found: String,
    },
    /// No type has the name.
    #[error("unknown type `{0}`")]
    UnknownType(String),
}

/// A canonical value of a type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    value_type: ValueType,
    text: String,
}

impl Value {
    /// Its type.
    pub fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A duration's length.
    pub fn as_duration(&self) -> Option<SignedDuration> {
        (self.value_type == ValueType::Duration).then(|| parse_duration(&self.text)).flatten()
    }

    /// The value as JSON: numbers and booleans as such, a duration and everything else as text.
    pub fn to_json(&self) -> serde_json::Value {
        match self.value_type {
            // A whole percentage is a whole number: `7` is not sent as `7.0`.
            ValueType::Integer | ValueType::Percentage => match (self.text.parse::<u64>(), self.text.parse::<f64>()) {
                (Ok(whole), _) => whole.into(),
                (_, Ok(number)) => number.into(),
                _ => self.text.clone().into(),
            },
            ValueType::Boolean => (self.text == "true").into(),
            _ => self.text.clone().into(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Values are written as their text; they are read back through their parameter's type only.
impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// `OPS-42` in upper case; with `bare`, also `#42`.
fn key(text: &str, bare: bool) -> Option<String> {
    let text = text.trim();
    // Znuny's numbers begin with the date, and have sixteen.
    let digits = |part: &str| !part.is_empty() && part.len() <= 20 && part.bytes().all(|b| b.is_ascii_digit());
    if let Some(number) = text.strip_prefix('#') {
        return (bare && digits(number)).then(|| text.to_owned());
    }
    let (project, number) = text.rsplit_once('-')?;
    let project_fits = project.starts_with(|c: char| c.is_ascii_alphabetic())
        && project.len() <= 16
        && project.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (project_fits && digits(number)).then(|| format!("{}-{number}", project.to_ascii_uppercase()))
}

/// An ISO 8601 duration of weeks, days, hours, minutes and whole seconds; a day is 24 hours.
fn parse_duration(text: &str) -> Option<SignedDuration> {
    if !text.starts_with(['P', 'p']) {
        return None;
    }
    let span: jiff::Span = text.parse().ok()?;
    let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    (duration > SignedDuration::ZERO && duration.subsec_nanos() == 0).then_some(duration)
}

/// Whole days as `P2D`, everything else in hours, minutes and seconds.
fn print_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    if seconds % 86_400 == 0 && seconds > 0 {
        return format!("P{}D", seconds / 86_400);
    }
    let mut text = "PT".to_owned();
    for (unit, letter) in [(3_600, 'H'), (60, 'M'), (1, 'S')] {
        let count = match unit {
            3_600 => seconds / 3_600,
            60 => seconds % 3_600 / 60,
            _ => seconds % 60,
        };
        if count > 0 {
            text.push_str(&format!("{count}{letter}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_form() {
        for (given, canonical) in [
            ("PT90M", "PT1H30M"),
            ("P1D", "P1D"),
            ("PT24H", "P1D"),
            ("P2W", "P14D"),
            ("PT7200S", "PT2H"),
            ("pt30m", "PT30M"),
        ] {
            assert_eq!(ValueType::Duration.parse(given).unwrap().as_str(), canonical);
        }
        for bad in ["", "P", "2h", "-PT1H", "PT0S", "PT0.5S", "PT1.5S", "P1M", "P1Y"] {
            assert!(ValueType::Duration.parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_upper_case() {
        assert_eq!(ValueType::Ticket.parse("ops-42").unwrap().as_str(), "OPS-42");
        assert_eq!(ValueType::Ticket.parse("#42").unwrap().as_str(), "#42");
        assert!(ValueType::Incident.parse("#42").is_err());
        assert!(ValueType::Ticket.parse("42").is_err());
    }

    #[test]
    fn no_name_can_become_an_option() {
        for value_type in [ValueType::Name, ValueType::Version, ValueType::Domain, ValueType::Entity(EntityType::Host)]
        {
            for hostile in ["-rf", "--all", "-", "a\nb", "a;b", "$(id)", "`id`", "a|b", "\u{1b}[31mred"] {
                assert!(value_type.parse(hostile).is_err(), "{value_type} took {hostile:?}");
            }
        }
    }
}
