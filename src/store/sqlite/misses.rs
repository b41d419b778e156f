//! Messages that were not understood or were corrected.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Sqlite, StoreError};
use crate::domain::IntentName;
use crate::store::{Miss, MissId, MissKind, MissLog};

/// The most that are kept: a flood of nonsense does not fill the disk.
const MOST: i64 = 10_000;

impl Sqlite {
    fn miss(&self, row: &SqliteRow) -> Result<Miss, StoreError> {
        let column = |error| self.fault(error);
        let kind: String = row.try_get("kind").map_err(column)?;
        let best: String = row.try_get("best").map_err(column)?;
        let meant: Option<String> = row.try_get("meant").map_err(column)?;
        let at = Timestamp::from_microsecond(row.try_get("at").map_err(column)?);
        Ok(Miss {
            at: at.map_err(|error| self.damaged(error))?,
            platform: row.try_get("platform").map_err(column)?,
            text: row.try_get("text").map_err(column)?,
            kind: MissKind::from_word(&kind).ok_or_else(|| self.damaged(format!("unknown kind of miss `{kind}`")))?,
            best: serde_json::from_str(&best).map_err(|error| self.damaged(error))?,
            meant: meant
                .map(|name| name.parse())
                .transpose()
                .map_err(|error: crate::domain::NameError| self.damaged(error))?,
        })
    }
}

#[async_trait]
impl MissLog for Sqlite {
    async fn keep(&self, miss: &Miss) -> Result<MissId, StoreError> {
        const INSERT: &str =
            "INSERT INTO misses (at, platform, text, kind, best, meant) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
        let best = serde_json::to_string(&miss.best).map_err(|error| self.damaged(error))?;
        let mut transaction = self.begin().await?;
        let id: i64 = sqlx::query_scalar(INSERT)
            .bind(miss.at.as_microsecond())
            .bind(&miss.platform)
            .bind(&miss.text)
            .bind(miss.kind.as_str())
            .bind(best)
            .bind(miss.meant.as_ref().map(IntentName::as_str))
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| self.fault(error))?;
        let crowded = sqlx::query("DELETE FROM misses WHERE id <= $1").bind(id - MOST);
        crowded.execute(&mut *transaction).await.map_err(|error| self.fault(error))?;
        self.commit(transaction).await?;
        Ok(MissId(id))
    }

    async fn meant(&self, miss: MissId, intent: &IntentName) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE misses SET meant = $1 WHERE id = $2").bind(intent.as_str()).bind(miss.0);
        query.execute(&self.writer).await.map(drop).map_err(|error| self.fault(error))
    }

    async fn misses(&self, since: Timestamp) -> Result<Vec<Miss>, StoreError> {
        const QUERY: &str = "SELECT at, platform, text, kind, best, meant FROM misses
            WHERE at >= $1 AND text NOT IN (SELECT text FROM misses WHERE settled) ORDER BY id";
        let rows = sqlx::query(QUERY).bind(since.as_microsecond()).fetch_all(&self.readers).await;
        rows.map_err(|error| self.fault(error))?.iter().map(|row| self.miss(row)).collect()
    }

    async fn settle(&self, text: &str) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE misses SET settled = TRUE WHERE text = $1").bind(text);
        query.execute(&self.writer).await.map(drop).map_err(|error| self.fault(error))
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        let query = sqlx::query("DELETE FROM misses WHERE at < $1").bind(before.as_microsecond());
        let gone = query.execute(&self.writer).await.map_err(|error| self.fault(error))?.rows_affected();
        if gone > 0 {
            self.empty_log().await?;
        }
        Ok(gone)
    }
}
