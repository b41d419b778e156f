//! What is asked of a system with nobody's command behind it: the names of what it holds, and whether it is well.

use std::time::Duration;

use super::read::{READING_KINDS, duration, required, select, step, template};
use super::{Call, Computed, Manifest, Select, Step, Tree, check};
use crate::catalogue::{Diagnostic, Item, suggestion};
use crate::domain::{EntityType, Listed};

/// How old a list may become when the manifest does not say.
const DEFAULT_EVERY: Duration = Duration::from_mins(5);
/// The youngest age at which a system may be asked again.
const LEAST_EVERY: Duration = Duration::from_secs(10);

/// What the templates see beside the answer.
const AROUND: &[&str] = &["settings", "connection", "login", "machine", "now"];
/// What they see of a list.
const LIST: &[&str] = &["item", "page"];

/// Names of one type of things that a system holds.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// Its name within the manifest: `services`.
    pub name: String,
    /// What they are.
    pub entity: EntityType,
    /// The read.
    pub step: Step,
    /// The things, each kept as an object with `name` and `aliases`.
    pub select: Select,
    /// How old the names may become before they are read again.
    pub every: Duration,
}

/// Reads `[lists.<name>]`.
pub(super) fn list(name: &str, item: &Item<'_>) -> Option<List> {
    let mut table = item.table()?;
    let what = format!("list `{name}`");
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
        let message = format!("{what}: expected a name of lower-case letters, digits and `_`");
        item.document().error(item.key_span.start, message, None);
    }
    let entity = required(item, &what, "entity", table.get("entity")).and_then(|item| entity(&item));
    let called = required(item, &what, "name", table.get("name")).and_then(|item| template(&item));
    let aliases = table.get("aliases").and_then(|item| item.list()).unwrap_or_default();
    let aliases: Vec<_> = aliases.iter().filter_map(template).map(Tree::Leaf).collect();
    let every = table.get("every").and_then(|item| {
        let every = duration(&item)?;
        if every < LEAST_EVERY {
            item.document().error(item.span.start, format!("`{}`: expected `10s` at least", item.path()), None);
        }
        Some(every)
    });
    let select = select(&mut table);
    if select.is_none() {
        item.document().error(item.key_span.start, format!("{what} needs `items`"), None);
    }
    if select.as_ref().is_some_and(|select| select.keep.is_some()) {
        let hint = Some("its `name` and its `aliases` are all that is kept".to_owned());
        item.document().error(item.key_span.start, format!("{what} has no use for `keep`"), hint);
    }
    let step = step(&what, READING_KINDS, item, &mut table);
    table.finish();
    let keep = Tree::Map(vec![("name".to_owned(), Tree::Leaf(called?)), ("aliases".to_owned(), Tree::List(aliases))]);
    let select = Select { keep: Some(keep), ..select? };
    Some(List { name: name.to_owned(), entity: entity?, step: step?, select, every: every.unwrap_or(DEFAULT_EVERY) })
}

fn entity(item: &Item<'_>) -> Option<EntityType> {
    item.parse(|text| match EntityType::ALL.into_iter().find(|entity| entity.as_str() == text) {
        Some(entity) if Listed::takes(entity) => Ok(entity),
        Some(_) => Err(format!("no system can say what is called `{text}`: what may be done depends on it")),
        None => {
            let hint = suggestion(text, EntityType::ALL.map(EntityType::as_str).into_iter());
            Err(format!(
                "unknown type `{text}` of entities{}",
                hint.map(|hint| format!(", {hint}")).unwrap_or_default()
            ))
        }
    })
}

/// Reads `[health]`: a call that is of no consequence, and needs nothing that only a command knows.
pub(super) fn health(item: &Item<'_>) -> Option<Step> {
    let mut table = item.table()?;
    let step = step("the health", READING_KINDS, item, &mut table);
    table.finish();
    step
}

/// The calls that nobody asks for.
pub(super) fn steps(manifest: &Manifest) -> impl Iterator<Item = &Step> {
    manifest.lists.iter().map(|list| &list.step).chain(&manifest.health)
}

/// Names that nobody knows where there is no command, and calls that cannot be made.
pub(super) fn faults(manifest: &Manifest) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    let mut about = |text: &dyn Computed, also: &[&[&str]]| {
        for name in text.names() {
            let known = || also.iter().copied().chain([AROUND]).flatten();
            let root = name.split('.').next().unwrap_or(name);
            if !known().any(|known| *known == root) {
                let message = format!("`{name}` is not known here: nobody's command is behind it");
                faults.push(check::at(manifest, text.place(), message, suggestion(root, known().copied())));
            } else if let Some((message, hint)) = check::missing_value(manifest, name) {
                faults.push(check::at(manifest, text.place(), message, hint));
            }
        }
    };
    for list in &manifest.lists {
        let Select { items, next, filter, keep } = &list.select;
        list.step.call.leaves().into_iter().for_each(|leaf| about(leaf, &[&["page"]]));
        let mut texts: Vec<&dyn Computed> = std::iter::once(items).chain(next).chain(filter).map(|e| e as _).collect();
        keep.iter().for_each(|tree| tree.gather(&mut texts));
        texts.into_iter().for_each(|text| about(text, &[LIST, check::ANSWER]));
    }
    for leaf in manifest.health.iter().flat_map(|step| step.call.leaves()) {
        about(leaf, &[]);
    }
    for step in steps(manifest) {
        let success = step.success.iter().map(|success| success as &dyn Computed);
        let failure = step.failure.iter().map(|failure| failure as &dyn Computed);
        success.chain(failure).for_each(|text| about(text, &[check::ANSWER]));
    }
    if manifest.connection.is_none() && steps(manifest).any(|step| matches!(step.call, Call::Http(_))) {
        let message = "a list or a health over HTTP needs a `[connection]`";
        faults.push(Diagnostic::error(&manifest.file, message.to_owned()));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> (Option<Manifest>, Vec<String>) {
        let text = format!(
            "summary = \"x\"\n[actions.a]\nimplements = \"service.restart\"\nprocess.argv = [\"x\", \"--\", \"{{{{ service }}}}\"]\n{more}\n"
        );
        let mut faults = Vec::new();
        let manifest = Manifest::parse("integrations/x.toml", &text, &mut faults);
        (manifest, faults.iter().map(|fault| fault.to_string().replace("error: integrations/x.toml:", "")).collect())
    }

    #[test]
    fn a_list_and_a_health_are_read() {
        let (manifest, faults) = read(
            "[lists.services]\nentity = \"service\"\nprocess.argv = [\"x\", \"list\"]\nitems = \"body\"\nname = \"{{ item.name }}\"\n\
             aliases = [\"{{ item.title }}\"]\nevery = \"1m\"\n[health]\nprocess.argv = [\"x\", \"{{ machine }}\"]",
        );
        assert_eq!(faults, [""; 0]);
        let manifest = manifest.unwrap();
        let list = &manifest.lists[0];
        assert_eq!((list.name.as_str(), list.entity, list.every.as_secs()), ("services", EntityType::Service, 60));
        assert!(manifest.health.is_some());
    }

    #[test]
    fn what_makes_no_list_is_said() {
        let list =
            "[lists.services]\nentity = \"service\"\nprocess.argv = [\"x\"]\nitems = \"body\"\nname = \"{{ item }}\"\n";
        for (text, said) in [
            (
                list.replace("\"service\"", "\"environment\""),
                "no system can say what is called `environment`: what may be done depends on it",
            ),
            (
                list.replace("\"service\"", "\"person\""),
                "no system can say what is called `person`: what may be done depends on it",
            ),
            (list.replace("\"service\"", "\"servce\""), "unknown type `servce` of entities, did you mean `service`?"),
            (list.replace("items = \"body\"", ""), "list `services` needs `items`"),
            (list.replace("name = \"{{ item }}\"", ""), "list `services` needs `name`"),
            (list.replace("lists.services", "lists.\"../x\""), "expected a name of lower-case letters, digits and `_`"),
            (format!("{list}keep = \"{{{{ item }}}}\""), "list `services` has no use for `keep`"),
            (format!("{list}every = \"1s\""), "`lists.services.every`: expected `10s` at least"),
            (
                format!("{list}where = \"item == service\""),
                "`service` is not known here: nobody's command is behind it",
            ),
            (list.replace("{{ item }}", "{{ settings.x }}"), "`[settings]` has no `x`"),
            (
                list.replace("process.argv = [\"x\"]", "http.path = \"/x\""),
                "a list or a health over HTTP needs a `[connection]`",
            ),
            (list.replace("process.argv = [\"x\"]", "process.argv = [\"sh\", \"-c\", \"x\"]"), "shell"),
            (
                "[health]\nprocess.argv = [\"x\", \"{{ service }}\"]".to_owned(),
                "`service` is not known here: nobody's command is behind it",
            ),
            (
                "[health]\nprocess.argv = [\"x\"]\nsuccess = \"item\"".to_owned(),
                "`item` is not known here: nobody's command is behind it",
            ),
            ("[health]\nbuiltin = \"x\"".to_owned(), "expected exactly one of `http`, `process`"),
            (
                "[settings]\ntoken = { secret = \"X\" }\n[health]\nprocess.argv = [\"x\", \"{{ settings.token }}\"]"
                    .to_owned(),
                "`settings.token` would be seen by everybody in the list of processes",
            ),
        ] {
            let (manifest, faults) = read(&text);
            assert!(manifest.is_none() && faults.iter().any(|fault| fault.contains(said)), "{text}\n{faults:?}");
        }
    }
}
