//! SQLite: one file, opened for durability. One connection writes, so that writers queue in order instead of fighting for
//! the lock; a few others read. The driver works on threads of its own, so nothing here blocks.

mod audit;
mod conversations;
mod incidents;
mod misses;
mod owner;
mod proposals;
mod retention;
mod transfer;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqliteConnection, SqlitePool, Transaction};
use tokio::fs::{DirBuilder, OpenOptions};

use self::owner::Owner;
use self::transfer::Held;
use super::rows::RowFault;
use super::transfer::Session;
use super::{Replicas, Store, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations/sqlite");

/// `application_id` of our files; see `migrations/sqlite/0001_first.sql`.
const APPLICATION: i64 = 1_398_897_011;

/// Connections that read.
const READERS: u32 = 4;

/// A store in one SQLite file.
pub struct Sqlite {
    path: PathBuf,
    patience: Duration,
    writer: SqlitePool,
    readers: SqlitePool,
    owner: Owner,
}

impl Sqlite {
    /// How long to wait for a lock that another process holds.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// Opens the store, makes file and folder if they are not there (for this user alone), and brings an older schema up
    /// to date. Every wait ends after `patience`.
    pub async fn open(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        create(path).await.map_err(|source| StoreError::Create { path: path.to_owned(), source })?;
        let fault = |error| StoreError::of(path, patience, error);
        // Write-ahead log and full synchronisation: what was committed survives the loss of power.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(patience)
            .foreign_keys(true)
            // What is deleted is gone from the file, and not only from its tables.
            .pragma("secure_delete", "ON")
            .synchronous(SqliteSynchronous::Full);
        let pool = |connections| {
            // The wait for our own turn must be longer than the wait for the file's lock, or it would hide it.
            let turn = patience * 2 + Duration::from_secs(1);
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(turn)
        };
        let writer = pool(1).connect_with(options.clone()).await.map_err(fault)?;
        match prepare(&writer, path, patience).await {
            Ok(owner) => {
                let readers = pool(READERS).connect_lazy_with(options);
                Ok(Self { path: path.to_owned(), patience, writer, readers, owner })
            }
            Err(error) => {
                writer.close().await; // Or the file would stay open for a while.
                Err(error)
            }
        }
    }

    /// Begins a transaction that has the right to write from its beginning, so that what it reads cannot change until it
    /// commits.
    async fn begin(&self) -> Result<Transaction<'static, sqlx::Sqlite>, StoreError> {
        const BEGIN: &str = "BEGIN IMMEDIATE";
        let begun = match self.writer.begin_with(BEGIN).await {
            // When a commit fails, on a full disk for one, SQLite ends the transaction and the driver counts it still.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                let stuck = self.writer.acquire().await.map_err(|error| self.fault(error))?;
                stuck.close().await.map_err(|error| self.fault(error))?;
                self.writer.begin_with(BEGIN).await
            }
            begun => begun,
        };
        begun.map_err(|error| self.fault(error))
    }

    async fn commit(&self, transaction: Transaction<'static, sqlx::Sqlite>) -> Result<(), StoreError> {
        transaction.commit().await.map_err(|error| self.fault(error))
    }

    /// What was deleted still stands in the write-ahead log; that is emptied, unless somebody is reading it.
    async fn empty_log(&self) -> Result<(), StoreError> {
        let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer).await;
        emptied.map(drop).map_err(|error| self.fault(error))
    }

    fn fault(&self, error: sqlx::Error) -> StoreError {
        StoreError::of(&self.path, self.patience, error)
    }

    fn row_fault(&self, fault: RowFault) -> StoreError {
        match fault {
            RowFault::Column(error) => self.fault(error),
            RowFault::Content(source) => self.damaged(source),
        }
    }

    /// Something in the file that is not what we write.
    fn damaged(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), source: source.into() }
    }
}

#[async_trait]
impl Store for Sqlite {
    /// Whether the store answers, and its file is still where it was.
    async fn probe(&self) -> Result<(), StoreError> {
        tokio::fs::metadata(&self.path).await.map_err(|source| StoreError::Gone { path: self.path.clone(), source })?;
        let query = sqlx::query("SELECT handled FROM messages LIMIT 1");
        query.fetch_optional(&self.readers).await.map(drop).map_err(|error| self.fault(error))
    }

    /// A file is shared by processes of one machine, whose deaths the system tells.
    fn replicas(&self) -> Option<&dyn Replicas> {
        None
    }

    async fn session(&self) -> Result<Box<dyn Session + '_>, StoreError> {
        Ok(Box::new(Held { store: self, transaction: self.begin().await? }))
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        self.owner.leave().await;
    }
}

/// Everything that must be done before the store is used.
async fn prepare(writer: &SqlitePool, path: &Path, patience: Duration) -> Result<Owner, StoreError> {
    let fault = |error| StoreError::of(path, patience, error);
    let mut connection = writer.acquire().await.map_err(fault)?;
    check_identity(&mut connection, path, patience).await?;
    write_ahead(&mut connection, patience).await.map_err(fault)?;
    migrate(&mut connection, path, patience).await?;
    Owner::take(path).await.map_err(|source| StoreError::Create { path: path.to_owned(), source })
}

/// Makes the file, and its folder, for this user alone; SQLite gives its side files the same mode.
async fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        builder.mode(0o700);
        builder.recursive(true).create(folder).await?;
    }
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    options.mode(0o600);
    match options.write(true).create_new(true).open(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Refuses a file that holds something else, before anything is written to it.
async fn check_identity(connection: &mut SqliteConnection, path: &Path, patience: Duration) -> Result<(), StoreError> {
    const QUERY: &str =
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_master)";
    let read = async {
        let row = sqlx::query(QUERY).fetch_one(connection).await?;
        Ok((row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?))
    };
    match read.await {
        Ok((APPLICATION, _) | (0, 0)) => Ok(()),
        Ok(_) => Err(StoreError::NotAStore { path: path.to_owned() }),
        Err(error) => Err(StoreError::of(path, patience, error)),
    }
}

/// Switches to the write-ahead log, once in the life of a file. SQLite does not wait for the lock that this takes, so we
/// do: https://www.sqlite.org/wal.html#activating_and_configuring_wal_mode
async fn write_ahead(connection: &mut SqliteConnection, patience: Duration) -> Result<(), sqlx::Error> {
    let begun = Instant::now();
    loop {
        let switched = sqlx::query("PRAGMA journal_mode = WAL").execute(&mut *connection).await;
        match switched {
            Err(sqlx::Error::Database(error)) if is_busy(&*error) && begun.elapsed() < patience => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other.map(drop),
        }
    }
}

fn is_busy(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// Brings the schema up to date, all or nothing. Two processes that start at once do it one after the other.
async fn migrate(connection: &mut SqliteConnection, path: &Path, patience: Duration) -> Result<(), StoreError> {
    use sqlx::Connection as _;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
    let fault = |error| StoreError::of(path, patience, error);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
    MIGRATIONS
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| StoreError::of_migration(path, patience, known, error))?;
    // On a read-only file, SQLite quietly begins a transaction that only reads. This changes nothing, but needs the right
    // to, so that we know now and not at the first message.
    sqlx::query("UPDATE messages SET handled = handled WHERE false").execute(&mut *transaction).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)
}
