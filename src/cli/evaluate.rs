//! `sayso eval FILE.jsonl`: figures over lines that say what is expected.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Failure, assembly, print};
use crate::understanding::conversation::replay;
use crate::understanding::evaluation::{Figures, Line};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The moment that relative times are read against
    #[arg(long, value_name = "RFC3339", default_value = "2026-11-18T09:00:00Z")]
    now: Timestamp,
    /// Show every line that was not understood as expected
    #[arg(long)]
    faults: bool,
    /// Files of expected lines; figures are over all of them
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Runs it.
pub(super) fn run(config: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let data = assembly::load(config)?;
    let understander = assembly::understander(&data, &assembly::embedder(&data)?)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    let mut figures = Figures::default();
    for file in &arguments.files {
        let text =
            std::fs::read_to_string(file).map_err(|error| Failure::Said(format!("{}: {error}", file.display())))?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("{}:{}", file.display(), index + 1);
            let line: Line = serde_json::from_str(line).map_err(|error| Failure::Said(format!("{place}: {error}")))?;
            let understood = runtime
                .block_on(replay(&understander, &line.texts(), arguments.now))
                .map_err(|error| Failure::of(&error))?;
            for (expected, seen) in line.expectations().into_iter().zip(&understood) {
                let Some(expected) = expected else {
                    return Err(Failure::Said(format!("{place}: nothing is expected of a turn")));
                };
                figures.add(&place, line.turns.is_some(), expected, seen, understander.intents());
            }
        }
    }
    print(&figures);
    let mut confusions: Vec<_> = figures.confusions.iter().collect();
    confusions.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    if !confusions.is_empty() {
        print("\nconfusions (expected, understood)");
    }
    for ((expected, understood), count) in confusions.iter().take(15) {
        print(format_args!("{count:>4}  {expected}  {understood}"));
    }
    if arguments.faults {
        figures.faults.iter().for_each(print);
    }
    Ok(())
}
