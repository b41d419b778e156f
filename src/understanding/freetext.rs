//! Free text and its borders: in quotes, after a colon, after "saying" or "because", or where the tagger sees it.

use std::ops::Range;

use super::arguments::Seen;
use super::words::{Word, overlap};
use crate::domain::{Intent, ValueType};

/// Courtesies at the end are not part of a text.
const COURTESIES: [&str; 12] =
    ["please", "pls", "plz", "thanks", "thx", "thank you", "ty", "asap", "cheers", "kthx", "thanks!", "now please"];

/// Words after which a text begins.
const OPENERS: [&str; 14] = [
    "called", "named", "titled", "saying", "says", "that", "because", "since", "about", "reason", "message", "with",
    "text", "title",
];

/// The message without courtesies and end punctuation.
pub fn whole(text: &str) -> Range<usize> {
    trim(text, 0..text.len())
}

/// The span of a text parameter (`index` in the intent's order), outside of what is taken.
///
/// Every stretch of words scores the sum of its words' log odds of being this parameter; a stretch that begins where
/// texts begin, or ends where the message ends, scores more. A quotation is taken whole.
pub fn find(intent: &Intent, seen: &Seen<'_>, index: usize, taken: &[Range<usize>]) -> Option<Range<usize>> {
    let words = seen.words;
    if words.is_empty() {
        return None;
    }
    let odds: Vec<f32> = words
        .iter()
        .zip(&seen.tags.0)
        .map(|(word, row)| {
            let p = row[index].clamp(0.02, 0.98);
            if taken.iter().any(|span| overlap(span, &word.span)) {
                -20.0
            } else {
                (p / (1.0 - p)).ln() - elsewhere(intent, seen, word)
            }
        })
        .collect();
    if let Some(quoted) = quoted(seen, &odds) {
        return Some(trim(seen.text, quoted));
    }
    let mut best: Option<(f32, usize, usize)> = None;
    for start in 0..words.len() {
        let opening = if start == 0 { 0.0 } else { opening(seen, start) };
        let mut sum = opening;
        for end in start..words.len() {
            sum += odds[end];
            let closing = if end + 1 == words.len() {
                // What is said after "because" or a colon goes on to the end.
                1.0 + opening
            } else if words[end].breaks {
                0.3
            } else {
                0.0
            };
            if best.is_none_or(|(score, ..)| sum + closing > score) {
                best = Some((sum + closing, start, end));
            }
        }
    }
    let (score, start, end) = best?;
    // A single doubtful word is no text.
    if score < 1.0 {
        return None;
    }
    let from = words[start].span.start;
    let from = widen_left(seen.text, from);
    let to = if end + 1 == words.len() { seen.text.len() } else { words[end].span.end };
    Some(trim(seen.text, from..to))
}

/// How much a word is wanted by another parameter: the name of a thing that the intent takes, or a time.
fn elsewhere(intent: &Intent, seen: &Seen<'_>, word: &Word) -> f32 {
    let takes = |value_type: ValueType| intent.parameters.iter().any(|parameter| parameter.value_type == value_type);
    let named = seen
        .names
        .iter()
        .any(|name| !name.ordinary && overlap(&name.span, &word.span) && takes(ValueType::Entity(name.entity)));
    let timed = seen.found.iter().any(|found| {
        found.certain
            && overlap(&found.span, &word.span)
            && matches!(found.value.value_type(), ValueType::Duration | ValueType::DateTime)
    });
    if timed {
        4.0
    } else if named {
        1.5
    } else {
        0.0
    }
}

/// How much the place before a word says that a text begins here.
fn opening(seen: &Seen<'_>, start: usize) -> f32 {
    let before = &seen.words[start - 1];
    let between = &seen.text[before.span.end..seen.words[start].span.start];
    if between.contains(": ") || between.contains(" - ") || between.contains('—') {
        2.0
    } else if OPENERS.contains(&before.lower.as_str()) {
        1.5
    } else {
        0.0
    }
}

/// A quotation in the message that the tagger does not speak against.
fn quoted(seen: &Seen<'_>, odds: &[f32]) -> Option<Range<usize>> {
    const PAIRS: [(char, char); 5] = [('"', '"'), ('“', '”'), ('`', '`'), ('\'', '\''), ('«', '»')];
    let text = seen.text;
    for (open, close) in PAIRS {
        let mut from = 0;
        while let Some(start) = text[from..].find(open).map(|at| from + at) {
            let inner = start + open.len_utf8();
            // An apostrophe inside a word opens nothing.
            let opens =
                text[..start].chars().next_back().is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ':' | ','));
            let closing = text[inner..].char_indices().find(|(at, c)| {
                *c == close
                    && text[inner + at + c.len_utf8()..].chars().next().is_none_or(|next| !next.is_alphanumeric())
            });
            if let (true, Some((length, _))) = (opens, closing) {
                let span = inner..inner + length;
                let inside: Vec<f32> = seen
                    .words
                    .iter()
                    .zip(odds)
                    .filter(|(w, _)| overlap(&w.span, &span))
                    .map(|(_, odds)| *odds)
                    .collect();
                let mean = inside.iter().sum::<f32>() / inside.len().max(1) as f32;
                if !inside.is_empty() && mean > -1.5 {
                    return Some(span);
                }
            }
            from = inner;
        }
    }
    None
}

/// Opening brackets directly before the first word belong to a text.
fn widen_left(text: &str, from: usize) -> usize {
    let before = &text[..from];
    before.trim_end_matches(['(', '[', '{']).len()
}

/// Without white space, surrounding quotes, courtesies and end punctuation; closing brackets stay.
fn trim(text: &str, span: Range<usize>) -> Range<usize> {
    let mut start = span.start;
    let mut end = span.end;
    loop {
        let current = &text[start..end];
        let mut next = current.trim_end().trim_end_matches(['.', '!', '?', '…', ',', ';', ':']);
        for quote in ['"', '”', '`', '»'] {
            next = next
                .strip_suffix(quote)
                .filter(|rest| rest.contains(['"', '“', '`', '«']) || !rest.is_empty())
                .unwrap_or(next);
        }
        let lower = next.to_lowercase();
        for courtesy in COURTESIES {
            if lower.len() == next.len()
                && lower.ends_with(courtesy)
                && lower[..lower.len() - courtesy.len()].ends_with([' ', ','])
            {
                next = next[..next.len() - courtesy.len()].trim_end_matches([' ', ',']);
                break;
            }
        }
        let trimmed =
            next.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '“' | '`' | '«' | ':' | ','));
        let new_end = start + next.len();
        let new_start = start + (next.len() - trimmed.len());
        if (new_start, new_end) == (start, end) || new_start >= new_end {
            return if new_start < new_end { new_start..new_end } else { start..end };
        }
        (start, end) = (new_start, new_end);
    }
}
