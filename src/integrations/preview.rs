//! What a person should see before they decide: read now, compared at the moment of running, and kept for taking it back.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::answer::Answer;
use super::error::ActionError;
use super::plan::{Plan, Planner, rounds};
use super::scope::{Circumstances, Views};
use super::secret::Wanted;
use super::stop::Stop;
use super::template::TemplateError;
use crate::catalogue::manifest::Preview;
use crate::domain::quote;

/// What the whole text of a preview is called among the facts, where a manifest names none.
const WHOLE: &str = "the preview";

/// What was read. Redacted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Previewed {
    /// For people, if the action has a preview.
    pub shown: Option<String>,
    /// What must still be so when it runs, by name.
    pub facts: BTreeMap<String, String>,
    /// The typed form of the command that takes it back, if the action has one. To be checked like anything typed.
    pub undo: Option<String>,
}

impl Planner {
    /// Reads what a person should see before they decide, if the action says what that is.
    pub async fn preview(&self, plan: &Plan) -> Result<Previewed, ActionError> {
        let action = plan.chosen.action();
        let mut previewed = match &action.preview {
            Some(preview) => self.look(plan, preview).await?,
            None => Previewed::default(),
        };
        previewed.undo = self.undo(plan, &previewed.facts)?;
        Ok(previewed)
    }

    async fn look(&self, plan: &Plan, preview: &Preview) -> Result<Previewed, ActionError> {
        let stop = Stop::never();
        plan.chosen.integration.refresh(Wanted::Current, &self.redactor).await?;
        let reader = self.reader(&plan.chosen, &stop);
        let views = self.looking(plan)?;
        let mut shown = Vec::new();
        let mut facts = BTreeMap::new();
        let all = if preview.step.is_none() { None } else { plan.items.as_deref() };
        // Without a read of its own it speaks of everything that was found at once.
        for views in rounds(all, &views) {
            let (views, answer) = match (&preview.step, plan.chosen.action().builtin()) {
                (Some(step), _) => {
                    let answer = reader.run(step, &views).await?;
                    (views.after(&answer), answer)
                }
                (None, Some(name)) => {
                    let body = match self.builtin(name) {
                        Some(builtin) => {
                            self.looked(&plan.chosen, builtin.preview(&plan.command, &plan.identity)).await?
                        }
                        None => Json::Null,
                    };
                    (views.with("body", &body), Answer::of_builtin(body))
                }
                (None, None) => (views, Answer::of_builtin(Json::Null)),
            };
            shown.push(self.redactor.clean(&reader.tell(&preview.reply, &answer, &views)?));
            for (name, fact) in preview.facts.iter().flatten() {
                let fact = self.redactor.clean(&reader.tell(fact, &answer, &views)?);
                // Of several things, each has its own.
                let name = if shown.len() == 1 { name.clone() } else { format!("{name} ({})", shown.len()) };
                facts.insert(name, fact.trim().to_owned());
            }
        }
        let shown = shown.join("\n");
        if preview.facts.is_none() {
            facts.insert(WHOLE.to_owned(), shown.clone());
        }
        Ok(Previewed { shown: Some(shown), facts, undo: None })
    }

    /// The command that takes it back, with the values that were found before.
    fn undo(&self, plan: &Plan, facts: &BTreeMap<String, String>) -> Result<Option<String>, ActionError> {
        let Some(undo) = &plan.chosen.action().undo else { return Ok(None) };
        let facts: Map<String, Json> = facts.iter().map(|(name, fact)| (name.clone(), fact.as_str().into())).collect();
        let views = self.looking(plan)?.with("facts", &Json::Object(facts));
        let helps = undo.when.as_ref().map(|when| self.templates.truth(when, &views.told)).transpose();
        if helps.map_err(|error| self.unreadable(plan, &error))? == Some(false) {
            return Ok(None);
        }
        let mut line = undo.intent.to_string();
        for (name, argument) in &undo.arguments {
            let value = self.templates.text(argument, &views.told).map_err(|error| self.unreadable(plan, &error))?;
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                line.push_str(&format!(" {name}={}", quote(&value)));
            }
        }
        Ok(Some(line))
    }

    fn looking(&self, plan: &Plan) -> Result<Views<'_>, ActionError> {
        let circumstances = Circumstances::looking(self.clock.now());
        let views = self.views(&plan.chosen, &plan.command, &circumstances);
        views.map(|views| plan.seen(views)).map_err(|error| self.unreadable(plan, &error))
    }

    fn unreadable(&self, plan: &Plan, error: &TemplateError) -> ActionError {
        let stop = Stop::never();
        self.reader(&plan.chosen, &stop).unreadable(error)
    }
}
