//! `sayso audit`: the record, offline.

mod exported;
mod heads;
mod pruning;

use std::path::{Path, PathBuf};

use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::json;

use self::exported::Exported;
use super::store::open_store;
use super::{Failure, assembly, print};
use crate::assistant::{accounts, audit_line, entry_json, more_events, receipt, receipt_json};
use crate::audit::{
    AuditLog, AuditLogError, Ending, Head, Named, Receipt, Removal, Search, Verified, examine_log, search_page,
};
use crate::chat::console::actor;
use crate::config::Config;
use crate::domain::{Clock as _, IntentName, SystemClock};
use crate::integrations::Redactor;
use crate::store::Store;

pub(super) use self::heads::Housekeeping;

/// What to do with the record.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommands {
    /// The latest events, oldest first
    List {
        #[command(flatten)]
        shown: Shown,
    },
    /// Events that are about something: everything that is given must hold
    Search(Box<Wanted>),
    /// The receipt of one proposal: what was said and understood, who let it through, what ran, what came back
    Show {
        /// The id of a proposal or of its execution, or the short code that was shown: `k7qm`
        #[arg(value_name = "ID")]
        named: Named,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Check that nothing was altered, removed or reordered; exit status 1 if something was
    Verify(Verify),
    /// The end of the record, to be kept elsewhere
    Head {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Every row with its hashes as one JSON object a line; `verify --file` checks them
    Export {
        /// Not before: a moment (`2026-11-20T12:00:00Z`), or how long ago (`2h`, `3 days`)
        #[arg(long, value_name = "WHEN", value_parser = moment)]
        since: Option<Timestamp>,
    },
    /// Remove the oldest rows, with a row that says so; without `--yes` only tells what would be removed
    ///
    /// What belongs to a proposal that has not come to its end stays, and so does everything after it.
    Prune {
        /// How old they must be: `400 days`; without it, what `[audit] keep_for` says
        #[arg(long, value_name = "TIME", value_parser = moment)]
        older_than: Option<Timestamp>,
        /// Remove them
        #[arg(long)]
        yes: bool,
    },
}

/// How much, and in which form.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Shown {
    /// The latest so many
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
    /// Only rows before this one: where the page before ended
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What to look for.
#[derive(Debug, Clone, clap::Args)]
#[command(
    override_usage = "sayso audit search [OPTIONS] [TEXT]",
    group(clap::ArgGroup::new("wanted").required(true).multiple(true))
)]
pub(super) struct Wanted {
    /// Occurs in what was said, the command, or what came back
    #[arg(group = "wanted")]
    text: Option<String>,
    /// Who did it: a name from `[people]`, or an account (`console:mira`)
    #[arg(long, visible_alias = "actor", value_name = "PERSON", group = "wanted")]
    by: Option<String>,
    /// What was to be done: `service.restart`
    #[arg(long, value_name = "NAME", group = "wanted")]
    intent: Option<IntentName>,
    /// What the command names, whatever for: a service, a host, an environment
    #[arg(long, value_name = "NAME", group = "wanted")]
    target: Option<String>,
    /// The service that the command names
    #[arg(long, value_name = "NAME", group = "wanted")]
    service: Option<String>,
    /// The environment that the command names
    #[arg(long, value_name = "NAME", group = "wanted")]
    environment: Option<String>,
    /// Not before: a moment (`2026-11-20T12:00:00Z`), or how long ago (`2h`, `3 days`)
    #[arg(long, value_name = "WHEN", value_parser = moment, group = "wanted")]
    since: Option<Timestamp>,
    /// Before: the same
    #[arg(long, value_name = "WHEN", value_parser = moment, group = "wanted")]
    until: Option<Timestamp>,
    /// What it came to: succeeded, failed, unknown, cancelled, denied, rejected, expired
    #[arg(long, value_name = "WORD", group = "wanted")]
    outcome: Option<Ending>,
    #[command(flatten)]
    shown: Shown,
}

/// What to check, against what.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Verify {
    /// The end of the record as it was told earlier: tells also when it was cut short or written anew since
    #[arg(long, value_name = "NUMBER:HASH")]
    head: Option<Head>,
    /// The same for every head in a file that `[audit] head_to` wrote
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// Check what `export` wrote, and not the store
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// A moment, or a time before now.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let expected =
        || format!("expected a moment such as `2026-11-20T12:00:00Z` or a time such as `2h`, found `{text}`");
    let span = text.parse::<Span>().map_err(|_| expected())?;
    // A day has 24 hours here.
    let now = SystemClock.now().to_zoned(TimeZone::UTC);
    now.checked_sub(span.abs()).map(|then| then.timestamp()).map_err(|_| expected())
}

/// Runs it.
pub(super) fn run(config: Option<&Path>, what: Subcommands) -> Result<(), Failure> {
    let config = assembly::load(config)?.config;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(async {
        match what {
            Subcommands::Verify(verify) => verify.run(&config).await,
            Subcommands::List { shown } => show(&*open(&config).await?, Search::default(), &shown).await,
            Subcommands::Search(wanted) => {
                let (search, shown) = wanted.search(&config)?;
                show(&*open(&config).await?, search, &shown).await
            }
            Subcommands::Show { named, json } => show_one(&*open(&config).await?, &named, json).await,
            Subcommands::Head { json } => {
                let head = open(&config).await?.head().await.map_err(|error| Failure::of(&error))?;
                if json {
                    print(json!({ "head": head.to_string() }))
                } else {
                    print(head)
                }
                Ok(())
            }
            Subcommands::Export { since } => exported::write(&*open(&config).await?, since).await,
            Subcommands::Prune { older_than, yes } => {
                pruning::run(&*open(&config).await?, config.audit.keep_for, older_than, yes).await
            }
        }
    })
}

/// The store, if there is one: looking for a record makes none.
async fn open(config: &Config) -> Result<std::sync::Arc<dyn Store>, Failure> {
    if let Some(path) = config.store_path().map_err(|error| Failure::of(&error))?
        && matches!(tokio::fs::try_exists(&path).await, Ok(false))
    {
        let missing = format!("there is no record: `{}` does not exist; nothing was ever asked here", path.display());
        return Err(Failure::Said(missing));
    }
    open_store(config, &Redactor::default()).await
}

impl Wanted {
    fn search(self, config: &Config) -> Result<(Search, Shown), Failure> {
        let Self { text, by, intent, target, service, environment, since, until, outcome, shown } = self;
        let by = by.map(|name| {
            accounts(&config.people, &name, actor().platform()).map_err(|_| {
                Failure::Said(format!(
                    "expected a name from `[people]` or an account such as `console:mira`, found `{name}`"
                ))
            })
        });
        let by = by.transpose()?.unwrap_or_default();
        let ending = outcome;
        let search =
            Search { by, intent, service, environment, target, since, until, ending, text, ..Search::default() };
        Ok((search, shown))
    }
}

async fn show(store: &dyn AuditLog, search: Search, shown: &Shown) -> Result<(), Failure> {
    let search = Search { limit: shown.limit, before: shown.before, ..search };
    let page = search_page(store, &search).await.map_err(|error| Failure::of(&error))?;
    if !shown.json {
        more_events(&page).into_iter().for_each(print);
    }
    for entry in page.entries.iter().rev() {
        if shown.json { print(entry_json(entry)) } else { print(audit_line(entry)) }
    }
    if page.entries.is_empty() && !shown.json {
        eprintln!("nothing on record");
    }
    Ok(())
}

async fn show_one(store: &dyn AuditLog, named: &Named, json: bool) -> Result<(), Failure> {
    let receipts = Receipt::find(store, named).await.map_err(|error| Failure::of(&error))?;
    match &receipts[..] {
        [] => Err(Failure::Said("nothing of that name is on record".to_owned())),
        [found] if json => {
            print(receipt_json(found));
            Ok(())
        }
        [found] => {
            print(receipt(found).trim_end());
            Ok(())
        }
        several => {
            let ids: Vec<String> = several.iter().map(|receipt| format!("`{}`", receipt.proposal)).collect();
            Err(Failure::Said(format!("the code names several; say which: {}", ids.join(", "))))
        }
    }
}

impl Verify {
    async fn run(&self, config: &Config) -> Result<(), Failure> {
        let mut known: Vec<Head> = self.head.into_iter().collect();
        if let Some(path) = &self.heads {
            known.extend(heads::read(path)?);
        }
        let verified = match &self.file {
            Some(path) => Exported::verify(path, known)?,
            None => examine_log(&*open(config).await?, known).await,
        };
        match &verified {
            Ok(verified) if self.json => print(proven(verified)),
            Ok(verified) => print(said(verified, self.head.is_some() || self.heads.is_some())),
            Err(AuditLogError::Broken(fault)) if self.json => {
                print(json!({ "whole": false, "row": fault.sequence, "fault": fault.what.to_string() }));
            }
            Err(_) => {}
        }
        verified.map(drop).map_err(|error| Failure::of(&error))
    }
}

fn proven(verified: &Verified) -> serde_json::Value {
    let removed =
        |Removal { last, told, at, by }: &Removal| json!({ "last": last.to_string(), "row": told, "at": at, "by": by });
    json!({
        "whole": true,
        "events": verified.rows(),
        "head": verified.head.to_string(),
        "after": verified.beginning.sequence,
        "removed": verified.removal.as_ref().map(removed),
        "heads": { "agreeing": verified.agreeing, "outdated": verified.outdated },
    })
}

fn said(verified: &Verified, compared: bool) -> String {
    let mut text = format!("the audit trail is whole: {} events, head {}", verified.rows(), verified.head);
    let beginning = verified.beginning.sequence;
    match &verified.removal {
        None if beginning == 0 => {}
        None => text.push_str(&format!("; a part of it, which begins after row {beginning}")),
        Some(Removal { told, at, by, .. }) => {
            let by = by.as_ref().map_or_else(|| "as `[audit] keep_for` says".to_owned(), |by| format!("by {by}"));
            text.push_str(&format!("; the rows up to {beginning} were removed at {at} {by}, see row {told}"));
        }
    }
    if compared {
        text.push_str(&format!("; {} known heads agree", verified.agreeing));
    }
    if verified.outdated > 0 {
        text.push_str(&format!(", {} are of removed rows", verified.outdated));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_times_ago() {
        assert_eq!(moment("2026-11-20T12:00:00Z").unwrap().to_string(), "2026-11-20T12:00:00Z");
        for (text, hours) in [("2h", 2), ("PT90M", 1), ("3 days", 72), ("1 week", 168)] {
            let then = moment(text).unwrap();
            let ago = SystemClock.now().duration_since(then);
            assert_eq!(ago.as_hours(), hours, "{text}");
        }
        assert_eq!(
            moment("yesterday").unwrap_err(),
            "expected a moment such as `2026-11-20T12:00:00Z` or a time such as `2h`, found `yesterday`"
        );
    }
}
