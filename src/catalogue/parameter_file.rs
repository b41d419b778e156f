//! `[parameters.*]` of an intent's file.

use super::fields::{Document, Item, Located, Table, suggestion};
use crate::domain::{EnumValue, Parameter, ParameterName, ValueType};

/// The parameters of a file, as far as they can be used.
#[derive(Debug, Default)]
pub(super) struct ParameterSection {
    /// In the file's order.
    pub(super) declared: Vec<Declared>,
    /// Names that are declared so badly that nothing can be said about their use.
    pub(super) broken: Vec<String>,
}

/// A parameter with its place.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) parameter: Parameter,
    /// Where its name stands, in bytes.
    pub(super) offset: usize,
}

impl ParameterSection {
    /// Reads the section.
    pub(super) fn read(document: &Document<'_>, mut section: Table<'_>) -> Self {
        let mut read = Self::default();
        let mut implied = Vec::new();
        for (key, item) in section.rest() {
            let name = key.text.parse::<ParameterName>();
            if let Err(error) = &name {
                document.error(key.span.start, error.to_string(), None);
            }
            match (name, item.table()) {
                (Ok(name), Some(table)) => {
                    let (parameter, implies) = read_parameter(document, &key, name, table);
                    implied.extend(implies.map(|item| (read.declared.len(), item)));
                    read.declared.push(Declared { parameter, offset: key.span.start });
                }
                _ => read.broken.push(key.text.to_owned()),
            }
        }
        // What a parameter implies is about others, and those may stand below it.
        for (index, item) in implied {
            read.declared[index].parameter.implies = read.implied(document, &item);
        }
        read
    }

    /// Values of other parameters that follow from one: `implies = { state = "on" }`.
    fn implied(&self, document: &Document<'_>, item: &Item<'_>) -> Vec<(ParameterName, String)> {
        let mut implied = Vec::new();
        for (key, item) in item.table().map(|mut table| table.rest()).unwrap_or_default() {
            let Some(Declared { parameter, .. }) = self.find(key.text) else {
                let message = format!("`implies` names no parameter: `{}`", key.text);
                document.error(key.span.start, message, suggestion(key.text, self.names()));
                continue;
            };
            let value = item.parse(|text| parameter.parse(text));
            implied.extend(value.map(|value| (parameter.name.clone(), value.as_str().to_owned())));
        }
        implied
    }

    /// The parameter of that name.
    pub(super) fn find(&self, name: &str) -> Option<&Declared> {
        self.declared.iter().find(|declared| declared.parameter.name.as_str() == name)
    }

    /// The names of all of them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.declared.iter().map(|declared| declared.parameter.name.as_str())
    }

    /// A parameter that can be missing needs a question, and no other has a use for one.
    pub(super) fn check_questions(&self, document: &Document<'_>, one_of: &[Vec<ParameterName>]) {
        for Declared { parameter, offset } in &self.declared {
            let Parameter { name, required, ask, .. } = parameter;
            let in_group = one_of.iter().any(|group| group.contains(name));
            if *required && ask.is_none() {
                let hint = "add one short question: `ask = \"Which service?\"`".to_owned();
                document.warning(*offset, format!("`{name}` is required, and `ask` is missing"), Some(hint));
            }
            if !*required && !in_group && ask.is_some() {
                let hint = "add `required = true`, or leave `ask` out".to_owned();
                document.warning(*offset, format!("`{name}` is optional, so `ask` is never used"), Some(hint));
            }
        }
    }
}

/// The canonical value of an enumeration that a word stands for.
pub(super) fn enum_value_of<'p>(parameter: &'p Parameter, word: &str) -> Option<&'p str> {
    let word = word.to_lowercase();
    let found = parameter.values.iter().find(|value| value.canonical == word || value.words.contains(&word));
    found.map(|value| value.canonical.as_str())
}

/// A parameter, and what it implies, still unread.
fn read_parameter<'d>(
    document: &Document<'_>,
    key: &Located<'_>,
    name: ParameterName,
    mut table: Table<'d>,
) -> (Parameter, Option<Item<'d>>) {
    let declared_type = read_type(document, key, &mut table);
    let required = table.get("required").and_then(|item| item.boolean()).unwrap_or(false);
    let ask = table.get("ask").and_then(|item| item.string());
    let values = table.get("values");
    let implies = table.get("implies");
    let whole_message = table.get("whole_message").and_then(|item| Some((item.boolean()?, item.key_span.start)));
    table.finish();

    let ask = ask.map(|ask| ask.text.trim().to_owned()).filter(|ask| !ask.is_empty());
    let values = match (declared_type, values) {
        (Some(ValueType::Enum), Some(item)) => read_values(document, &item),
        (Some(ValueType::Enum), None) => {
            let hint = format!("list them in `[parameters.{name}.values]`: `word = [\"other word\"]`");
            document.error(key.span.start, format!("`{name}` is an enumeration without `values`"), Some(hint));
            Vec::new()
        }
        (Some(other), Some(item)) => {
            let hint = "use `type = \"enum\"`, or leave `values` out".to_owned();
            document.error(
                item.key_span.start,
                format!("`values` belongs to enumerations, not to `{other}`"),
                Some(hint),
            );
            Vec::new()
        }
        (_, None) | (None, _) => Vec::new(),
    };
    // Text holds anything: nothing else in the file becomes wrong because the type is.
    let usable = |value_type: &ValueType| *value_type != ValueType::Enum || !values.is_empty();
    let value_type = declared_type.filter(usable).unwrap_or(ValueType::Text);
    if let Some((true, offset)) = whole_message.filter(|_| declared_type.is_some_and(|found| found != ValueType::Text))
    {
        let hint = "use `type = \"text\"`, or leave `whole_message` out".to_owned();
        document.error(offset, "`whole_message` belongs to text", Some(hint));
    }
    let whole_message = whole_message.is_some_and(|(whole, _)| whole);
    (Parameter { name, value_type, required, ask, values, implies: Vec::new(), whole_message }, implies)
}

fn read_type(document: &Document<'_>, key: &Located<'_>, table: &mut Table<'_>) -> Option<ValueType> {
    let Some(item) = table.get("type") else {
        let hint = "one of the entity types, such as `service`, or of the value types, such as `duration`".to_owned();
        document.error(key.span.start, format!("`{}` has no `type`", key.text), Some(hint));
        return None;
    };
    let written = item.string()?;
    let parsed = written.text.parse::<ValueType>();
    if let Err(error) = &parsed {
        let hint = suggestion(written.text, ValueType::all().map(ValueType::as_str).collect::<Vec<_>>().into_iter());
        document.error(written.span.start, error.to_string(), hint);
    }
    parsed.ok()
}

fn read_values(document: &Document<'_>, item: &Item<'_>) -> Vec<EnumValue> {
    let Some(mut table) = item.table() else { return Vec::new() };
    let entries = table.rest();
    if entries.is_empty() {
        let hint = "write one line a value: `word = [\"other word\"]`".to_owned();
        document.error(item.key_span.start, "`values` is empty", Some(hint));
    }
    let mut values: Vec<EnumValue> = Vec::new();
    for (key, item) in entries {
        let words = item.strings().unwrap_or_default();
        // Canonical or not, a word may lead to one value only; the canonical words of later values are in the table.
        for word in std::iter::once(&key).chain(&words) {
            if word.text != word.text.to_lowercase() || word.text.trim() != word.text || word.text.is_empty() {
                let hint = "words are compared in lower case".to_owned();
                let message = format!("expected a lower-case word, found `{}`", word.text);
                document.error(word.span.start, message, Some(hint));
            }
            let taken =
                values.iter().find(|value| value.canonical == word.text || value.words.iter().any(|w| w == word.text));
            if let Some(other) = taken {
                let message = format!("`{}` already stands for `{}`", word.text, other.canonical);
                document.error(word.span.start, message, Some("keep it in one place".to_owned()));
            }
        }
        values.push(EnumValue {
            canonical: key.text.to_owned(),
            words: words.iter().map(|word| word.text.to_owned()).collect(),
        });
    }
    values
}
