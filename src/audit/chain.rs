//! The hash chain: each row names the hash of the one before it, so that nothing can be altered, removed or moved
//! without breaking every row that follows.
//!
//! A row's hash is [`Digest::of`] the previous row's hash, its own sequence number and the event's text, so the text must
//! be kept byte for byte. The text is canonical JSON: no white space, keys in order. Whoever can rewrite the whole store
//! can rewrite the whole chain; only a [`Head`] that was kept elsewhere tells, and `verify` compares with one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::AuditEvent;
use crate::domain::Digest;

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

    /// The head, once this row is the last. Fails on a row whose hash is none.
    pub fn head(&self) -> Result<Head, ChainFault> {
        let damaged = |_| ChainFault { sequence: self.sequence, what: Tampering::Altered };
        Ok(Head { sequence: self.sequence, hash: self.hash.parse().map_err(damaged)? })
    }
}

fn link(previous: &str, sequence: u64, event: &str) -> String {
    Digest::of([previous.as_bytes(), sequence.to_string().as_bytes(), event.as_bytes()]).to_string()
}

/// What was done to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tampering {
    /// The row is not what its hash says.
    Altered,
    /// The row is not there, and later ones are.
    Missing,
    /// The row stands where another stood.
    Reordered,
    /// The row, which a head kept elsewhere names, and all later ones are not there.
    Truncated,
    /// The row has another hash than the head kept elsewhere says: the chain was written anew.
    Rewritten,
}

impl fmt::Display for Tampering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Altered => "was altered",
            Self::Missing => "is missing",
            Self::Reordered => "stands in another row's place",
            Self::Truncated => "and all rows after it were cut off",
            Self::Rewritten => "is not the row that the known head names: the trail was written anew",
        })
    }
}

/// The first row at which a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail is broken: row {sequence} {what}")]
pub struct ChainFault {
    /// Its number.
    pub sequence: u64,
    /// What was done to it.
    pub what: Tampering,
}

/// Checks a chain row by row, so that it need not fit into memory.
#[derive(Debug)]
pub struct Verifier {
    head: Head,
    /// A head that was kept elsewhere.
    known: Option<Head>,
}

impl Verifier {
    /// Before the first row. With a head that was kept elsewhere, a chain cut short or written anew is found, too.
    pub fn new(known: Option<Head>) -> Self {
        Self { head: Head::genesis(), known }
    }

    /// Checks the next row.
    pub fn check(&mut self, row: &ChainRow) -> Result<(), ChainFault> {
        let expected = self.head.sequence + 1;
        let fault = |sequence, what| Err(ChainFault { sequence, what });
        if row.sequence > expected {
            return fault(expected, Tampering::Missing);
        }
        if row.sequence < expected {
            return fault(row.sequence, Tampering::Reordered);
        }
        let previous = self.head.hash.to_string();
        let follows = row.previous == previous;
        if link(&row.previous, row.sequence, &row.event) != row.hash {
            // A row that was altered still says which one it follows, or its hash does; one that was moved does neither.
            let stands_here = follows || link(&previous, row.sequence, &row.event) == row.hash;
            return fault(row.sequence, if stands_here { Tampering::Altered } else { Tampering::Reordered });
        }
        if !follows {
            // Whole in itself, and it follows something else: the row before it was replaced by one whole in itself.
            return fault(self.head.sequence.max(1), Tampering::Altered);
        }
        self.head = row.head()?;
        match self.known {
            Some(known) if known.sequence == row.sequence && known.hash != self.head.hash => {
                fault(row.sequence, Tampering::Rewritten)
            }
            _ => Ok(()),
        }
    }

    /// The verified head, once there are no more rows.
    pub fn finish(self) -> Result<Head, ChainFault> {
        match self.known {
            Some(known) if known.sequence > self.head.sequence => {
                Err(ChainFault { sequence: self.head.sequence + 1, what: Tampering::Truncated })
            }
            _ => Ok(self.head),
        }
    }
}

/// Checks a whole chain; see [`Verifier`].
pub fn verify<'a>(rows: impl IntoIterator<Item = &'a ChainRow>, known: Option<Head>) -> Result<Head, ChainFault> {
    let mut verifier = Verifier::new(known);
    for row in rows {
        verifier.check(row)?;
    }
    verifier.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Fact;

    fn chain(length: usize) -> Vec<ChainRow> {
        let mut head = Head::genesis();
        (0..length)
            .map(|number| {
                let fact = Fact::ProposalDenied { reason: format!("number {number}") };
                let row = ChainRow::following(head, &AuditEvent::example(fact)).unwrap();
                head = row.head().unwrap();
                row
            })
            .collect()
    }

    fn fault(rows: &[ChainRow], known: Option<Head>) -> String {
        verify(rows, known).unwrap_err().to_string()
    }

    #[test]
    fn an_untouched_chain_verifies() {
        assert_eq!(verify(&[], None), Ok(Head::genesis()));
        let rows = chain(5);
        let head = rows[4].head().unwrap();
        assert_eq!(verify(&rows, None), Ok(head));
        assert_eq!(verify(&rows, Some(head)), Ok(head));
        assert_eq!(verify(&rows, Some(rows[1].head().unwrap())), Ok(head));
        assert_eq!(head.to_string().parse(), Ok(head));
    }

    #[test]
    fn every_field_is_covered() {
        for alter in [
            (|row| row.event = row.event.replace("number 2", "number 7")) as fn(&mut ChainRow),
            |row| row.event.push(' '),
            |row| row.hash = Digest::of([b"x".as_slice()]).to_string(),
            |row| row.hash = "garbage".to_owned(),
            |row| row.previous = Digest::of([b"x".as_slice()]).to_string(),
        ] {
            let mut rows = chain(5);
            alter(&mut rows[2]);
            assert_eq!(fault(&rows, None), "the audit trail is broken: row 3 was altered");
        }
    }

    #[test]
    fn an_alteration_with_its_hash_made_good_shows_at_the_next_row() {
        let mut rows = chain(5);
        rows[2].event = rows[2].event.replace("number 2", "number 7");
        rows[2].hash = link(&rows[2].previous, 3, &rows[2].event);
        assert_eq!(fault(&rows, None), "the audit trail is broken: row 3 was altered");
    }

    #[test]
    fn missing_rows_are_found() {
        for (gone, found) in [(0, 1), (2, 3)] {
            let mut rows = chain(5);
            rows.remove(gone);
            assert_eq!(fault(&rows, None), format!("the audit trail is broken: row {found} is missing"));
        }
    }

    #[test]
    fn a_removed_row_whose_followers_were_renumbered_is_found() {
        let mut rows = chain(5);
        rows.remove(2);
        rows[2].sequence = 3;
        rows[3].sequence = 4;
        assert_eq!(fault(&rows, None), "the audit trail is broken: row 3 stands in another row's place");
    }

    #[test]
    fn reordered_rows_are_found() {
        let mut rows = chain(5);
        rows.swap(1, 3);
        assert_eq!(fault(&rows, None), "the audit trail is broken: row 2 is missing");
        let mut renumbered = chain(5);
        renumbered.swap(1, 3);
        (renumbered[1].sequence, renumbered[3].sequence) = (2, 4);
        assert_eq!(fault(&renumbered, None), "the audit trail is broken: row 2 stands in another row's place");
        let mut repeated = chain(3);
        repeated.push(repeated[1].clone());
        assert_eq!(fault(&repeated, None), "the audit trail is broken: row 2 stands in another row's place");
    }

    #[test]
    fn a_chain_cut_short_or_written_anew_is_found_against_a_known_head() {
        let mut rows = chain(5);
        let head = rows[4].head().unwrap();
        rows.truncate(3);
        assert!(verify(&rows, None).is_ok());
        assert_eq!(fault(&rows, Some(head)), "the audit trail is broken: row 4 and all rows after it were cut off");
        let mut anew = Head::genesis();
        let forged: Vec<_> = (0..5)
            .map(|_| {
                let row = ChainRow::following(anew, &AuditEvent::example(Fact::ProposalApproved)).unwrap();
                anew = row.head().unwrap();
                row
            })
            .collect();
        assert!(verify(&forged, None).is_ok());
        assert_eq!(
            fault(&forged, Some(head)),
            "the audit trail is broken: row 5 is not the row that the known head names: the trail was written anew"
        );
    }

    #[test]
    fn events_are_canonical_and_come_back() {
        let fact = Fact::ProposalCreated {
            message: None,
            said: Some("restart \"it\"\n".to_owned()),
            model: None,
            confidence: Some(0.1 + 0.2),
            runner_up: None,
            runbook: None,
            verdict: "allow (anyone-runs-reads)".to_owned(),
        };
        let event = AuditEvent::example(fact);
        let row = ChainRow::following(Head::genesis(), &event).unwrap();
        assert_eq!(serde_json::from_str::<AuditEvent>(&row.event).unwrap(), event);
        let keys: Vec<_> = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&row.event)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
