//! `sayso eval --chat FILE`: messages that were for somebody else, as if they had been for the bot.

use std::path::Path;

use super::{Arguments, Failure, assembly, content, print};
use crate::cli::assembly::Data;
use crate::understanding::conversation::replay;
use crate::understanding::evaluation::{Chatter, Table, TableError};

/// Reads the messages, each in a conversation of its own.
pub(super) fn run(data: &Data, file: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let failed = |error: TableError| Failure::Said(format!("{}: {error}", file.display()));
    let text = content(file)?;
    let table = Table::read(&text).map_err(failed)?;
    let column = table.column("text").map_err(failed)?;
    let understander = assembly::understander(data, &assembly::embedder(data)?)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    let mut chatter = Chatter::default();
    let mut commands = Vec::new();
    for (line, cells) in table.rows.iter().take(arguments.limit.unwrap_or(usize::MAX)) {
        let understood = runtime
            .block_on(replay(&understander, &[cells[column]], arguments.now))
            .map_err(|error| Failure::of(&error))?;
        for understood in understood {
            if chatter.add(&understood, understander.intents()) {
                let intent = understood.intent.as_ref().map_or("", |name| name.as_str());
                let place = format!("{}:{line}", file.display());
                commands.push(format!("{place}: {}\n    got {intent} ({:.2})", understood.text, understood.confidence));
            }
        }
    }
    print(chatter);
    if arguments.faults {
        commands.iter().for_each(print);
    }
    Ok(())
}
