//! What the machine asks its driver to do. Data: the sentences are the assistant's.

use jiff::Timestamp;

use super::approval::Approved;
use super::state::State;
use crate::audit::AuditEvent;
use crate::domain::{Actor, ChoiceKind, Command, ExecutionId, Outcome};

/// One thing to do. The driver does the deeds of a step in their order, and stops at the first that fails: what could not
/// be saved is neither said nor executed.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a handful live for the length of one step")]
pub enum Deed {
    /// Save the proposal together with these events, in one transaction.
    Save(Vec<AuditEvent>),
    /// Append an event; the proposal itself is unchanged.
    Record(AuditEvent),
    /// Tell the conversation.
    Say(Notice),
    /// Plan the command again, now, and come back with [`super::Event::Planned`] or [`super::Event::PlanFailed`].
    PlanAgain,
    /// Hand this to the executor, and come back with [`super::Event::Ended`].
    Execute(Box<Approved<Command>>),
    /// Have the executor stop it; it ends, and comes back, as every execution does.
    Stop(ExecutionId),
    /// Come back with [`super::Event::Ticked`] at that time.
    WakeAt(Timestamp),
}

/// Something to tell people.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// A decision is needed; show the card.
    Asked,
    /// Policy denies it.
    Denied {
        /// The rule, or what could not be evaluated.
        reason: String,
    },
    /// A yes was counted, and policy wants more.
    Counted {
        /// How many there are now.
        approvals: usize,
        /// The rule that wants more, or [`super::Decision::NO_RULE`].
        rule: String,
    },
    /// The requester said why; show the card with it.
    Reasoned,
    /// Somebody let it run without the yeses it would need: to be told loudly.
    GlassBroken {
        /// Who.
        by: Actor,
        /// Why, in their words.
        reason: String,
    },
    /// It is being stopped.
    Stopping {
        /// By whom.
        by: Actor,
    },
    /// Earlier yeses are void; show the card as it is now.
    Changed(Change),
    /// It was handed to the executor.
    Started,
    /// It ended.
    Finished(Outcome),
    /// Somebody said no.
    Rejected {
        /// Who.
        by: Actor,
    },
    /// The requester took it back.
    Cancelled,
    /// Time ran out.
    Expired,
    /// A press did not count.
    Refused {
        /// Who pressed.
        actor: Actor,
        /// Why not.
        refusal: Refusal,
    },
    /// The process died while it ran: whether it was done is unknown, and it is not run again.
    Interrupted,
    /// The process died after it was handed over and before it began: nothing was done, and it is not run again.
    NeverBegan,
}

/// Why earlier yeses are void.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Change {
    /// The requester edited it.
    #[error("it was edited")]
    Edited,
    /// Planned again, something else would run.
    #[error("what would run has changed")]
    Plan,
    /// What the preview showed is no longer so.
    #[error("what was shown has changed: {0}")]
    Facts(String),
    /// The plan could not be made again.
    #[error("it could not be planned again: {reason}")]
    PlanFailed {
        /// In one line.
        reason: String,
    },
    /// The policy is another than the one it was judged by.
    #[error("the policy has changed")]
    Policy,
    /// The process died after it was approved and before it began.
    #[error("it was approved but did not start before a restart")]
    Restarted,
}

/// Why a press, or an edit, did not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only the requester confirms, cancels and edits.
    #[error("only the requester can do that")]
    NotRequester,
    /// Nobody approves their own.
    #[error("nobody approves their own proposal")]
    OwnProposal,
    /// Policy does not let them.
    #[error("the policy does not permit it: {reason}")]
    NotPermitted {
        /// The rule, or what could not be evaluated.
        reason: String,
    },
    /// Policy would let them, if they, or the requester, said why.
    #[error("a reason is needed ({rule})")]
    ReasonMissing {
        /// What was chosen without one.
        choice: ChoiceKind,
        /// The rule that wants one, or [`super::Decision::NO_RULE`].
        rule: String,
    },
    /// They have said yes already.
    #[error("their yes has been counted already")]
    AlreadyCounted,
    /// The card they were shown is not what would run now.
    #[error("the proposal has changed since it was shown")]
    OutOfDate,
    /// It is approved and about to begin.
    #[error("it is approved already")]
    AlreadyApproved,
    /// It is running.
    #[error("it is running already")]
    AlreadyRunning,
    /// Time ran out before the press.
    #[error("it has expired")]
    Expired,
    /// It came to its end before.
    #[error("it has come to its end: {0}")]
    Finished(State),
}

/// What somebody tried, as the audit trail words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    Choice(ChoiceKind),
    Edit,
    Reason,
}

impl Attempt {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Choice(choice) => choice.as_str(),
            Self::Edit => "edit",
            Self::Reason => "reason",
        }
    }
}
