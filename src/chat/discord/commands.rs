//! Slash commands made of the catalogue: `/service restart service: environment:`. What they say is the typed form.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use serenity::model::application::{CommandDataOption, CommandDataOptionValue};

use crate::domain::{Digest, Intent, IntentName, Intents, Parameter, ValueType, quote};

/// Discord's limits. <https://discord.com/developers/docs/interactions/application-commands>
const COMMANDS: usize = 100;
const OPTIONS: usize = 25;
const CHOICES: usize = 25;
const NAME: usize = 32;
const DESCRIPTION: usize = 100;
const CHARACTERS: usize = 8_000;

/// How many names are offered to somebody who types one.
pub(super) const OFFERED: usize = CHOICES;

const SUBCOMMAND: u8 = 1;
const STRING: u8 = 3;
const INTEGER: u8 = 4;
const BOOLEAN: u8 = 5;
const NUMBER: u8 = 10;

/// All commands, one for each noun, with a subcommand for each verb.
pub(super) fn commands(intents: &Intents) -> Vec<Json> {
    let nouns = by_noun(intents).into_iter();
    nouns
        .map(|(noun, intents)| {
            let verbs: Vec<&str> = intents.iter().map(|intent| parts(&intent.name).1).collect();
            let description = fitting(&format!("{noun}: {}", verbs.join(", ").replace('_', " ")));
            let options: Vec<Json> = intents.iter().map(|intent| subcommand(intent)).collect();
            json!({ "type": 1, "name": noun, "description": description, "options": options, "dm_permission": true })
        })
        .collect()
}

/// What Discord would refuse, one sentence each.
pub fn faults(intents: &Intents) -> Vec<String> {
    let mut faults = Vec::new();
    let nouns = by_noun(intents);
    if nouns.len() > COMMANDS {
        faults.push(format!("Discord takes {COMMANDS} commands, and the intents have {} nouns", nouns.len()));
    }
    for (noun, intents) in &nouns {
        if intents.len() > OPTIONS {
            faults.push(format!("Discord takes {OPTIONS} subcommands, and `{noun}` has {}", intents.len()));
        }
        for intent in intents {
            let Intent { name, parameters, summary, .. } = intent;
            if parameters.len() > OPTIONS {
                faults.push(format!("Discord takes {OPTIONS} options, and `{name}` has {}", parameters.len()));
            }
            if summary.chars().count() > DESCRIPTION {
                faults.push(format!(
                    "Discord takes descriptions of {DESCRIPTION} characters, and that of `{name}` is longer"
                ));
            }
            let (noun, verb) = parts(name);
            for word in [noun, verb].into_iter().chain(parameters.iter().map(|parameter| parameter.name.as_str())) {
                if word.chars().count() > NAME {
                    faults
                        .push(format!("Discord takes names of {NAME} characters, and `{word}` of `{name}` is longer"));
                }
            }
        }
    }
    for command in commands(intents) {
        let size = characters(&command);
        if size > CHARACTERS {
            faults.push(format!(
                "Discord takes {CHARACTERS} characters for a command, and {} has {size}",
                command["name"]
            ));
        }
    }
    faults
}

/// What commands are registered under: they are registered again when it is another.
pub(super) fn digest(commands: &[Json]) -> Digest {
    let text = serde_json::to_vec(commands).unwrap_or_default(); // Values always serialise.
    Digest::of([text.as_slice()])
}

fn parts(name: &IntentName) -> (&str, &str) {
    name.as_str().split_once('.').unwrap_or((name.as_str(), ""))
}

fn by_noun(intents: &Intents) -> BTreeMap<&str, Vec<&Intent>> {
    let mut nouns: BTreeMap<&str, Vec<&Intent>> = BTreeMap::new();
    for intent in intents.iter() {
        nouns.entry(parts(&intent.name).0).or_default().push(intent);
    }
    nouns
}

fn fitting(text: &str) -> String {
    super::text::shortened(text, DESCRIPTION)
}

fn subcommand(intent: &Intent) -> Json {
    // Discord wants what is required first.
    let (required, optional): (Vec<&Parameter>, Vec<_>) =
        intent.parameters.iter().partition(|parameter| parameter.required);
    let options: Vec<Json> = required.into_iter().chain(optional).map(option).collect();
    json!({
        "type": SUBCOMMAND,
        "name": parts(&intent.name).1,
        "description": fitting(&format!("{} ({})", intent.summary, intent.effect)),
        "options": options,
    })
}

fn option(parameter: &Parameter) -> Json {
    let asked = parameter.ask.as_deref().unwrap_or(parameter.name.as_str());
    let mut option = json!({
        "type": match parameter.value_type {
            ValueType::Integer => INTEGER,
            ValueType::Percentage => NUMBER,
            ValueType::Boolean => BOOLEAN,
            _ => STRING,
        },
        "name": parameter.name.as_str(),
        "description": fitting(asked),
        "required": parameter.required,
    });
    match parameter.value_type {
        // What is not among the first can still be typed, and is looked for.
        ValueType::Enum if parameter.values.len() <= CHOICES => {
            let choices =
                parameter.values.iter().map(|value| json!({ "name": value.canonical, "value": value.canonical }));
            option["choices"] = choices.collect();
        }
        ValueType::Enum | ValueType::Entity(_) => option["autocomplete"] = true.into(),
        ValueType::Percentage => {
            option["min_value"] = 0.into();
            option["max_value"] = 100.into();
        }
        _ => {}
    }
    option
}

/// The characters that Discord counts: names, descriptions and values.
fn characters(command: &Json) -> usize {
    let own = ["name", "description", "value"].iter().filter_map(|key| command[key].as_str());
    let own: usize = own.map(|text| text.chars().count()).sum();
    let inner = ["options", "choices"].iter().filter_map(|key| command[key].as_array()).flatten();
    own + inner.map(characters).sum::<usize>()
}

/// What was chosen, in its typed form; none if that is no command of ours.
pub(super) fn typed(noun: &str, options: &[CommandDataOption]) -> Option<String> {
    let (verb, options) = verb(options)?;
    let mut line = format!("{noun}.{verb}");
    for option in options {
        let value = match &option.value {
            CommandDataOptionValue::String(text) => quote(text),
            CommandDataOptionValue::Integer(number) => number.to_string(),
            CommandDataOptionValue::Number(number) => number.to_string(),
            CommandDataOptionValue::Boolean(yes) => yes.to_string(),
            _ => return None,
        };
        line.push_str(&format!(" {}={value}", option.name));
    }
    Some(line)
}

/// The intent, the parameter and what has been typed of its value.
pub(super) fn typing<'o>(noun: &str, options: &'o [CommandDataOption]) -> Option<(IntentName, &'o str, &'o str)> {
    let (verb, options) = verb(options)?;
    let intent: IntentName = format!("{noun}.{verb}").parse().ok()?;
    let (name, typed) = options.iter().find_map(|option| match &option.value {
        CommandDataOptionValue::Autocomplete { value, .. } => Some((option.name.as_str(), value.as_str())),
        _ => None,
    })?;
    Some((intent, name, typed))
}

fn verb(options: &[CommandDataOption]) -> Option<(&str, &[CommandDataOption])> {
    match options {
        [CommandDataOption { name, value: CommandDataOptionValue::SubCommand(options), .. }] => Some((name, options)),
        _ => None,
    }
}
