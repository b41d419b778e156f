//! Who has which role: `[roles]` in `sayso.toml`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{Actor, ActorPattern, Memberships};

/// The people of each role: `operator = ["discord:80351110224678912", "console:*"]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles {
    members: BTreeMap<String, Vec<ActorPattern>>,
    /// Who is in the groups that are named.
    #[serde(skip)]
    memberships: Arc<Memberships>,
}

impl Roles {
    /// The names of all roles.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// The same roles, where these are in the groups of their platforms.
    pub fn among(self, memberships: Arc<Memberships>) -> Self {
        Self { memberships, ..self }
    }

    /// Each role, and who has it.
    pub fn members(&self) -> impl Iterator<Item = (&str, &[ActorPattern])> {
        self.members.iter().map(|(name, patterns)| (name.as_str(), patterns.as_slice()))
    }

    /// The same roles, where one more person has this one.
    #[must_use]
    pub fn with(&self, role: &str, actor: &Actor) -> Self {
        let mut roles = self.clone();
        // An account has the form of a pattern that covers itself alone.
        if let (Some(members), Ok(one)) = (roles.members.get_mut(role), actor.to_string().parse()) {
            members.push(one);
        }
        roles
    }

    /// The roles of a person, now.
    pub fn of(&self, actor: &Actor) -> impl Iterator<Item = &str> {
        self.members
            .iter()
            .filter(|(_, patterns)| patterns.iter().any(|pattern| pattern.matches(actor, &self.memberships)))
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
        let members = roles.into_iter().map(|(name, patterns)| (name.into(), patterns)).collect();
        Self { members, memberships: Arc::default() }
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
    fn a_role_may_be_one_of_the_platform() {
        let memberships = Arc::<Memberships>::default();
        let roles: Roles = toml::from_str("lead = [\"discord:role:7\"]").unwrap();
        let roles = roles.among(Arc::clone(&memberships));
        let actor: Actor = "discord:42".parse().unwrap();
        assert_eq!(roles.of(&actor).count(), 0);
        memberships.set(&actor, ["7".to_owned(), "8".to_owned()]);
        assert_eq!(roles.of(&actor).collect::<Vec<_>>(), ["lead"]);
        memberships.set(&actor, ["8".to_owned()]);
        assert_eq!(roles.of(&actor).count(), 0, "taken away");
        memberships.set(&"slack:42".parse().unwrap(), ["7".to_owned()]);
        assert_eq!(roles.of(&"slack:42".parse().unwrap()).count(), 0, "another platform's");
    }

    #[test]
    fn the_console_operates_by_default() {
        assert_eq!(Roles::default().of(&"console:mira".parse().unwrap()).collect::<Vec<_>>(), ["operator"]);
        assert_eq!(Roles::default().of(&"discord:42".parse().unwrap()).count(), 0);
    }
}
