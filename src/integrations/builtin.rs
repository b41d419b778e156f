//! Actions that are our own code: about this machine, and about Sayso itself. Registered by name, used by manifests.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::redact::Redactor;
use super::{host, network};
use crate::domain::{Actor, Command, ConversationId, ExecutionId, ProposalId};

/// Why our own code did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuiltinError {
    /// It did nothing; the text is the end of a sentence that begins with the integration's name.
    #[error("{0}")]
    Refused(String),
    /// It cannot say what became of it.
    #[error("{0}")]
    Unclear(String),
}

/// One action.
#[async_trait]
pub trait Builtin: Send + Sync {
    /// What the command will act upon, where the command itself does not say it for good: process 4242 of now is not
    /// process 4242 of tomorrow. It is part of what is approved; asked again before the run, it must be the same.
    async fn identify(&self, _command: &Command) -> Result<Json, BuiltinError> {
        Ok(Json::Null)
    }

    /// What is shown before a person is asked; the manifest's `preview.reply` sees it as `body`.
    async fn preview(&self, _command: &Command, _identity: &Json) -> Result<Json, BuiltinError> {
        Ok(Json::Null)
    }

    /// Whether it still answers while everything is halted: for what only tells of the assistant itself.
    fn answers_while_halted(&self) -> bool {
        false
    }

    /// Does it. The manifest's `reply` sees the result as `body`.
    async fn run(&self, command: &Command, cx: &RunContext) -> Result<Json, BuiltinError>;
}

/// The circumstances of a run.
#[derive(Debug, Clone)]
pub struct RunContext {
    /// What [`Builtin::identify`] found.
    pub identity: Json,
    /// The settings of the manifest; secrets are only named.
    pub settings: Json,
    /// Who asked.
    pub requester: Actor,
    /// Where.
    pub conversation: ConversationId,
    /// The proposal it comes from.
    pub proposal: ProposalId,
    /// The attempt.
    pub execution: ExecutionId,
    /// When it began.
    pub now: Timestamp,
    /// Where to tell how far it is.
    pub progress: Progress,
}

/// Tells how far long work is. Redacted; dropped when nobody listens or the listener is behind.
#[derive(Debug, Clone)]
pub struct Progress {
    sender: mpsc::Sender<String>,
    redactor: Arc<Redactor>,
}

impl Progress {
    pub(super) fn new(sender: mpsc::Sender<String>, redactor: Arc<Redactor>) -> Self {
        Self { sender, redactor }
    }

    /// Tells it.
    pub fn tell(&self, text: &str) {
        // The next one says more than one that did not fit.
        let _ = self.sender.try_send(self.redactor.clean(text));
    }
}

/// All actions of our own, by name.
#[derive(Clone, Default)]
pub struct Builtins(BTreeMap<String, Arc<dyn Builtin>>);

impl Builtins {
    /// Those about this machine, and about what it sees of the network.
    pub fn of_this_machine() -> Self {
        let mut builtins = Self::default();
        host::register(&mut builtins);
        network::register(&mut builtins);
        builtins
    }

    /// Adds one; a later one takes the place of an earlier one.
    pub fn register(&mut self, name: &str, builtin: Arc<dyn Builtin>) {
        self.0.insert(name.to_owned(), builtin);
    }

    /// The one of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Arc<dyn Builtin>> {
        self.0.get(name)
    }

    /// Their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
    }
}

impl std::fmt::Debug for Builtins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
