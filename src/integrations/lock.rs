//! One change at a time for each target. Who comes second waits a moment, and then hears who is at it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::domain::Actor;

/// Who is at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// The command, in its typed form.
    pub(super) command: String,
    /// Who asked for it.
    pub(super) actor: Actor,
    /// Since when.
    pub(super) since: Timestamp,
}

/// The targets that are being acted upon.
#[derive(Debug, Default)]
pub(super) struct Locks {
    held: Mutex<HashMap<String, Holder>>,
    freed: Notify,
}

/// Frees its target when it goes.
#[derive(Debug)]
pub(super) struct Held {
    locks: Arc<Locks>,
    target: String,
    waited: bool,
}

impl Held {
    /// Whether somebody else had the target when it was asked for.
    pub(super) fn waited(&self) -> bool {
        self.waited
    }
}

impl Locks {
    fn held(&self) -> MutexGuard<'_, HashMap<String, Holder>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a target, waiting at most so long; else who has it.
    pub(super) async fn take(self: &Arc<Self>, target: &str, holder: Holder, wait: Duration) -> Result<Held, Holder> {
        if let Some(held) = self.try_take(target, &holder, false) {
            return Ok(held);
        }
        let taken = timeout(wait, async {
            loop {
                let freed = self.freed.notified();
                tokio::pin!(freed);
                // Listening begins before looking, so that no release is missed in between.
                freed.as_mut().enable();
                if let Some(held) = self.try_take(target, &holder, true) {
                    return held;
                }
                freed.await;
            }
        });
        match taken.await {
            Ok(held) => Ok(held),
            // Freed at the last moment: then nobody has it, and the holder is the one who asked.
            Err(_) => {
                self.try_take(target, &holder, true).ok_or_else(|| self.held().get(target).cloned().unwrap_or(holder))
            }
        }
    }

    fn try_take(self: &Arc<Self>, target: &str, holder: &Holder, waited: bool) -> Option<Held> {
        let mut held = self.held();
        if held.contains_key(target) {
            return None;
        }
        held.insert(target.to_owned(), holder.clone());
        Some(Held { locks: Arc::clone(self), target: target.to_owned(), waited })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.locks.held().remove(&self.target);
        self.locks.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(name: &str) -> Holder {
        Holder {
            command: format!("service.restart service={name}"),
            actor: Actor::new("console", name).unwrap(),
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn the_second_hears_who_is_first() {
        let locks = Arc::new(Locks::default());
        let short = Duration::from_millis(20);
        let first = locks.take("a", holder("alice"), short).await.unwrap();
        assert_eq!(locks.take("a", holder("bob"), short).await.unwrap_err(), holder("alice"));
        assert!(locks.take("b", holder("bob"), short).await.is_ok());
        let waiting = tokio::spawn({
            let locks = Arc::clone(&locks);
            async move { locks.take("a", holder("bob"), Duration::from_secs(5)).await.is_ok() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap());
    }
}
