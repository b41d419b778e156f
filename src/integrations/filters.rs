//! The filters of manifests: forms that systems want (durations, selectors, quoted texts) and forms that people read
//! (sizes, times, tables). The list of their names is `catalogue::manifest::FILTERS`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::redact::percent_encoded;
use super::reshape;

/// The widest cell of a table, in characters; longer ones say how much is missing.
const MAX_CELL_CHARS: usize = 80;
/// The levels of a sparkline.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Adds the filters to an environment, and takes those away that make markup.
pub(super) fn register(environment: &mut Environment<'static>) {
    for markup in ["safe", "escape", "e", "pprint", "urlencode"] {
        environment.remove_filter(markup);
    }
    environment.add_filter("ago", ago);
    environment.add_filter("basic", basic);
    environment.add_filter("bytes", |value: Value| in_unit(&value, "bytes"));
    environment.add_filter("cut", cut);
    environment.add_filter("duration", |value: Value| in_unit(&value, "seconds"));
    environment.add_filter("encoded", |text: String| -> String { text.bytes().map(percent_encoded).collect() });
    environment.add_filter("epoch", epoch);
    environment.add_filter("fields", fields);
    environment.add_filter("minus", |value: Value, by: String| moved(&value, &by, '-'));
    environment.add_filter("number", |value: Value| in_unit(&value, "number"));
    environment.add_filter("percent", |value: Value| in_unit(&value, "percent"));
    environment.add_filter("plus", |value: Value, by: String| moved(&value, &by, '+'));
    environment.add_filter("quoted", |text: String| serde_json::Value::from(text).to_string());
    environment.add_filter("regex_escape", |text: String| regex::escape(&text));
    environment.add_filter("seconds", |value: Value| as_seconds(&value).map(whole));
    environment.add_filter("selector", selector);
    environment.add_filter("short_duration", short_duration);
    environment.add_filter("sparkline", sparkline);
    environment.add_filter("table", table);
    environment.add_filter("time", time);
    environment.add_filter("unit", |value: Value, unit: String| in_unit(&value, &unit));
    reshape::register(environment);
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// A number, or a text that is one.
fn as_number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    }
}

/// Seconds: a number, or an ISO 8601 duration whose days have 24 hours.
fn as_seconds(value: &Value) -> Result<f64, Error> {
    if let Some(number) = as_number(value) {
        return Ok(number);
    }
    let span = value.as_str().and_then(|text| text.parse::<jiff::Span>().ok());
    let duration = span.and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok());
    duration
        .map(|duration| duration.as_secs_f64())
        .ok_or_else(|| invalid(format!("expected a duration, found `{value}`")))
}

/// A point in time: RFC 3339, or seconds since 1970.
pub(super) fn as_time(value: &Value) -> Option<Timestamp> {
    match as_number(value) {
        #[allow(clippy::cast_possible_truncation)] // Saturates; jiff refuses what is out of its range.
        Some(seconds) => Timestamp::from_millisecond((seconds * 1000.0) as i64).ok(),
        None => value.as_str()?.parse().ok(),
    }
}

#[allow(clippy::cast_possible_truncation)] // Saturates.
fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// A number for people, in a unit: `bytes`, `seconds`, `percent` (of a ratio), `per_second`, `number`.
fn in_unit(value: &Value, unit: &str) -> Result<String, Error> {
    let number = match unit {
        "seconds" => Some(as_seconds(value)?),
        _ => as_number(value),
    };
    let number = number.ok_or_else(|| invalid(format!("expected a number, found `{value}`")))?;
    if !number.is_finite() {
        return Ok("no value".to_owned());
    }
    Ok(match unit {
        "bytes" => bytes(number),
        "seconds" => duration(number),
        "percent" => format!("{} %", short(number * 100.0)),
        "per_second" => format!("{}/s", short(number)),
        "number" => short(number),
        _ => {
            let expected = "expected one of `bytes`, `seconds`, `percent`, `per_second`, `number`";
            return Err(invalid(format!("{expected}, found `{unit}`")));
        }
    })
}

/// Three significant digits, and all digits before the point.
fn short(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let magnitude = number.abs().log10().floor();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 12.
    let digits = (2.0 - magnitude).clamp(0.0, 12.0) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// In units of 1024.
fn bytes(number: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = number;
    let mut unit = 0;
    while size.abs() >= 1023.5 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{} {}", short(size), units[unit])
}

/// The two largest units.
fn duration(seconds: f64) -> String {
    if seconds.abs() < 0.000_999_5 {
        return format!("{} µs", short(seconds * 1_000_000.0));
    }
    if seconds.abs() < 0.999_5 {
        return format!("{} ms", short(seconds * 1_000.0));
    }
    if seconds.abs() < 59.5 {
        return format!("{} s", short(seconds));
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let mut left = whole(seconds.abs());
    let mut parts = Vec::new();
    for (length, name) in [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")] {
        if left >= length || !parts.is_empty() {
            parts.push((left / length, name));
        }
        left %= length;
    }
    let parts: Vec<_> = parts.iter().take(2).filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}")).collect();
    format!("{sign}{}", parts.join(" "))
}

/// `2026-11-21 04:49:27 UTC`; what is no time stays as it is.
fn time(value: Value) -> String {
    as_time(&value).map_or_else(|| value.to_string(), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// `5 min ago`, `in 2 h`; what is no time stays as it is.
fn ago(state: &State, value: Value) -> String {
    let now = state.lookup("now").and_then(|now| as_time(&now));
    match (now, as_time(&value)) {
        (Some(now), Some(time)) => {
            let passed = now.duration_since(time).as_secs_f64();
            if passed < 0.0 { format!("in {}", duration(-passed)) } else { format!("{} ago", duration(passed)) }
        }
        _ => value.to_string(),
    }
}

/// Seconds since 1970. Before the run, `now` is only a word, and stays one.
fn epoch(value: Value) -> Value {
    as_time(&value).map_or(value, |time| Value::from(time.as_second()))
}

/// A time moved by an ISO 8601 duration. Before the run, `now` is only a word: the result says what will be meant.
fn moved(value: &Value, by: &str, sign: char) -> Result<String, Error> {
    let seconds = as_seconds(&Value::from(by))?;
    let Some(time) = as_time(value) else { return Ok(format!("{value} {sign} {by}")) };
    let by = SignedDuration::from_secs(whole(seconds));
    let moved = if sign == '+' { time.checked_add(by) } else { time.checked_sub(by) };
    moved.map(|time| time.to_string()).map_err(|error| invalid(error.to_string()))
}

/// `PT1H30M` as `1h30m`: Go's form without its fractions, which Prometheus, Docker and Kubernetes read.
fn short_duration(value: Value) -> Result<String, Error> {
    let mut left = whole(as_seconds(&value)?).max(0);
    let mut text = String::new();
    for (length, name) in [(3_600, 'h'), (60, 'm'), (1, 's')] {
        if left >= length {
            text.push_str(&format!("{}{name}", left / length));
        }
        left %= length;
    }
    Ok(if text.is_empty() { "0s".to_owned() } else { text })
}

/// A label selector as Prometheus and Loki read it: `{"service": "a", "code=~": "5.."}` is `{code=~"5..",service="a"}`.
/// A key may end in its operator; undefined values are left out; `__name__` stands in front.
fn selector(labels: Value) -> Result<String, Error> {
    let mut metric = String::new();
    let mut matchers = Vec::new();
    for key in labels.try_iter()? {
        let value = labels.get_item(&key)?;
        if value.is_undefined() || value.is_none() {
            continue;
        }
        let key = key.to_string();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        if key == "__name__" && value.as_str().is_some_and(|name| name.chars().all(is_name)) {
            metric = value.to_string();
            continue;
        }
        let label = key.trim_end_matches(['=', '!', '~']);
        let operator = if label.len() < key.len() { &key[label.len()..] } else { "=" };
        let is_label = label.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_label || !["=", "!=", "=~", "!~"].contains(&operator) {
            return Err(invalid(format!("expected a label, found `{key}`")));
        }
        matchers.push(format!("{label}{operator}{}", serde_json::Value::from(value.to_string())));
    }
    Ok(format!("{metric}{{{}}}", matchers.join(",")))
}

/// Lines of `name=value` as an object; other lines are left out.
fn fields(text: String) -> Value {
    Value::from_pairs(text.lines().filter_map(|line| line.split_once('=')))
}

/// At most so many characters; says how many are missing.
fn cut(text: String, length: usize) -> String {
    let count = text.chars().count();
    if count <= length {
        return text;
    }
    let kept: String = text.chars().take(length).collect();
    format!("{}… (+{} characters)", kept.trim_end(), count - length)
}

/// `user:password` as HTTP's basic scheme wants it: `Basic dXNlcjpwYXNzd29yZA==`.
fn basic(user: String, password: String) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

/// RFC 4648, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Numbers as bars of eight heights, between the smallest and the largest.
fn sparkline(values: Value) -> Result<String, Error> {
    let numbers: Vec<f64> =
        values.try_iter()?.filter_map(|value| as_number(&value)).filter(|number| number.is_finite()).collect();
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |number: f64| {
        let height = if high > low { (number - low) / (high - low) * 7.0 } else { 0.0 };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 7.
        BARS[(height.round() as usize).min(7)]
    };
    Ok(numbers.iter().map(|number| bar(*number)).collect())
}

/// Rows as aligned columns. Each column is `[heading, attribute]` or `[heading, attribute, unit]`, where the unit is one
/// of [`in_unit`]'s, or `time`, or `ago`. Columns with a unit stand to the right.
fn table(state: &State, rows: Value, columns: Value) -> Result<String, Error> {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut right = Vec::new();
    let mut specifications = Vec::new();
    for column in columns.try_iter()? {
        let mut parts = column.try_iter()?.map(|part| part.to_string());
        let (Some(heading), Some(attribute)) = (parts.next(), parts.next()) else {
            return Err(invalid("expected columns of `[heading, attribute, unit]`"));
        };
        let unit = parts.next();
        right.push(unit.as_deref().is_some_and(|unit| unit != "time" && unit != "ago"));
        specifications.push((heading, attribute, unit));
    }
    lines.push(specifications.iter().map(|(heading, _, _)| heading.to_uppercase()).collect());
    for row in rows.try_iter()? {
        let cells: Result<Vec<_>, Error> =
            specifications.iter().map(|(_, attribute, unit)| cell(state, &row, attribute, unit.as_deref())).collect();
        lines.push(cells?);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..specifications.len()).map(width).collect();
    let align = |(column, cell): (usize, &String)| {
        let padding = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
        if right[column] { format!("{padding}{cell}") } else { format!("{cell}{padding}") }
    };
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.iter().enumerate().map(align).collect::<Vec<_>>().join("  ").trim_end().to_owned())
        .collect();
    Ok(lines.join("\n"))
}

fn cell(state: &State, row: &Value, attribute: &str, unit: Option<&str>) -> Result<String, Error> {
    let mut value = row.clone();
    for part in attribute.split('.') {
        value = value.get_attr(part)?;
        if value.is_undefined() || value.is_none() {
            return Ok(String::new());
        }
    }
    let text = match unit {
        None => value.to_string(),
        Some("time") => time(value),
        Some("ago") => ago(state, value),
        Some(unit) => in_unit(&value, unit)?,
    };
    // A cell is one line, and no cell pushes the others out of sight.
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = line.chars().count();
    Ok(if count > MAX_CELL_CHARS {
        format!("{}…", line.chars().take(MAX_CELL_CHARS - 1).collect::<String>())
    } else {
        line
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::template::{Scope, Templates};
    use super::*;
    use crate::catalogue::manifest::{FILTERS, Template};

    fn rendered(template: &str) -> String {
        let scope = Scope::default().with("now", &json!("2026-11-21T10:00:00Z")).with(
            "rows",
            &json!([{"m": "/", "s": 1_073_741_824_u64, "x": {"y": "a\nb"}}, {"m": "/home", "s": 1536, "x": {}}]),
        );
        Templates::default()
            .prose(&Template::parse(template).unwrap(), &scope)
            .unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn the_filters_are_those_of_the_list() {
        let mut environment = Environment::new();
        register(&mut environment);
        for filter in FILTERS {
            let error = environment.render_str(&format!("{{{{ 1 | {filter} }}}}"), ()).err();
            let unknown = error.is_some_and(|error| error.kind() == ErrorKind::UnknownFilter);
            assert!(!unknown, "`{filter}` is in the list and not in the environment");
        }
    }

    #[test]
    fn people_read_numbers() {
        for (template, text) in [
            ("{{ 0 | bytes }} {{ 1023 | bytes }} {{ 1024 | bytes }}", "0 B 1023 B 1 KiB"),
            ("{{ 19541348352 | bytes }}", "18.2 GiB"),
            ("{{ 0.632 | percent }} {{ '0.0213' | percent }} {{ 1 | percent }}", "63.2 % 2.13 % 100 %"),
            ("{{ 3.5 | duration }}, {{ 'PT90M' | duration }}", "3.5 s, 1 h 30 min"),
            ("{{ 0.0123 | duration }}, {{ 90061 | duration }}, {{ 86400 | duration }}", "12.3 ms, 1 d 1 h, 1 d"),
            ("{{ 'NaN' | number }} {{ 1234567 | number }} {{ 0.00012345 | number }}", "no value 1234567 0.000123"),
            ("{{ 12.5 | unit('per_second') }}", "12.5/s"),
            ("{{ '2026-11-21T09:55:00Z' | ago }}", "5 min ago"),
            ("{{ '2026-11-21T12:00:00Z' | ago }}", "in 2 h"),
            ("{{ 1795236567.9 | time }}", "2026-11-21 04:49:27 UTC"),
            ("{{ 'abcdefgh' | cut(3) }}", "abc… (+5 characters)"),
            ("{{ [1, 2, '3', 'NaN'] | sparkline }}{{ [] | sparkline }}", "▁▅█"),
            ("{{ 'x' | bytes }}", "`{{ 'x' | bytes }}`: invalid operation: expected a number, found `x`"),
        ] {
            assert_eq!(rendered(template), text);
        }
    }

    #[test]
    fn systems_read_their_own_forms() {
        for (template, text) in [
            ("{{ 'PT1H30M' | short_duration }} {{ 'P1D' | short_duration }}", "1h30m 24h"),
            ("{{ 'PT15M' | seconds }}", "900"),
            ("{{ now | plus('PT2H') }}", "2026-11-21T12:00:00Z"),
            ("{{ '<now>' | minus('PT2H') }}", "<now> - PT2H"),
            (r#"{{ {"service": 'a"b\\', "code=~": "5..", "x": y} | selector }}"#, r#"{code=~"5..",service="a\"b\\"}"#),
            (
                r#"{{ {"a b": "c"} | selector }}"#,
                "`{{ {\"a b\": \"c\"} | selector }}`: invalid operation: expected a label, found `a b`",
            ),
            ("{{ 'a\"b' | quoted }}", r#""a\"b""#),
            ("{{ 'a b&c=é/~' | encoded }}", "a%20b%26c%3D%C3%A9%2F~"),
            ("{{ 'user' | basic('password') }}", "Basic dXNlcjpwYXNzd29yZA=="),
        ] {
            assert_eq!(rendered(template), text);
        }
        assert_eq!(["", "f", "fo", "foo"].map(|text| base64(text.as_bytes())), ["", "Zg==", "Zm8=", "Zm9v"]);
    }

    #[test]
    fn a_table_stays_a_table() {
        let table = rendered(r#"{{ rows | table([["mount", "m"], ["size", "s", "bytes"], ["note", "x.y"]]) }}"#);
        assert_eq!(table, "MOUNT     SIZE  NOTE\n/        1 GiB  a b\n/home  1.5 KiB");
    }
}
