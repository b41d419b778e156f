//! Which environments count as production: in doubt, all.

use crate::domain::{Command, Entities, EntityType, PRODUCTION, ValueType};

/// Whether a command names an environment that counts as production, by its name or by one of its aliases. `prod-eu` does,
/// whatever the configuration says.
pub fn touches_production(command: &Command, entities: &Entities) -> bool {
    command.arguments().iter().any(|(_, value)| {
        value.value_type() == ValueType::Entity(EntityType::Environment) && {
            let names = entities.names(EntityType::Environment);
            let also = names.filter(|(canonical, _)| *canonical == value.as_str()).map(|(_, name)| name);
            std::iter::once(value.as_str()).chain(also).any(is_production)
        }
    })
}

fn is_production(name: &str) -> bool {
    let name = name.to_lowercase();
    let part_of = |word: &str| name.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    PRODUCTION.iter().any(|word| part_of(word))
}
