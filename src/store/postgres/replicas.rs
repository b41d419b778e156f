//! Replicas: signs of life by the server's clock, who is on duty, and what nobody sees to any more.

use async_trait::async_trait;
use jiff::Timestamp;

use super::work::{Statement, Work};
use super::{Postgres, StoreError};
use crate::domain::{ExecutionId, ProposalId};
use crate::store::Replicas;
use crate::store::rows::{RowFault, execution_id, proposal_id};

/// How many proposals are brought to their end at once.
const AT_ONCE: i64 = 100;

const LIVE: &str = "INSERT INTO replicas (id, lapses) VALUES ($1, clock_timestamp() + make_interval(secs => $2))
    ON CONFLICT (id) DO UPDATE SET lapses = excluded.lapses";

impl Postgres {
    fn live(&self) -> Statement<'_> {
        sqlx::query(LIVE).bind(&self.id).bind(self.lease.as_secs_f64())
    }

    /// By the connection that is kept for it.
    async fn pulse(&self, statement: Statement<'_>) -> Result<(), StoreError> {
        let done = async {
            let mut work = Work::plain(&self.pulse, self.limit()).await?;
            work.execute(statement).await?;
            work.end();
            Ok(())
        };
        done.await.map_err(|error| self.fault(error))
    }

    /// Enters this process among the replicas, and strikes out those that have long been gone.
    pub(super) async fn enter(&self) -> Result<(), StoreError> {
        const STRIKE: &str = "DELETE FROM replicas WHERE lapses < clock_timestamp() - INTERVAL '1 day'";
        self.pulse(self.live()).await?;
        self.pulse(sqlx::query(STRIKE)).await
    }

    /// Strikes this process out.
    pub(super) async fn leave(&self) -> Result<(), StoreError> {
        self.pulse(sqlx::query("DELETE FROM replicas WHERE id = $1").bind(&self.id)).await
    }

    async fn ids(&self, query: Statement<'_>) -> Result<Vec<ProposalId>, StoreError> {
        let ids: Result<_, RowFault> = self.all(query).await?.iter().map(proposal_id).collect();
        ids.map_err(|fault| self.row_fault(fault))
    }
}

#[async_trait]
impl Replicas for Postgres {
    fn lease(&self) -> std::time::Duration {
        self.lease
    }

    async fn renew(&self) -> Result<(), StoreError> {
        self.pulse(self.live()).await
    }

    async fn any_adrift(&self) -> Result<bool, StoreError> {
        const ADRIFT: &str = "SELECT id FROM proposals
            WHERE id IN (SELECT id FROM proposals WHERE state IN ('pending', 'approved', 'executing')
                UNION SELECT proposal FROM executions WHERE closed IS NULL)
            AND (owner = $1 AND state NOT IN ('pending', 'approved') AND id = ANY($2) OR owner <> $1
                AND NOT EXISTS (SELECT FROM replicas WHERE replicas.id = proposals.owner AND lapses > clock_timestamp()))";
        let known: Vec<ProposalId> = self.adrift().iter().copied().collect();
        let texts: Vec<String> = known.iter().map(ToString::to_string).collect();
        let found = self.ids(sqlx::query(ADRIFT).bind(&self.id).bind(texts)).await?;
        // The others have come to their end, or somebody else sees to them.
        self.adrift().retain(|id| found.contains(id) || !known.contains(id));
        Ok(!found.is_empty())
    }

    async fn to_be_stopped(&self, running: &[ExecutionId]) -> Result<Vec<ExecutionId>, StoreError> {
        // As `audit::Fact` writes it.
        const STOP: &str = "SELECT id FROM executions WHERE id = ANY($1) AND EXISTS (SELECT FROM audit_events
            WHERE audit_events.proposal = executions.proposal
            AND replace(event, '\\u0000', '\\u0001')::json ->> 'kind' = 'stop_requested')";
        if running.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<String> = running.iter().map(ToString::to_string).collect();
        let rows = self.all(sqlx::query(STOP).bind(texts)).await?;
        let ids: Result<_, RowFault> = rows.iter().map(execution_id).collect();
        ids.map_err(|fault| self.row_fault(fault))
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<ProposalId>, StoreError> {
        const TAKE: &str = "UPDATE duty SET replica = $1 WHERE replica <> $1
            AND EXISTS (SELECT FROM replicas WHERE id = $1 AND lapses > clock_timestamp())
            AND NOT EXISTS (SELECT FROM replicas WHERE id = duty.replica AND lapses > clock_timestamp())";
        const DUE: &str = "SELECT id FROM proposals WHERE state IN ('pending', 'approved') AND expires <= $2
            AND EXISTS (SELECT FROM duty JOIN replicas ON replicas.id = duty.replica
                WHERE duty.replica = $1 AND lapses > clock_timestamp())
            ORDER BY created LIMIT $3";
        if self.execute(sqlx::query(TAKE).bind(&self.id)).await? > 0 {
            tracing::info!(replica = self.id, "on duty: this replica sees to what is due");
        }
        self.ids(sqlx::query(DUE).bind(&self.id).bind(now.as_microsecond()).bind(AT_ONCE)).await
    }
}
