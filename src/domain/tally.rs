//! What is worth counting, and whoever counts it. Nothing here holds a word that somebody said.

use std::time::Duration;

use super::OutcomeStatus;

/// Something that happened once more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Counted<'a> {
    /// A message was read.
    Understood {
        /// As what: `command`, `ask`, `none`.
        outcome: &'static str,
        /// How long that took.
        time: Duration,
    },
    /// A proposal came to be, or something became of it: `created`, `confirmed`, `expired`.
    Proposal(&'static str),
    /// A press that did not count.
    PressRefused,
    /// An execution ended.
    Executed {
        /// On which integration of the catalogue.
        integration: &'a str,
        /// How.
        status: OutcomeStatus,
    },
    /// A reply that nobody was there to take.
    ReplyLost,
    /// A message that the encoder had no room for.
    Overloaded,
    /// A list of a system was read, or could not be.
    Listed {
        /// The integration of the catalogue.
        integration: &'a str,
        /// The list of its manifest.
        list: &'a str,
        /// How many names it gave; none: it could not be read.
        names: Option<usize>,
    },
    /// An event that was not looked at, because of its `person`, or its `conversation`: too many came.
    NotHeard(&'static str),
}

/// Counts. Cheap enough to be called wherever something happens.
pub trait Tally: Send + Sync {
    /// Once more.
    fn count(&self, counted: Counted<'_>);
}

/// Nobody wants to know.
impl Tally for () {
    fn count(&self, _: Counted<'_>) {}
}
