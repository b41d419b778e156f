//! Answering from the runbooks, and offering the next step as a proposal.

use super::context::Memory;
use super::labels::{self, Unlisted};
use super::turn::{Said, Turn};
use super::{TurnError, wording};
use crate::catalogue::{Runbook, StepTemplate, StepValue};
use crate::domain::{Alert, Arguments, Command, Effect, Intent};
use crate::proposal::Provenance;
use crate::understanding::{Draft, Understanding};

/// A step with its placeholders filled as far as the conversation says.
pub(super) struct FilledStep<'a> {
    pub(super) intent: &'a Intent,
    arguments: Arguments,
}

/// Where the values of placeholders come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// What somebody said.
    Said(&'a str),
    /// What an alert is about.
    Labels(&'a Alert),
}

impl Turn<'_> {
    /// A question to the runbooks: the passages, by the same path as every read, and then the step they suggest.
    pub(super) async fn answer(
        &self,
        said: &Said<'_>,
        memory: Memory,
        understanding: &Understanding,
    ) -> Result<(), TurnError> {
        let intents = self.knowledge.understander.intents();
        let Some(intent) = understanding.intent.as_ref().and_then(|name| intents.get(name.as_str())) else {
            return Ok(());
        };
        match Command::new(intent, &understanding.arguments) {
            Ok(command) => {
                let provenance = self.provenance(said, understanding);
                self.propose(said, command, provenance, Vec::new()).await?;
            }
            Err(error) => return self.say(said.conversation, wording::invalid(&error)).await,
        }
        // The question is no command to come back to: "it" still means what was spoken of before.
        self.remember(said.conversation, said.actor, &Memory { asked: None, ..memory }).await?;
        self.offer(said, understanding).await
    }

    /// The step that the best passage suggests: what changes something becomes a proposal, what only looks is named.
    async fn offer(&self, said: &Said<'_>, understanding: &Understanding) -> Result<(), TurnError> {
        let hits = self.knowledge.understander.passages(said.text, 1).await?;
        let Some(hit) = hits.first().filter(|hit| hit.is_answer()) else { return Ok(()) };
        let Some(runbook) = self.knowledge.runbooks.iter().find(|runbook| runbook.name == hit.chunk.runbook) else {
            return Ok(());
        };
        let steps = self.fill_steps(runbook, Source::Said(said.text)).await?;
        let (looks, changes): (Vec<_>, Vec<_>) = steps.into_iter().partition(|step| step.intent.effect == Effect::Read);
        let looks: Vec<String> = looks.iter().filter_map(|step| self.ready(step)).map(|c| c.to_string()).collect();
        if !looks.is_empty() {
            self.say(said.conversation, wording::look_first(&looks)).await?;
        }
        // The first that can be carried out here, best one about which nothing has to be asked; else one that only lacks a
        // system, with the reason why not.
        let rank = |step: &&FilledStep<'_>| (!self.is_possible(step), self.ready(step).is_none());
        let Some(step) = changes.iter().min_by_key(rank) else { return Ok(()) };
        self.offer_step(said, understanding, runbook, step).await
    }

    async fn offer_step(
        &self,
        said: &Said<'_>,
        understanding: &Understanding,
        runbook: &Runbook,
        step: &FilledStep<'_>,
    ) -> Result<(), TurnError> {
        if let Some(command) = self.ready(step) {
            self.say(said.conversation, wording::next_step(&runbook.name, &command.to_string())).await?;
            let provenance = Provenance {
                runbook: Some((runbook.name.clone(), runbook.digest)),
                ..self.provenance(said, understanding)
            };
            return self.propose(said, command, provenance, Vec::new()).await;
        }
        if !self.is_possible(step) {
            return self.say(said.conversation, wording::next_step(&runbook.name, &step.intent.summary)).await;
        }
        let missing = step.intent.missing(|name| step.arguments.contains_key(name));
        let draft = Draft { intent: step.intent.name.clone(), arguments: step.arguments.clone() };
        let (memory, ..) = self.recall(said.conversation, said.actor).await?;
        let memory = Memory { asked: Some((&draft, missing.as_slice()).into()), ..memory };
        self.remember(said.conversation, said.actor, &memory).await?;
        self.say(said.conversation, wording::next_step(&runbook.name, &step.intent.summary)).await?;
        self.say(said.conversation, self.question(step.intent, &missing, &[])).await
    }

    pub(super) fn is_possible(&self, step: &FilledStep<'_>) -> bool {
        self.parts.planner.registry().implements(&step.intent.name)
    }

    pub(super) fn ready(&self, step: &FilledStep<'_>) -> Option<Command> {
        Command::new(step.intent, &step.arguments).ok()
    }

    /// All steps of a runbook, in its order.
    pub(super) async fn fill_steps(
        &self,
        runbook: &Runbook,
        source: Source<'_>,
    ) -> Result<Vec<FilledStep<'_>>, TurnError> {
        let mut steps = Vec::new();
        for step in &runbook.steps {
            steps.extend(self.fill_step(source, step).await?);
        }
        Ok(steps)
    }

    /// Fixed values as they stand; a placeholder takes what the source says for its parameter, and is left out where it
    /// says nothing. None where an alert speaks of something that nobody lists: without it, it would be another step.
    async fn fill_step(&self, source: Source<'_>, step: &StepTemplate) -> Result<Option<FilledStep<'_>>, TurnError> {
        let understander = &self.knowledge.understander;
        let Some(intent) = understander.intents().get(step.intent.as_str()) else { return Ok(None) };
        let open = step.arguments.iter().any(|(_, value)| matches!(value, StepValue::Placeholder(_)));
        let said = match source {
            Source::Said(text) if open => understander.filled_for(intent, text).await?.values(),
            Source::Said(_) | Source::Labels(_) => Arguments::new(),
        };
        let mut arguments = Arguments::new();
        for (name, value) in &step.arguments {
            let value = match (value, source) {
                (StepValue::Fixed(value), _) => Some(value.clone()),
                (StepValue::Placeholder(_), Source::Said(_)) => said.get(name).cloned(),
                (StepValue::Placeholder(_), Source::Labels(alert)) => {
                    let parameter = intent.parameter(name.as_str());
                    match parameter.map(|parameter| labels::value(alert, parameter, understander.entities())) {
                        Some(Err(Unlisted)) => return Ok(None),
                        Some(Ok(value)) => value,
                        None => None,
                    }
                }
            };
            arguments.extend(value.map(|value| (name.clone(), value)));
        }
        Ok(Some(FilledStep { intent, arguments }))
    }
}
