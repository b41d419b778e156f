//! The token tagger: which words of a message are the value of which parameter of a given intent.
//!
//! One model for all intents; training and decoding only compare the parameters that the intent has, so that "service"
//! learns from every intent that has one, and nothing is found that the intent could not use.

use std::ops::Range;

use super::features::of_word;
use super::linear::{Features, Linear, Sample, Target, Training};
use super::words::{Word, overlap};
use crate::domain::{Intent, ParameterName};
use crate::embedding::Encoded;

const TRAINING: Training = Training { epochs: 8, rate: 0.12, decay: 1e-3 };

/// The trained tagger. Label 0 is "no value"; label `i + 1` is `parameters[i]`.
#[derive(Debug, Clone)]
pub struct Tagger {
    /// The weights.
    pub linear: Linear,
    /// The parameter names, over all intents.
    pub parameters: Vec<ParameterName>,
}

/// A message for training.
pub struct TaggerExample<'a> {
    /// The intent whose parameters are possible.
    pub intent: &'a Intent,
    /// What each word looks like, and of which parameter's value it is part.
    pub words: Vec<(Features, Option<&'a ParameterName>)>,
}

impl<'a> TaggerExample<'a> {
    /// A message with the spans of its values.
    pub fn of(
        text: &str,
        words: &[Word],
        encoded: &Encoded,
        intent: &'a Intent,
        values: &[(Range<usize>, &'a ParameterName)],
    ) -> Self {
        let parameter = |word: &Word| values.iter().find(|(span, _)| overlap(span, &word.span)).map(|(_, name)| *name);
        let words = words
            .iter()
            .enumerate()
            .map(|(index, word)| (of_word(text, words, index, encoded), parameter(word)))
            .collect();
        Self { intent, words }
    }
}

/// For each word: the probability of each parameter of the intent, in the intent's order.
#[derive(Debug, Clone)]
pub struct Tags(pub Vec<Vec<f32>>);

impl Tagger {
    /// Trains over the given examples.
    pub fn train(examples: &[TaggerExample<'_>], parameters: Vec<ParameterName>, dimension: usize) -> Self {
        let label = |name: &ParameterName| parameters.iter().position(|other| other == name).map_or(0, |at| at + 1);
        let among: Vec<Vec<usize>> = examples.iter().map(|example| among(example.intent, &parameters)).collect();
        let samples: Vec<Sample<'_>> = examples
            .iter()
            .zip(&among)
            .flat_map(|(example, among)| {
                example.words.iter().map(move |(features, parameter)| Sample {
                    features,
                    target: Target::Is(parameter.map_or(0, label)),
                    among,
                    weight: 1.0,
                })
            })
            .collect();
        let linear = Linear::train(&samples, parameters.len() + 1, dimension, TRAINING);
        Self { linear, parameters }
    }

    /// Reads a message as one of the intent.
    pub fn tag(&self, text: &str, words: &[Word], encoded: &Encoded, intent: &Intent) -> Tags {
        let among = among(intent, &self.parameters);
        let rows = (0..words.len()).map(|index| {
            let features = of_word(text, words, index, encoded);
            self.linear.probabilities_among(&features, &among).split_off(1)
        });
        Tags(rows.collect())
    }
}

impl Tags {
    /// The mean probability of a parameter over the words of a span.
    pub fn support(&self, words: &[Word], span: &Range<usize>, parameter: usize) -> f32 {
        let rows = words.iter().zip(&self.0).filter(|(word, _)| overlap(&word.span, span));
        let (sum, count) = rows.fold((0.0, 0), |(sum, count), (_, row)| (sum + row[parameter], count + 1));
        if count == 0 { 0.0 } else { sum / count as f32 }
    }

    /// Runs of words for which a parameter is likelier than everything else, with the mean probability.
    pub fn runs(&self, words: &[Word], parameter: usize, floor: f32) -> Vec<(Range<usize>, f32)> {
        let mut runs: Vec<(Range<usize>, f32, usize)> = Vec::new();
        let mut open = false;
        for (index, (word, row)) in words.iter().zip(&self.0).enumerate() {
            let own = row[parameter];
            let best = row.iter().copied().fold(1.0 - row.iter().sum::<f32>(), f32::max);
            if own >= floor && own >= best {
                match runs.last_mut() {
                    Some((span, sum, count)) if open && !words[index - 1].breaks => {
                        span.end = word.span.end;
                        *sum += own;
                        *count += 1;
                    }
                    _ => runs.push((word.span.clone(), own, 1)),
                }
                open = true;
            } else {
                open = false;
            }
        }
        runs.into_iter().map(|(span, sum, count)| (span, sum / count as f32)).collect()
    }
}

/// The labels that are possible for an intent: none, then its parameters in order.
fn among(intent: &Intent, parameters: &[ParameterName]) -> Vec<usize> {
    let labels = intent.parameters.iter().map(|parameter| {
        // A parameter no example annotates has no label of its own; label 0 never wins as one.
        parameters.iter().position(|name| *name == parameter.name).map_or(0, |at| at + 1)
    });
    std::iter::once(0).chain(labels).collect()
}
