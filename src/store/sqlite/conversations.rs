//! What dialogues remember, and which messages have been handled.

use async_trait::async_trait;

use super::{Sqlite, StoreError};
use crate::domain::{ConversationId, MessageId};
use crate::store::statements::{CONVERSATION, PUT_CONVERSATION, TAKE_MESSAGE};
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
