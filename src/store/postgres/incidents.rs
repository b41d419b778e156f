//! Incidents of our own. Whoever writes holds the log's lock, so that numbers follow one another.

use async_trait::async_trait;

use super::work::Work;
use super::{LOCKS, Postgres, StoreError, storable};
use crate::domain::{
    ExecutionId, Incident, IncidentError, IncidentKey, IncidentLog, IncidentState, IncidentUpdate, NewIncident, Stamp,
};
use crate::store::rows::{RowFault, incident, incident_key};
use crate::store::statements::{
    INCIDENT, INCIDENT_OF_EXECUTION, OPEN_INCIDENT, OPEN_INCIDENTS, RESOLVE_INCIDENT, RESOLVED_INCIDENTS,
    UPDATE_INCIDENT,
};

impl Postgres {
    /// Begins to write to the log, unless the execution has written already: then to which incident. The lock is held until
    /// the transaction ends; what it guards is read after it, in statements of their own.
    async fn begin_incident(&self, execution: ExecutionId) -> Result<Result<Work, IncidentKey>, StoreError> {
        const LOCK: &str = "SELECT pg_advisory_xact_lock($1, 'incidents'::regclass::oid::INT)";
        let mut work = self.begin().await?;
        work.execute(sqlx::query(LOCK).bind(LOCKS)).await.map_err(|error| self.fault(error))?;
        let query = sqlx::query(INCIDENT_OF_EXECUTION).bind(execution.to_string());
        let Some(row) = work.first(query).await.map_err(|error| self.fault(error))? else { return Ok(Ok(work)) };
        self.roll_back(work).await;
        incident_key(&row).map(Err).map_err(|fault| self.row_fault(fault))
    }

    /// The transaction again, if the incident is open.
    async fn on_open_incident(&self, mut work: Work, key: IncidentKey) -> Result<Work, IncidentError> {
        let row = work.first(sqlx::query(INCIDENT).bind(key.number())).await.map_err(|error| self.fault(error))?;
        let found = row.ok_or(IncidentError::Unknown(key)).and_then(|row| {
            let found = incident(&row).map_err(|fault| self.row_fault(fault))?;
            found.still_open()
        });
        match found {
            Ok(_) => Ok(work),
            Err(error) => {
                self.roll_back(work).await;
                Err(error)
            }
        }
    }
}

#[async_trait]
impl IncidentLog for Postgres {
    async fn open_incident(&self, about: &NewIncident, stamp: &Stamp) -> Result<IncidentKey, IncidentError> {
        let mut work = match self.begin_incident(stamp.execution).await? {
            Ok(work) => work,
            Err(already) => return Ok(already),
        };
        let query = sqlx::query(OPEN_INCIDENT)
            .bind(storable(&about.title))
            .bind(about.severity.as_deref().map(storable))
            .bind(about.service.as_deref().map(storable))
            .bind(stamp.at.as_microsecond())
            .bind(stamp.by.to_string())
            .bind(stamp.execution.to_string());
        let row = work.first(query).await.and_then(|row| row.ok_or(sqlx::Error::RowNotFound));
        let key = incident_key(&row.map_err(|error| self.fault(error))?).map_err(|fault| self.row_fault(fault))?;
        self.commit(work).await?;
        Ok(key)
    }

    async fn update_incident(&self, key: IncidentKey, update: &IncidentUpdate) -> Result<(), IncidentError> {
        let IncidentUpdate { stamp, text } = update;
        let Ok(work) = self.begin_incident(stamp.execution).await? else { return Ok(()) };
        let mut work = self.on_open_incident(work, key).await?;
        let query = sqlx::query(UPDATE_INCIDENT)
            .bind(key.number())
            .bind(stamp.at.as_microsecond())
            .bind(stamp.by.to_string())
            .bind(stamp.execution.to_string())
            .bind(storable(text));
        work.execute(query).await.map_err(|error| self.fault(error))?;
        Ok(self.commit(work).await?)
    }

    async fn resolve_incident(&self, key: IncidentKey, stamp: &Stamp) -> Result<(), IncidentError> {
        let Ok(work) = self.begin_incident(stamp.execution).await? else { return Ok(()) };
        let mut work = self.on_open_incident(work, key).await?;
        let query = sqlx::query(RESOLVE_INCIDENT)
            .bind(key.number())
            .bind(stamp.at.as_microsecond())
            .bind(stamp.by.to_string())
            .bind(stamp.execution.to_string());
        work.execute(query).await.map_err(|error| self.fault(error))?;
        Ok(self.commit(work).await?)
    }

    async fn incident(&self, key: IncidentKey) -> Result<Incident, IncidentError> {
        let rows = self.all(sqlx::query(INCIDENT).bind(key.number())).await?;
        let row = rows.first().ok_or(IncidentError::Unknown(key))?;
        incident(row).map_err(|fault| self.row_fault(fault).into())
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
        let rows = self.all(sqlx::query(statement).bind(severity).bind(i64::from(most))).await?;
        let found: Result<_, RowFault> = rows.iter().map(incident).collect();
        found.map_err(|fault| self.row_fault(fault).into())
    }
}
