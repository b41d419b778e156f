//! Proposals: saved with their events in one transaction, read back against the intents of the day, and taken over from
//! replicas that are gone.

use async_trait::async_trait;

use super::work::Statement;
use super::{Postgres, StoreError};
use crate::audit::AuditEvent;
use crate::domain::{ConversationId, Intents, ProposalCode, ProposalId};
use crate::proposal::{Found, Proposal, ProposalStore, ProposalStoreError, State, StoredProposal, Unusable};
use crate::store::rows::{found, remains, state};
use crate::store::statements::{
    BY_CODE, INSERT_PROPOSAL, PENDING, PROPOSAL, RETIRE_PROPOSAL, UNFINISHED, UPDATE_PROPOSAL,
};
use crate::store::{Recovery, Remains};

impl Postgres {
    async fn find(&self, query: Statement<'_>, intents: &Intents) -> Result<Found, ProposalStoreError> {
        let rows = self.all(query).await?;
        Ok(found(&rows, intents).map_err(|fault| self.row_fault(fault))?)
    }

    async fn save_stored(
        &self,
        proposal: &Proposal,
        stored: StoredProposal,
        events: &[AuditEvent],
    ) -> Result<(), ProposalStoreError> {
        let query = sqlx::query(if stored.revision == 1 { INSERT_PROPOSAL } else { UPDATE_PROPOSAL })
            .bind(stored.state.as_str())
            .bind(&self.id)
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
        self.change(stored.id, query, events).await
    }

    /// Changes one proposal and appends the events, or does neither.
    async fn change(
        &self,
        proposal: ProposalId,
        change: Statement<'_>,
        events: &[AuditEvent],
    ) -> Result<(), ProposalStoreError> {
        let mut work = self.begin().await?;
        if work.execute(change).await.map_err(|error| self.fault(error))? == 0 {
            self.roll_back(work).await;
            return Err(ProposalStoreError::Conflict(proposal));
        }
        self.append_in(&mut work, events).await?;
        Ok(self.commit(work).await?)
    }

    /// Sees to a change of a proposal that may be adrift: it is no more once it is changed, and it is if nobody knows
    /// whether it was.
    async fn settle<T>(
        &self,
        proposal: ProposalId,
        change: impl Future<Output = Result<T, ProposalStoreError>>,
    ) -> Result<T, ProposalStoreError> {
        // Before it is tried: whoever recovers it meanwhile has read what stood there before, and will not be saved.
        self.adrift().remove(&proposal);
        let changed = change.await;
        if matches!(changed, Err(ProposalStoreError::Failed { .. })) {
            self.adrift().insert(proposal);
        }
        changed
    }
}

#[async_trait]
impl ProposalStore for Postgres {
    async fn save(&self, proposal: &Proposal, events: &[AuditEvent]) -> Result<(), ProposalStoreError> {
        let stored = proposal.to_stored().map_err(|error| self.damaged(error))?;
        self.settle(stored.id, self.save_stored(proposal, stored, events)).await
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
impl Recovery for Postgres {
    /// Takes the proposal over, if its replica is gone: from then on that one cannot open its execution, whatever it
    /// believes. Only then is looked at what is left.
    async fn remains(&self, proposal: ProposalId) -> Result<Option<Remains>, ProposalStoreError> {
        const TAKE_OVER: &str = "UPDATE proposals SET owner = $2
            WHERE id = $1 AND (state IN ('pending', 'approved', 'executing')
                OR EXISTS (SELECT FROM executions WHERE proposal = $1 AND closed IS NULL))
            AND (owner = $2 AND $3 OR owner <> $2
                AND NOT EXISTS (SELECT FROM replicas WHERE id = proposals.owner AND lapses > clock_timestamp()))
            RETURNING state";
        const LEFT: &str = "SELECT executions.id AS execution, executions.outcome
            FROM proposals LEFT JOIN executions ON executions.proposal = proposals.id WHERE proposals.id = $1";
        let id = proposal.to_string();
        let adrift = self.adrift().contains(&proposal);
        let mut work = self.begin().await?;
        let query = sqlx::query(TAKE_OVER).bind(&id).bind(&self.id).bind(adrift);
        let Some(taken) = work.first(query).await.map_err(|error| self.fault(error))? else {
            self.roll_back(work).await;
            return Ok(None);
        };
        let left = work.first(sqlx::query(LEFT).bind(&id)).await.map_err(|error| self.fault(error))?;
        // If this is not committed, it belongs to the one who is gone, and is asked for again.
        self.commit(work).await?;
        // What people are asked about ends by its time; anything else must be brought to an end.
        if !matches!(state(&taken).map_err(|fault| self.row_fault(fault))?, State::Pending | State::Approved) {
            self.adrift().insert(proposal);
        }
        let left = left.map(|row| remains(&row)).transpose();
        left.map_err(|fault| StoreError::into(self.row_fault(fault)))
    }

    async fn retire(&self, unusable: &Unusable, to: State, events: &[AuditEvent]) -> Result<(), ProposalStoreError> {
        let query =
            sqlx::query(RETIRE_PROPOSAL).bind(to.as_str()).bind(unusable.id.to_string()).bind(unusable.state.as_str());
        self.settle(unusable.id, self.change(unusable.id, query, events)).await
    }
}
