//! The record: one chain, whichever replica appends to it; executions opened by whom they belong to, and closed once.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row};

use super::work::Work;
use super::{LOCKS, Postgres, StoreError, storable};
use crate::audit::{
    AuditEvent, AuditLog, AuditLogError, ChainRow, Entry, Halt, Head, Ledger, LedgerError, Named, Search, WhenHalted,
};
use crate::domain::{ExecutionId, Outcome, ProposalId};
use crate::proposal::State;
use crate::store::rows::{self, Columns as _, chain_row, entry, state, wanted};
use crate::store::statements::{
    APPEND_EVENT, CLOSE_EXECUTION, EVENTS_AFTER, HALT, HALTED, LAST_EVENT, LIFT, OPEN_EXECUTION, OUTCOME,
    open_elsewhere,
};

impl Postgres {
    /// Takes the chain's lock, which is held until the transaction ends. Only then is the head read, in a statement of its
    /// own: one that waited for the lock itself would still see the chain as it was before it waited.
    pub(super) async fn lock_chain(&self, work: &mut Work) -> Result<(), StoreError> {
        const LOCK: &str = "SELECT pg_advisory_xact_lock($1, 'audit_events'::regclass::oid::INT)";
        work.execute(sqlx::query(LOCK).bind(LOCKS)).await.map(drop).map_err(|error| self.fault(error))
    }

    async fn halt_in(&self, work: &mut Work) -> Result<Option<Halt>, StoreError> {
        let row = work.first(sqlx::query(HALTED)).await.map_err(|error| self.fault(error))?;
        row.map(|row| rows::halt(&row)).transpose().map_err(|fault| self.row_fault(fault))
    }

    /// Appends events to the chain, within the caller's transaction, as the last thing that it does.
    pub(super) async fn append_in(&self, work: &mut Work, events: &[AuditEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.lock_chain(work).await?;
        let mut head = self.head_in(work).await?;
        for event in events {
            let row = ChainRow::following(head, event).map_err(|error| self.damaged(error))?;
            let append = sqlx::query(APPEND_EVENT)
                .bind(row.sequence.cast_signed())
                .bind(&row.previous)
                .bind(&row.event)
                .bind(&row.hash);
            work.execute(append).await.map_err(|error| self.fault(error))?;
            head = row.head().map_err(|error| self.damaged(error))?;
        }
        Ok(())
    }

    /// What another living replica does to a target.
    async fn busy_in(&self, work: &mut Work, target: Option<&str>) -> Result<Option<LedgerError>, StoreError> {
        const ELSEWHERE: &str = open_elsewhere!(
            " AND EXISTS (SELECT FROM replicas WHERE replicas.id = proposals.owner AND lapses > clock_timestamp()) LIMIT 1"
        );
        let Some(target) = target else { return Ok(None) };
        let query = sqlx::query(ELSEWHERE).bind(target).bind(&self.id);
        let row = work.first(query).await.map_err(|error| self.fault(error))?;
        row.map(|row| rows::busy(&row)).transpose().map_err(|fault| self.row_fault(fault))
    }

    pub(super) async fn head_in(&self, work: &mut Work) -> Result<Head, StoreError> {
        match work.first(sqlx::query(LAST_EVENT)).await.map_err(|error| self.fault(error))? {
            None => Ok(Head::genesis()),
            Some(row) => {
                chain_row(&row).map_err(|error| self.fault(error))?.head().map_err(|error| self.damaged(error))
            }
        }
    }

    /// Why a proposal's execution must not be opened here: it does not stand as executing, somebody else sees to it, or
    /// others take this process for gone. The row stays locked, so that nobody can take it over before this is open.
    async fn objection(&self, work: &mut Work, proposal: ProposalId) -> Result<Option<LedgerError>, StoreError> {
        const LOCK: &str = "SELECT state, owner = $2 AS ours,
            EXISTS (SELECT FROM replicas WHERE id = $2 AND lapses > clock_timestamp()) AS alive
            FROM proposals WHERE id = $1 FOR UPDATE";
        let query = sqlx::query(LOCK).bind(proposal.to_string()).bind(&self.id);
        let row = work.first(query).await.map_err(|error| self.fault(error))?;
        let Some(row) = row else { return Ok(Some(LedgerError::NotApproved(proposal))) };
        let flag = |column| row.try_get::<bool, _>(column).map_err(|error| self.fault(error));
        Ok(match (state(&row).map_err(|fault| self.row_fault(fault))?, flag("ours")?, flag("alive")?) {
            (State::Executing, true, true) => None,
            (State::Executing, false, _) => Some(LedgerError::Elsewhere(proposal)),
            (State::Executing, true, false) => Some(self.lapsed().into()),
            _ => Some(LedgerError::NotApproved(proposal)),
        })
    }
}

#[async_trait]
impl Ledger for Postgres {
    async fn append(&self, event: AuditEvent) -> Result<(), LedgerError> {
        let mut work = self.begin().await?;
        self.append_in(&mut work, &[event]).await?;
        Ok(self.commit(work).await?)
    }

    async fn open_execution(
        &self,
        execution: ExecutionId,
        proposal: ProposalId,
        target: Option<&str>,
        when_halted: WhenHalted,
        event: AuditEvent,
    ) -> Result<(), LedgerError> {
        let mut work = self.begin().await?;
        let objection = self.objection(&mut work, proposal).await?;
        let open = sqlx::query(OPEN_EXECUTION)
            .bind(execution.to_string())
            .bind(proposal.to_string())
            .bind(event.at.as_microsecond())
            .bind(target);
        // Whether it ran before is the better answer, so objections are looked at after the row.
        let refusal = match work.execute(open).await {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Some(LedgerError::AlreadyOpened(proposal))
            }
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Some(LedgerError::NotApproved(proposal))
            }
            Err(error) => return Err(self.fault(error).into()),
            Ok(_) => objection,
        };
        if let Some(refusal) = refusal {
            self.roll_back(work).await;
            return Err(refusal);
        }
        // Behind the lock of the chain, as the halt itself is: what is not halted here is on record before the halt.
        self.lock_chain(&mut work).await?;
        if when_halted == WhenHalted::Refuse
            && let Some(halt) = self.halt_in(&mut work).await?
        {
            self.roll_back(work).await;
            return Err(LedgerError::Halted(halt));
        }
        // Behind that lock, too: whoever opened one before has committed it.
        if let Some(busy) = self.busy_in(&mut work, target).await? {
            self.roll_back(work).await;
            return Err(busy);
        }
        self.append_in(&mut work, &[event]).await?;
        Ok(self.commit(work).await?)
    }

    async fn close_execution(
        &self,
        execution: ExecutionId,
        outcome: &Outcome,
        at: Timestamp,
        event: AuditEvent,
    ) -> Result<(), LedgerError> {
        let outcome = serde_json::to_string(outcome).map_err(|error| self.damaged(error))?;
        let mut work = self.begin().await?;
        let close = sqlx::query(CLOSE_EXECUTION).bind(at.as_microsecond()).bind(outcome).bind(execution.to_string());
        if work.execute(close).await.map_err(|error| self.fault(error))? == 0 {
            self.roll_back(work).await;
            return Err(LedgerError::NotOpen(execution));
        }
        self.append_in(&mut work, &[event]).await?;
        Ok(self.commit(work).await?)
    }

    async fn halt(&self, halt: &Halt, event: AuditEvent) -> Result<(), LedgerError> {
        let mut work = self.begin().await?;
        self.lock_chain(&mut work).await?;
        let query = sqlx::query(HALT)
            .bind(halt.by.to_string())
            .bind(halt.since.as_microsecond())
            .bind(halt.reason.as_deref().map(storable));
        work.execute(query).await.map_err(|error| self.fault(error))?;
        self.append_in(&mut work, &[event]).await?;
        Ok(self.commit(work).await?)
    }

    async fn lift(&self, event: AuditEvent) -> Result<Option<Halt>, LedgerError> {
        let mut work = self.begin().await?;
        self.lock_chain(&mut work).await?;
        let Some(halt) = self.halt_in(&mut work).await? else {
            self.roll_back(work).await;
            return Ok(None);
        };
        work.execute(sqlx::query(LIFT)).await.map_err(|error| self.fault(error))?;
        self.append_in(&mut work, &[event]).await?;
        self.commit(work).await?;
        Ok(Some(halt))
    }

    async fn halted(&self) -> Result<Option<Halt>, LedgerError> {
        let mut work = Work::plain(&self.pool, self.limit()).await.map_err(|error| self.fault(error))?;
        let halt = self.halt_in(&mut work).await?;
        work.end();
        Ok(halt)
    }
}

#[async_trait]
impl AuditLog for Postgres {
    async fn search(&self, search: &Search) -> Result<Vec<Entry>, AuditLogError> {
        /// Rows looked at in one query.
        const PAGE: i64 = 500;
        let mut found = Vec::new();
        let mut before = search.before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        loop {
            // What has a column is asked of PostgreSQL; `Search::matches` decides.
            let mut query = QueryBuilder::new("SELECT sequence, event FROM audit_events WHERE sequence < ");
            query.push_bind(before);
            if !search.by.is_empty() {
                let accounts: Vec<String> = search.by.iter().map(ToString::to_string).collect();
                query.push(" AND actor = ANY(").push_bind(accounts).push(")");
            }
            match &search.about {
                None => {}
                Some(Named::Proposal(id)) => {
                    query.push(" AND proposal = ").push_bind(id.to_string());
                }
                Some(Named::Id(proposal, execution)) => {
                    query.push(" AND (proposal = ").push_bind(proposal.to_string());
                    query.push(" OR execution = ").push_bind(execution.to_string()).push(")");
                }
                Some(Named::Code(code)) => {
                    query.push(" AND proposal IN (SELECT id FROM proposals WHERE code = ");
                    query.push_bind(code.to_string()).push(")");
                }
            }
            if let Some(intent) = &search.intent {
                query.push(" AND intent = ").push_bind(intent.to_string());
            }
            if let Some(since) = search.since {
                query.push(" AND second >= ").push_bind(second(since));
            }
            if let Some(until) = search.until {
                query.push(" AND second <= ").push_bind(second(until));
            }
            query.push(" ORDER BY sequence DESC LIMIT ").push_bind(PAGE);
            let rows = self.all(query.build()).await?;
            for row in &rows {
                if found.len() == search.limit {
                    return Ok(found);
                }
                let (sequence, text) = entry(row).map_err(|error| self.fault(error))?;
                before = sequence;
                found.extend(wanted(search, sequence.cast_unsigned(), &text)?);
            }
            if rows.len() < PAGE as usize {
                return Ok(found);
            }
        }
    }

    async fn rows(&self, after: u64, limit: u32) -> Result<Vec<ChainRow>, AuditLogError> {
        let query = sqlx::query(EVENTS_AFTER).bind(after.cast_signed()).bind(i64::from(limit));
        let rows: Result<_, _> = self.all(query).await?.iter().map(chain_row).collect();
        Ok(rows.map_err(|error| self.fault(error))?)
    }

    async fn head(&self) -> Result<Head, AuditLogError> {
        let mut work = Work::plain(&self.pool, self.limit()).await.map_err(|error| self.fault(error))?;
        let head = self.head_in(&mut work).await?;
        work.end();
        Ok(head)
    }

    async fn outcome(&self, execution: ExecutionId) -> Result<Option<Outcome>, AuditLogError> {
        let rows = self.all(sqlx::query(OUTCOME).bind(execution.to_string())).await?;
        let outcome = rows.first().map(|row| row.text_if("outcome")).transpose().map_err(|error| self.fault(error))?;
        let outcome = outcome.flatten().map(|outcome| serde_json::from_str(&outcome)).transpose();
        Ok(outcome.map_err(|error| self.damaged(error))?)
    }
}

/// A moment as the column `second` has it.
pub(super) fn second(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
