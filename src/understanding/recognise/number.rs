//! Numbers: in digits, in words, as parts of a hundred.

use super::{Found, Word};
use crate::domain::ValueType;
use crate::understanding::words::cover;

/// A number that a few words say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    /// Its value.
    pub(super) value: f64,
    /// How many words it took.
    pub(super) words: usize,
}

/// A number in words or digits at the beginning: `three`, `twenty-five`, `two hundred`, `a dozen`, `1.5`, `half a`.
pub(super) fn number(words: &[Word]) -> Option<Number> {
    let first = words.first()?.lower.as_str();
    let next = words.get(1).map(|word| word.lower.as_str());
    let third = words.get(2).map(|word| word.lower.as_str());
    match (first, next, third) {
        ("half", Some("a"), Some("dozen")) => return Some(Number { value: 6.0, words: 3 }),
        ("half", Some("a" | "an"), _) => return Some(Number { value: 0.5, words: 2 }),
        ("half", _, _) => return Some(Number { value: 0.5, words: 1 }),
        ("quarter", Some("of"), Some("an" | "a")) => return Some(Number { value: 0.25, words: 3 }),
        ("a", Some("quarter"), _) | ("quarter", Some("of"), _) => {
            let of = words.iter().take(4).position(|word| word.lower == "an").map_or(2, |at| at + 1);
            return Some(Number { value: 0.25, words: of });
        }
        ("a", Some("couple"), Some("of")) => return Some(Number { value: 2.0, words: 3 }),
        ("couple", Some("of"), _) | ("a", Some("couple"), _) => return Some(Number { value: 2.0, words: 2 }),
        ("couple", _, _) => return Some(Number { value: 2.0, words: 1 }),
        ("a", Some("dozen"), _) => return Some(Number { value: 12.0, words: 2 }),
        ("a", Some("hundred"), _) => return Some(Number { value: 100.0, words: 2 }),
        ("a", Some("thousand"), _) => return Some(Number { value: 1000.0, words: 2 }),
        _ => {}
    }
    if first.starts_with(|c: char| c.is_ascii_digit()) {
        let value: f64 = first.replace(',', ".").parse().ok().filter(|value: &f64| value.is_finite())?;
        return Some(Number { value, words: 1 });
    }
    in_words(words)
}

/// `twenty five`, `two hundred and ten`.
fn in_words(words: &[Word]) -> Option<Number> {
    let mut total = 0.0;
    let mut current = 0.0;
    let mut taken = 0;
    for (index, word) in words.iter().enumerate() {
        if word.lower == "and" && taken > 0 && words.get(index + 1).is_some_and(|next| cardinal(&next.lower).is_some())
        {
            if current < 100.0 {
                break;
            }
            continue;
        }
        match word.lower.as_str() {
            "hundred" if current > 0.0 => current *= 100.0,
            "thousand" if current > 0.0 => {
                total += current * 1000.0;
                current = 0.0;
            }
            other => match cardinal(other) {
                // "twenty five" adds, "five twenty" does not.
                Some(value) if taken == 0 || (current % 100.0 == 0.0) || (current % 10.0 == 0.0 && value < 10.0) => {
                    current += value;
                }
                _ => break,
            },
        }
        taken = index + 1;
        if word.breaks {
            break;
        }
    }
    (taken > 0).then_some(Number { value: total + current, words: taken })
}

/// One word: `seven`, `twelve`, `forty`, `twenty-five`.
pub(super) fn cardinal(word: &str) -> Option<f64> {
    const UNITS: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let unit = |word: &str| UNITS.iter().position(|name| *name == word).map(|value| value as f64);
    let ten = |word: &str| TENS.iter().position(|name| *name == word).map(|value| (value as f64 + 2.0) * 10.0);
    if word == "dozen" {
        return Some(12.0);
    }
    unit(word).or_else(|| ten(word)).or_else(|| {
        let (tens, units) = word.split_once('-')?;
        Some(ten(tens)? + unit(units).filter(|value| (1.0..10.0).contains(value))?)
    })
}

/// Whole numbers: digits (also `x4`, `4x`, `#88`), or words.
pub(super) fn integers(words: &[Word], text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut index = 0;
    while index < words.len() {
        let word = &words[index];
        let digits = word.lower.trim_start_matches(['#', 'x', ':']).trim_end_matches('x');
        if !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|b| b.is_ascii_digit()) {
            // "80 %" and "25 percent" are no whole numbers.
            if !percent_follows(words, index, text) {
                found.extend(Found::new(word.span.clone(), ValueType::Integer, digits, false));
            }
            index += 1;
            continue;
        }
        match in_words(&words[index..]) {
            Some(number) if !percent_follows(words, index + number.words - 1, text) => {
                let span = cover(&words[index..index + number.words]);
                // "one" is more often a pronoun.
                if number.value != 1.0
                    || words.get(index + 1).is_some_and(|next| {
                        next.lower.ends_with('a')
                            || next.lower.starts_with("replica")
                            || next.lower.starts_with("instance")
                    })
                {
                    found.extend(Found::new(span, ValueType::Integer, &number.value.to_string(), false));
                }
                index += number.words;
            }
            _ => index += 1,
        }
    }
    found
}

fn percent_follows(words: &[Word], index: usize, text: &str) -> bool {
    text[words[index].span.end..].trim_start().starts_with('%')
        || words.get(index + 1).is_some_and(|next| matches!(next.lower.as_str(), "percent" | "%" | "pct" | "percents"))
}

/// `25%`, `25 percent`, `ten percent`, `half (of) the users`, `a quarter`, `a third`, `everybody`.
pub(super) fn percentages(words: &[Word], text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if let Some(number) = word.lower.strip_suffix('%')
            && number.parse::<f64>().is_ok()
        {
            found.extend(Found::new(word.span.clone(), ValueType::Percentage, number, true));
            continue;
        }
        let rest = &words[index..];
        let Some(number) = number(rest).filter(|number| number.value >= 1.0) else {
            let fraction = match word.lower.as_str() {
                "half" => Some("50"),
                "third" => Some("33"),
                "quarter" => Some("25"),
                _ => None,
            };
            // A fraction of an hour is a duration, and "the third box" is a name.
            let article = index > 0 && matches!(words[index - 1].lower.as_str(), "a" | "one" | "to" | "at" | "for");
            let of_time =
                words.get(index + 1).is_some_and(|next| matches!(next.lower.as_str(), "an" | "hour" | "a" | "day"))
                    || words.get(index + 2).is_some_and(|next| matches!(next.lower.as_str(), "an" | "hour"));
            if let Some(percent) = fraction.filter(|_| article || word.lower == "half").filter(|_| !of_time) {
                found.extend(Found::new(word.span.clone(), ValueType::Percentage, percent, false));
            }
            continue;
        };
        if percent_follows(words, index + number.words - 1, text) {
            let last = &words[index + number.words - 1];
            let end = words
                .get(index + number.words)
                .filter(|next| matches!(next.lower.as_str(), "percent" | "pct" | "%" | "percents"))
                .map_or(last.span.end, |next| next.span.end);
            let inside = found.last().is_some_and(|before: &Found| before.span.end > word.span.start);
            if !inside {
                found.extend(Found::new(word.span.start..end, ValueType::Percentage, &number.value.to_string(), true));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understanding::words::words;

    #[test]
    fn numbers() {
        for (text, value, count) in [
            ("three replicas", 3.0, 1),
            ("twenty five minutes", 25.0, 2),
            ("twenty-five", 25.0, 1),
            ("two hundred and ten lines", 210.0, 4),
            ("a couple of hours", 2.0, 3),
            ("half an hour", 0.5, 2),
            ("a quarter of an hour", 0.25, 4),
            ("1.5 hours", 1.5, 1),
            ("half a dozen", 6.0, 3),
        ] {
            assert_eq!(number(&words(text)), Some(Number { value, words: count }), "{text}");
        }
        assert_eq!(number(&words("checkout")), None);
    }

    #[test]
    fn whole_numbers_and_parts_of_a_hundred() {
        let of = |text: &str| -> Vec<String> {
            let words = words(text);
            let integers = integers(&words, text).into_iter().map(|found| found.value.to_string());
            let percents = percentages(&words, text).into_iter().map(|found| format!("{}%", found.value));
            integers.chain(percents).collect()
        };
        for (text, expected) in [
            ("scale to x4", &["4"][..]),
            ("make it 25 percent", &["25%"]),
            ("25%", &["25%"]),
            ("25 % of them", &["25%"]),
            ("ten percent", &["10%"]),
            ("a quarter of users", &["25%"]),
            ("half an hour", &[]),
            ("kill 4242 its stuck", &["4242"]),
            ("which one", &[]),
            ("80 lines", &["80"]),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }
}
