//! The intent head: a linear model over embeddings and n-grams, weighed against other signals, calibrated.
//!
//! Beside the linear score of a class stand: how near its nearest example is, how much of the message its examples never
//! said, and how many values the message holds that it has no parameter for. Their weights are one vector for all classes,
//! chosen to minimise the loss on examples that the models which score them have not seen (two of four folds): stacking (Wolpert,
//! 1992), of which temperature scaling (Guo et al., 2017) is the case of one signal.

use super::features::View;
use super::linear::{Features, Linear, Sample, Target, Training, dot, softmax};
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
    /// The sentence vector, unit length.
    pub sentence: Vec<f32>,
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
    /// Vectors of the positive examples, with their class.
    pub neighbours: Vec<(Vec<f32>, usize)>,
    /// How scores become probabilities.
    pub calibration: Calibration,
}

impl Head {
    /// Trains on all examples, after two trainings on three quarters each for the calibration. `schemas` has an element
    /// per intent; "no command" is the class after the last.
    pub fn train(examples: &[HeadExample], schemas: &Schemas, dimension: usize) -> Self {
        let calibration = calibrate(examples, schemas, dimension);
        let all: Vec<&HeadExample> = examples.iter().collect();
        let mut head = Self::fit(&all, schemas, dimension, Views::All);
        head.calibration = calibration;
        head
    }

    /// The parts that learn from the examples directly, not calibrated.
    fn fit(examples: &[&HeadExample], schemas: &Schemas, dimension: usize, views: Views) -> Self {
        let classes = schemas.len() + 1;
        let samples: Vec<Sample> = examples.iter().flat_map(|example| samples_of(example, views)).collect();
        let linear = Linear::train(&samples.iter().collect::<Vec<_>>(), classes, dimension, TRAINING);
        let positive = || {
            examples.iter().filter_map(|example| match example.target {
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
            neighbours: positive().map(|(example, class)| (example.sentence.clone(), class)).collect(),
            calibration: Calibration([0.0; SIGNALS]),
        }
    }

    /// The probability of every class for a message; `evidence` is a similarity per class from elsewhere (runbook
    /// steps), zero where there is none.
    pub fn probabilities(&self, view: &View, sentence: &[f32], evidence: &[f32], schemas: &Schemas) -> Vec<f32> {
        let mut signals = self.signals(view, sentence, schemas);
        for (signals, extra) in signals.iter_mut().zip(evidence) {
            signals[1] = signals[1].max(*extra);
        }
        let mut scores = scores(&signals, self.calibration);
        if let Some(none) = scores.last_mut() {
            *none -= PRIOR;
        }
        softmax(&scores, 1.0)
    }

    /// All signals of all classes.
    fn signals(&self, view: &View, sentence: &[f32], schemas: &Schemas) -> Vec<Signals> {
        let none = schemas.len();
        let all: Vec<usize> = (0..=none).collect();
        let logits = self.linear.logits(&view.features, &all);
        let similarities = self.neighbours.iter().map(|(vector, class)| (dot(vector, sentence), *class));
        let near = best_per_class(similarities, none + 1);
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
}

/// Which views of the examples a training sees.
#[derive(Debug, Clone, Copy)]
enum Views {
    All,
    /// Only that with the values masked: half the time, and all that calibration looks at.
    Last,
}

fn samples_of(example: &HeadExample, views: Views) -> impl Iterator<Item = Sample> {
    let skipped = match views {
        Views::All => 0,
        Views::Last => example.views.len().saturating_sub(1),
    };
    let weight = 1.0 / (example.views.len() - skipped).max(1) as f32;
    example.views[skipped..].iter().map(move |view| Sample {
        features: Features { dense: view.features.dense.clone(), sparse: view.features.sparse.clone() },
        target: example.target.clone(),
        among: Vec::new(),
        weight,
    })
}

fn scores(signals: &[Signals], calibration: Calibration) -> Vec<f32> {
    signals.iter().map(|signals| signals.iter().zip(calibration.0).map(|(s, w)| s * w).sum()).collect()
}

fn combine(signals: &[Signals], calibration: Calibration) -> Vec<f32> {
    softmax(&scores(signals, calibration), 1.0)
}

fn best_per_class(similarities: impl Iterator<Item = (f32, usize)>, classes: usize) -> Vec<f32> {
    let mut best = vec![0.0_f32; classes];
    for (similarity, class) in similarities {
        best[class] = best[class].max(similarity);
    }
    best
}

/// Chooses the weights of the signals by the loss on held-out folds.
fn calibrate(examples: &[HeadExample], schemas: &Schemas, dimension: usize) -> Calibration {
    let held_out: Vec<(Vec<Signals>, usize)> = std::thread::scope(|scope| {
        let folds: Vec<_> = (0..HELD_OUT)
            .map(|fold| {
                scope.spawn(move || {
                    let (out, kept): (Vec<_>, Vec<_>) =
                        examples.iter().enumerate().partition(|(index, _)| index % FOLDS == fold);
                    let kept: Vec<&HeadExample> = kept.into_iter().map(|(_, example)| example).collect();
                    let head = Head::fit(&kept, schemas, dimension, Views::Last);
                    let scored = out.iter().filter_map(|(_, example)| match (&example.target, example.views.last()) {
                        (Target::Is(class), Some(view)) => {
                            Some((head.signals(view, &example.sentence, schemas), *class))
                        }
                        _ => None,
                    });
                    scored.collect::<Vec<_>>()
                })
            })
            .collect();
        folds.into_iter().filter_map(|fold| fold.join().ok()).flatten().collect()
    });
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

/// The weights with the least loss: gradient descent with AdaGrad on a convex function of a handful of numbers.
fn weigh(held_out: &[(Vec<Signals>, usize)]) -> Calibration {
    const ROUNDS: usize = 300;
    const RATE: f32 = 0.3;
    let mut weights = [0.0; SIGNALS];
    weights[0] = 1.0;
    let mut squares = [1e-6_f32; SIGNALS];
    for _ in 0..ROUNDS {
        let mut gradient = [0.0_f32; SIGNALS];
        for (signals, class) in held_out {
            for (at, (probability, signals)) in
                combine(signals, Calibration(weights)).into_iter().zip(signals).enumerate()
            {
                let error = probability - f32::from(at == *class);
                if error.abs() > 1e-5 {
                    gradient.iter_mut().zip(signals).for_each(|(sum, signal)| *sum += error * signal);
                }
            }
        }
        for ((weight, square), gradient) in weights.iter_mut().zip(&mut squares).zip(gradient) {
            let mean = gradient / held_out.len().max(1) as f32;
            *square += mean * mean;
            *weight -= RATE * mean / square.sqrt();
        }
    }
    Calibration(weights)
}

/// The index of the largest number.
pub fn argmax(numbers: &[f32]) -> usize {
    (0..numbers.len()).max_by(|a, b| numbers[*a].total_cmp(&numbers[*b])).unwrap_or(0)
}
