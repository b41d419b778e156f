//! The intent head: a linear model over embeddings and n-grams, weighed against other signals, calibrated.
//!
//! Beside the linear score of a class stand: how near its nearest example is, how much of the message its examples never
//! said, and how many values the message holds that it has no parameter for. Their weights are one vector for all classes,
//! chosen to minimise the loss on examples that the models which score them have not seen (two of four folds): stacking (Wolpert,
//! 1992), of which temperature scaling (Guo et al., 2017) is the case of one signal.

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::features::View;
use super::linear::{Linear, Sample, Target, Training, softmax};
use super::vectors::best_of_classes;
use super::vocabulary::Vocabulary;

const TRAINING: Training = Training { epochs: 14, rate: 0.02, decay: 0.0 };
const FOLDS: usize = 4;
/// How many of the folds are held out in turn: half of the examples are enough for a handful of weights.
const HELD_OUT: usize = 2;

/// How many signals there are per class, the constant of "no command" included.
const SIGNALS: usize = 6;

/// Half of what is learned from is no command, so that the many ways of not asking are known; of what people say to the
/// assistant a quarter, at most, is none. The difference of the log odds.
const PRIOR: f32 = 1.1;

/// The signals of one class for one message.
type Signals = [f32; SIGNALS];

/// An example as the head sees it.
#[derive(Debug, Clone)]
pub struct HeadExample {
    /// Its views: as written, and with the values masked, which is what a message with known names looks like.
    pub views: Vec<View>,
    /// What it teaches; class `classes - 1` is "no command".
    pub target: Target,
    /// Whether it is learned from. If not, it only keeps its place, so that the others are learned in the same order.
    pub counts: bool,
}

impl HeadExample {
    /// What all views have in common.
    pub fn sentence(&self) -> &[f32] {
        self.views.first().map_or(&[], View::sentence)
    }
}

/// The weights of the signals: what makes scores of different kinds one probability.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calibration([f32; SIGNALS]);

/// The types of values that the parameters of each class take; `None` for a class that takes any text.
pub type Schemas = Vec<Option<Vec<&'static str>>>;

/// The trained head with its examples' vectors.
#[derive(Debug, Clone)]
pub struct Head {
    /// The linear part.
    pub linear: Linear,
    /// Which words the examples of each class use.
    pub vocabulary: Vocabulary,
    /// The sentence vectors of the positive examples, one after the other.
    pub vectors: Vec<f32>,
    /// The classes of these examples.
    pub classes: Vec<usize>,
    /// How scores become probabilities.
    pub calibration: Calibration,
}

impl Head {
    /// Trains on all examples, and for the calibration twice on three quarters. `schemas` has an element per intent; "no
    /// command" is the class after the last. A sentence vector has `dimension` numbers.
    pub fn train(examples: &[HeadExample], schemas: &Schemas, dimension: usize) -> Self {
        let all: Vec<&HeadExample> = examples.iter().collect();
        let (head, calibration) =
            rayon::join(|| Self::fit(&all, schemas, dimension, Views::All), || calibrate(examples, schemas, dimension));
        Self { calibration, ..head }
    }

    /// The parts that learn from the examples directly, not calibrated.
    fn fit(examples: &[&HeadExample], schemas: &Schemas, dimension: usize, views: Views) -> Self {
        let classes = schemas.len() + 1;
        let samples: Vec<Sample<'_>> = examples.iter().flat_map(|example| samples_of(example, views)).collect();
        let linear = Linear::train(&samples, classes, 2 * dimension, TRAINING);
        let positive = || {
            examples.iter().filter(|example| example.counts).filter_map(|example| match example.target {
                Target::Is(class) => Some((*example, class)),
                Target::IsNot(_) => None,
            })
        };
        let said = positive().flat_map(|(example, class)| {
            example.views.last().into_iter().map(move |view| (view.vocabulary.as_slice(), class))
        });
        Self {
            linear,
            vocabulary: Vocabulary::of(said, classes),
            vectors: positive().flat_map(|(example, _)| example.sentence()).copied().collect(),
            classes: positive().map(|(_, class)| class).collect(),
            calibration: Calibration([0.0; SIGNALS]),
        }
    }

    /// The probability of every class for a message; `evidence` is a similarity per class from elsewhere (runbook
    /// steps), zero where there is none.
    pub fn probabilities(&self, view: &View, evidence: &[f32], schemas: &Schemas) -> Vec<f32> {
        let mut signals = self.signals(view, &self.nearest(&[view.sentence()]).concat(), schemas);
        for (signals, extra) in signals.iter_mut().zip(evidence) {
            signals[1] = signals[1].max(*extra);
        }
        as_heard(&signals, self.calibration)
    }

    /// All signals of all classes; `near` is how near each class's nearest example is.
    fn signals(&self, view: &View, near: &[f32], schemas: &Schemas) -> Vec<Signals> {
        let none = schemas.len();
        let logits = self.linear.logits(&view.features, &[]);
        let unsaid = self.vocabulary.unsaid(&view.vocabulary);
        (0..=none)
            .map(|class| {
                let foreign = schemas.get(class).and_then(Option::as_ref).map_or(0, |types| {
                    view.values.iter().filter(|value| !value.iter().any(|one| types.contains(one))).count()
                });
                let (unsaid, constant) = if class == none { (0.0, 1.0) } else { (unsaid[class], 0.0) };
                // Of a long message more is unsaid, and less follows from it: the share counts as well as the sum.
                let share = unsaid / (1.0 + view.vocabulary.len() as f32).sqrt();
                [logits[class], near[class], unsaid.sqrt(), share, foreign.min(3) as f32, constant]
            })
            .collect()
    }

    /// For each sentence the similarity of each class's nearest example, zero at least.
    fn nearest(&self, sentences: &[&[f32]]) -> Vec<Vec<f32>> {
        best_of_classes(&self.vectors, &self.classes, self.linear.classes(), sentences)
    }

    /// The signals of examples that it has not learned from, each with what stands beside it.
    fn signals_of<T>(&self, examples: Vec<(&View, T)>, schemas: &Schemas) -> Vec<(Vec<Signals>, T)> {
        let sentences: Vec<&[f32]> = examples.iter().map(|(view, _)| view.sentence()).collect();
        let near = self.nearest(&sentences);
        examples.into_iter().zip(near).map(|((view, with), near)| (self.signals(view, &near, schemas), with)).collect()
    }
}

/// Which views of the examples a training sees.
#[derive(Debug, Clone, Copy)]
enum Views {
    All,
    /// Only that with the values masked: half the time, and all that calibration looks at.
    Last,
}

fn samples_of(example: &HeadExample, views: Views) -> impl Iterator<Item = Sample<'_>> {
    let skipped = match views {
        Views::All => 0,
        Views::Last => example.views.len().saturating_sub(1),
    };
    let views = &example.views[skipped..];
    let weight = if example.counts { 1.0 / views.len().max(1) as f32 } else { 0.0 };
    views.iter().map(move |view| Sample { features: &view.features, target: example.target, among: &[], weight })
}

fn scores(signals: &[Signals], calibration: Calibration) -> Vec<f32> {
    signals.iter().map(|signals| signals.iter().zip(calibration.0).map(|(s, w)| s * w).sum()).collect()
}

/// The probabilities for what people say to the assistant, rather than for what is learned from.
fn as_heard(signals: &[Signals], calibration: Calibration) -> Vec<f32> {
    let mut scores = scores(signals, calibration);
    if let Some(none) = scores.last_mut() {
        *none -= PRIOR;
    }
    softmax(&scores, 1.0)
}

fn combine(signals: &[Signals], calibration: Calibration) -> Vec<f32> {
    softmax(&scores(signals, calibration), 1.0)
}

/// A head that has learned from all examples but those that are held out, and these with their index.
fn without<'a>(
    examples: &'a [HeadExample],
    schemas: &Schemas,
    dimension: usize,
    held_out: impl Fn(usize) -> bool,
) -> (Head, Vec<(usize, &'a HeadExample)>) {
    let (out, kept): (Vec<_>, Vec<_>) = examples.iter().enumerate().partition(|(index, _)| held_out(*index));
    let kept: Vec<&HeadExample> = kept.into_iter().map(|(_, example)| example).collect();
    (Head::fit(&kept, schemas, dimension, Views::Last), out)
}

/// Chooses the weights of the signals by the loss on held-out folds.
fn calibrate(examples: &[HeadExample], schemas: &Schemas, dimension: usize) -> Calibration {
    let score = |fold: usize| {
        let (head, out) = without(examples, schemas, dimension, |index| index % FOLDS == fold);
        let known = out.into_iter().filter_map(|(_, example)| match (example.target, example.views.last()) {
            (Target::Is(class), Some(view)) => Some((view, class)),
            _ => None,
        });
        head.signals_of(known.collect(), schemas)
    };
    let held_out: Vec<(Vec<Signals>, usize)> = (0..HELD_OUT).into_par_iter().flat_map_iter(score).collect();
    let calibration = weigh(&held_out);
    let probabilities: Vec<(Vec<f32>, usize)> =
        held_out.iter().map(|(signals, class)| (combine(signals, calibration), *class)).collect();
    let count = probabilities.len().max(1) as f64;
    let right = probabilities.iter().filter(|(probabilities, class)| argmax(probabilities) == *class).count();
    let loss: f64 =
        probabilities.iter().map(|(probabilities, class)| -f64::from(probabilities[*class].max(1e-9).ln())).sum();
    tracing::info!(
        held_out = probabilities.len(),
        accuracy = right as f64 / count,
        loss = loss / count,
        weights = ?calibration.0,
        "calibrated the intent head"
    );
    calibration
}

/// What a head that has not learned from an example says of it: its index, and the probability of every class. An example
/// is of the fold that `fold` gives for its index, of [`FOLDS`].
pub fn held_out(
    examples: &[HeadExample],
    schemas: &Schemas,
    dimension: usize,
    fold: impl Fn(usize) -> usize + Sync,
) -> Vec<(usize, Vec<f32>)> {
    let score = |at: usize| {
        let (head, out) = without(examples, schemas, dimension, |index| fold(index) % FOLDS == at);
        let counted = out.into_iter().filter(|(_, example)| example.counts);
        let seen = counted.filter_map(|(index, example)| Some((example.views.last()?, (index, example.target))));
        head.signals_of(seen.collect(), schemas)
    };
    let mut scored: Vec<_> = (0..FOLDS).into_par_iter().flat_map_iter(score).collect();
    scored.sort_unstable_by_key(|(_, (index, _))| *index);
    let known = scored.iter().filter_map(|(signals, (_, target))| match target {
        Target::Is(class) => Some((signals.clone(), *class)),
        Target::IsNot(_) => None,
    });
    let calibration = weigh(&known.collect::<Vec<_>>());
    scored.into_iter().map(|(signals, (index, _))| (index, as_heard(&signals, calibration))).collect()
}

/// The weights with the least loss, by Newton's method: the loss is convex, and there is a handful of weights. The damping
/// keeps weights of signals that say nothing where they are.
fn weigh(held_out: &[(Vec<Signals>, usize)]) -> Calibration {
    const ROUNDS: usize = 12;
    const DAMPING: f64 = 1e-4;
    let mut weights = [0.0; SIGNALS];
    weights[0] = 1.0;
    for _ in 0..ROUNDS {
        let zero = || ([0.0_f64; SIGNALS], [[0.0_f64; SIGNALS]; SIGNALS]);
        let (mut gradient, mut curvature) = zero();
        for (signals, class) in held_out {
            // The mean and the second moment of the signals under the model.
            let (mut mean, mut moment) = zero();
            for (probability, signals) in combine(signals, Calibration(weights)).into_iter().zip(signals) {
                if probability < 1e-5 {
                    continue;
                }
                for ((mean, moment), signal) in mean.iter_mut().zip(&mut moment).zip(signals) {
                    let weighted = f64::from(probability * signal);
                    *mean += weighted;
                    moment.iter_mut().zip(signals).for_each(|(sum, other)| *sum += weighted * f64::from(*other));
                }
            }
            for row in 0..SIGNALS {
                gradient[row] += mean[row] - f64::from(signals[*class][row]);
                for column in 0..SIGNALS {
                    curvature[row][column] += moment[row][column] - mean[row] * mean[column];
                }
            }
        }
        let damping = DAMPING * held_out.len().max(1) as f64;
        (0..SIGNALS).for_each(|at| curvature[at][at] += damping);
        for (weight, step) in weights.iter_mut().zip(solve(curvature, gradient)) {
            *weight -= step as f32;
        }
    }
    Calibration(weights)
}

/// Solves `matrix × x = right` for a symmetric, positive definite matrix, by Gaussian elimination.
fn solve(mut matrix: [[f64; SIGNALS]; SIGNALS], mut right: [f64; SIGNALS]) -> [f64; SIGNALS] {
    for pivot in 0..SIGNALS {
        let above = matrix[pivot];
        for row in pivot + 1..SIGNALS {
            let factor = matrix[row][pivot] / above[pivot];
            matrix[row].iter_mut().zip(above).for_each(|(number, above)| *number -= factor * above);
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..SIGNALS).rev() {
        let known: f64 = (row + 1..SIGNALS).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}

/// The index of the largest number.
pub fn argmax(numbers: &[f32]) -> usize {
    (0..numbers.len()).max_by(|a, b| numbers[*a].total_cmp(&numbers[*b])).unwrap_or(0)
}
