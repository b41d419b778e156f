//! `sayso audit prune`, and the same by itself where the configuration says so.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::audit::{PruneError, Pruned, Pruning, Retention, prune};
use crate::chat::console::actor;
use crate::cli::{Failure, print};
use crate::domain::{Clock as _, SystemClock};

/// Says what would go; with `yes`, it goes.
pub(super) async fn run(
    store: &dyn Retention,
    keep_for: Option<Duration>,
    older_than: Option<Timestamp>,
    yes: bool,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let Some(before) = older_than.or_else(|| keep_for.map(|keep_for| earlier(now, keep_for))) else {
        let missing = "how old is old? say `--older-than '400 days'`, or set `keep_for` in `[audit]`".to_owned();
        return Err(Failure::Said(missing));
    };
    let pruning = if yes { Pruning::Meant } else { Pruning::Rehearsed };
    let pruned = prune(store, before, Some(&actor()), now, pruning).await.map_err(|error| Failure::of(&error))?;
    let Some(Pruned { last, rows, proposals }) = pruned else {
        print("nothing is old enough");
        return Ok(());
    };
    let told = format!("{rows} events up to row {} and {proposals} proposals, all from before {before}", last.sequence);
    if yes {
        print(format_args!("removed {told}"));
    } else {
        print(format_args!("{told} would be removed; nothing was, `--yes` removes them"));
    }
    Ok(())
}

/// Removes what the configuration says is too old.
pub(super) async fn by_itself(store: &dyn Retention, keep_for: Duration, now: Timestamp) -> Result<(), PruneError> {
    let pruned = prune(store, earlier(now, keep_for), None, now, Pruning::Meant).await?;
    if let Some(Pruned { last, rows, proposals }) = pruned {
        tracing::info!(rows, proposals, last = last.sequence, "removed the oldest of the record");
    }
    Ok(())
}

/// The moment before which everything is older.
fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}
