//! `sayso suggest`: messages that were not understood or were corrected, in groups, as lines to learn from.

mod accept;
mod gather;
mod review;

use std::io::IsTerminal as _;
use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use self::gather::{Group, LIKELY, Line, Reading, gather};
use super::store::{forget_old, open_store};
use super::{Failure, assembly, audit, print};
use crate::catalogue::Folder;
use crate::domain::{Clock as _, SystemClock};
use crate::integrations::Redactor;
use crate::store::MissKind;

/// What to suggest.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Not before: a moment (`2026-11-20T12:00:00Z`), or how long ago (`P30D`, `2 weeks`)
    #[arg(long, value_name = "WHEN", value_parser = audit::moment)]
    since: Option<Timestamp>,
    /// The largest so many groups
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
    /// One JSON object a group
    #[arg(long)]
    json: bool,
    /// Ask about each line also where there is no terminal: answers are lines of standard input
    #[arg(long, conflicts_with = "json")]
    review: bool,
    /// Delete all that was kept, and nothing else
    #[arg(long, conflicts_with_all = ["since", "limit", "json", "review"])]
    forget: bool,
}

/// Runs it.
pub(super) fn run(config: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let mut data = assembly::load(config)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    let now = SystemClock.now();
    let store = runtime.block_on(open_store(&data.config, &Redactor::default()))?;
    if arguments.forget {
        let gone = runtime.block_on(store.forget(Timestamp::MAX)).map_err(|error| Failure::of(&error))?;
        print(format_args!("{gone} kept messages deleted"));
        return Ok(());
    }
    let misses = runtime.block_on(async {
        forget_old(&data.config, store.as_ref(), now).await?;
        let since = arguments.since.unwrap_or(Timestamp::MIN);
        store.misses(since).await.map_err(|error| Failure::of(&error))
    })?;
    if !data.config.learning.keep_messages {
        eprintln!("no messages are kept here; `keep_messages = true` in `[learning]` of `sayso.toml` switches it on");
    }
    if misses.is_empty() {
        if data.config.learning.keep_messages {
            eprintln!("nothing to suggest");
        }
        return Ok(());
    }
    let embedder = assembly::embedder(&data)?;
    let understander = assembly::understander(&data, &embedder)?;
    let gathered = runtime.block_on(gather(&misses, &understander, &embedder, now));
    let (mut groups, understood) = gathered.map_err(|error| Failure::of(&error))?;
    if understood > 0 {
        eprintln!("{understood} lines are understood by now, and left out");
    }
    groups.truncate(arguments.limit);
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if arguments.json {
        groups.iter().for_each(|group| print(object(group)));
        return Ok(());
    }
    let on_disk = matches!(data.folders.intents, Folder::Disk(_));
    if !(arguments.review || terminal) || !on_disk {
        groups.iter().for_each(show);
        if !on_disk {
            eprintln!("the intents are those built in: put a folder `intents` beside `sayso.toml` to accept lines");
        }
        return Ok(());
    }
    runtime.block_on(review::review(&groups, &mut data, store.as_ref()))
}

fn show(group: &Group) {
    print(heading(group));
    for line in &group.lines {
        print(format_args!("  {}", quoted(line)));
        let first = line.readings.first().filter(|reading| line.meant.is_some() || reading.is_likely());
        if let Some(Reading { intent, example, .. }) = first {
            print(format_args!("    intents/{intent}.toml  {},", toml(example)));
        }
        print(format_args!("    intents/none.txt  {}", line.none));
    }
    print("");
}

/// How often, when last, how it was understood, and what comes into question.
fn heading(group: &Group) -> String {
    let times = match group.times() {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let mut kinds: Vec<String> = group.lines.iter().flat_map(|line| &line.missed).map(missed).collect();
    kinds.sort();
    kinds.dedup();
    let last = group.last().strftime("%Y-%m-%d");
    let likely = group.intents().into_iter().filter(|(_, p)| *p >= LIKELY);
    let likely: Vec<String> = likely.map(|(name, p)| format!("{name} {}", percent(p))).collect();
    let perhaps = if likely.is_empty() { "no command".to_owned() } else { likely.join(", ") };
    format!("{times}, last on {last}: {}\n  perhaps {perhaps}", kinds.join(", "))
}

fn missed((kind, understood): &gather::Missed) -> String {
    match (kind, understood) {
        (MissKind::None, _) => "not understood".to_owned(),
        (MissKind::Ambiguous, _) => "read in two ways".to_owned(),
        (MissKind::Corrected, Some(intent)) => format!("taken for {intent}"),
        (MissKind::Corrected, None) => "corrected".to_owned(),
    }
}

fn quoted(line: &Line) -> String {
    let meant = line.meant.as_ref().map(|intent| format!("  (then: {intent})")).unwrap_or_default();
    format!("{} × {}{meant}", line.times, line.text)
}

fn percent(probability: f64) -> String {
    format!("{:.0} %", 100.0 * probability)
}

/// As it stands in a TOML file.
fn toml(example: &str) -> toml::Value {
    toml::Value::String(example.to_owned())
}

fn object(group: &Group) -> serde_json::Value {
    let intents = group.intents();
    let intents: Vec<_> = intents.iter().map(|(name, p)| json!({ "intent": name, "probability": p })).collect();
    let lines: Vec<_> = group.lines.iter().map(line_object).collect();
    json!({ "times": group.times(), "last": group.last(), "intents": intents, "lines": lines })
}

fn line_object(line: &Line) -> serde_json::Value {
    let reading = |reading: &Reading| json!({ "intent": reading.intent, "probability": reading.probability, "example": reading.example });
    let missed = |(kind, understood): &gather::Missed| json!({ "kind": kind.as_str(), "understood": understood });
    json!({
        "text": line.text,
        "times": line.times,
        "last": line.last,
        "platforms": line.platforms,
        "missed": line.missed.iter().map(missed).collect::<Vec<_>>(),
        "meant": line.meant,
        "readings": line.readings.iter().map(reading).collect::<Vec<_>>(),
        "none": line.none,
    })
}
