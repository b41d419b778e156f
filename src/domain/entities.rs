//! The names an organisation has for its things, with their aliases.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::EntityType;

/// Canonical names and aliases, by type: `[entities.service] checkout = ["check-out"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Entities(BTreeMap<EntityType, BTreeMap<String, Vec<String>>>);

impl Entities {
    /// The canonical name that a text names exactly: the name itself or an alias; case, and a leading `@`, do not
    /// matter.
    pub fn canonical(&self, entity: EntityType, text: &str) -> Option<&str> {
        let wanted = text.trim().trim_start_matches('@').to_lowercase();
        self.names(entity)
            .find(|(_, name)| name.trim_start_matches('@').to_lowercase() == wanted)
            .map(|(canonical, _)| canonical)
    }

    /// All names of a type, canonical ones and aliases, each with its canonical name.
    pub fn names(&self, entity: EntityType) -> impl Iterator<Item = (&str, &str)> {
        self.0.get(&entity).into_iter().flatten().flat_map(|(canonical, aliases)| {
            std::iter::once((canonical.as_str(), canonical.as_str()))
                .chain(aliases.iter().map(|alias| (canonical.as_str(), alias.as_str())))
        })
    }

    /// The canonical names of a type.
    pub fn canonicals(&self, entity: EntityType) -> impl Iterator<Item = &str> {
        self.0.get(&entity).into_iter().flatten().map(|(canonical, _)| canonical.as_str())
    }

    /// Adds a name, as integrations do that can list what they hold.
    pub fn add(&mut self, entity: EntityType, canonical: &str, aliases: &[&str]) {
        let names = self.0.entry(entity).or_default().entry(canonical.to_owned()).or_default();
        names.extend(aliases.iter().map(|alias| (*alias).to_owned()));
    }
}
