//! What shows in the examples as they are written: too few, too much alike, marked in two ways.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, HeldOut, Kind, by_intent, percent};
use crate::catalogue::{Annotation, Example, ExampleKind};
use crate::domain::{Intent, Intents};
use crate::understanding::words::{overlap, words};

/// How many examples an intent should have.
const ENOUGH: usize = 20;
/// An example shares at least this part of its words with another one: it is the same sentence.
const SAME: f32 = 0.8;
/// From this part of the examples on, they are too much alike.
const ALIKE: f32 = 0.3;

pub(super) fn findings(intents: &Intents, held_out: &[HeldOut<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (intent, of_it) in by_intent(intents, held_out) {
        let examples: Vec<&Example> = of_it.iter().map(|one| one.example).collect();
        let examples: Vec<&Example> = examples.into_iter().filter(|one| one.kind == ExampleKind::Positive).collect();
        findings.extend(few(intent, &examples));
        findings.extend(uniform(intent, &examples));
        findings.extend(contradictions(intent, &examples));
    }
    findings
}

fn few(intent: &Intent, examples: &[&Example]) -> Option<Finding> {
    let (first, count) = (examples.first()?, examples.len());
    let message = format!("`{}` has {count} examples, and learns well from {ENOUGH} at least", intent.name);
    let lacking = ENOUGH.saturating_sub(count);
    let hint = "say it in other ways: terse, polite, indirect, dictated, in another language";
    (lacking > 0).then(|| Finding::at(Kind::Few, lacking as f32, first, message, hint))
}

/// The words outside of values; a value counts as its parameter.
fn frame(example: &Example) -> BTreeSet<String> {
    let outside = words(&example.text);
    let outside = outside.iter().filter(|word| !example.annotations.iter().any(|a| overlap(&a.span, &word.span)));
    let values = example.annotations.iter().map(|annotation| format!("<{}>", annotation.parameter));
    outside.map(|word| word.lower.clone()).chain(values).collect()
}

fn uniform(intent: &Intent, examples: &[&Example]) -> Option<Finding> {
    let frames: Vec<BTreeSet<String>> = examples.iter().map(|example| frame(example)).collect();
    let alike = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
        let common = a.intersection(b).count() as f32;
        common >= SAME * (a.len() + b.len()) as f32 - SAME * common
    };
    // Where a sentence was said before: later ones are its repetitions.
    let repeated: Vec<usize> =
        (1..frames.len()).filter(|at| frames[..*at].iter().any(|earlier| alike(earlier, &frames[*at]))).collect();
    let share = repeated.len() as f32 / examples.len().max(1) as f32;
    let first = examples[*repeated.first()?];
    let message = format!(
        "{} of the examples of `{}` repeat another one with other values; `{}` is the first",
        percent(share),
        intent.name,
        first.text
    );
    let hint = "a sentence with swapped values teaches nothing: say it in other words";
    (share >= ALIKE).then(|| Finding::at(Kind::Uniform, share, first, message, hint))
}

/// The same words marked as parameters of different types, or as different values of one.
fn contradictions(intent: &Intent, examples: &[&Example]) -> Vec<Finding> {
    let mut marked: BTreeMap<String, Vec<(&Example, &Annotation)>> = BTreeMap::new();
    for example in examples {
        for annotation in &example.annotations {
            let written = example.text[annotation.span.clone()].to_lowercase();
            marked.entry(written).or_default().push((example, annotation));
        }
    }
    let type_of =
        |annotation: &Annotation| intent.parameter(annotation.parameter.as_str()).map(|parameter| parameter.value_type);
    let clash = |(written, marks): (String, Vec<(&Example, &Annotation)>)| {
        let (first, one) = *marks.first()?;
        let differs = |other: &Annotation| match (other.parameter == one.parameter, &one.value, &other.value) {
            (true, Some(one), Some(other)) => one != other,
            (true, ..) => false,
            (false, ..) => type_of(one) != type_of(other),
        };
        let others: Vec<_> = marks.iter().filter(|(_, other)| differs(other)).collect();
        let (later, other) = others.first()?;
        let shown = |annotation: &Annotation| match &annotation.value {
            Some(value) => format!("{}={value}", annotation.parameter),
            None => annotation.parameter.to_string(),
        };
        let message = format!(
            "`{written}` is marked as {} here, and as {} at {}:{}",
            shown(other),
            shown(one),
            first.file,
            first.line
        );
        let hint = "mark the same words in the same way, or put other words there";
        Some(Finding::at(Kind::Contradiction, others.len() as f32, later, message, hint))
    };
    marked.into_iter().filter_map(clash).collect()
}
