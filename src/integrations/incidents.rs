//! The log of incidents of our own: `integrations/incidents.toml` names these actions.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::builtin::{Builtin, BuiltinError, RunContext};
use crate::domain::{
    Actor, Command, Incident, IncidentError, IncidentKey, IncidentLog, IncidentState, IncidentUpdate, NewIncident,
    People, Stamp,
};

/// The most incidents that a list shows.
const MOST: u32 = 50;
/// How many open ones are named before another is opened.
const NEIGHBOURS: u32 = 5;

/// The actions over a log, each under its name. People are called as the configuration calls them.
pub fn incident_builtins(log: &Arc<dyn IncidentLog>, people: &People) -> Vec<(&'static str, Arc<dyn Builtin>)> {
    let book = Book { log: Arc::clone(log), people: Arc::new(people.clone()) };
    vec![
        ("incidents.open", Arc::new(Open(book.clone()))),
        ("incidents.list", Arc::new(List(book.clone()))),
        ("incidents.update", Arc::new(Update(book.clone()))),
        ("incidents.resolve", Arc::new(Resolve(book))),
    ]
}

/// The log, and who is who.
#[derive(Clone)]
struct Book {
    log: Arc<dyn IncidentLog>,
    people: Arc<People>,
}

/// Nothing was written, unless the log failed at it.
impl From<IncidentError> for BuiltinError {
    fn from(error: IncidentError) -> Self {
        match error {
            IncidentError::Unknown(_) | IncidentError::Resolved { .. } => Self::Refused(error.to_string()),
            IncidentError::Failed { .. } => Self::Unclear(error.to_string()),
        }
    }
}

fn text(command: &Command, name: &str) -> Option<String> {
    command.argument(name).map(|value| value.as_str().to_owned())
}

fn stamp(cx: &RunContext) -> Stamp {
    Stamp { by: cx.requester.clone(), at: cx.now, execution: cx.execution }
}

impl Book {
    fn name(&self, actor: &Actor) -> String {
        self.people.name(actor).map_or_else(|| actor.to_string(), ToOwned::to_owned)
    }

    /// The key that a command names.
    fn key(command: &Command) -> Result<IncidentKey, BuiltinError> {
        let named = text(command, "incident").unwrap_or_default();
        named.parse().map_err(|_| BuiltinError::Refused(format!("has no `{named}`: its incidents are called `INC-7`")))
    }

    /// The incident that a command names, if it is open.
    async fn open(&self, command: &Command) -> Result<Incident, BuiltinError> {
        Ok(self.log.incident(Self::key(command)?).await?.still_open()?)
    }

    async fn list(&self, state: IncidentState, severity: Option<&str>, most: u32) -> Result<Json, BuiltinError> {
        // One more, to know whether there are more.
        let mut found = self.log.incidents(state, severity, most + 1).await?;
        let shown = usize::try_from(most).unwrap_or(usize::MAX);
        let more = found.len() > shown;
        found.truncate(shown);
        let incidents: Vec<Json> = found.iter().map(|incident| self.shown(incident)).collect();
        Ok(json!({ "incidents": incidents, "more": more }))
    }

    /// What templates see of an incident.
    fn shown(&self, incident: &Incident) -> Json {
        let Incident { key, about, opened, resolved, updates, latest } = incident;
        json!({
            "key": key.to_string(),
            "title": about.title,
            "severity": about.severity,
            "service": about.service,
            "opened": opened.at.to_string(),
            "opened_by": self.name(&opened.by),
            "resolved": resolved.as_ref().map(|resolved| resolved.at.to_string()),
            "resolved_by": resolved.as_ref().map(|resolved| self.name(&resolved.by)),
            "updates": updates,
            "latest": latest.as_ref().map(|update| json!({
                "at": update.stamp.at.to_string(),
                "by": self.name(&update.stamp.by),
                "text": update.text,
            })),
        })
    }
}

/// What an approval of a change is bound to: this incident, while it is open.
fn identity(incident: &Incident) -> Json {
    json!({ "key": incident.key.to_string(), "title": incident.about.title })
}

/// Opens one.
struct Open(Book);

#[async_trait]
impl Builtin for Open {
    /// What is open already: perhaps it is that.
    async fn preview(&self, _: &Command, _: &Json) -> Result<Json, BuiltinError> {
        self.0.list(IncidentState::Open, None, NEIGHBOURS).await
    }

    async fn run(&self, command: &Command, cx: &RunContext) -> Result<Json, BuiltinError> {
        let about = NewIncident {
            title: text(command, "title").unwrap_or_default(),
            severity: text(command, "severity"),
            service: text(command, "service"),
        };
        let stamp = stamp(cx);
        let key = self.0.log.open_incident(&about, &stamp).await?;
        let incident = Incident { key, about, opened: stamp, resolved: None, updates: 0, latest: None };
        Ok(self.0.shown(&incident))
    }
}

/// Lists them.
struct List(Book);

#[async_trait]
impl Builtin for List {
    async fn run(&self, command: &Command, _: &RunContext) -> Result<Json, BuiltinError> {
        let state = match text(command, "state").as_deref() {
            None | Some("open") => IncidentState::Open,
            Some("resolved") => IncidentState::Resolved,
            Some(other) => return Err(BuiltinError::Refused(format!("knows no state `{other}` of an incident"))),
        };
        self.0.list(state, text(command, "severity").as_deref(), MOST).await
    }
}

/// Adds an update.
struct Update(Book);

#[async_trait]
impl Builtin for Update {
    async fn identify(&self, command: &Command) -> Result<Json, BuiltinError> {
        self.0.open(command).await.map(|incident| identity(&incident))
    }

    async fn preview(&self, command: &Command, _: &Json) -> Result<Json, BuiltinError> {
        self.0.open(command).await.map(|incident| self.0.shown(&incident))
    }

    async fn run(&self, command: &Command, cx: &RunContext) -> Result<Json, BuiltinError> {
        let update = IncidentUpdate { stamp: stamp(cx), text: text(command, "message").unwrap_or_default() };
        let key = Book::key(command)?;
        self.0.log.update_incident(key, &update).await?;
        Ok(json!({ "key": key.to_string(), "title": cx.identity["title"] }))
    }
}

/// Resolves one.
struct Resolve(Book);

#[async_trait]
impl Builtin for Resolve {
    async fn identify(&self, command: &Command) -> Result<Json, BuiltinError> {
        self.0.open(command).await.map(|incident| identity(&incident))
    }

    async fn preview(&self, command: &Command, _: &Json) -> Result<Json, BuiltinError> {
        self.0.open(command).await.map(|incident| self.0.shown(&incident))
    }

    async fn run(&self, command: &Command, cx: &RunContext) -> Result<Json, BuiltinError> {
        let key = Book::key(command)?;
        self.0.log.resolve_incident(key, &stamp(cx)).await?;
        Ok(json!({ "key": key.to_string(), "title": cx.identity["title"] }))
    }
}
