//! What groups people are in where they talk: the roles of a chat platform.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use super::Actor;

/// Of how many people it is remembered.
const REMEMBERED: usize = 10_000;

/// The groups of people by the platform's ids, as the platform has told last. An adapter tells what each event says of its
/// author, and looks up whoever has to be known and has not been heard: see [`super::Directory`].
#[derive(Debug, Default)]
pub struct Memberships(RwLock<BTreeMap<Actor, BTreeSet<String>>>);

impl Memberships {
    /// The groups of a person from now on.
    pub fn set(&self, actor: &Actor, groups: impl IntoIterator<Item = String>) {
        let groups = groups.into_iter().collect();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever is forgotten has no group until the next event, or until somebody has to know.
        if known.len() >= REMEMBERED && !known.contains_key(actor) {
            known.pop_first();
        }
        known.insert(actor.clone(), groups);
    }

    /// Nothing is known of a person any more: they are in no group.
    pub fn forget(&self, actor: &Actor) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(actor);
    }

    /// Whether a person is in a group.
    pub fn holds(&self, actor: &Actor, group: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(actor).is_some_and(|groups| groups.contains(group))
    }
}
