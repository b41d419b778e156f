//! The hash chain: each row names the hash of the one before it, so that nothing can be altered, removed or moved
//! without breaking every row that follows.
//!
//! A row's hash is [`Digest::of`] the previous row's hash, its own sequence number and the event's text, so the text must
//! be kept byte for byte. The text is canonical JSON: no white space, keys in order. Whoever can rewrite the whole store
//! can rewrite the whole chain; only a [`Head`] that was kept elsewhere tells, and `verify` compares with one.
//!
//! Old rows may be removed, from the first one on and by nothing but an event of the chain that says so; see [`Removal`].

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::verify::{ChainFault, Tampering};
use super::{AuditEvent, Fact};
use crate::domain::{Actor, Digest};

/// One row, as it is stored: text, so that a damaged row can be looked at, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainRow {
    /// From 1, without a gap.
    pub sequence: u64,
    /// The hash of the row before.
    pub previous: String,
    /// The event, canonical JSON.
    pub event: String,
    /// The hash of this row.
    pub hash: String,
}

/// The end of the chain: `42:9f86d081…`. Kept elsewhere, it pins everything up to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last row's number; 0 before the first.
    pub sequence: u64,
    /// The last row's hash.
    pub hash: Digest,
}

impl Head {
    /// The head of an empty chain.
    pub fn genesis() -> Self {
        Self { sequence: 0, hash: Digest::of([b"sayso audit chain, version 1".as_slice()]) }
    }
}

/// A row that tells which rows before it were removed, and so vouches for the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The last row that was removed.
    pub last: Head,
    /// The row that tells.
    pub told: u64,
    /// When.
    pub at: Timestamp,
    /// Who removed them; none: the program itself, because its configuration says so.
    pub by: Option<Actor>,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

/// A text that is no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid head of an audit trail `{0}`, expected `<sequence>:<hash>`")]
pub struct HeadError(String);

impl FromStr for Head {
    type Err = HeadError;
    fn from_str(text: &str) -> Result<Self, HeadError> {
        let parse = || {
            let (sequence, hash) = text.trim().split_once(':')?;
            Some(Self { sequence: sequence.parse().ok()?, hash: hash.parse().ok()? })
        };
        parse().ok_or_else(|| HeadError(text.to_owned()))
    }
}

impl ChainRow {
    /// The row that follows a head.
    pub fn following(head: Head, event: &AuditEvent) -> Result<Self, serde_json::Error> {
        let mut json = serde_json::to_value(event)?;
        json.sort_all_objects();
        let event = json.to_string();
        let sequence = head.sequence + 1;
        let previous = head.hash.to_string();
        let hash = link(&previous, sequence, &event);
        Ok(Self { sequence, previous, event, hash })
    }

    /// The row before it, as this row tells. Fails on a row that names no hash.
    pub(super) fn before(&self) -> Result<Head, ChainFault> {
        let damaged = ChainFault { sequence: self.sequence, what: Tampering::Altered };
        let hash = self.previous.parse().map_err(|_| damaged)?;
        Ok(Head { sequence: self.sequence.checked_sub(1).ok_or(damaged)?, hash })
    }

    /// What it says of rows that were removed before it, if that is what it is about.
    pub(super) fn removal(&self) -> Option<Removal> {
        // Most rows need not be read.
        if !self.event.contains(Fact::RECORD_PRUNED) {
            return None;
        }
        let event: AuditEvent = serde_json::from_str(&self.event).ok()?;
        match event.fact {
            Fact::RecordPruned { through, hash, .. } => Some(Removal {
                last: Head { sequence: through, hash },
                told: self.sequence,
                at: event.at,
                by: event.actor,
            }),
            _ => None,
        }
    }

    /// The head, once this row is the last. Fails on a row whose hash is none.
    pub fn head(&self) -> Result<Head, ChainFault> {
        let damaged = |_| ChainFault { sequence: self.sequence, what: Tampering::Altered };
        Ok(Head { sequence: self.sequence, hash: self.hash.parse().map_err(damaged)? })
    }
}

/// The hash of a row.
pub(super) fn link(previous: &str, sequence: u64, event: &str) -> String {
    Digest::of([previous.as_bytes(), sequence.to_string().as_bytes(), event.as_bytes()]).to_string()
}
