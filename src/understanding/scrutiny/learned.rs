//! What only shows when the examples are learned from: misreadings, neighbours, and what is dangerously near.

use std::collections::BTreeMap;

use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::{Finding, HeldOut, Kind, class_of, percent};
use crate::catalogue::ExampleKind;
use crate::domain::{Effect, Intent, Intents};
use crate::understanding::head::argmax;
use crate::understanding::vectors::products;

/// From here on a wrong reading is a sure one.
const SURE: f32 = 0.95;
/// From here on two sentences are nearly one.
const SAME: f32 = 0.9;
/// From here on one of two is taken for the other.
const DOUBT: f32 = 0.3;
/// From here on a reading as something destructive counts.
const RISK: f32 = 0.5;

pub(super) fn findings(intents: &Intents, held_out: &[HeldOut<'_>]) -> Vec<Finding> {
    let classes: Vec<&Intent> = intents.iter().map(AsRef::as_ref).collect();
    let mut findings: Vec<Finding> = held_out.iter().filter_map(|one| misread(&classes, one)).collect();
    findings.extend(near(&classes, held_out));
    findings.extend(dangers(&classes, held_out));
    findings
}

fn misread(classes: &[&Intent], one: &HeldOut<'_>) -> Option<Finding> {
    let read = argmax(&one.probabilities);
    let sure = one.probabilities[read];
    if sure < SURE {
        return None;
    }
    let text = &one.example.text;
    let (weight, message, hint) = match (&one.example.kind, classes.get(read)) {
        // A cue keeps it from being a command.
        (ExampleKind::NotThis(_) | ExampleKind::OutOfScope, _) if one.remark => return None,
        (ExampleKind::NotThis(not), Some(intent)) if intent.name == *not => (
            sure,
            format!("`{text}` is none of this intent, and reads as one ({}) when it is left out", percent(sure)),
            "say in more ways what is not meant",
        ),
        (ExampleKind::NotThis(_), _) => return None,
        (ExampleKind::Positive | ExampleKind::OutOfScope, intent) => {
            let class = class_of(classes, one)?;
            if class == read {
                return None;
            }
            let read = intent.map_or_else(|| "no command".to_owned(), |intent| format!("`{}`", intent.name));
            let is = percent(one.probabilities[class]);
            let is = classes.get(class).map_or(format!("none ({is})"), |intent| format!("`{}` ({is})", intent.name));
            let message = format!("`{text}` reads as {read} ({}), not as {is}, when it is left out", percent(sure));
            (sure - one.probabilities[class], message, "say it in more ways, move it, or drop it")
        }
    };
    Some(Finding::at(Kind::Misread, weight, one.example, message, hint))
}

/// Pairs of examples of two intents, each with the nearest of its neighbours.
fn near(classes: &[&Intent], held_out: &[HeldOut<'_>]) -> Vec<Finding> {
    let positive: Vec<(&HeldOut<'_>, usize)> = held_out
        .iter()
        .filter_map(|one| Some((one, class_of(classes, one)?)))
        .filter(|(_, class)| *class < classes.len())
        .collect();
    let vectors: Vec<f32> = positive.iter().flat_map(|(one, _)| &one.sentence).copied().collect();
    let found = positive.par_iter().enumerate().filter_map(|(index, (one, class))| {
        // Each pair once, at the later of the two.
        let similarities = products(&vectors, &one.sentence);
        let others = similarities.into_iter().zip(&positive).take(index).filter(|(_, (_, other))| other != class);
        let (similarity, (other, other_class)) = others.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let taken = one.probabilities[*other_class].max(other.probabilities[*class]);
        if similarity < SAME || taken < DOUBT {
            return None;
        }
        let message = format!(
            "`{}` is nearly `{}` of `{}`, at {}:{} (similarity {similarity:.2}), and one reads as the other",
            one.example.text, other.example.text, classes[*other_class].name, other.example.file, other.example.line
        );
        let hint = "say what tells the two intents apart, or make them one";
        Some(Finding::at(Kind::Near, similarity, one.example, message, hint))
    });
    found.collect()
}

/// One finding for each destructive intent and what lies near it, with the worst example.
fn dangers(classes: &[&Intent], held_out: &[HeldOut<'_>]) -> Vec<Finding> {
    let mut pairs: BTreeMap<(usize, usize), Vec<(f32, &HeldOut<'_>)>> = BTreeMap::new();
    for one in held_out {
        let Some(class) = class_of(classes, one).filter(|class| *class < classes.len() || !one.remark) else {
            continue;
        };
        if classes.get(class).is_some_and(|intent| intent.effect == Effect::Destructive) {
            continue;
        }
        for (other, intent) in classes.iter().enumerate() {
            let risk = one.probabilities[other];
            if intent.effect == Effect::Destructive && risk >= RISK {
                pairs.entry((other, class)).or_default().push((risk, one));
            }
        }
    }
    let finding = |((destructive, class), mut found): ((usize, usize), Vec<(f32, &HeldOut<'_>)>)| {
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (risk, one) = *found.first()?;
        let destructive: &Intent = classes[destructive];
        let harmless = match classes.get(class) {
            Some(intent) => format!("is `{}`, only a {},", intent.name, intent.effect.as_str()),
            None => "is no command,".to_owned(),
        };
        let message = format!(
            "`{}` {harmless} and reads as the destructive `{}` ({}) when it is left out; {} such lines in all",
            one.example.text,
            destructive.name,
            percent(risk),
            found.len()
        );
        let hint = format!("put it among the not-examples of `{}`, or say in more ways what it is", destructive.name);
        let weight = found.iter().map(|(risk, _)| risk).sum();
        Some(Finding::at(Kind::Danger, weight, one.example, message, hint))
    };
    pairs.into_iter().filter_map(finding).collect()
}
