//! What templates see of a command, of an integration, and of the circumstances of the run.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::answer::Answer;
use super::redact::Redactor;
use super::registry::Integration;
use super::settings::{Secrets, Surroundings};
use super::template::{Scope, TemplateError, Templates};
use crate::domain::Command;

/// What is only known when a command runs. Before that, words stand in their place: what is approved is "from now, for
/// two hours", and the digest stays the same until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Circumstances {
    now: String,
    requester: String,
    proposal: String,
}

impl Circumstances {
    /// Before the run.
    pub(super) fn planned() -> Self {
        Self { now: "<now>".to_owned(), requester: "<requester>".to_owned(), proposal: "<proposal>".to_owned() }
    }

    /// For a read that is made before the run.
    pub(super) fn looking(now: Timestamp) -> Self {
        Self { now: now.to_string(), ..Self::planned() }
    }

    /// At the run.
    pub(super) fn running(now: Timestamp, requester: &str, proposal: &str) -> Self {
        Self { now: now.to_string(), requester: requester.to_owned(), proposal: proposal.to_owned() }
    }
}

/// What templates see.
pub(super) fn scope(
    integration: &Integration,
    command: &Command,
    circumstances: &Circumstances,
    secrets: Secrets,
    templates: &Templates,
    surroundings: &Surroundings,
) -> Result<Scope, TemplateError> {
    let arguments = command.arguments().iter().map(|(name, value)| (name.to_string(), value.to_json())).collect();
    scope_of(integration, &arguments, circumstances, secrets, templates, surroundings)
}

/// The same for arguments of whatever asks.
fn scope_of(
    integration: &Integration,
    arguments: &Map<String, Json>,
    circumstances: &Circumstances,
    secrets: Secrets,
    templates: &Templates,
    surroundings: &Surroundings,
) -> Result<Scope, TemplateError> {
    let mut scope = Scope::default();
    for (name, value) in arguments {
        scope = scope.with(name, value);
    }
    let text = |text: &str| Json::from(text);
    let scope = scope
        .with("arguments", &Json::Object(arguments.clone()))
        .with("machine", &text(&surroundings.machine))
        .with("now", &text(&circumstances.now))
        .with("requester", &text(&circumstances.requester))
        .with("proposal", &text(&circumstances.proposal));
    connected(scope, integration, secrets, templates)
}

/// With the values of the integration, as they are now.
fn connected(
    scope: Scope,
    integration: &Integration,
    secrets: Secrets,
    templates: &Templates,
) -> Result<Scope, TemplateError> {
    let connection = integration.connection.to_json(secrets, templates, &scope)?;
    let scope = scope.with("connection", &connection);
    // Twice: a template among the settings may use values, and templates that use values.
    let settings = |scope: &Scope| integration.settings.to_json(secrets, templates, scope);
    let plain = integration.settings.plain(secrets);
    let once = settings(&scope.clone().with("settings", &plain))?;
    let twice = settings(&scope.clone().with("settings", &once))?;
    let scope = scope.with("settings", &twice);
    let login = integration.session.to_json(integration, secrets, templates, &scope)?;
    Ok(scope.with("login", &login))
}

/// The two views of one attempt: what is sent and decided by is as it is; what is told is clean, text by text.
#[derive(Debug, Clone)]
pub(super) struct Views<'r> {
    pub(super) sent: Scope,
    pub(super) told: Scope,
    redactor: &'r Redactor,
}

impl<'r> Views<'r> {
    pub(super) fn new(
        integration: &Integration,
        command: &Command,
        circumstances: &Circumstances,
        templates: &Templates,
        surroundings: &Surroundings,
        redactor: &'r Redactor,
    ) -> Result<Self, TemplateError> {
        let view = |secrets| scope(integration, command, circumstances, secrets, templates, surroundings);
        Ok(Self { sent: view(Secrets::Revealed)?, told: view(Secrets::Named)?, redactor })
    }

    /// For what is asked for nobody's command.
    pub(super) fn of_nobody(
        integration: &Integration,
        seen: &Map<String, Json>,
        circumstances: &Circumstances,
        templates: &Templates,
        surroundings: &Surroundings,
        redactor: &'r Redactor,
    ) -> Result<Self, TemplateError> {
        let view = |secrets| scope_of(integration, seen, circumstances, secrets, templates, surroundings);
        Ok(Self { sent: view(Secrets::Revealed)?, told: view(Secrets::Named)?, redactor })
    }

    /// With the secrets of now in what is sent.
    pub(super) fn renewed(&self, integration: &Integration, templates: &Templates) -> Result<Self, TemplateError> {
        let sent = connected(self.sent.clone(), integration, Secrets::Revealed, templates)?;
        Ok(Self { sent, ..self.clone() })
    }

    /// With one more name in both.
    pub(super) fn with(self, name: &str, value: &Json) -> Self {
        let told = self.told.with(name, &self.redactor.clean_json(value));
        Self { sent: self.sent.with(name, value), told, ..self }
    }

    /// With what an answer says.
    pub(super) fn after(&self, answer: &Answer) -> Self {
        answer.names().into_iter().fold(self.clone(), |views, (name, value)| views.with(name, &value))
    }
}
