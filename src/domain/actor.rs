//! Who does something: a person by the platform's immutable id, never by a display name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Memberships;

/// A person on a chat platform: `discord:80351110224678912`, `console:alice`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Actor {
    platform: String,
    id: String,
}

/// A text that names no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid actor `{0}`, expected `platform:id`")]
pub struct ActorError(String);

impl Actor {
    /// An actor from the platform's name and its id of the person.
    pub fn new(platform: &str, id: &str) -> Result<Self, ActorError> {
        format!("{platform}:{id}").parse()
    }

    /// The chat platform.
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// The platform's id of the person.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl FromStr for Actor {
    type Err = ActorError;
    fn from_str(text: &str) -> Result<Self, ActorError> {
        match text.split_once(':') {
            Some((platform, id))
                if !platform.is_empty()
                    && !id.is_empty()
                    && !text.chars().any(|c| c.is_control() || c.is_whitespace()) =>
            {
                Ok(Self { platform: platform.to_owned(), id: id.to_owned() })
            }
            _ => Err(ActorError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = ActorError;
    fn try_from(text: String) -> Result<Self, ActorError> {
        text.parse()
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> String {
        actor.to_string()
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.platform, self.id)
    }
}

/// One actor, everybody on a platform (`console:*`), or a group of the platform (`discord:role:41771983423143937`); used to
/// say who has a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActorPattern(Actor);

impl FromStr for ActorPattern {
    type Err = ActorError;
    fn from_str(text: &str) -> Result<Self, ActorError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ActorPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Whom a pattern covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered<'a> {
    /// One actor.
    One(&'a Actor),
    /// All who are in a group of the platform, by its id there.
    Group(&'a str),
    /// All of a platform.
    Everybody,
}

impl ActorPattern {
    /// The platform of whoever is covered.
    pub fn platform(&self) -> &str {
        self.0.platform()
    }

    /// Whom it covers.
    pub fn covers(&self) -> Covered<'_> {
        match self.0.id.as_str() {
            "*" => Covered::Everybody,
            id => id.strip_prefix("role:").map_or(Covered::One(&self.0), Covered::Group),
        }
    }

    /// Whether the pattern covers the actor, who is in these groups.
    pub fn matches(&self, actor: &Actor, memberships: &Memberships) -> bool {
        match self.covers() {
            Covered::One(one) => one == actor,
            Covered::Group(group) => self.platform() == actor.platform && memberships.holds(actor, group),
            Covered::Everybody => self.platform() == actor.platform,
        }
    }
}
