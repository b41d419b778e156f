//! One turn in, replies out: the driver that performs what the pure parts decide, and the wording.

mod alert;
mod builtins;
mod context;
mod drive;
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
mod wording;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use tokio::sync::mpsc;

pub use builtins::{Possible, accounts, audit_line, builtins};
pub use knowledge::{Knowledge, Newest};
pub use misses::Keeping;
pub use orders::is_brake;
pub use production::touches_production;
pub use receipt::{entry_json, more_events, receipt, receipt_json};
pub use timers::{Alarm, Timers};
pub use wording::understanding as describe;

use crate::audit::Ledger;
use crate::domain::{Actor, Clock, ConversationId, Outgoing, People, Tally};
use crate::integrations::{Executor, Planner, Redactor};
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

/// The driver: performs deeds, keeps no state of its own that a restart would miss, but for the rate of each person and
/// the message that their next one may correct.
pub struct Assistant {
    parts: Parts,
    manner: Manner,
    rates: Rates,
    /// Held while the memory of a conversation is read, changed and written.
    remembering: tokio::sync::Mutex<()>,
    loose_ends: misses::LooseEnds,
}

/// How many messages of each person came in the minute that began then.
type Rates = tokio::sync::Mutex<BTreeMap<Actor, (jiff::Timestamp, u32)>>;

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
    /// Nobody listens any more.
    #[error("the chat has ended")]
    Ended,
}

impl Assistant {
    /// Puts the parts together.
    pub fn new(parts: Parts, manner: Manner) -> Self {
        Self {
            parts,
            manner,
            rates: Rates::default(),
            remembering: tokio::sync::Mutex::default(),
            loose_ends: misses::LooseEnds::default(),
        }
    }

    /// The parts, for those that need to look themselves.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    fn turn(&self) -> turn::Turn<'_> {
        let Self { parts, manner, rates, remembering, loose_ends } = self;
        turn::Turn { parts, manner, rates, remembering, loose_ends, knowledge: parts.newest.load_full() }
    }
}
