//! What dialogues and adapters remember, and which messages have been handled.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row;

use super::{Postgres, StoreError};
use crate::domain::{ConversationId, MessageId, Notebook, NotebookError};
use crate::store::statements::{CONVERSATION, NOTE, PUT_CONVERSATION, TAKE_MESSAGE, WRITE_NOTE};
use crate::store::{ConversationStore, MessageLog};

#[async_trait]
impl ConversationStore for Postgres {
    async fn get(&self, conversation: &ConversationId) -> Result<Option<serde_json::Value>, StoreError> {
        let query = sqlx::query(CONVERSATION).bind(&conversation.platform).bind(&conversation.channel);
        let Some(row) = self.all(query).await?.pop() else { return Ok(None) };
        let state: String = row.try_get("state").map_err(|error| self.fault(error))?;
        serde_json::from_str(&state).map(Some).map_err(|error| self.damaged(error))
    }

    async fn put(&self, conversation: &ConversationId, state: &serde_json::Value) -> Result<(), StoreError> {
        let query = sqlx::query(PUT_CONVERSATION)
            .bind(&conversation.platform)
            .bind(&conversation.channel)
            .bind(state.to_string());
        self.execute(query).await.map(drop)
    }
}

#[async_trait]
impl MessageLog for Postgres {
    async fn first_time(&self, message: &MessageId) -> Result<bool, StoreError> {
        let MessageId { conversation: ConversationId { platform, channel }, message } = message;
        let query = sqlx::query(TAKE_MESSAGE).bind(platform).bind(channel).bind(message);
        Ok(self.execute(query).await? == 1)
    }
}

#[async_trait]
impl Notebook for Postgres {
    async fn write(&self, key: &str, value: &str, at: Timestamp) -> Result<(), NotebookError> {
        let query = sqlx::query(WRITE_NOTE).bind(key).bind(value).bind(at.as_microsecond());
        self.execute(query).await.map(drop).map_err(|error| NotebookError(Box::new(error)))
    }

    async fn read(&self, key: &str) -> Result<Option<String>, NotebookError> {
        let rows = self.all(sqlx::query(NOTE).bind(key)).await.map_err(|error| NotebookError(Box::new(error)))?;
        let note = rows.first().map(|row| row.try_get("value")).transpose();
        note.map_err(|error| NotebookError(Box::new(self.fault(error))))
    }
}
