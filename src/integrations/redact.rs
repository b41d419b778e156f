//! The one redactor. Whatever leaves the process (chat, log, audit, error) goes through [`Redactor::clean`].

use std::borrow::Cow;
use std::sync::{LazyLock, PoisonError, RwLock};

use regex::{Captures, Regex, RegexSet};
use serde_json::Value as Json;

use super::filters::base64;
use crate::domain::{Command, Secret, quote, sanitise};

/// What stands in a secret's place.
const MASK: &str = "[redacted]";
/// Shorter texts are no secrets: masking every `ab` hides nothing and spoils everything.
const MIN_SECRET_BYTES: usize = 4;
/// The longest text that leaves, in bytes; what is longer says so at its end.
const MAX_BYTES: usize = 64 * 1024;

/// A form that secrets have, and what is put in its place.
struct Pattern {
    form: Regex,
    replacement: &'static str,
}

/// In this order: an earlier form may hold what a later one would find in part.
static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
        // A private key, also one whose end was cut off.
        (r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)", MASK),
        // Credentials in a URL.
        (r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:?#]*:[^\s/@]+@", "${1}[redacted]@"),
        (r"(?i)\b((?:proxy-)?authorization\s*[:=]\s*)[^\r\n]+", "${1}[redacted]"),
        (r"(?i)\b(bearer\s+)[a-z0-9._~+/-]{8,}=*", "${1}[redacted]"),
        (r"(?i)\b(cookie\s*:\s*)[^\r\n]+", "${1}[redacted]"),
        // AWS access keys; JSON web tokens; GitHub, GitLab, Slack, Google, Stripe, npm, Discord.
        (r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[0-9A-Z]{16}\b", MASK),
        (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?", MASK),
        (r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})", MASK),
        (r"\bxox[a-z]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}", MASK),
        (r"(?i)\bhooks\.slack\.com/services/[^\s\x22'<>]+", "hooks.slack.com/services/[redacted]"),
        (r"\b(?:AIza[0-9A-Za-z_-]{35}|[sr]k_live_[0-9A-Za-z]{16,}|npm_[A-Za-z0-9]{30,})", MASK),
        (r"\b[MNO][A-Za-z0-9_-]{23,}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}", MASK),
        // `password=…`, `"api_key": "…"`, `DB_PASSWORD: …`.
        (
            r#"(?i)((?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)["']?\s*[:=]\s*)(?:"[^"\n]*"?|'[^'\n]*'?|[^\s,;&"']+)"#,
            "${1}[redacted]",
        ),
    ]
    .into_iter()
    .filter_map(|(form, replacement)| Some(Pattern { form: Regex::new(form).ok()?, replacement }))
    .collect()
});

/// All of them at once: most texts hold none.
static ANY: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(PATTERNS.iter().map(|pattern| pattern.form.as_str())).unwrap_or_default());

/// `Basic` and what may be credentials; a word such as `basic authentication` is none.
static BASIC: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)\b(basic\s+)([a-z0-9+/]{8,}={0,2})").ok());

/// What calls everybody, in the writing of the platforms.
static MENTIONS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)@(everyone|here|channel|all|room|team)\b|<([@!#])").ok());

/// Takes secrets, control characters and mass mentions out of texts. Knows the secrets of the configuration, and the
/// forms that others have. One for the whole process.
#[derive(Default)]
pub struct Redactor {
    /// Every form of every known secret, longest first.
    known: RwLock<Vec<String>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(…)")
    }
}

impl Redactor {
    /// Remembers a secret for good. Reloading the configuration does not make an old secret public.
    pub fn learn(&self, secret: &Secret) {
        let text = secret.expose().trim();
        if text.len() < MIN_SECRET_BYTES {
            return;
        }
        let quoted = serde_json::Value::from(text).to_string();
        let percent: String = text.bytes().map(percent_encoded).collect();
        let encoded = base64(text.as_bytes());
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Texts are cleaned of control characters first: of a secret with line ends of Windows, that is all one can see.
        let seen = sanitise(text);
        for form in [text, &seen, &quoted[1..quoted.len() - 1], &percent, encoded.trim_end_matches('=')] {
            if form.len() >= MIN_SECRET_BYTES && !known.iter().any(|old| old == form) {
                known.push(form.to_owned());
            }
        }
        known.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// The text as it may leave: control characters and secrets are gone, mass mentions call nobody, and it is not
    /// longer than 64 KiB. What was left out is said.
    pub fn clean(&self, text: &str) -> String {
        let mut text = sanitise(text);
        for form in self.known.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), MASK);
            }
        }
        let patterns = if ANY.is_match(&text) { &PATTERNS[..] } else { &[] };
        for Pattern { form, replacement } in patterns {
            if let Cow::Owned(replaced) = form.replace_all(&text, *replacement) {
                text = replaced;
            }
        }
        if let Some(basic) = &*BASIC {
            text = basic.replace_all(&text, |found: &Captures<'_>| masked_basic(found)).into_owned();
        }
        if let Some(mentions) = &*MENTIONS {
            text = mentions.replace_all(&text, |found: &Captures<'_>| defused(found)).into_owned();
        }
        // A fence would end the block in which output is shown.
        capped(text.replace("```", "'''"))
    }

    /// A JSON value whose texts are clean, each by itself: what is made of them later, cut or joined, holds no part of a
    /// secret.
    pub fn clean_json(&self, value: &Json) -> Json {
        match value {
            Json::String(text) => self.clean(text).into(),
            Json::Array(items) => items.iter().map(|item| self.clean_json(item)).collect(),
            Json::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), self.clean_json(member)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
        }
    }

    /// A command in its typed form, value by value: a parameter that is called `secret` is none.
    pub fn clean_command(&self, command: &Command) -> String {
        let arguments = command.arguments().iter();
        let typed = arguments.map(|(name, value)| format!(" {name}={}", quote(&self.clean(value.as_str()))));
        std::iter::once(command.intent().to_string()).chain(typed).collect()
    }

    /// Whether a text holds a known secret, or something that has the form of one.
    pub fn holds_secret(&self, text: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        // What masks nothing is none: `[redacted]` in the place of a password has been masked before.
        known.iter().any(|form| text.contains(form.as_str()))
            || PATTERNS.iter().any(|pattern| pattern.form.replace_all(text, pattern.replacement) != text)
            || BASIC
                .as_ref()
                .is_some_and(|basic| basic.replace_all(text, |found: &Captures<'_>| masked_basic(found)) != text)
    }

    /// A text that was cut off, without the fragment of a known secret that may stand at its end.
    pub(super) fn without_fragment<'t>(&self, text: &'t str) -> &'t str {
        &text[..text.len() - self.fragment(text)]
    }

    /// How many bytes at the end of the text are the beginning of a known secret.
    fn fragment(&self, text: &str) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let longest = |form: &String| {
            (1..form.len()).rev().find(|length| form.is_char_boundary(*length) && text.ends_with(&form[..*length]))
        };
        known.iter().filter_map(longest).max().unwrap_or(0)
    }
}

/// A byte as an address holds it, whatever it means there.
pub(super) fn percent_encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

fn masked_basic(found: &Captures<'_>) -> String {
    let credentials = &found[2];
    let is_word = credentials.chars().all(|c| c.is_ascii_lowercase())
        || credentials.chars().skip(1).all(|c| c.is_ascii_lowercase());
    if is_word { found[0].to_owned() } else { format!("{}{MASK}", &found[1]) }
}

/// The full-width sign looks the same, calls nobody, and stays as it is when the text is cleaned again.
fn defused(found: &Captures<'_>) -> String {
    match (found.get(1), found.get(2)) {
        (Some(everybody), _) => format!("＠{}", everybody.as_str()),
        (_, Some(mark)) => format!("‹{}", mark.as_str()),
        (None, None) => found[0].to_owned(),
    }
}

fn capped(text: String) -> String {
    if text.len() <= MAX_BYTES {
        return text;
    }
    // Room for the note, so that a text that was cut once is not cut again.
    let kept = &text[..text.floor_char_boundary(MAX_BYTES - 100)];
    // A whole line, if one ends in the last part.
    let end = kept.rfind('\n').filter(|end| *end > kept.len() / 2).unwrap_or(kept.len());
    format!("{}\n… (cut: {} of {} bytes are shown)", &kept[..end], end, text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_pattern_is_sound() {
        assert_eq!((PATTERNS.len(), ANY.len()), (13, 13));
        assert!(BASIC.is_some() && MENTIONS.is_some());
    }

    #[test]
    fn secrets_are_masked_by_their_form() {
        let redactor = Redactor::default();
        for (text, clean) in [
            ("curl -H 'Authorization: Bearer abcdefgh12345'", "curl -H 'Authorization: [redacted]"),
            ("sent Bearer abc.def-ghi_jkl0== to x", "sent Bearer [redacted] to x"),
            ("Basic dXNlcjpwYXNzd29yZA== sent", "Basic [redacted] sent"),
            ("Basic authentication is on", "Basic authentication is on"),
            ("key AKIAIOSFODNN7EXAMPLE here", "key [redacted] here"),
            ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb", "a\n[redacted]\nb"),
            ("-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted]"),
            ("DB_PASSWORD=hunter2 next", "DB_PASSWORD=[redacted] next"),
            (r#"{"api_key": "x y", "a": 1}"#, r#"{"api_key": [redacted], "a": 1}"#),
            ("max_tokens=100", "max_tokens=100"),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def", "jwt [redacted]"),
            ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[redacted]"),
            ("xoxb-1234567890-abcdef", "[redacted]"),
            ("postgres://app:hunter2@db1/app", "postgres://[redacted]@db1/app"),
            ("https://example.com/a@b:c", "https://example.com/a@b:c"),
        ] {
            assert_eq!(redactor.clean(text), clean);
        }
    }

    #[test]
    fn nobody_is_called_and_nothing_forged() {
        let redactor = Redactor::default();
        assert_eq!(
            redactor.clean("@everyone <!channel> <@&123> a@here.com"),
            "＠everyone ‹!channel> ‹@&123> a＠here.com"
        );
        assert_eq!(redactor.clean("\u{1b}[31mred\u{1b}[0m ```\nfake card\n```"), "red '''\nfake card\n'''");
    }

    #[test]
    fn a_known_secret_is_masked_in_every_form() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("p@ss \"wörd\"".to_owned()));
        for text in ["p@ss \"wörd\"", "p@ss \\\"wörd\\\"", "p%40ss%20%22w%C3%B6rd%22", "cEBzcyAid8O2cmQi"] {
            assert_eq!(redactor.clean(&format!("a {text} b")), "a [redacted] b", "{text}");
        }
        redactor.learn(&Secret::new("first\r\nsecond".to_owned()));
        assert_eq!(redactor.clean("a first\r\nsecond b"), "a [redacted] b");
        assert_eq!(redactor.without_fragment("value p@ss \"w"), "value ");
        assert_eq!(redactor.clean("p@ss"), "p@ss");
    }

    #[test]
    fn long_texts_say_that_they_were_cut() {
        let text = "line\n".repeat(50_000);
        let clean = Redactor::default().clean(&text);
        assert!(clean.len() <= MAX_BYTES);
        assert!(clean.ends_with("line\n… (cut: 65434 of 250000 bytes are shown)"), "{}", &clean[clean.len() - 60..]);
    }

    proptest! {
        #[test]
        fn no_known_secret_gets_out(
            secret in "[ -~]{4,40}", before in ".{0,60}", after in ".{0,60}", times in 1_usize..4
        ) {
            let secret = secret.trim();
            prop_assume!(secret.len() >= MIN_SECRET_BYTES && !MASK.contains(secret));
            let redactor = Redactor::default();
            redactor.learn(&Secret::new(secret.to_owned()));
            let text = format!("{before}{}{after}", secret.repeat(times));
            let clean = redactor.clean(&text);
            prop_assert!(!clean.contains(secret), "{clean:?}");
        }

        #[test]
        fn cleaning_again_changes_nothing(text in "(?s).{0,200}|([a-z]+(://|=|: ?|@|basic |token=|bearer )?){0,8}") {
            let redactor = Redactor::default();
            let once = redactor.clean(&text);
            prop_assert_eq!(redactor.clean(&once), once);
        }
    }
}
