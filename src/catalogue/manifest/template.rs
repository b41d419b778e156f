//! The computed texts of a manifest: minijinja templates and expressions, checked when the file is read.
//!
//! What they mean when they are filled in is the business of `integrations`; here is only their form.

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::{Environment, Error};

use crate::catalogue::suggestion;

/// The filters a template may use: minijinja's own, without those that make markup, and the ones `integrations` adds.
pub const FILTERS: &[&str] = &[
    "abs",
    "ago",
    "attr",
    "basic",
    "batch",
    "bool",
    "bytes",
    "capitalize",
    "chain",
    "count",
    "cut",
    "d",
    "default",
    "dictsort",
    "duration",
    "encoded",
    "epoch",
    "fields",
    "first",
    "flatten",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "match",
    "max",
    "min",
    "minus",
    "number",
    "percent",
    "plus",
    "quoted",
    "regex_escape",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "seconds",
    "select",
    "selectattr",
    "selector",
    "short_duration",
    "slice",
    "sort",
    "sparkline",
    "split",
    "strftime",
    "string",
    "sum",
    "table",
    "time",
    "title",
    "tojson",
    "trim",
    "unique",
    "unit",
    "upper",
    "values",
    "zip",
];

/// What a template may call.
const FUNCTIONS: &[&str] = &["range", "dict", "namespace"];

/// Where something stands in a file: line and column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateFault {
    /// What is wrong, in one line.
    pub message: String,
    /// Where, in bytes from the text's beginning.
    pub offset: usize,
    /// What to do.
    pub hint: Option<String>,
}

/// What a template's text is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// Plain text.
    Literal,
    /// Exactly one `{{ expression }}`: its value keeps its type.
    Expression(String),
    /// Text and expressions, or blocks: always a text.
    Mixed,
}

/// A text that may hold `{{ expressions }}`. It fills one leaf of a structure, whatever it renders to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    form: Form,
    names: BTreeSet<String>,
    place: Place,
}

impl Template {
    /// Reads a template: its syntax is right, and it uses known filters.
    pub fn parse(source: &str) -> Result<Self, TemplateFault> {
        let environment = Environment::new();
        let template = environment.template_from_str(source).map_err(|error| fault(&error, 0))?;
        check_filters(source, None)?;
        let form = match braced(source) {
            _ if !source.contains("{{") && !source.contains("{%") && !source.contains("{#") => Form::Literal,
            Some(inner) if environment.compile_expression(inner).is_ok() => Form::Expression(inner.to_owned()),
            _ => Form::Mixed,
        };
        let names = names(template.undeclared_variables(true));
        Ok(Self { source: source.to_owned(), form, names, place: Place::default() })
    }

    /// The same template, standing at a place.
    pub fn placed(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Its text, as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text, if nothing in it is computed.
    pub fn literal(&self) -> Option<&str> {
        matches!(self.form, Form::Literal).then_some(&self.source)
    }

    /// The expression, if the text is exactly one `{{ expression }}`.
    pub fn expression(&self) -> Option<&str> {
        match &self.form {
            Form::Expression(expression) => Some(expression),
            Form::Literal | Form::Mixed => None,
        }
    }

    /// Whether its first character is computed, and so chosen by a value.
    pub fn begins_computed(&self) -> bool {
        self.literal().is_none() && self.source.starts_with('{')
    }
}

/// A template or an expression, as far as checking it goes.
pub trait Computed {
    /// The names it takes from its surroundings, with attributes: `service`, `settings.queries`.
    fn names(&self) -> &BTreeSet<String>;

    /// Where it stands.
    fn place(&self) -> Place;
}

impl Computed for Template {
    fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    fn place(&self) -> Place {
        self.place
    }
}

impl Computed for Expression {
    fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    fn place(&self) -> Place {
        self.place
    }
}

/// An expression: written bare or in braces, evaluated to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    source: String,
    names: BTreeSet<String>,
    place: Place,
}

impl Expression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, TemplateFault> {
        let source = braced(text).unwrap_or(text);
        let start = source.as_ptr() as usize - text.as_ptr() as usize;
        let environment = Environment::new();
        let expression = environment.compile_expression(source).map_err(|error| fault(&error, start))?;
        check_filters(text, Some(start..start + source.len()))?;
        let names = names(expression.undeclared_variables(true));
        Ok(Self { source: source.to_owned(), names, place: Place::default() })
    }

    /// The same expression, standing at a place.
    pub fn placed(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Its text, without braces.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// What stands between `{{` and `}}`, if they enclose the text.
fn braced(text: &str) -> Option<&str> {
    text.trim().strip_prefix("{{")?.strip_suffix("}}")
}

fn names(found: std::collections::HashSet<String>) -> BTreeSet<String> {
    found.into_iter().filter(|name| !FUNCTIONS.contains(&name.as_str())).collect()
}

fn fault(error: &Error, start: usize) -> TemplateFault {
    let message = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    let offset = start + error.range().map_or(0, |range| range.start);
    TemplateFault { message: format!("broken template: {message}"), offset, hint: None }
}

/// minijinja finds an unknown filter when it gets there; a manifest's author wants to know before.
fn check_filters(text: &str, only: Option<Range<usize>>) -> Result<(), TemplateFault> {
    let blocks = match only {
        Some(range) => vec![range],
        None => blocks(text),
    };
    for block in blocks {
        for (name, offset) in filters(&text[block.clone()]) {
            if !FILTERS.contains(&name) {
                return Err(TemplateFault {
                    message: format!("unknown filter `{name}`"),
                    offset: block.start + offset,
                    hint: suggestion(name, FILTERS.iter().copied()),
                });
            }
        }
    }
    Ok(())
}

/// The insides of `{{ … }}` and `{% … %}`. The text is known to be a sound template.
fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find("{{").into_iter().chain(text[at..].find("{%")).min() {
        let start = at + open + 2;
        let close = if text[start - 1..].starts_with('{') { "}}" } else { "%}" };
        let end = text[start..].find(close).map_or(text.len(), |length| start + length);
        blocks.push(start..end);
        at = end;
    }
    blocks
}

/// The names that stand behind a `|` outside of strings, with their places.
fn filters(code: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut chars = code.char_indices();
    while let Some((offset, c)) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(chars.next()),
            (Some(mark), c) if c == mark => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '|') => {
                let rest = &code[offset + 1..];
                let name = rest.trim_start();
                let start = offset + 1 + (rest.len() - name.len());
                let length = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                found.push((&name[..length], start));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_knows_what_it_is_made_of() {
        let expression = |text: &str| Template::parse(text).unwrap().expression().map(str::trim).map(str::to_owned);
        assert_eq!(expression("{{ a }}").as_deref(), Some("a"));
        assert_eq!(expression("{{ {\"a\": {}} }}").as_deref(), Some("{\"a\": {}}"));
        assert_eq!(expression("{{ a }}{{ b }}"), None);
        assert_eq!(expression("x{{ a }}"), None);
        assert_eq!(Template::parse("plain | text").unwrap().literal(), Some("plain | text"));
        assert!(Template::parse("{{ a }}x").unwrap().begins_computed());
        assert!(!Template::parse("--a={{ a }}").unwrap().begins_computed());
    }

    #[test]
    fn names_come_from_outside_only() {
        let names = |text: &str| Template::parse(text).unwrap().names().iter().cloned().collect::<Vec<_>>();
        assert_eq!(
            names("{{ settings.queries[metric] }} {{ a | default(b) }}"),
            ["a", "b", "metric", "settings.queries"]
        );
        assert_eq!(
            names("{% for x in body.list %}{{ x.name }}{{ loop.index }}{% endfor %}{{ range(3) }}"),
            ["body.list"]
        );
        assert_eq!(names("{% set y = service %}{{ y }}"), ["service"]);
    }

    #[test]
    fn faults_say_what_and_where() {
        for (text, message, offset) in [
            ("ab {{ service", "broken template: unexpected end of input, expected end of variable block", 6),
            ("{{ service | dfeault(1) }}", "unknown filter `dfeault`", 13),
            ("{% if a %}x", "broken template: unexpected end of input, expected end of block", 10),
            ("{{ '|x' | upper | trm }}", "unknown filter `trm`", 18),
        ] {
            let fault = Template::parse(text).unwrap_err();
            assert_eq!((fault.message.as_str(), fault.offset), (message, offset), "{text}");
        }
        let fault = Expression::parse("{{ a == | }}").unwrap_err();
        assert_eq!(fault.offset, 8);
        assert_eq!(Expression::parse("a | dfault(1)").unwrap_err().hint.unwrap(), "did you mean `default`?");
    }
}
