//! Learning from `intents/`, at load: an example is encoded, looked at, and only what the models need of it is kept.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use jiff::Zoned;

use super::cues::{Lexicon, cues};
use super::features::{Masked, of_message};
use super::head::{self, Head, HeadExample};
use super::linear::{Target, hash};
use super::model::{Model, masks, schemas};
use super::recognise;
use super::tagger::{Tagger, TaggerExample};
use super::verbs::Verbs;
use super::words::{Word, overlap, words};
use crate::catalogue::{Example, ExampleKind};
use crate::domain::{Digest, Effect, EntityType, IntentName, Intents, ParameterName, ValueType};
use crate::embedding::{Embedder, EmbeddingError, Encoded, Kept};

/// How many texts are encoded at a time.
const BATCH: usize = 64;

/// Learns everything. Blocking: milliseconds for each example that is not in the cache folder, and some seconds for all.
pub(super) fn train(
    intents: &Intents,
    examples: &[Example],
    digest: Digest,
    embedder: &Embedder,
    cache: Option<&Path>,
) -> Result<Model, EmbeddingError> {
    let lessons: Vec<Lesson<'_>> = examples.iter().map(|example| Lesson { example, counts: true }).collect();
    Ok(Lessons::of(intents, &lessons, embedder, cache)?.learn(digest, embedder.dimension()))
}

/// An example, and whether it is learned from. If not, it only keeps its place.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    /// The example.
    pub example: &'a Example,
    /// Whether it is learned from.
    pub counts: bool,
}

/// Each example that counts, with what a head that has not learned from it says of it. Blocking, like learning, and half
/// as long again.
pub(super) fn held_out<'a>(
    intents: &'a Intents,
    lessons: &[Lesson<'a>],
    embedder: &Embedder,
    cache: Option<&Path>,
) -> Result<Vec<HeldOut<'a>>, EmbeddingError> {
    let learned = Lessons::of(intents, lessons, embedder, cache)?;
    // By its text alone: an example is in the same fold whatever stands around it.
    let fold = |index: usize| hash(&[&learned.examples[index].text]) as usize;
    let scored = head::held_out(&learned.head, &schemas(intents), embedder.dimension(), fold);
    let (verbs, ordinary) = (learned.verbs.often(), learned.ordinary.into_keys().collect());
    let lexicon = Lexicon { verbs: &verbs, ordinary: &ordinary, names: &[] };
    let held_out = |(index, probabilities): (usize, Vec<f32>)| {
        let example: &'a Example = learned.examples[index];
        let remark = !cues(&example.text, &words(&example.text), &lexicon, &learned.now).is_empty();
        HeldOut { example, sentence: learned.head[index].sentence().to_vec(), probabilities, remark }
    };
    Ok(scored.into_iter().map(held_out).collect())
}

/// An example and what is thought of it by who has not learned from it.
#[derive(Debug, Clone)]
pub struct HeldOut<'a> {
    /// The example.
    pub example: &'a Example,
    /// Its sentence vector, unit length.
    pub sentence: Vec<f32>,
    /// The probability of every intent in the order of their names, and of "no command" after the last.
    pub probabilities: Vec<f32>,
    /// Whether it holds a cue that speaks against a command, however it reads.
    pub remark: bool,
}

/// What the examples have taught so far.
struct Lessons<'a> {
    /// Those that teach the head something, in the order of `head`.
    examples: Vec<&'a Example>,
    intents: &'a Intents,
    names: Vec<IntentName>,
    now: Zoned,
    marked: HashMap<String, EntityType>,
    head: Vec<HeadExample>,
    tagger: Vec<TaggerExample<'a>>,
    ordinary: HashMap<String, u32>,
    lexicon: HashMap<String, u32>,
    verbs: Verbs,
}

impl<'a> Lessons<'a> {
    fn of(
        intents: &'a Intents,
        lessons: &[Lesson<'a>],
        embedder: &Embedder,
        cache: Option<&Path>,
    ) -> Result<Self, EmbeddingError> {
        let mut kept = Kept::open(cache, "examples", embedder);
        let mut learned = Self::new(intents, lessons);
        for batch in lessons.chunks(BATCH) {
            let texts: Vec<&str> = batch.iter().map(|lesson| lesson.example.text.as_str()).collect();
            for (lesson, encoded) in batch.iter().zip(kept.encodings(&texts)?) {
                learned.add(*lesson, &encoded);
            }
        }
        kept.save();
        Ok(learned)
    }

    fn new(intents: &'a Intents, lessons: &[Lesson<'_>]) -> Self {
        Self {
            examples: Vec::with_capacity(lessons.len()),
            intents,
            names: intents.iter().map(|intent| intent.name.clone()).collect(),
            now: Zoned::default(),
            marked: marked_names(lessons, intents),
            head: Vec::with_capacity(lessons.len()),
            tagger: Vec::new(),
            ordinary: HashMap::new(),
            lexicon: HashMap::new(),
            verbs: Verbs::default(),
        }
    }

    fn add(&mut self, Lesson { example, counts }: Lesson<'a>, encoded: &Encoded) {
        let class = |name: &IntentName| self.names.binary_search(name).ok();
        let target = match (&example.kind, &example.intent) {
            (ExampleKind::Positive, Some(name)) => class(name).map(Target::Is),
            (ExampleKind::NotThis(name), _) => class(name).map(Target::IsNot),
            (ExampleKind::OutOfScope, _) | (ExampleKind::Positive, None) => Some(Target::Is(self.names.len())),
        };
        let Some(target) = target else { return };
        let words = words(&example.text);
        let found = recognise::recognise(&example.text, &words, &self.now);
        let annotated = annotated(example, &words, self.intents, &self.marked);
        let mut views = vec![of_message(&example.text, &words, encoded, &masks(Vec::new(), &found))];
        if !annotated.is_empty() {
            views.push(of_message(&example.text, &words, encoded, &masks(annotated.clone(), &found)));
        }
        self.examples.push(example);
        self.head.push(HeadExample { views, target, counts });
        if !counts {
            return;
        }
        for word in words.iter().filter(|word| !marks(example, word)) {
            *self.lexicon.entry(word.lower.clone()).or_default() += 1;
        }
        if example.kind == ExampleKind::Positive {
            self.add_positive(example, &words, encoded, &annotated);
        }
    }

    /// Only in positive examples are names told from other words, and values annotated.
    fn add_positive(&mut self, example: &'a Example, words: &[Word], encoded: &Encoded, annotated: &[Masked]) {
        for word in words.iter().filter(|word| !marks(example, word)) {
            *self.ordinary.entry(word.lower.clone()).or_default() += 1;
        }
        let Some(intent) = example.intent.as_ref().and_then(|name| self.intents.get(name.as_str())) else { return };
        if intent.effect > Effect::Read {
            let plain = |word: &Word| !annotated.iter().any(|masked| overlap(&masked.span, &word.span));
            self.verbs.count(words, plain);
        }
        let values: Vec<_> = example.annotations.iter().map(|a| (a.span.clone(), &a.parameter)).collect();
        self.tagger.push(TaggerExample::of(&example.text, words, encoded, intent, &values));
    }

    fn learn(self, digest: Digest, dimension: usize) -> Model {
        let parameters: BTreeSet<ParameterName> = self
            .intents
            .iter()
            .flat_map(|intent| intent.parameters.iter().map(|parameter| parameter.name.clone()))
            .collect();
        // One after the other: what the tagger learns from is the larger part of the memory, and is let go first.
        let tagger = Tagger::train(&self.tagger, parameters.into_iter().collect(), dimension);
        drop(self.tagger);
        let head = Head::train(&self.head, &schemas(self.intents), dimension);
        // A word of one example may be a name that its author did not annotate; twice is a habit.
        let often = |counts: HashMap<String, u32>| counts.into_iter().filter(|(_, count)| *count >= 2);
        Model {
            intents: self.names,
            head,
            tagger,
            ordinary: often(self.ordinary).map(|(word, _)| word).collect::<HashSet<_>>(),
            lexicon: often(self.lexicon).collect(),
            verbs: self.verbs.often(),
            digest,
        }
    }
}

/// Whether a word is part of what an example's author marked.
fn marks(example: &Example, word: &Word) -> bool {
    let values = example.annotations.iter().map(|annotation| &annotation.span);
    values.chain(example.names.iter().map(|(span, _)| span)).any(|span| overlap(span, &word.span))
}

/// What an example's author marked, by the type of the parameter; enumerations and free text stay as they are. What
/// other examples mark as names are names in a line for which nobody did it.
fn annotated(example: &Example, words: &[Word], intents: &Intents, names: &HashMap<String, EntityType>) -> Vec<Masked> {
    let intent = example.intent.as_ref().and_then(|name| intents.get(name.as_str()));
    let values = example.annotations.iter().filter_map(|annotation| {
        let value_type = intent?.parameter(annotation.parameter.as_str())?.value_type;
        let types = vec![value_type.as_str()];
        (!matches!(value_type, ValueType::Enum | ValueType::Text | ValueType::Intent))
            .then(|| Masked { span: annotation.span.clone(), types })
    });
    let marked = example.names.iter().map(|(span, entity)| Masked { span: span.clone(), types: vec![entity.as_str()] });
    let known = words.iter().filter(|_| matches!(example.kind, ExampleKind::NotThis(_))).filter_map(|word| {
        names.get(&word.lower).map(|entity| Masked { span: word.span.clone(), types: vec![entity.as_str()] })
    });
    values.chain(marked).chain(known).collect()
}

/// The single words that examples mark as names, but for those that are marked with several types.
fn marked_names(lessons: &[Lesson<'_>], intents: &Intents) -> HashMap<String, EntityType> {
    let mut names: HashMap<String, Option<EntityType>> = HashMap::new();
    let mut mark = |text: &str, entity: EntityType| {
        let name = names.entry(text.to_lowercase()).or_insert(Some(entity));
        *name = name.filter(|known| *known == entity);
    };
    for Lesson { example, .. } in lessons.iter().filter(|lesson| lesson.counts) {
        let intent = example.intent.as_ref().and_then(|name| intents.get(name.as_str()));
        for annotation in &example.annotations {
            let value_type = intent.and_then(|i| i.parameter(annotation.parameter.as_str())).map(|p| p.value_type);
            if let Some(ValueType::Entity(entity)) = value_type {
                mark(&example.text[annotation.span.clone()], entity);
            }
        }
        example.names.iter().for_each(|(span, entity)| mark(&example.text[span.clone()], *entity));
    }
    names.into_iter().filter_map(|(name, entity)| Some((name, entity?))).collect()
}
