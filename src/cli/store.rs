//! Opening the store, wherever the configuration says it is; `sayso store migrate`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::chat::runtime;
use super::{Failure, print};
use crate::config::{self, Config, StoreUrl};
use crate::integrations::{Redactor, Surroundings};
use crate::store::{MissLog, Postgres, PostgresUrl, PostgresUrlError, Sqlite, Store, move_store};

/// What to do with a store.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommands {
    /// Move everything from one store to another, which must be empty
    ///
    /// A store is `sqlite:PATH`, `postgres://USER@HOST/DATABASE` with the password in `PGPASSWORD` or `~/.pgpass`, or
    /// `secret:VARIABLE`, the name of a variable that holds such a url. Stop every Sayso that uses either. The audit trail is
    /// checked on both sides; all is moved or nothing, and the first store stays as it is.
    Migrate {
        /// Where everything is
        from: String,
        /// Where it shall be
        to: String,
    },
}

/// Runs it.
pub(super) fn run(what: &Subcommands) -> Result<(), Failure> {
    let Subcommands::Migrate { from, to } = what;
    let (from, to) = (place(from)?, place(to)?);
    runtime()?.block_on(async {
        if let Place::Sqlite(path) = &from
            && !tokio::fs::try_exists(path).await.unwrap_or_default()
        {
            return Err(Failure::Said(format!("there is no store `{}` to move from", path.display())));
        }
        let source = from.open().await?;
        let target = to.open().await?;
        let moved = move_store(source.as_ref(), target.as_ref()).await;
        target.close().await;
        source.close().await;
        let moved = moved.map_err(|error| Failure::of(&error))?;
        for (table, rows) in &moved.rows {
            print(format_args!("{table}: {rows}"));
        }
        print(format_args!("the audit trail is whole on both sides, head {}", moved.head));
        print("name the new store in `[store]` of `sayso.toml`; the old one is as it was");
        Ok(())
    })
}

/// A store as it is named on the command line.
enum Place {
    Sqlite(PathBuf),
    Postgres(PostgresUrl),
}

impl Place {
    async fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        match self {
            Self::Sqlite(path) => open_sqlite(path).await,
            Self::Postgres(url) => open_postgres(url, &Redactor::default()).await,
        }
    }
}

fn place(text: &str) -> Result<Place, Failure> {
    if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        return Ok(Place::Sqlite(path.into()));
    }
    if let Some(variable) = text.strip_prefix("secret:") {
        return secret_url(variable).map(Place::Postgres);
    }
    let said = |error: &dyn std::fmt::Display| Failure::Said(format!("a store is named wrongly: {error}"));
    if !text.starts_with("postgres") {
        return Err(said(&"expected `sqlite:PATH`, `postgres://USER@HOST/DATABASE` or `secret:VARIABLE`"));
    }
    let url: PostgresUrl = text.parse().map_err(|error: PostgresUrlError| said(&error))?;
    if url.password().is_some() {
        return Err(said(
            &"others can see a password there; put it into `PGPASSWORD` or `~/.pgpass`, or write `secret:VARIABLE`",
        ));
    }
    Ok(Place::Postgres(url))
}

/// Opens the store. What is secret about it is made known to the redactor.
pub(super) async fn open_store(config: &Config, redactor: &Redactor) -> Result<Arc<dyn Store>, Failure> {
    let url = match &config.store {
        config::Store::Postgres(StoreUrl::Plain(url)) => Some(url.clone()),
        config::Store::Postgres(StoreUrl::Secret(variable)) => Some(secret_url(variable)?),
        config::Store::File(_) => None,
    };
    if let Some(url) = url {
        return open_postgres(&url, redactor).await;
    }
    let path = config.store_path().map_err(|error| Failure::of(&error))?.unwrap_or_default();
    open_sqlite(&path).await
}

async fn open_sqlite(path: &Path) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(Sqlite::open(path, Sqlite::PATIENCE).await.map_err(|error| Failure::of(&error))?))
}

async fn open_postgres(url: &PostgresUrl, redactor: &Redactor) -> Result<Arc<dyn Store>, Failure> {
    // Where the url has none, the driver takes it from there.
    let variable = Surroundings::here().secret("PGPASSWORD").ok().flatten();
    url.password().into_iter().chain(&variable).for_each(|password| redactor.learn(password));
    let store = Postgres::open(url, Postgres::PATIENCE, Postgres::LEASE).await;
    Ok(Arc::new(store.map_err(|error| Failure::of(&error))?))
}

/// The url that a variable holds.
fn secret_url(variable: &str) -> Result<PostgresUrl, Failure> {
    let lacking = |reason: String| Failure::Said(format!("the store has no url: {reason}"));
    let secret = Surroundings::here().secret(variable).map_err(lacking)?;
    let secret = secret.ok_or_else(|| lacking(format!("`{variable}` is not set")))?;
    secret.expose().parse().map_err(|error: PostgresUrlError| lacking(format!("`{variable}`: {error}")))
}

/// Deletes the messages that have been kept for long enough, also where no more are kept. How long that is.
pub(super) async fn forget_old(
    config: &Config,
    store: &dyn MissLog,
    now: Timestamp,
) -> Result<SignedDuration, Failure> {
    // The configuration's bounds are far within.
    let keep_for = SignedDuration::try_from(config.learning.keep_for).unwrap_or(SignedDuration::from_hours(24));
    let oldest = now.checked_sub(keep_for).unwrap_or(Timestamp::MIN);
    store.forget(oldest).await.map_err(|error| Failure::of(&error))?;
    Ok(keep_for)
}
