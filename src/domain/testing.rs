//! What tests share: the catalogue's intents, and commands from their typed form.

use std::sync::LazyLock;

use super::{Command, EnumValue, Intent, Intents, Parameter, parse_typed};

/// The catalogue's intents, without their examples.
pub(crate) static INTENTS: LazyLock<Intents> =
    LazyLock::new(|| include_str!("../../tests/fixtures/intents.txt").lines().filter_map(intent).collect());

/// `service.restart change service*:service environment:environment level:error|warning`.
fn intent(line: &str) -> Option<Intent> {
    let mut words = line.split_whitespace();
    let name = words.next()?.parse().unwrap();
    let effect = serde_json::from_value(words.next().unwrap().into()).unwrap();
    let parameters = words.map(|word| {
        let (name, value_type) = word.split_once(':').unwrap();
        let values = if value_type.contains('|') { value_type.split('|').collect() } else { Vec::new() };
        Parameter {
            name: name.trim_end_matches('*').parse().unwrap(),
            value_type: if values.is_empty() { value_type.parse().unwrap() } else { "enum".parse().unwrap() },
            required: name.ends_with('*'),
            ask: None,
            values: values
                .iter()
                .map(|value| EnumValue { canonical: (*value).to_owned(), words: Vec::new() })
                .collect(),
        }
    });
    Some(Intent { name, summary: String::new(), effect, parameters: parameters.collect(), one_of: Vec::new() })
}

/// A command from its typed form.
pub(crate) fn command(line: &str) -> Command {
    parse_typed(line, &INTENTS).unwrap()
}
