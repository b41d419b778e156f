//! What an adapter to a chat platform asks of the program, and what the program asks of it.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Actor, ChatEvent, ConversationId, IntentName, Intents, ParameterName};

/// The handling of one event.
pub type Handling = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The assistant, as those see it who bring people to it.
pub trait Assistance: Send + Sync {
    /// Hears one event: it takes its place in its conversation now, behind all that were heard before. What comes back handles
    /// it to its end, executions included. What there is to say comes as [`super::Outgoing`].
    fn hear(self: Arc<Self>, event: ChatEvent) -> Handling;

    /// What can be asked for.
    fn intents(&self) -> Intents;

    /// Names for a parameter that go with what somebody has typed so far, at most so many; none if they may not ask for such
    /// a thing there.
    fn suggest(
        &self,
        who: &Asking<'_>,
        intent: &IntentName,
        parameter: &ParameterName,
        limit: usize,
    ) -> Vec<Suggestion>;
}

/// Somebody who is typing a value.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// Where.
    pub conversation: &'a ConversationId,
    /// What they have typed so far.
    pub typed: &'a str,
}

/// A name, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The canonical name.
    pub name: String,
    /// What people call it, where that is what goes with what was typed.
    pub alias: Option<String>,
}

/// A platform that can be asked who is in which of its groups.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Sees to it that [`super::Memberships`] knows the groups of a person as they are now. Where the platform does not say,
    /// it knows none: who was let go since may not be let in because of that.
    async fn look_up(&self, actor: &Actor) -> Result<(), GroupsUnknown>;
}

/// A platform does not say what groups a person is in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("What roles `{0}` has cannot be found out at the moment; until then none of them counts.")]
pub struct GroupsUnknown(pub Actor);

/// What an adapter remembers across restarts: which message shows a card, which commands are registered.
#[async_trait]
pub trait Notebook: Send + Sync {
    /// Writes something under a key, in the place of what stood there.
    async fn write(&self, key: &str, value: &str, at: Timestamp) -> Result<(), NotebookError>;
    /// What stands there.
    async fn read(&self, key: &str) -> Result<Option<String>, NotebookError>;
}

/// The notebook cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the notebook cannot be used")]
pub struct NotebookError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
