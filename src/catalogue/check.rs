//! Checks that need more than one file: examples that contradict each other, names of intents as values.

use std::collections::BTreeMap;

use super::example::{Example, ExampleKind};
use super::runbook::Runbook;
use super::step::{KnownIntents, StepValue};
use super::{Diagnostic, Severity};
use crate::domain::ValueType;

/// Examples of which the model could only learn one: the same text with two meanings, or twice with the same.
pub(super) fn check_examples(examples: &[Example], diagnostics: &mut Vec<Diagnostic>) {
    let mut by_text: BTreeMap<String, Vec<&Example>> = BTreeMap::new();
    for example in examples {
        let earlier = by_text.entry(fold(&example.text)).or_default();
        if let Some((severity, message, hint)) = earlier.iter().find_map(|earlier| clash(example, earlier)) {
            let fault = Diagnostic { severity, ..Diagnostic::error(&example.file, message) };
            diagnostics.push(fault.on_line(example.line).hint(hint));
        }
        earlier.push(example);
    }
}

/// What is wrong with an example, given an earlier one of the same text.
fn clash(later: &Example, earlier: &Example) -> Option<(Severity, String, &'static str)> {
    let at = format!("{}:{}", earlier.file, earlier.line);
    let text = &later.text;
    let repeated =
        |what: &str| (Severity::Warning, format!("`{text}` is already {what}, at {at}"), "leave one of them out");
    let contradiction =
        |what: String| Some((Severity::Error, format!("`{text}` is {what}, at {at}"), "keep the one that is right"));
    match (&later.kind, &earlier.kind) {
        (ExampleKind::Positive, ExampleKind::Positive) => match &earlier.intent {
            Some(intent) if later.intent.as_ref() != Some(intent) => {
                contradiction(format!("also an example of `{intent}`"))
            }
            _ => Some(repeated("an example of the same intent")),
        },
        (ExampleKind::NotThis(intent), ExampleKind::Positive) if earlier.intent.as_ref() == Some(intent) => {
            contradiction("also an example of the same intent".to_owned())
        }
        (ExampleKind::Positive, ExampleKind::NotThis(intent)) if later.intent.as_ref() == Some(intent) => {
            contradiction("also a not-example of the same intent".to_owned())
        }
        (ExampleKind::NotThis(this), ExampleKind::NotThis(other)) if this == other => {
            Some(repeated("a not-example of the same intent"))
        }
        (ExampleKind::OutOfScope, ExampleKind::Positive) => match &earlier.intent {
            Some(intent) => contradiction(format!("also an example of `{intent}`")),
            None => None,
        },
        (ExampleKind::Positive, ExampleKind::OutOfScope) => contradiction("also no command".to_owned()),
        (ExampleKind::OutOfScope, ExampleKind::OutOfScope) => Some(repeated("no command")),
        (ExampleKind::NotThis(_), _) | (_, ExampleKind::NotThis(_)) => None,
    }
}

/// A text as the model hears it, nearly: without case, punctuation and repeated white space. What is nothing but
/// punctuation stays as it is.
fn fold(text: &str) -> String {
    let heard: String = text
        .to_lowercase()
        .chars()
        .filter(|c| !matches!(c, '\'' | '’'))
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let folded = heard.split_whitespace().collect::<Vec<_>>().join(" ");
    if folded.is_empty() { text.to_owned() } else { folded }
}

/// Values of the type `intent` that name none.
pub(super) fn check_intent_values(
    known: &KnownIntents<'_>,
    examples: &[Example],
    runbooks: &[Runbook],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let in_examples = examples.iter().flat_map(|example| {
        let values = example.annotations.iter().filter_map(|annotation| annotation.value.as_ref());
        values.map(|value| (&example.file, example.line, value))
    });
    let in_steps = runbooks.iter().flat_map(|runbook| &runbook.steps).flat_map(|step| {
        step.arguments.iter().filter_map(|(_, value)| match value {
            StepValue::Fixed(value) => Some((&step.file, step.line, value)),
            StepValue::Placeholder(_) => None,
        })
    });
    for (file, line, value) in in_examples.chain(in_steps) {
        if value.value_type() == ValueType::Intent && known.is_unknown(value.as_str()) {
            let fault = Diagnostic::error(file, format!("unknown intent `{value}`")).on_line(line);
            diagnostics.push(Diagnostic { hint: known.did_you_mean(value.as_str()), ..fault });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_hears_what_people_hear() {
        for (a, b) in [
            ("Restart  checkout!", "restart checkout"),
            ("who's on call?", "whos on call"),
            ("api-v2 is down", "api v2 is down."),
        ] {
            assert_eq!(fold(a), fold(b));
        }
        assert_ne!(fold("???"), fold("!"));
        assert_ne!(fold("restart 1"), fold("restart 2"));
    }
}
