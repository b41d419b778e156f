//! What must hold for any text: what people type, and what maintainers write.
#![allow(clippy::unwrap_used)] // A test that fails may panic.

use std::sync::LazyLock;

use jiff::Timestamp;
use proptest::prelude::*;
use sayso::audit::{AuditEvent, ChainRow, Fact, Head, verify};
use sayso::catalogue::{Catalogue, DataFolders, Manifest};
use sayso::config::Config;
use sayso::domain::{
    Arguments, Command, ValueType, clean, looks_typed, nearest, parse_typed, quote, sanitise, typed_words,
};
use sayso::proposal::{Policy, Roles};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::load(&DataFolders::built_in()).0);

/// Any text, and texts of the signs that mean something somewhere.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z=\"\\\\ \n\t.`>é\u{1b}\u{200b}\u{a0}\\[\\]m;]{0,40}",
        "(service|metric|flag)\\.(restart|query|set)( [a-z]{1,12}=[^ ]{0,8}){0,3}",
    ]
}

/// Texts that are often values of some type.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        " ?-?[0-9]{1,12}(\\.[0-9]{1,3})?%? ?",
        "[Pp]([0-9]{1,4}[WwDd])?(T([0-9]{1,5}[Hh])?([0-9]{1,5}[Mm])?([0-9]{1,6}(\\.[0-9])?[Ss])?)?",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-][01][0-9]:00)",
        "[A-Za-z@/_#][A-Za-z0-9._/@:+#' -]{0,20}",
        "[a-z0-9-]{1,10}(\\.[a-zA-Z0-9-]{1,10}){0,3}\\.?",
        "/[ -~]{0,20}",
        "(true|YES|off|on|low|high|restarted)",
    ]
}

/// A text with a piece replaced.
fn damaged(text: &'static str) -> impl Strategy<Value = String> {
    (0..text.len(), 0..40_usize, "[\\[\\]()<>='\"\\\\\n#:{}|%. a0é,-]{0,6}").prop_map(move |(start, length, piece)| {
        let start = text.floor_char_boundary(start);
        let end = text.floor_char_boundary((start + length).min(text.len()));
        format!("{}{piece}{}", &text[..start], &text[end..])
    })
}

proptest! {
    #[test]
    fn any_line_gets_an_answer(line in text()) {
        looks_typed(&line);
        nearest(&line, ["restart", "checkout", ""].into_iter());
        if let Ok(command) = parse_typed(&line, &CATALOGUE.intents) {
            prop_assert_eq!(parse_typed(&command.to_string(), &CATALOGUE.intents).unwrap(), command);
        }
    }

    #[test]
    fn quoting_is_undone(words in prop::collection::vec(any::<String>(), 0..5)) {
        let line = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
        prop_assert_eq!(typed_words(&line).unwrap(), words);
    }

    #[test]
    fn the_typed_form_says_everything(
        index in any::<prop::sample::Index>(),
        given in prop::collection::vec((any::<prop::sample::Index>(), value()), 1..8),
    ) {
        let intents: Vec<_> = CATALOGUE.intents.iter().collect();
        let intent = index.get(&intents);
        let mut arguments = Arguments::new();
        for (index, text) in given.iter().filter(|_| !intent.parameters.is_empty()) {
            let parameter = index.get(&intent.parameters);
            if let Ok(value) = parameter.parse(text) {
                arguments.insert(parameter.name.clone(), value);
            }
        }
        if let Ok(command) = Command::new(intent, &arguments) {
            prop_assert_eq!(&parse_typed(&command.to_string(), &CATALOGUE.intents).unwrap(), &command);
            prop_assert_eq!(Command::restore(&command.to_json(), &CATALOGUE.intents).unwrap(), command);
        }
    }

    #[test]
    fn a_value_has_one_form(text in value()) {
        // The words of an enumeration are its parameter's.
        for value_type in ValueType::all().filter(|value_type| *value_type != ValueType::Enum) {
            let Ok(value) = value_type.parse(&text) else { continue };
            prop_assert_eq!(&value_type.parse(value.as_str()).unwrap(), &value, "{}", value_type);
            prop_assert_eq!(value.as_duration().is_some(), value_type == ValueType::Duration);
            prop_assert!(!value.as_str().starts_with('-') || value_type == ValueType::Text, "{} `{}`", value_type, value);
            if value_type == ValueType::DateTime {
                let (written, read): (Timestamp, Timestamp) = (text.trim().parse().unwrap(), value.as_str().parse().unwrap());
                prop_assert_eq!(written, read);
            }
        }
    }

    #[test]
    fn what_is_clean_stays_as_it_is(message in text()) {
        let harmless = sanitise(&message);
        prop_assert_eq!(&sanitise(&harmless), &harmless);
        let shown = |c: char| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}');
        prop_assert!(harmless.chars().all(|c| shown(c) || c == '\n' || c == '\t'), "{harmless:?}");
        let cleaned = clean(&message);
        prop_assert_eq!(&clean(&cleaned), &cleaned);
        prop_assert!(cleaned.chars().all(shown) && !cleaned.contains("  "), "{cleaned:?}");
    }

    #[test]
    fn what_is_quoted_is_not_said(before in "[a-z ]{0,9}", quoted in "[a-z ]{1,9}", sign in "[> \u{200b}\u{feff}]{0,3}>") {
        prop_assert_eq!(clean(&format!("{before}\n{sign} {quoted}")), clean(&before));
        prop_assert_eq!(clean(&format!("{before}\n```\n{quoted}\n```")), clean(&before));
    }

    #[test]
    fn no_damage_to_a_manifest_makes_its_reader_fall_over(
        text in prop_oneof![
            damaged(include_str!("../integrations/docker.toml")),
            damaged(include_str!("../integrations/prometheus.toml")),
            damaged(include_str!("../integrations/systemd.toml")),
        ],
    ) {
        let mut faults = Vec::new();
        let lines = text.lines().count() + 1;
        if let Some(manifest) = Manifest::parse("integrations/x.toml", &text, &mut faults) {
            faults.extend(manifest.cross_check(&CATALOGUE.intents, |_| false));
        } else {
            prop_assert!(!faults.is_empty(), "left out without a word");
        }
        prop_assert!(faults.iter().all(|found| found.line.is_none_or(|line| (1..=lines).contains(&line))));
    }

    #[test]
    fn no_damage_to_a_configuration_makes_its_reader_fall_over(text in damaged(include_str!("../sayso.example.toml"))) {
        let lines = text.lines().count() + 1;
        if let Err(faults) = Config::parse("sayso.toml", &text) {
            prop_assert!(!faults.is_empty());
            prop_assert!(faults.iter().all(|found| found.line.is_none_or(|line| (1..=lines).contains(&line))));
        }
    }
}

proptest! {
    // A policy is checked against the whole schema.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_to_a_policy_makes_its_reader_fall_over(text in damaged(include_str!("../policies/default.cedar"))) {
        let lines = text.lines().count() + 1;
        if let Err(faults) = Policy::load(&[("policies/x.cedar".to_owned(), text)], &Roles::default()) {
            prop_assert!(!faults.is_empty());
            prop_assert!(faults.iter().all(|found| (1..=lines).contains(&found.line)));
        }
    }
}

/// A chain whose events say these things.
fn chain(said: &[String]) -> Vec<ChainRow> {
    let mut head = Head::genesis();
    said.iter()
        .map(|said| {
            let event = AuditEvent {
                at: Timestamp::UNIX_EPOCH,
                actor: None,
                conversation: None,
                proposal: None,
                execution: None,
                intent: None,
                command: None,
                digest: None,
                fact: Fact::ProposalDenied { reason: said.clone() },
            };
            let row = ChainRow::following(head, &event).unwrap();
            head = row.head().unwrap();
            row
        })
        .collect()
}

proptest! {
    #[test]
    fn no_alteration_of_the_trail_goes_unseen(
        said in prop::collection::vec(any::<String>(), 1..12),
        at in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        kind in 0..7,
        piece in "[0-9a-f]{64}|.{1,5}",
    ) {
        let rows = chain(&said);
        let head = rows[rows.len() - 1].head().unwrap();
        prop_assert_eq!(verify(&rows, Some(head)), Ok(head));
        let (at, other) = (at.index(rows.len()), other.index(rows.len()));
        let mut altered = rows.clone();
        match kind {
            0 => altered[at].event += &piece,
            1 => altered[at].hash = piece,
            2 => altered[at].previous = piece,
            3 => altered[at].sequence = altered[at].sequence.wrapping_add(other as u64),
            4 => drop(altered.remove(at)),
            5 => altered.swap(at, other),
            _ => altered.insert(at, rows[other].clone()),
        }
        if altered != rows {
            prop_assert!(verify(&altered, Some(head)).is_err());
        }
    }
}
