//! `sayso eval`: figures over lines that say what is expected, and over public sets.

mod chatter;
mod dataset;
mod lines;
mod report;
mod runbooks;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Failure, assembly, print};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Show every line that was not understood as expected
    #[arg(long)]
    faults: bool,
    /// Write the figures, the calibration, the confusions and their lines to a page for a browser
    #[arg(long, value_name = "FILE.html", requires = "files")]
    report: Option<PathBuf>,
    /// The moment that relative times are read against
    #[arg(long, value_name = "RFC3339", default_value = "2026-11-18T09:00:00Z")]
    now: Timestamp,
    /// Measure learning on a set instead: a table with columns `split`, `intent` and `text`, or JSON lines with these
    ///
    /// Tables are split on tabs alone. The intent `oos` is no intent: such rows are out of scope. JSON lines may have
    /// `entities`, a list of [start, end, slot] in characters.
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    dataset: Option<PathBuf>,
    /// The splits of the set to learn
    #[arg(long, value_name = "SPLIT", value_delimiter = ',', default_value = "train", requires = "dataset")]
    train: Vec<String>,
    /// The splits of the set to measure on
    #[arg(long, value_name = "SPLIT", value_delimiter = ',', default_value = "test", requires = "dataset")]
    test: Vec<String>,
    /// Measure how much chatter becomes a command instead: a table with a column `text`, each message as if for the bot
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "dataset"])]
    chat: Option<PathBuf>,
    /// Read so many messages of the chatter only
    #[arg(long, value_name = "COUNT", requires = "chat")]
    limit: Option<usize>,
    /// Measure how often an alert's text finds its page instead: the folder of the pages
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["files", "dataset", "chat"], requires = "alerts")]
    runbooks: Option<PathBuf>,
    /// A table with columns `summary`, `description` and `page_file`, which is a path in the folder of the pages
    #[arg(long, value_name = "FILE", requires = "runbooks")]
    alerts: Option<PathBuf>,
    /// Files of expected lines; figures are over all of them
    #[arg(required_unless_present_any = ["dataset", "chat", "runbooks"])]
    files: Vec<PathBuf>,
}

/// Runs it.
pub(super) fn run(config: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let data = assembly::load(config)?;
    match (&arguments.dataset, &arguments.chat, &arguments.runbooks, &arguments.alerts) {
        (Some(file), ..) => dataset::run(&data, file, arguments),
        (_, Some(file), ..) => chatter::run(&data, file, arguments),
        (_, _, Some(folder), Some(alerts)) => runbooks::run(&data, folder, alerts, arguments.faults),
        _ => lines::run(&data, arguments),
    }
}

/// A file's text.
fn content(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::Said(format!("{}: {error}", file.display())))
}
