//! Durations: `2h`, `90 min`, `1h30m`, `half an hour`, `an hour and a half`, `the last day`, `PT2H`.

use super::{Found, Word, number};
use crate::domain::ValueType;
use crate::understanding::words::cover;

/// All durations, longest reading first at each place.
pub(super) fn durations(words: &[Word]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut index = 0;
    while index < words.len() {
        match duration(words, index) {
            Some((seconds, taken, certain)) => {
                let span = cover(&words[index..index + taken]);
                found.extend(Found::new(span, ValueType::Duration, &format!("PT{seconds}S"), certain));
                index += taken;
            }
            None => index += 1,
        }
    }
    found
}

/// Seconds, words taken, and whether it can hardly be anything else.
fn duration(words: &[Word], index: usize) -> Option<(u64, usize, bool)> {
    let rest = &words[index..];
    let (seconds, mut taken, certain) = single(words, index)?;
    let mut seconds = seconds;
    let mut certain = certain;
    // "an hour and a half", "2 hours and 30 minutes", "1 hour 30 minutes", "2h 15m"
    loop {
        let joined = rest.get(taken).is_some_and(|word| word.lower == "and");
        let at = taken + usize::from(joined);
        if joined
            && rest.get(at).is_some_and(|word| word.lower == "a")
            && rest.get(at + 1).is_some_and(|word| word.lower == "half")
        {
            let unit_seconds = rest.get(taken - 1).and_then(|word| unit(&word.lower))?;
            seconds += unit_seconds / 2;
            taken = at + 2;
            break;
        }
        if rest[taken - 1].breaks {
            break;
        }
        match rest.get(at).and_then(|_| single(words, index + at)) {
            // A smaller amount continues the same duration; a bare "last day" does not.
            Some((more, count, true)) if more < seconds => {
                seconds += more;
                taken = at + count;
                certain = true;
            }
            _ => break,
        }
    }
    (seconds > 0).then_some((seconds, taken, certain))
}

fn single(words: &[Word], index: usize) -> Option<(u64, usize, bool)> {
    let rest = &words[index..];
    let first = rest.first()?.lower.as_str();
    if let Some(seconds) = compact(first) {
        return Some((seconds, 1, true));
    }
    if first.starts_with('p')
        && let Ok(value) = ValueType::Duration.parse(first)
    {
        return value.as_duration().map(|duration| (duration.as_secs().unsigned_abs(), 1, true));
    }
    // "a day", "an hour", "one week"
    if matches!(first, "a" | "an")
        && let Some(seconds) = rest.get(1).and_then(|word| unit(&word.lower))
    {
        return Some((seconds, 2, true));
    }
    if let Some(number) = number::number(rest)
        && let Some(word) = rest.get(number.words)
    {
        // "half hour", "2 more hours", "30-minute"
        let more = usize::from(matches!(word.lower.as_str(), "more" | "full" | "whole" | "good" | "of"));
        if let Some(seconds) = rest.get(number.words + more).and_then(|word| unit(&word.lower)) {
            let total = number.value * seconds as f64;
            return (total >= 1.0).then_some((total.round() as u64, number.words + more + 1, true));
        }
    }
    if let Some((count, name)) = first.split_once('-')
        && let (Some(count), Some(seconds)) =
            (count.parse::<f64>().ok().or_else(|| number::cardinal(count)), unit(name))
    {
        return Some(((count * seconds as f64).round() as u64, 1, true));
    }
    // "the last hour", "past day": a bare unit, only behind such a word
    let before = index.checked_sub(1).map(|at| words[at].lower.as_str());
    if matches!(before, Some("last" | "past" | "previous" | "this" | "whole" | "another" | "per"))
        && before != Some("per")
        && !first.ends_with('s')
        && first.len() > 1
        && let Some(seconds) = unit(first)
    {
        return Some((seconds, 1, true));
    }
    (first == "fortnight").then_some((14 * 86_400, 1, true))
}

/// `1h30m`, `90min`, `2d`, `1.5h`, `2hrs`.
fn compact(word: &str) -> Option<u64> {
    let mut rest = word;
    let mut total = 0.0;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        total += value * unit(&after[..letters])? as f64;
        rest = &after[letters..];
        parts += 1;
    }
    (parts > 0 && total >= 1.0).then_some(total.round() as u64)
}

/// Seconds of a unit. A month is 30 days: a window, not a date.
fn unit(word: &str) -> Option<u64> {
    Some(match word {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" | "minuts" | "mintues" | "minuites" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" | "horus" | "hous" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "wk" | "wks" | "week" | "weeks" => 7 * 86_400,
        "month" | "months" => 30 * 86_400,
        "fortnight" | "fortnights" => 14 * 86_400,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understanding::words::words;

    #[test]
    fn durations_in_many_styles() {
        for (text, expected) in [
            ("2h", "PT2H"),
            ("90 min", "PT1H30M"),
            ("1h30m", "PT1H30M"),
            ("1h 30m", "PT1H30M"),
            ("half an hour", "PT30M"),
            ("half hour", "PT30M"),
            ("a quarter of an hour", "PT15M"),
            ("an hour and a half", "PT1H30M"),
            ("1.5 hours", "PT1H30M"),
            ("two hours and fifteen minutes", "PT2H15M"),
            ("the last day", "P1D"),
            ("last two days", "P2D"),
            ("a couple of hours", "PT2H"),
            ("30-minute", "PT30M"),
            ("twenty-five minutes", "PT25M"),
            ("a fortnight", "P14D"),
            ("past week", "P7D"),
            ("PT45M", "PT45M"),
        ] {
            let found = durations(&words(text));
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(found[0].value.as_str(), expected, "{text}");
        }
        for text in ["requests per hour", "4242", "m", "days", "v1.5", "one"] {
            assert_eq!(durations(&words(text)), [], "{text}");
        }
    }
}
