//! PostgreSQL as a place for stores: a database for each test on one real server.

use std::time::Duration;

use async_trait::async_trait;
use sayso::store::{Postgres, PostgresUrl};
use sqlx::PgConnection;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::support::Place;

#[path = "../common/postgres.rs"]
mod real;

pub use real::{Server, server};

/// How many tests use the server at once: it has a hundred connections, and a store takes up to nine.
static TURNS: Semaphore = Semaphore::const_new(3);

/// A database of its own.
pub struct Database {
    _turn: SemaphorePermit<'static>,
    pub server: &'static Server,
    pub name: String,
}

impl Database {
    pub fn url(&self) -> PostgresUrl {
        self.server.url("postgres", &self.name).parse().unwrap()
    }

    /// What messages call it.
    pub fn shown(&self) -> String {
        self.server.url("postgres", &self.name)
    }

    pub async fn raw(&self) -> PgConnection {
        self.server.raw(&self.name).await
    }

    /// A store that others take for gone after so long without a sign of life.
    pub async fn open_for(&self, lease: Duration) -> Postgres {
        Postgres::open(&self.url(), Duration::from_secs(10), lease).await.unwrap()
    }
}

#[async_trait]
impl Place for Database {
    type Store = Postgres;

    async fn make() -> Option<Self> {
        let server = server()?;
        let _turn = TURNS.acquire().await.unwrap();
        Some(Self { _turn, server, name: server.database().await })
    }

    async fn open(&self) -> Postgres {
        self.open_for(Duration::from_secs(60)).await
    }
}
