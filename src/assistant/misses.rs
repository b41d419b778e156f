//! Keeping what was not understood or was corrected, where `[learning] keep_messages` has switched that on. Of a message
//! only its redacted text is kept, never who said it; what ties it to a person until the next one stays in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::turn::{Said, Turn};
use super::wording;
use crate::domain::{Actor, ConversationId, IntentName};
use crate::proposal::Proposal;
use crate::store::{Miss, MissId, MissKind, MissLog, StoreError};
use crate::understanding::{Context, OutcomeKind, Understanding, correction};

/// Within this time, somebody's next command tells what the message before it was meant to be.
const SOON: SignedDuration = SignedDuration::from_mins(10);
/// Longer messages are not kept, in bytes: cut, they would teach something else, and an example is one line.
const LONGEST: usize = 300;
/// How many intents that came into question are kept.
const BEST: usize = 3;
/// Below this probability an intent does not come into question, here and where the bot names what is near.
const LIKELY: f64 = 0.05;

/// Where misses are kept, and how long.
#[derive(Clone)]
pub struct Keeping {
    /// The store.
    pub log: Arc<dyn MissLog>,
    /// Older ones are deleted with every new one.
    pub keep_for: SignedDuration,
}

/// The last message of each person in each conversation, as long as the next one may say what was meant by it.
pub(super) type LooseEnds = tokio::sync::Mutex<BTreeMap<(ConversationId, Actor), LooseEnd>>;

/// A message, and what became of it.
pub(super) struct LooseEnd {
    since: Timestamp,
    miss: Miss,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq)]
enum Standing {
    /// It is kept already.
    Missed(MissId),
    /// It was taken for its likeliest intent.
    Taken,
    /// That was not what the person wanted.
    Refused,
}

impl Turn<'_> {
    /// Takes note of how a message was understood.
    pub(super) async fn note(&self, said: &Said<'_>, context: &Context, seen: &Understanding) {
        let several = seen.stages.several_commands || seen.stages.several_values.is_some();
        match (seen.outcome, &seen.intent) {
            (OutcomeKind::None, _) if seen.cues.is_empty() && !wording::is_bare_decision(said.text) => {
                self.missed(said, seen, MissKind::None).await;
            }
            (OutcomeKind::Ask, None) if !several => self.missed(said, seen, MissKind::Ambiguous).await,
            (OutcomeKind::Command | OutcomeKind::Answer | OutcomeKind::Ask, Some(intent)) => {
                self.taken(said, seen, intent).await;
            }
            (OutcomeKind::Cancel, _) => {
                if let Some((draft, _)) = &context.asked {
                    self.refused(said.conversation, said.actor, &draft.intent).await;
                }
            }
            (OutcomeKind::Command | OutcomeKind::Answer | OutcomeKind::Ask, None)
            | (OutcomeKind::None | OutcomeKind::Confirm, _) => {}
        }
    }

    /// Takes note of an intent that was typed, or picked among two.
    pub(super) async fn picked(&self, said: &Said<'_>, intent: &IntentName) {
        let Some(keeping) = &self.parts.keeping else { return };
        let earlier = self.loose_ends(said.at).await.remove(&key(said));
        if let Some(earlier) = earlier {
            self.tie(keeping, earlier, intent, said).await;
        }
    }

    /// Takes note of a proposal that somebody did not want.
    pub(super) async fn unwanted(&self, proposal: &Proposal) {
        self.refused(proposal.conversation(), proposal.requester(), proposal.command().intent()).await;
    }

    async fn missed(&self, said: &Said<'_>, seen: &Understanding, kind: MissKind) {
        let Some(keeping) = &self.parts.keeping else { return };
        let miss = self.miss(said, seen, kind);
        let kept = self.keep(keeping, &miss).await;
        let mut ends = self.loose_ends(said.at).await;
        match kept {
            Some(id) => ends.insert(key(said), LooseEnd { since: said.at, miss, standing: Standing::Missed(id) }),
            None => ends.remove(&key(said)),
        };
    }

    async fn taken(&self, said: &Said<'_>, seen: &Understanding, intent: &IntentName) {
        let Some(keeping) = &self.parts.keeping else { return };
        let mut ends = self.loose_ends(said.at).await;
        // An answer to our question, or other values for the same thing.
        if let Some(end) = ends.get_mut(&key(said)).filter(|end| end.is_taken_for(intent)) {
            end.since = said.at;
            return;
        }
        let earlier = ends.remove(&key(said));
        // What only means this in its conversation is no example.
        if seen.alternatives.first().is_some_and(|best| best.intent == *intent) {
            let miss = self.miss(said, seen, MissKind::Corrected);
            ends.insert(key(said), LooseEnd { since: said.at, miss, standing: Standing::Taken });
        }
        drop(ends);
        if let Some(earlier) = earlier {
            self.tie(keeping, earlier, intent, said).await;
        }
    }

    async fn refused(&self, conversation: &ConversationId, actor: &Actor, intent: &IntentName) {
        if self.parts.keeping.is_none() {
            return;
        }
        let now = self.parts.clock.now();
        let mut ends = self.loose_ends(now).await;
        let key = (conversation.clone(), actor.clone());
        if let Some(end) = ends.get_mut(&key).filter(|end| end.is_taken_for(intent)) {
            *end = LooseEnd { since: now, miss: end.miss.clone(), standing: Standing::Refused };
        }
    }

    /// What a command says about the message before it.
    async fn tie(&self, keeping: &Keeping, earlier: LooseEnd, intent: &IntentName, said: &Said<'_>) {
        let LooseEnd { miss, standing, .. } = earlier;
        match standing {
            // Anything else would hardly be the same wish in other words.
            Standing::Missed(id) if miss.best.iter().any(|(name, p)| name == intent && *p >= LIKELY) => {
                if let Err(error) = keeping.log.meant(id, intent).await {
                    unkept(&error);
                }
            }
            Standing::Refused | Standing::Taken
                if miss.best.first().is_some_and(|(name, _)| name != intent)
                    && (standing == Standing::Refused || is_correction(said.text)) =>
            {
                self.keep(keeping, &Miss { meant: Some(intent.clone()), ..miss }).await;
            }
            Standing::Missed(_) | Standing::Refused | Standing::Taken => {}
        }
    }

    /// A failure here costs the miss, not the turn.
    async fn keep(&self, keeping: &Keeping, miss: &Miss) -> Option<MissId> {
        if miss.text.len() > LONGEST {
            return None;
        }
        let kept = async {
            let id = keeping.log.keep(miss).await?;
            let oldest = miss.at.checked_sub(keeping.keep_for).unwrap_or(Timestamp::MIN);
            keeping.log.forget(oldest).await.map(|_| id)
        };
        kept.await.map_err(|error| unkept(&error)).ok()
    }

    fn miss(&self, said: &Said<'_>, seen: &Understanding, kind: MissKind) -> Miss {
        let best = seen.alternatives.iter().take(BEST).map(|other| (other.intent.clone(), other.confidence));
        Miss {
            at: hour(said.at),
            platform: said.conversation.platform.clone(),
            text: self.parts.redactor.clean(said.text),
            kind,
            best: best.collect(),
            meant: None,
        }
    }

    /// Those that are not too old.
    async fn loose_ends(
        &self,
        now: Timestamp,
    ) -> tokio::sync::MutexGuard<'_, BTreeMap<(ConversationId, Actor), LooseEnd>> {
        let mut ends = self.loose_ends.lock().await;
        ends.retain(|_, end| now.duration_since(end.since) < SOON);
        ends
    }
}

impl LooseEnd {
    fn is_taken_for(&self, intent: &IntentName) -> bool {
        self.standing == Standing::Taken && self.miss.best.first().is_some_and(|(name, _)| name == intent)
    }
}

fn key(said: &Said<'_>) -> (ConversationId, Actor) {
    (said.conversation.clone(), said.actor.clone())
}

/// The hour that has begun.
fn hour(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(3600) * 3600).unwrap_or(at)
}

/// "not that: drain it", "no, the logs".
fn is_correction(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).collect();
    correction(&words).is_some()
}

fn unkept(error: &StoreError) {
    tracing::warn!(error = error as &dyn std::error::Error, "a message could not be kept to learn from");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_to_the_hour() {
        let at = |text: &str| hour(text.parse().unwrap()).to_string();
        assert_eq!(at("2026-11-18T12:59:59.999Z"), "2026-11-18T12:00:00Z");
        assert_eq!(at("1969-12-31T23:30:00Z"), "1969-12-31T23:00:00Z");
    }

    #[test]
    fn corrections_are_heard() {
        for text in ["not that: drain it", "No, the logs!", "I meant web", "the logs instead"] {
            assert!(is_correction(text), "{text}");
        }
        for text in ["drain it", "show the logs", "no"] {
            assert!(!is_correction(text), "{text}");
        }
    }
}
