//! A TOML file being read: hands out typed values with their places, notes every fault, and names the keys that nobody
//! asked for. Reading goes on after a fault, so that all of a file's faults come at once.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::de::{DeTable, DeValue};

use super::Diagnostic;
use crate::domain::nearest;

/// A TOML file: its tables, and the faults found so far.
pub(crate) struct Document<'t> {
    file: &'t str,
    text: &'t str,
    root: DeTable<'t>,
    faults: RefCell<Vec<Diagnostic>>,
}

/// A text with its place in the file.
#[derive(Debug, Clone)]
pub(crate) struct Located<'d> {
    /// What it says, escapes resolved.
    pub(crate) text: &'d str,
    /// Where it stands in the file, quotation marks included, in bytes.
    pub(crate) span: Range<usize>,
}

impl<'t> Document<'t> {
    /// Reads a file. When its syntax is broken, only that is said: everything else would be a guess.
    pub(crate) fn parse(file: &'t str, text: &'t str) -> Result<Self, Vec<Diagnostic>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { file, text, root: root.into_inner(), faults: RefCell::default() });
        }
        let mut faults: Vec<_> = errors.iter().map(|error| syntax_fault(file, text, error)).collect();
        faults.sort_by_key(|fault| (fault.line, fault.column));
        // What follows on the same line is mostly an echo of the first.
        faults.dedup_by_key(|fault| fault.line);
        Err(faults)
    }

    /// The top-level table.
    pub(crate) fn root(&self) -> Table<'_> {
        Table { document: self, path: String::new(), table: &self.root, asked: Vec::new(), all_asked: false }
    }

    /// The line of a byte offset, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.text[..self.text.floor_char_boundary(offset)].matches('\n').count() + 1
    }

    /// The place of a byte of a string's value; the string's beginning where escapes make that unclear.
    pub(crate) fn within(&self, string: &Located<'_>, offset: usize) -> usize {
        let raw = &self.text[string.span.clone()];
        let marks = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
        if raw.get(marks..raw.len().saturating_sub(marks)) == Some(string.text) {
            string.span.start + marks + offset
        } else {
            string.span.start
        }
    }

    /// An error at a byte offset, not noted yet: whether it is one will be known later.
    pub(crate) fn fault(&self, offset: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.file, message).at(self.text, offset)
    }

    /// Notes an error at a byte offset.
    pub(crate) fn error(&self, offset: usize, message: impl Into<String>, hint: Option<String>) {
        self.note(self.fault(offset, message), hint);
    }

    /// Notes a warning at a byte offset.
    pub(crate) fn warning(&self, offset: usize, message: impl Into<String>, hint: Option<String>) {
        self.note(Diagnostic::warning(self.file, message).at(self.text, offset), hint);
    }

    /// Notes an error of the whole file.
    pub(crate) fn error_in_file(&self, message: impl Into<String>, hint: Option<String>) {
        self.note(Diagnostic::error(self.file, message), hint);
    }

    fn note(&self, fault: Diagnostic, hint: Option<String>) {
        self.faults.borrow_mut().push(Diagnostic { hint, ..fault });
    }

    /// All faults, in the file's order.
    pub(crate) fn into_faults(self) -> Vec<Diagnostic> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| (fault.line, fault.column));
        faults
    }
}

fn syntax_fault(file: &str, text: &str, error: &toml::de::Error) -> Diagnostic {
    let message = error.message();
    let fault = Diagnostic::error(file, format!("broken TOML: {message}"));
    let fault = match error.span() {
        Some(span) => fault.at(text, span.start),
        None => fault,
    };
    if message.contains("escape") {
        fault.hint("a backslash stands for itself in a single-quoted string: 'a\\b'")
    } else {
        fault
    }
}

/// "did you mean", where something known is near.
pub(crate) fn did_you_mean<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(written, known).map(|name| format!("did you mean `{name}`?"))
}

/// "did you mean", or the list of what would be right.
pub(crate) fn suggestion<'a>(written: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(hint) = did_you_mean(written, known.clone()) {
        return Some(hint);
    }
    let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
    (!known.is_empty()).then(|| format!("expected one of {}", known.join(", ")))
}

/// A table of which each key is asked for by name.
pub(crate) struct Table<'d> {
    document: &'d Document<'d>,
    /// `parameters.service`; empty for the top level.
    path: String,
    table: &'d DeTable<'d>,
    asked: Vec<&'static str>,
    /// Whether the keys are names that the reader took as they come.
    all_asked: bool,
}

impl<'d> Table<'d> {
    /// The value of a key, if it is there.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Item<'d>> {
        self.asked.push(key);
        let (found, value) = self.table.get_key_value(key)?;
        Some(self.item(key, found.span(), value))
    }

    /// All keys that were not asked for by name, in the file's order. None of them is unknown after that.
    pub(crate) fn rest(&mut self) -> Vec<(Located<'d>, Item<'d>)> {
        self.all_asked = true;
        let mut rest: Vec<_> = self
            .table
            .iter()
            .filter(|(key, _)| !self.asked.contains(&key.get_ref().as_ref()))
            .map(|(key, value)| {
                let name = key.get_ref().as_ref();
                (Located { text: name, span: key.span() }, self.item(name, key.span(), value))
            })
            .collect();
        rest.sort_by_key(|(key, _)| key.span.start);
        rest
    }

    /// Notes every key that was not asked for.
    pub(crate) fn finish(mut self) {
        if self.all_asked {
            return;
        }
        for (key, _) in self.rest() {
            let place = if self.path.is_empty() { String::new() } else { format!(" in `[{}]`", self.path) };
            let message = format!("unknown key `{}`{place}", key.text);
            self.document.error(key.span.start, message, suggestion(key.text, self.asked.iter().copied()));
        }
    }

    fn item(&self, key: &str, key_span: Range<usize>, value: &'d toml::Spanned<DeValue<'d>>) -> Item<'d> {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Item { document: self.document, path, key_span, span: value.span(), value: value.get_ref() }
    }
}

/// A value that is not yet known to be of the right kind. The methods note what is wrong, and return none.
pub(crate) struct Item<'d> {
    document: &'d Document<'d>,
    /// `parameters.service.type`.
    path: String,
    /// Where its key stands, in bytes.
    pub(crate) key_span: Range<usize>,
    /// Where it stands, in bytes.
    pub(crate) span: Range<usize>,
    value: &'d DeValue<'d>,
}

impl<'d> Item<'d> {
    /// The document it stands in.
    pub(crate) fn document(&self) -> &'d Document<'d> {
        self.document
    }

    /// Where it stands, in keys: `parameters.service.type`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The value as it was read, of whatever kind.
    pub(crate) fn value(&self) -> &'d DeValue<'d> {
        self.value
    }

    /// A string.
    pub(crate) fn string(&self) -> Option<Located<'d>> {
        match self.value {
            DeValue::String(text) => Some(Located { text: text.as_ref(), span: self.span.clone() }),
            _ => self.wrong("a string"),
        }
    }

    /// A string that is read into something else.
    pub(crate) fn parse<T, E: std::fmt::Display>(&self, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let string = self.string()?;
        match read(string.text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.document.error(self.span.start, format!("`{}`: {error}", self.path), None);
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let string = self.string()?;
        let found = words.iter().find(|(word, _)| *word == string.text).map(|(_, value)| *value);
        if found.is_none() {
            let message = format!("`{}`: unknown value `{}`", self.path, string.text);
            let hint = suggestion(string.text, words.iter().map(|(word, _)| *word));
            self.document.error(self.span.start, message, hint);
        }
        found
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.wrong("`true` or `false`"),
        }
    }

    /// A whole number within bounds.
    pub(crate) fn integer(&self, bounds: RangeInclusive<u64>) -> Option<u64> {
        let number = match self.value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match number.filter(|number| bounds.contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(&format!("a whole number from {} to {}", bounds.start(), bounds.end())),
        }
    }

    /// A list of anything.
    pub(crate) fn list(&self) -> Option<Vec<Item<'d>>> {
        match self.value {
            DeValue::Array(items) => Some(
                items
                    .iter()
                    .map(|item| Item {
                        document: self.document,
                        path: self.path.clone(),
                        key_span: self.key_span.clone(),
                        span: item.span(),
                        value: item.get_ref(),
                    })
                    .collect(),
            ),
            _ => self.wrong("a list"),
        }
    }

    /// A list of strings; what is no string is noted and left out.
    pub(crate) fn strings(&self) -> Option<Vec<Located<'d>>> {
        Some(self.list()?.iter().filter_map(Item::string).collect())
    }

    /// A table.
    pub(crate) fn table(&self) -> Option<Table<'d>> {
        match self.value {
            DeValue::Table(table) => {
                let path = self.path.clone();
                Some(Table { document: self.document, path, table, asked: Vec::new(), all_asked: false })
            }
            _ => self.wrong("a table"),
        }
    }

    /// Whether it is one.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    fn wrong<T>(&self, expected: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a string".to_owned(),
            DeValue::Integer(number) => format!("`{number}`"),
            DeValue::Float(number) => format!("`{number}`"),
            DeValue::Boolean(value) => format!("`{value}`"),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.document.error(self.span.start, format!("`{}`: expected {expected}, found {found}", self.path), None);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_come_at_once_in_order() {
        let text = "name = 3\nnmae = 1\n[limits]\nbytes = 0\nother = 1\n";
        let document = Document::parse("x.toml", text).unwrap();
        let mut root = document.root();
        assert!(root.get("name").and_then(|item| item.string()).is_none());
        let mut limits = root.get("limits").and_then(|item| item.table()).unwrap();
        assert!(limits.get("bytes").and_then(|item| item.integer(1..=9)).is_none());
        limits.finish();
        root.finish();
        let faults: Vec<_> = document.into_faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "error: x.toml:1:8: `name`: expected a string, found `3`",
                "error: x.toml:2:1: unknown key `nmae`\n  hint: did you mean `name`?",
                "error: x.toml:4:9: `limits.bytes`: expected a whole number from 1 to 9, found `0`",
                "error: x.toml:5:1: unknown key `other` in `[limits]`\n  hint: expected one of `bytes`",
            ]
        );
    }

    #[test]
    fn a_place_within_a_string_is_exact_where_it_can_be() {
        for (text, offset) in [("a = 'x[y'", 6), ("a = \"x[y\"", 6), ("a = \"\\u0078[y\"", 4), ("a = '''x[y'''", 8)] {
            let document = Document::parse("x.toml", text).unwrap();
            let string = document.root().get("a").and_then(|item| item.string()).unwrap();
            assert_eq!(string.text, "x[y");
            assert_eq!(document.within(&string, 1), offset, "{text}");
        }
    }
}
