//! What sounds like a command and is none, and what sounds like none and is one: a table for each cue in `tests/cues`,
//! written from the catalogue alone. `stop` must not become a command (`several`: no single one); `go` must.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::harness::Home;

/// The tables, with how many `stop` lines may become a command and how many `go` lines may find silence: what was seen on
/// one processor, and up to four more, since every new example moves the border a little. No line is special-cased.
const TABLES: [(&str, usize, usize); 8] = [
    ("advice", 2, 6),
    ("conditional", 4, 5),
    ("hypothetical", 2, 12),
    ("negated", 4, 8),
    ("past", 3, 4),
    ("quoted", 3, 7),
    ("scheduled", 2, 7),
    ("several", 4, 4),
];

/// A table's lines: whether they must stop, and the text.
fn table(cue: &str) -> Vec<(bool, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cues/{cue}.tsv"));
    let text = std::fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let (expected, text) = line.split_once('\t').unwrap();
        assert!(["stop", "go"].contains(&expected), "{cue}: {line}");
        (expected == "stop", text.to_owned())
    };
    text.lines().skip(1).map(line).collect()
}

#[test]
fn cues_stop_what_they_should_and_nothing_else() {
    let organisation = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cues/organisation.toml");
    let home = Home::bare(&std::fs::read_to_string(organisation).unwrap());
    for (cue, missed, silent) in TABLES {
        let lines = table(cue);
        assert!(lines.len() >= 60, "{cue}: {} lines", lines.len());
        let input: String = lines
            .iter()
            .enumerate()
            .map(|(id, (_, text))| format!("{}\n", json!({"id": id.to_string(), "text": text})))
            .collect();
        let ended = home.run(&["understand", "--jsonl", "--now", "2026-11-18T09:00:00Z"], input);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let (mut became, mut unheard) = (Vec::new(), Vec::new());
        for ((stop, text), output) in lines.iter().zip(ended.out.lines()) {
            let understood: Json = serde_json::from_str(output).unwrap();
            let outcome = understood["outcome"].as_str().unwrap();
            if *stop && outcome == "command" {
                became.push(text);
            } else if !stop && outcome == "none" {
                unheard.push(text);
            }
        }
        assert_eq!(ended.out.lines().count(), lines.len());
        assert!(became.len() <= missed, "{cue}: became commands: {became:#?}");
        assert!(unheard.len() <= silent, "{cue}: were not heard: {unheard:#?}");
    }
}
