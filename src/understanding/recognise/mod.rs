//! Recognisers: values that have a form of their own, whatever is being asked.
//!
//! Each takes the words of a message and says which of them, read as its type, give which canonical value. They know
//! nothing of intents; [`super::arguments`] decides which value fills which parameter.

mod duration;
mod number;
mod shape;
mod time;

use std::ops::Range;

use jiff::Zoned;

use super::words::Word;
use crate::domain::{Value, ValueType};

/// A value found in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// What it means, read as its type.
    pub value: Value,
    /// A form that hardly means anything else (`PT2H`, `25 %`), or one that may (`4242`, `noon`).
    pub certain: bool,
}

impl Found {
    fn new(span: Range<usize>, value_type: ValueType, canonical: &str, certain: bool) -> Option<Self> {
        Some(Self { span, value: value_type.parse(canonical).ok()?, certain })
    }
}

/// Everything every recogniser sees, in order of place. `now` carries the zone in which times without one are meant.
pub fn recognise(text: &str, words: &[Word], now: &Zoned) -> Vec<Found> {
    let mut found = Vec::new();
    found.extend(duration::durations(words));
    found.extend(number::percentages(words, text));
    found.extend(number::integers(words, text));
    found.extend(time::times(words, now));
    found.extend(shape::shapes(text, words));
    found.sort_by_key(|found| (found.span.start, std::cmp::Reverse(found.span.end)));
    found
}

/// Whether the words name a later time than now ("at 6 pm", "on sunday", "in twenty minutes", "tomorrow").
pub fn later_time(words: &[Word], now: &Zoned) -> bool {
    !time::times(words, now).is_empty() || time::delay(words)
}
