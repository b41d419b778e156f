//! One step: fill in the request, send it, read the answer, judge it.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;

use super::answer::{Answer, Ending, looks_like_html};
use super::builtin::Progress;
use super::error::ActionError;
use super::limits::Limits;
use super::process;
use super::redact::Redactor;
use super::registry::Integration;
use super::request::{Filler, Request, RequestError};
use super::scope::Views;
use super::secret::Wanted;
use super::stop::Stop;
use super::template::{Scope, TemplateError, Templates};
use crate::catalogue::manifest::{Call, Computed, Login, Select, Step, Template};

/// The most parts of one list that are asked for where a person waits for it.
pub(super) const MAX_PAGES: usize = 10;

/// What was meant of a list.
pub(super) struct Selected {
    pub(super) items: Vec<Json>,
    /// How many elements were read, if there are more than that.
    pub(super) unread_after: Option<usize>,
}

/// Performs the steps of one attempt.
pub(super) struct Performer<'a> {
    pub(super) integration: &'a Integration,
    pub(super) templates: &'a Templates,
    pub(super) redactor: &'a Redactor,
    pub(super) stop: &'a Stop,
    /// When all of it must be over.
    pub(super) deadline: Instant,
    /// How long that was from the beginning: what a person is told when it was too short.
    pub(super) limit: Duration,
    /// Where to tell how far a program is, and how.
    pub(super) progress: Option<(&'a Template, &'a Progress)>,
}

/// Fills in a call of an integration; none for our own code.
pub(super) fn fill(
    integration: &Integration,
    templates: &Templates,
    call: &Call,
    scope: &Scope,
) -> Result<Option<Request>, RequestError> {
    let headers = integration.manifest.connection.as_ref().map_or(&[][..], |connection| &connection.headers);
    let env = &integration.manifest.env;
    Filler { templates, scope, endpoint: integration.endpoint.as_ref(), headers, env }.fill(call)
}

impl Performer<'_> {
    /// Performs a step once. The answer is a success, or this is an error.
    pub(super) async fn run(&self, step: &Step, views: &Views<'_>) -> Result<Answer, ActionError> {
        let integration = self.integration.name().to_owned();
        if self.stop.is_stopped() {
            return Err(ActionError::Stopped);
        }
        if let Some(login) = self.login_of(step, views)? {
            return self.run_logged_in(step, login, views).await;
        }
        let answer = self.send(step, views).await?;
        if !answer.is_unauthorised() || !self.integration.refresh(Wanted::Another, self.redactor).await? {
            return self.judge(step, views, answer);
        }
        // Nothing was done, and there are other credentials by now: once more with them.
        let views = views.renewed(self.integration, self.templates);
        let views = views.map_err(|source| ActionError::Request { integration, source: source.into() })?;
        let answer = self.send(step, &views).await?;
        self.judge(step, &views, answer)
    }

    /// The same for a step that sends what a login handed out.
    async fn run_logged_in(&self, step: &Step, login: &Login, views: &Views<'_>) -> Result<Answer, ActionError> {
        let (views, kept) = self.logged_in(login, views, None).await?;
        let answer = self.send(step, &views).await?;
        if !self.is_expired(login, &answer, &views) {
            return self.judge(step, &views, answer);
        }
        // Nothing was done: once more with what is handed out now.
        let (views, _) = self.logged_in(login, &views, Some(&kept)).await?;
        let answer = self.send(step, &views).await?;
        self.judge(step, &views, answer)
    }

    /// Sends the request and reads the answer, whatever it says.
    #[tracing::instrument(name = "call", level = "info", skip_all, fields(integration = self.integration.manifest.name))]
    pub(super) async fn send(&self, step: &Step, views: &Views<'_>) -> Result<Answer, ActionError> {
        let integration = self.integration.name().to_owned();
        let request = fill(self.integration, self.templates, &step.call, &views.sent)
            .map_err(|source| ActionError::Request { integration: integration.clone(), source })?;
        let timeout = self.deadline.saturating_duration_since(Instant::now());
        let left = Limits { timeout, ..self.integration.limits };
        let answer = match (request, &self.integration.http) {
            (Some(Request::Http(mut request)), Some(http)) => {
                self.sign(&mut request, views)?;
                http.send(&integration, &request, step.decode, left, self.stop, self.redactor).await
            }
            (Some(Request::Process(request)), _) => {
                let tell = self.progress.map(|(template, progress)| {
                    move |line: &str| {
                        let views = views.clone().with("line", &line.into());
                        // Progress that cannot be told is no reason to stop.
                        let told = self.templates.prose(template, &views.told).unwrap_or_default();
                        if !told.trim().is_empty() {
                            progress.tell(&told);
                        }
                    }
                });
                let hear = tell.as_ref().map(|tell| tell as &process::Hear<'_>);
                process::run(&integration, &request, step.decode, left, self.stop, self.redactor, hear).await
            }
            (Some(Request::Http(_) | Request::Builtin(_)) | None, _) => {
                // The registry enables nothing with HTTP actions and without a client; our own code takes another way.
                Err(ActionError::NotSent { integration, reason: "there is no connection".to_owned() })
            }
        };
        answer.map_err(|error| match error {
            ActionError::TimedOut { integration, .. } => ActionError::TimedOut { integration, limit: self.limit },
            error => error,
        })
    }

    pub(super) fn judge(&self, step: &Step, views: &Views<'_>, answer: Answer) -> Result<Answer, ActionError> {
        let integration = self.integration.name().to_owned();
        let views = views.after(&answer);
        let success = match &step.success {
            None => answer.is_success(),
            // A page for people says nothing about success or failure.
            Some(success) if reads_data(success) && answer.is_text() && answer.is_success() => {
                return Err(ActionError::Unreadable { integration, reason: found(&answer) });
            }
            Some(success) => {
                let truth = self.templates.truth(success, &views.sent);
                match truth {
                    // An answer of another form is no success; what it says is told.
                    Err(error) if answer.is_success() => return Err(self.unreadable(&error)),
                    truth => truth.unwrap_or(false),
                }
            }
        };
        if success {
            return Ok(answer);
        }
        let said = match &step.failure {
            Some(failure) => self.templates.prose(failure, &views.told).ok().filter(|said| !said.trim().is_empty()),
            None => None,
        };
        let said = self.redactor.clean(&said.unwrap_or_else(|| answer.refusal()));
        Err(if answer.is_lost() {
            ActionError::Cut { integration, reason: said }
        } else if answer.is_busy() {
            ActionError::Busy { integration, said }
        } else {
            ActionError::Refused { integration, said }
        })
    }

    /// The elements of an answer that are meant, and of the further parts of its list. `views` are what the step saw; at most
    /// so many parts are read.
    pub(super) async fn select(
        &self,
        select: &Select,
        step: &Step,
        answer: &Answer,
        views: &Views<'_>,
        pages: usize,
    ) -> Result<Selected, ActionError> {
        let (mut views, mut answer) = (views.clone(), answer.clone());
        let (mut items, mut read) = (Vec::new(), 0);
        for _ in 0..pages {
            let told = views.after(&answer);
            read += self.meant(select, &answer, &told, &mut items)?;
            let next = select.next.as_ref().map(|next| self.templates.evaluate(next, &told.sent)).transpose();
            let Some(page) = next.map_err(|error| self.unreadable(&error))?.flatten() else {
                return Ok(Selected { items, unread_after: None });
            };
            views = views.with("page", &page);
            answer = self.run(step, &views).await?;
        }
        Ok(Selected { items, unread_after: Some(read) })
    }

    /// Adds the elements of one answer that are meant; returns how many it has.
    fn meant(
        &self,
        select: &Select,
        answer: &Answer,
        views: &Views<'_>,
        items: &mut Vec<Json>,
    ) -> Result<usize, ActionError> {
        let unreadable = |error: TemplateError| self.unreadable(&error);
        let elements = match self.templates.evaluate(&select.items, &views.sent) {
            // A page for people has no list, and is no empty one either.
            Ok(None) if reads_data(&select.items) && answer.is_text() => {
                return Err(ActionError::Unreadable {
                    integration: self.integration.name().to_owned(),
                    reason: found(answer),
                });
            }
            Ok(None) => Vec::new(),
            Ok(Some(Json::Array(elements))) => elements,
            Ok(Some(_)) => {
                let reason = format!("`{}`: expected a list", select.items.source());
                let error = ActionError::Unreadable { integration: self.integration.name().to_owned(), reason };
                return Err(of_text(error, &select.items, answer));
            }
            Err(error) => return Err(of_text(self.unreadable(&error), &select.items, answer)),
        };
        let count = elements.len();
        for element in elements {
            let scope = views.sent.clone().with("item", &element);
            let meant = select.filter.as_ref().map(|filter| self.templates.truth(filter, &scope)).transpose();
            match &select.keep {
                _ if meant.map_err(unreadable)? == Some(false) => {}
                Some(keep) => items.extend(self.templates.tree(keep, &scope).map_err(unreadable)?),
                None => items.push(element),
            }
        }
        Ok(count)
    }

    /// What a template tells of an answer.
    pub(super) fn tell(&self, told: &Template, answer: &Answer, views: &Views<'_>) -> Result<String, ActionError> {
        let prose = self.templates.prose(told, &views.told);
        prose.map_err(|error| of_text(self.unreadable(&error), told, answer))
    }

    /// An answer that a template could not make sense of.
    pub(super) fn unreadable(&self, error: &TemplateError) -> ActionError {
        let integration = self.integration.name().to_owned();
        ActionError::Unreadable { integration, reason: self.redactor.clean(&error.to_string()) }
    }
}

/// That an answer is no data at all tells more than where a template that looks into it stumbled.
fn of_text(error: ActionError, template: &dyn Computed, answer: &Answer) -> ActionError {
    let reads_body = reads_data(template) || template.names().contains("body");
    match error {
        ActionError::Unreadable { integration, .. } if reads_body && answer.is_text() => {
            ActionError::Unreadable { integration, reason: found(answer) }
        }
        error => error,
    }
}

/// Whether an expression looks into the answer's data.
fn reads_data(expression: &dyn Computed) -> bool {
    expression.names().iter().any(|name| name.starts_with("body."))
}

fn found(answer: &Answer) -> String {
    let found = match &answer.ending {
        _ if answer.truncated => "more than is kept",
        _ if answer.text.trim().is_empty() => "nothing",
        _ if looks_like_html(&answer.text) => "an HTML page",
        Ending::Status(..) | Ending::Exit(_) | Ending::Done => "other text",
    };
    format!("expected JSON, found {found}")
}
