//! Measuring: what was expected of a line, what was understood, and the figures over many lines.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::{OutcomeKind, Understanding};
use crate::domain::{Effect, Intents};

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

fn plain(value: &serde_json::Value) -> String {
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

fn hits(expected: &Expected, got: &Understanding) -> usize {
    expected
        .arguments
        .iter()
        .filter(|(name, value)| got.arguments.get(name.as_str()).is_some_and(|got| same_value(&plain(value), got)))
        .count()
}

/// The figures over many turns.
#[derive(Debug, Default, Clone)]
pub struct Figures {
    /// Turns compared.
    pub turns: usize,
    /// Turns that were exactly right.
    pub exact: usize,
    /// Turns that expect an intent, and those that got it.
    pub intent: (usize, usize),
    /// Turns that expect `none`, and those that got it.
    pub none: (usize, usize),
    /// Turns that expect `ask`, and those that were exactly right.
    pub ask: (usize, usize),
    /// Turns of dialogues, and those that were exactly right.
    pub dialogue: (usize, usize),
    /// Commands that change something though the turn expects none, or another one.
    pub wrong_changes: usize,
    /// Commands that change something among the turns that expect `none`.
    pub changes_among_none: usize,
    /// Commands that were not asked for, reads included.
    pub wrong_commands: usize,
    /// Values expected, given, and right.
    pub values: (usize, usize, usize),
    /// Ten bins of (count, sum of confidence, right), over turns that got an intent or `none`.
    pub bins: [(usize, f64, usize); 10],
    /// Expected intent, got intent, how often.
    pub confusions: BTreeMap<(String, String), usize>,
    /// What went wrong, line by line.
    pub faults: Vec<String>,
    /// Microseconds per turn.
    pub micros: Vec<u64>,
}

impl Figures {
    /// Adds one turn.
    pub fn add(&mut self, id: &str, in_dialogue: bool, expected: &Expected, got: &Understanding, intents: &Intents) {
        let right = exact(expected, got);
        self.turns += 1;
        self.exact += usize::from(right);
        self.micros.push(got.micros);
        let wanted = expected.intent.as_deref().unwrap_or("none");
        let given = got.intent.as_ref().map_or("none", |name| name.as_str());
        if expected.intent.is_some() {
            self.intent.0 += 1;
            self.intent.1 += usize::from(wanted == given);
        }
        if expected.outcome == OutcomeKind::None {
            self.none.0 += 1;
            self.none.1 += usize::from(got.outcome == OutcomeKind::None);
        }
        if expected.outcome == OutcomeKind::Ask {
            self.ask.0 += 1;
            self.ask.1 += usize::from(right);
        }
        if in_dialogue {
            self.dialogue.0 += 1;
            self.dialogue.1 += usize::from(right);
        }
        let changes = got.outcome == OutcomeKind::Command
            && got
                .intent
                .as_ref()
                .and_then(|name| intents.get(name.as_str()))
                .is_some_and(|intent| intent.effect > Effect::Read);
        self.wrong_changes += usize::from(changes && wanted != given);
        self.changes_among_none += usize::from(changes && expected.outcome == OutcomeKind::None);
        self.wrong_commands += usize::from(got.outcome == OutcomeKind::Command && wanted != given);
        if expected.outcome != OutcomeKind::None {
            self.values.0 += expected.arguments.len();
            self.values.1 += got.arguments.len();
            self.values.2 += if wanted == given { hits(expected, got) } else { 0 };
        }
        if wanted != given && (expected.intent.is_some() || got.intent.is_some()) {
            *self.confusions.entry((wanted.to_owned(), given.to_owned())).or_default() += 1;
        }
        let bin = ((got.confidence * 10.0) as usize).min(9);
        let chose_right = wanted == given;
        self.bins[bin].0 += 1;
        self.bins[bin].1 += got.confidence;
        self.bins[bin].2 += usize::from(chose_right);
        if !right {
            let list = |arguments: Vec<String>| arguments.join(" ");
            let expected_values =
                list(expected.arguments.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect());
            let got_values = list(got.arguments.iter().map(|(name, value)| format!("{name}={value}")).collect());
            self.faults.push(format!(
                "{id}: {}\n    expected {:?} {wanted} {expected_values}\n    got      {:?} {given} {got_values} ({:.2}{})",
                got.text,
                expected.outcome,
                got.outcome,
                got.confidence,
                got.cues.iter().map(|cue| format!(", {cue:?}").to_lowercase()).collect::<String>(),
            ));
        }
    }

    /// Expected calibration error over ten bins.
    pub fn calibration_error(&self) -> f64 {
        let total = self.turns.max(1) as f64;
        self.bins
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, confidence, right)| {
                (confidence - *right as f64).abs() / *count as f64 * (*count as f64 / total)
            })
            .sum()
    }

    /// F1 over values.
    pub fn argument_f1(&self) -> f64 {
        let (expected, got, right) = self.values;
        if expected + got == 0 { 1.0 } else { 2.0 * right as f64 / (expected + got) as f64 }
    }
}

fn share((of, right): (usize, usize)) -> String {
    if of == 0 { "     –".to_owned() } else { format!("{:5.1}% ({right}/{of})", 100.0 * right as f64 / of as f64) }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut micros = self.micros.clone();
        micros.sort_unstable();
        let at = |share: f64| micros.get((micros.len() as f64 * share) as usize).copied().unwrap_or(0) as f64 / 1000.0;
        writeln!(f, "exact command       {}", share((self.turns, self.exact)))?;
        writeln!(f, "intent              {}", share(self.intent))?;
        writeln!(f, "none                {}", share(self.none))?;
        writeln!(f, "ask                 {}", share(self.ask))?;
        writeln!(f, "dialogue turns      {}", share(self.dialogue))?;
        writeln!(f, "argument F1         {:5.1}%", 100.0 * self.argument_f1())?;
        writeln!(f, "wrong commands      {}", share((self.turns, self.wrong_commands)))?;
        writeln!(f, "wrong changes       {}", share((self.turns, self.wrong_changes)))?;
        writeln!(f, "changes among none  {}", share((self.none.0, self.changes_among_none)))?;
        writeln!(f, "calibration error   {:6.3}", self.calibration_error())?;
        write!(f, "milliseconds        p50 {:.2}, p99 {:.2}", at(0.5), at(0.99))
    }
}
