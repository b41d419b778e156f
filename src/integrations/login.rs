//! What a system hands out for many requests: a session, a token, a cookie. Asked for when a request first needs it, kept
//! like a secret, and asked for again when the system no longer takes it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value as Json};
use tokio::sync::Mutex;
use tokio::time::timeout_at;

use super::answer::Answer;
use super::error::ActionError;
use super::perform::Performer;
use super::registry::Integration;
use super::scope::Views;
use super::secret::Wanted;
use super::settings::Secrets;
use super::template::{Scope, TemplateError, Templates};
use crate::catalogue::manifest::{Call, Computed, Login, Step};
use crate::domain::Secret;

/// What was handed out, by name.
type Kept = Arc<BTreeMap<String, Secret>>;

/// What an integration was handed out last. One for all requests with the same credentials.
#[derive(Default)]
pub(super) struct Session {
    kept: RwLock<Option<Kept>>,
    /// One at a time logs in.
    turn: Mutex<()>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(…)")
    }
}

impl Session {
    fn current(&self) -> Option<Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, kept: Kept) {
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    /// What templates see as `login`: the values themselves, or their names in angle brackets.
    pub(super) fn to_json(
        &self,
        integration: &Integration,
        secrets: Secrets,
        templates: &Templates,
        scope: &Scope,
    ) -> Result<Json, TemplateError> {
        let Some(login) = integration.login() else { return Ok(Json::Object(Map::new())) };
        let values: Map<String, Json> = match secrets {
            Secrets::Revealed => {
                let kept = self.current().unwrap_or_default();
                kept.iter().map(|(name, secret)| (name.clone(), secret.expose().into())).collect()
            }
            // The same before and after logging in: what is approved does not depend on it.
            Secrets::Named if is_needed(login, templates, scope)? => {
                login.keep.iter().map(|(name, _)| (name.clone(), format!("<{name}>").into())).collect()
            }
            Secrets::Named => Map::new(),
        };
        Ok(Json::Object(values))
    }
}

/// Whether one has to log in at all.
fn is_needed(login: &Login, templates: &Templates, scope: &Scope) -> Result<bool, TemplateError> {
    login.when.as_ref().map_or(Ok(true), |when| templates.truth(when, scope))
}

impl Performer<'_> {
    /// The login whose values the step sends, if there is one and it is needed.
    pub(super) fn login_of(&self, step: &Step, views: &Views<'_>) -> Result<Option<&Login>, ActionError> {
        let integration = self.integration;
        let Some(login) = integration.login() else { return Ok(None) };
        let connection = integration.manifest.connection.iter();
        let headers = connection.flat_map(|connection| &connection.headers).map(|(_, value)| value as &dyn Computed);
        let headers = headers.filter(|_| matches!(step.call, Call::Http(_)));
        let uses = |text: &dyn Computed| text.names().iter().any(|name| name.starts_with("login"));
        if !step.call.leaves().into_iter().chain(headers).any(uses) {
            return Ok(None);
        }
        let needed = is_needed(login, self.templates, &views.sent).map_err(|error| self.unreadable(&error))?;
        Ok(Some(login).filter(|_| needed))
    }

    /// Whether an answer says that what was handed out is no longer good.
    pub(super) fn is_expired(&self, login: &Login, answer: &Answer, views: &Views<'_>) -> bool {
        let says = |expired| self.templates.truth(expired, &views.after(answer).sent).unwrap_or(false);
        answer.is_unauthorised() || login.expired.as_ref().is_some_and(says)
    }

    /// Logs in, unless that was done: with `refused`, unless it was done since those were handed out. What the views see
    /// of it is renewed.
    pub(super) async fn logged_in<'r>(
        &self,
        login: &Login,
        views: &Views<'r>,
        refused: Option<&Kept>,
    ) -> Result<(Views<'r>, Kept), ActionError> {
        let session = &self.integration.session;
        let turn = timeout_at(self.deadline, session.turn.lock()).await;
        let _turn = turn.map_err(|_| self.not_logged_in("another request that logs in takes too long"))?;
        let fresh = session.current().filter(|kept| refused.is_none_or(|refused| !Arc::ptr_eq(kept, refused)));
        let kept = match fresh {
            Some(kept) => kept,
            None => self.log_in(login, views).await?,
        };
        session.keep(Arc::clone(&kept));
        let views = views.renewed(self.integration, self.templates);
        Ok((views.map_err(|error| self.unreadable(&error))?, kept))
    }

    async fn log_in(&self, login: &Login, views: &Views<'_>) -> Result<Kept, ActionError> {
        let ask = async |views: &Views<'_>| self.judge(&login.step, views, self.send(&login.step, views).await?);
        let mut answer = ask(views).await;
        // There may be other credentials by now.
        if matches!(answer, Err(ActionError::Refused { .. }))
            && self.integration.refresh(Wanted::Another, self.redactor).await?
        {
            let views = views.renewed(self.integration, self.templates);
            answer = ask(&views.map_err(|error| self.unreadable(&error))?).await;
        }
        let answer = answer.map_err(|error| match error {
            ActionError::NotSent { .. } | ActionError::Refused { .. } | ActionError::Busy { .. } => error,
            // Nothing of what was asked for has been sent so far: that much is known.
            error @ (ActionError::TimedOut { .. }
            | ActionError::Cut { .. }
            | ActionError::Unreadable { .. }
            | ActionError::NotYet { .. }
            | ActionError::Stopped
            | ActionError::Interrupted { .. }
            | ActionError::Request { .. }) => self.not_logged_in(&error.to_string()),
        })?;
        let views = views.after(&answer);
        let mut kept = BTreeMap::new();
        for (name, template) in &login.keep {
            let value = self.templates.text(template, &views.sent);
            let value = value.map_err(|error| self.not_logged_in(&error.to_string()))?;
            let Some(value) = value.filter(|value| !value.is_empty()) else {
                return Err(self.not_logged_in(&format!("the answer has no `{name}`")));
            };
            let secret = Secret::new(value);
            self.redactor.learn(&secret);
            kept.insert(name.clone(), secret);
        }
        Ok(Arc::new(kept))
    }

    fn not_logged_in(&self, reason: &str) -> ActionError {
        let reason = self.redactor.clean(&format!("logging in failed: {reason}"));
        ActionError::NotSent { integration: self.integration.name().to_owned(), reason }
    }
}
