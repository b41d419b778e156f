//! The names that systems list: read in the background, kept with their age, and remembered over a restart. No message
//! waits for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::error::ActionError;
use super::files::make;
use super::perform::Selected;
use super::plan::Planner;
use super::registry::{Integration, Standing};
use super::scope::Circumstances;
use super::secret::Wanted;
use super::stop::Stop;
use crate::catalogue::manifest::List;
use crate::domain::{Counted, Listed, Tally};

/// The most names that are taken from one list.
const MAX_NAMES: usize = 2_000;
/// The most names that are known of all lists together.
const MAX_ALL: usize = 20_000;
/// The most parts of one list that are asked for.
const MAX_PAGES: usize = 40;
/// How long reading one list may take, all its parts together.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many lists are read at once.
const AT_ONCE: usize = 4;
/// Within this time after the start everything is read for the first time.
const AT_START: Duration = Duration::from_secs(3);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// How long what was read is good for a process that did not read it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// The largest file that is taken for names, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A list, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListState {
    /// The system.
    pub system: String,
    /// The list within it: `services`.
    pub list: String,
    /// How many names it gave.
    pub names: usize,
    /// How many it gave that are no names.
    pub refused: usize,
    /// Whether there are more than are taken.
    pub more: bool,
    /// When it was read; none: never.
    pub read: Option<Timestamp>,
    /// Why it could not be read the last time.
    pub fault: Option<String>,
}

/// What was read of a list.
#[derive(Debug, Clone, Default)]
struct Kept {
    listed: Listed,
    refused: usize,
    more: bool,
    read: Option<Timestamp>,
    fault: Option<String>,
}

/// What is remembered of it.
#[derive(Serialize, Deserialize)]
struct Memory {
    read: Timestamp,
    more: bool,
    names: BTreeMap<String, Vec<String>>,
}

/// A list of an integration.
type Place = (String, String);

/// All lists of the systems that are enabled.
pub struct Lists {
    planner: Arc<Planner>,
    folder: Option<PathBuf>,
    kept: Mutex<BTreeMap<Place, Kept>>,
    room: Semaphore,
    tally: Arc<dyn Tally>,
}

impl Lists {
    /// The lists of a planner's systems. What is remembered in the folder is known at once; without a folder, nothing is
    /// remembered. It reads files, and blocks.
    pub fn new(planner: Arc<Planner>, folder: Option<PathBuf>, tally: Arc<dyn Tally>) -> Self {
        let now = planner.clock.now();
        let kept = lists(&planner).into_iter().map(|(integration, list)| {
            let kept = folder.as_deref().and_then(|folder| remembered(&file(folder, &integration, &list), &list, now));
            ((integration.name().to_owned(), list.name.clone()), kept.unwrap_or_default())
        });
        let kept = Mutex::new(kept.collect());
        Self { planner, folder, kept, room: Semaphore::new(AT_ONCE), tally }
    }

    /// All names that are known now, of as many lists as there is room for.
    pub fn listed(&self) -> Listed {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Listed::default();
        for ((system, list), kept) in kept.iter() {
            if all.len() + kept.listed.len() > MAX_ALL {
                tracing::warn!(system, list, "there is no room for its names beside those of the other lists");
                continue;
            }
            all.extend(&kept.listed);
        }
        all
    }

    /// How each list stands, by system.
    pub fn states(&self) -> Vec<ListState> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |((system, list), kept): (&Place, &Kept)| ListState {
            system: system.clone(),
            list: list.clone(),
            names: kept.listed.len(),
            refused: kept.refused,
            more: kept.more,
            read: kept.read,
            fault: kept.fault.clone(),
        };
        kept.iter().map(state).collect()
    }

    /// Reads all lists once.
    pub async fn read_all(&self) {
        let all = lists(&self.planner);
        join_all(all.iter().map(|(integration, list)| self.renew(integration, list))).await;
    }

    /// Reads the lists again and again, each when it is older than it may become, until it is dropped; tells all names when
    /// some list was read. A list that cannot be read keeps the names it had, and is asked ever more seldom.
    pub async fn keep(&self, tell: impl Fn(Listed)) {
        let all = lists(&self.planner);
        let tell = &tell;
        join_all(all.iter().map(async |(integration, list)| {
            let mut pause = AT_START.mul_f64(rand::random::<f64>());
            let mut failures = 0;
            loop {
                sleep(pause).await;
                if self.renew(integration, list).await {
                    failures = 0;
                    tell(self.listed());
                } else {
                    failures += 1;
                }
                // Not all at once, and not in step with those who list the same.
                pause = pause_after(list.every, failures).mul_f64(0.9 + 0.2 * rand::random::<f64>());
            }
        }))
        .await;
    }

    /// Reads one list; whether that went well.
    async fn renew(&self, integration: &Arc<Integration>, list: &List) -> bool {
        // Nobody closes it.
        let _room = self.room.acquire().await;
        let (system, name) = (integration.name(), list.name.as_str());
        let place = (system.to_owned(), name.to_owned());
        match self.planner.list(integration, list).await {
            Ok(found) => {
                let names = Some(found.listed.len());
                self.tally.count(Counted::Listed { integration: system, list: name, names });
                if let Some(folder) = &self.folder {
                    remember(&file(folder, integration, list), &found, list).await;
                }
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                let before = kept.insert(place, found.clone()).unwrap_or_default();
                if found.more && !before.more {
                    tracing::warn!(
                        system,
                        list = name,
                        taken = found.listed.len(),
                        "there are more names than are taken"
                    );
                }
                if found.refused > before.refused {
                    tracing::warn!(system, list = name, refused = found.refused, "what is listed is partly no names");
                }
                true
            }
            Err(error) => {
                self.tally.count(Counted::Listed { integration: system, list: name, names: None });
                let fault = self.planner.redactor.clean(&error.to_string());
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                let known = kept.entry(place).or_default();
                if known.fault.as_deref() != Some(&fault) {
                    tracing::warn!(system, list = name, %fault, "the names could not be read, and stay as they are");
                }
                known.fault = Some(fault);
                false
            }
        }
    }
}

/// How long to wait after so many failures in a row.
fn pause_after(every: Duration, failures: u32) -> Duration {
    every.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE.max(every))
}

/// The lists of all systems that can be used.
fn lists(planner: &Planner) -> Vec<(Arc<Integration>, List)> {
    let registry = planner.registry();
    let enabled = registry.all().filter(|integration| integration.standing == Standing::Enabled);
    let lists = enabled
        .flat_map(|integration| integration.manifest.lists.iter().map(|list| (Arc::clone(integration), list.clone())));
    lists.collect()
}

impl Planner {
    /// Reads a list: with the credentials of the first role that has any, where they are by role.
    async fn list(&self, integration: &Arc<Integration>, list: &List) -> Result<Kept, ActionError> {
        let integration = integration.usable();
        let stop = Stop::never();
        let reader = self.unasked(&integration, PATIENCE, &stop);
        let limit = reader.limit;
        let now = self.clock.now();
        let reading = async {
            integration.refresh(Wanted::Current, &self.redactor).await?;
            let views = self.views_of(&integration, None, &Circumstances::looking(now));
            let views = views.map_err(|error| reader.unreadable(&error))?;
            let answer = reader.run(&list.step, &views).await?;
            // An answer without the list says nothing about what is there; one with an empty list does.
            let there = self.templates.evaluate(&list.select.items, &views.after(&answer).sent);
            if matches!(there, Ok(None)) && !answer.is_text() {
                let reason = format!("`{}`: expected a list, found nothing", list.select.items.source());
                return Err(ActionError::Unreadable { integration: integration.name().to_owned(), reason });
            }
            reader.select(&list.select, &list.step, &answer, &views, MAX_PAGES).await
        };
        let timed_out = || ActionError::TimedOut { integration: integration.name().to_owned(), limit };
        let Selected { items, unread_after } = timeout(limit, reading).await.map_err(|_| timed_out())??;
        let mut kept = Kept { read: Some(now), more: unread_after.is_some(), ..Kept::default() };
        for item in &items {
            if kept.listed.len() == MAX_NAMES {
                kept.more = true;
                break;
            }
            let aliases: Vec<&str> =
                texts(&item["aliases"]).filter(|alias| !self.redactor.holds_secret(alias)).collect();
            let name = item["name"].as_str().filter(|name| !self.redactor.holds_secret(name));
            if name.is_none_or(|name| kept.listed.add(list.entity, name, &aliases).is_err()) {
                kept.refused += 1;
            }
        }
        Ok(kept)
    }
}

/// The texts of a list, and of the lists in it.
fn texts(value: &Json) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Json::String(text) => Box::new(std::iter::once(text.as_str())),
        Json::Array(items) => Box::new(items.iter().flat_map(texts)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => Box::new(std::iter::empty()),
    }
}

fn file(folder: &Path, integration: &Integration, list: &List) -> PathBuf {
    folder.join(format!("{}.{}.json", integration.name(), list.name))
}

/// What a process before read, if that is not too long ago. The names are as foreign as they were.
fn remembered(path: &Path, list: &List, now: Timestamp) -> Option<Kept> {
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return None;
    }
    let Memory { read, more, names } = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    if read > now || now.duration_since(read) > REMEMBERED {
        return None;
    }
    let mut listed = Listed::default();
    for (name, aliases) in names.iter().take(MAX_NAMES) {
        // What was fit for another type may be unfit for this one.
        let _ = listed.add(list.entity, name, &aliases.iter().map(String::as_str).collect::<Vec<_>>());
    }
    Some(Kept { listed, more, read: Some(read), ..Kept::default() })
}

/// Keeps what was read for a process to come. What fails is told, and no more: it is read again then.
async fn remember(path: &Path, kept: &Kept, list: &List) {
    let Some(read) = kept.read else { return };
    let names = kept.listed.names().get(&list.entity).cloned().unwrap_or_default();
    let memory = Memory { read, more: kept.more, names };
    let path = path.to_owned();
    let written = tokio::task::spawn_blocking(move || {
        make(path.parent().unwrap_or(&path))?;
        // Of this process alone, until it is whole.
        let unfinished = path.with_extension(format!("{}.new", std::process::id()));
        let text = serde_json::to_vec(&memory).map_err(|error| error.to_string())?;
        let written = std::fs::write(&unfinished, text).and_then(|()| std::fs::rename(&unfinished, &path));
        written.map_err(|error| format!("`{}`: {error}", path.display()))
    });
    if let Ok(Err(reason)) = written.await {
        tracing::warn!(reason, "the names that were read could not be kept");
    }
}
