//! Retention: removing the oldest rows of the record, and what nothing on record tells of any more.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::{Sqlite, StoreError};
use crate::audit::{AuditEvent, Fact, Head, LedgerError, Pruned, Pruning, Retention};
use crate::domain::Actor;

/// The first row that stays: younger, or of a proposal that has not come to its end.
const STAYS: &str = "SELECT min(sequence) FROM (
    SELECT * FROM (SELECT sequence FROM audit_events WHERE second >= $1 ORDER BY sequence LIMIT 1)
    UNION ALL
    SELECT min(audit_events.sequence) FROM proposals JOIN audit_events ON audit_events.proposal = proposals.id
        WHERE proposals.state IN ('pending', 'approved', 'executing'))";

/// Rows that tell of more than of earlier removals. Without such a row, removing adds as much as it takes away.
const WORTH_IT: &str = "SELECT EXISTS (SELECT 1 FROM audit_events WHERE sequence <= $1 AND through IS NULL)";

/// A statement about proposals that have come to their end as long ago, and of which no row is left.
macro_rules! orphans {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "created < $1 AND state NOT IN ('pending', 'approved', 'executing')
                AND NOT EXISTS (SELECT 1 FROM audit_events WHERE audit_events.proposal = proposals.id)",
            $after
        )
    };
}

impl Sqlite {
    /// The last row that may go, if any may.
    async fn last_old(&self, connection: &mut SqliteConnection, before: Timestamp) -> Result<Option<Head>, StoreError> {
        let query = sqlx::query_scalar(STAYS).bind(before.as_second());
        let stays: Option<i64> = query.fetch_one(&mut *connection).await.map_err(|error| self.fault(error))?;
        let last = match stays {
            Some(stays) => stays - 1,
            None => self.head_in(connection).await?.sequence.cast_signed(),
        };
        let query = sqlx::query_scalar(WORTH_IT).bind(last);
        if !query.fetch_one(&mut *connection).await.map_err(|error| self.fault(error))? {
            return Ok(None);
        }
        let query = sqlx::query("SELECT hash FROM audit_events WHERE sequence = $1").bind(last);
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
        let rows = self.delete(&mut transaction, "DELETE FROM audit_events WHERE sequence <= $1", sequence).await?;
        let moment = before.as_microsecond();
        let executions = orphans!("DELETE FROM executions WHERE proposal IN (SELECT id FROM proposals WHERE ", ")");
        self.delete(&mut transaction, executions, moment).await?;
        let proposals = self.delete(&mut transaction, orphans!("DELETE FROM proposals WHERE ", ""), moment).await?;
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
