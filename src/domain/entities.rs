//! The names an organisation has for its things, with their aliases: those of the configuration, and those that systems
//! list, which never stand in the way of the former.

use std::collections::{BTreeMap, BTreeSet};

use super::{EntityType, Listed};

/// Canonical names and their aliases, by type.
pub(super) type Names = BTreeMap<EntityType, BTreeMap<String, Vec<String>>>;

/// Whose names decide something on their own, what counts as production and who somebody is: nothing that a system lists is
/// called like one of them.
const DECISIVE: [EntityType; 2] = [EntityType::Environment, EntityType::Person];

/// Names of environments that count as production wherever they stand, also as a part: `prod-eu`.
pub const PRODUCTION: [&str; 4] = ["production", "prod", "live", "prd"];

/// Canonical names and aliases, by type: `[entities.service] checkout = ["check-out"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entities {
    configured: Names,
    listed: Names,
}

/// What makes two names the same where people write them: case, separators and a leading article or `@` make no
/// difference. `Search API`, `search-api`, `the search api`.
pub fn name_key(text: &str) -> String {
    let lower = text.to_lowercase();
    let bare = lower.strip_prefix("the ").unwrap_or(&lower);
    bare.chars().filter(|c| !matches!(c, '-' | '_' | '.' | ' ' | '@' | '\'')).collect()
}

impl Entities {
    /// The canonical name that a text names exactly: the name itself or an alias; case, and a leading `@`, do not
    /// matter.
    pub fn canonical(&self, entity: EntityType, text: &str) -> Option<&str> {
        let wanted = text.trim().trim_start_matches('@').to_lowercase();
        self.names(entity)
            .find(|(_, name)| name.trim_start_matches('@').to_lowercase() == wanted)
            .map(|(canonical, _)| canonical)
    }

    /// All names of a type, canonical ones and aliases, each with its canonical name; those of the configuration first.
    pub fn names(&self, entity: EntityType) -> impl Iterator<Item = (&str, &str)> {
        self.configured(entity).chain(self.listed(entity))
    }

    /// Those of the configuration.
    pub fn configured(&self, entity: EntityType) -> impl Iterator<Item = (&str, &str)> {
        each(&self.configured, entity)
    }

    /// Those that systems list.
    pub fn listed(&self, entity: EntityType) -> impl Iterator<Item = (&str, &str)> {
        each(&self.listed, entity)
    }

    /// The canonical names of a type, those of the configuration first.
    pub fn canonicals(&self, entity: EntityType) -> impl Iterator<Item = &str> {
        [&self.configured, &self.listed]
            .into_iter()
            .filter_map(move |names| names.get(&entity))
            .flat_map(|names| names.keys().map(String::as_str))
    }

    /// Whether the configuration lists things of a type. What systems list is never taken for all there is.
    pub fn configures(&self, entity: EntityType) -> bool {
        self.configured.get(&entity).is_some_and(|names| !names.is_empty())
    }

    /// Adds a name of the configuration.
    pub fn add(&mut self, entity: EntityType, canonical: &str, aliases: &[&str]) {
        let names = self.configured.entry(entity).or_default().entry(canonical.to_owned()).or_default();
        names.extend(aliases.iter().map(|alias| (*alias).to_owned()));
    }

    /// The same with what systems list now, in the place of what they listed before. Left out is what the configuration
    /// calls something of the type by, and what it calls an environment or a person by.
    #[must_use]
    pub fn with_listed(&self, listed: &Listed) -> Self {
        let keys = |entity| self.configured(entity).map(|(_, name)| name_key(name));
        let decisive: BTreeSet<String> = DECISIVE.into_iter().flat_map(keys).collect();
        let fresh = |(entity, names): (&EntityType, &BTreeMap<String, Vec<String>>)| {
            let taken: BTreeSet<String> = keys(*entity).collect();
            let free = |name: &&String| !taken.contains(&name_key(name)) && !decisive.contains(&name_key(name));
            let names = names.iter().filter(|(name, _)| free(name));
            let names = names.map(|(name, aliases)| (name.clone(), aliases.iter().filter(free).cloned().collect()));
            (*entity, names.collect())
        };
        Self { configured: self.configured.clone(), listed: listed.names().iter().map(fresh).collect() }
    }
}

fn each(names: &Names, entity: EntityType) -> impl Iterator<Item = (&str, &str)> {
    names.get(&entity).into_iter().flatten().flat_map(|(canonical, aliases)| {
        std::iter::once((canonical.as_str(), canonical.as_str()))
            .chain(aliases.iter().map(|alias| (canonical.as_str(), alias.as_str())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systems_list_takes_no_name_of_the_configuration() {
        let mut configured = Entities::default();
        configured.add(EntityType::Service, "search-api", &["search"]);
        configured.add(EntityType::Environment, "staging", &["preprod"]);
        configured.add(EntityType::Person, "mira", &[]);
        let mut listed = Listed::default();
        for (name, aliases) in [
            ("billing", &["invoices", "Search", "the preprod"][..]),
            ("Search_API", &["elsewhere"]),
            ("search", &[]),
            ("preprod", &[]),
            ("Mira", &[]),
        ] {
            listed.add(EntityType::Service, name, aliases).unwrap();
        }
        // Of another type, a name may be there once more.
        listed.add(EntityType::Repository, "search-api", &[]).unwrap();
        let entities = configured.with_listed(&listed);
        let names = |entity| entities.listed(entity).map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(names(EntityType::Service), ["billing", "invoices"]);
        assert_eq!(names(EntityType::Repository), ["search-api"]);
        assert_eq!(entities.canonical(EntityType::Service, "SEARCH"), Some("search-api"));
        assert_eq!(entities.canonical(EntityType::Service, "Invoices"), Some("billing"));
        assert!(entities.configures(EntityType::Service) && !entities.configures(EntityType::Repository));
        assert_eq!(entities.with_listed(&Listed::default()), configured);
    }
}
