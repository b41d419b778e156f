//! The passages of all runbooks, found by meaning and by words.

use std::sync::Arc;

use super::chunk::{Chunk, Document, chunks};
use super::index::Index;
use super::lexical::Lexical;
use crate::embedding::{Embedder, EmbeddingError};

/// How much the words count beside the meaning.
const LEXICAL: f32 = 0.25;
/// From this score on a passage is an answer; below it there is no runbook for the question.
const ANSWER: f32 = 0.48;
/// Sections that say what to do are shown rather than those that only explain.
const ACTIONABLE: [&str; 2] = ["Diagnosis", "Mitigation"];
/// How many entries are looked at for each passage that is wanted.
const WIDTH: usize = 12;

/// A passage that was found.
#[derive(Debug, Clone)]
pub struct PassageHit {
    /// The passage.
    pub chunk: Arc<Chunk>,
    /// 0 to 1: similarity in meaning, and shared words.
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

/// All passages, ready for search. An entry is a text that leads to a passage: the passage itself, or a symptom.
#[derive(Default)]
pub struct Passages {
    chunks: Vec<Arc<Chunk>>,
    /// For each entry the passage it leads to.
    leads_to: Vec<usize>,
    index: Option<Index>,
    lexical: Lexical,
}

impl Passages {
    /// Cuts the documents and encodes every entry. Blocking; for start-up.
    pub fn build(documents: &[Document<'_>], embedder: &Embedder) -> Result<Self, EmbeddingError> {
        let mut passages = Self::default();
        let mut entries: Vec<String> = Vec::new();
        for document in documents {
            let first = passages.chunks.len();
            let cut = chunks(document);
            // Symptoms lead to where something can be done.
            let lead = cut
                .iter()
                .position(|chunk| chunk.headings.iter().any(|h| ACTIONABLE.contains(&h.as_str())))
                .unwrap_or(0);
            for (index, chunk) in cut.into_iter().enumerate() {
                entries.push(format!("{}. {}. {}", chunk.title, chunk.section(), chunk.text));
                passages.leads_to.push(first + index);
                passages.chunks.push(Arc::new(chunk));
            }
            if passages.chunks.len() > first {
                for said in document.symptoms.iter().chain(document.alerts).map(String::as_str).chain([document.title])
                {
                    entries.push(said.to_owned());
                    passages.leads_to.push(first + lead);
                }
            }
        }
        let mut vectors = Vec::with_capacity(entries.len());
        for batch in entries.chunks(32) {
            let texts: Vec<&str> = batch.iter().map(String::as_str).collect();
            vectors.extend(embedder.encode_blocking(&texts)?.into_iter().map(|encoded| encoded.sentence));
        }
        passages.lexical = Lexical::build(entries.iter().map(String::as_str));
        passages.index = Some(Index::build(&vectors));
        Ok(passages)
    }

    /// The best passages for a question, best first, at most one a section.
    pub fn search(&self, vector: &[f32], question: &str, limit: usize) -> Vec<PassageHit> {
        let Some(index) = &self.index else { return Vec::new() };
        let words = self.lexical.scores(question);
        let mut scored: Vec<(usize, f32)> = Vec::new();
        for hit in index.search(vector, WIDTH * limit) {
            let score = (hit.score.max(0.0) + LEXICAL * words.get(&hit.index).copied().unwrap_or(0.0)).min(1.0);
            let passage = self.leads_to[hit.index];
            match scored.iter_mut().find(|(other, _)| *other == passage) {
                Some((_, best)) => *best = best.max(score),
                None => scored.push((passage, score)),
            }
        }
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut hits: Vec<PassageHit> = Vec::new();
        for (passage, score) in scored {
            let chunk = &self.chunks[passage];
            let shown =
                hits.iter().any(|hit| hit.chunk.runbook == chunk.runbook && hit.chunk.headings == chunk.headings);
            if !shown && hits.len() < limit {
                hits.push(PassageHit { chunk: Arc::clone(chunk), score });
            }
        }
        hits
    }
}
