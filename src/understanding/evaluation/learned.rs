//! A set learned as if its intents were ours: the product's head, tagger, calibration and decision, and nothing beside.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::super::Understander;
use super::super::model::Model;
pub use super::super::thresholds::Choice;
use super::super::training;
use super::dataset::{DatasetError, Row};
use crate::catalogue::{Annotation, Example, ExampleKind};
use crate::domain::{Digest, Effect, Entities, Intent, IntentName, Intents, Parameter, ParameterName, ValueType};
use crate::embedding::{Embedder, EmbeddingError, Encoded, Kept};
use crate::retrieval::Passages;

/// How many messages are held in memory at a time with the states of their words.
const BATCH: usize = 512;

/// A set that was learned.
pub struct Learned {
    /// The intents' names in the set, in the order of the classes.
    intents: Vec<String>,
    /// The slots' names in the set.
    slots: Vec<String>,
    /// Whether there were messages out of scope to learn from.
    out_of_scope: bool,
    understander: Understander,
    embedder: Embedder,
}

/// What was read in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The likeliest intent.
    pub intent: String,
    /// The probability of each intent, in the order of their names; that of "no command" comes last.
    pub probabilities: Vec<f32>,
    /// What the product would do with a message of a read-only intent.
    pub choice: Choice,
    /// Where values stand, in bytes, and of which slots; in the text's order.
    pub slots: Vec<(Range<usize>, String)>,
}

impl Reading {
    /// The probability of the likeliest intent.
    pub fn confidence(&self) -> f32 {
        let commands = self.probabilities.len().saturating_sub(1);
        self.probabilities[..commands].iter().copied().fold(0.0, f32::max)
    }
}

/// Why a set could not be learned.
#[derive(Debug, thiserror::Error)]
pub enum LearningError {
    /// The set is at fault.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The encoder is.
    #[error(transparent)]
    Embedding(#[from] EmbeddingError),
}

impl Learned {
    /// Learns the rows. What is encoded is kept in the folder. Blocking.
    pub fn from_rows(rows: &[&Row], embedder: &Embedder, cache: Option<&Path>) -> Result<Self, LearningError> {
        let in_scope = || rows.iter().filter(|row| !row.is_out_of_scope());
        let intents = numbered(in_scope().map(|row| row.intent.as_str()));
        some_intents(rows)?;
        let slots = numbered(in_scope().flat_map(|row| row.slots.iter().map(|(_, slot)| slot.as_str())));
        let mut taken: Vec<Vec<usize>> = vec![Vec::new(); intents.len()];
        for row in in_scope() {
            let parameters = &mut taken[intents[row.intent.as_str()]];
            parameters.extend(row.slots.iter().map(|(_, slot)| slots[slot.as_str()]));
            parameters.sort_unstable();
            parameters.dedup();
        }
        let intent_names: Vec<IntentName> = (0..intents.len()).filter_map(intent_name).collect();
        let slot_names: Vec<ParameterName> = (0..slots.len()).filter_map(slot_name).collect();
        let catalogue: Intents = intents
            .iter()
            .map(|(summary, class)| Intent {
                name: intent_names[*class].clone(),
                summary: (*summary).to_owned(),
                effect: Effect::Read,
                parameters: taken[*class].iter().map(|slot| text(&slot_names[*slot])).collect(),
                one_of: Vec::new(),
            })
            .collect();
        let examples: Vec<Example> = rows
            .iter()
            .enumerate()
            .map(|(index, row)| {
                let class = intents.get(row.intent.as_str()).filter(|_| !row.is_out_of_scope());
                let annotation = |(span, slot): &(Range<usize>, String)| {
                    let parameter = slot_names[*slots.get(slot.as_str())?].clone();
                    Some(Annotation { span: span.clone(), parameter, value: None })
                };
                Example {
                    intent: class.map(|class| intent_names[*class].clone()),
                    text: row.text.clone(),
                    annotations: row.slots.iter().filter_map(annotation).collect(),
                    names: Vec::new(),
                    kind: if class.is_some() { ExampleKind::Positive } else { ExampleKind::OutOfScope },
                    file: row.split.clone(),
                    line: index + 1,
                }
            })
            .collect();
        let model = training::train(&catalogue, &examples, Digest::of([]), embedder, cache)?;
        Ok(Self {
            intents: intents.keys().map(|name| (*name).to_owned()).collect(),
            slots: slots.keys().map(|name| (*name).to_owned()).collect(),
            out_of_scope: rows.iter().any(|row| row.is_out_of_scope()),
            understander: understander(catalogue, &examples, model, embedder)?,
            embedder: embedder.clone(),
        })
    }

    /// Whether there were messages out of scope to learn from.
    pub fn knows_out_of_scope(&self) -> bool {
        self.out_of_scope
    }

    /// Reads messages. What is encoded is kept in the folder. Blocking.
    pub fn read(&self, rows: &[&Row], cache: Option<&Path>) -> Result<Vec<Reading>, LearningError> {
        some_intents(rows)?;
        if let Some(row) = rows.iter().find(|row| !row.is_out_of_scope() && !self.intents.contains(&row.intent)) {
            return Err(DatasetError::NeverLearned(row.intent.clone()).into());
        }
        let mut kept = Kept::open(cache, "measured", &self.embedder);
        let mut readings = Vec::with_capacity(rows.len());
        for batch in rows.chunks(BATCH) {
            let texts: Vec<&str> = batch.iter().map(|row| row.text.as_str()).collect();
            let encoded: Vec<(&str, Encoded)> = texts.iter().copied().zip(kept.encodings(&texts)?).collect();
            let read: Vec<Reading> =
                encoded.into_par_iter().map(|(text, encoded)| self.reading(text, encoded)).collect();
            readings.extend(read);
        }
        kept.save();
        Ok(readings)
    }

    fn reading(&self, text: &str, encoded: Encoded) -> Reading {
        let bare = self.understander.bare(text, encoded);
        let number = |name: &str| name.rsplit('n').next().and_then(|digits| digits.parse::<usize>().ok());
        let slot = |name: &ParameterName| number(name.as_str()).and_then(|at| self.slots.get(at));
        let spans = bare.spans.into_iter().filter_map(|(span, name)| Some((span, slot(&name)?.clone())));
        Reading {
            intent: self.intents.get(bare.best).cloned().unwrap_or_default(),
            probabilities: bare.probabilities,
            choice: bare.choice,
            slots: spans.collect(),
        }
    }
}

/// Where a set's encodings are kept within the cache folder: a folder for each file and what is learned of it.
pub fn folder(cache: &Path, file: &Path, splits: &[String]) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default();
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '_' | '-') { c } else { '+' };
    cache.join("eval").join(stem).join(splits.join("+").chars().map(safe).collect::<String>())
}

/// Refuses rows that are all out of scope.
fn some_intents(rows: &[&Row]) -> Result<(), DatasetError> {
    if rows.iter().any(|row| !row.is_out_of_scope()) {
        return Ok(());
    }
    let splits: BTreeSet<&str> = rows.iter().map(|row| row.split.as_str()).collect();
    Err(DatasetError::NoIntents(splits.into_iter().map(str::to_owned).collect()))
}

/// Names in order, each with its number.
fn numbered<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut numbered: BTreeMap<&str, usize> = names.map(|name| (name, 0)).collect();
    numbered.values_mut().enumerate().for_each(|(index, number)| *number = index);
    numbered
}

/// A set's names may be anything, ours are words; numbers with leading zeros keep the order.
fn intent_name(number: usize) -> Option<IntentName> {
    format!("set.n{number:05}").parse().ok()
}

fn slot_name(number: usize) -> Option<ParameterName> {
    format!("n{number:05}").parse().ok()
}

/// A slot's values are words as they stand.
fn text(name: &ParameterName) -> Parameter {
    Parameter {
        name: name.clone(),
        value_type: ValueType::Text,
        required: false,
        ask: None,
        values: Vec::new(),
        implies: Vec::new(),
        whole_message: false,
    }
}

/// An understander for an organisation without names and runbooks.
fn understander(
    intents: Intents,
    examples: &[Example],
    model: Model,
    embedder: &Embedder,
) -> Result<Understander, EmbeddingError> {
    let passages = Passages::build(&[], embedder, None)?;
    let entities = Entities::default();
    Ok(Understander::new(intents, entities, examples, model, passages, embedder.clone(), TimeZone::UTC))
}
