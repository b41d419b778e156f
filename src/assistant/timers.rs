//! Wake-up calls: proposals that expire while nobody says anything.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Assistant, TurnError, wording};
use crate::domain::{ConversationId, ProposalId};
use crate::proposal::{Event, Notice};

/// How many wake-up calls can be ordered before they are heard.
const QUEUE: usize = 1_024;

/// How many cards are shown again, the latest.
const REMINDED: usize = 5;

/// How long to sleep at most: the clock may be set while we do.
const NAP: std::time::Duration = std::time::Duration::from_secs(60);

/// Wake a proposal at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub proposal: ProposalId,
}

/// The receiving end of the alarms.
pub struct Timers {
    receiver: mpsc::Receiver<Alarm>,
}

impl Timers {
    /// A queue for alarms and its receiving end.
    pub fn new() -> (mpsc::Sender<Alarm>, Self) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (sender, Self { receiver })
    }

    /// Wakes proposals until the assistant, and with it the last sender, is gone or `stop` resolves.
    pub async fn run(mut self, assistant: Arc<Assistant>, stop: impl Future<Output = ()>) {
        let mut alarms: BTreeSet<Alarm> = BTreeSet::new();
        tokio::pin!(stop);
        loop {
            let now = assistant.parts().clock.now();
            let next = alarms.first().map(|alarm| alarm.at.duration_since(now));
            let wait = next.map_or(NAP, |left| NAP.min(left.try_into().unwrap_or_default()));
            tokio::select! {
                () = &mut stop => break,
                alarm = self.receiver.recv() => match alarm {
                    Some(alarm) => {
                        alarms.insert(alarm);
                    }
                    None => break,
                },
                () = tokio::time::sleep(wait) => {
                    let now = assistant.parts().clock.now();
                    while alarms.first().is_some_and(|alarm| alarm.at <= now) {
                        if let Some(alarm) = alarms.pop_first() {
                            assistant.wake(alarm.proposal).await;
                        }
                    }
                }
            }
        }
    }
}

impl Assistant {
    /// Tells what became of what the process before left behind, and orders the wake-up calls for what still waits.
    pub async fn resume(&self, left: crate::store::Recovered) {
        let turn = self.turn();
        for recovered in left.proposals {
            for notice in &recovered.notices {
                for reply in wording::notice(&recovered.proposal, notice, &[], turn.knowledge.understander.intents()) {
                    // Nobody listens yet only if the chat has ended.
                    let _ = turn.say(recovered.proposal.conversation(), reply).await;
                }
            }
            turn.show_standing(&recovered.proposal).await;
            if let Some(at) = recovered.wake {
                let _ = self.parts.alarms.try_send(Alarm { at, proposal: recovered.proposal.id() });
            }
        }
        for unusable in left.unusable {
            let reply = wording::unusable(&unusable.error);
            let _ = turn.say(&unusable.conversation, reply).await;
        }
    }

    /// Shows again what waits for a decision in a conversation: to somebody who cannot scroll back to the cards.
    pub async fn remind(&self, conversation: &ConversationId) -> Result<(), TurnError> {
        let turn = self.turn();
        let intents = turn.knowledge.understander.intents();
        let waiting = self.parts.proposals.pending(conversation, intents).await?.proposals;
        for proposal in waiting.iter().skip(waiting.len().saturating_sub(REMINDED)) {
            for reply in wording::notice(proposal, &Notice::Asked, &[], intents) {
                turn.say(conversation, reply).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn wake(&self, id: ProposalId) {
        let turn = self.turn();
        let intents = turn.knowledge.understander.intents();
        let woken = Self::unharmed(async {
            match self.parts.proposals.load(id, intents).await? {
                Some(proposal) => turn.step(proposal, Event::Ticked, Vec::new()).await,
                None => Ok(()),
            }
        });
        if let Err(error) = woken.await {
            tracing::error!(proposal = %id, error = &error as &dyn std::error::Error, "a proposal could not be woken");
        }
    }
}
