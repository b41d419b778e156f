//! What keeps the development measure honest: the examples know neither its names nor its lines.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sayso::catalogue::{Catalogue, DataFolders, ExampleKind};
use sayso::config::Config;
use sayso::domain::EntityType;
use sayso::understanding::evaluation::Line;

/// What everybody says to a bot, and so do the examples.
const COMMON: [&str; 2] = ["help", "what can you do"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/utterances")
}

fn lines(file: &str) -> Vec<Line> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Without case and punctuation.
fn plain(text: &str) -> String {
    let words = text.to_lowercase();
    let words: Vec<&str> = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[test]
fn no_example_marks_a_name_of_the_organisation() {
    let organisation = Config::load(&folder().join("organisation.toml")).unwrap();
    let names: BTreeSet<String> = EntityType::ALL
        .into_iter()
        .flat_map(|entity| organisation.entities.canonicals(entity).map(str::to_lowercase).collect::<Vec<_>>())
        .collect();
    assert!(names.len() > 40, "{}", names.len());
    let (catalogue, _) = Catalogue::load(&DataFolders::built_in());
    for example in &catalogue.examples {
        let values = example.annotations.iter().map(|annotation| &annotation.span);
        for span in values.chain(example.names.iter().map(|(span, _)| span)) {
            let name = example.text[span.clone()].to_lowercase();
            assert!(!names.contains(&name), "{}:{}: `{name}`", example.file, example.line);
        }
    }
}

#[test]
fn no_example_is_a_line_of_the_measure() {
    let (catalogue, _) = Catalogue::load(&DataFolders::built_in());
    let examples: BTreeMap<String, String> = catalogue
        .examples
        .iter()
        .map(|example| (plain(&example.text), format!("{}:{}", example.file, example.line)))
        .collect();
    for file in ["commands.jsonl", "none.jsonl", "ask.jsonl"] {
        for line in lines(file) {
            for text in line.texts() {
                let known = examples.get(&plain(text)).filter(|_| !COMMON.contains(&plain(text).as_str()));
                assert_eq!(known, None, "{file}: `{text}`");
            }
        }
    }
}

#[test]
fn there_is_enough_to_measure() {
    let (catalogue, _) = Catalogue::load(&DataFolders::built_in());
    let mut per_intent: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines("commands.jsonl") {
        let intent = line.single.and_then(|expected| expected.intent).unwrap();
        *per_intent.entry(intent).or_default() += 1;
    }
    for intent in catalogue.intents.iter() {
        let name = intent.name.as_str();
        assert!(per_intent.get(name).is_some_and(|count| *count >= 3), "{name}: fewer than 3 lines");
        let of = |kind: &ExampleKind| *kind == ExampleKind::Positive;
        let examples = catalogue.examples.iter().filter(|example| example.intent.as_ref() == Some(&intent.name));
        let count = examples.filter(|example| of(&example.kind)).count();
        assert!(count >= 20, "{name}: {count} examples");
    }
    assert!(lines("none.jsonl").len() >= 150 && lines("ask.jsonl").len() >= 60 && lines("dialogues.jsonl").len() >= 30);
    let none = catalogue.examples.iter().filter(|example| example.kind == ExampleKind::OutOfScope).count();
    assert!(none >= 300, "{none}");
    assert!(catalogue.runbooks.len() >= 15);
}
