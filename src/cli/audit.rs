//! `sayso audit list|search|verify`: the record, offline.

use std::path::Path;

use super::{Failure, assembly};
use crate::assistant::audit_line;
use crate::audit::{AuditLog as _, Search, verify_log};

/// What to do with the record.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommands {
    /// The latest events
    List {
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Events in which a text occurs: in what was said, the command, or what came back
    Search {
        /// The text
        text: String,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Check that nothing was altered, removed or reordered
    Verify,
}

/// Runs it.
pub(super) fn run(config: Option<&Path>, what: Subcommands) -> Result<(), Failure> {
    let data = assembly::load(config)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(async {
        let store = assembly::store(&data.config).await?;
        let search = match what {
            Subcommands::Verify => {
                let head = verify_log(store.as_ref(), None).await.map_err(|error| Failure::of(&error))?;
                println!("the audit trail is whole: {head}");
                return Ok(());
            }
            Subcommands::List { limit } => Search { limit, ..Search::default() },
            Subcommands::Search { text, limit } => Search { text: Some(text), limit, ..Search::default() },
        };
        let entries = store.search(&search).await.map_err(|error| Failure::of(&error))?;
        for entry in entries.iter().rev() {
            println!("{}", audit_line(entry));
        }
        Ok(())
    })
}
