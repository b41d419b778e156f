//! What was loaded from `intents/` and `runbooks/`, and how an edit of them comes into force.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Assistant, wording};
use crate::catalogue::{Diagnostic, Runbook, Severity};
use crate::domain::{ConversationId, Reply};
use crate::understanding::Understander;

/// All that an edit of the data can change. Each turn keeps to one from beginning to end.
pub struct Knowledge {
    /// Reads messages.
    pub understander: Arc<Understander>,
    /// The runbooks, for their steps.
    pub runbooks: Vec<Runbook>,
}

/// Where the newest is found.
pub type Newest = Arc<ArcSwap<Knowledge>>;

impl Assistant {
    /// What every turn that begins from now on goes by. Logged, and said in the conversation of whoever edits.
    pub async fn learn(&self, knowledge: Knowledge, told: &ConversationId) {
        let (intents, runbooks) = (knowledge.understander.intents().iter().count(), knowledge.runbooks.len());
        tracing::info!(intents, runbooks, digest = %knowledge.understander.digest(), "the data was loaded again");
        self.parts.newest.store(Arc::new(knowledge));
        self.tell(told, wording::loaded_again(intents, runbooks)).await;
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
