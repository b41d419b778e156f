//! Values recognised by their shape: versions and hashes, domains, paths, ticket and incident keys, truth values.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, Word};
use crate::domain::ValueType;

/// A constant pattern: that it compiles is shown by the first test that reads any text.
#[allow(clippy::expect_used)]
fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("constant pattern")
}

static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(v\d+(\.\d+)*([-+._]?[a-z0-9]+)*|\d+(\.\d+)+([-+._][a-z0-9]+|rc\d+|[ab]\d+)*|r\d{2,}|build[-_.]?\d+|release[-/]\d[\w.]*)$",
    )
});
static HASH: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^[0-9a-f]{7,40}$"));
static DOMAIN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^(https?://)?((\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)+[a-z][a-z0-9-]+)\.?(:\d+)?(/\S*)?$")
});
static KEY: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^[a-z][a-z0-9_]*-\d+$"));
static BARE_KEY: LazyLock<Regex> = LazyLock::new(|| pattern(r"^#\d+$"));

/// Everything with a shape of its own.
pub(super) fn shapes(text: &str, words: &[Word]) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let written = &text[word.span.clone()];
        // "2.13.0..2.14.0": from one to the other.
        let (one, other) =
            written.split_once("..").map_or(("", ""), |(one, other)| (one, other.trim_start_matches('.')));
        if VERSION.is_match(one) && VERSION.is_match(other) {
            for part in [word.span.start..word.span.start + one.len(), word.span.end - other.len()..word.span.end] {
                found.extend(Found::new(part.clone(), ValueType::Version, &text[part], true));
            }
            continue;
        }
        let mut push = |value_type: ValueType, canonical: &str, certain: bool| {
            found.extend(Found::new(word.span.clone(), value_type, canonical, certain));
        };
        let is_hash = HASH.is_match(written)
            && written.contains(|c: char| c.is_ascii_digit())
            && written.contains(|c: char| c.is_ascii_alphabetic());
        if VERSION.is_match(written) || is_hash {
            push(ValueType::Version, written, true);
        } else if matches!(word.lower.as_str(), "latest" | "previous" | "newest") {
            let canonical = if word.lower == "previous" { "previous" } else { "latest" };
            push(ValueType::Version, canonical, false);
        } else if written.chars().all(|c| c.is_ascii_digit()) && index > 0 {
            let after = words[index - 1].lower.as_str();
            if matches!(after, "version" | "release" | "v" | "rev" | "revision" | "build") {
                push(ValueType::Version, written, false);
            }
        }
        if let Some(parts) = DOMAIN.captures(written)
            && let Some(domain) = parts.get(2)
        {
            push(ValueType::Domain, domain.as_str(), parts.get(1).is_some());
        }
        if written.starts_with('/') {
            push(ValueType::Path, written, true);
        }
        if KEY.is_match(written) {
            push(ValueType::Ticket, written, false);
            push(ValueType::Incident, written, false);
        }
        if BARE_KEY.is_match(written) {
            push(ValueType::Ticket, written, false);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understanding::words::words;

    #[test]
    fn shapes_in_a_sentence() {
        let text = "deploy v2.0.0-rc1 or 1.4.2 or a1b2c3d, see OPS-42 and #7, https://api.example.com/x on /var/log, 2026.11.3";
        let found: Vec<String> = shapes(text, &words(text))
            .into_iter()
            .map(|found| format!("{}={}", found.value.value_type(), found.value))
            .collect();
        for expected in [
            "version=v2.0.0-rc1",
            "version=1.4.2",
            "version=a1b2c3d",
            "version=2026.11.3",
            "ticket=OPS-42",
            "ticket=#7",
            "domain=api.example.com",
            "path=/var/log",
        ] {
            assert!(found.iter().any(|found| found == expected), "{expected} not in {found:?}");
        }
        let range: Vec<String> =
            shapes("diff 4.1.0..v4.2.0", &words("diff 4.1.0..v4.2.0")).iter().map(|f| f.value.to_string()).collect();
        assert_eq!(range, ["4.1.0", "v4.2.0"]);
        assert!(shapes("decade facade deadbee", &words("decade facade deadbee")).is_empty());
    }
}
