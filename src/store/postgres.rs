//! PostgreSQL: one database that several replicas of the program share. What only one of them may do is decided in a
//! transaction there, by its locks and its clock; `ARCHITECTURE.md` explains each.

mod audit;
mod conversations;
mod error;
mod incidents;
mod misses;
mod proposals;
mod replicas;
mod retention;
mod transfer;
mod url;
mod work;

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgRow};
use sqlx::{Connection as _, PgPool, Row};
use tokio::time::timeout;

use self::error::OLDEST;
pub use self::error::PostgresError;
use self::url::Place;
pub use self::url::{PostgresUrl, PostgresUrlError};
use self::work::{Statement, Work, silent};
use super::rows::RowFault;
use super::transfer::Session;
use super::{Replicas, Store, StoreError};
use crate::domain::ProposalId;

/// Connections of one process, without the one for its signs of life.
const CONNECTIONS: u32 = 8;

/// Of the locks that transactions take by number: the first half of ours, the same as SQLite's `application_id`.
const LOCKS: i32 = 1_398_897_011;

/// A store in one PostgreSQL database.
pub struct Postgres {
    place: Place,
    patience: Duration,
    lease: Duration,
    /// The id under which this process saves.
    id: String,
    pool: PgPool,
    /// For signs of life, which must not wait for anybody's turn.
    pulse: PgPool,
    /// Proposals that are ours and that nobody here is busy with: taken over from a replica that is gone, or left in the
    /// dark by a transaction of which nobody knows whether it was committed.
    adrift: Mutex<BTreeSet<ProposalId>>,
}

impl Postgres {
    /// How long to wait for a lock, or for an answer.
    pub const PATIENCE: Duration = Duration::from_secs(5);
    /// How long others wait for a sign of life before they take over.
    pub const LEASE: Duration = Duration::from_secs(5);

    /// Connects, makes the tables if they are not there, brings an older schema up to date, and enters this process among
    /// the replicas. Every wait ends after a small multiple of `patience`.
    pub async fn open(url: &PostgresUrl, patience: Duration, lease: Duration) -> Result<Self, StoreError> {
        let mut options = url.options().map_err(PostgresError::from)?;
        if options.get_application_name().is_none() {
            options = options.application_name("sayso");
        }
        let place = Place::of(&options);
        let fault = |error| PostgresError::of(&place, patience, error);
        // Not through the pool, which would hide why there is no connection.
        let connecting = timeout(patience, PgConnection::connect_with(&options)).await;
        let mut connection = connecting.unwrap_or_else(|_| Err(silent())).map_err(fault)?;
        let preparing = prepare(&mut connection, &place, patience);
        timeout(MIGRATING, preparing).await.unwrap_or_else(|_| Err(fault(silent())))?;
        // What goes wrong with a farewell is of no interest.
        let _ = timeout(patience, connection.close()).await;
        let store = Self {
            patience,
            lease,
            id: uuid::Uuid::new_v4().to_string(),
            pool: pool(CONNECTIONS, &options, patience),
            pulse: pool(1, &options, patience),
            adrift: Mutex::default(),
            place,
        };
        store.enter().await?;
        Ok(store)
    }

    /// How long one statement may take as we see it: a little longer than the server allows it, whose answer says more.
    fn limit(&self) -> Duration {
        self.patience * 2 + Duration::from_secs(1)
    }

    async fn begin(&self) -> Result<Work, StoreError> {
        Work::begin(&self.pool, self.limit()).await.map_err(|error| self.fault(error))
    }

    async fn commit(&self, work: Work) -> Result<(), StoreError> {
        work.commit().await.map_err(|error| self.fault(error))
    }

    /// Nothing of it shall stand, because of something that we were told. If the server does not hear it, closing does.
    async fn roll_back(&self, work: Work) {
        let _ = work.roll_back().await;
    }

    /// A single statement; how many rows it changed.
    async fn execute(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let done = async {
            let mut work = Work::plain(&self.pool, self.limit()).await?;
            let changed = work.execute(statement).await?;
            work.end();
            Ok(changed)
        };
        done.await.map_err(|error| self.fault(error))
    }

    /// All rows of a query.
    async fn all(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, StoreError> {
        let done = async {
            let mut work = Work::plain(&self.pool, self.limit()).await?;
            let rows = work.all(statement).await?;
            work.end();
            Ok(rows)
        };
        done.await.map_err(|error| self.fault(error))
    }

    fn adrift(&self) -> MutexGuard<'_, BTreeSet<ProposalId>> {
        self.adrift.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, error: sqlx::Error) -> StoreError {
        PostgresError::of(&self.place, self.patience, error).into()
    }

    fn row_fault(&self, fault: RowFault) -> StoreError {
        match fault {
            RowFault::Column(error) => self.fault(error),
            RowFault::Content(source) => self.damaged(source),
        }
    }

    fn lapsed(&self) -> StoreError {
        PostgresError::Lapsed { place: Box::new(self.place.clone()), lease: self.lease }.into()
    }

    /// Something in the tables that is not what we write.
    fn damaged(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
        PostgresError::Damaged { place: Box::new(self.place.clone()), source: source.into() }.into()
    }
}

#[async_trait]
impl Store for Postgres {
    /// Whether the store answers, and others take this process for living.
    async fn probe(&self) -> Result<(), StoreError> {
        const ALIVE: &str = "SELECT id FROM replicas WHERE id = $1 AND lapses > clock_timestamp()";
        let found = async {
            let mut work = Work::plain(&self.pulse, self.limit()).await?;
            let found = work.first(sqlx::query(ALIVE).bind(&self.id)).await?;
            work.end();
            Ok(found)
        };
        found.await.map_err(|error| self.fault(error))?.map(drop).ok_or_else(|| self.lapsed())
    }

    fn replicas(&self) -> Option<&dyn Replicas> {
        Some(self)
    }

    async fn session(&self) -> Result<Box<dyn Session + '_>, StoreError> {
        Ok(Box::new(self.hold().await?))
    }

    /// Leaves the replicas, so that others need not wait, and closes everything.
    async fn close(&self) {
        if let Err(error) = self.leave().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "others that share the store have to wait for us");
        }
        let _ = timeout(self.limit(), async { tokio::join!(self.pool.close(), self.pulse.close()) }).await;
    }
}

/// People say what they like, and a TEXT has no NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// How long a new version may take to bring the tables up to date.
const MIGRATING: Duration = Duration::from_secs(600);

fn pool(connections: u32, options: &PgConnectOptions, patience: Duration) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        // The wait for our own turn must be longer than the wait for a lock, or it would hide it.
        .acquire_timeout(patience * 2 + Duration::from_secs(1))
        .after_connect(move |connection, _| Box::pin(settle(connection, patience)))
        .connect_lazy_with(options.clone())
}

/// Settings of a connection, whatever the server's defaults are: each transaction reads what others have committed, is on
/// disk when it is committed, and lets go of its locks when we fall silent in the middle of it.
async fn settle(connection: &mut PgConnection, patience: Duration) -> Result<(), sqlx::Error> {
    const SET: &str = "SELECT set_config('default_transaction_isolation', 'read committed', FALSE),
        set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') = 'remote_apply'
            THEN 'remote_apply' ELSE 'on' END, FALSE),
        set_config('lock_timeout', $1, FALSE),
        set_config('statement_timeout', $2, FALSE),
        set_config('idle_in_transaction_session_timeout', $3, FALSE)";
    let milliseconds = |time: Duration| time.as_millis().max(1).to_string();
    sqlx::query(SET)
        .bind(milliseconds(patience))
        .bind(milliseconds(patience * 2))
        // Shorter than the wait for a lock: whoever waits for the silent one gets it.
        .bind(milliseconds(patience * 3 / 5))
        .execute(connection)
        .await
        .map(drop)
}

/// Everything that must be done before the store is used.
async fn prepare(connection: &mut PgConnection, place: &Place, patience: Duration) -> Result<(), PostgresError> {
    let fault = |error| PostgresError::of(place, patience, error);
    settle(connection, patience).await.map_err(fault)?;
    check_server(connection, place, patience).await?;
    let mut migrations = sqlx::migrate!("./migrations/postgres");
    // By a lock of our own, which ends with the transaction.
    migrations.set_locking(false);
    let known = migrations.iter().map(|migration| migration.version).max().unwrap_or_default();
    let mut transaction = connection.begin().await.map_err(fault)?;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1, 0)").bind(LOCKS);
    lock.execute(&mut *transaction).await.map_err(fault)?;
    check_identity(&mut transaction, place, patience).await?;
    let patient = sqlx::query("SELECT set_config('statement_timeout', $1, TRUE)");
    patient.bind(MIGRATING.as_millis().to_string()).execute(&mut *transaction).await.map_err(fault)?;
    migrations
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| PostgresError::of_migration(place, patience, known, error))?;
    transaction.commit().await.map_err(fault)
}

/// Refuses a server on which our promises would not hold.
async fn check_server(connection: &mut PgConnection, place: &Place, patience: Duration) -> Result<(), PostgresError> {
    const QUERY: &str = "SELECT current_setting('server_version_num')::INT / 10000,
        pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
        current_setting('server_encoding'), current_setting('synchronous_commit'), current_setting('fsync') = 'on'";
    let read = async {
        let row = sqlx::query(QUERY).fetch_one(connection).await?;
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?))
    };
    let (version, read_only, encoding, commit, synced): (i32, bool, String, String, bool) =
        read.await.map_err(|error| PostgresError::of(place, patience, error))?;
    let at = || Box::new(place.clone());
    if version < OLDEST {
        return Err(PostgresError::TooOld { place: at(), found: version });
    }
    if read_only {
        return Err(PostgresError::ReadOnly { place: at() });
    }
    let setting = |setting, found, expected| Err(PostgresError::Setting { place: at(), setting, found, expected });
    if encoding != "UTF8" {
        return setting("server_encoding", encoding, "`UTF8`");
    }
    if !matches!(commit.as_str(), "on" | "remote_apply") {
        return setting("synchronous_commit", commit, "`on`: what is not on disk must not be acted upon");
    }
    if !synced {
        tracing::warn!(%place, "the PostgreSQL server has `fsync` = `off`: a crash of its machine loses what was said and done");
    }
    Ok(())
}

/// Refuses a database that holds something else, before anything is written to it.
async fn check_identity(connection: &mut PgConnection, place: &Place, patience: Duration) -> Result<(), PostgresError> {
    const QUERY: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL AND to_regclass('audit_events') IS NOT NULL
        OR NOT EXISTS (SELECT FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e'))";
    let ours: Result<Option<bool>, _> = sqlx::query_scalar(QUERY).fetch_one(connection).await;
    match ours.map_err(|error| PostgresError::of(place, patience, error))? {
        Some(true) => Ok(()),
        _ => Err(PostgresError::NotAStore { place: Box::new(place.clone()) }),
    }
}
