//! Points in time: `tomorrow at 9`, `on saturday at noon`, `2026-12-24 18:00`, `at 6 pm`, `in twenty minutes`.

use jiff::civil::{Date, Time, Weekday};
use jiff::{ToSpan, Zoned};

use super::{Found, Word, duration, number};
use crate::domain::ValueType;
use crate::understanding::words::cover;

/// All points in time, read against `now` and in its zone. A day without an hour is nine in the morning; "tonight" and
/// "evening" are eight in the evening.
pub(super) fn times(words: &[Word], now: &Zoned) -> Vec<Found> {
    let mut found = Vec::new();
    let mut index = 0;
    while index < words.len() {
        match moment(&words[index..], now) {
            Some((date, time, taken)) => {
                let zoned = date.to_datetime(time).to_zoned(now.time_zone().clone());
                if let Ok(zoned) = zoned {
                    let span = cover(&words[index..index + taken]);
                    found.extend(Found::new(span, ValueType::DateTime, &zoned.timestamp().to_string(), true));
                }
                index += taken;
            }
            None => index += 1,
        }
    }
    found
}

/// "in twenty minutes", "in an hour": a delay, which is no point in time of its own but later than now.
pub(super) fn delay(words: &[Word]) -> bool {
    words.iter().enumerate().any(|(index, word)| {
        word.lower == "in"
            && words.get(index + 1).is_some_and(|next| next.lower != "the")
            && duration::durations(&words[index + 1..]).first().is_some_and(|found| found.span.start == words[index + 1].span.start)
            // "in 2 hours" is a delay; "in 2 hours of logs" is a stretch.
            && words.get(index + 3).is_none_or(|after| after.lower != "of")
    })
}

fn moment(words: &[Word], now: &Zoned) -> Option<(Date, Time, usize)> {
    let skip = usize::from(
        words
            .first()
            .is_some_and(|word| matches!(word.lower.as_str(), "on" | "at" | "this" | "next" | "by" | "until" | "the")),
    );
    let lead = words.first().map(|word| word.lower.as_str());
    if let Some((date, default, taken)) = day(&words[skip..], lead == Some("next"), now) {
        let mut taken = taken + skip;
        let mut time = default;
        let at = taken
            + usize::from(
                words.get(taken).is_some_and(|word| matches!(word.lower.as_str(), "at" | "around" | "by" | "from")),
            );
        if let Some((clock, count)) = words.get(at).and_then(|_| clock(&words[at..], at > taken || skip > 0)) {
            time = clock;
            taken = at + count;
        }
        return Some((date, time, taken));
    }
    // "at 6 pm", "18:00", "at noon", and a day behind it: "at 9 tomorrow"
    let explicit = lead == Some("at");
    let (time, count) = clock(&words[skip.min(1)..], explicit)?;
    if skip == 1 && !explicit && lead != Some("by") && lead != Some("until") {
        return None;
    }
    let mut taken = skip + count;
    if let Some((date, _, more)) = words.get(taken).and_then(|_| day(&words[taken..], false, now)) {
        taken += more;
        return Some((date, time, taken));
    }
    let today = now.date();
    let date = if now.time() < time { today } else { today.tomorrow().ok()? };
    Some((date, time, taken))
}

/// A day, with the hour that is meant when none is said.
fn day(words: &[Word], next: bool, now: &Zoned) -> Option<(Date, Time, usize)> {
    let today = now.date();
    let morning = Time::constant(9, 0, 0, 0);
    let evening = Time::constant(20, 0, 0, 0);
    let second = words.get(1).map(|word| word.lower.as_str());
    let part = |taken: usize, date: Date| {
        let (time, more) = match words.get(taken).map(|word| word.lower.as_str()) {
            Some("night" | "evening") => (evening, 1),
            Some("afternoon") => (Time::constant(15, 0, 0, 0), 1),
            Some("morning") => (morning, 1),
            Some("noon") => (Time::constant(12, 0, 0, 0), 1),
            _ => (morning, 0),
        };
        Some((date, time, taken + more))
    };
    let word = words.first()?.lower.as_str();
    if let Ok(date) = word.parse::<Date>()
        && word.len() == 10
    {
        return part(1, date);
    }
    if let Ok(stamp) = word.to_uppercase().parse::<jiff::Timestamp>() {
        let zoned = stamp.to_zoned(now.time_zone().clone());
        return Some((zoned.date(), zoned.time(), 1));
    }
    match word {
        "tomorrow" | "tomorow" | "tmrw" | "tmr" => return part(1, today.tomorrow().ok()?),
        "tonight" | "tonite" => return Some((today, evening, 1)),
        "evening" if second.is_none() || !next => return Some((today, evening, 1)),
        "weekend" => return Some((upcoming(today, Weekday::Saturday), morning, 1)),
        "week" if next => return Some((upcoming(today, Weekday::Monday), morning, 1)),
        _ => {}
    }
    if let Some(weekday) = weekday(word) {
        return part(1, upcoming(today, weekday));
    }
    // "24 december", "december 24th", "the 31st"
    let number = |word: &str| -> Option<i8> {
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        digits.parse().ok().filter(|day| (1..=31).contains(day))
    };
    let (day_of_month, month, taken) = if let (Some(month), Some(day)) = (month(word), second.and_then(number)) {
        (day, month, 2)
    } else if let Some(day) = number(word) {
        let of = usize::from(second == Some("of"));
        match words.get(1 + of).and_then(|word| month(&word.lower)) {
            Some(month) => (day, month, 2 + of),
            None if ["st", "nd", "rd", "th"].iter().any(|ending| word.ends_with(ending)) => (day, today.month(), 1),
            None => return None,
        }
    } else {
        return None;
    };
    let this_year = Date::new(today.year(), month, day_of_month).ok()?;
    let date = if this_year < today { Date::new(today.year() + 1, month, day_of_month).ok()? } else { this_year };
    part(taken, date)
}

/// The next such day after today.
fn upcoming(today: Date, weekday: Weekday) -> Date {
    let days = today.weekday().until(weekday);
    let days = if days == 0 { 7 } else { days };
    today.checked_add(i64::from(days).days()).unwrap_or(today)
}

/// A time of day. A bare hour counts only where something has announced a time ("at 9").
fn clock(words: &[Word], announced: bool) -> Option<(Time, usize)> {
    let word = words.first()?.lower.as_str();
    match word {
        "noon" | "midday" => return Some((Time::constant(12, 0, 0, 0), 1)),
        "midnight" => return Some((Time::constant(0, 0, 0, 0), 1)),
        _ => {}
    }
    let next = words.get(1).map(|word| word.lower.as_str());
    let (digits, glued) = match word.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => (&word[..at], Some(&word[at..])),
        None => (word, None),
    };
    let (marker, mut taken) = match (glued, next) {
        (Some(marker), _) => (Some(marker), 1),
        (None, Some(marker @ ("am" | "pm" | "a.m" | "p.m" | "o'clock" | "oclock" | "h" | "utc"))) => (Some(marker), 2),
        (None, Some("o")) if words.get(2).is_some_and(|word| word.lower == "clock") => (Some("o'clock"), 3),
        _ => (None, 1),
    };
    if let Some(marker) = marker
        && !matches!(marker, "am" | "pm" | "a.m" | "p.m" | "o'clock" | "oclock" | "h" | "utc")
    {
        return None;
    }
    if words.get(taken).is_some_and(|word| word.lower == "utc") {
        taken += 1;
    }
    let (hour, minute) = match digits.split_once([':', '.']) {
        Some((hour, minute)) if minute.len() == 2 => (hour.parse::<i8>().ok()?, minute.parse::<i8>().ok()?),
        Some(_) => return None,
        None if marker.is_some_and(|marker| marker != "h") || announced => {
            (digits.parse::<i8>().ok().or_else(|| number::cardinal(digits).map(|hour| hour as i8))?, 0)
        }
        None => return None,
    };
    let hour = match marker {
        Some("pm" | "p.m") if hour < 12 => hour + 12,
        Some("am" | "a.m") if hour == 12 => 0,
        _ => hour,
    };
    Some((Time::new(hour, minute, 0, 0).ok()?, taken))
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word.trim_end_matches("'s") {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" | "tues" => Weekday::Tuesday,
        "wednesday" | "wed" => Weekday::Wednesday,
        "thursday" | "thu" | "thurs" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let index = MONTHS.iter().position(|name| *name == word || (word.len() == 3 && name.starts_with(word)))?;
    i8::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understanding::words::words;

    fn now() -> Zoned {
        "2026-11-18T09:00:00+00:00[UTC]".parse().unwrap()
    }

    #[test]
    fn points_in_time() {
        for (text, expected) in [
            ("tomorrow at 9:00", "2026-11-19T09:00:00Z"),
            ("2026-12-24 18:00", "2026-12-24T18:00:00Z"),
            ("on saturday at noon", "2026-11-21T12:00:00Z"),
            ("at 6 pm", "2026-11-18T18:00:00Z"),
            ("tonight at 23:30", "2026-11-18T23:30:00Z"),
            ("on december 1st", "2026-12-01T09:00:00Z"),
            ("on thursday 10 o clock", "2026-11-19T10:00:00Z"),
            ("next monday", "2026-11-23T09:00:00Z"),
            ("on 24 december", "2026-12-24T09:00:00Z"),
            ("tomorrow night", "2026-11-19T20:00:00Z"),
        ] {
            let found = times(&words(text), &now());
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(found[0].value.as_str(), expected, "{text}");
        }
        for text in ["to 9 replicas", "1.4.2", "may we restart", "sun", "4242", "restart it now"] {
            assert_eq!(times(&words(text), &now()), [], "{text}");
        }
    }

    #[test]
    fn delays() {
        for text in ["stop v9 in twenty minutes", "page them in an hour", "in 2h restart it"] {
            assert!(delay(&words(text)), "{text}");
        }
        for text in ["errors in the last 2 hours", "in staging", "how many in 2 hours of logs"] {
            assert!(!delay(&words(text)), "{text}");
        }
    }
}
