//! Who is who: the accounts of one person on several platforms.

use std::collections::BTreeMap;

use super::Actor;

/// People by their name in the configuration, each with the platforms' ids of their accounts. One account belongs to one
/// person at most; an account that nobody claims is a person of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People(BTreeMap<String, Vec<Actor>>);

impl People {
    /// Adds a person.
    pub fn add(&mut self, name: &str, accounts: Vec<Actor>) {
        self.0.insert(name.to_owned(), accounts);
    }

    /// The accounts of a person, if somebody has that name.
    pub fn accounts(&self, name: &str) -> Option<&[Actor]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
    }

    /// The name of the person who has an account: what "me" means.
    pub fn name(&self, actor: &Actor) -> Option<&str> {
        self.0.iter().find(|(_, accounts)| accounts.contains(actor)).map(|(name, _)| name.as_str())
    }

    /// Whether two accounts are one person's: then they count as one, whoever has to be another.
    pub fn same(&self, one: &Actor, other: &Actor) -> bool {
        one == other || self.name(one).is_some_and(|name| self.name(other) == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_accounts_of_one_person_are_the_same() {
        let actor = |text: &str| text.parse::<Actor>().unwrap();
        let mut people = People::default();
        people.add("mira", vec![actor("discord:1"), actor("console:mira")]);
        people.add("ada", vec![actor("discord:2")]);
        assert!(people.same(&actor("discord:1"), &actor("console:mira")));
        assert!(!people.same(&actor("discord:1"), &actor("discord:2")));
        // Nobody's accounts are not one nobody's.
        assert!(!people.same(&actor("discord:8"), &actor("discord:9")));
        assert!(people.same(&actor("discord:9"), &actor("discord:9")));
        assert_eq!(people.name(&actor("discord:2")), Some("ada"));
        assert_eq!(people.name(&actor("discord:9")), None);
    }
}
