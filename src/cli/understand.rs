//! `sayso understand`: what a message means, shown stage by stage or as JSON; nothing runs.

use std::io::{BufRead as _, Write as _};
use std::path::Path;

use jiff::Timestamp;

use super::{Failure, assembly, print};
use crate::assistant::describe;
use crate::understanding::Understanding;
use crate::understanding::conversation::replay;
use crate::understanding::evaluation::Line;

/// What to show.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The moment that relative times are read against; without it, now
    #[arg(long, value_name = "RFC3339")]
    now: Option<Timestamp>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// JSON lines in, JSON lines out: {"id","text"} or {"id","turns":["…","…"]}
    #[arg(long, conflicts_with_all = ["json", "text"])]
    jsonl: bool,
    /// The message
    #[arg(required_unless_present = "jsonl")]
    text: Vec<String>,
}

/// Runs it.
pub(super) fn run(config: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let data = assembly::load(config)?;
    let understander = assembly::understander(&data, &assembly::embedder(&data)?)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    let now = arguments.now.unwrap_or_else(|| crate::domain::Clock::now(&crate::domain::SystemClock));
    let understand = |turns: &[&str]| -> Result<Vec<Understanding>, Failure> {
        runtime.block_on(replay(&understander, turns, now)).map_err(|error| Failure::of(&error))
    };
    if arguments.jsonl {
        return lines(understand);
    }
    let text = arguments.text.join(" ");
    for understanding in understand(&[&text])? {
        if arguments.json {
            print(json(None, &text, &understanding));
        } else {
            print(describe(&understanding).trim_end());
        }
    }
    Ok(())
}

/// Every line of standard input, in order.
fn lines(understand: impl Fn(&[&str]) -> Result<Vec<Understanding>, Failure>) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for (index, read) in std::io::stdin().lock().lines().enumerate() {
        let read = read.map_err(|error| Failure::of(&error))?;
        if read.trim().is_empty() {
            continue;
        }
        let line: Line =
            serde_json::from_str(&read).map_err(|error| Failure::Said(format!("line {}: {error}", index + 1)))?;
        let texts = line.texts();
        let understood = understand(&texts)?;
        let object = if line.turns.is_some() {
            let turns: Vec<_> = texts.iter().zip(&understood).map(|(text, seen)| json(None, text, seen)).collect();
            serde_json::json!({ "id": line.id, "turns": turns })
        } else {
            match (texts.first(), understood.first()) {
                (Some(text), Some(seen)) => json(line.id.clone(), text, seen),
                _ => return Err(Failure::Said(format!("line {}: expected `text` or `turns`", index + 1))),
            }
        };
        writeln!(out, "{object}").map_err(|error| Failure::of(&error))?;
    }
    Ok(())
}

/// The contract's object; the text is the one that came in.
fn json(id: Option<serde_json::Value>, text: &str, seen: &Understanding) -> serde_json::Value {
    let mut object = serde_json::json!({ "id": id, "text": text });
    // An understanding is made of texts, numbers and lists.
    if let (Some(object), Ok(serde_json::Value::Object(mut fields))) =
        (object.as_object_mut(), serde_json::to_value(seen))
    {
        if id_is_null(object) {
            object.shift_remove("id");
        }
        fields.shift_remove("text");
        object.extend(fields);
    }
    object
}

fn id_is_null(object: &serde_json::Map<String, serde_json::Value>) -> bool {
    object.get("id").is_some_and(serde_json::Value::is_null)
}
