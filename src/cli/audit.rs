//! `sayso audit list|search|verify`: the record, offline.

use std::path::Path;

use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::json;

use super::store::open_store;
use super::{Failure, assembly, print};
use crate::assistant::audit_line;
use crate::audit::{AuditLog, AuditLogError, Entry, Head, Search, verify_log};
use crate::domain::{Actor, Clock as _, IntentName, SystemClock};
use crate::integrations::Redactor;

/// What to do with the record.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommands {
    /// The latest events, oldest first
    List {
        #[command(flatten)]
        shown: Shown,
    },
    /// Events that are about something: everything that is given must hold
    Search(Wanted),
    /// Check that nothing was altered, removed or reordered; exit status 1 if something was
    Verify {
        /// The end of the record as an earlier `verify` told it: tells also when it was cut short or written anew since
        #[arg(long, value_name = "NUMBER:HASH")]
        head: Option<Head>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

/// How much, and in which form.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Shown {
    /// The latest so many
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
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
    /// Who did it: `console:mira`
    #[arg(long, value_name = "PLATFORM:ID", group = "wanted")]
    actor: Option<Actor>,
    /// What was to be done: `service.restart`
    #[arg(long, value_name = "NAME", group = "wanted")]
    intent: Option<IntentName>,
    /// The service that the command names
    #[arg(long, value_name = "NAME", group = "wanted")]
    service: Option<String>,
    /// The environment that the command names
    #[arg(long, value_name = "NAME", group = "wanted")]
    environment: Option<String>,
    /// Not before: a moment (`2026-11-20T12:00:00Z`), or how long ago (`2h`, `3 days`)
    #[arg(long, value_name = "WHEN", value_parser = since, group = "wanted")]
    since: Option<Timestamp>,
    #[command(flatten)]
    shown: Shown,
}

/// A moment, or a time before now.
pub(super) fn since(text: &str) -> Result<Timestamp, String> {
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
    let data = assembly::load(config)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(async {
        let store = open_store(&data.config, &Redactor::default()).await?;
        let done = match what {
            Subcommands::Verify { head, json } => verify(store.as_ref(), head, json).await,
            Subcommands::List { shown } => show(store.as_ref(), Search::default(), &shown).await,
            Subcommands::Search(wanted) => {
                let Wanted { text, actor, intent, service, environment, since, shown } = wanted;
                // The limit is that of what is shown.
                show(store.as_ref(), Search { actor, intent, service, environment, since, text, limit: 0 }, &shown)
                    .await
            }
        };
        store.close().await;
        done.map_err(|error| Failure::of(&error))
    })
}

async fn show(store: &dyn AuditLog, search: Search, shown: &Shown) -> Result<(), AuditLogError> {
    let entries = store.search(&Search { limit: shown.limit, ..search }).await?;
    for entry in entries.iter().rev() {
        if shown.json { print(object(entry)) } else { print(audit_line(entry)) }
    }
    if entries.is_empty() && !shown.json {
        eprintln!("nothing on record");
    }
    Ok(())
}

/// The event's own fields, and its number.
fn object(entry: &Entry) -> serde_json::Value {
    let mut object = json!({ "sequence": entry.sequence });
    // An event is made of texts, numbers and lists.
    if let (Some(object), Ok(serde_json::Value::Object(fields))) =
        (object.as_object_mut(), serde_json::to_value(&entry.event))
    {
        object.extend(fields);
    }
    object
}

async fn verify(store: &dyn AuditLog, known: Option<Head>, as_json: bool) -> Result<(), AuditLogError> {
    let verified = verify_log(store, known).await;
    match &verified {
        Ok(head) if as_json => {
            print(json!({ "whole": true, "events": head.sequence, "head": head.to_string() }));
        }
        Ok(head) => print(format_args!("the audit trail is whole: {} events, head {head}", head.sequence)),
        Err(AuditLogError::Broken(fault)) if as_json => {
            print(json!({ "whole": false, "row": fault.sequence, "fault": fault.what.to_string() }));
        }
        Err(_) => {}
    }
    verified.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_times_ago() {
        assert_eq!(since("2026-11-20T12:00:00Z").unwrap().to_string(), "2026-11-20T12:00:00Z");
        for (text, hours) in [("2h", 2), ("PT90M", 1), ("3 days", 72), ("1 week", 168)] {
            let then = since(text).unwrap();
            let ago = SystemClock.now().duration_since(then);
            assert_eq!(ago.as_hours(), hours, "{text}");
        }
        assert_eq!(
            since("yesterday").unwrap_err(),
            "expected a moment such as `2026-11-20T12:00:00Z` or a time such as `2h`, found `yesterday`"
        );
    }
}
