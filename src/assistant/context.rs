//! What a conversation is about, kept across restarts: the open question, and the last command.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TurnError;
use super::turn::Turn;
use crate::domain::{Actor, Arguments, Command, ConversationId, Digest, Intents, ParameterName, parse_typed};
use crate::proposal::Proposal;
use crate::understanding::{Context, Draft};

/// How many offers are remembered in a conversation.
const OFFERS: usize = 50;

/// A draft as it is stored: texts, checked again when it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredDraft {
    intent: String,
    arguments: BTreeMap<String, String>,
    #[serde(default)]
    missing: Vec<String>,
}

/// A command that several systems could carry out, one of which is to be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Which {
    /// In its typed form.
    command: String,
    /// Their names.
    systems: Vec<String>,
}

impl Which {
    /// The question which of these systems is meant.
    pub(super) fn new(command: &Command, systems: &[String]) -> Self {
        Self { command: command.to_string(), systems: systems.to_vec() }
    }

    /// The system that a short answer names, and the command; none if it is no such answer, or the command is none any more.
    pub(super) fn answered(&self, text: &str, intents: &Intents) -> Option<(Command, &str)> {
        const FEW: usize = 5;
        let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || "-_".contains(c))).collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let named = |system: &&String| words.iter().any(|word| word.eq_ignore_ascii_case(system));
        let mut meant = self.systems.iter().filter(named);
        let system = meant.next().filter(|_| words.len() <= FEW)?;
        let command = parse_typed(&self.command, intents).ok()?;
        meant.next().is_none().then_some((command, system))
    }
}

/// A step that was offered to everybody in a conversation, and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Offer {
    /// In its typed form.
    pub(super) command: String,
    /// The runbook, and its revision.
    pub(super) runbook: (String, Digest),
}

/// All that is remembered of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Memories {
    /// The newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    offers: Vec<Offer>,
    /// By actor, whose names have a colon: none of them is `offers`.
    #[serde(flatten)]
    people: BTreeMap<String, Memory>,
}

/// What is remembered of one person in one conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The bot has asked for what is missing.
    pub(super) asked: Option<StoredDraft>,
    /// The bot has asked which system is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) which: Option<Which>,
    /// The last command.
    pub(super) last: Option<StoredDraft>,
    /// The code of the last proposal that was done and can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) undo: Option<String>,
}

impl From<&Draft> for StoredDraft {
    fn from(draft: &Draft) -> Self {
        Self {
            intent: draft.intent.to_string(),
            arguments: draft.arguments.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            missing: Vec::new(),
        }
    }
}

impl From<(&Draft, &[ParameterName])> for StoredDraft {
    fn from((draft, missing): (&Draft, &[ParameterName])) -> Self {
        Self { missing: missing.iter().map(ToString::to_string).collect(), ..Self::from(draft) }
    }
}

impl StoredDraft {
    /// The draft, if it still fits the intents of today.
    fn restore(&self, intents: &Intents) -> Option<(Draft, Vec<ParameterName>)> {
        let intent = intents.get(&self.intent)?;
        let arguments: Option<Arguments> = self
            .arguments
            .iter()
            .map(|(name, text)| {
                let parameter = intent.parameter(name)?;
                Some((parameter.name.clone(), parameter.parse(text).ok()?))
            })
            .collect();
        let missing = self.missing.iter().filter_map(|name| Some(intent.parameter(name)?.name.clone())).collect();
        Some((Draft { intent: intent.name.clone(), arguments: arguments? }, missing))
    }
}

impl Turn<'_> {
    /// What is remembered, the context it makes for understanding, and the speaker's own open proposals, oldest first.
    pub(super) async fn recall(
        &self,
        conversation: &ConversationId,
        actor: &Actor,
    ) -> Result<(Memory, Context, Vec<Proposal>), TurnError> {
        let intents = self.knowledge.understander.intents();
        let memory = self.memories(conversation).await?.people.remove(&actor.to_string()).unwrap_or_default();
        let pending = self.parts.proposals.pending(conversation, intents).await?;
        let mine: Vec<Proposal> =
            pending.proposals.into_iter().filter(|p| self.manner.people.same(p.requester(), actor)).collect();
        let speaker = self.manner.people.name(actor).map(str::to_owned);
        let context = Context {
            asked: memory.asked.as_ref().and_then(|draft| draft.restore(intents)),
            proposal: mine.last().map(|proposal| proposal.command().into()),
            waiting: mine.len(),
            last: memory.last.as_ref().and_then(|draft| draft.restore(intents)).map(|(draft, _)| draft),
            speaker,
        };
        Ok((memory, context, mine))
    }

    pub(super) async fn remember(
        &self,
        conversation: &ConversationId,
        actor: &Actor,
        memory: &Memory,
    ) -> Result<(), TurnError> {
        // What must not be stored is forgotten: whoever said it has to say it again without.
        let holds_secret = memory
            .asked
            .iter()
            .chain(&memory.last)
            .any(|draft| draft.arguments.values().any(|value| self.parts.redactor.holds_secret(value)));
        let memory = if holds_secret { &Memory::default() } else { memory };
        self.change(conversation, |memories| drop(memories.people.insert(actor.to_string(), memory.clone()))).await
    }

    /// Remembers what is offered to whoever takes it.
    pub(super) async fn remember_offers(
        &self,
        conversation: &ConversationId,
        mut offers: Vec<Offer>,
    ) -> Result<(), TurnError> {
        self.change(conversation, |memories| {
            memories.offers.retain(|old| offers.iter().all(|new| new.command != old.command));
            offers.append(&mut memories.offers);
            offers.truncate(OFFERS);
            memories.offers = offers;
        })
        .await
    }

    /// The runbook that a command was offered from, and its revision then.
    pub(super) async fn offered(
        &self,
        conversation: &ConversationId,
        command: &Command,
    ) -> Result<Option<(String, Digest)>, TurnError> {
        let line = command.to_string();
        let offers = self.memories(conversation).await?.offers;
        Ok(offers.into_iter().find(|offer| offer.command == line).map(|offer| offer.runbook))
    }

    /// One at a time, so that nobody's memory is written over by another's.
    async fn change(&self, conversation: &ConversationId, change: impl FnOnce(&mut Memories)) -> Result<(), TurnError> {
        let _alone = self.remembering.lock().await;
        let mut memories = self.memories(conversation).await?;
        change(&mut memories);
        let json = serde_json::to_value(memories).unwrap_or_default();
        Ok(self.parts.conversations.put(conversation, &json).await?)
    }

    /// What is remembered of a conversation; what cannot be read any more is forgotten.
    async fn memories(&self, conversation: &ConversationId) -> Result<Memories, TurnError> {
        let stored = self.parts.conversations.get(conversation).await?;
        Ok(stored.and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default())
    }
}
