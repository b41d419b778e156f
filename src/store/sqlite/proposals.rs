//! Proposals: saved with their events in one transaction, read back against the intents of the day.

use std::str::FromStr;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Sqlite, StoreError};
use crate::audit::AuditEvent;
use crate::domain::{ConversationId, Intents, Outcome, ProposalCode, ProposalId};
use crate::proposal::{Found, Proposal, ProposalStore, ProposalStoreError, State, StoredProposal, Trace, Unusable};
use crate::store::{Recovery, Remains};

/// A query for proposals with a condition.
macro_rules! select {
    ($condition:literal) => {
        concat!("SELECT id, platform, channel, state, revision, expires, body FROM proposals ", $condition)
    };
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

impl Sqlite {
    /// All that a query finds, oldest first where it says so; rows that are no proposals today apart.
    async fn find(&self, query: Query<'_>, intents: &Intents) -> Result<Found, ProposalStoreError> {
        let mut found = Found::default();
        for row in query.fetch_all(&self.readers).await.map_err(|error| self.fault(error))? {
            match self.restore(&row, intents)? {
                Ok(proposal) => found.proposals.push(proposal),
                Err(unusable) => found.unusable.push(unusable),
            }
        }
        Ok(found)
    }

    fn restore(&self, row: &SqliteRow, intents: &Intents) -> Result<Result<Proposal, Unusable>, StoreError> {
        let (stored, conversation, expires) = self.read(row)?;
        let (id, state) = (stored.id, stored.state);
        let restored = Proposal::restore(stored, intents);
        Ok(restored.map_err(|error| Unusable { id, conversation, state, expires, error }))
    }

    fn read(&self, row: &SqliteRow) -> Result<(StoredProposal, ConversationId, Timestamp), StoreError> {
        let text = |column| row.try_get::<String, _>(column).map_err(|error| self.fault(error));
        let number = |column| row.try_get::<i64, _>(column).map_err(|error| self.fault(error));
        let stored = StoredProposal {
            id: self.parse(&text("id")?)?,
            state: self.parse(&text("state")?)?,
            revision: number("revision")?.cast_unsigned(),
            body: text("body")?,
        };
        let conversation = ConversationId { platform: text("platform")?, channel: text("channel")? };
        let expires = Timestamp::from_microsecond(number("expires")?).map_err(|error| self.damaged(error))?;
        Ok((stored, conversation, expires))
    }

    fn parse<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(&self, text: &str) -> Result<T, StoreError> {
        text.parse().map_err(|error: T::Err| self.damaged(error))
    }
}

#[async_trait]
impl ProposalStore for Sqlite {
    async fn save(&self, proposal: &Proposal, events: &[AuditEvent]) -> Result<(), ProposalStoreError> {
        const INSERT: &str =
            "INSERT INTO proposals (state, owner, expires, body, id, revision, platform, channel, code, created)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
        const UPDATE: &str = "UPDATE proposals SET state = $1, owner = $2, expires = $3, body = $4, revision = $6
            WHERE id = $5 AND revision = $6 - 1";
        let stored = proposal.to_stored().map_err(|error| self.damaged(error))?;
        let query = sqlx::query(if stored.revision == 1 { INSERT } else { UPDATE })
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
        let mut found = self.find(sqlx::query(select!("WHERE id = $1")).bind(id.to_string()), intents).await?;
        match found.unusable.pop() {
            Some(Unusable { id, error, .. }) => Err(ProposalStoreError::Unusable { id, source: error }),
            None => Ok(found.proposals.pop()),
        }
    }

    async fn pending(&self, conversation: &ConversationId, intents: &Intents) -> Result<Found, ProposalStoreError> {
        const QUERY: &str =
            select!("WHERE platform = $1 AND channel = $2 AND state IN ('pending', 'approved') ORDER BY created, id");
        self.find(sqlx::query(QUERY).bind(&conversation.platform).bind(&conversation.channel), intents).await
    }

    async fn unfinished(&self, intents: &Intents) -> Result<Found, ProposalStoreError> {
        // Also those that came to their end while the end of their execution could not be written.
        const QUERY: &str = select!(
            "WHERE state IN ('pending', 'approved', 'executing')
                OR id IN (SELECT proposal FROM executions WHERE closed IS NULL) ORDER BY created, id"
        );
        self.find(sqlx::query(QUERY), intents).await
    }

    async fn by_code(
        &self,
        conversation: &ConversationId,
        code: &ProposalCode,
        intents: &Intents,
    ) -> Result<Found, ProposalStoreError> {
        const QUERY: &str = select!("WHERE platform = $1 AND channel = $2 AND code = $3 ORDER BY created, id");
        let ConversationId { platform, channel } = conversation;
        self.find(sqlx::query(QUERY).bind(platform).bind(channel).bind(code.as_str()), intents).await
    }
}

#[async_trait]
impl Recovery for Sqlite {
    async fn remains(&self, proposal: ProposalId) -> Result<Option<Remains>, ProposalStoreError> {
        const QUERY: &str = "SELECT proposals.owner, executions.id AS execution, executions.outcome
            FROM proposals LEFT JOIN executions ON executions.proposal = proposals.id WHERE proposals.id = $1";
        let row = sqlx::query(QUERY).bind(proposal.to_string()).fetch_optional(&self.readers).await;
        let read = |row: SqliteRow| {
            let owner: String = row.try_get("owner")?;
            let execution: Option<String> = row.try_get("execution")?;
            let outcome: Option<String> = row.try_get("outcome")?;
            Ok((owner, execution, outcome))
        };
        let row = row.and_then(|row| row.map(read).transpose()).map_err(|error| self.fault(error))?;
        let Some((owner, execution, outcome)) = row else { return Ok(None) };
        if !self.owner.is_gone(&self.path, &owner).await.map_err(|error| self.fault(error.into()))? {
            return Ok(None);
        }
        let execution = execution.map(|id| self.parse(&id)).transpose()?;
        let outcome = outcome.map(|json| serde_json::from_str::<Outcome>(&json)).transpose();
        let trace = match (&execution, outcome.map_err(|error| self.damaged(error))?) {
            (None, _) => Trace::NotOpened,
            (Some(_), None) => Trace::Open,
            (Some(_), Some(outcome)) => Trace::Closed(outcome),
        };
        Ok(Some(Remains { trace, execution }))
    }

    async fn retire(&self, unusable: &Unusable, to: State, events: &[AuditEvent]) -> Result<(), ProposalStoreError> {
        const UPDATE: &str = "UPDATE proposals SET state = $1, revision = revision + 1 WHERE id = $2 AND state = $3";
        let query = sqlx::query(UPDATE).bind(to.as_str()).bind(unusable.id.to_string()).bind(unusable.state.as_str());
        let mut transaction = self.begin().await?;
        let saved = query.execute(&mut *transaction).await.map_err(|error| self.fault(error))?;
        if saved.rows_affected() == 0 {
            return Err(ProposalStoreError::Conflict(unusable.id));
        }
        self.append_in(&mut transaction, events).await?;
        Ok(self.commit(transaction).await?)
    }
}
