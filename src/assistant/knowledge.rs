//! What was loaded from `intents/` and `runbooks/`, and how an edit of them comes into force.

use std::sync::{Arc, PoisonError};

use arc_swap::ArcSwap;

use super::{Assistant, wording};
use crate::catalogue::{Diagnostic, Runbook, Severity};
use crate::domain::{ConversationId, Listed, Reply};
use crate::understanding::Understander;

/// All that an edit of the data, or a system that lists its things, can change. Each turn keeps to one from beginning to end.
pub struct Knowledge {
    /// Reads messages.
    pub understander: Arc<Understander>,
    /// The runbooks, for their steps.
    pub runbooks: Arc<[Runbook]>,
}

/// Where the newest is found.
pub type Newest = Arc<ArcSwap<Knowledge>>;

impl Knowledge {
    /// The same with these names beside those of the configuration.
    fn knowing(&self, listed: &Listed) -> Self {
        let entities = self.understander.entities().with_listed(listed);
        Self { understander: Arc::new(self.understander.knowing(entities)), runbooks: Arc::clone(&self.runbooks) }
    }
}

impl Assistant {
    /// What every turn that begins from now on goes by. Logged, and said in the conversation of whoever edits.
    pub async fn learn(&self, knowledge: Knowledge, told: &ConversationId) {
        let (intents, runbooks) = (knowledge.understander.intents().iter().count(), knowledge.runbooks.len());
        tracing::info!(intents, runbooks, digest = %knowledge.understander.digest(), "the data was loaded again");
        {
            // One after the other with `know`: neither loses what the other brought.
            let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
            self.parts.newest.store(Arc::new(knowledge.knowing(&listed)));
        }
        self.tell(told, wording::loaded_again(intents, runbooks)).await;
    }

    /// What systems list now, in the place of what they listed before. Every turn that begins from now on knows it.
    pub fn know(&self, listed: Listed) {
        let mut known = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != listed {
            self.parts.newest.store(Arc::new(self.parts.newest.load().knowing(&listed)));
            *known = listed;
        }
    }

    /// An edit that cannot be used: everything stays as it was. Logged, and said in the conversation of whoever edits.
    pub async fn refuse(&self, findings: &[Diagnostic], told: &ConversationId) {
        let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        errors.iter().for_each(|error| tracing::warn!("the edited data is not used: {error}"));
        self.tell(told, wording::not_loaded(&errors)).await;
    }

    async fn tell(&self, told: &ConversationId, reply: Reply) {
        // If this cannot be said, nobody listens.
        let _ = self.turn().say(told, reply).await;
    }
}
