//! Messages that were not understood or were corrected.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row;

use super::{Postgres, StoreError, storable};
use crate::domain::IntentName;
use crate::store::rows::{RowFault, miss};
use crate::store::statements::{CROWD_OUT_MISSES, FORGET_MISSES, KEEP_MISS, MEANT, MISSES, MOST_MISSES, SETTLE_MISSES};
use crate::store::{Miss, MissId, MissLog};

#[async_trait]
impl MissLog for Postgres {
    async fn keep(&self, miss: &Miss) -> Result<MissId, StoreError> {
        let best = serde_json::to_string(&miss.best).map_err(|error| self.damaged(error))?;
        let query = sqlx::query(KEEP_MISS)
            .bind(miss.at.as_microsecond())
            .bind(&miss.platform)
            .bind(storable(&miss.text))
            .bind(miss.kind.as_str())
            .bind(best)
            .bind(miss.meant.as_ref().map(IntentName::as_str));
        let rows = self.all(query).await?;
        let id = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.try_get::<i64, _>("id"));
        let id = id.map_err(|error| self.fault(error))?;
        self.execute(sqlx::query(CROWD_OUT_MISSES).bind(id - MOST_MISSES)).await?;
        Ok(MissId(id))
    }

    async fn meant(&self, miss: MissId, intent: &IntentName) -> Result<(), StoreError> {
        self.execute(sqlx::query(MEANT).bind(intent.as_str()).bind(miss.0)).await.map(drop)
    }

    async fn misses(&self, since: Timestamp) -> Result<Vec<Miss>, StoreError> {
        let rows = self.all(sqlx::query(MISSES).bind(since.as_microsecond())).await?;
        let misses: Result<_, RowFault> = rows.iter().map(miss).collect();
        misses.map_err(|fault| self.row_fault(fault))
    }

    async fn settle(&self, text: &str) -> Result<(), StoreError> {
        self.execute(sqlx::query(SETTLE_MISSES).bind(storable(text))).await.map(drop)
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.execute(sqlx::query(FORGET_MISSES).bind(before.as_microsecond())).await
    }
}
