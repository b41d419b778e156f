//! `sayso check`: every data file and the configuration, and, if asked for, a close look at the examples.

use std::fmt::Display;
use std::path::Path;

use super::assembly::{self, Data};
use super::integrations::{Tried, try_out};
use super::{Failure, print};
use crate::catalogue::{Catalogue, DataFolders, Diagnostic, Folder, Severity};
use crate::chat::discord;
use crate::embedding::EmbeddingError;
use crate::integrations::{Trial, files_at};
use crate::understanding::scrutiny::{self, Comparison, Finding, Kind};

/// How many findings of one kind are shown.
const SHOWN: usize = 20;

/// What to check.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Learn from the examples, and tell those that mislead: takes some seconds, and gives warnings only
    #[arg(long)]
    examples: bool,
    /// Make a harmless read of each system that is enabled
    #[arg(long)]
    online: bool,
    /// Tell what the edited examples do to those that were there at a git revision
    ///
    /// Both are learned from. An example that was read right at the revision and is now read as an intent that changes
    /// something is dangerous, whichever intent it is of: exit status 1 if there are more than are tolerated.
    #[arg(long, value_name = "REVISION")]
    against: Option<String>,
    /// How many dangerous examples are tolerated
    #[arg(long, value_name = "COUNT", default_value_t = 0, requires = "against")]
    tolerance: usize,
}

/// Prints every finding; fails on errors.
pub(super) fn run(config: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let (data, mut findings) = assembly::read(config);
    if let Some(data) = data.as_ref().filter(|data| data.config.chat.discord.is_some()) {
        let faults = discord::faults(&data.catalogue.intents).into_iter();
        findings.extend(faults.map(|fault| Diagnostic::error("intents/", fault)));
    }
    findings.iter().for_each(|finding| eprintln!("{finding}"));
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    let Some(data) = data else { return Err(Failure::Told) };
    print(format_args!(
        "{} intents, {} examples, {} runbooks, {} integrations, {} policies: {errors} errors, {warnings} warnings",
        data.catalogue.intents.len(),
        data.catalogue.examples.len(),
        data.catalogue.runbooks.len(),
        data.catalogue.manifests.len(),
        data.catalogue.policies.len(),
    ));
    if errors > 0 {
        return Err(Failure::Told);
    }
    if arguments.online {
        answering(&data)?;
    }
    if arguments.examples || arguments.against.is_some() { closely(&data, arguments) } else { Ok(()) }
}

/// Tells which systems answer; fails if one does not.
fn answering(data: &Data) -> Result<(), Failure> {
    let mut failed = false;
    for Tried { name, trial } in try_out(data)? {
        match trial {
            Trial::Answers(asked) => print(format_args!("{name}: answers `{asked}`")),
            Trial::Untried => print(format_args!("{name}: nothing to try it with")),
            Trial::Fails(why) => {
                eprintln!("error: {name}: {why}");
                failed = true;
            }
        }
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

fn closely(data: &Data, arguments: &Arguments) -> Result<(), Failure> {
    let earlier = arguments.against.as_deref().map(|revision| intents_at(data, revision)).transpose()?;
    let embedder = assembly::embedder(data)?;
    let (catalogue, cache) = (&data.catalogue, assembly::cache());
    let failed = |error: EmbeddingError| Failure::of(&error);
    if arguments.examples {
        let Catalogue { intents, examples, .. } = catalogue;
        let held_out = scrutiny::held_out(intents, examples, &embedder, cache.as_deref()).map_err(failed)?;
        show_findings(&scrutiny::scrutinise(intents, &held_out));
    }
    let Some(earlier) = earlier else { return Ok(()) };
    let comparison = scrutiny::compare(&earlier, catalogue, &embedder, cache.as_deref()).map_err(failed)?;
    show_comparison(&comparison);
    if comparison.dangerous.len() > arguments.tolerance { Err(Failure::Told) } else { Ok(()) }
}

/// The intents of a revision, which must have been free of errors.
fn intents_at(data: &Data, revision: &str) -> Result<Catalogue, Failure> {
    let Folder::Disk(folder) = &data.folders.intents else {
        return Err(Failure::Said("the intents are those built in, and have no revisions".to_owned()));
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    let files = runtime.block_on(files_at(folder, revision)).map_err(|error| Failure::of(&error))?;
    let nothing = Folder::empty;
    let (catalogue, findings) = Catalogue::load(&DataFolders {
        intents: Folder::Given(files),
        runbooks: nothing(),
        integrations: nothing(),
        policies: nothing(),
        models: None,
    });
    match findings.iter().find(|finding| finding.severity == Severity::Error) {
        Some(error) => Err(Failure::Said(format!("the intents at `{revision}` have errors, such as {error}"))),
        None => Ok(catalogue),
    }
}

/// What misleads in the examples, the worst of each kind.
fn show_findings(findings: &[Finding]) {
    for kind in Kind::ALL {
        let of_kind: Vec<_> = findings.iter().filter(|finding| finding.kind == kind).collect();
        show(kind.title(), &of_kind.iter().map(|finding| &finding.diagnostic).collect::<Vec<_>>());
    }
    print(format_args!("\n{} findings in the examples", findings.len()));
}

fn show_comparison(comparison: &Comparison) {
    let Comparison { compared, dangerous, stolen, lost, mended, closer } = comparison;
    show("read right before, and now as an intent that changes something", dangerous);
    show("read right before, and now as another intent that only looks", stolen);
    show("read right before, and now as no command", lost);
    let closer: Vec<_> = closer
        .iter()
        .map(|(a, b, was, is)| {
            format!("`{a}` and `{b}`: taken for each other with {:.1} %, before {:.1} %", 100.0 * is, 100.0 * was)
        })
        .collect();
    show("intents that came closer", &closer);
    print(format_args!(
        "\n{compared} examples compared: {} dangerous, {} stolen, {} lost, {mended} mended",
        dangerous.len(),
        stolen.len(),
        lost.len()
    ));
}

/// The first of a list under a title; nothing of an empty one.
fn show(title: &str, lines: &[impl Display]) {
    if lines.is_empty() {
        return;
    }
    print(format_args!("\n{title}: {}", lines.len()));
    lines.iter().take(SHOWN).for_each(print);
    if lines.len() > SHOWN {
        print(format_args!("… and {} more", lines.len() - SHOWN));
    }
}
