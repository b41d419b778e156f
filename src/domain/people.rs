//! Who is who: the accounts of one person on several platforms.

use std::collections::BTreeMap;

use super::Actor;

/// People by their name in the configuration, each with the platforms' ids of their accounts. One account belongs to one
/// person at most; an account that nobody claims is a person of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    accounts: BTreeMap<String, Vec<Actor>>,
    /// What systems that know who is on call name somebody by; nobody acts with these.
    on_call: BTreeMap<Actor, String>,
}

impl People {
    /// Adds a person.
    pub fn add(&mut self, name: &str, accounts: Vec<Actor>) {
        self.accounts.insert(name.to_owned(), accounts);
    }

    /// By what a system that knows who is on call names a person: `pagerduty:PT23IWX`.
    pub fn add_on_call(&mut self, name: &str, id: Actor) {
        self.on_call.insert(id, name.to_owned());
    }

    /// The name of the person whom a system that knows who is on call names so.
    pub fn called(&self, id: &Actor) -> Option<&str> {
        self.on_call.get(id).map(String::as_str)
    }

    /// The accounts of a person, if somebody has that name.
    pub fn accounts(&self, name: &str) -> Option<&[Actor]> {
        self.accounts.get(name).map(Vec::as_slice)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.accounts.keys().map(String::as_str)
    }

    /// The name of the person who has an account: what "me" means.
    pub fn name(&self, actor: &Actor) -> Option<&str> {
        self.accounts.iter().find(|(_, accounts)| accounts.contains(actor)).map(|(name, _)| name.as_str())
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
