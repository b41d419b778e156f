//! Retention: removing the oldest rows of the record, and what nothing on record tells of any more.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row;

use super::audit::second;
use super::work::Work;
use super::{Postgres, StoreError};
use crate::audit::{AuditEvent, Fact, Head, LedgerError, Pruned, Pruning, Retention};
use crate::domain::Actor;
use crate::store::statements::{
    HASH_OF_EVENT, REMOVE_EVENTS, REMOVE_EXECUTIONS, REMOVE_NOTES, REMOVE_PROPOSALS, STAYING_EVENT, WORTH_REMOVING,
};

impl Postgres {
    /// The last row that may go, if any may. Nothing is appended meanwhile.
    async fn last_old(&self, work: &mut Work, before: Timestamp) -> Result<Option<Head>, StoreError> {
        let fault = |error| self.fault(error);
        let row = work.first(sqlx::query(STAYING_EVENT).bind(second(before))).await.map_err(fault)?;
        let stays: Option<i64> = row.map(|row| row.try_get(0)).transpose().map_err(fault)?.flatten();
        let last = match stays {
            Some(stays) => stays - 1,
            None => self.head_in(work).await?.sequence.cast_signed(),
        };
        let row = work.first(sqlx::query(WORTH_REMOVING).bind(last)).await.map_err(fault)?;
        if row.map(|row| row.try_get::<bool, _>(0)).transpose().map_err(fault)? != Some(true) {
            return Ok(None);
        }
        let row = work.first(sqlx::query(HASH_OF_EVENT).bind(last)).await.map_err(fault)?;
        let hash: String = row.ok_or(sqlx::Error::RowNotFound).and_then(|row| row.try_get("hash")).map_err(fault)?;
        let hash = hash.parse().map_err(|error: crate::domain::NameError| self.damaged(error))?;
        Ok(Some(Head { sequence: last.cast_unsigned(), hash }))
    }

    async fn delete(&self, work: &mut Work, statement: &'static str, bound: i64) -> Result<u64, StoreError> {
        work.execute(sqlx::query(statement).bind(bound)).await.map_err(|error| self.fault(error))
    }
}

#[async_trait]
impl Retention for Postgres {
    async fn remove_old(
        &self,
        before: Timestamp,
        by: Option<&Actor>,
        now: Timestamp,
        pruning: Pruning,
    ) -> Result<Option<Pruned>, LedgerError> {
        let mut work = self.begin().await?;
        // The chain's lock comes first here, and rows of proposals after it. Those that are deleted have come to their end:
        // whoever holds one of them does not wait for the chain.
        self.lock_chain(&mut work).await?;
        let Some(last) = self.last_old(&mut work, before).await? else {
            self.roll_back(work).await;
            return Ok(None);
        };
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
        self.append_in(&mut work, &[event]).await?;
        let rows = self.delete(&mut work, REMOVE_EVENTS, last.sequence.cast_signed()).await?;
        let moment = before.as_microsecond();
        self.delete(&mut work, REMOVE_EXECUTIONS, moment).await?;
        let proposals = self.delete(&mut work, REMOVE_PROPOSALS, moment).await?;
        self.delete(&mut work, REMOVE_NOTES, moment).await?;
        match pruning {
            Pruning::Rehearsed => self.roll_back(work).await,
            Pruning::Meant => self.commit(work).await?,
        }
        Ok(Some(Pruned { last, rows, proposals }))
    }
}
