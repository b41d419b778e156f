//! Limits that Discord keeps, whether its description tells of them or not, and one rule of our own house.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

use super::refusal::Fault;
use super::shapes::UPLOAD;

/// Where something stands (`*` is any element), and how many characters or elements it may have.
type Limit = (&'static str, RangeInclusive<usize>);

/// Source: docs.discord.com/developers/resources/message, "Create Message" and "Embed Limits";
/// docs.discord.com/developers/components/reference, "Button", "String Select".
const MESSAGE: &[Limit] = &[
    ("content", 0..=2000),
    ("embeds", 0..=10),
    ("embeds.*.title", 0..=256),
    ("embeds.*.description", 0..=4096),
    ("embeds.*.fields", 0..=25),
    ("embeds.*.fields.*.name", 1..=256),
    ("embeds.*.fields.*.value", 1..=1024),
    ("embeds.*.footer.text", 0..=2048),
    ("embeds.*.author.name", 0..=256),
    ("components", 0..=5),
    ("components.*.components", 1..=5),
    ("components.*.components.*.label", 0..=80),
    ("components.*.components.*.custom_id", 1..=100),
    ("components.*.components.*.placeholder", 0..=150),
    ("components.*.components.*.options", 1..=25),
    ("components.*.components.*.options.*.label", 1..=100),
    ("components.*.components.*.options.*.value", 1..=100),
    ("components.*.components.*.options.*.description", 0..=100),
    ("attachments", 0..=10),
    ("nonce", 0..=25),
];

/// Source: docs.discord.com/developers/interactions/receiving-and-responding, "Modal";
/// docs.discord.com/developers/components/reference, "Text Input", "Label".
const MODAL: &[Limit] = &[
    ("title", 1..=45),
    ("custom_id", 1..=100),
    ("components", 1..=5),
    ("components.*.components", 1..=1),
    ("components.*.components.*.custom_id", 1..=100),
    ("components.*.components.*.label", 1..=45),
    ("components.*.components.*.placeholder", 0..=100),
    ("components.*.components.*.value", 0..=4000),
    // Newer modals have a label around each input, and no row.
    ("components.*.label", 1..=45),
    ("components.*.description", 0..=100),
    ("components.*.component.custom_id", 1..=100),
    ("components.*.component.placeholder", 0..=150),
    ("components.*.component.value", 0..=4000),
];

/// Source: docs.discord.com/developers/interactions/receiving-and-responding, "Autocomplete".
const COMPLETION: &[Limit] = &[("choices", 0..=25), ("choices.*.name", 1..=100), ("choices.*.value", 0..=100)];

/// Of a command, and of each of its options.
/// Source: docs.discord.com/developers/interactions/application-commands, "Application Command Object".
const COMMAND: &[Limit] = &[
    ("name", 1..=32),
    ("description", 1..=100),
    ("options", 0..=25),
    ("choices", 0..=25),
    ("choices.*.name", 1..=100),
    ("choices.*.value", 0..=100),
];

/// Commands of a scope, and characters of a command: name, description and values of it and all within.
/// Source: docs.discord.com/developers/interactions/application-commands, "Registering a Command", "Limits".
const COMMANDS: usize = 100;
const COMMAND_CHARACTERS: usize = 8000;

/// Characters of all embeds of a message together. Source: docs.discord.com/developers/resources/message, "Embed Limits".
const EMBED_CHARACTERS: usize = 6000;

/// Names of commands and options; letters that have a lower case are in it.
/// Source: docs.discord.com/developers/interactions/application-commands, "Application Command Naming".
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$").expect("a pattern"));

/// All values at a place, with their paths.
fn at<'v>(value: &'v Json, pattern: &str) -> Vec<(String, &'v Json)> {
    pattern.split('.').fold(vec![(String::new(), value)], |found, part| {
        let inner = |(path, value): (String, &'v Json)| -> Vec<(String, &'v Json)> {
            match (part, value) {
                ("*", Json::Array(list)) => {
                    list.iter().enumerate().map(|(index, one)| (format!("{path}.{index}"), one)).collect()
                }
                (name, Json::Object(map)) => {
                    map.get(name).map(|one| (format!("{path}.{name}"), one)).into_iter().collect()
                }
                _ => Vec::new(),
            }
        };
        found.into_iter().flat_map(inner).collect()
    })
}

fn length(value: &Json) -> Option<usize> {
    match value {
        Json::String(text) => Some(text.chars().count()),
        Json::Array(list) => Some(list.len()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => None,
    }
}

fn exceeded(limits: &[Limit], body: &Json, prefix: &str) -> Vec<Fault> {
    let places =
        limits.iter().flat_map(|(pattern, range)| at(body, pattern).into_iter().map(move |found| (found, range)));
    let judge = |((path, value), range): ((String, &Json), &RangeInclusive<usize>)| {
        let length = length(value).filter(|length| !range.contains(length))?;
        let message = format!("Must be between {} and {} in length, found {length}.", range.start(), range.end());
        Some(Fault::new(&format!("{prefix}{path}"), "BASE_TYPE_BAD_LENGTH", message))
    };
    places.filter_map(judge).collect()
}

fn repeated(found: Vec<(String, &Json)>, code: &'static str, message: &str) -> Vec<Fault> {
    let mut known = BTreeSet::new();
    let again = found.into_iter().filter(|(_, value)| !value.is_null() && !known.insert(value.to_string()));
    again.map(|(path, _)| Fault::new(&path, code, message)).collect()
}

/// What is wrong with a message that is to be sent or edited.
pub(super) fn message(body: &Json, files: &[(String, Vec<u8>)]) -> Vec<Fault> {
    let mut faults = exceeded(MESSAGE, body, "");
    let texts = ["title", "description", "fields.*.name", "fields.*.value", "footer.text", "author.name"];
    let embedded = texts.iter().flat_map(|text| at(body, &format!("embeds.*.{text}")));
    let characters: usize = embedded.filter_map(|(_, text)| length(text)).sum();
    if characters > EMBED_CHARACTERS {
        let message = format!("Embed size exceeds maximum size of {EMBED_CHARACTERS}, found {characters}");
        faults.push(Fault::new("embeds", "MAX_EMBED_SIZE_EXCEEDED", message));
    }
    let ids = at(body, "components.*.components.*.custom_id");
    faults.extend(repeated(ids, "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"));
    for (path, options) in at(body, "components.*.components.*.options") {
        let values =
            at(options, "*.value").into_iter().map(|(inner, value)| (format!("{path}{inner}"), value)).collect();
        faults.extend(repeated(
            values,
            "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
            "The specified option value is already used",
        ));
    }
    for (path, row) in at(body, "components.*") {
        // A menu takes a row of its own.
        let kinds: Vec<u64> = at(row, "components.*.type").iter().filter_map(|(_, kind)| kind.as_u64()).collect();
        if kinds.len() > 1 && kinds.iter().any(|kind| *kind != 2) {
            faults.push(Fault::new(&path, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "A select menu takes a whole row"));
        }
    }
    for (path, button) in at(body, "components.*.components.*") {
        // Source: docs.discord.com/developers/components/reference, "Button": 5 is a link, and 6 is for a shop.
        let (is_link, is_button) = (button["style"] == 5, button["type"] == 2 && button["style"] != 6);
        if is_button && (is_link != button["url"].is_string() || is_link == button["custom_id"].is_string()) {
            faults.push(Fault::new(
                &path,
                "BUTTON_COMPONENT_INVALID",
                "A button has a custom id, or is a link and has a url",
            ));
        }
        if is_button && button["label"].as_str().unwrap_or_default().is_empty() && button["emoji"].is_null() {
            faults.push(Fault::new(&path, "BUTTON_COMPONENT_INVALID", "A button must have a label or an emoji"));
        }
    }
    for (name, bytes) in files {
        if bytes.len() > UPLOAD {
            faults.push(Fault::new(
                "files",
                "FILE_TOO_LARGE",
                format!("`{name}` has {} bytes, over {UPLOAD}", bytes.len()),
            ));
        }
    }
    let uploaded = at(body, "attachments.*.filename").into_iter().filter(|(_, name)| !name.is_null()).count();
    if uploaded > files.len() {
        let message = format!("{uploaded} new attachments, {} files", files.len());
        faults.push(Fault::new("attachments", "ATTACHMENT_NOT_FOUND", message));
    }
    // The rule of the house: whoever writes text says whom it may ping.
    let writes = body["content"].as_str().is_some_and(|text| !text.is_empty());
    if writes && !body["allowed_mentions"].is_object() {
        faults.push(Fault::new("allowed_mentions", "HOUSE_RULE", "content is sent without `allowed_mentions`"));
    }
    faults
}

/// What is wrong with the answer to an interaction.
pub(super) fn callback(body: &Json, files: &[(String, Vec<u8>)]) -> Vec<Fault> {
    let data = &body["data"];
    let mut faults = match body["type"].as_u64() {
        Some(4 | 5 | 7) => message(data, files),
        Some(8) => exceeded(COMPLETION, data, ""),
        Some(9) => {
            let ids = at(data, "components.*.components.*.custom_id");
            let mut faults =
                repeated(ids, "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated");
            faults.extend(exceeded(MODAL, data, ""));
            faults
        }
        Some(_) | None => Vec::new(),
    };
    faults.iter_mut().for_each(|fault| fault.place.insert(0, "data".to_owned()));
    faults
}

/// What is wrong with commands that are to be all of their scope, or to be added to `others` of it.
pub(super) fn commands(commands: &[Json], others: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    let count = commands.len() + others;
    if count > COMMANDS {
        let message = format!("Maximum number of application commands reached ({COMMANDS}), found {count}");
        faults.push(Fault::new("", "APPLICATION_COMMANDS_LIMIT", message));
    }
    for (index, command) in commands.iter().enumerate() {
        faults.extend(option(command, &format!("{index}"), command["type"].as_u64().is_none_or(|kind| kind == 1)));
        let characters = characters(command);
        if characters > COMMAND_CHARACTERS {
            let message = format!("Command exceeds maximum size ({COMMAND_CHARACTERS}), found {characters}");
            faults.push(Fault::new(&index.to_string(), "APPLICATION_COMMAND_TOO_LARGE", message));
        }
    }
    let names =
        commands.iter().enumerate().map(|(index, command)| (format!("{index}.name"), &command["name"])).collect();
    faults.extend(repeated(names, "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique"));
    faults
}

/// A command or an option, and all within it.
fn option(value: &Json, path: &str, is_typed: bool) -> Vec<Fault> {
    let mut faults = exceeded(COMMAND, value, path);
    let name = value["name"].as_str().unwrap_or_default();
    if is_typed && (!NAME.is_match(name) || name != name.to_lowercase()) {
        let message = format!("Command name is invalid: `{name}`");
        faults.push(Fault::new(&format!("{path}.name"), "APPLICATION_COMMAND_INVALID_NAME", message));
    }
    if is_typed && value["description"].as_str().is_none() {
        faults.push(Fault::new(&format!("{path}.description"), "BASE_TYPE_REQUIRED", "This field is required"));
    }
    let listed = value["choices"].as_array().is_some_and(|choices| !choices.is_empty());
    if listed && value["autocomplete"] == true {
        let message = "Autocomplete and choices cannot be used together";
        faults.push(Fault::new(path, "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE", message));
    }
    let options = value["options"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_group = |one: &Json| matches!(one["type"].as_u64(), Some(1 | 2));
    let mixed = options.iter().any(is_group) && !options.iter().all(is_group);
    if mixed {
        let message = "Sub-command and sub-command group option types are mutually exclusive to all other types";
        faults.push(Fault::new(&format!("{path}.options"), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message));
    }
    let required = |one: &Json| one["required"] == true;
    let out_of_order = options.windows(2).any(|pair| !required(&pair[0]) && required(&pair[1]));
    if out_of_order {
        let message = "Required options must be placed before non-required options";
        faults.push(Fault::new(&format!("{path}.options"), "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message));
    }
    let names = options.iter().enumerate().map(|(index, one)| (format!("{path}.options.{index}.name"), &one["name"]));
    faults.extend(repeated(names.collect(), "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option names must be unique"));
    for (index, one) in options.iter().enumerate() {
        faults.extend(option(one, &format!("{path}.options.{index}"), true));
    }
    faults
}

fn characters(value: &Json) -> usize {
    let own = ["name", "description", "choices.*.name", "choices.*.value"];
    let own: usize = own.iter().flat_map(|text| at(value, text)).filter_map(|(_, text)| length(text)).sum();
    own + value["options"].as_array().into_iter().flatten().map(characters).sum::<usize>()
}
