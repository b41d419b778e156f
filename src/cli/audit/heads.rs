//! What a running program does for its record: tells the head to somewhere else, and removes what is too old.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::pruning;
use crate::audit::{AuditLog, Head};
use crate::cli::assembly::Running;
use crate::cli::{Failure, print};
use crate::config;
use crate::domain::{Clock, Secret};
use crate::integrations::{Post, Surroundings};
use crate::store::Store;

/// How long telling may take.
const TELLING: Duration = Duration::from_secs(10);
/// How often it is looked whether something is too old.
const DAY: Duration = Duration::from_hours(24);
/// The size at which a file of heads is put aside under the name with `.1`, in the place of the one that was: about a
/// hundred thousand heads.
const FULL: u64 = 8 * 1024 * 1024;

/// The task that does it.
pub(in crate::cli) struct Housekeeping {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Where heads go.
enum Place {
    Stdout,
    File(PathBuf),
    Address(Box<Post>),
}

impl Housekeeping {
    /// Begins, with a look at everything. A place that cannot be used at all is a fault of the configuration.
    pub(in crate::cli) fn start(configured: config::Audit, running: &Running) -> Result<Self, Failure> {
        let config::Audit { head_to, head_every, head_token, keep_for } = configured;
        let place = match head_to {
            None => None,
            Some(config::HeadTo::Stdout) => Some(Place::Stdout),
            Some(config::HeadTo::File(path)) => Some(Place::File(path)),
            Some(config::HeadTo::Url(url)) => {
                let redactor = Arc::clone(&running.assistant.parts().redactor);
                let token = head_token.map(|variable| token(&variable)).transpose()?;
                Some(Place::Address(Box::new(Post::new(&url, token, redactor).map_err(|error| Failure::of(&error))?)))
            }
        };
        let keeper = Keeper { store: Arc::clone(&running.store), clock: Arc::clone(&running.clock), place, told: None };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(keeper.run(head_every, keep_for, stopped));
        Ok(Self { stop, task })
    }

    /// Tells the last head, and ends.
    pub(in crate::cli) async fn finish(self) {
        // It may have ended by itself.
        let _ = self.stop.send(());
        let mut task = self.task;
        if timeout(2 * TELLING, &mut task).await.is_err() {
            task.abort();
        }
    }
}

fn token(variable: &str) -> Result<Secret, Failure> {
    let lacking = |reason: String| Failure::Said(format!("`audit.head_token` cannot be used: {reason}"));
    let secret = Surroundings::here().secret(variable).map_err(lacking)?;
    secret.ok_or_else(|| lacking(format!("`{variable}` is not set")))
}

struct Keeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    place: Option<Place>,
    /// The last head that arrived.
    told: Option<Head>,
}

impl Keeper {
    async fn run(mut self, every: Duration, keep_for: Option<Duration>, mut stopped: oneshot::Receiver<()>) {
        let (mut heads, mut days) = (interval(every), interval(DAY));
        // After a pause of the machine, one is enough.
        heads.set_missed_tick_behavior(MissedTickBehavior::Delay);
        days.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                _ = days.tick() => {
                    if let Some(keep_for) = keep_for {
                        self.remove_old(keep_for).await;
                    }
                }
                _ = heads.tick() => self.tell_head().await,
            }
        }
        self.tell_head().await;
    }

    async fn remove_old(&self, keep_for: Duration) {
        if let Err(error) = pruning::by_itself(self.store.as_ref(), keep_for, self.clock.now()).await {
            tracing::warn!(%error, "the oldest of the record could not be removed");
        }
    }

    /// Tells the head if it is another one. What did not arrive is told with the next.
    async fn tell_head(&mut self) {
        let Some(place) = &self.place else { return };
        match timeout(TELLING, told(self.store.as_ref(), self.clock.as_ref(), place, self.told)).await {
            Ok(Ok(head)) => self.told = Some(head),
            Ok(Err(reason)) => tracing::warn!(reason, "the head of the record could not be told"),
            Err(_) => tracing::warn!("the head of the record could not be told in time"),
        }
    }
}

async fn told(store: &dyn AuditLog, clock: &dyn Clock, place: &Place, before: Option<Head>) -> Result<Head, String> {
    let head = store.head().await.map_err(|error| error.to_string())?;
    if before == Some(head) {
        return Ok(head);
    }
    let line = format!("{} {head}", clock.now());
    match place {
        Place::Stdout => print(format_args!("audit head {line}")),
        Place::File(path) => append(path, &line).await.map_err(|error| format!("`{}`: {error}", path.display()))?,
        Place::Address(post) => {
            let note = json!({ "at": clock.now(), "head": head.to_string() });
            post.send(&note, TELLING).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(head)
}

/// One line at the end of a file, on the disk when this returns.
async fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    let mut file = options.open(path).await?;
    if file.metadata().await?.len() > FULL {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".1");
        tokio::fs::rename(path, aside).await?;
        file = options.open(path).await?;
    }
    file.write_all(format!("{line}\n").as_bytes()).await?;
    file.flush().await?;
    file.sync_data().await
}

/// The heads of a file: the last word of each line.
pub(super) fn read(path: &Path) -> Result<Vec<Head>, Failure> {
    let unreadable = |reason: String| Failure::Said(format!("`{}` cannot be read: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let head = line.split_whitespace().next_back().unwrap_or_default();
            head.parse().map_err(|error| unreadable(format!("line {}: {error}", number + 1)))
        })
        .collect()
}
