//! PostgreSQL as one end of a move: the tables are locked against everybody else's changes.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::StreamExt as _;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row, Transaction};

use super::{Postgres, StoreError, storable};
use crate::store::transfer::{Kind, Rows, Session, TABLES, Table, Value};

/// How long a table may take.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// How long the other end may take over a row.
const IDLE: Duration = Duration::from_secs(60);

/// The transaction that holds the locks.
pub(super) struct Held<'a> {
    store: &'a Postgres,
    transaction: Transaction<'static, sqlx::Postgres>,
}

impl Postgres {
    /// Locks the tables; what is read is what stood there then.
    pub(super) async fn hold(&self) -> Result<Held<'_>, StoreError> {
        const SET: &str = "SELECT set_config('statement_timeout', $1, TRUE),
            set_config('idle_in_transaction_session_timeout', $2, TRUE)";
        let names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        let lock = format!("LOCK TABLE {} IN EXCLUSIVE MODE", names.join(", "));
        let held = async {
            let mut transaction = self.pool.begin().await?;
            sqlx::query(AssertSqlSafe(lock)).execute(&mut *transaction).await?;
            let set = sqlx::query(SET).bind(PATIENCE.as_millis().to_string()).bind(IDLE.as_millis().to_string());
            set.execute(&mut *transaction).await?;
            Ok(transaction)
        };
        let transaction = held.await.map_err(|error| self.fault(error))?;
        Ok(Held { store: self, transaction })
    }
}

fn values(table: &Table, row: &PgRow) -> Result<Vec<Value>, sqlx::Error> {
    let columns = table.columns.iter().enumerate();
    let read = columns.map(|(index, (_, kind))| {
        Ok(match kind {
            Kind::Text => Value::Text(row.try_get(index)?),
            Kind::Number => Value::Number(row.try_get(index)?),
            Kind::Flag => Value::Flag(row.try_get(index)?),
        })
    });
    read.collect()
}

#[async_trait]
impl Session for Held<'_> {
    async fn is_in_use(&mut self) -> Result<bool, StoreError> {
        const OTHERS: &str = "SELECT EXISTS (SELECT FROM replicas WHERE id <> $1 AND lapses > clock_timestamp())";
        let others = sqlx::query_scalar(OTHERS).bind(&self.store.id).fetch_one(&mut *self.transaction).await;
        others.map_err(|error| self.store.fault(error))
    }

    fn rows(&mut self, table: &'static Table) -> Rows<'_> {
        let store = self.store;
        let rows = sqlx::query(AssertSqlSafe(table.select())).fetch(&mut *self.transaction);
        rows.map(move |row| row.and_then(|row| values(table, &row)).map_err(|error| store.fault(error))).boxed()
    }

    async fn insert(&mut self, table: &'static Table, row: Vec<Value>) -> Result<(), StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(table.insert()));
        for value in row {
            query = match value {
                // A TEXT has no NUL. Where one of SQLite's has (a message that was missed), it becomes another character;
                // an event has none, being JSON.
                Value::Text(text) => query.bind(text.as_deref().map(storable)),
                Value::Number(number) => query.bind(number),
                Value::Flag(flag) => query.bind(flag),
            };
        }
        query.execute(&mut *self.transaction).await.map(drop).map_err(|error| self.store.fault(error))
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.transaction.commit().await.map_err(|error| self.store.fault(error))
    }
}
