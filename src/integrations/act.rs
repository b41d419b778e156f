//! Acting, within an open row: each round with its retries, waiting until it is done, and telling what came of it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::Answer;
use super::builtin::{Progress, RunContext};
use super::error::ActionError;
use super::perform::{MAX_PAGES, Performer};
use super::plan::{Plan, Planner, rounds};
use super::scope::{Circumstances, Views};
use super::secret::Wanted;
use super::settings::Secrets;
use super::stop::Stop;
use crate::catalogue::manifest::{Action, Poll};
use crate::domain::{Command, Effect, Outcome, OutcomeStatus};
use crate::proposal::approval::Approved;

/// The first pause before trying again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(300);

/// One attempt to carry out a plan.
pub(super) struct Act<'a> {
    pub(super) planner: &'a Planner,
    pub(super) plan: &'a Plan,
    pub(super) approved: &'a Approved<Command>,
    pub(super) now: Timestamp,
    pub(super) stop: &'a Stop,
    pub(super) progress: Progress,
}

/// How far it came.
#[derive(Default)]
struct Rounds<'a> {
    /// Whether the call before the rounds was made.
    prepared: bool,
    done: Vec<Told<'a>>,
    /// What ended it, if it did not come to its end.
    error: Option<ActionError>,
}

/// What one round told.
struct Told<'a> {
    views: Views<'a>,
    output: Option<String>,
}

impl Act<'_> {
    /// Acts, and says what became of it.
    pub(super) async fn run(&self) -> Outcome {
        let effect = self.plan.command.effect();
        let deadline = Instant::now() + self.plan.timeout;
        let refreshed = self.plan.chosen.integration.refresh(Wanted::Current, &self.planner.redactor).await;
        let Rounds { prepared, done, error } = match refreshed.and_then(|_| self.views()) {
            Ok(views) => self.rounds(&views, deadline).await,
            Err(error) => Rounds { error: Some(error), ..Rounds::default() },
        };
        let output = done.iter().filter_map(|told| told.output.as_deref()).collect::<Vec<_>>().join("\n");
        let output = Some(output).filter(|output| !output.is_empty());
        let Some(error) = error else {
            return Outcome { status: OutcomeStatus::Succeeded, summary: self.summary(&done), output };
        };
        let all = self.plan.items.as_ref().map_or(1, Vec::len);
        let summary = match error.status(effect) {
            _ if prepared => format!("prepared, {} of {all} done, then: {error}", done.len()),
            _ if !done.is_empty() => format!("{} of {all} done, then: {error}", done.len()),
            OutcomeStatus::Unknown => format!("{error}; whether it took effect is unknown"),
            OutcomeStatus::Failed | OutcomeStatus::Cancelled | OutcomeStatus::Succeeded => error.to_string(),
        };
        Outcome { status: error.status(effect), summary, output }
    }

    fn action(&self) -> &Action {
        self.plan.chosen.action()
    }

    fn performer(&self, deadline: Instant) -> Performer<'_> {
        let Planner { templates, redactor, .. } = self.planner;
        Performer {
            integration: &self.plan.chosen.integration,
            templates,
            redactor,
            stop: self.stop,
            deadline,
            limit: self.plan.timeout,
            progress: None,
        }
    }

    fn views(&self) -> Result<Views<'_>, ActionError> {
        let requester = self.approved.requester().to_string();
        let circumstances = Circumstances::running(self.now, &requester, &self.approved.proposal().to_string());
        let views = self.planner.views(&self.plan.chosen, &self.plan.command, &circumstances);
        let views = views.map_err(|error| ActionError::Request {
            integration: self.plan.integration.clone(),
            source: error.into(),
        })?;
        Ok(self.plan.seen(views))
    }

    /// One round after the other, up to the first that does not succeed.
    async fn rounds<'a>(&self, views: &Views<'a>, deadline: Instant) -> Rounds<'a> {
        let mut came = Rounds::default();
        if let Some(before) = &self.action().before {
            let answer = match self.performer(deadline).run(before, views).await {
                Ok(answer) => answer,
                Err(error) => return Rounds { error: Some(error), ..came },
            };
            came.prepared = true;
            if self.plan.items.as_ref().is_some_and(Vec::is_empty) {
                came.done.push(Told { views: views.after(&answer), output: None });
            }
        }
        for views in rounds(self.plan.items.as_deref(), views) {
            match self.round(views, deadline).await {
                Ok(told) => came.done.push(told),
                Err(error) => return Rounds { error: Some(error), ..came },
            }
        }
        came
    }

    async fn round<'a>(&self, views: Views<'a>, deadline: Instant) -> Result<Told<'a>, ActionError> {
        let mut answer = match self.action().builtin() {
            Some(name) => self.builtin(name, deadline).await?,
            None => self.sent(&views, deadline).await?,
        };
        let mut views = views;
        if let Some(poll) = &self.action().poll {
            let sent: Map<String, Json> =
                answer.names().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            views = views.after(&answer).with("sent", &Json::Object(sent));
            answer = self.poll(poll, &views, deadline).await?;
        }
        let mut unread_after = None;
        if let Some(select) = &self.action().select {
            let step = self.action().poll.as_ref().map_or(&self.action().step, |poll| &poll.step);
            let selected = self.performer(deadline).select(select, step, &answer, &views, MAX_PAGES).await?;
            unread_after = selected.unread_after;
            views = views.with("items", &Json::Array(selected.items));
        }
        let views = views.after(&answer);
        let mut output = self.output(&answer, &views)?;
        if let Some(read) = unread_after {
            let text = output.get_or_insert_default();
            text.push_str(&format!("\n… (there are more than the {read} that were read)"));
        }
        Ok(Told { views, output })
    }

    /// Sends the request; again, where that is harmless and may help.
    async fn sent(&self, views: &Views<'_>, deadline: Instant) -> Result<Answer, ActionError> {
        let action = self.action();
        let harmless = self.plan.command.effect() == Effect::Read || action.idempotent;
        let mut left = if harmless { action.retry } else { 0 };
        let mut pause = FIRST_PAUSE;
        loop {
            let progress = action.progress.as_ref().map(|told| (told, &self.progress));
            let performer = Performer { progress, ..self.performer(deadline) };
            let error = match performer.run(&action.step, views).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // Between half and one and a half times as long, so that many do not come back at once.
            let wait = pause.mul_f64(0.5 + rand::random::<f64>());
            if left == 0 || !error.is_passing() || Instant::now() + wait >= deadline {
                return Err(error);
            }
            tokio::select! {
                () = self.stop.stopped() => return Err(error),
                () = sleep(wait) => {}
            }
            left -= 1;
            pause *= 2;
        }
    }

    async fn builtin(&self, name: &str, deadline: Instant) -> Result<Answer, ActionError> {
        let integration = self.plan.integration.clone();
        let Some(builtin) = self.planner.builtin(name) else {
            return Err(ActionError::NotSent { integration, reason: format!("there is no `{name}` any more") });
        };
        let cx = RunContext {
            identity: self.plan.identity.clone(),
            settings: self.plan.chosen.integration.settings.plain(Secrets::Named),
            requester: self.approved.requester().clone(),
            conversation: self.approved.conversation().clone(),
            proposal: self.approved.proposal(),
            execution: self.approved.execution(),
            now: self.now,
            progress: self.progress.clone(),
        };
        if self.stop.is_stopped() {
            return Err(ActionError::Stopped);
        }
        tokio::select! {
            () = self.stop.stopped() => Err(ActionError::Interrupted { integration }),
            done = timeout_at(deadline, builtin.run(&self.plan.command, &cx)) => match done {
                Ok(Ok(body)) => Ok(Answer::of_builtin(body)),
                Ok(Err(error)) => Err(self.planner.builtin_failed(&self.plan.chosen, error)),
                Err(_) => Err(ActionError::TimedOut { integration, limit: self.plan.timeout }),
            }
        }
    }

    /// Asks until it is done, has failed, or time is up.
    async fn poll(&self, poll: &Poll, views: &Views<'_>, deadline: Instant) -> Result<Answer, ActionError> {
        let integration = || self.plan.integration.clone();
        let performer = self.performer(deadline);
        let (mut said, mut answered) = (String::new(), false);
        let not_yet = |said: String| ActionError::NotYet {
            integration: integration(),
            limit: self.plan.timeout,
            said: self.planner.redactor.clean(&said),
        };
        loop {
            // One answer that got lost does not mean that the work is lost.
            match performer.run(&poll.step, views).await {
                Ok(answer) => {
                    answered = true;
                    let views = views.after(&answer);
                    let holds = |expression| self.planner.templates.truth(expression, &views.sent);
                    let unreadable = |error| performer.unreadable(&error);
                    if poll.fail.as_ref().map(holds).transpose().map_err(unreadable)? == Some(true) {
                        let said = self.failure(poll, &views);
                        return Err(ActionError::Refused { integration: integration(), said });
                    }
                    if holds(&poll.until).map_err(unreadable)? {
                        return Ok(answer);
                    }
                    let told = poll.progress.as_ref().map(|told| self.planner.templates.prose(told, &views.told));
                    // Progress that cannot be told is no reason to stop.
                    if let Some(told) = told.and_then(Result::ok).filter(|told| *told != said) {
                        self.progress.tell(&told);
                        said = told;
                    }
                }
                Err(error) if error.is_passing() && Instant::now() + poll.every < deadline => {}
                // It did answer, and what it said last is what is known.
                Err(ActionError::TimedOut { .. }) if answered => return Err(not_yet(said)),
                Err(error) => return Err(error),
            }
            if Instant::now() + poll.every >= deadline {
                return Err(not_yet(said));
            }
            tokio::select! {
                () = self.stop.stopped() => return Err(ActionError::Interrupted { integration: integration() }),
                () = sleep(poll.every) => {}
            }
        }
    }

    /// What a poll that found a failure says of it.
    fn failure(&self, poll: &Poll, views: &Views<'_>) -> String {
        let said = poll.step.failure.as_ref().map(|failure| self.planner.templates.prose(failure, &views.told));
        let said = said.and_then(Result::ok).unwrap_or_else(|| "reports that it failed".to_owned());
        self.planner.redactor.clean(&said)
    }

    /// The answer for people. A read that cannot be told has failed; a change has not.
    fn output(&self, answer: &Answer, views: &Views<'_>) -> Result<Option<String>, ActionError> {
        let mut output = match &self.action().reply {
            Some(reply) => match self.performer(Instant::now()).tell(reply, answer, views) {
                Ok(text) => text,
                Err(error) if self.plan.command.effect() == Effect::Read => return Err(error),
                Err(error) => format!("({error})"),
            },
            None => answer.text.trim_end().to_owned(),
        };
        if answer.truncated {
            output.push_str("\n… (the answer was longer than what is kept)");
        }
        Ok(Some(output).filter(|output| !output.trim().is_empty()))
    }

    fn summary(&self, done: &[Told<'_>]) -> String {
        let action = self.action();
        let told = action.summary.as_ref().zip(done.last());
        let told = told.and_then(|(summary, told)| self.planner.templates.prose(summary, &told.views.told).ok());
        told.filter(|told| !told.trim().is_empty()).unwrap_or_else(|| match self.plan.command.effect() {
            Effect::Read => format!("answered by `{}`", self.plan.integration),
            Effect::Change | Effect::Destructive => format!("done by `{}`", self.plan.integration),
        })
    }
}
