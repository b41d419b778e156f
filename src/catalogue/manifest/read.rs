//! Reads a manifest's tables into types. Every fault is noted where it stands, and reading goes on.

use std::time::Duration;

use toml::de::DeValue;

use super::calls::{http_call, process_call, tree};
use super::oncall::on_call;
use super::settings::{connection, requirements, setting};
use super::template::{Expression, Place, Template, TemplateFault};
use super::{Action, Call, Constraint, Decode, Find, Lookup, Manifest, Poll, Preview, Select, Step, Undo, list};
use crate::catalogue::{Document, Item, Table};
use crate::domain::{Digest, IntentName};

/// How long an action may take when the manifest does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a poll asks when the manifest does not say.
const DEFAULT_EVERY: Duration = Duration::from_secs(2);
/// The longest time an action may ask for.
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);
/// How often something may be tried again.
const MAX_RETRIES: u64 = 5;

/// Reads the whole file.
pub(super) fn manifest(file: &str, document: &Document<'_>) -> Option<Manifest> {
    let mut root = document.root();
    let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml").to_owned();
    let summary = root.get("summary");
    if summary.is_none() {
        document.error_in_file("the manifest needs `summary`", None);
    }
    let summary = summary.and_then(text);
    let local = root.get("local").and_then(|item| item.boolean()).unwrap_or(false);
    let requires = root.get("requires").map(requirements).unwrap_or_default();
    let connection = root.get("connection").and_then(|item| connection(&item));
    let settings = root.get("settings").map(|item| table_of(&item, setting)).unwrap_or_default();
    let env = root.get("env").map(|item| table_of(&item, template)).unwrap_or_default();
    let files = root.get("files").map(|item| table_of(&item, template)).unwrap_or_default();
    let mut on_call = root.get("oncall").and_then(|item| on_call(&item));
    let mut actions = root.get("actions").map(|item| named(&item, action)).unwrap_or_default();
    for action in &mut actions {
        connection.iter().for_each(|connection| connection.judgement.fill(action));
    }
    let mut lists = root.get("lists").map(|item| named(&item, list::list)).unwrap_or_default();
    let mut health = root.get("health").and_then(|item| list::health(&item));
    let asked = on_call.iter_mut().map(|read| &mut read.step);
    for step in lists.iter_mut().map(|list| &mut list.step).chain(&mut health).chain(asked) {
        connection.iter().for_each(|connection| connection.judgement.fill_step(step));
    }
    root.finish();
    if actions.is_empty() {
        document.error_in_file("expected at least one action", Some("add `[actions.<name>]`".to_owned()));
    }
    Some(Manifest {
        name,
        file: file.to_owned(),
        summary: summary?,
        local,
        requires,
        connection,
        settings: settings.into_iter().collect(),
        env,
        files: files.into_iter().collect(),
        on_call,
        actions,
        lists,
        health,
    })
}

fn action(name: &str, item: &Item<'_>) -> Option<Action> {
    let mut table = item.table()?;
    let what = format!("action `{name}`");
    let implements = required(item, &what, "implements", table.get("implements"));
    let place = implements.as_ref().map_or_else(Place::default, place);
    let implements = implements.and_then(|item| item.parse(str::parse::<IntentName>));
    let parameters = table.get("parameters").map(|item| named(&item, constraint)).unwrap_or_default();
    let uses = table.get("uses").map(|item| table_of(&item, template)).unwrap_or_default();
    let find = table.get("find").map(|item| named(&item, find)).unwrap_or_default();
    let lookup = table.get("lookup").and_then(|item| lookup(&item, "the lookup"));
    let before = table.get("before").and_then(|item| before(&item));
    let preview = table.get("preview").and_then(|item| preview(&item));
    let undo = table.get("undo").and_then(|item| undo(&item));
    let poll = table.get("poll").and_then(|item| poll(&item));
    let each = table.get("each").and_then(|item| item.boolean()).unwrap_or(false);
    let timeout = table.get("timeout").and_then(|item| duration(&item)).unwrap_or(DEFAULT_TIMEOUT);
    let read_timeout = table.get("read_timeout").and_then(|item| duration(&item));
    let progress = table.get("progress").and_then(|item| template(&item));
    let lock = table.get("lock").and_then(|item| template(&item));
    let retry = table.get("retry").and_then(|item| item.integer(0..=MAX_RETRIES)).unwrap_or(0);
    let idempotent = table.get("idempotent").and_then(|item| item.boolean()).unwrap_or(false);
    let fallback = table.get("fallback").and_then(|item| item.boolean()).unwrap_or(false);
    let summary = table.get("summary").and_then(|item| template(&item));
    let reply = table.get("reply").and_then(|item| template(&item));
    let select = select(&mut table);
    let step = step(&what, ANY_KIND, item, &mut table);
    table.finish();
    if each && lookup.is_none() {
        let hint = format!("add `[actions.{name}.lookup]`, or leave `each` out");
        item.document().error(item.key_span.start, format!("{what}: `each` needs a lookup"), Some(hint));
    }
    if !each && lookup.as_ref().is_some_and(|lookup| lookup.optional) {
        let message = format!("{what}: a lookup that is `optional` needs `each = true`");
        item.document().error(item.key_span.start, message, None);
    }
    Some(Action {
        name: name.to_owned(),
        implements: implements?,
        place,
        parameters: parameters.into_iter().collect(),
        uses,
        find,
        lookup,
        before,
        preview,
        undo,
        step: step?,
        select,
        each,
        poll,
        timeout,
        read_timeout,
        progress,
        lock,
        // Bounded above by MAX_RETRIES.
        retry: u32::try_from(retry).unwrap_or(0),
        idempotent,
        fallback,
        summary,
        reply,
        definition: Digest::of([canonical(item.value()).as_bytes()]),
    })
}

fn constraint(name: &str, item: &Item<'_>) -> Option<(String, Constraint)> {
    let mut table = item.table()?;
    let one_of = table.get("one_of").and_then(|item| item.list());
    let one_of = one_of.map(|items| Constraint::OneOf(items.iter().filter_map(template).collect()));
    let pattern = table.get("pattern").and_then(|item| {
        item.parse(|text| regex::Regex::new(&whole(text)).map(|_| Constraint::Pattern(text.to_owned())))
    });
    let ignored = table.get("ignored").and_then(|item| item.boolean());
    let ignored = ignored.filter(|ignored| *ignored).map(|_| Constraint::Ignored);
    table.finish();
    let mut given = [one_of, pattern, ignored].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(constraint), None) => Some((name.to_owned(), constraint)),
        _ => {
            let message = format!("`{}`: expected one of `one_of`, `pattern`, `ignored`", item.path());
            item.document().error(item.key_span.start, message, None);
            None
        }
    }
}

/// A pattern that must match from beginning to end.
pub(super) fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

fn lookup(item: &Item<'_>, what: &str) -> Option<Lookup> {
    let mut table = item.table()?;
    let optional = table.get("optional").and_then(|item| item.boolean()).unwrap_or(false);
    let lookup = looked_up(item, what, &mut table, optional);
    table.finish();
    lookup
}

fn find(name: &str, item: &Item<'_>) -> Option<Find> {
    let mut table = item.table()?;
    let when = table.get("when").and_then(|item| expression(&item));
    let lookup = looked_up(item, &format!("`find.{name}`"), &mut table, false);
    table.finish();
    Some(Find { name: name.to_owned(), when, lookup: lookup? })
}

fn looked_up(item: &Item<'_>, what: &str, table: &mut Table<'_>, optional: bool) -> Option<Lookup> {
    let select = select(table);
    let none = table.get("none").and_then(|item| template(&item));
    let step = step(what, READING_KINDS, item, table);
    match &select {
        None => item.document().error(item.key_span.start, format!("{what} needs `items`"), None),
        Some(select) if select.keep.is_none() => {
            let hint = "keep what the request needs and what does not change by itself: it is part of what is approved";
            item.document().error(item.key_span.start, format!("{what} needs `keep`"), Some(hint.to_owned()));
        }
        Some(_) => {}
    }
    Some(Lookup { step: step?, select: select?, none, optional })
}

fn before(item: &Item<'_>) -> Option<Step> {
    let mut table = item.table()?;
    let step = step("`before`", READING_KINDS, item, &mut table);
    table.finish();
    step
}

/// Reads `items`, `next`, `where`, `keep`.
pub(super) fn select(table: &mut Table<'_>) -> Option<Select> {
    let items = table.get("items");
    let next = table.get("next");
    let filter = table.get("where");
    let keep = table.get("keep");
    if items.is_none() {
        for part in [&next, &filter, &keep].into_iter().flatten() {
            let message = format!("`{}` needs `items` beside it", part.path());
            part.document().error(part.key_span.start, message, None);
        }
    }
    let items = items.and_then(|item| expression(&item));
    let next = next.and_then(|item| expression(&item));
    let filter = filter.and_then(|item| expression(&item));
    let keep = keep.and_then(|item| tree(&item));
    Some(Select { items: items?, next, filter, keep })
}

fn preview(item: &Item<'_>) -> Option<Preview> {
    let mut table = item.table()?;
    let reply = required(item, "the preview", "reply", table.get("reply")).and_then(|item| template(&item));
    let facts = table.get("facts").map(|item| table_of(&item, template));
    let DeValue::Table(members) = item.value() else { return None };
    let reads = READING_KINDS.iter().any(|kind| members.get(*kind).is_some());
    let step = if reads { Some(step("the preview", READING_KINDS, item, &mut table)) } else { None };
    table.finish();
    Some(Preview { step: step.map_or(Some(None), |step| step.map(Some))?, reply: reply?, facts })
}

fn undo(item: &Item<'_>) -> Option<Undo> {
    let mut table = item.table()?;
    let intent = required(item, "`undo`", "intent", table.get("intent"));
    let place = intent.as_ref().map_or_else(Place::default, place);
    let intent = intent.and_then(|item| item.parse(str::parse::<IntentName>));
    let when = table.get("when").and_then(|item| expression(&item));
    let arguments = table.get("arguments").map(|item| table_of(&item, template)).unwrap_or_default();
    table.finish();
    Some(Undo { intent: intent?, place, when, arguments })
}

fn poll(item: &Item<'_>) -> Option<Poll> {
    let mut table = item.table()?;
    let every = table.get("every").and_then(|item| duration(&item)).unwrap_or(DEFAULT_EVERY);
    let until = required(item, "the poll", "until", table.get("until")).and_then(|item| expression(&item));
    let fail = table.get("fail").and_then(|item| expression(&item));
    let progress = table.get("progress").and_then(|item| template(&item));
    let step = step("the poll", READING_KINDS, item, &mut table);
    table.finish();
    Some(Poll { step: step?, every, until: until?, fail, progress })
}

/// The kinds of calls an action may make.
const ANY_KIND: &[&str] = &["http", "process", "builtin"];
/// The kinds of calls that read something for an action.
pub(super) const READING_KINDS: &[&str] = &["http", "process"];

/// Reads the call (exactly one of the kinds) and how its answer is read.
pub(super) fn step(what: &str, kinds: &[&'static str], item: &Item<'_>, table: &mut Table<'_>) -> Option<Step> {
    let decode = table.get("decode").and_then(|item| {
        let words = [("auto", Decode::Auto), ("text", Decode::Text), ("json-lines", Decode::JsonLines)];
        item.word(&[&words[..], &[("docker-stream", Decode::DockerStream)]].concat())
    });
    let success = table.get("success").and_then(|item| expression(&item));
    let failure = table.get("failure").and_then(|item| template(&item));
    let mut given = kinds.iter().filter_map(|kind| Some((*kind, table.get(kind)?)));
    let call = match (given.next(), given.next()) {
        (Some(("http", call)), None) => http_call(&call).map(Call::Http),
        (Some(("process", call)), None) => process_call(&call).map(Call::Process),
        (Some((_, call)), None) => text(call).map(Call::Builtin),
        _ => {
            let kinds: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
            let message = format!("{what}: expected exactly one of {}", kinds.join(", "));
            item.document().error(item.key_span.start, message, None);
            None
        }
    };
    Some(Step { call: call?, decode: decode.unwrap_or(Decode::Auto), success, failure })
}

/// A value without anything computed.
pub(super) fn constant(item: &Item<'_>) -> Option<serde_json::Value> {
    match item.value() {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Boolean(value) => Some((*value).into()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(Into::into),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(Into::into),
        DeValue::Datetime(time) => Some(time.to_string().into()),
        DeValue::Array(_) => item.list()?.iter().map(constant).collect::<Option<Vec<_>>>().map(Into::into),
        DeValue::Table(_) => item.table().map(|_| ()).and(None),
    }
}

/// A key that the item needs.
pub(super) fn required<'d>(item: &Item<'_>, what: &str, key: &str, found: Option<Item<'d>>) -> Option<Item<'d>> {
    if found.is_none() {
        item.document().error(item.key_span.start, format!("{what} needs `{key}`"), None);
    }
    found
}

#[allow(clippy::needless_pass_by_value)] // Fits `Option::and_then`.
pub(super) fn text(item: Item<'_>) -> Option<String> {
    item.string().map(|text| text.text.to_owned())
}

pub(super) fn template(item: &Item<'_>) -> Option<Template> {
    placed_template(item, item.string()?.text)
}

/// A template that is the item's text or a part of it.
pub(super) fn placed_template(item: &Item<'_>, text: &str) -> Option<Template> {
    match Template::parse(text) {
        Ok(template) => Some(template.placed(place(item))),
        Err(fault) => refuse(item, &fault),
    }
}

pub(super) fn expression(item: &Item<'_>) -> Option<Expression> {
    match Expression::parse(item.string()?.text) {
        Ok(expression) => Some(expression.placed(place(item))),
        Err(fault) => refuse(item, &fault),
    }
}

fn refuse<T>(item: &Item<'_>, fault: &TemplateFault) -> Option<T> {
    let string = item.string()?;
    let offset = item.document().within(&string, fault.offset);
    item.document().error(offset, format!("`{}`: {fault}", item.path()), fault.hint.clone());
    None
}

fn place(item: &Item<'_>) -> Place {
    let place = item.document().fault(item.span.start, "");
    Place { line: place.line.unwrap_or_default(), column: place.column.unwrap_or_default() }
}

/// `30s`, `5m`, `2h`, `500ms`.
pub(super) fn duration(item: &Item<'_>) -> Option<Duration> {
    item.parse(|text| {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number = text[..digits].parse::<u64>().ok();
        let unit = match &text[digits..] {
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            _ => None,
        };
        let duration = number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit)).map(Duration::from_millis);
        match duration.filter(|duration| !duration.is_zero() && *duration <= MAX_DURATION) {
            Some(duration) => Ok(duration),
            None => Err(format!("expected a time from `1ms` to `24h` such as `30s`, found `{text}`")),
        }
    })
}

/// A table whose keys are anybody's choice, in the file's order.
pub(super) fn table_of<T>(item: &Item<'_>, read: impl Fn(&Item<'_>) -> Option<T>) -> Vec<(String, T)> {
    let rest = item.table().map(|mut table| table.rest()).unwrap_or_default();
    rest.into_iter().filter_map(|(key, item)| Some((key.text.to_owned(), read(&item)?))).collect()
}

/// The same, for things that want to know their name.
fn named<T>(item: &Item<'_>, read: impl Fn(&str, &Item<'_>) -> Option<T>) -> Vec<T> {
    let rest = item.table().map(|mut table| table.rest()).unwrap_or_default();
    rest.into_iter().filter_map(|(key, item)| read(key.text, &item)).collect()
}

/// A value as one text that depends on nothing but what it says: comments, layout and the order of keys are gone.
fn canonical(value: &DeValue<'_>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => format!("{}:{}", number.radix(), number.as_str()),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| canonical(item.get_ref())).collect();
            format!("[{}]", items.join(","))
        }
        DeValue::Table(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(key, item)| format!("{}:{}", quoted(key.get_ref()), canonical(item.get_ref())))
                .collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
    }
}
