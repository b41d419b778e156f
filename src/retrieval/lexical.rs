//! Words that occur in both question and passage, weighted by BM25 (Robertson & Zaragoza, 2009): exact names count.

use std::collections::HashMap;

const SATURATION: f32 = 1.2;
const LENGTH: f32 = 0.75;

/// Words that say nothing about a subject.
const STOP: [&str; 48] = [
    "the", "a", "an", "is", "are", "was", "to", "of", "in", "on", "at", "for", "and", "or", "it", "its", "this",
    "that", "i", "we", "you", "do", "does", "what", "how", "when", "why", "my", "our", "be", "with", "from", "by",
    "as", "if", "not", "no", "now", "please", "can", "should", "there", "have", "has", "me", "so", "but", "any",
];

/// Word statistics of a set of texts.
#[derive(Debug, Default)]
pub(super) struct Lexical {
    /// Word → (text, how often).
    postings: HashMap<String, Vec<(usize, f32)>>,
    lengths: Vec<f32>,
    mean: f32,
}

impl Lexical {
    pub(super) fn build<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut lexical = Self::default();
        for (index, text) in texts.enumerate() {
            let words = terms(text);
            lexical.lengths.push(words.len() as f32);
            for word in words {
                let postings = lexical.postings.entry(word).or_default();
                match postings.last_mut() {
                    Some((last, count)) if *last == index => *count += 1.0,
                    _ => postings.push((index, 1.0)),
                }
            }
        }
        lexical.mean = lexical.lengths.iter().sum::<f32>() / lexical.lengths.len().max(1) as f32;
        lexical
    }

    /// A score per text, 0 to 1: the share of what the question's words could score at best.
    pub(super) fn scores(&self, question: &str) -> HashMap<usize, f32> {
        let count = self.lengths.len() as f32;
        let mut scores: HashMap<usize, f32> = HashMap::new();
        let mut best = 0.0;
        let mut words = terms(question);
        words.sort();
        words.dedup();
        for word in words {
            let postings = self.postings.get(&word).map(Vec::as_slice).unwrap_or_default();
            let containing = postings.len() as f32;
            let rarity = (1.0 + (count - containing + 0.5) / (containing + 0.5)).ln();
            best += rarity * (SATURATION + 1.0);
            for (index, frequency) in postings {
                let norm = 1.0 - LENGTH + LENGTH * self.lengths[*index] / self.mean.max(1.0);
                let weight = frequency * (SATURATION + 1.0) / (frequency + SATURATION * norm);
                *scores.entry(*index).or_default() += rarity * weight;
            }
        }
        if best > 0.0 {
            scores.values_mut().for_each(|score| *score /= best);
        }
        scores
    }
}

/// Lower-case words without endings of number, and without words that say nothing.
fn terms(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 1 && !STOP.contains(word))
        .map(|word| word.strip_suffix('s').filter(|stem| stem.len() > 3).unwrap_or(word).to_owned())
        .collect()
}
