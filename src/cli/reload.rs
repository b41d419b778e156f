//! Live reload: `intents/` and `runbooks/` on disk are looked at every second, and an edit without errors counts from the
//! next turn on. The encoder stays; what it has encoded is kept, so only new lines cost more than a glance.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::assembly::{self, Data};
use crate::assistant::{Assistant, Knowledge};
use crate::catalogue::{DataFolders, Diagnostic, Folder, Manifest, Severity};
use crate::config::Config;
use crate::domain::ConversationId;
use crate::embedding::Embedder;

/// How often the folders are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How long files must look the same before they are read: an editor writes in several steps.
const SETTLED: Duration = Duration::from_millis(100);

/// What the files of `intents/` and `runbooks/` look like from outside: when each was last written, and how long it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stamps(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

impl Stamps {
    /// As they are now; nothing of what is built in. Blocking, for as long as it takes to look at each file.
    pub(super) fn of(folders: &DataFolders) -> Self {
        let mut stamps = Self::default();
        for folder in [&folders.intents, &folders.runbooks] {
            if let Folder::Disk(path) = folder {
                stamps.add(path);
            }
        }
        stamps
    }

    fn add(&mut self, folder: &Path) {
        // What cannot be looked at is told when it is read.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            // Links to folders are not followed, links to files are.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.add(&path);
            } else if let Ok(metadata) = std::fs::metadata(&path) {
                self.0.insert(path, (metadata.modified().ok(), metadata.len()));
            }
        }
    }
}

/// What it takes to read the data again.
pub(super) struct Reload {
    config: Config,
    folders: DataFolders,
    /// Those in use, which an edited intent has to fit.
    manifests: Vec<Manifest>,
    embedder: Embedder,
    seen: Stamps,
}

impl Reload {
    /// For data that was read just now.
    pub(super) fn new(data: &Data, embedder: Embedder) -> Self {
        Self {
            config: data.config.clone(),
            folders: data.folders.clone(),
            manifests: data.catalogue.manifests.clone(),
            embedder,
            seen: data.seen.clone(),
        }
    }

    /// Looks, reads and replaces, until it is aborted; what becomes of an edit is told to a conversation.
    pub(super) async fn watch(self, assistant: Arc<Assistant>, told: ConversationId) {
        let DataFolders { intents, runbooks, .. } = &self.folders;
        if !matches!((intents, runbooks), (Folder::Disk(_), _) | (_, Folder::Disk(_))) {
            return;
        }
        let this = Arc::new(self);
        let mut seen = this.seen.clone();
        loop {
            tokio::time::sleep(EVERY).await;
            let mut now = this.stamps().await;
            if now == seen {
                continue;
            }
            loop {
                tokio::time::sleep(SETTLED).await;
                let later = this.stamps().await;
                if later == now {
                    break;
                }
                now = later;
            }
            seen = now;
            let loading = Arc::clone(&this);
            match tokio::task::spawn_blocking(move || loading.load()).await {
                Ok(Ok(knowledge)) => assistant.learn(knowledge, &told).await,
                Ok(Err(findings)) => assistant.refuse(&findings, &told).await,
                Err(panic) => tracing::error!(%panic, "the edited data could not be loaded"),
            }
        }
    }

    async fn stamps(self: &Arc<Self>) -> Stamps {
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || Stamps::of(&this.folders)).await.unwrap_or_default()
    }

    /// Everything anew, or why not.
    fn load(&self) -> Result<Knowledge, Vec<Diagnostic>> {
        let faulty = |findings: &[Diagnostic]| findings.iter().any(|finding| finding.severity == Severity::Error);
        let (catalogue, findings) = assembly::read_folders(&self.config, &self.folders);
        if faulty(&findings) {
            return Err(findings);
        }
        let in_use = self.manifests.iter().flat_map(|manifest| manifest.cross_check(&catalogue.intents, |_| false));
        let findings: Vec<_> = in_use.collect();
        if faulty(&findings) {
            return Err(findings);
        }
        match assembly::learn(&self.config, &catalogue, &self.embedder) {
            Ok(understander) => Ok(Knowledge { understander, runbooks: catalogue.runbooks.into() }),
            Err(error) => Err(vec![Diagnostic::error("intents", error.to_string())]),
        }
    }
}
