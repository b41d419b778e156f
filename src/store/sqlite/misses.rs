//! Messages that were not understood or were corrected.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Sqlite, StoreError};
use crate::domain::IntentName;
use crate::store::rows::{RowFault, miss};
use crate::store::statements::{CROWD_OUT_MISSES, FORGET_MISSES, KEEP_MISS, MEANT, MISSES, MOST_MISSES, SETTLE_MISSES};
use crate::store::{Miss, MissId, MissLog};

#[async_trait]
impl MissLog for Sqlite {
    async fn keep(&self, miss: &Miss) -> Result<MissId, StoreError> {
        let best = serde_json::to_string(&miss.best).map_err(|error| self.damaged(error))?;
        let mut transaction = self.begin().await?;
        let id: i64 = sqlx::query_scalar(KEEP_MISS)
            .bind(miss.at.as_microsecond())
            .bind(&miss.platform)
            .bind(&miss.text)
            .bind(miss.kind.as_str())
            .bind(best)
            .bind(miss.meant.as_ref().map(IntentName::as_str))
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| self.fault(error))?;
        let crowded = sqlx::query(CROWD_OUT_MISSES).bind(id - MOST_MISSES);
        crowded.execute(&mut *transaction).await.map_err(|error| self.fault(error))?;
        self.commit(transaction).await?;
        Ok(MissId(id))
    }

    async fn meant(&self, miss: MissId, intent: &IntentName) -> Result<(), StoreError> {
        let query = sqlx::query(MEANT).bind(intent.as_str()).bind(miss.0);
        query.execute(&self.writer).await.map(drop).map_err(|error| self.fault(error))
    }

    async fn misses(&self, since: Timestamp) -> Result<Vec<Miss>, StoreError> {
        let rows = sqlx::query(MISSES).bind(since.as_microsecond()).fetch_all(&self.readers).await;
        let misses: Result<_, RowFault> = rows.map_err(|error| self.fault(error))?.iter().map(miss).collect();
        misses.map_err(|fault| self.row_fault(fault))
    }

    async fn settle(&self, text: &str) -> Result<(), StoreError> {
        let query = sqlx::query(SETTLE_MISSES).bind(text);
        query.execute(&self.writer).await.map(drop).map_err(|error| self.fault(error))
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        let query = sqlx::query(FORGET_MISSES).bind(before.as_microsecond());
        let gone = query.execute(&self.writer).await.map_err(|error| self.fault(error))?.rows_affected();
        if gone > 0 {
            self.empty_log().await?;
        }
        Ok(gone)
    }
}
