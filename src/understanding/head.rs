//! The intent head: a linear model over embeddings and n-grams, combined with the nearest examples, calibrated.
//!
//! Calibration follows Guo et al. (2017): one temperature, here with the weight of the retrieval evidence beside it, both
//! chosen to minimise the loss on examples that the model which scores them has not seen (four folds).

use super::linear::{Features, Linear, Sample, Target, Training, dot, softmax};

const TRAINING: Training = Training { epochs: 24, rate: 0.12, decay: 2e-3 };
const FOLDS: usize = 4;

/// An example as the head sees it.
#[derive(Debug, Clone)]
pub struct HeadExample {
    /// Its views: as written, and with the values masked.
    pub views: Vec<Features>,
    /// What it teaches; class `classes - 1` is "no command".
    pub target: Target,
    /// The sentence vector, unit length.
    pub sentence: Vec<f32>,
}

/// How raw scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calibration {
    /// Divides the scores.
    pub temperature: f32,
    /// How much the similarity to a class's nearest example adds to its score.
    pub retrieval: f32,
}

/// The trained head with its examples' vectors.
#[derive(Debug, Clone)]
pub struct Head {
    /// The linear part.
    pub linear: Linear,
    /// Vectors of the positive examples, with their class.
    pub neighbours: Vec<(Vec<f32>, usize)>,
    /// How scores become probabilities.
    pub calibration: Calibration,
    /// How many classes there are, "no command" included.
    pub classes: usize,
}

impl Head {
    /// Trains on all examples, after four trainings on three quarters each for the calibration.
    pub fn train(examples: &[HeadExample], classes: usize, dimension: usize) -> Self {
        let calibration = calibrate(examples, classes, dimension);
        let samples: Vec<Sample> = examples.iter().flat_map(samples_of).collect();
        let linear = Linear::train(&samples.iter().collect::<Vec<_>>(), classes, dimension, TRAINING);
        let neighbours = examples
            .iter()
            .filter_map(|example| match example.target {
                Target::Is(class) => Some((example.sentence.clone(), class)),
                Target::IsNot(_) => None,
            })
            .collect();
        Self { linear, neighbours, calibration, classes }
    }

    /// The probability of every class for a message; `evidence` is a similarity per class from elsewhere (runbook
    /// steps), zero where there is none.
    pub fn probabilities(&self, features: &Features, sentence: &[f32], evidence: &[f32]) -> Vec<f32> {
        let all: Vec<usize> = (0..self.classes).collect();
        let logits = self.linear.logits(features, &all);
        let mut nearest =
            best_per_class(self.neighbours.iter().map(|(vector, class)| (dot(vector, sentence), *class)), self.classes);
        nearest.iter_mut().zip(evidence).for_each(|(near, extra)| *near = near.max(*extra));
        combine(&logits, &nearest, self.calibration)
    }
}

fn samples_of(example: &HeadExample) -> impl Iterator<Item = Sample> {
    let weight = 1.0 / example.views.len() as f32;
    example.views.iter().map(move |view| Sample {
        features: view.clone(),
        target: example.target.clone(),
        among: Vec::new(),
        weight,
    })
}

fn combine(logits: &[f32], nearest: &[f32], calibration: Calibration) -> Vec<f32> {
    let scores: Vec<f32> =
        logits.iter().zip(nearest).map(|(logit, near)| logit + calibration.retrieval * near).collect();
    softmax(&scores, calibration.temperature)
}

fn best_per_class(similarities: impl Iterator<Item = (f32, usize)>, classes: usize) -> Vec<f32> {
    let mut best = vec![0.0_f32; classes];
    for (similarity, class) in similarities {
        best[class] = best[class].max(similarity);
    }
    best
}

/// Chooses temperature and retrieval weight by the loss on held-out folds.
fn calibrate(examples: &[HeadExample], classes: usize, dimension: usize) -> Calibration {
    let all: Vec<usize> = (0..classes).collect();
    let held_out: Vec<(Vec<f32>, Vec<f32>, usize)> = std::thread::scope(|scope| {
        let folds: Vec<_> = (0..FOLDS)
            .map(|fold| {
                let all = &all;
                scope.spawn(move || {
                    let (out, kept): (Vec<_>, Vec<_>) =
                        examples.iter().enumerate().partition(|(index, _)| index % FOLDS == fold);
                    let samples: Vec<Sample> = kept.iter().flat_map(|(_, example)| samples_of(example)).collect();
                    let linear = Linear::train(&samples.iter().collect::<Vec<_>>(), classes, dimension, TRAINING);
                    let score = |example: &HeadExample, class: usize| {
                        let near = kept.iter().filter_map(|(_, other)| match other.target {
                            Target::Is(class) => Some((dot(&other.sentence, &example.sentence), class)),
                            Target::IsNot(_) => None,
                        });
                        // The last view is the masked one: what a message with known names looks like.
                        let view = example.views.last().map(|view| linear.logits(view, all)).unwrap_or_default();
                        (view, best_per_class(near, classes), class)
                    };
                    out.iter()
                        .filter_map(|(_, example)| match example.target {
                            Target::Is(class) => Some(score(example, class)),
                            Target::IsNot(_) => None,
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        folds.into_iter().filter_map(|fold| fold.join().ok()).flatten().collect()
    });
    let loss = |calibration: Calibration| -> f64 {
        held_out
            .iter()
            .map(|(logits, nearest, class)| -f64::from(combine(logits, nearest, calibration)[*class].max(1e-6).ln()))
            .sum()
    };
    let mut best = (f64::INFINITY, Calibration { temperature: 1.0, retrieval: 0.0 });
    for retrieval in [0.0, 2.0, 4.0, 6.0, 9.0, 12.0] {
        for temperature in [0.5, 0.65, 0.8, 1.0, 1.2, 1.5, 1.9, 2.4] {
            let calibration = Calibration { temperature, retrieval };
            let loss = loss(calibration);
            if loss < best.0 {
                best = (loss, calibration);
            }
        }
    }
    let right =
        held_out.iter().filter(|(logits, nearest, class)| argmax(&combine(logits, nearest, best.1)) == *class).count();
    tracing::info!(
        held_out = held_out.len(),
        accuracy = right as f64 / held_out.len().max(1) as f64,
        loss = best.0 / held_out.len().max(1) as f64,
        temperature = best.1.temperature,
        retrieval = best.1.retrieval,
        "calibrated the intent head"
    );
    best.1
}

/// The index of the largest number.
pub fn argmax(numbers: &[f32]) -> usize {
    (0..numbers.len()).max_by(|a, b| numbers[*a].total_cmp(&numbers[*b])).unwrap_or(0)
}
