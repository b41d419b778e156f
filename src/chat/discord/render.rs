//! A reply as the JSON of a message: content, embeds, components, files. The same body goes into a message, an edit and the
//! answer to an interaction.

use serde_json::{Value as Json, json};

use super::ids::CustomId;
use super::text::{block, sentence, shortened, unfenced};
use crate::domain::{Asked, Card, ChoiceKind, Covered, Effect, Field, Form, Reply, Tone};

/// The longest content of a message, in characters. <https://discord.com/developers/docs/resources/message>
const CONTENT: usize = 2_000;
/// The room that is left for what says so where not everything is shown, with the marks of a block.
const WHOLE_IN_FILE: usize = 64;
/// How many lines of output are read on a phone before a file is better.
const LINES: usize = 25;
/// The longest value of an embed's field, and the room for all of an embed, in characters.
const FIELD: usize = 1_024;
const EMBED: usize = 6_000;
/// The longest label of a button, option, modal title and modal label, in characters.
const BUTTON: usize = 80;
const OPTION: usize = 100;
const TITLE: usize = 45;
/// How many buttons a row has, how many options a menu, how many inputs a form.
const ROW: usize = 5;
const MENU: usize = 25;
const INPUTS: usize = 5;
/// The longest value of an input, in characters.
const INPUT: usize = 4_000;
/// The longest reason, in characters: a sentence or two.
const REASON: usize = 500;
/// How many roles and people a card pings at most.
const PINGS: usize = 20;

/// `SUPPRESS_EMBEDS`: an address in a sentence shows no preview of what somebody else put there.
const WITHOUT_PREVIEWS: u64 = 1 << 2;

/// The body of a message and its files.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Body {
    pub(super) json: Json,
    pub(super) files: Vec<(String, Vec<u8>)>,
}

/// A reply, to somebody with this id of Discord's, if to anybody.
pub(super) fn render(reply: &Reply, asked: Option<u64>) -> Body {
    let mut files = Vec::new();
    let mut json = match reply {
        Reply::Text { tone, text, output } => text_json(*tone, text, output.as_deref(), &mut files),
        Reply::Question { text, options } => question_json(text, options, asked),
        Reply::Card(card) | Reply::Standing(card) => card_json(card, &mut files),
        Reply::Progress(text) => json!({ "content": shortened(&sentence(text), CONTENT), "flags": WITHOUT_PREVIEWS }),
        Reply::Form(form) => return Body { json: form_json(form), files },
    };
    // Nobody else is ever pinged, whatever stands in a text.
    json["allowed_mentions"] = json!({ "parse": [], "replied_user": false });
    if let Reply::Card(card) = reply {
        ping(card, &mut json);
    }
    Body { json, files }
}

/// Tells those at once who can say yes, where the policy wants that.
fn ping(card: &Card, json: &mut Json) {
    let waited_for =
        card.approvers.iter().filter(|approvers| approvers.pinged).flat_map(|approvers| &approvers.members);
    let (mut roles, mut users) = (Vec::new(), Vec::new());
    for member in waited_for.filter(|member| member.platform() == super::PLATFORM) {
        let (id, ids) = match member.covers() {
            Covered::Group(role) => (role, &mut roles),
            Covered::One(actor) => (actor.id(), &mut users),
            // A whole server is never pinged.
            Covered::Everybody => continue,
        };
        if let Ok(id) = id.parse::<u64>()
            && !ids.contains(&id)
        {
            ids.push(id);
        }
    }
    roles.truncate(PINGS);
    users.truncate(PINGS);
    let mentions = roles.iter().map(|id| format!("<@&{id}>")).chain(users.iter().map(|id| format!("<@{id}>")));
    json["content"] = mentions.collect::<Vec<_>>().join(" ").into();
    for (kind, ids) in [("roles", roles), ("users", users)] {
        if !ids.is_empty() {
            json["allowed_mentions"][kind] = ids.iter().map(ToString::to_string).collect();
        }
    }
}

fn text_json(tone: Tone, text: &str, output: Option<&str>, files: &mut Vec<(String, Vec<u8>)>) -> Json {
    let sign = match tone {
        Tone::Plain | Tone::Good => "",
        Tone::Warning => "⚠️ ",
        Tone::Bad => "🛑 ",
    };
    let mut content = if text.is_empty() { String::new() } else { format!("{sign}{}", sentence(text)) };
    if let Some(output) = output.filter(|output| !output.trim().is_empty()) {
        let shown = block(output);
        let length = content.chars().count() + shown.chars().count() + 1;
        let separator = if content.is_empty() { "" } else { "\n" };
        if output.lines().count() <= LINES && length <= CONTENT {
            content.push_str(&format!("{separator}{shown}"));
        } else {
            let room = CONTENT.saturating_sub(content.chars().count() + WHOLE_IN_FILE);
            let (shown, lines) = (beginning(&unfenced(output), room), output.lines().count());
            content.push_str(&format!("{separator}{}\n{lines} lines, whole in the file", block(&shown)));
            files.push(("output.txt".to_owned(), output.as_bytes().to_vec()));
        }
    }
    if content.chars().count() > CONTENT {
        files.push(("message.txt".to_owned(), text.as_bytes().to_vec()));
        content = shortened(&content, CONTENT - 30) + "\n(whole in the file)";
    }
    json!({ "content": content, "flags": WITHOUT_PREVIEWS })
}

/// The first lines of an output, as many as are read on a phone, and at most so many characters.
fn beginning(output: &str, most: usize) -> String {
    let lines: Vec<&str> = output.lines().take(LINES).collect();
    shortened(&lines.join("\n"), most)
}

/// An answer, and what explains it: it stands behind two spaces.
fn answer(option: &str) -> (&str, &str) {
    option.split_once("  ").map_or((option, ""), |(answer, explained)| (answer.trim(), explained.trim()))
}

fn question_json(text: &str, options: &[String], asked: Option<u64>) -> Json {
    let answers: Vec<_> = options.iter().map(|option| answer(option)).collect();
    let id = |number| CustomId::Answer(asked, number).to_string();
    let small = answers.len() <= ROW
        && answers.iter().all(|(answer, explained)| explained.is_empty() && answer.chars().count() <= BUTTON);
    let fits = |(answer, _): &&(&str, &str)| (1..=OPTION).contains(&answer.chars().count());
    let mut content = sentence(text);
    let components = if answers.is_empty() {
        json!([])
    } else if small {
        let buttons = answers.iter().enumerate();
        let buttons = buttons.map(|(number, (answer, _))| button(&id(Some(number)), answer, SECONDARY));
        json!([{ "type": 1, "components": buttons.collect::<Vec<_>>() }])
    } else {
        let offered: Vec<Json> = answers
            .iter()
            .filter(fits)
            .take(MENU)
            .map(|(answer, explained)| {
                let mut option = json!({ "label": answer, "value": answer });
                if !explained.is_empty() {
                    option["description"] = shortened(explained, OPTION).into();
                }
                option
            })
            .collect();
        for (answer, _) in answers.iter().filter(|answer| !fits(answer)).chain(answers.iter().filter(fits).skip(MENU)) {
            content.push_str(&format!("\n`{}`", answer.replace('`', "'")));
        }
        match offered.is_empty() {
            true => json!([]),
            false => json!([{ "type": 1, "components": [
                { "type": 3, "custom_id": id(None), "options": offered, "min_values": 1, "max_values": 1 }
            ] }]),
        }
    };
    json!({ "content": shortened(&content, CONTENT), "components": components, "flags": WITHOUT_PREVIEWS })
}

const SECONDARY: u8 = 2;
const SUCCESS: u8 = 3;
const DANGER: u8 = 4;

fn button(id: &str, label: &str, style: u8) -> Json {
    json!({ "type": 2, "style": style, "custom_id": id, "label": shortened(label, BUTTON) })
}

fn card_json(card: &Card, files: &mut Vec<(String, Vec<u8>)>) -> Json {
    let colour = match card.effect {
        Effect::Read => 0x34_98_db,
        Effect::Change => 0xe6_7e_22,
        Effect::Destructive => 0xe7_4c_3c,
    };
    let until = card.expires.as_second();
    let code = |text: &str| block(text);
    let mut lines =
        vec![("command", card.command.as_str(), code(&card.command)), ("runs", card.runs.as_str(), code(&card.runs))];
    let said = |name: &'static str, text: &'_ str| (name, sentence(text));
    let mut fields = Vec::new();
    if let Some(preview) = &card.preview {
        lines.push(("now", preview, code(preview)));
    }
    for (name, whole, shown) in &lines {
        if shown.chars().count() <= FIELD {
            fields.push((*name, shown.clone()));
        } else {
            fields.push((*name, format!("{}\n(whole in the file)", code(&shortened(whole, FIELD - 64)))));
            files.push((format!("{name}.txt"), whole.as_bytes().to_vec()));
        }
    }
    fields.extend(card.notes.iter().map(|note| said("note", note)));
    fields.push(said("asked by", &card.requester.to_string()));
    fields.extend(card.approvers.iter().map(|approvers| said("approvers", &approvers.to_string())));
    match &card.standing {
        Some(standing) => fields.push(said("standing", standing)),
        None => fields.push(("until", format!("<t:{until}:t> (<t:{until}:R>)"))),
    }
    let title = shortened(&format!("{} · {}", card.summary, card.effect), 256);
    let mut room = EMBED - title.chars().count() - 16;
    let mut shown = Vec::new();
    let mut left_out = String::new();
    for (name, value) in fields {
        let length = name.chars().count() + value.chars().count();
        if value.chars().count() <= FIELD && length <= room && shown.len() < MENU {
            room -= length;
            shown.push(json!({ "name": name, "value": value, "inline": false }));
        } else {
            left_out.push_str(&format!("{name}: {value}\n"));
        }
    }
    if !left_out.is_empty() {
        files.push(("card.txt".to_owned(), left_out.into_bytes()));
    }
    let yes = if card.effect == Effect::Destructive { DANGER } else { SUCCESS };
    let mut buttons: Vec<Json> = card
        .choices
        .iter()
        .map(|choice| {
            let style = match choice.kind {
                ChoiceKind::Confirm | ChoiceKind::Approve => yes,
                ChoiceKind::BreakGlass => DANGER,
                ChoiceKind::Reject | ChoiceKind::Cancel => SECONDARY,
            };
            button(&CustomId::Choose(choice.kind, card.proposal, card.digest).to_string(), &choice.label, style)
        })
        .collect();
    if card.editable && buttons.len() < ROW {
        buttons.push(button(&CustomId::Edit(card.proposal).to_string(), "edit", SECONDARY));
    }
    let rows = if buttons.is_empty() { json!([]) } else { json!([{ "type": 1, "components": buttons }]) };
    json!({
        "content": "",
        "embeds": [{ "title": title, "color": colour, "fields": shown, "footer": { "text": card.code.as_str() } }],
        "components": rows,
    })
}

/// A modal.
fn form_json(form: &Form) -> Json {
    let (custom_id, inputs) = match &form.asked {
        Asked::Arguments(fields) => (CustomId::Form(form.proposal), argument_inputs(fields)),
        Asked::Reason { choice, shown } => {
            let why = json!({
                "type": 4, "custom_id": "reason", "label": "because …", "style": 2, "required": true, "max_length": REASON,
            });
            (CustomId::Reason(*choice, form.proposal, *shown), vec![why])
        }
    };
    let rows = inputs.into_iter().map(|input| json!({ "type": 1, "components": [input] }));
    json!({
        "custom_id": custom_id.to_string(),
        "title": shortened(&form.title, TITLE),
        "components": rows.collect::<Vec<_>>(),
    })
}

/// Discord shows five inputs at most: the arguments behind them stay as they are.
fn argument_inputs(fields: &[Field]) -> Vec<Json> {
    let fits = |value: &str| value.chars().count() <= INPUT;
    let shown = fields.iter().filter(|field| fits(&field.value)).take(INPUTS);
    let input = |field: &Field| {
        let mut input = json!({
            "type": 4,
            "custom_id": field.name.as_str(),
            "label": shortened(&field.name.as_str().replace('_', " "), TITLE),
            "style": if field.value.chars().count() > OPTION { 2 } else { 1 },
            "required": field.required,
            "max_length": INPUT,
        });
        if !field.value.is_empty() {
            input["value"] = field.value.as_str().into();
        }
        input
    };
    shown.map(input).collect()
}
