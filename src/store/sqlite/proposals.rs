//! Proposals: saved with their events in one transaction, read back against the intents of the day.

use async_trait::async_trait;
use sqlx::Row;

use super::Sqlite;
use crate::audit::AuditEvent;
use crate::domain::{ConversationId, Intents, ProposalCode, ProposalId};
use crate::proposal::{Found, Proposal, ProposalStore, ProposalStoreError, State, Unusable};
use crate::store::rows::{found, remains};
use crate::store::statements::{
    BY_CODE, INSERT_PROPOSAL, PENDING, PROPOSAL, RETIRE_PROPOSAL, UNFINISHED, UPDATE_PROPOSAL,
};
use crate::store::{Recovery, Remains};

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

impl Sqlite {
    /// All that a query finds, oldest first where it says so; rows that are no proposals today apart.
    async fn find(&self, query: Query<'_>, intents: &Intents) -> Result<Found, ProposalStoreError> {
        let rows = query.fetch_all(&self.readers).await.map_err(|error| self.fault(error))?;
        Ok(found(&rows, intents).map_err(|fault| self.row_fault(fault))?)
    }
}

#[async_trait]
impl ProposalStore for Sqlite {
    async fn save(&self, proposal: &Proposal, events: &[AuditEvent]) -> Result<(), ProposalStoreError> {
        let stored = proposal.to_stored().map_err(|error| self.damaged(error))?;
        let query = sqlx::query(if stored.revision == 1 { INSERT_PROPOSAL } else { UPDATE_PROPOSAL })
            .bind(stored.state.as_str())
            .bind(self.owner.id())
            .bind(proposal.expires().as_microsecond())
            .bind(stored.body)
            .bind(stored.id.to_string())
            .bind(stored.revision.cast_signed());
        let query = if stored.revision == 1 {
            let ConversationId { platform, channel } = proposal.conversation();
            let code = proposal.code().to_string();
            query.bind(platform).bind(channel).bind(code).bind(proposal.created().as_microsecond())
        } else {
            query
        };
        let mut transaction = self.begin().await?;
        let saved = query.execute(&mut *transaction).await.map_err(|error| self.fault(error))?;
        if saved.rows_affected() == 0 {
            return Err(ProposalStoreError::Conflict(stored.id));
        }
        self.append_in(&mut transaction, events).await?;
        Ok(self.commit(transaction).await?)
    }

    async fn load(&self, id: ProposalId, intents: &Intents) -> Result<Option<Proposal>, ProposalStoreError> {
        let mut found = self.find(sqlx::query(PROPOSAL).bind(id.to_string()), intents).await?;
        match found.unusable.pop() {
            Some(Unusable { id, error, .. }) => Err(ProposalStoreError::Unusable { id, source: error }),
            None => Ok(found.proposals.pop()),
        }
    }

    async fn pending(&self, conversation: &ConversationId, intents: &Intents) -> Result<Found, ProposalStoreError> {
        self.find(sqlx::query(PENDING).bind(&conversation.platform).bind(&conversation.channel), intents).await
    }

    async fn unfinished(&self, intents: &Intents) -> Result<Found, ProposalStoreError> {
        self.find(sqlx::query(UNFINISHED), intents).await
    }

    async fn by_code(
        &self,
        conversation: &ConversationId,
        code: &ProposalCode,
        intents: &Intents,
    ) -> Result<Found, ProposalStoreError> {
        let ConversationId { platform, channel } = conversation;
        self.find(sqlx::query(BY_CODE).bind(platform).bind(channel).bind(code.as_str()), intents).await
    }
}

#[async_trait]
impl Recovery for Sqlite {
    async fn remains(&self, proposal: ProposalId) -> Result<Option<Remains>, ProposalStoreError> {
        const QUERY: &str = "SELECT proposals.owner, executions.id AS execution, executions.outcome
            FROM proposals LEFT JOIN executions ON executions.proposal = proposals.id WHERE proposals.id = $1";
        let row = sqlx::query(QUERY).bind(proposal.to_string()).fetch_optional(&self.readers).await;
        let Some(row) = row.map_err(|error| self.fault(error))? else { return Ok(None) };
        let owner: String = row.try_get("owner").map_err(|error| self.fault(error))?;
        if !self.owner.is_gone(&self.path, &owner).await.map_err(|error| self.fault(error.into()))? {
            return Ok(None);
        }
        Ok(Some(remains(&row).map_err(|fault| self.row_fault(fault))?))
    }

    async fn retire(&self, unusable: &Unusable, to: State, events: &[AuditEvent]) -> Result<(), ProposalStoreError> {
        let query =
            sqlx::query(RETIRE_PROPOSAL).bind(to.as_str()).bind(unusable.id.to_string()).bind(unusable.state.as_str());
        let mut transaction = self.begin().await?;
        let saved = query.execute(&mut *transaction).await.map_err(|error| self.fault(error))?;
        if saved.rows_affected() == 0 {
            return Err(ProposalStoreError::Conflict(unusable.id));
        }
        self.append_in(&mut transaction, events).await?;
        Ok(self.commit(transaction).await?)
    }
}
