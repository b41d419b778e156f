//! Moving a whole store into another, whatever kind either is: all or nothing, with the chain checked on both sides.

use async_trait::async_trait;
use futures_util::stream::{BoxStream, StreamExt as _};

use super::{Store, StoreError};
use crate::audit::{ChainFault, ChainRow, Head, Verifier};

/// A table that is moved. That of migrations is not, nor who is alive.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns that are moved: all that are neither generated nor numbered by the database.
    pub columns: &'static [(&'static str, Kind)],
    /// In which order: what refers to another row comes after it.
    pub order: &'static str,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Whole numbers.
    Number,
    /// Yes or no.
    Flag,
}

/// What stands in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, if there is any.
    Text(Option<String>),
    /// A whole number, if there is one.
    Number(Option<i64>),
    /// Yes or no.
    Flag(bool),
}

use Kind::{Flag, Number, Text};

/// The record, which is checked on its way.
const EVENTS: Table = Table {
    name: "audit_events",
    columns: &[("sequence", Number), ("previous", Text), ("event", Text), ("hash", Text)],
    order: "sequence",
};

/// All that is moved, in the order in which it is.
pub(super) const TABLES: [Table; 10] = [
    Table {
        name: "proposals",
        columns: &[
            ("id", Text),
            ("platform", Text),
            ("channel", Text),
            ("code", Text),
            ("state", Text),
            ("revision", Number),
            ("owner", Text),
            ("created", Number),
            ("expires", Number),
            ("body", Text),
        ],
        order: "created, id",
    },
    Table {
        name: "executions",
        columns: &[
            ("id", Text),
            ("proposal", Text),
            ("opened", Number),
            ("closed", Number),
            ("outcome", Text),
            ("target", Text),
        ],
        order: "opened, id",
    },
    EVENTS,
    Table {
        name: "halt",
        columns: &[("one", Number), ("actor", Text), ("since", Number), ("reason", Text)],
        order: "one",
    },
    Table {
        name: "messages",
        columns: &[("platform", Text), ("channel", Text), ("message", Text), ("handled", Number)],
        order: "handled, platform, channel, message",
    },
    Table {
        name: "conversations",
        columns: &[("platform", Text), ("channel", Text), ("state", Text)],
        order: "platform, channel",
    },
    Table { name: "notes", columns: &[("key", Text), ("value", Text), ("at", Number)], order: "key" },
    Table {
        name: "incidents",
        columns: &[
            ("number", Number),
            ("title", Text),
            ("severity", Text),
            ("service", Text),
            ("opened", Number),
            ("opened_by", Text),
            ("opened_in", Text),
            ("resolved", Number),
            ("resolved_by", Text),
            ("resolved_in", Text),
        ],
        order: "number",
    },
    Table {
        name: "incident_updates",
        columns: &[
            ("incident", Number),
            ("place", Number),
            ("made", Number),
            ("made_by", Text),
            ("made_in", Text),
            ("text", Text),
        ],
        order: "incident, place",
    },
    Table {
        name: "misses",
        columns: &[
            ("at", Number),
            ("platform", Text),
            ("text", Text),
            ("kind", Text),
            ("best", Text),
            ("meant", Text),
            ("settled", Flag),
        ],
        order: "id",
    },
];

impl Table {
    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// All of its rows.
    pub(super) fn select(&self) -> String {
        format!("SELECT {} FROM {} ORDER BY {}", self.names(), self.name, self.order)
    }

    /// One more row.
    pub(super) fn insert(&self) -> String {
        let places: Vec<_> = (1..=self.columns.len()).map(|number| format!("${number}")).collect();
        format!("INSERT INTO {} ({}) VALUES ({})", self.name, self.names(), places.join(", "))
    }
}

/// Rows on their way.
pub type Rows<'a> = BoxStream<'a, Result<Vec<Value>, StoreError>>;

/// A store that nobody else changes meanwhile: one transaction, which changes nothing unless it is committed.
#[async_trait]
pub trait Session: Send {
    /// Whether a living process other than this one uses the store.
    async fn is_in_use(&mut self) -> Result<bool, StoreError>;

    /// The rows of a table, in its order.
    fn rows(&mut self, table: &'static Table) -> Rows<'_>;

    /// Puts a row into a table.
    async fn insert(&mut self, table: &'static Table, row: Vec<Value>) -> Result<(), StoreError>;

    /// Makes it stand.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The tables, and how many rows of each.
    pub rows: Vec<(&'static str, u64)>,
    /// The end of the chain, the same in both.
    pub head: Head,
}

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// A store failed.
    #[error("{0}; nothing was moved")]
    Store(#[from] StoreError),
    /// Somebody would go on writing to it.
    #[error("the store to move from is in use; stop every Sayso that uses it, wait ten seconds, and try again")]
    SourceInUse,
    /// Somebody writes to it.
    #[error("the store to move to is in use; stop every Sayso that uses it, wait ten seconds, and try again")]
    TargetInUse,
    /// What is there would be mixed with what comes.
    #[error("the store to move to is not empty: `{0}` has rows; name an empty one")]
    NotEmpty(&'static str),
    /// What was altered is not handed on as if it were whole.
    #[error("{0} in the store to move from; nothing was moved")]
    Broken(ChainFault),
    /// The copy is another.
    #[error("what arrived is not what was sent: expected the head `{expected}`, found `{found}`; nothing was moved")]
    Different {
        /// Of the source.
        expected: String,
        /// Of the target.
        found: String,
    },
}

/// Moves everything, and commits it once the chain that arrived is the one that was sent. The source stays as it is.
pub async fn move_store(from: &dyn Store, to: &dyn Store) -> Result<Moved, MoveError> {
    let mut source = from.session().await?;
    if source.is_in_use().await? {
        return Err(MoveError::SourceInUse);
    }
    let mut target = to.session().await?;
    if target.is_in_use().await? {
        return Err(MoveError::TargetInUse);
    }
    for table in &TABLES {
        if let Some(row) = target.rows(table).next().await {
            row?;
            return Err(MoveError::NotEmpty(table.name));
        }
    }
    let expected = head(source.as_mut()).await?.map_err(MoveError::Broken)?;
    let mut moved = Moved { rows: Vec::new(), head: expected };
    for table in &TABLES {
        let mut count = 0;
        let mut rows = source.rows(table);
        while let Some(row) = rows.next().await {
            target.insert(table, row?).await?;
            count += 1;
        }
        moved.rows.push((table.name, count));
    }
    let different = |found: String| MoveError::Different { expected: expected.to_string(), found };
    let found = head(target.as_mut()).await?.map_err(|fault| different(fault.to_string()))?;
    if found != expected {
        return Err(different(found.to_string()));
    }
    target.commit().await?;
    Ok(moved)
}

/// The end of the chain, every row of which was checked.
async fn head(session: &mut dyn Session) -> Result<Result<Head, ChainFault>, StoreError> {
    static TABLE: Table = EVENTS;
    let mut verifier = Verifier::new(None);
    let mut rows = session.rows(&TABLE);
    while let Some(row) = rows.next().await {
        let [
            Value::Number(Some(sequence)),
            Value::Text(Some(previous)),
            Value::Text(Some(event)),
            Value::Text(Some(hash)),
        ] = &row?[..]
        else {
            continue;
        };
        let row = ChainRow {
            sequence: sequence.cast_unsigned(),
            previous: previous.clone(),
            event: event.clone(),
            hash: hash.clone(),
        };
        if let Err(fault) = verifier.check(&row) {
            return Ok(Err(fault));
        }
    }
    Ok(verifier.finish().map(|verified| verified.head))
}
