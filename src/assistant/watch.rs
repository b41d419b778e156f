//! Replicas that share a store: signs of life, and seeing to what is due or was left by one that is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Assistant;
use crate::audit::{Halt, LedgerError};
use crate::domain::ProposalId;
use crate::store::{RecoverError, Replicas, Store, StoreError, recover};

/// Signs of life within the time that others wait for one: some may get lost.
const SIGNS: u32 = 5;
/// How often is looked for what is due and what nobody sees to. With the wait for a sign of life, it is the longest that
/// something which was left lies there.
const ROUND: Duration = Duration::from_secs(1);
/// After so many rounds, what could not be brought to an end is tried again.
const AGAIN: u32 = 60;

/// What the rounds before have seen.
#[derive(Default)]
struct Seen {
    /// What was woken in vain.
    woken: BTreeSet<ProposalId>,
    /// The halt that this replica has stopped for.
    halt: Option<Halt>,
}

/// Why a round was not finished. The next one begins anew.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

impl Assistant {
    /// Keeps this process among the replicas, and sees to what it must, until `stop` resolves. In the place of
    /// [`super::Timers`]: whose time is over is told by the store, whichever replica it was that asked.
    pub async fn keep_watch(&self, store: &dyn Store, replicas: &dyn Replicas, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = show_life(replicas) => {}
            () = self.look_after(store, replicas) => {}
        }
    }

    async fn look_after(&self, store: &dyn Store, replicas: &dyn Replicas) {
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut news = News::default();
        let mut seen = Seen::default();
        for round in 1_u32.. {
            rounds.tick().await;
            if round.is_multiple_of(AGAIN) {
                seen.woken.clear();
            }
            let done = self.round(store, replicas, &mut seen).await;
            news.tell(done.as_ref().err(), "what other replicas may have left cannot be looked for");
        }
    }

    /// Once: whether another replica was told to stop something that runs here, what is due, and what was left.
    async fn round(&self, store: &dyn Store, replicas: &dyn Replicas, seen: &mut Seen) -> Result<(), RoundError> {
        let halt = store.halted().await?;
        if halt.is_some() && halt != seen.halt {
            // Nothing more is opened: what runs here now began before.
            let stopped = self.parts.executor.stop_all();
            tracing::warn!(stopped, "everything is halted");
        }
        seen.halt = halt;
        for execution in replicas.to_be_stopped(&self.parts.executor.running()).await? {
            self.parts.executor.stop(execution);
        }
        let due = replicas.due(self.parts.clock.now()).await?;
        seen.woken.retain(|proposal| due.contains(proposal));
        for proposal in due {
            if seen.woken.insert(proposal) {
                self.wake(proposal).await;
            }
        }
        if replicas.any_adrift().await? {
            let turn = self.turn();
            if let Some(desk) = &self.parts.desk {
                desk.look_up().await;
            }
            let (intents, now) = (turn.knowledge.understander.intents(), self.parts.clock.now());
            let left = recover(store, intents, self.parts.permissions.as_ref(), now).await?;
            self.resume(left).await;
        }
        Ok(())
    }
}

async fn show_life(replicas: &dyn Replicas) {
    let mut signs = interval(replicas.lease() / SIGNS);
    signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut news = News::default();
    loop {
        signs.tick().await;
        news.tell(replicas.renew().await.as_ref().err(), "other replicas do not hear of this one");
    }
}

/// Tells a trouble when it begins and when it ends, and not every second.
#[derive(Default)]
struct News {
    troubled: bool,
}

impl News {
    fn tell(&mut self, trouble: Option<&(impl std::error::Error + 'static)>, what: &'static str) {
        match trouble {
            Some(error) if !self.troubled => tracing::error!(error = error as &dyn std::error::Error, "{what}"),
            None if self.troubled => tracing::info!("the store can be used again"),
            _ => {}
        }
        self.troubled = trouble.is_some();
    }
}
