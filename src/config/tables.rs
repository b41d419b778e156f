//! The tables whose keys are names: entities, people, roles, integrations, bindings.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::de::{DeValue, ValueDeserializer};

use super::Config;
use super::names::{Kind, Mention};
use crate::catalogue::{Diagnostic, Item, Located, Table, suggestion};
use crate::domain::{Actor, ActorPattern, EntityType, IntentName, ValueType};

/// `[entities.service] checkout = ["check-out"]`
pub(super) fn read_entities(config: &mut Config, entities: &mut Table<'_>) {
    for (key, item) in entities.rest() {
        let Some(entity) = EntityType::ALL.into_iter().find(|entity| entity.as_str() == key.text) else {
            let hint = suggestion(key.text, EntityType::ALL.map(EntityType::as_str).into_iter());
            item.document().error(key.span.start, format!("unknown type `{}` of entities", key.text), hint);
            continue;
        };
        let Some(mut names) = item.table() else { continue };
        // Whose name or alias it is; case does not matter.
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        for (canonical, aliases) in names.rest() {
            if let Err(error) = ValueType::Entity(entity).parse(canonical.text) {
                item.document().error(canonical.span.start, format!("`{}`: {error}", item.path()), None);
                continue;
            }
            let aliases = aliases.strings().unwrap_or_default();
            for name in std::iter::once(&canonical).chain(&aliases) {
                if name.text.trim().is_empty() {
                    let message = format!("`{}`: an alias is empty", item.path());
                    item.document().error(name.span.start, message, None);
                }
                let other = taken.insert(name.text.trim().to_lowercase(), canonical.text.to_owned());
                if let Some(other) = other.filter(|other| other != canonical.text) {
                    let message = format!("`{}` already names the {entity} `{other}`", name.text);
                    let hint = "a name can lead to one thing only".to_owned();
                    item.document().error(name.span.start, message, Some(hint));
                }
            }
            let aliases: Vec<_> = aliases.iter().map(|alias| alias.text.trim()).collect();
            config.entities.add(entity, canonical.text.trim(), &aliases);
        }
    }
}

/// `[people.mira] ids = ["discord:80351110224678912"]`, and `oncall = ["pagerduty:PT23IWX"]`
pub(super) fn read_people(config: &mut Config, people: &mut Table<'_>) {
    let mut owners: BTreeMap<Actor, String> = BTreeMap::new();
    for (key, item) in people.rest() {
        if let Err(error) = ValueType::Entity(EntityType::Person).parse(key.text) {
            item.document().error(key.span.start, format!("`people`: {error}"), None);
        }
        let Some(mut person) = item.table() else { continue };
        let ids = person.get("ids").and_then(|ids| ids.list()).unwrap_or_default();
        let on_call = person.get("oncall").and_then(|ids| ids.list()).unwrap_or_default();
        person.finish();
        let mut accounts = Vec::new();
        for id in ids {
            let read = |text: &str| match text.parse::<Actor>() {
                Ok(actor) if actor.id() == "*" => Err(format!("expected one account, found all of them: `{text}`")),
                Ok(actor) => Ok(actor),
                Err(error) => Err(error.to_string()),
            };
            let Some(actor) = id.parse(read) else { continue };
            if let Some(owner) = owners.insert(actor.clone(), key.text.to_owned()) {
                let message = format!("`{actor}` is already the account of `{owner}`");
                item.document().error(id.span.start, message, None);
            }
            accounts.push(actor);
        }
        if accounts.is_empty() {
            let hint = "write `ids = [\"discord:80351110224678912\"]`".to_owned();
            item.document().error(key.span.start, format!("`{}` has no account", item.path()), Some(hint));
        }
        for id in on_call {
            let Some(called) = id.parse(str::parse::<Actor>) else { continue };
            if let Some(other) = config.people.called(&called) {
                let message = format!("`{called}` is already what `{other}` is called");
                item.document().error(id.span.start, message, None);
            }
            config.people.add_on_call(key.text, called);
        }
        config.entities.add(EntityType::Person, key.text, &[]);
        config.people.add(key.text, accounts);
    }
}

/// `[roles] operator = ["mira", "discord:80351110224678912", "console:*"]`, and `[roles.on-call] oncall = "PI7DH85"`
pub(super) fn read_roles(config: &mut Config, roles: &mut Table<'_>) {
    for (key, item) in roles.rest() {
        let is_word = key.text.starts_with(|c: char| c.is_ascii_lowercase())
            && key.text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
        if !is_word {
            let message = format!("invalid name of a role `{}`, expected a lower-case word", key.text);
            item.document().error(key.span.start, message, None);
        }
        if let DeValue::Table(_) = item.value() {
            if let Some(schedule) = schedule(&item) {
                config.on_call.insert(key.text.to_owned(), schedule);
            }
            config.roles.insert(key.text.to_owned(), Vec::new());
            continue;
        }
        let mut members = Vec::new();
        for member in item.list().unwrap_or_default() {
            let Some(written) = member.string() else { continue };
            match (config.people.accounts(written.text), written.text.parse::<ActorPattern>()) {
                // An account has the form of a pattern that covers itself alone.
                (Some(accounts), _) => members.extend(accounts.iter().filter_map(|a| a.to_string().parse().ok())),
                (None, Ok(pattern)) => members.push(pattern),
                (None, Err(_)) => {
                    let message = format!("`{}` is neither `platform:id` nor in `[people]`", written.text);
                    let known = config.people.names();
                    item.document().error(member.span.start, message, suggestion(written.text, known));
                }
            }
        }
        config.roles.insert(key.text.to_owned(), members);
    }
}

/// The schedule by which somebody has a role of the moment: its id in the system that knows.
fn schedule(item: &Item<'_>) -> Option<String> {
    let mut role = item.table()?;
    let schedule = role.get("oncall");
    role.finish();
    let Some(schedule) = schedule else {
        let hint = "write `oncall = \"PI7DH85\"`, the id of a schedule, or a list of people".to_owned();
        item.document().error(item.key_span.start, format!("`{}` needs `oncall`", item.path()), Some(hint));
        return None;
    };
    schedule.parse(|text| match text.trim() {
        "" => Err("expected the id of a schedule, found nothing".to_owned()),
        id => Ok(id.to_owned()),
    })
}

/// `[halt] roles = ["operator"]`
pub(super) fn read_halters(
    roles: &Item<'_>,
    known: &BTreeMap<String, Vec<ActorPattern>>,
    on_call: &BTreeMap<String, String>,
) -> Vec<String> {
    let named = roles.strings().unwrap_or_default();
    for role in named.iter().filter(|role| on_call.contains_key(role.text)) {
        let message =
            format!("`{}` is a role of the moment; the brake cannot wait for a system to say who has it", role.text);
        roles.document().error(role.span.start, message, None);
    }
    for role in named.iter().filter(|role| !known.contains_key(role.text)) {
        let hint = suggestion(role.text, known.keys().map(String::as_str));
        roles.document().error(role.span.start, format!("unknown role `{}`", role.text), hint);
    }
    named.iter().map(|role| role.text.to_owned()).collect()
}

/// `[integrations] enabled = ["docker"]`, `[integrations.docker] url = "…"`
pub(super) fn read_integrations(config: &mut Config, integrations: &mut Table<'_>) {
    if let Some(enabled) = integrations.get("enabled") {
        let names = enabled.strings().unwrap_or_default();
        config.mentions.extend(names.iter().map(|name| integration(&enabled, name)));
        config.integrations.enabled = Some(names.iter().map(|name| name.text.to_owned()).collect());
    }
    for (key, item) in integrations.rest() {
        if item.table().is_none() {
            continue;
        }
        config.mentions.push(integration(&item, &key));
        // A table that was just parsed always becomes a table.
        if let Ok(settings) = toml::Table::deserialize(ValueDeserializer::from(toml::Spanned::new(
            item.span.clone(),
            item.value().clone(),
        ))) {
            config.integrations.settings.insert(key.text.to_owned(), settings);
        }
    }
}

/// `[bindings] "service.restart" = "docker"`; without the quotation marks, TOML makes a table of it, which is as clear.
pub(super) fn read_bindings(config: &mut Config, bindings: &mut Table<'_>) {
    let mut written = Vec::new();
    for (key, item) in bindings.rest() {
        match item.value() {
            DeValue::Table(_) => {
                let verbs = item.table().map(|mut verbs| verbs.rest()).unwrap_or_default();
                written
                    .extend(verbs.into_iter().map(|(verb, item)| (format!("{}.{}", key.text, verb.text), verb, item)));
            }
            _ => written.push((key.text.to_owned(), key, item)),
        }
    }
    for (name, key, item) in written {
        let document = item.document();
        let intent = name.parse::<IntentName>();
        if let Err(error) = &intent {
            document.error(key.span.start, error.to_string(), None);
        }
        let (Ok(intent), Some(target)) = (intent, item.string()) else { continue };
        let enabled = config.integrations.enabled.as_ref();
        if enabled.is_some_and(|enabled| !enabled.iter().any(|name| name == target.text)) {
            let message = format!("`{}` is bound to `{name}`, and not enabled", target.text);
            let hint = "add it to `enabled` in `[integrations]`".to_owned();
            document.error(target.span.start, message, Some(hint));
        }
        let fault = document.fault(key.span.start, format!("unknown intent `{name}`"));
        config.mentions.push(Mention { kind: Kind::Intent, name, fault });
        config.mentions.push(integration(&item, &target));
        config.bindings.insert(intent, target.text.to_owned());
    }
}

/// To be held against the integrations that there are.
fn integration(item: &Item<'_>, name: &Located<'_>) -> Mention {
    let fault: Diagnostic = item.document().fault(name.span.start, format!("unknown integration `{}`", name.text));
    Mention { kind: Kind::Integration, name: name.text.to_owned(), fault }
}
