//! Deciding by what holds now: where policy has to know who is on call and that was not told lately, it is asked, and decided
//! again. Deciding is pure, so that it can be done twice.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::Parts;
use crate::domain::IntentName;
use crate::integrations::OnCallDesk;
use crate::proposal::{Permissions, Watched};

/// What is known once the integrations are, which need our own actions first.
#[derive(Debug, Default)]
pub struct Afterwards {
    /// The intents that something here carries out.
    pub possible: OnceLock<BTreeSet<IntentName>>,
    /// Finds out who is on call; never set where no role depends on that.
    pub desk: OnceLock<Arc<OnCallDesk>>,
}

impl Parts {
    /// What comes of deciding something, with who is on call found out if it takes that.
    pub(super) async fn decided<T>(&self, decide: impl Fn(&dyn Permissions) -> T) -> T {
        decided(self.permissions.as_ref(), self.desk.as_deref(), decide).await
    }
}

/// The same of these.
pub(super) async fn decided<T>(
    permissions: &dyn Permissions,
    desk: Option<&OnCallDesk>,
    decide: impl Fn(&dyn Permissions) -> T,
) -> T {
    if let Some(desk) = desk {
        let watched = Watched::new(permissions);
        let decided = decide(&watched);
        if !watched.lacked() {
            return decided;
        }
        desk.look_up().await;
    }
    decide(permissions)
}
