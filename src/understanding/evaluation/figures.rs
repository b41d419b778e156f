//! The figures over many turns: how many are right, what goes wrong, where, and how much it matters.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::super::{OutcomeKind, Understanding};
use super::lines::{Expected, exact, hits, plain};
use super::reliability::Reliability;
use crate::domain::{Effect, Intents};

/// The figures over many turns.
#[derive(Debug, Default, Clone)]
pub struct Figures {
    /// Turns compared, and those that were exactly right.
    pub exact: (usize, usize),
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
    /// The stated confidence, over turns that got an intent or `none`.
    pub reliability: Reliability,
    /// What went wrong, in the order of the lines.
    pub faults: Vec<Fault>,
    /// By the intent that is expected, `none` included.
    tallies: BTreeMap<String, Tally>,
    /// Microseconds per turn.
    micros: Vec<u64>,
}

/// A turn that was not understood as expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// `file:line`.
    pub place: String,
    /// What was said.
    pub text: String,
    /// The intent that is expected, or `none`.
    pub wanted: String,
    /// The intent that was understood, or `none`.
    pub given: String,
    /// All that is expected: outcome, intent, values.
    pub expected: String,
    /// All that was understood: outcome, intent, values, confidence and cues.
    pub understood: String,
    /// Whether a command that was not asked for would change something.
    pub changes: bool,
}

/// The turns that expect one intent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The intent, or `none`.
    pub intent: String,
    /// How many there are.
    pub turns: usize,
    /// How many got the intent.
    pub chosen: usize,
    /// How many were exactly right.
    pub exact: usize,
}

/// An intent that was taken for another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion<'a> {
    /// What is expected, or `none`.
    pub wanted: &'a str,
    /// What was understood, or `none`.
    pub given: &'a str,
    /// Where, and with what words.
    pub faults: Vec<&'a Fault>,
}

impl Confusion<'_> {
    /// How many of these would change something that nobody asked for.
    pub fn changes(&self) -> usize {
        self.faults.iter().filter(|fault| fault.changes).count()
    }
}

fn count(counts: &mut (usize, usize), right: bool) {
    counts.0 += 1;
    counts.1 += usize::from(right);
}

impl Figures {
    /// Adds one turn.
    pub fn add(&mut self, place: &str, in_dialogue: bool, expected: &Expected, got: &Understanding, intents: &Intents) {
        let right = exact(expected, got);
        let wanted = expected.intent.as_deref().unwrap_or("none");
        let given = got.intent.as_ref().map_or("none", |name| name.as_str());
        let chosen = wanted == given;
        let is_command = got.outcome == OutcomeKind::Command;
        let effect = got.intent.as_ref().and_then(|name| intents.get(name.as_str())).map(|intent| intent.effect);
        let changes = is_command && effect.is_some_and(|effect| effect > Effect::Read);
        self.micros.push(got.micros);
        count(&mut self.exact, right);
        if expected.intent.is_some() {
            count(&mut self.intent, chosen);
        }
        match expected.outcome {
            OutcomeKind::None => count(&mut self.none, got.outcome == OutcomeKind::None),
            OutcomeKind::Ask => count(&mut self.ask, right),
            OutcomeKind::Command | OutcomeKind::Answer | OutcomeKind::Confirm | OutcomeKind::Cancel => {}
        }
        if in_dialogue {
            count(&mut self.dialogue, right);
        }
        self.wrong_changes += usize::from(changes && !chosen);
        self.changes_among_none += usize::from(changes && expected.outcome == OutcomeKind::None);
        self.wrong_commands += usize::from(is_command && !chosen);
        if expected.outcome != OutcomeKind::None {
            self.values.0 += expected.arguments.len();
            self.values.1 += got.arguments.len();
            self.values.2 += if chosen { hits(expected, got) } else { 0 };
        }
        self.reliability.add(got.confidence, chosen);
        let tally = self.tallies.entry(wanted.to_owned()).or_default();
        tally.turns += 1;
        tally.chosen += usize::from(chosen);
        tally.exact += usize::from(right);
        if !right {
            let wanted_values = expected.arguments.iter().map(|(name, value)| format!(" {name}={}", plain(value)));
            let given_values = got.arguments.iter().map(|(name, value)| format!(" {name}={value}"));
            let cues = got.cues.iter().map(|cue| format!(", {cue:?}").to_lowercase());
            self.faults.push(Fault {
                place: place.to_owned(),
                text: got.text.clone(),
                wanted: wanted.to_owned(),
                given: given.to_owned(),
                expected: format!("{:?} {wanted}{}", expected.outcome, wanted_values.collect::<String>()),
                understood: format!(
                    "{:?} {given}{} ({:.2}{})",
                    got.outcome,
                    given_values.collect::<String>(),
                    got.confidence,
                    cues.collect::<String>(),
                ),
                changes: changes && !chosen,
            });
        }
    }

    /// F1 over values.
    pub fn argument_f1(&self) -> f64 {
        let (expected, got, right) = self.values;
        if expected + got == 0 { 1.0 } else { 2.0 * right as f64 / (expected + got) as f64 }
    }

    /// Intents that were taken for others: first those that would change something unasked, then the frequent ones.
    pub fn confusions(&self) -> Vec<Confusion<'_>> {
        let mut pairs: BTreeMap<(&str, &str), Vec<&Fault>> = BTreeMap::new();
        for fault in self.faults.iter().filter(|fault| fault.wanted != fault.given) {
            pairs.entry((&fault.wanted, &fault.given)).or_default().push(fault);
        }
        let mut confusions: Vec<Confusion<'_>> =
            pairs.into_iter().map(|((wanted, given), faults)| Confusion { wanted, given, faults }).collect();
        confusions.sort_by_key(|confusion| std::cmp::Reverse((confusion.changes(), confusion.faults.len())));
        confusions
    }

    /// The intents, those with the most faults first.
    pub fn tallies(&self) -> Vec<Tally> {
        let named = self.tallies.iter().map(|(intent, tally)| Tally { intent: intent.clone(), ..tally.clone() });
        let mut tallies: Vec<Tally> = named.collect();
        tallies.sort_by_key(|tally| std::cmp::Reverse(tally.turns - tally.exact));
        tallies
    }

    /// Name and value of every figure.
    pub fn table(&self) -> Vec<(&'static str, String)> {
        let turns = self.exact.0;
        let mut micros = self.micros.clone();
        micros.sort_unstable();
        let at = |share: f64| micros.get((micros.len() as f64 * share) as usize).copied().unwrap_or(0) as f64 / 1000.0;
        vec![
            ("exact command", share(self.exact)),
            ("intent", share(self.intent)),
            ("none", share(self.none)),
            ("ask", share(self.ask)),
            ("dialogue turns", share(self.dialogue)),
            ("argument F1", format!("{:5.1}%", 100.0 * self.argument_f1())),
            ("wrong commands", share((turns, self.wrong_commands))),
            ("wrong changes", share((turns, self.wrong_changes))),
            ("changes among none", share((self.none.0, self.changes_among_none))),
            ("calibration error", format!("{:6.3}", self.reliability.error())),
            ("milliseconds", format!("p50 {:.2}, p99 {:.2}", at(0.5), at(0.99))),
        ]
    }
}

fn share((of, right): (usize, usize)) -> String {
    if of == 0 { "     –".to_owned() } else { format!("{:5.1}% ({right}/{of})", 100.0 * right as f64 / of as f64) }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.table().into_iter().map(|(name, value)| format!("{name:<20}{value}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    expected {}\n    got      {}", self.place, self.text, self.expected, self.understood)
    }
}
