//! Verification: that no row was altered, removed, moved or cut off, against the chain itself and heads kept elsewhere.

use std::fmt;

use super::chain::{ChainRow, Head, Removal, link};

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
    /// The row before the first that was seen; none before that.
    beginning: Option<Head>,
    /// The latest row that vouches for the beginning.
    removal: Option<Removal>,
    /// Heads that were kept elsewhere, by their rows.
    known: Vec<Head>,
    /// How many of them are behind us.
    passed: usize,
}

/// What is proven of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Its end.
    pub head: Head,
    /// The row before its first.
    pub beginning: Head,
    /// Why it does not begin at the beginning; none if it does, or if nothing in it says why.
    pub removal: Option<Removal>,
    /// How many heads that were kept elsewhere agree with it.
    pub agreeing: usize,
    /// How many heads that were kept elsewhere name rows that were removed, and say nothing any more.
    pub outdated: usize,
}

impl Verified {
    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.head.sequence - self.beginning.sequence
    }
}

impl Verifier {
    /// Before the first row. With heads that were kept elsewhere, a chain cut short or written anew is found, too.
    pub fn new(known: impl IntoIterator<Item = Head>) -> Self {
        let mut known: Vec<Head> = known.into_iter().collect();
        known.sort_unstable_by_key(|head| head.sequence);
        Self { head: Head::genesis(), beginning: None, removal: None, known, passed: 0 }
    }

    /// Checks the next row.
    pub fn check(&mut self, row: &ChainRow) -> Result<(), ChainFault> {
        let fault = |sequence, what| Err(ChainFault { sequence, what });
        if self.beginning.is_none() {
            // Rows may have been removed; whether something vouches for that is known at the end.
            let beginning = if row.sequence > 1 { row.before()? } else { Head::genesis() };
            self.begin(beginning)?;
        }
        let expected = self.head.sequence + 1;
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
        self.removal = row.removal().filter(|removal| Some(removal.last) == self.beginning).or(self.removal.take());
        self.reach(row.head()?)
    }

    /// The chain begins after this row, and heads of earlier ones say nothing any more.
    fn begin(&mut self, beginning: Head) -> Result<(), ChainFault> {
        self.beginning = Some(beginning);
        self.passed = self.known.partition_point(|known| known.sequence < beginning.sequence);
        self.reach(beginning)
    }

    /// Compares a row with the heads that were kept of it.
    fn reach(&mut self, head: Head) -> Result<(), ChainFault> {
        self.head = head;
        while let Some(known) = self.known.get(self.passed).filter(|known| known.sequence == head.sequence) {
            if known.hash != head.hash {
                return Err(ChainFault { sequence: head.sequence, what: Tampering::Rewritten });
            }
            self.passed += 1;
        }
        Ok(())
    }

    /// What is proven, once there are no more rows: that nothing is missing but what a row says was removed.
    pub fn finish(self) -> Result<Verified, ChainFault> {
        let verified = self.finish_part()?;
        if verified.beginning.sequence > 0 && verified.removal.is_none() {
            return Err(ChainFault { sequence: 1, what: Tampering::Missing });
        }
        Ok(verified)
    }

    /// The same of a part of a chain, which may begin anywhere.
    pub fn finish_part(mut self) -> Result<Verified, ChainFault> {
        if self.beginning.is_none() {
            self.begin(Head::genesis())?;
        }
        if self.passed < self.known.len() {
            return Err(ChainFault { sequence: self.head.sequence + 1, what: Tampering::Truncated });
        }
        let beginning = self.beginning.unwrap_or(Head::genesis());
        let outdated = self.known.partition_point(|known| known.sequence < beginning.sequence);
        let agreeing = self.known.len() - outdated;
        Ok(Verified { head: self.head, beginning, removal: self.removal, agreeing, outdated })
    }
}

/// Checks a whole chain; see [`Verifier`].
pub fn verify<'a>(
    rows: impl IntoIterator<Item = &'a ChainRow>,
    known: impl IntoIterator<Item = Head>,
) -> Result<Head, ChainFault> {
    let mut verifier = Verifier::new(known);
    for row in rows {
        verifier.check(row)?;
    }
    Ok(verifier.finish()?.head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditEvent, Fact};
    use crate::domain::Digest;

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

    /// A chain of which the rows up to one were removed, and whose last row says so.
    fn pruned(length: usize, through: usize) -> Vec<ChainRow> {
        let mut rows = chain(length);
        let last = rows[through - 1].head().unwrap();
        let fact = Fact::RecordPruned {
            through: last.sequence,
            hash: last.hash,
            before: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let told = ChainRow::following(rows[length - 1].head().unwrap(), &AuditEvent::example(fact)).unwrap();
        rows.push(told);
        rows.drain(..through);
        rows
    }

    #[test]
    fn rows_may_go_where_a_row_says_so() {
        let heads: Vec<Head> = chain(5).iter().map(|row| row.head().unwrap()).collect();
        let rows = pruned(5, 3);
        let mut verifier = Verifier::new(heads.clone());
        rows.iter().for_each(|row| verifier.check(row).unwrap());
        let verified = verifier.finish().unwrap();
        assert_eq!((verified.rows(), verified.beginning, verified.head.sequence), (3, heads[2], 6));
        assert_eq!(verified.removal.map(|removal| (removal.last, removal.told)), Some((heads[2], 6)));
        assert_eq!((verified.agreeing, verified.outdated), (3, 2));

        // Nothing more may be missing, and nothing less.
        assert_eq!(fault(&rows[1..], None), "the audit trail is broken: row 1 is missing");
        assert_eq!(fault(&rows[..2], None), "the audit trail is broken: row 1 is missing");
        let more: Vec<_> = chain(5)[2..3].iter().chain(&rows).cloned().collect();
        assert_eq!(fault(&more, None), "the audit trail is broken: row 1 is missing");
        let other = Head { sequence: 3, hash: Digest::of([b"x".as_slice()]) };
        assert_eq!(
            fault(&rows, Some(other)),
            "the audit trail is broken: row 3 is not the row that the known head names: the trail was written anew"
        );
        // A part of a chain proves itself and no more.
        let mut verifier = Verifier::new(None);
        rows[..2].iter().for_each(|row| verifier.check(row).unwrap());
        let part = verifier.finish_part().unwrap();
        assert_eq!((part.beginning.sequence, part.head.sequence, part.removal), (3, 5, None));
    }

    #[test]
    fn every_head_is_compared() {
        let rows = chain(5);
        let heads: Vec<Head> = rows.iter().map(|row| row.head().unwrap()).collect();
        assert_eq!(verify(&rows, [heads[4], heads[0], heads[2], heads[2]]), Ok(heads[4]));
        let forged = Head { hash: heads[0].hash, ..heads[2] };
        assert_eq!(verify(&rows, [heads[4], heads[2], forged]).unwrap_err().sequence, 3);
        assert_eq!(verify(&rows[..4], heads).unwrap_err().what, Tampering::Truncated);
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
