//! What dialogues and adapters remember, and which messages have been handled.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Sqlite, StoreError};
use crate::domain::{ConversationId, MessageId, Notebook, NotebookError};
use crate::store::statements::{CONVERSATION, NOTE, PUT_CONVERSATION, TAKE_MESSAGE, WRITE_NOTE};
use crate::store::{ConversationStore, MessageLog};

#[async_trait]
impl ConversationStore for Sqlite {
    async fn get(&self, conversation: &ConversationId) -> Result<Option<serde_json::Value>, StoreError> {
        let state: Option<String> = sqlx::query_scalar(CONVERSATION)
            .bind(&conversation.platform)
            .bind(&conversation.channel)
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.fault(error))?;
        state.map(|json| serde_json::from_str(&json)).transpose().map_err(|error| self.damaged(error))
    }

    async fn put(&self, conversation: &ConversationId, state: &serde_json::Value) -> Result<(), StoreError> {
        let query = sqlx::query(PUT_CONVERSATION)
            .bind(&conversation.platform)
            .bind(&conversation.channel)
            .bind(state.to_string());
        query.execute(&self.writer).await.map(drop).map_err(|error| self.fault(error))
    }
}

#[async_trait]
impl MessageLog for Sqlite {
    async fn first_time(&self, message: &MessageId) -> Result<bool, StoreError> {
        let MessageId { conversation: ConversationId { platform, channel }, message } = message;
        let inserted = sqlx::query(TAKE_MESSAGE).bind(platform).bind(channel).bind(message).execute(&self.writer).await;
        inserted.map(|done| done.rows_affected() == 1).map_err(|error| self.fault(error))
    }
}

#[async_trait]
impl Notebook for Sqlite {
    async fn write(&self, key: &str, value: &str, at: Timestamp) -> Result<(), NotebookError> {
        let query = sqlx::query(WRITE_NOTE).bind(key).bind(value).bind(at.as_microsecond());
        query.execute(&self.writer).await.map(drop).map_err(|error| NotebookError(Box::new(self.fault(error))))
    }

    async fn read(&self, key: &str) -> Result<Option<String>, NotebookError> {
        let note = sqlx::query_scalar(NOTE).bind(key).fetch_optional(&self.readers).await;
        note.map_err(|error| NotebookError(Box::new(self.fault(error))))
    }
}
