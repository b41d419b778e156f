//! Looking closely at the examples: where they will mislead, judged by a head that has not learned from the one it judges.

mod comparison;
mod learned;
mod written;

use std::path::Path;

use crate::catalogue::{Diagnostic, Example, ExampleKind};
use crate::domain::{Intent, Intents};
use crate::embedding::{Embedder, EmbeddingError};

use super::training::{self, Lesson};

pub use super::training::HeldOut;
pub use comparison::{Comparison, compare};

/// What is wrong with an example, or with the examples of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What only looks, or is no command, is read as what destroys.
    Danger,
    /// Nearly the same sentence stands for two intents.
    Near,
    /// Read as something else by who has not learned from it.
    Misread,
    /// The same words are marked as different things.
    Contradiction,
    /// There are not enough of them.
    Few,
    /// They say the same in the same words.
    Uniform,
}

impl Kind {
    /// All of them, the gravest first.
    pub const ALL: [Self; 6] = [Self::Danger, Self::Near, Self::Misread, Self::Contradiction, Self::Few, Self::Uniform];

    /// What findings of this kind are, for a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Danger => "harmless things that are near to destructive ones",
            Self::Near => "examples of two intents that can hardly be told apart",
            Self::Misread => "examples that nothing else prepares for",
            Self::Contradiction => "annotations that contradict each other",
            Self::Few => "intents with few examples",
            Self::Uniform => "intents whose examples are too much alike",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Of what kind.
    pub kind: Kind,
    /// How bad; comparable within a kind.
    pub weight: f32,
    /// Where, what, and what to do; a warning.
    pub diagnostic: Diagnostic,
}

impl Finding {
    fn at(kind: Kind, weight: f32, example: &Example, message: String, hint: impl Into<String>) -> Self {
        let diagnostic = Diagnostic::warning(&example.file, message).on_line(example.line).hint(hint);
        Self { kind, weight, diagnostic }
    }
}

/// Each example with what a head that has not learned from it says of it. Blocking: as long as learning, and longer.
pub fn held_out<'a>(
    intents: &'a Intents,
    examples: &'a [Example],
    embedder: &Embedder,
    cache: Option<&Path>,
) -> Result<Vec<HeldOut<'a>>, EmbeddingError> {
    let lessons: Vec<Lesson<'_>> = examples.iter().map(|example| Lesson { example, counts: true }).collect();
    training::held_out(intents, &lessons, embedder, cache)
}

/// All that is worth a maintainer's look: by kind, and within a kind the worst first.
pub fn scrutinise(intents: &Intents, held_out: &[HeldOut<'_>]) -> Vec<Finding> {
    let mut findings = learned::findings(intents, held_out);
    findings.extend(written::findings(intents, held_out));
    findings.sort_by(|a, b| {
        let place = |finding: &Finding| (finding.diagnostic.file.clone(), finding.diagnostic.line);
        a.kind.cmp(&b.kind).then(b.weight.total_cmp(&a.weight)).then_with(|| place(a).cmp(&place(b)))
    });
    findings
}

/// The examples of each intent, in the order of the intents' names.
fn by_intent<'a>(intents: &'a Intents, held_out: &'a [HeldOut<'a>]) -> Vec<(&'a Intent, Vec<&'a HeldOut<'a>>)> {
    intents
        .iter()
        .map(|intent| {
            let of_it = held_out.iter().filter(|one| one.example.intent.as_ref() == Some(&intent.name));
            (intent.as_ref(), of_it.collect())
        })
        .collect()
}

/// The class that an example is of: an intent, or "no command" after the last; none for what it only is not.
fn class_of(classes: &[&Intent], one: &HeldOut<'_>) -> Option<usize> {
    match (&one.example.kind, &one.example.intent) {
        (ExampleKind::Positive, Some(name)) => classes.binary_search_by(|intent| intent.name.cmp(name)).ok(),
        (ExampleKind::OutOfScope, _) | (ExampleKind::Positive, None) => Some(classes.len()),
        (ExampleKind::NotThis(_), _) => None,
    }
}

/// `97 %`.
fn percent(probability: f32) -> String {
    format!("{:.0} %", 100.0 * probability)
}
