//! What a manifest's parts mean to each other, and to the intents: every name a template uses is there, and every
//! argument that a person can give has an effect or is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, Argument, Call, Computed, Constraint, Expression, Manifest, Place, Select, Setting, Step, Template, Undo,
    list,
};
use crate::catalogue::{Diagnostic, Severity};
use crate::catalogue::{did_you_mean, suggestion};
use crate::domain::{Effect, Intent, Intents};

/// What every template sees beside the command's arguments.
const AROUND: &[&str] = &[
    "arguments",
    "settings",
    "connection",
    "login",
    "machine",
    "now",
    "requester",
    "proposal",
    "files",
    "found",
    "item",
    "items",
];
/// What a template about an answer sees as well.
pub(super) const ANSWER: &[&str] =
    &["body", "status", "headers", "cookies", "lines", "exit_code", "stdout", "stderr", "truncated", "sent"];
/// What a login sees, which is made for nobody's command, beside the answer.
const LOGIN: &[&str] = &["connection", "settings", "machine"];

/// What a signature sees, which is made of a request that is complete.
const SIGNATURE: &[&str] = &["connection", "settings", "machine", "now", "method", "path", "content", "signature"];

/// What the undo sees beside the command's arguments.
const UNDO: &[&str] = &["facts", "found", "items", "machine", "settings"];

/// Where a secret belongs.
const IN_ENV: &str = "hand it over in `env`";

fn seen_by_everybody(name: &str) -> String {
    format!("`{name}` would be seen by everybody in the list of processes")
}

/// A computed text, and whether it can speak of an answer.
type Text<'m> = (&'m dyn Computed, bool);

/// Faults that show without knowing the intents.
pub(super) fn names(manifest: &Manifest) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    let mut fault =
        |place: Place, message: String, hint: Option<String>| faults.push(at(manifest, place, message, hint));
    for action in &manifest.actions {
        for (text, _) in texts(action).into_iter().chain(connection_texts(manifest)) {
            for name in text.names() {
                if let Some(thing) = name.strip_prefix("found.").map(root)
                    && !action.find.iter().any(|find| find.name == thing)
                {
                    let hint = suggestion(thing, action.find.iter().map(|find| find.name.as_str()));
                    fault(text.place(), format!("nothing is found under the name `{thing}`"), hint);
                }
                if let Some((message, hint)) = missing_value(manifest, name) {
                    fault(text.place(), message, hint);
                }
            }
            if action.lookups().next().is_none()
                && action.select.is_none()
                && text.names().iter().any(|name| root(name) == "item")
            {
                fault(text.place(), "`item` is what a lookup finds, and there is none".to_owned(), None);
            }
        }
        for (name, _) in action.uses.iter().filter(|(name, _)| !manifest.files.contains_key(name)) {
            let hint = suggestion(name, manifest.files.keys().map(String::as_str));
            fault(action.place, format!("`[files]` has no `{name}`"), hint);
        }
        for call in calls(action) {
            match call {
                Call::Http(_) if manifest.connection.is_none() => {
                    let hint = Some("add `[connection]` with `url`".to_owned());
                    fault(action.place, format!("action `{}` needs a `[connection]`", action.name), hint);
                }
                Call::Process(process) => {
                    for argument in &process.argv {
                        if let Some(name) = secret_in(manifest, argument) {
                            fault(action.place, seen_by_everybody(name), Some(IN_ENV.to_owned()));
                        }
                    }
                }
                Call::Http(_) | Call::Builtin(_) => {}
            }
        }
    }
    faults.extend(list::faults(manifest));
    for call in list::steps(manifest).map(|step| &step.call) {
        if let Call::Process(process) = call
            && let Some(name) = process.argv.iter().find_map(|argument| secret_in(manifest, argument))
        {
            faults.push(Diagnostic::error(&manifest.file, seen_by_everybody(name)).hint(IN_ENV));
        }
    }
    faults.extend(manifest.on_call.iter().flat_map(|read| read.faults(manifest)));
    for text in login_texts(manifest) {
        for name in text.names() {
            if !LOGIN.contains(&root(name)) && !ANSWER.contains(&root(name)) {
                let message = format!("`{name}` is not known when logging in, which is done for many commands at once");
                faults.push(at(manifest, text.place(), message, None));
            }
        }
    }
    let sign = manifest.connection.iter().filter_map(|connection| connection.sign.as_ref());
    for text in sign.flat_map(|sign| [&sign.key, &sign.value].into_iter().chain(&sign.over)) {
        for name in text.names() {
            if !SIGNATURE.contains(&root(name)) {
                let hint = suggestion(root(name), SIGNATURE.iter().copied());
                faults.push(at(manifest, text.place(), format!("`{name}` is not known to a signature"), hint));
            } else if let Some((message, hint)) = missing_value(manifest, name) {
                faults.push(at(manifest, text.place(), message, hint));
            }
        }
    }
    let connection = manifest.connection.iter().flat_map(|connection| connection.values.keys().map(String::as_str));
    for name in connection
        .chain(["url", "ca", "client_certificate", "client_key"])
        .filter(|name| manifest.settings.contains_key(*name))
    {
        let fault = Diagnostic::error(&manifest.file, format!("`{name}` is in `[connection]` and in `[settings]`"));
        faults.push(fault.hint("give one of them another name: the configuration replaces both under one table"));
    }
    faults.sort();
    faults.dedup();
    faults
}

impl Manifest {
    /// Checks the actions against the intents they implement. Of intents that are `unreadable` nothing is said.
    pub fn cross_check(&self, intents: &Intents, unreadable: impl Fn(&str) -> bool) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        for action in &self.actions {
            let name = action.implements.as_str();
            match intents.get(name) {
                Some(intent) => Check { manifest: self, action, intent, faults: &mut faults }.run(intents),
                None if unreadable(name) => {}
                None => {
                    let hint = did_you_mean(name, intents.iter().map(|intent| intent.name.as_str()));
                    faults.push(at(self, action.place, format!("unknown intent `{name}`"), hint));
                }
            }
        }
        faults.sort_by_key(|fault| (fault.line, fault.column));
        faults
    }
}

/// One action against its intent.
struct Check<'m> {
    manifest: &'m Manifest,
    action: &'m Action,
    intent: &'m Intent,
    faults: &'m mut Vec<Diagnostic>,
}

impl Check<'_> {
    fn run(mut self, intents: &Intents) {
        self.names();
        self.hidden();
        self.files();
        if let Some(undo) = &self.action.undo {
            self.undo(undo, intents);
        }
        self.parameters();
        if let Call::Http(http) = &self.action.step.call {
            for segment in &http.path {
                self.segment(segment);
            }
        }
        if self.action.retry > 0 && !self.action.idempotent && self.intent.effect != Effect::Read {
            let message = format!("`retry` on `{}`, a {} that is not idempotent", self.intent.name, self.intent.effect);
            let hint = "leave `retry` out, or say `idempotent = true` if doing it twice is doing it once";
            self.fault(self.action.place, message, Some(hint.to_owned()));
        }
    }

    /// In a sentence, a name that the answer has too would be the answer's.
    fn hidden(&mut self) {
        let preview = self.action.preview.iter().map(|preview| &preview.reply);
        for sentence in self.action.summary.iter().chain(&self.action.reply).chain(preview) {
            for name in sentence.names().iter().filter(|name| ANSWER.contains(&name.as_str())) {
                if self.intent.parameter(name).is_some() {
                    let hint = format!("say `arguments.{name}` if the command's is meant");
                    self.fault(sentence.place(), format!("`{name}` is the answer's here"), Some(hint));
                }
            }
        }
    }

    fn names(&mut self) {
        let parameters = || self.intent.parameters.iter().map(|parameter| parameter.name.as_str());
        for (text, answers) in texts(self.action) {
            for name in text.names() {
                let (root, attribute) = name.split_once('.').unwrap_or((name, ""));
                let unknown = match root {
                    "arguments" if !attribute.is_empty() => attribute,
                    _ => root,
                };
                let known = (root == "page" && paged(self.action))
                    || (root == "line" && self.action.progress.is_some())
                    || AROUND.contains(&unknown)
                    || (answers && ANSWER.contains(&unknown))
                    || parameters().any(|parameter| parameter == unknown);
                if !known {
                    let message = format!("`{}` has no parameter `{unknown}`", self.intent.name);
                    let hint = suggestion(unknown, parameters());
                    self.faults.push(at(self.manifest, text.place(), message, hint));
                }
            }
        }
    }

    /// A file whose name is not known would be left out of the request without a word.
    fn files(&mut self) {
        let mentioned: BTreeSet<String> = texts(self.action)
            .into_iter()
            .flat_map(|(text, _)| text.names())
            .filter_map(|name| name.strip_prefix("files.").map(|path| root(path).to_owned()))
            .collect();
        let files = &self.manifest.files;
        for (name, file) in files.iter().filter(|(name, _)| mentioned.contains(*name)) {
            for part in file.names().iter().map(|name| root(name)).filter(|part| *part != "settings") {
                if self.intent.parameter(part).is_none_or(|parameter| !parameter.required) {
                    let message =
                        format!("`files.{name}` needs `{part}`, which `{}` does not require", self.intent.name);
                    self.fault(file.place(), message, None);
                }
            }
        }
    }

    /// What takes it back must be a command, as far as can be seen without values.
    fn undo(&mut self, undo: &Undo, intents: &Intents) {
        let Some(inverse) = intents.get(undo.intent.as_str()) else {
            let hint = did_you_mean(undo.intent.as_str(), intents.iter().map(|intent| intent.name.as_str()));
            return self.fault(undo.place, format!("unknown intent `{}`", undo.intent), hint);
        };
        for (name, value) in &undo.arguments {
            if inverse.parameter(name).is_none() {
                let hint = suggestion(name, inverse.parameters.iter().map(|parameter| parameter.name.as_str()));
                self.fault(value.place(), format!("`{}` has no parameter `{name}`", inverse.name), hint);
            }
        }
        let values = undo.arguments.iter().map(|(_, value)| value as &dyn Computed);
        for text in values.chain(undo.when.as_ref().map(|when| when as &dyn Computed)) {
            for root in text.names().iter().map(|name| root(name)) {
                if !UNDO.contains(&root) && self.intent.parameter(root).is_none() {
                    self.fault(text.place(), format!("`{}` has no parameter `{root}`", self.intent.name), None);
                }
            }
        }
        let given = |name: &str| undo.arguments.iter().any(|(given, _)| given == name);
        for missing in
            inverse.parameters.iter().filter(|parameter| parameter.required && !given(parameter.name.as_str()))
        {
            let message = format!("the undo needs `{}`, which `{}` requires", missing.name, inverse.name);
            self.fault(undo.place, message, None);
        }
    }

    fn parameters(&mut self) {
        for name in self.action.parameters.keys() {
            if self.intent.parameter(name).is_none() {
                let hint = suggestion(name, self.intent.parameters.iter().map(|parameter| parameter.name.as_str()));
                self.fault(self.action.place, format!("`{}` has no parameter `{name}`", self.intent.name), hint);
            }
        }
        let used = used_parameters(self.action, &self.manifest.settings, &self.manifest.files);
        for parameter in self.intent.parameters.iter().filter(|parameter| parameter.required) {
            if used.as_ref().is_some_and(|used| !used.contains(parameter.name.as_str())) {
                let message =
                    format!("action `{}` makes no use of `{}`, which is required", self.action.name, parameter.name);
                let hint = format!("use it, or say `parameters.{} = {{ ignored = true }}`", parameter.name);
                self.fault(self.action.place, message, Some(hint));
            }
        }
    }

    /// A path cannot do without one of its segments.
    fn segment(&mut self, segment: &Template) {
        let Some(name) = segment.expression().map(str::trim) else { return };
        if self.intent.parameter(name).is_some_and(|parameter| !parameter.required) {
            let message = format!("`{name}` is optional, but a path needs all of its segments");
            let hint = format!("give a default: `{{{{ {name} | default(…) }}}}`");
            self.fault(segment.place(), message, Some(hint));
        }
    }

    fn fault(&mut self, place: Place, message: String, hint: Option<String>) {
        self.faults.push(at(self.manifest, place, message, hint));
    }
}

/// The arguments that have an effect on what an action does, with these settings and files; none if it is all of them. An
/// argument without effect must not be given: what was asked for would not be what is done.
pub fn used_parameters(
    action: &Action,
    settings: &BTreeMap<String, Setting>,
    files: &BTreeMap<String, Template>,
) -> Option<BTreeSet<String>> {
    if action.builtin().is_some() {
        return None;
    }
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> =
        action.effective_leaves().into_iter().flat_map(|leaf| leaf.names()).map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if !names.insert(name) {
            continue;
        }
        let templates = match name.split_once('.') {
            Some(("settings", path)) => setting_templates(settings, path),
            Some(("files", path)) => files.get(root(path)).into_iter().collect(),
            _ => Vec::new(),
        };
        open.extend(templates.into_iter().flat_map(|template| template.names()).map(String::as_str));
    }
    if names.contains("arguments") {
        return None;
    }
    let named = names.into_iter().map(|name| root(name.strip_prefix("arguments.").unwrap_or(name)).to_owned());
    Some(named.chain(action.parameters.keys().cloned()).collect())
}

/// The templates among the settings at and below a path.
fn setting_templates<'s>(settings: &'s BTreeMap<String, Setting>, path: &str) -> Vec<&'s Template> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match settings.get(first) {
        Some(Setting::Template(template)) => vec![template],
        Some(Setting::Table(table)) if rest.is_empty() => {
            table.keys().flat_map(|key| setting_templates(table, key)).collect()
        }
        Some(Setting::Table(table)) => setting_templates(table, rest),
        Some(Setting::Value(_) | Setting::Env { .. } | Setting::Secret { .. }) | None => Vec::new(),
    }
}

/// All computed texts of an action.
fn texts(action: &Action) -> Vec<Text<'_>> {
    fn step<'m>(texts: &mut Vec<Text<'m>>, step: &'m Step, answers: bool) {
        texts.extend(step.call.leaves().into_iter().map(|leaf| (leaf, answers)));
        texts.extend(step.success.iter().map(|success| (success as &dyn Computed, true)));
        texts.extend(step.failure.iter().map(|failure| (failure as &dyn Computed, true)));
    }
    fn select<'m>(texts: &mut Vec<Text<'m>>, select: &'m Select) {
        let expressions = std::iter::once(&select.items).chain(&select.next).chain(&select.filter);
        texts.extend(expressions.map(|expression| (expression as &dyn Computed, true)));
        let mut keep = Vec::new();
        select.keep.iter().for_each(|tree| tree.gather(&mut keep));
        texts.extend(keep.into_iter().map(|leaf| (leaf, true)));
    }
    let mut texts: Vec<Text<'_>> = Vec::new();
    step(&mut texts, &action.step, false);
    action.select.iter().for_each(|selected| select(&mut texts, selected));
    let said = action.lock.iter().chain(&action.progress).chain(action.uses.iter().map(|(_, none)| none));
    texts.extend(said.map(|text| (text as &dyn Computed, false)));
    texts.extend(action.summary.iter().chain(&action.reply).map(|text| (text as &dyn Computed, true)));
    for constraint in action.parameters.values() {
        if let Constraint::OneOf(values) = constraint {
            texts.extend(values.iter().map(|value| (value as &dyn Computed, false)));
        }
    }
    action.before.iter().for_each(|before| step(&mut texts, before, false));
    texts.extend(action.find.iter().filter_map(|find| Some((find.when.as_ref()? as &dyn Computed, false))));
    for lookup in action.lookups() {
        step(&mut texts, &lookup.step, false);
        select(&mut texts, &lookup.select);
        texts.extend(lookup.none.iter().map(|none| (none as &dyn Computed, true)));
    }
    if let Some(preview) = &action.preview {
        preview.step.iter().for_each(|preview| step(&mut texts, preview, false));
        texts.push((&preview.reply, true));
        texts.extend(preview.facts.iter().flatten().map(|(_, fact)| (fact as &dyn Computed, true)));
    }
    if let Some(poll) = &action.poll {
        step(&mut texts, &poll.step, true);
        let expressions = std::iter::once(&poll.until).chain(&poll.fail);
        texts.extend(expressions.map(|expression: &Expression| (expression as &dyn Computed, true)));
        texts.extend(poll.progress.iter().map(|progress| (progress as &dyn Computed, true)));
    }
    texts
}

fn connection_texts(manifest: &Manifest) -> impl Iterator<Item = Text<'_>> {
    let headers = manifest.connection.iter().flat_map(|connection| &connection.headers);
    let login = login_texts(manifest).into_iter();
    headers.chain(&manifest.env).map(|(_, template)| template as &dyn Computed).chain(login).map(|text| (text, false))
}

fn login_texts(manifest: &Manifest) -> Vec<&dyn Computed> {
    let Some(login) = manifest.connection.iter().find_map(|connection| connection.login.as_deref()) else {
        return Vec::new();
    };
    let mut texts = login.step.call.leaves();
    let expressions = login.when.iter().chain(&login.step.success).chain(&login.expired);
    texts.extend(expressions.map(|expression| expression as &dyn Computed));
    let templates = login.step.failure.iter().chain(login.keep.iter().map(|(_, template)| template));
    texts.extend(templates.map(|template| template as &dyn Computed));
    texts
}

fn calls(action: &Action) -> impl Iterator<Item = &Call> {
    let lookup = action.lookups().map(|lookup| &lookup.step).chain(&action.before);
    let preview = action.preview.iter().filter_map(|preview| preview.step.as_ref());
    let poll = action.poll.iter().map(|poll| &poll.step);
    std::iter::once(&action.step).chain(lookup).chain(preview).chain(poll).map(|step| &step.call)
}

/// What is wrong with `settings.x` or `connection.x`.
pub(super) fn missing_value(manifest: &Manifest, name: &str) -> Option<(String, Option<String>)> {
    let (root, path) = name.split_once('.')?;
    let key = path.split('.').next().unwrap_or(path);
    let known: Vec<&str> = match root {
        "files" => manifest.files.keys().map(String::as_str).collect(),
        "settings" => manifest.settings.keys().map(String::as_str).collect(),
        "connection" => {
            let values = manifest.connection.iter().flat_map(|connection| connection.values.keys());
            values.map(String::as_str).chain(["url"]).collect()
        }
        "login" => {
            let login = manifest.connection.iter().filter_map(|connection| connection.login.as_ref());
            login.flat_map(|login| login.keep.iter().map(|(name, _)| name.as_str())).collect()
        }
        _ => return None,
    };
    let missing = !known.contains(&key);
    let table = if root == "login" { "connection.login.keep" } else { root };
    missing.then(|| (format!("`[{table}]` has no `{key}`"), suggestion(key, known.iter().copied())))
}

/// The name of a secret that would stand in an argv: the configuration may make a secret of a value that was none.
pub fn secret_in_argv(manifest: &Manifest) -> Option<&str> {
    let unasked = list::steps(manifest).map(|step| &step.call);
    let argv = manifest.actions.iter().flat_map(calls).chain(unasked).flat_map(|call| match call {
        Call::Process(process) => process.argv.as_slice(),
        Call::Http(_) | Call::Builtin(_) => &[],
    });
    argv.into_iter().find_map(|argument| secret_in(manifest, argument))
}

/// A secret that an argv element would show.
fn secret_in<'m>(manifest: &'m Manifest, argument: &'m Argument) -> Option<&'m str> {
    let elements = match argument {
        Argument::Element(element) => std::slice::from_ref(element),
        Argument::Group(_, elements) => elements,
    };
    elements.iter().flat_map(|element| element.names()).map(String::as_str).find(|name| {
        let setting = match name.split_once('.') {
            Some(("settings", key)) => manifest.settings.get(key),
            Some(("connection", key)) => manifest.connection.as_ref().and_then(|connection| connection.values.get(key)),
            Some(("login", _)) => return true,
            _ => None,
        };
        matches!(setting, Some(Setting::Secret { .. }))
    })
}

/// Whether one of its lists comes in parts.
fn paged(action: &Action) -> bool {
    action.select.iter().chain(action.lookups().map(|lookup| &lookup.select)).any(|select| select.next.is_some())
}

fn root(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

pub(super) fn at(manifest: &Manifest, place: Place, message: String, hint: Option<String>) -> Diagnostic {
    Diagnostic {
        file: manifest.file.clone(),
        line: Some(place.line),
        column: Some(place.column),
        severity: Severity::Error,
        message,
        hint,
    }
}
