//! Which words begin requests, learned from where they stand in examples: `restart`, `roll`, `deploy`.

use std::collections::{HashMap, HashSet};

use super::words::Word;

/// After these a request begins, as it does at the start of a clause.
const LEADS: [&str; 13] =
    ["please", "pls", "plz", "you", "to", "and", "just", "then", "kindly", "now", "let's", "go", "must"];

/// After these stands a thing, not a request.
const DETERMINERS: [&str; 14] =
    ["the", "a", "an", "my", "our", "its", "this", "that", "these", "those", "of", "for", "in", "on"];

/// Words that stand where a request begins, and are none.
const OTHERS: [&str; 88] = [
    "kind",
    "grateful",
    "glad",
    "happy",
    "request",
    "wish",
    "right",
    "morning",
    "good",
    "appreciate",
    "hello",
    "evening",
    "afternoon",
    "well",
    "help",
    "nobody",
    "somebody",
    "everybody",
    "everyone",
    "noone",
    "anybody",
    "dont",
    "cant",
    "im",
    "id",
    "its",
    "thank",
    "thanks",
    "sorry",
    "yes",
    "since",
    "still",
    "i",
    "we",
    "it",
    "they",
    "he",
    "she",
    "me",
    "us",
    "there",
    "is",
    "are",
    "was",
    "be",
    "been",
    "has",
    "have",
    "had",
    "can",
    "could",
    "would",
    "will",
    "should",
    "not",
    "no",
    "so",
    "if",
    "as",
    "at",
    "by",
    "with",
    "from",
    "only",
    "all",
    "but",
    "because",
    "what",
    "who",
    "also",
    "hey",
    "hi",
    "ok",
    "okay",
    "need",
    "want",
    "like",
    "i'd",
    "we'd",
    "does",
    "did",
    "how",
    "which",
    "when",
    "where",
    "why",
    "someone",
    "anyone",
];

/// Whether a word says nothing about what is requested: pronouns, articles, auxiliaries, courtesies.
pub fn is_function_word(word: &str) -> bool {
    [&LEADS[..], &DETERMINERS, &OTHERS].iter().any(|list| list.contains(&word))
}

/// Whether a word is an auxiliary or in the past tense, so that what stands before it is a subject.
fn is_finite(word: &str) -> bool {
    const AUXILIARIES: [&str; 19] = [
        "is", "are", "was", "were", "has", "had", "does", "did", "will", "would", "can", "cannot", "could", "should",
        "must", "found", "says", "said", "went",
    ];
    AUXILIARIES.contains(&word) || word.ends_with("n't") || word.len() > 4 && word.ends_with("ed")
}

/// Counts of words by where they stand.
#[derive(Debug, Default)]
pub struct Verbs {
    begins: HashMap<String, usize>,
    elsewhere: HashMap<String, usize>,
}

impl Verbs {
    /// Counts the words of one request for a change; `plain` tells words from values.
    pub fn count(&mut self, words: &[Word], plain: impl Fn(&Word) -> bool) {
        for (index, word) in words.iter().enumerate() {
            let before = index.checked_sub(1).map(|at| &words[at]);
            let leads = before.is_none_or(|before| before.breaks || LEADS.contains(&before.lower.as_str()));
            // "qa is happy", "ops found nothing": whoever does something, not what is to be done.
            let subject = words.get(index + 1).is_some_and(|next| !word.breaks && is_finite(&next.lower));
            let other = is_function_word(&word.lower) || subject;
            let participle = word.lower.len() > 5 && word.lower.ends_with("ing");
            if !plain(word) || other || participle || !word.lower.chars().all(char::is_alphabetic) {
                continue;
            }
            let counts = if leads { &mut self.begins } else { &mut self.elsewhere };
            *counts.entry(word.lower.clone()).or_default() += 1;
        }
    }

    /// The words that begin requests twice at least, and half as often as they stand elsewhere ("a restart").
    pub fn often(self) -> HashSet<String> {
        let elsewhere = |word: &str| self.elsewhere.get(word).copied().unwrap_or(0);
        let often = self.begins.iter().filter(|(word, count)| **count >= 2 && 2 * **count >= elsewhere(word));
        often.map(|(word, _)| word.clone()).collect()
    }
}
