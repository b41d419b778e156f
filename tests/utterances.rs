//! What keeps the measures honest: the examples know neither their names nor their lines.
//!
//! Each folder of `tests/utterances` is an organisation with the messages of its people, written by somebody who had seen
//! the catalogue and nothing else. Of `fintech` and `newsroom` we look at the figures alone; the others are for development.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sayso::catalogue::{Catalogue, DataFolders, ExampleKind};
use sayso::config::Config;
use sayso::domain::EntityType;
use sayso::understanding::evaluation::Line;

/// What everybody says to a bot, and so do the examples.
const COMMON: [&str; 2] = ["help", "what can you do"];

/// Names that half of all organisations have.
const EVERYWHERE: [&str; 8] = ["dev", "live", "preprod", "prod", "production", "sandbox", "staging", "uat"];

const ORGANISATIONS: [&str; 6] = ["airline", "fintech", "games", "harbour", "hospital", "newsroom"];
const FILES: [&str; 4] = ["commands.jsonl", "none.jsonl", "ask.jsonl", "dialogues.jsonl"];

fn folder(organisation: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/utterances").join(organisation)
}

fn lines(organisation: &str, file: &str) -> Vec<Line> {
    let text = std::fs::read_to_string(folder(organisation).join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Without case and punctuation.
fn plain(text: &str) -> String {
    let words = text.to_lowercase();
    let words: Vec<&str> = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[test]
fn no_example_marks_a_name_of_an_organisation() {
    let (catalogue, _) = Catalogue::load(&DataFolders::built_in());
    for organisation in ORGANISATIONS {
        let config = Config::load(&folder(organisation).join("organisation.toml")).unwrap();
        let names: BTreeSet<String> = EntityType::ALL
            .into_iter()
            .flat_map(|entity| config.entities.canonicals(entity).map(str::to_lowercase).collect::<Vec<_>>())
            .filter(|name| !EVERYWHERE.contains(&name.as_str()))
            .collect();
        assert!(names.len() > 40, "{organisation}: {}", names.len());
        for example in &catalogue.examples {
            let values = example.annotations.iter().map(|annotation| &annotation.span);
            for span in values.chain(example.names.iter().map(|(span, _)| span)) {
                let name = example.text[span.clone()].to_lowercase();
                assert!(!names.contains(&name), "{organisation}: {}:{}: `{name}`", example.file, example.line);
            }
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
    for organisation in ORGANISATIONS {
        for file in FILES {
            for line in lines(organisation, file).into_iter().filter(|line| line.texts().len() == 1) {
                for text in line.texts() {
                    let known = examples.get(&plain(text)).filter(|_| !COMMON.contains(&plain(text).as_str()));
                    assert_eq!(known, None, "{organisation}/{file}: `{text}`");
                }
            }
        }
    }
}

#[test]
fn there_is_enough_to_measure() {
    let (catalogue, _) = Catalogue::load(&DataFolders::built_in());
    let count = |file: &str| ORGANISATIONS.iter().map(|organisation| lines(organisation, file).len()).sum::<usize>();
    for organisation in ORGANISATIONS {
        let mut per_intent: BTreeMap<String, usize> = BTreeMap::new();
        for line in lines(organisation, "commands.jsonl") {
            let intent = line.single.and_then(|expected| expected.intent).unwrap();
            *per_intent.entry(intent).or_default() += 1;
        }
        for intent in catalogue.intents.iter() {
            let name = intent.name.as_str();
            assert!(
                per_intent.get(name).is_some_and(|count| *count >= 2),
                "{organisation}: {name}: fewer than 2 lines"
            );
        }
    }
    assert!(count("commands.jsonl") + count("none.jsonl") + count("ask.jsonl") >= 1200);
    assert!(count("none.jsonl") >= 450 && count("dialogues.jsonl") >= 100);
    for intent in catalogue.intents.iter() {
        let of = |kind: &ExampleKind| *kind == ExampleKind::Positive;
        let examples = catalogue.examples.iter().filter(|example| example.intent.as_ref() == Some(&intent.name));
        let count = examples.filter(|example| of(&example.kind)).count();
        assert!(count >= 20, "{}: {count} examples", intent.name);
    }
    let none = catalogue.examples.iter().filter(|example| example.kind == ExampleKind::OutOfScope).count();
    assert!(none >= 300, "{none}");
    assert!(catalogue.runbooks.len() >= 15);
}
