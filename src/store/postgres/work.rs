//! One connection at work: each statement has an end in time, and what does not come to a clean end is not used again.

use std::io;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Executor as _, PgPool, Postgres};
use tokio::time::timeout;

/// A statement with its values.
pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// A connection out of the pool, or a transaction on one. Dropped without its end, for whatever reason (a fault, a server
/// that is silent, a caller who has gone), it is closed, and with it the server forgets the transaction.
pub(super) struct Work {
    connection: PoolConnection<Postgres>,
    limit: Duration,
    ended: bool,
}

impl Work {
    /// Single statements, each a transaction of its own.
    pub(super) async fn plain(pool: &PgPool, limit: Duration) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: pool.acquire().await?, limit, ended: false })
    }

    /// A transaction. Each statement of it sees what was committed before the statement began.
    pub(super) async fn begin(pool: &PgPool, limit: Duration) -> Result<Self, sqlx::Error> {
        let mut work = Self::plain(pool, limit).await?;
        work.order("BEGIN").await?;
        Ok(work)
    }

    /// How many rows were changed.
    pub(super) async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, sqlx::Error> {
        let done = timeout(self.limit, statement.execute(&mut *self.connection)).await;
        Ok(done.unwrap_or_else(|_| Err(silent()))?.rows_affected())
    }

    /// All rows.
    pub(super) async fn all(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, sqlx::Error> {
        timeout(self.limit, statement.fetch_all(&mut *self.connection)).await.unwrap_or_else(|_| Err(silent()))
    }

    /// The first row, if there is one.
    pub(super) async fn first(&mut self, statement: Statement<'_>) -> Result<Option<PgRow>, sqlx::Error> {
        timeout(self.limit, statement.fetch_optional(&mut *self.connection)).await.unwrap_or_else(|_| Err(silent()))
    }

    /// The end of a transaction whose changes stand.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.order("COMMIT").await?;
        self.ended = true;
        Ok(())
    }

    /// The end of a transaction whose changes are dropped.
    pub(super) async fn roll_back(mut self) -> Result<(), sqlx::Error> {
        self.order("ROLLBACK").await?;
        self.ended = true;
        Ok(())
    }

    /// The end of single statements.
    pub(super) fn end(mut self) {
        self.ended = true;
    }

    async fn order(&mut self, order: &'static str) -> Result<(), sqlx::Error> {
        timeout(self.limit, self.connection.execute(order)).await.unwrap_or_else(|_| Err(silent())).map(drop)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}

/// The server has not answered in time.
pub(super) fn silent() -> sqlx::Error {
    sqlx::Error::Io(io::ErrorKind::TimedOut.into())
}
