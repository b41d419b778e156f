//! Reading rows: what SQLite and PostgreSQL have in common, which is everything but the driver.

use std::error::Error;
use std::str::FromStr;

use jiff::Timestamp;
use sqlx::{ColumnIndex, Decode, Row, Type};

use super::{Miss, MissKind, Remains};
use crate::audit::{AuditEvent, AuditLogError, ChainRow, Entry, Halt, LedgerError, Search};
use crate::domain::{
    ConversationId, ExecutionId, Incident, IncidentKey, IncidentUpdate, IntentName, Intents, NewIncident, Outcome,
    ProposalId, Stamp,
};
use crate::proposal::{Found, Proposal, State, StoredProposal, Trace, Unusable};

/// Why a row is none of ours.
#[derive(Debug)]
pub(super) enum RowFault {
    /// A column cannot be read.
    Column(sqlx::Error),
    /// What stands in it is not what we write.
    Content(Box<dyn Error + Send + Sync>),
}

impl From<sqlx::Error> for RowFault {
    fn from(error: sqlx::Error) -> Self {
        Self::Column(error)
    }
}

fn content(error: impl Into<Box<dyn Error + Send + Sync>>) -> RowFault {
    RowFault::Content(error.into())
}

/// The event of a row of the record, if it is one that is looked for.
pub(super) fn wanted(search: &Search, sequence: u64, text: &str) -> Result<Option<Entry>, AuditLogError> {
    let event: AuditEvent =
        serde_json::from_str(text).map_err(|source| AuditLogError::Unreadable { sequence, source })?;
    Ok(search.matches(&event).then_some(Entry { sequence, event }))
}

/// A row of either database, by the kinds of columns that we have.
pub(super) trait Columns {
    /// A text.
    fn text(&self, column: &'static str) -> Result<String, sqlx::Error>;
    /// A text, if there is one.
    fn text_if(&self, column: &'static str) -> Result<Option<String>, sqlx::Error>;
    /// A whole number.
    fn number(&self, column: &'static str) -> Result<i64, sqlx::Error>;
    /// A whole number, if there is one.
    fn number_if(&self, column: &'static str) -> Result<Option<i64>, sqlx::Error>;
}

impl<R: Row> Columns for R
where
    &'static str: ColumnIndex<R>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    fn text(&self, column: &'static str) -> Result<String, sqlx::Error> {
        self.try_get(column)
    }

    fn text_if(&self, column: &'static str) -> Result<Option<String>, sqlx::Error> {
        self.try_get(column)
    }

    fn number(&self, column: &'static str) -> Result<i64, sqlx::Error> {
        self.try_get(column)
    }

    fn number_if(&self, column: &'static str) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }
}

fn parse<T: FromStr<Err: Error + Send + Sync + 'static>>(text: &str) -> Result<T, RowFault> {
    text.parse().map_err(|error: T::Err| content(error))
}

/// A row of the chain: `sequence, previous, event, hash`.
pub(super) fn chain_row(row: &impl Columns) -> Result<ChainRow, sqlx::Error> {
    Ok(ChainRow {
        sequence: row.number("sequence")?.cast_unsigned(),
        previous: row.text("previous")?,
        event: row.text("event")?,
        hash: row.text("hash")?,
    })
}

/// An event and its number: `sequence, event`.
pub(super) fn entry(row: &impl Columns) -> Result<(i64, String), sqlx::Error> {
    Ok((row.number("sequence")?, row.text("event")?))
}

/// Proposals, and rows that are none today: `id, platform, channel, state, revision, expires, body`.
pub(super) fn found(rows: &[impl Columns], intents: &Intents) -> Result<Found, RowFault> {
    let mut found = Found::default();
    for row in rows {
        let stored = StoredProposal {
            id: parse(&row.text("id")?)?,
            state: parse(&row.text("state")?)?,
            revision: row.number("revision")?.cast_unsigned(),
            body: row.text("body")?,
        };
        let (id, state) = (stored.id, stored.state);
        let conversation = ConversationId { platform: row.text("platform")?, channel: row.text("channel")? };
        let expires = Timestamp::from_microsecond(row.number("expires")?).map_err(content)?;
        match Proposal::restore(stored, intents) {
            Ok(proposal) => found.proposals.push(proposal),
            Err(error) => found.unusable.push(Unusable { id, conversation, state, expires, error }),
        }
    }
    Ok(found)
}

/// The id of a proposal: `id`.
pub(super) fn proposal_id(row: &impl Columns) -> Result<ProposalId, RowFault> {
    parse(&row.text("id")?)
}

/// The id of an execution: `id`.
pub(super) fn execution_id(row: &impl Columns) -> Result<ExecutionId, RowFault> {
    parse(&row.text("id")?)
}

/// What runs elsewhere: `event`, that of an execution that began.
pub(super) fn busy(row: &impl Columns) -> Result<LedgerError, RowFault> {
    let event: AuditEvent = serde_json::from_str(&row.text("event")?).map_err(content)?;
    let (Some(command), Some(by)) = (event.command, event.actor) else {
        return Err(content("an execution began without a command, or for nobody"));
    };
    Ok(LedgerError::Busy { command, by })
}

/// Where a proposal stands: `state`.
pub(super) fn state(row: &impl Columns) -> Result<State, RowFault> {
    parse(&row.text("state")?)
}

/// What is left of an execution: `execution, outcome`, both nothing if there is none.
pub(super) fn remains(row: &impl Columns) -> Result<Remains, RowFault> {
    let execution = row.text_if("execution")?.map(|id| parse::<ExecutionId>(&id)).transpose()?;
    let outcome = row.text_if("outcome")?.map(|json| serde_json::from_str::<Outcome>(&json)).transpose();
    let trace = match (&execution, outcome.map_err(content)?) {
        (None, _) => Trace::NotOpened,
        (Some(_), None) => Trace::Open,
        (Some(_), Some(outcome)) => Trace::Closed(outcome),
    };
    Ok(Remains { trace, execution })
}

/// A miss: `at, platform, text, kind, best, meant`.
pub(super) fn miss(row: &impl Columns) -> Result<Miss, RowFault> {
    let kind = row.text("kind")?;
    Ok(Miss {
        at: Timestamp::from_microsecond(row.number("at")?).map_err(content)?,
        platform: row.text("platform")?,
        text: row.text("text")?,
        kind: MissKind::from_word(&kind).ok_or_else(|| content(format!("unknown kind of miss `{kind}`")))?,
        best: serde_json::from_str(&row.text("best")?).map_err(content)?,
        meant: row.text_if("meant")?.map(|name| parse::<IntentName>(&name)).transpose()?,
    })
}

/// A halt: `actor, since, reason`.
pub(super) fn halt(row: &impl Columns) -> Result<Halt, RowFault> {
    Ok(Halt {
        by: parse(&row.text("actor")?)?,
        since: Timestamp::from_microsecond(row.number("since")?).map_err(content)?,
        reason: row.text_if("reason")?,
    })
}

/// The key of an incident: `number`.
pub(super) fn incident_key(row: &impl Columns) -> Result<IncidentKey, RowFault> {
    IncidentKey::new(row.number("number")?).map_err(content)
}

/// An incident with its latest update: `number, title, severity, service, opened, opened_by, opened_in, resolved,
/// resolved_by, resolved_in, place, made, made_by, made_in, text`.
pub(super) fn incident(row: &impl Columns) -> Result<Incident, RowFault> {
    let latest = stamp(row, "made", "made_by", "made_in")?.zip(row.text_if("text")?);
    Ok(Incident {
        key: incident_key(row)?,
        about: NewIncident {
            title: row.text("title")?,
            severity: row.text_if("severity")?,
            service: row.text_if("service")?,
        },
        opened: stamp(row, "opened", "opened_by", "opened_in")?.ok_or_else(|| content("an incident nobody opened"))?,
        resolved: stamp(row, "resolved", "resolved_by", "resolved_in")?,
        updates: row.number_if("place")?.unwrap_or_default().cast_unsigned(),
        latest: latest.map(|(stamp, text)| IncidentUpdate { stamp, text }),
    })
}

/// Who did something, when, and by which execution, if anybody has.
fn stamp(
    row: &impl Columns,
    at: &'static str,
    by: &'static str,
    execution: &'static str,
) -> Result<Option<Stamp>, RowFault> {
    let (Some(at), Some(by), Some(execution)) = (row.number_if(at)?, row.text_if(by)?, row.text_if(execution)?) else {
        return Ok(None);
    };
    let at = Timestamp::from_microsecond(at).map_err(content)?;
    Ok(Some(Stamp { by: parse(&by)?, at, execution: parse(&execution)? }))
}
