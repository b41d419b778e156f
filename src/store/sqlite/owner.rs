//! Who is alive. Several processes may share a store (a chat, and `sayso ask` beside it); each holds a lock on a file of
//! its own beside the store, which the operating system lets go of however the process ends. So a start-up can tell what
//! was left behind from what somebody is still busy with.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::OpenOptions;

/// This process's hold on a store.
pub(super) struct Owner {
    id: String,
    path: PathBuf,
    /// Locked as long as it is open.
    _file: File,
}

impl Owner {
    /// Takes hold under a fresh id.
    pub(super) async fn take(store: &Path) -> io::Result<Self> {
        let id = uuid::Uuid::new_v4().to_string();
        let path = file_of(store, &id);
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.write(true).create_new(true).open(&path).await?.into_std().await;
        file.try_lock()?;
        Ok(Self { id, path, _file: file })
    }

    /// The id under which this process saves.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Lets go: from now on others take this process for gone.
    pub(super) async fn leave(&self) {
        // If it stays, the next start-up removes it.
        let _ = tokio::fs::remove_file(&self.path).await;
    }

    /// Whether other living processes have hold of the store.
    pub(super) async fn others(&self, store: &Path) -> io::Result<bool> {
        let beginning = file_of(store, "").file_name().map(OsStr::to_owned).unwrap_or_default();
        let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut entries = tokio::fs::read_dir(folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name();
            let id = name.to_str().zip(beginning.to_str()).and_then(|(name, beginning)| name.strip_prefix(beginning));
            if let Some(id) = id
                && id != self.id
                && !self.is_gone(store, id).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the process of that id is no more; what it left of its hold is removed.
    pub(super) async fn is_gone(&self, store: &Path, id: &str) -> io::Result<bool> {
        if id == self.id {
            return Ok(false);
        }
        let path = file_of(store, id);
        let file = match OpenOptions::new().write(true).open(&path).await {
            Ok(file) => file.into_std().await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        match tokio::fs::remove_file(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(true),
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // If it stays, the next start-up removes it.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn file_of(store: &Path, id: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(format!("-owner-{id}"));
    name.into()
}
