//! What the models see of a message: pooled vectors, hashed n-grams, and a view in which values stand as their types.

use std::ops::Range;

use super::linear::{Features, hash};
use super::vectors::dot;
use super::verbs::is_function_word;
use super::words::{Word, overlap};
use crate::embedding::Encoded;

/// A stretch of text that stands for a value, with the types it may have: `["service", "repository"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// The types, the likeliest first.
    pub types: Vec<&'static str>,
}

/// A whole message as the intent head sees it.
#[derive(Debug, Clone)]
pub struct View {
    /// The sentence vector, the vector of what is no value, and hashed word and character n-grams of the delexicalised
    /// text. `2 × dimension` dense numbers.
    pub features: Features,
    /// Its words outside of values, and the word that orders, hashed, each once.
    pub vocabulary: Vec<u32>,
    /// For each value the types it may have.
    pub values: Vec<Vec<&'static str>>,
}

impl View {
    /// The sentence vector, unit length: the first half of the dense numbers.
    pub fn sentence(&self) -> &[f32] {
        &self.features.dense[..self.features.dense.len() / 2]
    }
}

/// The view of a message in which the masked stretches are values.
pub fn of_message(text: &str, words: &[Word], encoded: &Encoded, masked: &[Masked]) -> View {
    let mut dense = encoded.sentence.clone();
    dense.extend(pooled(encoded, masked));
    let mut sparse = Vec::new();
    let tokens = delexicalised(words, masked);
    let mut vocabulary: Vec<u32> =
        tokens.iter().filter(|token| !token.starts_with('<')).map(|token| hash(&["w", token])).collect();
    vocabulary.extend(order_word(words, masked).map(|word| hash(&["order", word])));
    vocabulary.sort_unstable();
    vocabulary.dedup();
    let mut before = "^";
    for (index, token) in tokens.iter().enumerate() {
        sparse.push(hash(&["w", token]));
        sparse.push(hash(&["b", before, token]));
        if index == 0 {
            sparse.push(hash(&["first", token]));
        }
        if token.starts_with('<') {
            sparse.push(hash(&["has", token]));
        } else {
            let padded: Vec<char> = format!("^{token}$").chars().collect();
            for size in [3, 4] {
                for gram in padded.windows(size) {
                    sparse.push(hash(&["c", &gram.iter().collect::<String>()]));
                }
            }
        }
        before = token;
    }
    sparse.push(hash(&["b", before, "$"]));
    sparse.push(hash(&["question", if text.trim_end().ends_with('?') { "yes" } else { "no" }]));
    sparse.push(hash(&[
        "length",
        ["1", "2", "3", "4-6", "7-10", "11+"][match tokens.len() {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4..=6 => 3,
            7..=10 => 4,
            _ => 5,
        }],
    ]));
    for stretch in masked {
        sparse.extend(stretch.types.iter().skip(1).map(|other| hash(&["may", other])));
    }
    sparse.sort_unstable();
    sparse.dedup();
    let values = masked.iter().map(|stretch| stretch.types.clone()).collect();
    View { features: Features { dense, sparse }, vocabulary, values }
}

/// The word with which a message orders something, if it begins like an order: the first that says anything.
pub fn order_word<'a>(words: &'a [Word], masked: &[Masked]) -> Option<&'a str> {
    let first = words.iter().find(|word| !is_function_word(&word.lower))?;
    let value = masked.iter().any(|stretch| overlap(&stretch.span, &first.span));
    (!value && first.lower.chars().all(char::is_alphabetic)).then_some(&first.lower)
}

/// The words, each value once as `<type>`.
fn delexicalised(words: &[Word], masked: &[Masked]) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut last: Option<usize> = None;
    for word in words {
        match masked.iter().position(|stretch| overlap(&stretch.span, &word.span)) {
            Some(at) if last == Some(at) => {}
            Some(at) => {
                tokens.push(format!("<{}>", masked[at].types[0]));
                last = Some(at);
            }
            None => {
                tokens.push(word.lower.clone());
                last = None;
            }
        }
    }
    tokens
}

/// The mean state of the tokens outside the masked stretches, unit length; of all tokens if nothing is outside.
fn pooled(encoded: &Encoded, masked: &[Masked]) -> Vec<f32> {
    let outside = |span: &Range<usize>| !masked.iter().any(|stretch| overlap(&stretch.span, span));
    let mut sum = vec![0.0_f32; encoded.sentence.len()];
    let mut count = 0;
    for token in encoded.tokens.iter().filter(|token| outside(&token.span)) {
        sum.iter_mut().zip(&token.state).for_each(|(sum, value)| *sum += value);
        count += 1;
    }
    if count == 0 {
        return encoded.sentence.clone();
    }
    unit(sum)
}

/// The same direction with length one.
pub fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = dot(&vector, &vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

/// Features of one word in its place, for the tagger: its state in context and the words around it. `dimension` dense
/// numbers.
pub fn of_word(text: &str, words: &[Word], index: usize, encoded: &Encoded) -> Features {
    let word = &words[index];
    let mut state = vec![0.0_f32; encoded.sentence.len()];
    for token in encoded.tokens.iter().filter(|token| overlap(&token.span, &word.span)) {
        state.iter_mut().zip(&token.state).for_each(|(sum, value)| *sum += value);
    }
    let at = |offset: isize| -> &str {
        index.checked_add_signed(offset).and_then(|index| words.get(index)).map_or("$", |word| word.lower.as_str())
    };
    let written = &text[word.span.clone()];
    let shape = shape(written);
    let quoted = text[..word.span.start].matches(['"', '“', '”']).count() % 2 == 1;
    let colon = index > 0 && text[words[index - 1].span.end..word.span.start].contains(':');
    let after_colon = text[..word.span.start].contains(": ");
    let suffix: String = word.lower.chars().rev().take(3).collect();
    let mut sparse = vec![
        hash(&["0", at(0)]),
        hash(&["-1", at(-1)]),
        hash(&["+1", at(1)]),
        hash(&["-2", at(-2), at(-1)]),
        hash(&["+2", at(1), at(2)]),
        hash(&["-2w", at(-2)]),
        hash(&["+2w", at(2)]),
        hash(&["shape", &shape]),
        hash(&["shape-1", &shape, at(-1)]),
        hash(&["suffix", &suffix]),
        hash(&[
            "edge",
            if index == 0 {
                "first"
            } else if index + 1 == words.len() {
                "last"
            } else {
                "inside"
            },
        ]),
    ];
    for (on, name) in [(quoted, "quoted"), (colon, "colon"), (after_colon, "after-colon")] {
        if on {
            sparse.push(hash(&[name]));
        }
    }
    Features { dense: unit(state), sparse }
}

/// `v1.4.2` → `a0.0.0`, `Search-API` → `Aa-A`.
fn shape(word: &str) -> String {
    let mut shape = String::new();
    for c in word.chars() {
        let class = match c {
            c if c.is_ascii_digit() => '0',
            c if c.is_uppercase() => 'A',
            c if c.is_alphabetic() => 'a',
            c => c,
        };
        if !shape.ends_with(class) {
            shape.push(class);
        }
    }
    shape
}
