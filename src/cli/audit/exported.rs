//! The record in a file: one row a line, with the event as it is, so that the file can be searched and verified.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::audit::{AuditEvent, AuditLog, AuditLogError, ChainRow, Head, Verified, Verifier};
use crate::cli::{Failure, print};

/// Rows of one query.
const PAGE: u32 = 1_000;

/// A row as it stands in the file. The event is kept byte for byte: its hash depends on that.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Exported {
    sequence: u64,
    previous: String,
    hash: String,
    event: Box<RawValue>,
}

impl Exported {
    fn of(row: ChainRow) -> Result<Self, AuditLogError> {
        let ChainRow { sequence, previous, event, hash } = row;
        let event = RawValue::from_string(event).map_err(|source| AuditLogError::Unreadable { sequence, source })?;
        Ok(Self { sequence, previous, hash, event })
    }

    fn into_row(self) -> ChainRow {
        let Self { sequence, previous, hash, event } = self;
        ChainRow { sequence, previous, event: event.get().to_owned(), hash }
    }

    /// Checks a file. It may begin anywhere in the record; what is proven says where.
    pub(super) fn verify(path: &Path, known: Vec<Head>) -> Result<Result<Verified, AuditLogError>, Failure> {
        let unreadable = |reason: String| Failure::Said(format!("`{}` cannot be read: {reason}", path.display()));
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let mut verifier = Verifier::new(known);
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|error| unreadable(error.to_string()))?;
            let row: Self = serde_json::from_str(&line)
                .map_err(|error| unreadable(format!("line {} is no row of a record: {error}", number + 1)))?;
            if let Err(fault) = verifier.check(&row.into_row()) {
                return Ok(Err(fault.into()));
            }
        }
        Ok(verifier.finish_part().map_err(AuditLogError::from))
    }
}

/// Writes the rows from a moment on to standard output, from the first row of which the event is not older.
pub(super) async fn write(log: &dyn AuditLog, since: Option<Timestamp>) -> Result<(), Failure> {
    let mut after = 0;
    let mut begun = since.is_none();
    loop {
        let rows = log.rows(after, PAGE).await.map_err(|error| Failure::of(&error))?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.sequence;
        for row in rows {
            begun = begun || !is_before(&row, since)?;
            if begun {
                let row = Exported::of(row).map_err(|error| Failure::of(&error))?;
                print(serde_json::to_string(&row).map_err(|error| Failure::of(&error))?);
            }
        }
    }
}

fn is_before(row: &ChainRow, since: Option<Timestamp>) -> Result<bool, Failure> {
    let event: AuditEvent = serde_json::from_str(&row.event)
        .map_err(|source| Failure::of(&AuditLogError::Unreadable { sequence: row.sequence, source }))?;
    Ok(since.is_some_and(|since| event.at < since))
}
