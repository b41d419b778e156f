//! Misses: messages that were not understood or were corrected, kept to learn from. What they are, and the trait.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::domain::IntentName;

/// How a message was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MissKind {
    /// Read as no command.
    None,
    /// Read in two ways.
    Ambiguous,
    /// Read as a command that its person did not mean.
    Corrected,
}

impl MissKind {
    const ALL: [Self; 3] = [Self::None, Self::Ambiguous, Self::Corrected];

    /// Its word, in the store and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ambiguous => "ambiguous",
            Self::Corrected => "corrected",
        }
    }

    /// The kind of that word.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A message that was missed. There is no place in it for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Miss {
    /// When, to the hour: enough to be deleted in time, and too little to find the person by what else was recorded then.
    pub at: Timestamp,
    /// The kind of chat: `console`.
    pub platform: String,
    /// What was said, redacted.
    pub text: String,
    /// How it was missed.
    pub kind: MissKind,
    /// The likeliest intents with their probabilities, best first; of a correction, the first is what was understood.
    pub best: Vec<(IntentName, f64)>,
    /// The intent of the command that followed.
    pub meant: Option<IntentName>,
}

/// The row of a miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissId(pub(super) i64);

/// Misses, kept until they are too old.
#[async_trait]
pub trait MissLog: Send + Sync {
    /// Keeps a miss. Of very many, the oldest give way.
    async fn keep(&self, miss: &Miss) -> Result<MissId, StoreError>;

    /// Notes what was meant; nothing if the row is gone.
    async fn meant(&self, miss: MissId, intent: &IntentName) -> Result<(), StoreError>;

    /// Those from a moment on whose text is not settled, oldest first.
    async fn misses(&self, since: Timestamp) -> Result<Vec<Miss>, StoreError>;

    /// A person has dealt with a text: what has it is not found any more, also when it is said again.
    async fn settle(&self, text: &str) -> Result<(), StoreError>;

    /// Deletes those before a moment, settled or not; how many there were.
    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError>;
}
