//! What is learned from `intents/`: the head, the tagger, and the ordinary words. Trained at load, cached by content.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use jiff::Zoned;

use super::features::{Masked, of_message};
use super::head::{Calibration, Head, HeadExample, Schemas};
use super::linear::{Linear, Target};
use super::recognise::{self, Found};
use super::tagger::{Tagger, TaggerExample};
use super::verbs::Verbs;
use super::vocabulary::Vocabulary;
use super::words::{Word, overlap, words};
use crate::catalogue::{Example, ExampleKind};
use crate::domain::{Digest, Effect, EntityType, Intent, IntentName, Intents, ParameterName, ValueType};
use crate::embedding::{Embedder, EmbeddingError};

/// Changes whenever the method does, so that an old cache is not read as a new one.
const VERSION: &str = "9";

/// How many texts are encoded at a time while training.
const BATCH: usize = 64;

/// Everything learned.
#[derive(Debug, Clone)]
pub struct Model {
    /// The classes of the head, in order; "no command" comes after the last.
    pub intents: Vec<IntentName>,
    /// Which intent a message is.
    pub head: Head,
    /// Which words are values.
    pub tagger: Tagger,
    /// Words that examples use for other things than names.
    pub ordinary: HashSet<String>,
    /// How often examples, and lines that are no commands, use a word for other things than values; twice at least.
    pub lexicon: HashMap<String, u32>,
    /// Words that begin requests to change something: `restart`, `roll`, `deploy`.
    pub verbs: HashSet<String>,
    /// What it was made of: encoder, examples, method.
    pub digest: Digest,
}

/// The small part of the cache, as JSON.
#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    intents: Vec<IntentName>,
    parameters: Vec<ParameterName>,
    ordinary: Vec<String>,
    lexicon: BTreeMap<String, u32>,
    verbs: Vec<String>,
    calibration: Calibration,
    neighbours: Vec<usize>,
    dimension: usize,
}

impl Model {
    /// The digest of what a model would be made of.
    pub fn digest_of(encoder: Digest, catalogue: Digest) -> Digest {
        Digest::of([VERSION.as_bytes(), encoder.to_string().as_bytes(), catalogue.to_string().as_bytes()])
    }

    /// Whether the cache folder holds the model for this encoder and catalogue.
    pub fn is_cached(cache: &Path, catalogue: Digest, embedder: &Embedder) -> bool {
        Self::file(cache, Self::digest_of(embedder.digest(), catalogue)).is_file()
    }

    fn file(cache: &Path, digest: Digest) -> std::path::PathBuf {
        cache.join(format!("model-{}.bin", digest.short()))
    }

    /// Reads the model from the cache folder, or trains it and writes it there. A cache that cannot be read or written is
    /// no error: it costs the training.
    pub fn load_or_train(
        cache: Option<&Path>,
        intents: &Intents,
        examples: &[Example],
        catalogue: Digest,
        embedder: &Embedder,
    ) -> Result<Self, EmbeddingError> {
        let digest = Self::digest_of(embedder.digest(), catalogue);
        let file = cache.map(|folder| Self::file(folder, digest));
        if let Some(model) =
            file.as_ref().and_then(|file| std::fs::read(file).ok()).and_then(|b| Self::from_bytes(&b, digest))
        {
            return Ok(model);
        }
        tracing::info!(examples = examples.len(), "learning from the examples; this happens once");
        let model = Self::train(intents, examples, digest, embedder)?;
        if let Some(file) = file
            && let Err(error) = write(&file, &model.to_bytes())
        {
            tracing::warn!(file = %file.display(), %error, "the learned model could not be cached");
        }
        Ok(model)
    }

    fn train(
        intents: &Intents,
        examples: &[Example],
        digest: Digest,
        embedder: &Embedder,
    ) -> Result<Self, EmbeddingError> {
        let mut encoded = Vec::with_capacity(examples.len());
        for batch in examples.chunks(BATCH) {
            let texts: Vec<&str> = batch.iter().map(|example| example.text.as_str()).collect();
            encoded.extend(embedder.encode_blocking(&texts)?);
        }
        let split: Vec<Vec<Word>> = examples.iter().map(|example| words(&example.text)).collect();
        let names: Vec<IntentName> = intents.iter().map(|intent| intent.name.clone()).collect();
        let class = |name: &IntentName| names.binary_search(name).ok();
        let now = Zoned::default();

        let marked = marked_names(examples, intents);
        let mut head_examples = Vec::new();
        let mut ordinary: HashMap<&str, usize> = HashMap::new();
        let mut lexicon: HashMap<&str, u32> = HashMap::new();
        let mut verbs = Verbs::default();
        for ((example, encoded), words) in examples.iter().zip(&encoded).zip(&split) {
            let target = match (&example.kind, &example.intent) {
                (ExampleKind::Positive, Some(name)) => class(name).map(Target::Is),
                (ExampleKind::NotThis(name), _) => class(name).map(Target::IsNot),
                (ExampleKind::OutOfScope, _) | (ExampleKind::Positive, None) => Some(Target::Is(names.len())),
            };
            let Some(target) = target else { continue };
            let found = recognise::recognise(&example.text, words, &now);
            let annotated = annotated(example, words, intents, &marked);
            let raw = of_message(&example.text, words, encoded, &masks(Vec::new(), &found));
            let masked = masks(annotated.clone(), &found);
            let views = if annotated.is_empty() {
                vec![raw]
            } else {
                vec![raw, of_message(&example.text, words, encoded, &masked)]
            };
            head_examples.push(HeadExample { views, target, sentence: encoded.sentence.clone() });
            for word in words.iter().filter(|word| !marks(example, word)) {
                *lexicon.entry(&word.lower).or_default() += 1;
                // Only in positive examples are names told from other words.
                if example.kind == ExampleKind::Positive {
                    *ordinary.entry(&word.lower).or_default() += 1;
                }
            }
            let changes = example
                .intent
                .as_ref()
                .and_then(|name| intents.get(name.as_str()))
                .is_some_and(|intent| intent.effect > Effect::Read);
            if changes && example.kind == ExampleKind::Positive {
                let plain = |word: &Word| !annotated.iter().any(|masked| overlap(&masked.span, &word.span));
                verbs.count(words, plain);
            }
        }
        let dimension = embedder.dimension();
        let head = Head::train(&head_examples, &schemas(intents), 2 * dimension);

        let mut tagger_examples = Vec::new();
        for ((example, encoded), words) in examples.iter().zip(&encoded).zip(&split) {
            if let (ExampleKind::Positive, Some(intent)) =
                (&example.kind, example.intent.as_ref().and_then(|name| intents.get(name.as_str())))
            {
                let spans = example.annotations.iter().map(|a| (a.span.clone(), &a.parameter)).collect();
                tagger_examples.push(TaggerExample { text: &example.text, words, encoded, intent, spans });
            }
        }
        let parameters: BTreeSet<ParameterName> = intents
            .iter()
            .flat_map(|intent| intent.parameters.iter().map(|parameter| parameter.name.clone()))
            .collect();
        let tagger = Tagger::train(&tagger_examples, parameters.into_iter().collect(), dimension);

        // A word of one example may be a name that its author did not annotate; twice is a habit.
        let often = |counts: HashMap<&str, usize>| -> HashSet<String> {
            counts.into_iter().filter(|(_, count)| *count >= 2).map(|(word, _)| word.to_owned()).collect()
        };
        let lexicon = lexicon
            .into_iter()
            .filter(|(_, count)| *count >= 2)
            .map(|(word, count)| (word.to_owned(), count))
            .collect();
        Ok(Self { intents: names, head, tagger, ordinary: often(ordinary), lexicon, verbs: verbs.often(), digest })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut ordinary: Vec<_> = self.ordinary.iter().cloned().collect();
        ordinary.sort();
        let mut verbs: Vec<_> = self.verbs.iter().cloned().collect();
        verbs.sort();
        let header = Header {
            intents: self.intents.clone(),
            parameters: self.tagger.parameters.clone(),
            ordinary,
            lexicon: self.lexicon.iter().map(|(word, count)| (word.clone(), *count)).collect(),
            verbs,
            calibration: self.head.calibration,
            neighbours: self.head.neighbours.iter().map(|(_, class)| *class).collect(),
            dimension: self.head.neighbours.first().map_or(0, |(vector, _)| vector.len()),
        };
        let vectors: Vec<u8> =
            self.head.neighbours.iter().flat_map(|(vector, _)| vector).flat_map(|value| value.to_le_bytes()).collect();
        // A struct of strings and numbers always serialises.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let mut bytes = Vec::new();
        let vocabulary = self.head.vocabulary.to_bytes();
        for section in [header, self.head.linear.to_bytes(), vocabulary, self.tagger.linear.to_bytes(), vectors] {
            bytes.extend((section.len() as u64).to_le_bytes());
            bytes.extend(section);
        }
        let digest = Digest::of_file(&bytes).to_string();
        [digest.as_bytes(), &bytes].concat()
    }

    /// `None` for anything that is not exactly what [`Self::to_bytes`] wrote.
    fn from_bytes(bytes: &[u8], digest: Digest) -> Option<Self> {
        let (sum, mut rest) = bytes.split_at_checked(64)?;
        if Digest::of_file(rest).to_string().as_bytes() != sum {
            return None;
        }
        let mut sections = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let (section, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            sections.push(section);
            rest = after;
        }
        let [header, head, vocabulary, tagger, vectors] = sections.as_slice() else { return None };
        let header: Header = serde_json::from_slice(header).ok()?;
        let floats: Vec<f32> = vectors.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
        let neighbours =
            floats.chunks_exact(header.dimension.max(1)).map(<[f32]>::to_vec).zip(header.neighbours).collect();
        Some(Self {
            head: Head {
                linear: Linear::from_bytes(head)?,
                vocabulary: Vocabulary::from_bytes(vocabulary)?,
                neighbours,
                calibration: header.calibration,
            },
            intents: header.intents,
            tagger: Tagger { linear: Linear::from_bytes(tagger)?, parameters: header.parameters },
            ordinary: header.ordinary.into_iter().collect(),
            lexicon: header.lexicon.into_iter().collect(),
            verbs: header.verbs.into_iter().collect(),
            digest,
        })
    }
}

/// Writes beside the file and renames, so that a reader never sees half of it.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let partial = file.with_extension(format!("{}.partial", std::process::id()));
    std::fs::write(&partial, bytes)?;
    std::fs::rename(&partial, file)
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
fn marked_names(examples: &[Example], intents: &Intents) -> HashMap<String, EntityType> {
    let mut names: HashMap<String, Option<EntityType>> = HashMap::new();
    let mut mark = |text: &str, entity: EntityType| {
        let name = names.entry(text.to_lowercase()).or_insert(Some(entity));
        *name = name.filter(|known| *known == entity);
    };
    for example in examples {
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

/// What types of values each intent's parameters take, in the order of the classes; free text takes everything.
pub fn schemas(intents: &Intents) -> Schemas {
    let schema = |intent: &Intent| {
        let types = intent.parameters.iter().map(|parameter| parameter.value_type);
        types.map(|value| (value != ValueType::Text).then(|| value.as_str())).collect::<Option<Vec<_>>>()
    };
    intents.iter().map(|intent| schema(intent)).collect()
}

/// Names first, then whatever recognisers saw outside them.
pub fn masks(mut names: Vec<Masked>, found: &[Found]) -> Vec<Masked> {
    for found in found {
        let value_type = found.value.value_type().as_str();
        match names.iter_mut().find(|masked| overlap(&masked.span, &found.span)) {
            Some(masked) if masked.span == found.span => {
                if !masked.types.contains(&value_type) {
                    masked.types.push(value_type);
                }
            }
            Some(_) => {}
            None => names.push(Masked { span: found.span.clone(), types: vec![value_type] }),
        }
    }
    names
}
