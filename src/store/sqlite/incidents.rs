//! Incidents of our own. A transaction has the right to write from its beginning, so that numbers follow one another.

use async_trait::async_trait;
use sqlx::{Sqlite as Driver, Transaction};

use super::{Sqlite, StoreError};
use crate::domain::{
    ExecutionId, Incident, IncidentError, IncidentKey, IncidentLog, IncidentState, IncidentUpdate, NewIncident, Stamp,
};
use crate::store::rows::{RowFault, incident, incident_key};
use crate::store::statements::{
    INCIDENT, INCIDENT_OF_EXECUTION, OPEN_INCIDENT, OPEN_INCIDENTS, RESOLVE_INCIDENT, RESOLVED_INCIDENTS,
    UPDATE_INCIDENT,
};

impl Sqlite {
    /// Begins to write to the log, unless the execution has written already: then to which incident.
    async fn begin_incident(
        &self,
        execution: ExecutionId,
    ) -> Result<Result<Transaction<'static, Driver>, IncidentKey>, StoreError> {
        let mut transaction = self.begin().await?;
        let query = sqlx::query(INCIDENT_OF_EXECUTION).bind(execution.to_string());
        let row = query.fetch_optional(&mut *transaction).await.map_err(|error| self.fault(error))?;
        match row {
            Some(row) => incident_key(&row).map(Err).map_err(|fault| self.row_fault(fault)),
            None => Ok(Ok(transaction)),
        }
    }

    async fn incident_in(
        &self,
        connection: impl sqlx::Executor<'_, Database = Driver>,
        key: IncidentKey,
    ) -> Result<Incident, IncidentError> {
        let row = sqlx::query(INCIDENT).bind(key.number()).fetch_optional(connection).await;
        let row = row.map_err(|error| self.fault(error))?.ok_or(IncidentError::Unknown(key))?;
        incident(&row).map_err(|fault| self.row_fault(fault).into())
    }
}

#[async_trait]
impl IncidentLog for Sqlite {
    async fn open_incident(&self, about: &NewIncident, stamp: &Stamp) -> Result<IncidentKey, IncidentError> {
        let mut transaction = match self.begin_incident(stamp.execution).await? {
            Ok(transaction) => transaction,
            Err(already) => return Ok(already),
        };
        let query = sqlx::query(OPEN_INCIDENT)
            .bind(&about.title)
            .bind(&about.severity)
            .bind(&about.service)
            .bind(stamp.at.as_microsecond())
            .bind(stamp.by.to_string())
            .bind(stamp.execution.to_string());
        let row = query.fetch_one(&mut *transaction).await.map_err(|error| self.fault(error))?;
        let key = incident_key(&row).map_err(|fault| self.row_fault(fault))?;
        self.commit(transaction).await?;
        Ok(key)
    }

    async fn update_incident(&self, key: IncidentKey, update: &IncidentUpdate) -> Result<(), IncidentError> {
        let IncidentUpdate { stamp, text } = update;
        let Ok(mut transaction) = self.begin_incident(stamp.execution).await? else { return Ok(()) };
        self.incident_in(&mut *transaction, key).await?.still_open()?;
        let query = sqlx::query(UPDATE_INCIDENT)
            .bind(key.number())
            .bind(stamp.at.as_microsecond())
            .bind(stamp.by.to_string())
            .bind(stamp.execution.to_string())
            .bind(text);
        query.execute(&mut *transaction).await.map_err(|error| self.fault(error))?;
        Ok(self.commit(transaction).await?)
    }

    async fn resolve_incident(&self, key: IncidentKey, stamp: &Stamp) -> Result<(), IncidentError> {
        let Ok(mut transaction) = self.begin_incident(stamp.execution).await? else { return Ok(()) };
        self.incident_in(&mut *transaction, key).await?.still_open()?;
        let query = sqlx::query(RESOLVE_INCIDENT)
            .bind(key.number())
            .bind(stamp.at.as_microsecond())
            .bind(stamp.by.to_string())
            .bind(stamp.execution.to_string());
        query.execute(&mut *transaction).await.map_err(|error| self.fault(error))?;
        Ok(self.commit(transaction).await?)
    }

    async fn incident(&self, key: IncidentKey) -> Result<Incident, IncidentError> {
        self.incident_in(&self.readers, key).await
    }

    async fn incidents(
        &self,
        state: IncidentState,
        severity: Option<&str>,
        most: u32,
    ) -> Result<Vec<Incident>, IncidentError> {
        let statement = match state {
            IncidentState::Open => OPEN_INCIDENTS,
            IncidentState::Resolved => RESOLVED_INCIDENTS,
        };
        let rows = sqlx::query(statement).bind(severity).bind(i64::from(most)).fetch_all(&self.readers).await;
        let found: Result<_, RowFault> = rows.map_err(|error| self.fault(error))?.iter().map(incident).collect();
        found.map_err(|fault| self.row_fault(fault).into())
    }
}
