//! The front matter of a runbook: YAML between two lines `---`.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, Spanned};

use super::Diagnostic;
use super::fields::suggestion;

/// What is known about a runbook before its body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FrontMatter {
    pub(super) title: String,
    pub(super) symptoms: Vec<String>,
    pub(super) alerts: Vec<String>,
}

const KEYS: [&str; 3] = ["title", "symptoms", "alerts"];

/// Reads the YAML, whose first line is `first_line` of the file.
pub(super) fn read_front_matter(
    file: &str,
    yaml: &str,
    first_line: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> FrontMatter {
    let mut reader = Reader { file, first_line, diagnostics };
    let mut front = FrontMatter::default();
    // Repeated keys are let through to be complained about below, with the file's lines.
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    let entries = match serde_saphyr::from_str_with_options::<Entries>(yaml, options) {
        Ok(Entries(entries)) => entries,
        Err(error) => {
            let message = format!("broken front matter: {}", one_line(&error));
            let fault = Diagnostic::error(file, message);
            let fault = match error.location() {
                Some(location) => reader.placed(fault, location),
                None => fault.on_line(first_line),
            };
            reader.diagnostics.push(
                fault.hint("write `key: value` lines; values with `:`, `#` or quotes in them need quotation marks"),
            );
            return front;
        }
    };
    let mut seen = BTreeSet::new();
    for (key, value) in entries {
        if !seen.insert(key.value.clone()) {
            reader.error(key.referenced, format!("`{}` is given twice", key.value), None);
        }
        match key.value.as_str() {
            "title" => front.title = reader.text("title", value).unwrap_or_default(),
            "symptoms" => front.symptoms = reader.texts("symptoms", value),
            "alerts" => front.alerts = reader.texts("alerts", value),
            other => {
                let hint = suggestion(other, KEYS.into_iter());
                reader.error(key.referenced, format!("unknown key `{other}` in the front matter"), hint);
            }
        }
    }
    if !seen.contains("title") {
        let fault = Diagnostic::error(file, "`title` is missing in the front matter").on_line(first_line);
        reader.diagnostics.push(fault.hint("write `title: What is wrong, in a few words`"));
    }
    front
}

struct Reader<'a> {
    file: &'a str,
    first_line: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn placed(&self, mut fault: Diagnostic, location: Location) -> Diagnostic {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        fault.line = Some(number(location.line()) + self.first_line - 1);
        fault.column = Some(number(location.column()));
        fault
    }

    fn error(&mut self, location: Location, message: String, hint: Option<String>) {
        let fault = self.placed(Diagnostic::error(self.file, message), location);
        self.diagnostics.push(Diagnostic { hint, ..fault });
    }

    fn text(&mut self, key: &str, node: Spanned<Node>) -> Option<String> {
        match node.value {
            Node::Text(text) if !text.trim().is_empty() => return Some(text.trim().to_owned()),
            Node::Text(_) => self.error(node.referenced, format!("`{key}`: expected some text, found nothing"), None),
            Node::List(_) | Node::Other(_) => {
                let message = format!("`{key}`: expected a text, found {}", node.value.what());
                let hint = "put it in quotation marks to make it a text".to_owned();
                self.error(node.referenced, message, Some(hint));
            }
        }
        None
    }

    fn texts(&mut self, key: &str, node: Spanned<Node>) -> Vec<String> {
        match node.value {
            Node::List(nodes) => nodes.into_iter().filter_map(|node| self.text(key, node)).collect(),
            Node::Text(_) | Node::Other(_) => {
                let message = format!("`{key}`: expected a list, found {}", node.value.what());
                self.error(node.referenced, message, Some(format!("write `{key}: [\"…\", \"…\"]`")));
                Vec::new()
            }
        }
    }
}

/// The library's message without its picture of the file, and without a place that knows nothing of the file's lines.
fn one_line(error: &serde_saphyr::Error) -> String {
    let message = error.without_snippet().to_string();
    let line = message.lines().next().unwrap_or_default();
    line.split_once(" at line ").map_or(line, |(what, _)| what).to_owned()
}

/// A mapping with every key's place, repeated keys included.
struct Entries(Vec<(Spanned<String>, Spanned<Node>)>);

/// A YAML value, as far as front matter has a use for it.
enum Node {
    Text(String),
    List(Vec<Spanned<Node>>),
    Other(&'static str),
}

impl Node {
    fn what(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Other(what) => what,
        }
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`key: value` lines")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Entries, E> {
                Ok(Entries(Vec::new()))
            }
        }
        deserializer.deserialize_any(EntriesVisitor)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;
        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_owned()))
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Other("a boolean"))
            }
            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Node, E> {
                Ok(Node::Other("a number"))
            }
            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Node, E> {
                Ok(Node::Other("a number"))
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Node, E> {
                Ok(Node::Other("a number"))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
                Ok(Node::Other("nothing"))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut nodes = Vec::new();
                while let Some(node) = seq.next_element()? {
                    nodes.push(node);
                }
                Ok(Node::List(nodes))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
                Ok(Node::Other("a mapping"))
            }
        }
        deserializer.deserialize_any(NodeVisitor)
    }
}
