//! Everything that a person, a clock, the world or a crash can do to a proposal.

use super::draft::{Edit, Plan};
use crate::domain::{Actor, ChoiceKind, ConversationId, Digest, Outcome};

/// What happened to a proposal.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Somebody chose on a card, or in words.
    Pressed {
        /// Who, by the platform's id.
        actor: Actor,
        /// What.
        choice: ChoiceKind,
        /// The digest on the card that was shown to them.
        shown: Digest,
        /// Where.
        conversation: ConversationId,
        /// Why, if they said so; redacted.
        reason: Option<String>,
    },
    /// The requester says why it is wanted.
    Reasoned {
        /// Who.
        actor: Actor,
        /// In their words, redacted.
        reason: String,
        /// Where.
        conversation: ConversationId,
    },
    /// Somebody is about to put another command in its place. Nothing comes of it, unless they may not: asked before that
    /// command is planned, since what a plan finds out is not for everybody.
    EditBegun {
        /// Who.
        actor: Actor,
    },
    /// Somebody wants another command in its place.
    Edited {
        /// Who.
        actor: Actor,
        /// The command.
        edit: Box<Edit>,
    },
    /// The clock struck.
    Ticked,
    /// The plan was made again at the moment of running, as [`super::Deed::PlanAgain`] asks.
    Planned(Plan),
    /// The plan could not be made again.
    PlanFailed {
        /// In one line.
        reason: String,
    },
    /// The executor came back.
    Ended(Outcome),
    /// The process came up again after it had died.
    Restarted(Trace),
}

/// What the store still knows about a proposal's execution after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// No row was opened: nothing was done.
    NotOpened,
    /// A row was opened and never closed: nobody can say what was done.
    Open,
    /// The row was closed, but nobody was told.
    Closed(Outcome),
}
