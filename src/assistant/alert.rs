//! Alerts: each is told once, with the passage that helps and the steps that somebody may pick. Nothing runs by an alert,
//! and nothing in it counts as said by a person.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::builtins::passage;
use super::context::Offer;
use super::offer::Source;
use super::turn::Turn;
use super::{Assistant, TurnError, wording};
use crate::catalogue::Runbook;
use crate::domain::{Alert, AlertStatus, Alerted, ConversationId, Digest, MessageId};
use crate::retrieval::Chunk;

/// How many alerts that came together are told one by one; of the rest, the names.
const TOLD: usize = 5;
/// How many steps are offered.
const STEPS: usize = 9;
/// The longest texts of an alert that are shown, in characters.
const NAME: usize = 100;
const LABELS: usize = 300;
const SUMMARY: usize = 300;
const DESCRIPTION: usize = 1_000;

/// What of an alert is told: one line each, short, and clean.
pub(super) struct Told {
    pub(super) name: String,
    pub(super) labels: String,
    pub(super) summary: String,
    pub(super) description: String,
}

impl Assistant {
    /// Tells alerts that were not told before. What goes wrong is on the log.
    pub async fn alerted(&self, alerted: Alerted) {
        let Alerted { conversation, alerts } = alerted;
        let turn = self.turn();
        if let Err(error) = Self::unharmed(turn.alerted(&conversation, &alerts)).await {
            tracing::error!(%conversation, error = &error as &dyn std::error::Error, "alerts could not be told");
        }
    }
}

impl Turn<'_> {
    async fn alerted(&self, conversation: &ConversationId, alerts: &[Alert]) -> Result<(), TurnError> {
        let mut told = 0;
        let mut shown = BTreeSet::new();
        let mut more: BTreeMap<(String, AlertStatus), usize> = BTreeMap::new();
        for alert in alerts {
            if !self.parts.messages.first_time(&id(conversation, alert)).await? {
                continue;
            }
            told += 1;
            match alert.status {
                _ if told > TOLD => *more.entry((self.name(alert), alert.status)).or_default() += 1,
                AlertStatus::Firing => self.firing(conversation, alert, &mut shown).await?,
                AlertStatus::Resolved => self.say(conversation, wording::resolved(&self.told(alert))).await?,
            }
        }
        if more.is_empty() { Ok(()) } else { self.say(conversation, wording::more_alerts(&more)).await }
    }

    /// `shown` holds the runbooks whose passages were told just now.
    async fn firing(
        &self,
        conversation: &ConversationId,
        alert: &Alert,
        shown: &mut BTreeSet<String>,
    ) -> Result<(), TurnError> {
        let found = self.passage_for(alert).await;
        let text = match &found {
            None => wording::no_runbook(),
            Some(chunk) if shown.contains(&chunk.runbook) => wording::same_runbook(&chunk.runbook),
            Some(chunk) => {
                let mut text = String::new();
                passage(&mut text, chunk);
                self.parts.redactor.clean(text.trim_end())
            }
        };
        self.say(conversation, wording::firing(&self.told(alert), &text)).await?;
        let Some(name) = found.map(|chunk| chunk.runbook.clone()) else { return Ok(()) };
        shown.insert(name.clone());
        match self.knowledge.runbooks.iter().find(|runbook| runbook.name == name) {
            Some(runbook) => self.suggest(conversation, alert, runbook).await,
            None => Ok(()),
        }
    }

    /// The passage of the runbook that names the alert, else the nearest to what it says.
    async fn passage_for(&self, alert: &Alert) -> Option<Arc<Chunk>> {
        let named = self.knowledge.runbooks.iter().find(|runbook| runbook.alerts.contains(&alert.name));
        if let Some(runbook) = named {
            return self.knowledge.understander.passage_of(&runbook.name);
        }
        let text = [self.foreign(&alert.summary, SUMMARY), self.foreign(&alert.description, DESCRIPTION)].join(" ");
        if text.trim().is_empty() {
            return None;
        }
        match self.knowledge.understander.passages(text.trim(), 1).await {
            Ok(hits) => hits.into_iter().find(|hit| hit.is_answer()).map(|hit| hit.chunk),
            // An alert without its passage is better than none.
            Err(error) => {
                tracing::warn!(%error, "no passage was looked for");
                None
            }
        }
    }

    /// Offers the steps of which the alert says everything and that something here carries out, to whoever picks one.
    async fn suggest(&self, conversation: &ConversationId, alert: &Alert, runbook: &Runbook) -> Result<(), TurnError> {
        let mut commands = Vec::new();
        for step in self.fill_steps(runbook, Source::Labels(alert)).await? {
            let Some(command) = self.ready(&step).filter(|_| self.is_possible(&step)) else { continue };
            let command = command.to_string();
            // What must not be shown cannot be picked.
            let is_clean = self.parts.redactor.clean(&command) == command;
            if is_clean && commands.len() < STEPS && commands.iter().all(|(other, _)| *other != command) {
                commands.push((command, step.intent));
            }
        }
        if commands.is_empty() {
            return Ok(());
        }
        let offer = |(command, _): &(String, _)| Offer {
            command: command.clone(),
            runbook: (runbook.name.clone(), runbook.digest),
        };
        self.remember_offers(conversation, commands.iter().map(offer).collect()).await?;
        self.say(conversation, wording::suggested(&runbook.name, &commands)).await
    }

    fn told(&self, alert: &Alert) -> Told {
        let labels: Vec<String> = alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Told {
            name: self.name(alert),
            labels: self.foreign(&labels.join(", "), LABELS),
            summary: self.foreign(&alert.summary, SUMMARY),
            description: self.foreign(&alert.description, DESCRIPTION),
        }
    }

    /// As it may stand between backticks.
    fn name(&self, alert: &Alert) -> String {
        self.foreign(&alert.name, NAME).replace('`', "'")
    }

    /// Somebody else's text on one line, as it may be shown; what is left out shows.
    fn foreign(&self, text: &str, limit: usize) -> String {
        let text = self.parts.redactor.clean(text).split_whitespace().collect::<Vec<_>>().join(" ");
        match text.char_indices().nth(limit) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

/// What makes an alert the same: of the same things, since the same time, in the same state.
fn id(conversation: &ConversationId, alert: &Alert) -> MessageId {
    let Alert { fingerprint, status, starts_at, .. } = alert;
    let digest = Digest::of([fingerprint.as_bytes(), status.as_str().as_bytes(), starts_at.to_string().as_bytes()]);
    MessageId { conversation: conversation.clone(), message: format!("alert-{digest}") }
}
