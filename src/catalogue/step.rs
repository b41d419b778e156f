//! A runbook's step: a typed command whose values may be placeholders. `deploy.rollback service=<service>`.

use std::collections::BTreeSet;

use super::Diagnostic;
use super::fields::{did_you_mean, suggestion};
use crate::domain::{Intent, IntentName, Intents, ParameterName, Value, typed_words};

/// A command that a runbook suggests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTemplate {
    /// The intent.
    pub intent: IntentName,
    /// What the runbook says about its parameters, in the order written.
    pub arguments: Vec<(ParameterName, StepValue)>,
    /// The runbook's file, `runbooks/high-error-rate.md`.
    pub file: String,
    /// The line it stands on, from 1.
    pub line: usize,
}

/// What a step says about a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepValue {
    /// This value.
    Fixed(Value),
    /// `<service>`: to be filled in from the conversation, or asked for.
    Placeholder(String),
}

/// The intents that steps may name.
pub(super) struct KnownIntents<'a> {
    pub(super) intents: &'a Intents,
    /// Names of files that could not be read: whether their use is right, nobody can say.
    pub(super) unreadable: &'a BTreeSet<String>,
}

impl KnownIntents<'_> {
    /// The intent whose name is near.
    pub(super) fn did_you_mean(&self, written: &str) -> Option<String> {
        did_you_mean(written, self.intents.iter().map(|intent| intent.name.as_str()))
    }

    /// Whether there is no such intent, as far as one can say.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        self.intents.get(name).is_none() && !self.unreadable.contains(name)
    }
}

/// Reads one line of a `sayso` block. None when it names no intent; all its faults become diagnostics.
pub(super) fn read_step(
    file: &str,
    line: usize,
    text: &str,
    known: &KnownIntents<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<StepTemplate> {
    let mut step = StepReader { file, line, diagnostics };
    let words = match typed_words(text) {
        Ok(words) => words,
        Err(error) => {
            step.error(error.to_string(), None);
            return None;
        }
    };
    let (name, words) = words.split_first()?;
    let Some(intent) = known.intents.get(name) else {
        if known.is_unknown(name) {
            step.error(format!("unknown intent `{name}`"), known.did_you_mean(name));
        }
        return None;
    };
    let arguments = step.arguments(intent, words);
    Some(StepTemplate { intent: intent.name.clone(), arguments, file: file.to_owned(), line })
}

struct StepReader<'a> {
    file: &'a str,
    line: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl StepReader<'_> {
    fn error(&mut self, message: String, hint: Option<String>) {
        let fault = Diagnostic::error(self.file, message).on_line(self.line);
        self.diagnostics.push(Diagnostic { hint, ..fault });
    }

    fn arguments(&mut self, intent: &Intent, words: &[String]) -> Vec<(ParameterName, StepValue)> {
        let mut arguments: Vec<(ParameterName, StepValue)> = Vec::new();
        // Named, well or badly: a parameter with a bad value is not missing as well.
        let mut named = BTreeSet::new();
        for word in words {
            let Some((name, text)) = word.split_once('=') else {
                let hint = "values with spaces need quotation marks: `message=\"on my way\"`".to_owned();
                self.error(format!("expected `parameter=value`, found `{word}`"), Some(hint));
                continue;
            };
            let Some(parameter) = intent.parameter(name) else {
                let hint = suggestion(name, intent.parameters.iter().map(|parameter| parameter.name.as_str()));
                self.error(format!("`{}` has no parameter `{name}`", intent.name), hint);
                continue;
            };
            if !named.insert(parameter.name.clone()) {
                self.error(format!("`{name}` is given twice"), None);
                continue;
            }
            let value = match placeholder(text) {
                Ok(Some(placeholder)) => StepValue::Placeholder(placeholder),
                Ok(None) => match parameter.parse(text) {
                    Ok(value) => StepValue::Fixed(value),
                    Err(error) => {
                        self.error(format!("invalid value for `{name}`: {error}"), None);
                        continue;
                    }
                },
                Err(part) => {
                    let hint =
                        "a placeholder is a lower-case word, and the whole value: `service=<service>`".to_owned();
                    self.error(format!("misplaced placeholder `{part}` in the value of `{name}`"), Some(hint));
                    continue;
                }
            };
            arguments.push((parameter.name.clone(), value));
        }
        let missing = intent.missing(|name| named.contains(name));
        if !missing.is_empty() {
            let list = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let example = missing.iter().map(|name| format!("{name}=<{name}>")).collect::<Vec<_>>().join(" ");
            self.error(format!("`{}` needs {list}", intent.name), Some(format!("add `{example}`")));
        }
        arguments
    }
}

/// The name in `<name>`, when that is the whole value. The error is what looks like a placeholder and is none.
fn placeholder(text: &str) -> Result<Option<String>, &str> {
    let Some(start) = text.find('<') else { return Ok(None) };
    let Some(length) = text[start..].find('>') else { return Ok(None) };
    let part = &text[start..=start + length];
    let name = &part[1..part.len() - 1];
    let is_word = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
    match (is_word, part == text) {
        (true, true) => Ok(Some(name.to_owned())),
        (true, false) => Err(part),
        // `rate < 5 and x > 3` compares; `<Service>` alone was meant as a placeholder.
        (false, true) => Err(part),
        (false, false) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_the_whole_value() {
        for (text, found) in [
            ("<service>", Ok(Some("service".to_owned()))),
            ("<from-version>", Ok(Some("from-version".to_owned()))),
            ("checkout", Ok(None)),
            ("rate < 5 and up > 3", Ok(None)),
            ("a <b", Ok(None)),
            ("disk on <host>", Err("<host>")),
            ("<Service>", Err("<Service>")),
            ("<>", Err("<>")),
        ] {
            assert_eq!(placeholder(text), found, "{text}");
        }
    }
}
