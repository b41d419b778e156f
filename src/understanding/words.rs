//! Words with their place: the unit of tagging, of recognisers and of cues.

use std::ops::Range;

/// A word: what stands between white space, without the punctuation around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
    /// In lower case, typographic apostrophes straightened.
    pub lower: String,
    /// Whether a comma, colon, semicolon or dash follows it directly, or a sentence ends there.
    pub breaks: bool,
}

const OPENING: &[char] =
    &['(', '[', '{', '<', '"', '\'', '`', '“', '‘', '«', '*', '~', ',', ';', ':', '!', '¿', '-', '–', '—'];
const CLOSING: &[char] =
    &[')', ']', '}', '>', '"', '\'', '`', '”', '’', '»', '*', '~', ',', ';', ':', '!', '?', '.', '…', '-', '–', '—'];

/// Splits a text into words. Punctuation inside a word stays (`search-api`, `1.4.2`, `#42`, `5m]`), around it goes; a
/// word that is nothing but punctuation is none, but marks the one before it as the end of a clause.
pub fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut offset = 0;
    for piece in text.split(char::is_whitespace) {
        let start = offset;
        offset += piece.len();
        let after = &text[offset..];
        offset += after.chars().next().map_or(0, char::len_utf8);
        if piece.is_empty() {
            continue;
        }
        let left = piece.trim_start_matches(|c| OPENING.contains(&c));
        let lead = piece.len() - left.len();
        let inner = left.trim_end_matches(|c| CLOSING.contains(&c));
        if inner.is_empty() {
            if let Some(last) = words.last_mut() {
                last.breaks = true;
            }
            continue;
        }
        let span = start + lead..start + lead + inner.len();
        let tail = &left[inner.len()..];
        words.push(Word {
            lower: inner.to_lowercase().replace(['’', '‘'], "'"),
            breaks: tail.contains([',', ';', ':', '!', '?', '.', '…']),
            span,
        });
    }
    words
}

/// The bytes from the first word's start to the last word's end.
pub fn cover(words: &[Word]) -> Range<usize> {
    match (words.first(), words.last()) {
        (Some(first), Some(last)) => first.span.start..last.span.end,
        _ => 0..0,
    }
}

/// Whether two spans share a byte.
pub fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_goes_only_around_words() {
        let text = "restart \"search-api\", v1.4.2! #42 — ok? http_requests[5m]";
        let found: Vec<_> = words(text).into_iter().map(|word| text[word.span].to_owned()).collect();
        assert_eq!(found, ["restart", "search-api", "v1.4.2", "#42", "ok", "http_requests[5m"]);
    }

    #[test]
    fn every_text_can_be_split() {
        for text in ["", "   ", "!!!", "…", "日本語 テスト", "a\u{a0}b", "👩‍🚒 restart"] {
            for word in words(text) {
                assert!(!text[word.span].is_empty());
            }
        }
    }
}
