//! Retention: removing the oldest rows of the record, and what nothing on record tells of any more.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::{Sqlite, StoreError};
use crate::audit::{AuditEvent, Fact, Head, LedgerError, Pruned, Pruning, Retention};
use crate::domain::Actor;
use crate::store::statements::{
    HASH_OF_EVENT, REMOVE_EVENTS, REMOVE_EXECUTIONS, REMOVE_NOTES, REMOVE_PROPOSALS, STAYING_EVENT, WORTH_REMOVING,
};

impl Sqlite {
    /// The last row that may go, if any may.
    async fn last_old(&self, connection: &mut SqliteConnection, before: Timestamp) -> Result<Option<Head>, StoreError> {
        let query = sqlx::query_scalar(STAYING_EVENT).bind(before.as_second());
        let stays: Option<i64> = query.fetch_one(&mut *connection).await.map_err(|error| self.fault(error))?;
        let last = match stays {
            Some(stays) => stays - 1,
            None => self.head_in(connection).await?.sequence.cast_signed(),
        };
        let query = sqlx::query_scalar(WORTH_REMOVING).bind(last);
        if !query.fetch_one(&mut *connection).await.map_err(|error| self.fault(error))? {
            return Ok(None);
        }
        let query = sqlx::query(HASH_OF_EVENT).bind(last);
        let row = query.fetch_one(connection).await.map_err(|error| self.fault(error))?;
        let hash: String = row.try_get("hash").map_err(|error| self.fault(error))?;
        let hash = hash.parse().map_err(|error: crate::domain::NameError| self.damaged(error))?;
        Ok(Some(Head { sequence: last.cast_unsigned(), hash }))
    }

    async fn delete(
        &self,
        connection: &mut SqliteConnection,
        statement: &'static str,
        bound: i64,
    ) -> Result<u64, StoreError> {
        let query = sqlx::query(statement).bind(bound);
        Ok(query.execute(connection).await.map_err(|error| self.fault(error))?.rows_affected())
    }
}

#[async_trait]
impl Retention for Sqlite {
    async fn remove_old(
        &self,
        before: Timestamp,
        by: Option<&Actor>,
        now: Timestamp,
        pruning: Pruning,
    ) -> Result<Option<Pruned>, LedgerError> {
        let mut transaction = self.begin().await?;
        let Some(last) = self.last_old(&mut transaction, before).await? else { return Ok(None) };
        let event = AuditEvent {
            at: now,
            actor: by.cloned(),
            conversation: None,
            proposal: None,
            execution: None,
            intent: None,
            command: None,
            digest: None,
            fact: Fact::RecordPruned { through: last.sequence, hash: last.hash, before },
        };
        // First the row that says so: without it, the schema lets nothing go.
        self.append_in(&mut transaction, &[event]).await?;
        let sequence = last.sequence.cast_signed();
        let rows = self.delete(&mut transaction, REMOVE_EVENTS, sequence).await?;
        let moment = before.as_microsecond();
        self.delete(&mut transaction, REMOVE_EXECUTIONS, moment).await?;
        let proposals = self.delete(&mut transaction, REMOVE_PROPOSALS, moment).await?;
        self.delete(&mut transaction, REMOVE_NOTES, moment).await?;
        match pruning {
            Pruning::Rehearsed => transaction.rollback().await.map_err(|error| self.fault(error))?,
            Pruning::Meant => {
                self.commit(transaction).await?;
                self.empty_log().await?;
            }
        }
        Ok(Some(Pruned { last, rows, proposals }))
    }
}
