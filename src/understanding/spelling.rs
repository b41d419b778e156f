//! Slips in ordinary words: `retsart`, `cashe`, `megre`. Names are mended elsewhere, against the organisation's lists.

use std::collections::HashMap;

use super::names::NameMatch;
use super::words::{Word, overlap};
use crate::embedding::Token;

/// Shorter words have too many neighbours, but for those with two letters swapped: `cna`, `stpo`.
const SHORTEST: usize = 5;
/// No word is shorter than this.
const SWAPPED: usize = 3;

/// A word that is to stand for another must be used at least this often.
const FAMILIAR: u32 = 3;
/// One that a short word is to stand for, this often.
const USUAL: u32 = 20;

/// Reads slips in words that are no names as the word that was meant: one edit or swap away from a word of `lexicon`, which
/// counts how often each word is used. Only [`Word::lower`] changes; the text itself, and what is quoted from it, stays.
/// Says whether anything was mended.
pub fn mend(words: &mut [Word], names: &[NameMatch], lexicon: &HashMap<String, u32>, tokens: &[Token]) -> bool {
    let mut mended = false;
    for word in words {
        let plain = word.lower.chars().all(|c| c.is_ascii_lowercase()) && word.lower.len() >= SWAPPED;
        // What the encoder knows as one piece is a word of the language.
        let whole = tokens.iter().filter(|token| overlap(&token.span, &word.span)).count() <= 1;
        if !plain
            || whole
            || lexicon.contains_key(&word.lower)
            || names.iter().any(|name| overlap(&name.span, &word.span))
        {
            continue;
        }
        let near = lexicon
            .iter()
            .filter(|(known, count)| match word.lower.len() < SHORTEST {
                true => **count >= USUAL && letters(known) == letters(&word.lower),
                false => **count >= FAMILIAR && known.len() >= SHORTEST - 1 && inflected(known, &word.lower).is_none(),
            })
            .filter(|(known, _)| known.len().abs_diff(word.lower.len()) <= 1)
            .filter(|(known, _)| strsim::damerau_levenshtein(known, &word.lower) == 1)
            .max_by_key(|(known, count)| (**count, std::cmp::Reverse(known.as_str())));
        if let Some((known, _)) = near {
            word.lower.clone_from(known);
            mended = true;
        }
    }
    mended
}

/// The text with mended words as they were meant.
pub fn written(text: &str, words: &[Word]) -> String {
    let mut meant = text.to_owned();
    for word in words.iter().rev() {
        let as_written = &text[word.span.clone()];
        if as_written.is_ascii() && as_written.to_lowercase() != word.lower {
            meant.replace_range(word.span.clone(), &word.lower);
        }
    }
    meant
}

/// The letters of a word, sorted.
fn letters(word: &str) -> Vec<u8> {
    let mut letters = word.as_bytes().to_vec();
    letters.sort_unstable();
    letters
}

/// The ending, if one word is the other with one: `restarts` is no slip of `restart`.
fn inflected<'a>(one: &'a str, other: &'a str) -> Option<&'a str> {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    long.strip_prefix(short).filter(|ending| matches!(*ending, "s" | "d" | "r" | "y"))
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    #[test]
    fn slips_are_read_as_what_was_meant() {
        let lexicon: HashMap<String, u32> = [
            ("restart", 40),
            ("cache", 9),
            ("merge", 9),
            ("release", 5),
            ("rare", 1),
            ("start", 40),
            ("stop", 40),
            ("post", 9),
        ]
        .map(|(word, count)| (word.to_owned(), count))
        .into();
        for (written, read) in [
            ("retsart web", "restart web"),
            ("flush cashe", "flush cache"),
            ("megre 12", "merge 12"),
            ("relase notes", "release notes"),
            ("rares", "rares"),
            ("restarts", "restarts"),
            ("stat", "stat"),
            ("stpo web", "stop web"),
        ] {
            let mut split = words(written);
            // As if every word were two pieces to the encoder.
            let half = |word: &Word| [word.span.start..word.span.start + 1, word.span.start + 1..word.span.end];
            let tokens: Vec<Token> =
                split.iter().flat_map(half).map(|span| Token { span, state: Vec::new() }).collect();
            mend(&mut split, &[], &lexicon, &tokens);
            assert!(
                written == read || {
                    let mut known = words(written);
                    mend(&mut known, &[], &lexicon, &[]);
                    known == words(written)
                }
            );
            assert_eq!(split.iter().map(|word| word.lower.as_str()).collect::<Vec<_>>().join(" "), read);
        }
    }
}
