//! The record: appending in one transaction with what it tells, executions opened and closed once, reading back.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::{Sqlite, StoreError};
use crate::audit::{
    AuditEvent, AuditLog, AuditLogError, ChainRow, Entry, Halt, Head, Ledger, LedgerError, Named, Search, WhenHalted,
};
use crate::domain::{ExecutionId, Outcome, ProposalId};
use crate::store::rows::{self, chain_row, entry, wanted};
use crate::store::statements::{
    APPEND_EVENT, CLOSE_EXECUTION, EVENTS_AFTER, HALT, HALTED, LAST_EVENT, LIFT, OPEN_EXECUTION, OUTCOME,
    open_elsewhere,
};

impl Sqlite {
    /// Appends events to the chain, within the caller's transaction. Whoever is here holds the store's only right to
    /// write, so nothing can come between the head and the next row.
    pub(super) async fn append_in(
        &self,
        connection: &mut SqliteConnection,
        events: &[AuditEvent],
    ) -> Result<(), StoreError> {
        let mut head = self.head_in(connection).await?;
        for event in events {
            let row = ChainRow::following(head, event).map_err(|error| self.damaged(error))?;
            sqlx::query(APPEND_EVENT)
                .bind(row.sequence.cast_signed())
                .bind(&row.previous)
                .bind(&row.event)
                .bind(&row.hash)
                .execute(&mut *connection)
                .await
                .map_err(|error| self.fault(error))?;
            head = row.head().map_err(|error| self.damaged(error))?;
        }
        Ok(())
    }

    async fn halt_in(&self, connection: &mut SqliteConnection) -> Result<Option<Halt>, StoreError> {
        let row = sqlx::query(HALTED).fetch_optional(connection).await.map_err(|error| self.fault(error))?;
        row.map(|row| rows::halt(&row)).transpose().map_err(|fault| self.row_fault(fault))
    }

    /// What another living process does to a target.
    async fn busy_in(
        &self,
        connection: &mut SqliteConnection,
        target: Option<&str>,
    ) -> Result<Option<LedgerError>, StoreError> {
        let Some(target) = target else { return Ok(None) };
        let query = sqlx::query(open_elsewhere!("")).bind(target).bind(self.owner.id());
        for row in query.fetch_all(connection).await.map_err(|error| self.fault(error))? {
            let owner: String = row.try_get("owner").map_err(|error| self.fault(error))?;
            if !self.owner.is_gone(&self.path, &owner).await.map_err(|error| self.fault(error.into()))? {
                return rows::busy(&row).map(Some).map_err(|fault| self.row_fault(fault));
            }
        }
        Ok(None)
    }

    pub(super) async fn head_in(&self, connection: &mut SqliteConnection) -> Result<Head, StoreError> {
        let last = sqlx::query(LAST_EVENT).fetch_optional(connection).await.map_err(|error| self.fault(error))?;
        match last {
            None => Ok(Head::genesis()),
            Some(row) => {
                chain_row(&row).map_err(|error| self.fault(error))?.head().map_err(|error| self.damaged(error))
            }
        }
    }
}

#[async_trait]
impl Ledger for Sqlite {
    async fn append(&self, event: AuditEvent) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        self.append_in(&mut transaction, &[event]).await?;
        Ok(self.commit(transaction).await?)
    }

    async fn open_execution(
        &self,
        execution: ExecutionId,
        proposal: ProposalId,
        target: Option<&str>,
        when_halted: WhenHalted,
        event: AuditEvent,
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        if when_halted == WhenHalted::Refuse
            && let Some(halt) = self.halt_in(&mut transaction).await?
        {
            return Err(LedgerError::Halted(halt));
        }
        let stands = sqlx::query("SELECT state, owner FROM proposals WHERE id = $1")
            .bind(proposal.to_string())
            .fetch_optional(&mut *transaction)
            .await
            .and_then(|row| {
                row.map(|row| Ok((row.try_get::<String, _>("state")?, row.try_get::<String, _>("owner")?))).transpose()
            })
            .map_err(|error| self.fault(error))?;
        let opened = sqlx::query(OPEN_EXECUTION)
            .bind(execution.to_string())
            .bind(proposal.to_string())
            .bind(event.at.as_microsecond())
            .bind(target);
        // Whether it ran before is the better answer, so the state is looked at after the row.
        match opened.execute(&mut *transaction).await {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Err(LedgerError::AlreadyOpened(proposal));
            }
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                return Err(LedgerError::NotApproved(proposal));
            }
            Err(error) => return Err(self.fault(error).into()),
            Ok(_) => match stands {
                Some((state, owner)) if state == "executing" && owner == self.owner.id() => {}
                Some((state, _)) if state == "executing" => return Err(LedgerError::Elsewhere(proposal)),
                _ => return Err(LedgerError::NotApproved(proposal)),
            },
        }
        if let Some(busy) = self.busy_in(&mut transaction, target).await? {
            return Err(busy);
        }
        self.append_in(&mut transaction, &[event]).await?;
        Ok(self.commit(transaction).await?)
    }

    async fn close_execution(
        &self,
        execution: ExecutionId,
        outcome: &Outcome,
        at: Timestamp,
        event: AuditEvent,
    ) -> Result<(), LedgerError> {
        let outcome = serde_json::to_string(outcome).map_err(|error| self.damaged(error))?;
        let mut transaction = self.begin().await?;
        let closed = sqlx::query(CLOSE_EXECUTION)
            .bind(at.as_microsecond())
            .bind(outcome)
            .bind(execution.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(|error| self.fault(error))?;
        if closed.rows_affected() == 0 {
            return Err(LedgerError::NotOpen(execution));
        }
        self.append_in(&mut transaction, &[event]).await?;
        Ok(self.commit(transaction).await?)
    }

    async fn halt(&self, halt: &Halt, event: AuditEvent) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        sqlx::query(HALT)
            .bind(halt.by.to_string())
            .bind(halt.since.as_microsecond())
            .bind(&halt.reason)
            .execute(&mut *transaction)
            .await
            .map_err(|error| self.fault(error))?;
        self.append_in(&mut transaction, &[event]).await?;
        Ok(self.commit(transaction).await?)
    }

    async fn lift(&self, event: AuditEvent) -> Result<Option<Halt>, LedgerError> {
        let mut transaction = self.begin().await?;
        let Some(halt) = self.halt_in(&mut transaction).await? else { return Ok(None) };
        sqlx::query(LIFT).execute(&mut *transaction).await.map_err(|error| self.fault(error))?;
        self.append_in(&mut transaction, &[event]).await?;
        self.commit(transaction).await?;
        Ok(Some(halt))
    }

    async fn halted(&self) -> Result<Option<Halt>, LedgerError> {
        let mut connection = self.readers.acquire().await.map_err(|error| self.fault(error))?;
        Ok(self.halt_in(&mut connection).await?)
    }
}

#[async_trait]
impl AuditLog for Sqlite {
    async fn search(&self, search: &Search) -> Result<Vec<Entry>, AuditLogError> {
        /// Rows looked at in one query.
        const PAGE: u32 = 500;
        let mut found = Vec::new();
        let mut before = search.before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        loop {
            // What has an index is asked of SQLite; `Search::matches` decides.
            let mut query = QueryBuilder::new("SELECT sequence, event FROM audit_events WHERE sequence < ");
            query.push_bind(before);
            if !search.by.is_empty() {
                let mut accounts = query.push(" AND actor IN (").separated(", ");
                search.by.iter().for_each(|actor| {
                    accounts.push_bind(actor.to_string());
                });
                query.push(")");
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
                query.push(" AND second >= ").push_bind(since.as_second());
            }
            if let Some(until) = search.until {
                query.push(" AND second <= ").push_bind(until.as_second());
            }
            query.push(" ORDER BY sequence DESC LIMIT ").push_bind(PAGE);
            let rows = query.build().fetch_all(&self.readers).await.map_err(|error| self.fault(error))?;
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
        let rows = sqlx::query(EVENTS_AFTER).bind(after.cast_signed()).bind(limit).fetch_all(&self.readers).await;
        let rows = rows.and_then(|rows| rows.iter().map(chain_row).collect());
        Ok(rows.map_err(|error| self.fault(error))?)
    }

    async fn head(&self) -> Result<Head, AuditLogError> {
        let mut connection = self.readers.acquire().await.map_err(|error| self.fault(error))?;
        Ok(self.head_in(&mut connection).await?)
    }

    async fn outcome(&self, execution: ExecutionId) -> Result<Option<Outcome>, AuditLogError> {
        let query = sqlx::query_scalar(OUTCOME).bind(execution.to_string());
        let found: Option<Option<String>> =
            query.fetch_optional(&self.readers).await.map_err(|error| self.fault(error))?;
        let outcome = found.flatten().map(|outcome| serde_json::from_str(&outcome)).transpose();
        Ok(outcome.map_err(|error| self.damaged(error))?)
    }
}
