//! `intents/<name>.toml`: one intent with its examples.
//!
//! A fault never hides another: a parameter of an unknown type counts as text and a bad effect as destructive until they
//! are mended, so that the rest of the file, and the runbooks that use the intent, are still checked.

use super::example::{Annotation, Example, ExampleKind, RawAnnotation, parse_annotated};
use super::fields::{Document, Item, Located, Table, suggestion};
use super::parameter_file::{Declared, ParameterSection, enum_value_of};
use super::{Diagnostic, SourceFile};
use crate::domain::{Effect, Intent, IntentName, Parameter, ParameterName, ValueType};

/// An intent with fewer examples is hardly ever found.
const FEWEST_EXAMPLES: usize = 5;

/// What one file declares.
#[derive(Debug)]
pub(super) struct IntentFile {
    pub(super) intent: Intent,
    pub(super) examples: Vec<Example>,
}

/// Reads a file. None when its name is no intent's name or its syntax is broken; every fault becomes a diagnostic.
pub(super) fn read_intent(file: &SourceFile, diagnostics: &mut Vec<Diagnostic>) -> Option<IntentFile> {
    let name = file.name().strip_suffix(".toml").unwrap_or_default().parse::<IntentName>();
    let document = match Document::parse(&file.path, &file.text) {
        Ok(document) => document,
        Err(faults) => {
            diagnostics.extend(faults);
            return None;
        }
    };
    let content = Content::read(&document);
    if let Err(error) = &name {
        document.error_in_file(error.to_string(), Some("name the file like `service.restart.toml`".to_owned()));
    }
    diagnostics.extend(document.into_faults());
    Some(content.named(name.ok()?, &file.path))
}

/// A file's content, before the intent's name is put to it.
struct Content {
    summary: String,
    effect: Effect,
    parameters: Vec<Parameter>,
    one_of: Vec<Vec<ParameterName>>,
    /// Text, annotations and line.
    examples: Vec<(String, Vec<Annotation>, usize)>,
    /// Text and line.
    not_examples: Vec<(String, usize)>,
}

impl Content {
    fn read(document: &Document<'_>) -> Self {
        let mut root = document.root();
        let summary = read_summary(document, &mut root);
        let effect = read_effect(document, &mut root);
        let one_of = root.get("one_of");
        let examples = root.get("examples");
        let not_examples = root.get("not_examples").and_then(|item| item.strings()).unwrap_or_default();
        let section = root.get("parameters").and_then(|item| item.table());
        root.finish();

        let section = section.map(|table| ParameterSection::read(document, table)).unwrap_or_default();
        let one_of = one_of.map(|item| read_groups(document, &item, &section)).unwrap_or_default();
        section.check_questions(document, &one_of);
        let examples = ExampleReader { document, section: &section, annotated: Vec::new() }.read(examples);
        let not_examples = not_examples.iter().map(|text| read_not_example(document, text)).collect();
        let parameters = section.declared.into_iter().map(|declared| declared.parameter).collect();
        Self { summary, effect, parameters, one_of, examples, not_examples }
    }

    fn named(self, name: IntentName, file: &str) -> IntentFile {
        let Self { summary, effect, parameters, one_of, examples, not_examples } = self;
        let positive = examples.into_iter().map(|(text, annotations, line)| Example {
            intent: Some(name.clone()),
            text,
            annotations,
            names: Vec::new(),
            kind: ExampleKind::Positive,
            file: file.to_owned(),
            line,
        });
        let negative = not_examples.into_iter().map(|(text, line)| Example {
            intent: None,
            text,
            annotations: Vec::new(),
            names: Vec::new(),
            kind: ExampleKind::NotThis(name.clone()),
            file: file.to_owned(),
            line,
        });
        let examples = positive.chain(negative).collect();
        IntentFile { intent: Intent { name, summary, effect, parameters, one_of }, examples }
    }
}

fn read_summary(document: &Document<'_>, root: &mut Table<'_>) -> String {
    let hint = || Some("say in the imperative what it does: `Restart a service`".to_owned());
    let Some(item) = root.get("summary") else {
        document.error_in_file("`summary` is missing", hint());
        return String::new();
    };
    let Some(summary) = item.string() else { return String::new() };
    if summary.text.trim().is_empty() {
        document.error(summary.span.start, "`summary` is empty", hint());
    } else if summary.text.ends_with('.') {
        document.warning(summary.span.start, "`summary` ends with a full stop", hint());
    }
    summary.text.trim().to_owned()
}

fn read_effect(document: &Document<'_>, root: &mut Table<'_>) -> Effect {
    let effects = [Effect::Read, Effect::Change, Effect::Destructive].map(|effect| (effect.as_str(), effect));
    let effect = match root.get("effect") {
        Some(item) => item.word(&effects),
        None => {
            let hint = "`read` looks only, `change` can be undone, `destructive` cannot".to_owned();
            document.error_in_file("`effect` is missing", Some(hint));
            None
        }
    };
    effect.unwrap_or(Effect::Destructive)
}

fn read_groups(document: &Document<'_>, item: &Item<'_>, section: &ParameterSection) -> Vec<Vec<ParameterName>> {
    let mut groups = Vec::new();
    for group in item.list().unwrap_or_default() {
        let Some(members) = group.strings() else { continue };
        if members.len() < 2 {
            let hint = "for a single parameter, write `required = true`".to_owned();
            document.error(group.span.start, "a group in `one_of` needs at least two parameters", Some(hint));
        }
        let names = members.iter().filter_map(|member| {
            let found = section.find(member.text);
            if found.is_none() {
                let message = format!("`one_of` names no parameter: `{}`", member.text);
                document.error(member.span.start, message, suggestion(member.text, section.names()));
            }
            found.map(|declared| declared.parameter.name.clone())
        });
        groups.push(names.collect());
    }
    groups
}

/// Not-examples are taken as written; brackets mean nothing in them.
fn read_not_example(document: &Document<'_>, text: &Located<'_>) -> (String, usize) {
    if parse_annotated(text.text).is_ok_and(|(_, annotations)| !annotations.is_empty()) {
        let hint = "write the message without annotations".to_owned();
        document.warning(text.span.start, "an annotation in `not_examples`, which are taken as written", Some(hint));
    }
    (text.text.trim().to_owned(), document.line(text.span.start))
}

/// Reads `examples` against the parameters.
struct ExampleReader<'a, 'd> {
    document: &'a Document<'d>,
    section: &'a ParameterSection,
    /// The parameters that some example annotates, well or badly.
    annotated: Vec<String>,
}

impl ExampleReader<'_, '_> {
    fn read(mut self, item: Option<Item<'_>>) -> Vec<(String, Vec<Annotation>, usize)> {
        let hint = || Some("write at least 20 that differ in voice: terse, polite, indirect, dictated".to_owned());
        let Some(item) = item else {
            self.document.error_in_file("`examples` is missing", hint());
            return Vec::new();
        };
        let Some(texts) = item.strings() else { return Vec::new() };
        if texts.is_empty() {
            self.document.error(item.key_span.start, "`examples` is empty: nothing can reach the intent", hint());
            return Vec::new();
        }
        if texts.len() < FEWEST_EXAMPLES {
            let message = format!(
                "expected at least {FEWEST_EXAMPLES} examples, found {}: the intent is hardly reachable",
                texts.len()
            );
            self.document.warning(item.key_span.start, message, hint());
        }
        let examples = texts.iter().filter_map(|text| self.example(text)).collect();
        self.check_all_annotated();
        examples
    }

    fn example(&mut self, source: &Located<'_>) -> Option<(String, Vec<Annotation>, usize)> {
        let (text, raw) = match parse_annotated(source.text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let offset = self.document.within(source, error.offset);
                self.document.error(offset, error.to_string(), Some(error.fault.hint().to_owned()));
                return None;
            }
        };
        if text.trim().is_empty() {
            self.document.error(source.span.start, "an example is empty", None);
            return None;
        }
        let mut annotations: Vec<Annotation> = Vec::new();
        for raw in raw {
            let offset = self.document.within(source, raw.offset);
            let Some(annotation) = self.annotation(&raw, &text[raw.span.clone()], offset) else { continue };
            if annotations.iter().any(|other| other.parameter == annotation.parameter) {
                let message = format!("`{}` is annotated twice in one example", annotation.parameter);
                let hint = "a parameter holds one value; split the example".to_owned();
                self.document.error(offset, message, Some(hint));
            }
            annotations.push(annotation);
        }
        Some((text, annotations, self.document.line(source.span.start)))
    }

    /// Holds an annotation against its parameter.
    fn annotation(&mut self, raw: &RawAnnotation, span: &str, offset: usize) -> Option<Annotation> {
        self.annotated.push(raw.parameter.clone());
        let Some(Declared { parameter, .. }) = self.section.find(&raw.parameter) else {
            // What is wrong with a broken one was said where it is declared.
            if !self.section.broken.contains(&raw.parameter) {
                let message = format!("the annotation names no parameter: `{}`", raw.parameter);
                self.document.error(offset, message, suggestion(&raw.parameter, self.section.names()));
            }
            return None;
        };
        let value = match (parameter.parse(raw.canonical.as_deref().unwrap_or(span)), &raw.canonical) {
            (Ok(value), _) => Some(value),
            (Err(_), None) if parameter.value_type == ValueType::DateTime => None,
            (Err(error), canonical) => {
                let message = format!("`{}` cannot hold this: {error}", parameter.name);
                let hint = canonical.is_none().then(|| canonical_hint(parameter, span));
                self.document.error(offset, message, hint);
                return None;
            }
        };
        Some(Annotation { span: raw.span.clone(), parameter: parameter.name.clone(), value })
    }

    /// A parameter that no example shows is one that the model cannot find, unless it is the message itself.
    fn check_all_annotated(&self) {
        for Declared { parameter, offset } in &self.section.declared {
            if !parameter.whole_message && !self.annotated.iter().any(|name| name == parameter.name.as_str()) {
                let message = format!("no example annotates `{}`", parameter.name);
                let hint = format!("mark its value in some examples: `[span]({})`", parameter.name);
                self.document.warning(*offset, message, Some(hint));
            }
        }
    }
}

/// How to give the canonical value of a span that is not canonical.
fn canonical_hint(parameter: &Parameter, span: &str) -> String {
    let canonical = enum_value_of(parameter, span).unwrap_or("…");
    format!("give the canonical value: `[{span}]({}:{canonical})`", parameter.name)
}
