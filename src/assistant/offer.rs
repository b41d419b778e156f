//! Answering from the runbooks, and offering the next step as a proposal.

use super::context::Memory;
use super::turn::{Said, Turn};
use super::{TurnError, wording};
use crate::catalogue::{Runbook, StepTemplate, StepValue};
use crate::domain::{Arguments, Command, Effect, Intent};
use crate::proposal::Provenance;
use crate::understanding::{Draft, Understanding};

/// A step with its placeholders filled as far as the conversation says.
struct FilledStep<'a> {
    intent: &'a Intent,
    arguments: Arguments,
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
        let mut looks = Vec::new();
        let mut changes = Vec::new();
        for step in &runbook.steps {
            let Some(filled) = self.fill_step(said.text, step).await? else { continue };
            match filled.intent.effect {
                Effect::Read => looks.push(filled),
                Effect::Change | Effect::Destructive => changes.push(filled),
            }
        }
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

    fn is_possible(&self, step: &FilledStep<'_>) -> bool {
        self.parts.planner.registry().implements(&step.intent.name)
    }

    fn ready(&self, step: &FilledStep<'_>) -> Option<Command> {
        Command::new(step.intent, &step.arguments).ok()
    }

    /// Fixed values as they stand; a placeholder takes what the message says for its parameter, and is left out where it
    /// says nothing.
    async fn fill_step(&self, text: &str, step: &StepTemplate) -> Result<Option<FilledStep<'_>>, TurnError> {
        let intents = self.knowledge.understander.intents();
        let Some(intent) = intents.get(step.intent.as_str()) else { return Ok(None) };
        let open = step.arguments.iter().any(|(_, value)| matches!(value, StepValue::Placeholder(_)));
        let said =
            if open { self.knowledge.understander.filled_for(intent, text).await?.values() } else { Arguments::new() };
        let mut arguments = Arguments::new();
        for (name, value) in &step.arguments {
            let value = match value {
                StepValue::Fixed(value) => Some(value.clone()),
                StepValue::Placeholder(_) => said.get(name).cloned(),
            };
            arguments.extend(value.map(|value| (name.clone(), value)));
        }
        Ok(Some(FilledStep { intent, arguments }))
    }
}
