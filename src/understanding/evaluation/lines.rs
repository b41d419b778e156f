//! Lines that say what is expected: of a message, or of each turn of a dialogue.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::{OutcomeKind, Understanding};

/// What a line of an evaluation file expects of one turn.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Expected {
    /// The outcome.
    pub outcome: OutcomeKind,
    /// The intent, if any.
    #[serde(default)]
    pub intent: Option<String>,
    /// Canonical values; numbers may stand as numbers.
    #[serde(default)]
    pub arguments: BTreeMap<String, serde_json::Value>,
    /// The required parameters that are missing.
    #[serde(default)]
    pub missing: Option<Vec<String>>,
}

/// One turn of a dialogue, as text or with its expectation beside it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Turn {
    /// The text alone.
    Text(String),
    /// The text with what is expected of it.
    WithExpected {
        /// What is said.
        text: String,
        /// What is expected.
        #[serde(flatten)]
        expected: Expected,
    },
}

/// A line: a single message, or a dialogue.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Line {
    /// Its id.
    #[serde(default)]
    pub id: Option<serde_json::Value>,
    /// A single message.
    #[serde(default)]
    pub text: Option<String>,
    /// A dialogue.
    #[serde(default)]
    pub turns: Option<Vec<Turn>>,
    /// What is expected of each turn, where `turns` holds texts alone.
    #[serde(default)]
    pub expected: Option<Vec<Expected>>,
    /// What is expected of a single message.
    #[serde(flatten)]
    pub single: Option<Expected>,
}

impl Line {
    /// The texts of the turns; one for a single message.
    pub fn texts(&self) -> Vec<&str> {
        match (&self.turns, &self.text) {
            (Some(turns), _) => turns
                .iter()
                .map(|turn| match turn {
                    Turn::Text(text) | Turn::WithExpected { text, .. } => text.as_str(),
                })
                .collect(),
            (None, Some(text)) => vec![text.as_str()],
            (None, None) => Vec::new(),
        }
    }

    /// What is expected of the turns, as far as the line says.
    pub fn expectations(&self) -> Vec<Option<&Expected>> {
        match (&self.turns, &self.expected) {
            (Some(turns), Some(expected)) => (0..turns.len()).map(|index| expected.get(index)).collect(),
            (Some(turns), None) => turns
                .iter()
                .map(|turn| match turn {
                    Turn::Text(_) => None,
                    Turn::WithExpected { expected, .. } => Some(expected),
                })
                .collect(),
            (None, _) => vec![self.single.as_ref()],
        }
    }
}

/// Whether an understanding is exactly what was expected: outcome, intent, and every value.
pub fn exact(expected: &Expected, got: &Understanding) -> bool {
    let missing = expected.missing.as_ref().is_none_or(|missing| {
        let got: Vec<&str> = got.missing.iter().map(|name| name.as_str()).collect();
        *missing == got
    });
    let decided = matches!(expected.outcome, OutcomeKind::None | OutcomeKind::Confirm | OutcomeKind::Cancel);
    expected.outcome == got.outcome
        && (decided || same_intent(expected, got) && same_arguments(expected, got) && missing)
}

fn same_intent(expected: &Expected, got: &Understanding) -> bool {
    expected.intent.as_deref() == got.intent.as_ref().map(|name| name.as_str())
}

pub(super) fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Values are equal when they mean the same: durations by length, text without regard to case and end punctuation.
fn same_value(expected: &str, got: &crate::domain::Value) -> bool {
    let fold = |text: &str| text.trim().trim_end_matches(['.', '!', '?']).to_lowercase();
    got.value_type().parse(expected).is_ok_and(|expected| expected == *got) || fold(expected) == fold(got.as_str())
}

fn same_arguments(expected: &Expected, got: &Understanding) -> bool {
    expected.arguments.len() == got.arguments.len() && hits(expected, got) == expected.arguments.len()
}

pub(super) fn hits(expected: &Expected, got: &Understanding) -> usize {
    expected
        .arguments
        .iter()
        .filter(|(name, value)| got.arguments.get(name.as_str()).is_some_and(|got| same_value(&plain(value), got)))
        .count()
}
