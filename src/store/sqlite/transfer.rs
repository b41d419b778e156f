//! SQLite as one end of a move: the right to write is held all the while, so that nobody else has it.

use async_trait::async_trait;
use futures_util::stream::StreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, Transaction};

use super::{Sqlite, StoreError};
use crate::store::transfer::{Kind, Rows, Session, Table, Value};

/// The transaction that holds it.
pub(super) struct Held<'a> {
    pub(super) store: &'a Sqlite,
    pub(super) transaction: Transaction<'static, sqlx::Sqlite>,
}

fn values(table: &Table, row: &SqliteRow) -> Result<Vec<Value>, sqlx::Error> {
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
        let store = self.store;
        store.owner.others(&store.path).await.map_err(|error| store.fault(error.into()))
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
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
                Value::Flag(flag) => query.bind(flag),
            };
        }
        query.execute(&mut *self.transaction).await.map(drop).map_err(|error| self.store.fault(error))
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.store.commit(self.transaction).await
    }
}
