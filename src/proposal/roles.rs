//! Who has which role: `[roles]` in `sayso.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Actor, ActorPattern};

/// The people of each role: `operator = ["discord:80351110224678912", "console:*"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(BTreeMap<String, Vec<ActorPattern>>);

impl Roles {
    /// The names of all roles.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The roles of a person.
    pub fn of(&self, actor: &Actor) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|(_, patterns)| patterns.iter().any(|pattern| pattern.matches(actor)))
            .map(|(name, _)| name.as_str())
    }
}

/// Without configuration, whoever sits at the console is an operator, and nobody else is anything.
impl Default for Roles {
    #[expect(clippy::expect_used, reason = "a literal that a test reads")]
    fn default() -> Self {
        [("operator", vec!["console:*".parse().expect("a well-formed pattern")])].into_iter().collect()
    }
}

impl<N: Into<String>> FromIterator<(N, Vec<ActorPattern>)> for Roles {
    fn from_iter<I: IntoIterator<Item = (N, Vec<ActorPattern>)>>(roles: I) -> Self {
        Self(roles.into_iter().map(|(name, patterns)| (name.into(), patterns)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_cover_single_people_and_whole_platforms() {
        let roles: Roles = toml::from_str("operator = [\"discord:42\", \"console:*\"]\nguest = []").unwrap();
        let of = |actor: &str| roles.of(&actor.parse().unwrap()).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(of("discord:42"), ["operator"]);
        assert_eq!(of("discord:421"), [""; 0]);
        assert_eq!(of("console:mira"), ["operator"]);
        assert_eq!(roles.names().collect::<Vec<_>>(), ["guest", "operator"]);
    }

    #[test]
    fn the_console_operates_by_default() {
        assert_eq!(Roles::default().of(&"console:mira".parse().unwrap()).collect::<Vec<_>>(), ["operator"]);
        assert_eq!(Roles::default().of(&"discord:42".parse().unwrap()).count(), 0);
    }
}
