//! Why the store cannot be used, and what to do about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::MigrateError;

use super::PostgresError;
use crate::audit::{AuditLogError, LedgerError};
use crate::domain::IncidentError;
use crate::proposal::ProposalStoreError;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its folder or file cannot be made.
    #[error("the store `{path}` cannot be created; make its folder writable for this user, or name another path")]
    Create {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It is no file, or may not be read.
    #[error(
        "the store `{path}` cannot be opened; it must be a file that this user may read and write, in a folder that they may write to"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// It was there.
    #[error("the store `{path}` is not there any more; stop Sayso before you move it")]
    Gone {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Somebody else holds it.
    #[error("the store `{path}` has been locked for more than {} ms; stop the other process that uses it, or wait until it is done", .waited.as_millis())]
    Locked {
        /// The file.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// It can be read only.
    #[error("the store `{path}` is read-only; make the file and its folder writable for this user")]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// No space is left.
    #[error("the disk that holds the store `{path}` is full; free some space")]
    Full {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// It is something else than a store of ours.
    #[error("`{path}` is not a store of Sayso; name another path, or move the file away")]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// Its content is broken.
    #[error("the store `{path}` is damaged; keep the file, and go back to a backup or start with a new one")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A later version has written it.
    #[error("the store `{path}` was written by a newer Sayso (schema {found}, this one knows {known}); use that one")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The latest schema that this build knows.
        known: i64,
    },
    /// Its schema is neither old nor new, but another.
    #[error("the store `{path}` has another schema {version} than this Sayso; use the one that wrote it")]
    OtherSchema {
        /// The file.
        path: PathBuf,
        /// The number of the schema.
        version: i64,
    },
    /// It is one in PostgreSQL, where other things can be wrong.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// Anything else.
    #[error("the store `{path}` failed")]
    Failed {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// What an error of the driver means for people. `waited` is the patience with locks.
    pub(super) fn of(path: &Path, waited: Duration, source: sqlx::Error) -> Self {
        // The primary result code is the low byte of the extended one: https://www.sqlite.org/rescode.html
        let code = match &source {
            sqlx::Error::Database(error) => {
                error.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff)
            }
            _ => None,
        };
        let path = path.to_owned();
        match (code, source) {
            (Some(5 | 6), source) | (_, source @ sqlx::Error::PoolTimedOut) => Self::Locked { path, waited, source },
            (Some(8), source) => Self::ReadOnly { path, source },
            (Some(11), source) => Self::Damaged { path, source: source.into() },
            (Some(13), source) => Self::Full { path, source },
            (Some(14), source) => Self::Open { path, source },
            (Some(26), _) => Self::NotAStore { path },
            (_, source) => Self::Failed { path, source: source.into() },
        }
    }

    /// What an error of the migrations means for people; `known` is the latest schema.
    pub(super) fn of_migration(path: &Path, waited: Duration, known: i64, source: MigrateError) -> Self {
        match source {
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => Self::of(path, waited, source),
            MigrateError::VersionMissing(found) if found > known => Self::Newer { path: path.to_owned(), found, known },
            MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
                Self::OtherSchema { path: path.to_owned(), version }
            }
            source => Self::Failed { path: path.to_owned(), source: source.into() },
        }
    }
}

/// No row, no act.
impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self::Unwritable { reason: error.to_string(), source: Box::new(error) }
    }
}

impl From<StoreError> for AuditLogError {
    fn from(error: StoreError) -> Self {
        Self::Failed { reason: error.to_string(), source: Box::new(error) }
    }
}

impl From<StoreError> for ProposalStoreError {
    fn from(error: StoreError) -> Self {
        Self::Failed { reason: error.to_string(), source: Box::new(error) }
    }
}

impl From<StoreError> for IncidentError {
    fn from(error: StoreError) -> Self {
        Self::Failed { reason: error.to_string(), source: Box::new(error) }
    }
}
