//! The runbooks' passages, found by meaning and by wording.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::chunk::{Chunk, Document, chunks};
use super::index::Index;
use super::lexical::Lexicon;
use super::recall::By;
use crate::embedding::{Embedder, EmbeddingError, Kept};

/// How much the same words add to the similarity in meaning. Of 220 texts of prometheus-operator's alerts, 86 % find
/// their runbook among the first three by meaning alone, 94 % with this (`tests/passages.rs`); more gains nothing where
/// people describe a symptom in their own words.
const WORDING: f32 = 0.35;

/// From this score on a passage is an answer; below it there is no runbook for the question. A tenth of the development
/// set's messages that are no commands reach it, and eight of ten symptoms that no runbook lists in these words.
const ANSWER: f32 = 0.48;

/// How many passages are weighed for each that is asked for: several vectors point at one, several are in one section.
const CANDIDATES: usize = 16;

/// All passages of all runbooks.
pub struct Passages {
    chunks: Vec<Arc<Chunk>>,
    /// The passage that each vector of the index stands for.
    entries: Vec<usize>,
    index: Index,
    lexicon: Lexicon,
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct PassageHit {
    /// The passage.
    pub chunk: Arc<Chunk>,
    /// How well it fits, 0 to 1: similarity in meaning, and more for the same words.
    pub score: f32,
}

impl PassageHit {
    /// Whether it is near enough to be shown as an answer.
    pub fn is_answer(&self) -> bool {
        self.score >= ANSWER
    }

    /// The intents of its steps.
    pub fn step_intents(&self) -> impl Iterator<Item = &str> {
        self.chunk.steps.iter().filter_map(|step| step.text.split_whitespace().next())
    }
}

impl Passages {
    /// Cuts the runbooks and embeds their passages, titles and symptoms; what was embedded before is read from the cache
    /// folder. Blocking: for loading.
    pub fn build(
        documents: &[Document<'_>],
        embedder: &Embedder,
        cache: Option<&Path>,
    ) -> Result<Self, EmbeddingError> {
        let mut passages: Vec<Chunk> = Vec::new();
        let mut wordings: Vec<String> = Vec::new();
        // Texts to embed, each with the passage it stands for.
        let mut entries: Vec<(usize, String)> = Vec::new();
        for document in documents {
            let first = passages.len();
            for chunk in chunks(document) {
                let text = format!("{}. {}.\n{}", chunk.title, chunk.section(), chunk.text);
                entries.push((passages.len(), text.clone()));
                wordings.push(text);
                passages.push(chunk);
            }
            // Who describes a symptom wants to know what to do.
            let practical = first + passages[first..].iter().position(Chunk::tells_what_to_do).unwrap_or_default();
            let Some(wording) = wordings.get_mut(practical) else { continue };
            for name in document.symptoms.iter().chain(document.alerts) {
                wording.push('\n');
                wording.push_str(name);
            }
            let said = std::iter::once(document.title).chain(document.symptoms.iter().map(String::as_str));
            entries.extend(said.map(|text| (practical, text.to_owned())));
        }
        let texts: Vec<&str> = entries.iter().map(|(_, text)| text.as_str()).collect();
        let mut kept = Kept::open(cache, "passages", embedder);
        let vectors = kept.sentences(&texts)?;
        kept.save();
        Ok(Self {
            index: Index::build(&vectors),
            lexicon: Lexicon::build(wordings.iter().map(String::as_str)),
            entries: entries.into_iter().map(|(passage, _)| passage).collect(),
            chunks: passages.into_iter().map(Arc::new).collect(),
        })
    }

    /// The best passage of each of the `k` sections that fit a message best, the best first. `vector` is the message's.
    pub fn search(&self, vector: &[f32], message: &str, k: usize) -> Vec<PassageHit> {
        let near = self.index.search(vector, k.saturating_mul(CANDIDATES));
        // A passage that is not among the near ones is at most as near as the last of them.
        let floor = near.last().map_or(0.0, |hit| hit.score);
        let mut meaning: HashMap<usize, f32> = HashMap::new();
        for hit in &near {
            // The nearest of its vectors comes first.
            meaning.entry(self.entries[hit.index]).or_insert(hit.score);
        }
        let wording: HashMap<usize, f32> = self.lexicon.search(message).into_iter().collect();
        let mut hits: Vec<(usize, f32)> = meaning
            .keys()
            .chain(wording.keys().filter(|chunk| !meaning.contains_key(chunk)))
            .map(|chunk| {
                let meaning = meaning.get(chunk).copied().unwrap_or(floor).max(0.0);
                let wording = wording.get(chunk).copied().unwrap_or_default();
                (*chunk, (meaning + WORDING * wording).min(1.0))
            })
            .collect();
        hits.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let mut best: Vec<PassageHit> = Vec::new();
        for (chunk, score) in hits {
            let chunk = &self.chunks[chunk];
            let same_section =
                |hit: &PassageHit| hit.chunk.runbook == chunk.runbook && hit.chunk.headings == chunk.headings;
            if best.len() < k && !best.iter().any(same_section) {
                best.push(PassageHit { chunk: Arc::clone(chunk), score });
            }
        }
        best
    }

    /// Where a runbook says what to do: its first passage of that kind, else its first.
    pub fn practical(&self, runbook: &str) -> Option<&Arc<Chunk>> {
        let mut own = self.chunks.iter().filter(|chunk| chunk.runbook == runbook);
        own.clone().find(|chunk| chunk.tells_what_to_do()).or_else(|| own.next())
    }

    /// The runbooks' names in the order of their passages, the best first; a runbook may come several times. For measuring:
    /// `k` sections where both count.
    pub(super) fn ranked(&self, by: By, vector: &[f32], message: &str, k: usize) -> Vec<String> {
        let name = |passage: usize| self.chunks[passage].runbook.clone();
        match by {
            By::Meaning => {
                let hits = self.index.search(vector, self.entries.len());
                hits.iter().map(|hit| name(self.entries[hit.index])).collect()
            }
            By::Wording => {
                let mut hits = self.lexicon.search(message);
                hits.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
                hits.into_iter().map(|(passage, _)| name(passage)).collect()
            }
            By::Both => self.search(vector, message, k).into_iter().map(|hit| hit.chunk.runbook.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::num::NonZeroUsize;

    use super::*;
    use crate::domain::Digest;
    use crate::embedding::{Encoded, Encoder};

    /// Texts with the same words are near each other; it knows no names.
    struct Words;

    const DIMENSION: usize = 1024;

    impl Encoder for Words {
        fn dimension(&self) -> usize {
            DIMENSION
        }

        fn digest(&self) -> Digest {
            Digest::of([])
        }

        fn encode(&self, texts: &[&str]) -> Result<Vec<Encoded>, EmbeddingError> {
            let encode = |text: &&str| {
                let mut sentence = vec![0.001; DIMENSION];
                for word in text.split(|c: char| !c.is_lowercase()).filter(|word| word.len() > 2) {
                    let mut hasher = DefaultHasher::new();
                    word.hash(&mut hasher);
                    sentence[hasher.finish() as usize % DIMENSION] += 1.0;
                }
                let length = sentence.iter().map(|number| number * number).sum::<f32>().sqrt();
                sentence.iter_mut().for_each(|number| *number /= length);
                Encoded { sentence, tokens: Vec::new() }
            };
            Ok(texts.iter().map(encode).collect())
        }
    }

    const DISK: &str = "\
## Meaning
A file system runs out of room.
## Diagnosis
Look for the largest folders.
## Mitigation
Rotate the logs.

Delete old snapshots; error E-4711 says that none are left.
```sayso
disk.usage
```
";
    const NETWORK: &str = "Packets are lost.\n# Impact\nEverything is slow.\n";

    fn search(message: &str, k: usize) -> Vec<(String, String)> {
        let symptoms = ["nothing can be written".to_owned()];
        let alerts = ["NodeFilesystemAlmostOutOfSpace".to_owned()];
        let document = |name, title, body| Document { name, title, symptoms: &[], alerts: &[], body, first_line: 1 };
        let documents = [
            Document { symptoms: &symptoms, alerts: &alerts, ..document("disk.md", "Full disk", DISK) },
            document("network.md", "Lost packets", NETWORK),
            document("empty.md", "Nothing yet", ""),
        ];
        let embedder = Embedder::start(Box::new(Words), NonZeroUsize::MIN).unwrap();
        let passages = Passages::build(&documents, &embedder, None).unwrap();
        let vector = embedder.encode_blocking(&[message]).unwrap().remove(0).sentence;
        let hits = passages.search(&vector, message, k);
        assert!(hits.is_sorted_by(|one, next| one.score >= next.score));
        assert!(hits.iter().all(|hit| (0.0..=1.001).contains(&hit.score)), "{hits:?}");
        hits.iter().map(|hit| (hit.chunk.runbook.clone(), hit.chunk.section())).collect()
    }

    #[test]
    fn what_fits_best_comes_first() {
        let cases = [
            ("rotate the logs", "disk.md", "Mitigation"),
            // A symptom and a title lead to what can be done.
            ("nothing can be written", "disk.md", "Diagnosis"),
            ("disk is full", "disk.md", "Diagnosis"),
            // Names that the encoder cannot know.
            ("what is E-4711", "disk.md", "Mitigation"),
            ("NodeFilesystemAlmostOutOfSpace", "disk.md", "Diagnosis"),
            // No practical section: the first passage.
            ("lost packets", "network.md", "Lost packets"),
            ("why is everything so slow", "network.md", "Impact"),
        ];
        for (message, document, section) in cases {
            assert_eq!(search(message, 1), [(document.to_owned(), section.to_owned())], "{message}");
        }
    }

    #[test]
    fn every_section_comes_once() {
        let all = search("logs and snapshots of the slow disk", 10);
        let mut sections = all.clone();
        sections.sort();
        sections.dedup();
        assert_eq!((all.len(), sections.len()), (5, 5));
        assert_eq!(search("disk", 2).len(), 2);
        assert_eq!(search("disk", 0), []);
    }

    #[test]
    fn no_runbooks_no_passages() {
        let embedder = Embedder::start(Box::new(Words), NonZeroUsize::MIN).unwrap();
        let passages = Passages::build(&[], &embedder, None).unwrap();
        assert_eq!(passages.search(&[1.0; DIMENSION], "anything", 3), []);
    }
}
