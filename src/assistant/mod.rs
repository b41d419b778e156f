//! One turn in, replies out: the driver that performs what the pure parts decide, and the wording.

mod admission;
mod alert;
mod assistance;
mod builtins;
mod context;
mod drive;
mod judging;
mod knowledge;
mod labels;
mod misses;
mod obey;
mod offer;
mod orders;
mod production;
mod receipt;
mod timers;
mod turn;
mod watch;
mod wording;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use tokio::sync::mpsc;

pub use builtins::{accounts, audit_line, builtins};
pub use judging::Afterwards;
pub use knowledge::{Knowledge, Newest};
pub use misses::Keeping;
pub use orders::is_brake;
pub use production::touches_production;
pub use receipt::{entry_json, more_events, receipt, receipt_json};
pub use timers::{Alarm, Timers};
pub use wording::understanding as describe;

use crate::audit::Ledger;
use crate::domain::{Cause, Clock, ConversationId, Directory, Listed, Outgoing, People, Tally};
use crate::integrations::{Executor, OnCallDesk, Planner, Redactor};
use crate::proposal::{Permissions, ProposalStore};
use crate::store::{ConversationStore, MessageLog};

/// The parts an assistant is made of; each is shared.
#[derive(Clone)]
pub struct Parts {
    /// Reads messages, and knows the runbooks; replaced when either is edited.
    pub newest: Newest,
    /// Says who may do what.
    pub permissions: Arc<dyn Permissions>,
    /// Says what would run.
    pub planner: Arc<Planner>,
    /// Acts.
    pub executor: Executor,
    /// Cleans every text on its way to the record.
    pub redactor: Arc<Redactor>,
    /// Keeps proposals.
    pub proposals: Arc<dyn ProposalStore>,
    /// Writes the audit trail.
    pub ledger: Arc<dyn Ledger>,
    /// Keeps what a conversation is about.
    pub conversations: Arc<dyn ConversationStore>,
    /// Remembers which messages were handled.
    pub messages: Arc<dyn MessageLog>,
    /// Counts what happens.
    pub tally: Arc<dyn Tally>,
    /// Keeps what was not understood or was corrected; none unless somebody has switched that on.
    pub keeping: Option<Keeping>,
    /// Knows who is in which group of a platform, where a platform has any.
    pub directory: Option<Arc<dyn Directory>>,
    /// Finds out who is on call; none where no role depends on that.
    pub desk: Option<Arc<OnCallDesk>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where replies go.
    pub outbox: mpsc::Sender<Outgoing>,
    /// Where wake-up calls are ordered.
    pub alarms: mpsc::Sender<Alarm>,
}

/// How this assistant behaves, from the configuration.
#[derive(Debug, Clone)]
pub struct Manner {
    /// What it is called in chat.
    pub name: String,
    /// How long a proposal can be decided.
    pub expires_after: SignedDuration,
    /// Who is which person of the catalogue.
    pub people: People,
    /// Conversations that hear of a halt and of broken glass, wherever it happened.
    pub announce: Vec<ConversationId>,
    /// Messages above this are refused, in bytes.
    pub max_message: usize,
    /// Messages a person may send in a minute.
    pub per_minute: u32,
}

/// The driver: performs deeds, keeps no state of its own that a restart would miss, but for who is heard when and the
/// message that their next one may correct.
pub struct Assistant {
    parts: Parts,
    manner: Manner,
    admission: Arc<admission::Admission>,
    /// Held while the memory of a conversation is read, changed and written.
    remembering: tokio::sync::Mutex<()>,
    loose_ends: misses::LooseEnds,
    /// What systems list, which an edit of the data leaves as it is.
    listed: std::sync::Mutex<Listed>,
}

/// Why a turn could not be finished. Nothing was done that is not on record.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// The store of proposals.
    #[error(transparent)]
    Proposals(#[from] crate::proposal::ProposalStoreError),
    /// The audit trail cannot be written.
    #[error(transparent)]
    Ledger(#[from] crate::audit::LedgerError),
    /// The store of conversations and messages.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The model.
    #[error(transparent)]
    Embedding(#[from] crate::embedding::EmbeddingError),
    /// Nobody listens any more, or nobody reads what is said.
    #[error("the chat has ended")]
    Ended,
    /// A fault in this program.
    #[error("it broke off: {0}")]
    Panicked(String),
}

impl Assistant {
    /// Puts the parts together.
    pub fn new(parts: Parts, manner: Manner) -> Self {
        Self {
            parts,
            manner,
            admission: Arc::default(),
            remembering: tokio::sync::Mutex::default(),
            loose_ends: misses::LooseEnds::default(),
            listed: std::sync::Mutex::default(),
        }
    }

    /// The parts, for those that need to look themselves.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Does a piece of work whose faults must not end the process.
    async fn unharmed<T>(work: impl Future<Output = Result<T, TurnError>>) -> Result<T, TurnError> {
        // What the pieces share is kept in the store, or replaced as a whole: nothing is left half done in memory.
        let done = AssertUnwindSafe(work).catch_unwind().await;
        done.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(TurnError::Panicked(text.unwrap_or_else(|| "nobody knows why".to_owned())))
        })
    }

    /// A turn that nobody asked for.
    fn turn(&self) -> turn::Turn<'_> {
        self.turn_of(None)
    }

    fn turn_of(&self, cause: Option<Cause>) -> turn::Turn<'_> {
        let Self { parts, manner, remembering, loose_ends, .. } = self;
        turn::Turn { parts, manner, remembering, loose_ends, cause, knowledge: parts.newest.load_full() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fault_in_a_turn_is_an_error_and_the_next_turn_is_taken() {
        let fault = Assistant::unharmed(async { panic!("a hole in {}", "the reading") }).await;
        let error = fault.map(|()| "no error").unwrap_err();
        assert_eq!(error.to_string(), "it broke off: a hole in the reading");
        assert_eq!(Assistant::unharmed(async { Ok(7) }).await.unwrap(), 7);
    }
}
