//! Two sets of examples against each other: what a change stole, lost, mended, and brought closer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::{HeldOut, class_of, percent};
use crate::catalogue::{Catalogue, Diagnostic, Example, ExampleKind};
use crate::domain::{Effect, Intent, IntentName, Intents};
use crate::embedding::{Embedder, EmbeddingError};
use crate::understanding::head::argmax;
use crate::understanding::training::{self, Lesson};

/// A reading that turned counts if the right one has become less likely by this at least: nearer ones turn by chance.
const TURNED: f32 = 0.1;
/// Two intents came closer if their examples are taken for each other's by this much more, on average.
const CLOSER: f32 = 0.02;

/// What a change does to the examples that were there before and are there still.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// How many were compared.
    pub compared: usize,
    /// Read right before, and now as an intent that changes something: errors, the surest first.
    pub dangerous: Vec<Diagnostic>,
    /// Read right before, and now as an intent that only looks: warnings, the surest first.
    pub stolen: Vec<Diagnostic>,
    /// Read right before, and now as no command: warnings, the surest first.
    pub lost: Vec<Diagnostic>,
    /// How many were read wrong before, and right now.
    pub mended: usize,
    /// Pairs of intents, with how likely their examples are taken for each other's before and now; the worst first.
    pub closer: Vec<(IntentName, IntentName, f32, f32)>,
}

/// A reading by names: none is "no command".
type Read<'a> = Option<&'a Intent>;

/// What an example says, and of what: the same before and after, wherever it stands.
type Meaning<'a> = (&'a str, Option<&'a IntentName>, Option<&'a IntentName>);

fn meaning(example: &Example) -> Meaning<'_> {
    let not = match &example.kind {
        ExampleKind::NotThis(not) => Some(not),
        ExampleKind::Positive | ExampleKind::OutOfScope => None,
    };
    (&example.text, example.intent.as_ref(), not)
}

/// Learns from both, and compares over the examples that both have with the same meaning. Blocking: twice as long as
/// [`super::held_out`].
///
/// Which of two doubtful readings wins depends on the order of learning. So both learn in one order, with the same classes:
/// what one of them does not have keeps its place there and teaches nothing. What differs then is the change's doing.
pub fn compare<'a>(
    before: &'a Catalogue,
    after: &'a Catalogue,
    embedder: &Embedder,
    cache: Option<&Path>,
) -> Result<Comparison, EmbeddingError> {
    let new: HashMap<Meaning<'_>, &Example> = after.examples.iter().map(|one| (meaning(one), one)).collect();
    let old: HashSet<Meaning<'_>> = before.examples.iter().map(meaning).collect();
    let mut pairs: Vec<(Option<&Example>, Option<&Example>)> =
        before.examples.iter().map(|one| (Some(one), new.get(&meaning(one)).copied())).collect();
    let added = after.examples.iter().filter(|one| !old.contains(&meaning(one)));
    pairs.extend(added.map(|one| (None, Some(one))));
    let both = |of: &Intents, other: &Intents| -> Intents {
        other.iter().chain(of.iter()).map(|intent| intent.as_ref().clone()).collect()
    };
    let (old, new) = (both(&before.intents, &after.intents), both(&after.intents, &before.intents));
    let lesson = |of: Option<&'a Example>, other: Option<&'a Example>| {
        Some(Lesson { example: of.or(other)?, counts: of.is_some() })
    };
    let earlier: Vec<Lesson<'_>> = pairs.iter().filter_map(|(then, now)| lesson(*then, *now)).collect();
    let later: Vec<Lesson<'_>> = pairs.iter().filter_map(|(then, now)| lesson(*now, *then)).collect();
    let then = training::held_out(&old, &earlier, embedder, cache)?;
    let now = training::held_out(&new, &later, embedder, cache)?;
    Ok(contrast(&old, &then, &new, &now))
}

fn contrast(old: &Intents, then: &[HeldOut<'_>], new: &Intents, now: &[HeldOut<'_>]) -> Comparison {
    let known: HashMap<Meaning<'_>, &HeldOut<'_>> = then.iter().map(|one| (meaning(one.example), one)).collect();
    let shared: Vec<(&HeldOut<'_>, &HeldOut<'_>)> =
        now.iter().filter_map(|now| Some((*known.get(&meaning(now.example))?, now))).collect();
    let old: Vec<&Intent> = old.iter().map(AsRef::as_ref).collect();
    let new: Vec<&Intent> = new.iter().map(AsRef::as_ref).collect();
    let mut comparison = Comparison { compared: shared.len(), ..Comparison::default() };
    let mut turned = Vec::new();
    for (then, now) in &shared {
        let ((was_right, was), (is_right, is)) = (right(&old, then), right(&new, now));
        comparison.mended += usize::from(!was_right && is_right && is - was >= TURNED);
        if was_right && !is_right && was - is >= TURNED {
            turned.push((was - is, told(&new, now, was, is)));
        }
    }
    turned.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, (read, finding)) in turned {
        match read.map(|intent| intent.effect) {
            None => comparison.lost.push(finding),
            Some(Effect::Read) => comparison.stolen.push(finding),
            Some(Effect::Change | Effect::Destructive) => comparison.dangerous.push(finding),
        }
    }
    comparison.closer = closer(&old, &new, &shared);
    comparison
}

/// Whether an example is read as what it is, and how likely that is.
fn right(classes: &[&Intent], one: &HeldOut<'_>) -> (bool, f32) {
    let read = argmax(&one.probabilities);
    match (class_of(classes, one), &one.example.kind) {
        (Some(class), _) => (read == class, one.probabilities[class]),
        (None, ExampleKind::NotThis(not)) => {
            let is_not = |intent: &&Intent| intent.name == *not;
            let wrong = classes.iter().position(is_not).map_or(0.0, |class| one.probabilities[class]);
            (!classes.get(read).is_some_and(is_not), 1.0 - wrong)
        }
        (None, ExampleKind::Positive | ExampleKind::OutOfScope) => (true, 0.0),
    }
}

/// How an example reads now, and that in words.
fn told<'a>(classes: &[&'a Intent], now: &HeldOut<'_>, was: f32, is: f32) -> (Read<'a>, Diagnostic) {
    let read = classes.get(argmax(&now.probabilities)).copied();
    let reads = read
        .map_or_else(|| "no command".to_owned(), |intent| format!("`{}` ({})", intent.name, intent.effect.as_str()));
    let meant = match (&now.example.kind, &now.example.intent) {
        (ExampleKind::Positive, Some(name)) => format!("`{name}`"),
        (ExampleKind::NotThis(not), _) => format!("anything but `{not}`"),
        (ExampleKind::OutOfScope, _) | (ExampleKind::Positive, None) => "no command".to_owned(),
    };
    let message = format!(
        "`{}` is {meant} and reads as {reads} now; right with {}, before with {}",
        now.example.text,
        percent(is),
        percent(was)
    );
    let changes = read.is_some_and(|intent| intent.effect > Effect::Read);
    let make = if changes { Diagnostic::error } else { Diagnostic::warning };
    (read, make(&now.example.file, message).on_line(now.example.line))
}

/// How likely the examples of one intent are taken for those of another, on average, in both directions together.
fn mixed(classes: &[&Intent], examples: &[&HeldOut<'_>]) -> BTreeMap<(IntentName, IntentName), f32> {
    let mut count = vec![0.0_f32; classes.len()];
    let mut sums = vec![vec![0.0_f32; classes.len()]; classes.len()];
    for one in examples {
        if let Some(class) = class_of(classes, one).filter(|class| *class < classes.len()) {
            count[class] += 1.0;
            sums[class].iter_mut().zip(&one.probabilities).for_each(|(sum, probability)| *sum += probability);
        }
    }
    let mean = |of: usize, taken: usize| sums[of][taken] / count[of].max(1.0);
    let pairs = (0..classes.len()).flat_map(|a| (a + 1..classes.len()).map(move |b| (a, b)));
    pairs.map(|(a, b)| ((classes[a].name.clone(), classes[b].name.clone()), mean(a, b) + mean(b, a))).collect()
}

fn closer(
    old: &[&Intent],
    new: &[&Intent],
    shared: &[(&HeldOut<'_>, &HeldOut<'_>)],
) -> Vec<(IntentName, IntentName, f32, f32)> {
    let (then, now): (Vec<_>, Vec<_>) = shared.iter().copied().unzip();
    let before = mixed(old, &then);
    let mut closer: Vec<_> = mixed(new, &now)
        .into_iter()
        .map(|(pair, is)| (before.get(&pair).copied().unwrap_or(0.0), pair, is))
        .filter(|(was, _, is)| is - was >= CLOSER)
        .map(|(was, (a, b), is)| (a, b, was, is))
        .collect();
    closer.sort_by(|a, b| (b.3 - b.2).total_cmp(&(a.3 - a.2)));
    closer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(name: &str, effect: Effect) -> Intent {
        Intent {
            name: name.parse().unwrap(),
            summary: String::new(),
            effect,
            parameters: Vec::new(),
            one_of: Vec::new(),
        }
    }

    fn example(text: &str, intent: Option<&str>) -> Example {
        Example {
            intent: intent.map(|name| name.parse().unwrap()),
            text: text.to_owned(),
            annotations: Vec::new(),
            names: Vec::new(),
            kind: if intent.is_some() { ExampleKind::Positive } else { ExampleKind::OutOfScope },
            file: "intents/x.toml".to_owned(),
            line: 7,
        }
    }

    fn judged(example: &Example, probabilities: [f32; 3]) -> HeldOut<'_> {
        HeldOut { example, sentence: Vec::new(), probabilities: probabilities.to_vec(), remark: false }
    }

    #[test]
    fn what_turned_is_sorted_by_what_it_does() {
        let intents: Intents =
            [intent("a.burn", Effect::Destructive), intent("b.look", Effect::Read)].into_iter().collect();
        let [look, other, none, nearly, burn] = [
            example("look", Some("b.look")),
            example("see", Some("b.look")),
            example("lunch", None),
            example("nearly", None),
            example("burn", Some("a.burn")),
        ];
        let then = [
            judged(&look, [0.1, 0.8, 0.1]),
            judged(&other, [0.1, 0.8, 0.1]),
            judged(&none, [0.1, 0.1, 0.8]),
            judged(&nearly, [0.1, 0.44, 0.46]),
            judged(&burn, [0.3, 0.4, 0.3]),
        ];
        let now = [
            judged(&look, [0.7, 0.2, 0.1]),
            judged(&other, [0.1, 0.3, 0.6]),
            judged(&none, [0.1, 0.6, 0.3]),
            judged(&nearly, [0.1, 0.46, 0.44]),
            judged(&burn, [0.8, 0.1, 0.1]),
        ];
        let comparison = contrast(&intents, &then, &intents, &now);
        let told = |diagnostics: &[Diagnostic]| diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            told(&comparison.dangerous),
            ["error: intents/x.toml:7: `look` is `b.look` and reads as `a.burn` (destructive) now; right with 20 %, \
              before with 80 %"]
        );
        assert_eq!(
            told(&comparison.stolen),
            [
                "warning: intents/x.toml:7: `lunch` is no command and reads as `b.look` (read) now; right with 30 %, before \
              with 80 %"
            ]
        );
        assert_eq!(
            told(&comparison.lost),
            [
                "warning: intents/x.toml:7: `see` is `b.look` and reads as no command now; right with 30 %, before with 80 %"
            ]
        );
        assert_eq!((comparison.compared, comparison.mended), (5, 1));
        // On average what looks is taken for burning with 10 %, then with 40 %; what burns for looking the other way round.
        assert_eq!(comparison.closer.len(), 0);
    }
}
