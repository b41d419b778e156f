//! Asking about each line: accept it as an intent's example or as no command, edit, drop, skip.

use super::accept::accept;
use super::gather::{Group, Line};
use super::{heading, percent, quoted, toml};
use crate::chat::console::Lines;
use crate::cli::assembly::Data;
use crate::cli::{Failure, print};
use crate::domain::{IntentName, Intents};
use crate::store::MissLog;

const CHOICES: &str =
    "a number or an intent's name accepts · n no command · e LINE edits · d drops · s or Enter skips · q quits";

/// What to do with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    /// An example of this intent.
    Intent(IntentName),
    /// No command.
    None,
    /// Another line in its place.
    Edit(String),
    /// Never suggest it again.
    Drop,
    /// Another time.
    Skip,
    /// Enough.
    Quit,
}

/// Asks until there are no more lines, or no more answers.
pub(super) async fn review(groups: &[Group], data: &mut Data, store: &dyn MissLog) -> Result<(), Failure> {
    let mut answers = Lines::open("› ", None);
    let (mut accepted, mut dropped) = (0, 0);
    'all: for group in groups {
        print(heading(group));
        for line in &group.lines {
            let mut edited = None;
            present(line, edited.as_deref());
            loop {
                let Some(answer) = answers.next().await else { break 'all };
                let choice = choose(&answer, line, &data.catalogue.intents);
                let told = match choice {
                    Ok(Choice::Quit) => break 'all,
                    Ok(Choice::Skip) => break,
                    Ok(Choice::Drop) => {
                        settle(store, line).await?;
                        dropped += 1;
                        break;
                    }
                    Ok(Choice::Edit(text)) => {
                        edited = Some(text);
                        present(line, edited.as_deref());
                        continue;
                    }
                    Ok(Choice::Intent(intent)) => {
                        let reading = line.readings.iter().find(|reading| reading.intent == intent);
                        let suggested = reading.map_or(&line.text, |reading| &reading.example);
                        accept(data, Some(&intent), edited.as_ref().unwrap_or(suggested))
                    }
                    Ok(Choice::None) => accept(data, None, edited.as_ref().unwrap_or(&line.none)),
                    Err(fault) => {
                        print(fault);
                        continue;
                    }
                };
                match told {
                    Ok(file) => {
                        settle(store, line).await?;
                        accepted += 1;
                        print(format_args!("  written to {file}"));
                        break;
                    }
                    Err(refused) => print(format_args!("  not written: {refused}")),
                }
            }
        }
        print("");
    }
    print(format_args!("{accepted} lines accepted, {dropped} dropped"));
    Ok(())
}

async fn settle(store: &dyn MissLog, line: &Line) -> Result<(), Failure> {
    store.settle(&line.text).await.map_err(|error| Failure::of(&error))
}

/// The line with what can be made of it.
fn present(line: &Line, edited: Option<&str>) {
    print(format_args!("  {}", quoted(line)));
    for (index, reading) in line.readings.iter().enumerate() {
        let likely = reading.probability.map(percent).unwrap_or_default();
        let example = toml(edited.unwrap_or(&reading.example));
        print(format_args!("    {}  {} {likely}  {example}", index + 1, reading.intent));
    }
    print(format_args!("    n  no command  {}", edited.unwrap_or(&line.none)));
    print(format_args!("  {CHOICES}"));
}

fn choose(answer: &str, line: &Line, intents: &Intents) -> Result<Choice, String> {
    let answer = answer.trim();
    let number = answer.parse::<usize>().ok().and_then(|number| line.readings.get(number.checked_sub(1)?));
    match (answer.split_once(' '), number) {
        (_, Some(reading)) => Ok(Choice::Intent(reading.intent.clone())),
        (Some(("e", text)), _) if !text.trim().is_empty() => Ok(Choice::Edit(text.trim().to_owned())),
        _ => match answer {
            "n" => Ok(Choice::None),
            "d" => Ok(Choice::Drop),
            "s" | "" => Ok(Choice::Skip),
            "q" => Ok(Choice::Quit),
            name => match intents.get(name) {
                Some(intent) => Ok(Choice::Intent(intent.name.clone())),
                None => Err(format!("  `{answer}` is no answer: {CHOICES}")),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::super::gather::Reading;
    use super::*;
    use crate::domain::{Effect, Intent};

    #[test]
    fn answers_are_choices() {
        let restart: IntentName = "service.restart".parse().unwrap();
        let intent = Intent {
            name: "host.reboot".parse().unwrap(),
            summary: "Reboot a host".to_owned(),
            effect: Effect::Change,
            parameters: Vec::new(),
            one_of: Vec::new(),
        };
        let intents: Intents = [intent].into_iter().collect();
        let line = Line {
            text: "bounce it".to_owned(),
            times: 1,
            last: Timestamp::UNIX_EPOCH,
            platforms: BTreeSet::new(),
            missed: BTreeSet::new(),
            meant: None,
            readings: vec![Reading { intent: restart.clone(), probability: None, example: "bounce it".to_owned() }],
            none: "bounce it".to_owned(),
        };
        for (answer, choice) in [
            ("1", Choice::Intent(restart)),
            ("host.reboot", Choice::Intent("host.reboot".parse().unwrap())),
            (" n ", Choice::None),
            ("e bounce [web](service)", Choice::Edit("bounce [web](service)".to_owned())),
            ("d", Choice::Drop),
            ("", Choice::Skip),
            ("q", Choice::Quit),
        ] {
            assert_eq!(choose(answer, &line, &intents), Ok(choice), "{answer}");
        }
        for answer in ["0", "2", "e", "x", "host.rebot"] {
            assert!(choose(answer, &line, &intents).unwrap_err().contains(answer));
        }
    }
}
