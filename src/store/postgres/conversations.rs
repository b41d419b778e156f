//! What dialogues remember, and which messages have been handled.

use async_trait::async_trait;
use sqlx::Row;

use super::{Postgres, StoreError};
use crate::domain::{ConversationId, MessageId};
use crate::store::statements::{CONVERSATION, PUT_CONVERSATION, TAKE_MESSAGE};
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
