//! What is learned from `intents/`: the head, the tagger, and the ordinary words. Cached by content.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::features::Masked;
use super::head::{Calibration, Head, Schemas};
use super::linear::Linear;
use super::recognise::Found;
use super::tagger::Tagger;
use super::training;
use super::vocabulary::Vocabulary;
use super::words::overlap;
use crate::catalogue::Example;
use crate::domain::{Digest, Intent, IntentName, Intents, ParameterName, ValueType};
use crate::embedding::{self, Embedder, EmbeddingError};

/// Changes whenever the method does, so that an old cache is not read as a new one.
const VERSION: &str = "11";

/// How many models stay in the cache folder; each takes some tens of megabytes.
const KEPT: usize = 8;

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
    /// Of the examples' vectors.
    classes: Vec<usize>,
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
        let model = training::train(intents, examples, digest, embedder, cache)?;
        if let Some(file) = file {
            let written = embedding::write(&file, &[&model.to_bytes()]);
            if let Err(error) = written.and_then(|()| forget_old(cache)) {
                tracing::warn!(file = %file.display(), %error, "the learned model could not be cached");
            }
        }
        Ok(model)
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
            classes: self.head.classes.clone(),
        };
        let vectors: Vec<u8> = self.head.vectors.iter().flat_map(|value| value.to_le_bytes()).collect();
        // A struct of strings and numbers always serialises.
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let mut bytes = Vec::new();
        let vocabulary = self.head.vocabulary.to_bytes();
        for section in [header, self.head.linear.to_bytes(), vocabulary, self.tagger.linear.to_bytes(), vectors] {
            bytes.extend((section.len() as u64).to_le_bytes());
            bytes.extend(section);
        }
        bytes
    }

    /// `None` for anything but a file of exactly what [`Self::to_bytes`] gave.
    fn from_bytes(bytes: &[u8], digest: Digest) -> Option<Self> {
        let mut rest = embedding::verified(bytes)?;
        let mut sections = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let (section, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            sections.push(section);
            rest = after;
        }
        let [header, head, vocabulary, tagger, vectors] = sections.as_slice() else { return None };
        let header: Header = serde_json::from_slice(header).ok()?;
        let vectors = vectors.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
        Some(Self {
            head: Head {
                linear: Linear::from_bytes(head)?,
                vocabulary: Vocabulary::from_bytes(vocabulary)?,
                vectors,
                classes: header.classes,
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

/// Every edit of the data makes a model: only the latest are kept.
fn forget_old(cache: Option<&Path>) -> std::io::Result<()> {
    let Some(cache) = cache else { return Ok(()) };
    let mut models = Vec::new();
    for entry in std::fs::read_dir(cache)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("model-") && name.ends_with(".bin")) {
            models.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    models.sort_unstable();
    let old = models.len().saturating_sub(KEPT);
    models[..old].iter().try_for_each(|(_, path)| std::fs::remove_file(path))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_models_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("examples-1.bin"), "").unwrap();
        for number in 0..KEPT + 2 {
            let file = std::fs::File::create(folder.path().join(format!("model-{number}.bin"))).unwrap();
            let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000 + number as u64);
            file.set_modified(written).unwrap();
        }
        forget_old(Some(folder.path())).unwrap();
        let left = |name: &str| folder.path().join(name).exists();
        assert!(left("examples-1.bin") && !left("model-0.bin") && !left("model-1.bin") && left("model-2.bin"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), KEPT + 1);
    }
}
