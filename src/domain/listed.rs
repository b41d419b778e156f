//! Names that systems list. They are foreign text: whoever may create a thing in one of them chooses what it is called.

use std::collections::BTreeMap;

use super::entities::{Names, PRODUCTION};
use super::{EntityType, ValueError, ValueType};

/// The most aliases that a thing may bring along.
const MAX_ALIASES: usize = 8;

/// Names that are fit to stand beside those of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed(Names);

/// Why something that a system lists is not taken as a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnfitName {
    /// Only the configuration says what environments and people there are.
    #[error("no system can say what is called `{0}`")]
    Reserved(EntityType),
    /// No value of the type.
    #[error(transparent)]
    Invalid(#[from] ValueError),
    /// Nobody could tell it from the name of a person or a path.
    #[error("a name does not begin with `@` or `/`")]
    Sign,
    /// Letters that look like others.
    #[error("a word mixes Latin letters with others")]
    Mixed,
    /// It would be taken for where something runs.
    #[error("a name does not begin like that of a production environment")]
    Production,
    /// Nothing that could be found in a text.
    #[error("a name has two letters or digits at least")]
    Short,
}

impl Listed {
    /// Whether systems may say what things of a type are called. What counts as production and who somebody is must not
    /// depend on what they say.
    pub fn takes(entity: EntityType) -> bool {
        !matches!(entity, EntityType::Environment | EntityType::Person)
    }

    /// Adds a name; unfit aliases are left out, and so are more than eight. The error says why it is no name.
    pub fn add(&mut self, entity: EntityType, name: &str, aliases: &[&str]) -> Result<(), UnfitName> {
        let name = fit(entity, name)?;
        let aliases = aliases.iter().take(MAX_ALIASES).filter_map(|alias| fit(entity, alias).ok());
        let known = self.0.entry(entity).or_default().entry(name.clone()).or_default();
        for alias in aliases.filter(|alias| *alias != name) {
            if known.len() < MAX_ALIASES && !known.contains(&alias) {
                known.push(alias);
            }
        }
        Ok(())
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: &Self) {
        for (entity, names) in &other.0 {
            for (name, aliases) in names {
                // They were fit before.
                let _ = self.add(*entity, name, &aliases.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
    }

    /// How many things are named.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Canonical names and their aliases, by type.
    pub fn names(&self) -> &BTreeMap<EntityType, BTreeMap<String, Vec<String>>> {
        &self.0
    }
}

/// The name as a value of its type, if nothing about it misleads.
fn fit(entity: EntityType, name: &str) -> Result<String, UnfitName> {
    if !Listed::takes(entity) {
        return Err(UnfitName::Reserved(entity));
    }
    let value = ValueType::Entity(entity).parse(name)?;
    let name = value.as_str();
    if name.starts_with(['@', '/']) {
        return Err(UnfitName::Sign);
    }
    if name.split(|c: char| !c.is_alphabetic()).any(is_mixed) {
        return Err(UnfitName::Mixed);
    }
    // "restart web in prod-eu" must go on to name an environment, whatever somebody calls a service.
    let begins = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    if PRODUCTION.contains(&begins.as_str()) {
        return Err(UnfitName::Production);
    }
    if name.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
        return Err(UnfitName::Short);
    }
    Ok(name.to_owned())
}

/// Whether some letters of a word are Latin and others are not: `сheckout` with a Cyrillic `с`.
fn is_mixed(word: &str) -> bool {
    let latin = |c: char| matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    word.contains(latin) && word.contains(|c| !latin(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mislead_are_refused() {
        let refusal = |name: &str| Listed::default().add(EntityType::Service, name, &[]).err();
        for name in ["web", "search-api", "Primary On-Call", "Größe", "検索サービス", "team/repo", "k8w-21"] {
            assert_eq!(refusal(name), None, "{name}");
        }
        for name in
            ["", " ", "a\nb", "a\u{202e}b", "a\u{200b}b", "-rf", "<b>x</b>", "`x`", "$(x)", "a\0b", "*", "{{ x }}"]
        {
            assert!(matches!(refusal(name), Some(UnfitName::Invalid(_))), "{name:?}: {:?}", refusal(name));
        }
        assert!(matches!(refusal(&"x".repeat(129)), Some(UnfitName::Invalid(_))));
        assert_eq!(refusal("@everyone"), Some(UnfitName::Sign));
        assert_eq!(refusal("сheckout"), Some(UnfitName::Mixed));
        for name in ["production", "Prod", "prod-eu", "live chat"] {
            assert_eq!(refusal(name), Some(UnfitName::Production), "{name}");
        }
        assert_eq!(refusal("shop-prod"), None);
        assert_eq!(refusal("a"), Some(UnfitName::Short));
        for entity in [EntityType::Environment, EntityType::Person] {
            let refused = Listed::default().add(entity, "production", &[]);
            assert_eq!(refused, Err(UnfitName::Reserved(entity)));
        }
    }

    #[test]
    fn aliases_are_few_and_fit() {
        let mut listed = Listed::default();
        let aliases: Vec<String> = (0..20).map(|number| format!("alias-{number}")).collect();
        listed.add(EntityType::Team, "night", &["night", "@here", "Night Herons"]).unwrap();
        listed.add(EntityType::Team, "night", &aliases.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        let known = &listed.names()[&EntityType::Team]["night"];
        assert_eq!((known.len(), known[0].as_str(), known[1].as_str()), (8, "Night Herons", "alias-0"));
        assert_eq!(listed.len(), 1);
    }
}
