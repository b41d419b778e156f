//! Whether deciding something needed to know who is on call, and that had not been told lately.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use super::permission::{Decision, Permissions, Query};
use crate::domain::{Actor, Approvers, Digest};

/// Permissions that notice what they lack: whoever decides by them finds it out, and decides again.
pub struct Watched<'p> {
    permissions: &'p dyn Permissions,
    lacked: AtomicBool,
}

impl<'p> Watched<'p> {
    /// Of these.
    pub fn new(permissions: &'p dyn Permissions) -> Self {
        Self { permissions, lacked: AtomicBool::new(false) }
    }

    /// Whether something would have had to be known, and can be asked for.
    pub fn lacked(&self) -> bool {
        self.lacked.load(Ordering::Relaxed)
    }

    fn note(&self, lacks: bool, now: Timestamp) {
        if lacks && !self.permissions.knows_duty(now) {
            self.lacked.store(true, Ordering::Relaxed);
        }
    }
}

impl Permissions for Watched<'_> {
    fn decide(&self, query: &Query<'_>) -> Decision {
        let decision = self.permissions.decide(query);
        self.note(!decision.errors.is_empty(), query.now);
        decision
    }

    /// Those who are on call may be among them.
    fn approvers(&self, query: &Query<'_>) -> Vec<Approvers> {
        self.note(true, query.now);
        self.permissions.approvers(query)
    }

    fn knows_duty(&self, now: Timestamp) -> bool {
        self.permissions.knows_duty(now)
    }

    fn version(&self) -> Digest {
        self.permissions.version()
    }

    fn may_halt(&self, actor: &Actor) -> bool {
        self.permissions.may_halt(actor)
    }

    fn same_person(&self, one: &Actor, other: &Actor) -> bool {
        self.permissions.same_person(one, other)
    }
}
