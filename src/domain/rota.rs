//! Who is on call, as the system that knows has told last: what a role of the moment is decided by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};

use super::Actor;

/// How long an answer counts.
const COUNTS_FOR: SignedDuration = SignedDuration::from_secs(30);
/// How long it counts that there was none: then it is asked again.
const FAILED_FOR: SignedDuration = SignedDuration::from_secs(5);

/// Who is on call by a schedule, by the ids of the system that knows: `pagerduty:PT23IWX`. Never by a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCall {
    /// Those who are.
    pub who: Arc<BTreeSet<Actor>>,
    /// When that was told.
    pub asked: Timestamp,
}

/// Why nobody can be taken for being on call, and nobody for not being.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("who is on call cannot be found out: {0}")]
pub struct OnCallUnknown(pub String);

/// What was told of each schedule last, and when.
#[derive(Debug, Default)]
pub struct Rota(RwLock<BTreeMap<String, Told>>);

#[derive(Debug)]
struct Told {
    at: Timestamp,
    who: Result<Arc<BTreeSet<Actor>>, OnCallUnknown>,
}

impl Told {
    /// Whether it counts still; a clock that was set back makes nothing count for longer.
    fn counts(&self, now: Timestamp) -> bool {
        let limit = if self.who.is_ok() { COUNTS_FOR } else { FAILED_FOR };
        now.duration_since(self.at).abs() < limit
    }
}

impl Rota {
    /// Who is on call by a schedule from now on, or why that cannot be found out.
    pub fn tell(&self, schedule: &str, who: Result<BTreeSet<Actor>, OnCallUnknown>, at: Timestamp) {
        let told = Told { at, who: who.map(Arc::new) };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(schedule.to_owned(), told);
    }

    /// Whether what was told of a schedule counts still, be it that it cannot be found out.
    pub fn is_told(&self, schedule: &str, now: Timestamp) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(schedule).is_some_and(|told| told.counts(now))
    }

    /// Who is on call by a schedule, as far as that was told lately.
    pub fn on_call(&self, schedule: &str, now: Timestamp) -> Result<OnCall, OnCallUnknown> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match all.get(schedule).filter(|told| told.counts(now)) {
            Some(Told { at, who: Ok(who) }) => Ok(OnCall { who: Arc::clone(who), asked: *at }),
            Some(Told { who: Err(unknown), .. }) => Err(unknown.clone()),
            None => Err(OnCallUnknown(format!("nobody has said so of `{schedule}` lately"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_counts_for_a_while() {
        let rota = Rota::default();
        let noon: Timestamp = "2026-11-18T12:00:00Z".parse().unwrap();
        let after = |seconds| noon + SignedDuration::from_secs(seconds);
        let mira: Actor = "pagerduty:PT23IWX".parse().unwrap();
        let said = |now| rota.on_call("primary", now).map_err(|error| error.to_string());
        assert_eq!(
            said(noon).unwrap_err(),
            "who is on call cannot be found out: nobody has said so of `primary` lately"
        );
        rota.tell("primary", Ok([mira.clone()].into()), noon);
        assert!(said(after(29)).unwrap().who.contains(&mira));
        assert!(said(after(30)).is_err() && !rota.is_told("primary", after(30)));
        assert!(said(after(-31)).is_err(), "the clock was set back");
        rota.tell("primary", Err(OnCallUnknown("`pagerduty` did not answer".to_owned())), after(40));
        let unknown = "who is on call cannot be found out: `pagerduty` did not answer";
        assert_eq!(said(after(44)).unwrap_err(), unknown);
        assert!(rota.is_told("primary", after(44)) && !rota.is_told("primary", after(45)));
        assert!(!rota.is_told("secondary", after(41)), "each schedule for itself");
    }
}
