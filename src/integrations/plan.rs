//! From a command to exactly what will run: chosen, looked up, filled in, and digested. Planning again just before the
//! run gives the same digest, or what was approved is no longer what would run.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Map, Value as Json};
use tokio::time::Instant;

use super::builtin::{Builtin, BuiltinError};
use super::error::{ActionError, PlanError};
use super::files::bound_to;
use super::perform::{MAX_PAGES, Performer, Selected, fill};
use super::redact::Redactor;
use super::registry::{Chosen, Integration, Registry};
use super::request::{BuiltinRequest, Endpoint, Request, RequestError};
use super::scope::{Circumstances, Views, scope};
use super::secret::Wanted;
use super::settings::{Secrets, Surroundings};
use super::stop::Stop;
use super::template::{Scope, TemplateError, Templates};
use crate::catalogue::manifest::Lookup;
use crate::domain::{Actor, Clock, Command, Digest, Effect};

/// How long looking something up, or reading a preview, may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// The most things one command may act upon.
const MAX_ITEMS: usize = 50;

/// Exactly what will run.
#[derive(Debug)]
pub struct Plan {
    /// The integration: `docker`.
    pub integration: String,
    /// The integration, and the role whose credentials it uses: `platform as operator`.
    pub via: String,
    /// Its action: `restart`.
    pub action: String,
    /// The exact calls, one a line, for people; redacted.
    pub runs: String,
    /// Of the action's definition and of every request. An approval is bound to it.
    pub digest: Digest,
    /// What it acts upon, for people: `checkout in staging`, `this machine`.
    pub target: String,
    /// Whether it acts upon the machine that Sayso runs on.
    pub local: bool,
    /// What must not be acted upon twice at once; none for reads.
    pub lock: Option<String>,
    /// How long the action may take.
    pub timeout: Duration,
    pub(super) chosen: Chosen,
    pub(super) command: Command,
    /// The files that are kept for it, by name.
    pub(super) files: Json,
    /// What was found by name.
    pub(super) found: Json,
    /// What the look-up found; none without one.
    pub(super) items: Option<Vec<Json>>,
    /// What our own code found that it will act upon.
    pub(super) identity: Json,
}

impl Plan {
    /// The views with what was found.
    pub(super) fn seen<'r>(&self, views: Views<'r>) -> Views<'r> {
        let items = Json::Array(self.items.clone().unwrap_or_default());
        views.with("files", &self.files).with("found", &self.found).with("items", &items)
    }
}

/// Plans commands. One for the whole process; manifests and configuration can be replaced while it works.
pub struct Planner {
    registry: ArcSwap<Registry>,
    pub(super) templates: Templates,
    pub(super) redactor: Arc<Redactor>,
    pub(super) surroundings: Surroundings,
    pub(super) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planner").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Planner {
    /// A planner for a registry.
    pub fn new(registry: Registry, surroundings: Surroundings, redactor: Arc<Redactor>, clock: Arc<dyn Clock>) -> Self {
        let registry = ArcSwap::from_pointee(registry);
        Self { registry, templates: Templates::default(), redactor, surroundings, clock }
    }

    /// The registry of this moment.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.load_full()
    }

    /// Puts another registry in place; plans that were made keep theirs.
    pub fn replace(&self, registry: Registry) {
        self.registry.store(Arc::new(registry));
    }

    /// Plans a command for whoever asks for it. Looks up what has to be looked up, and changes nothing.
    pub async fn plan(&self, command: &Command, requester: &Actor) -> Result<Plan, PlanError> {
        self.plan_by(command, requester, None).await
    }

    /// Plans a command for the integration that a person chose among those of [`PlanError::Ambiguous`].
    pub async fn plan_with(&self, command: &Command, requester: &Actor, integration: &str) -> Result<Plan, PlanError> {
        self.plan_by(command, requester, Some(integration)).await
    }

    /// The plan that has the digest. Where several integrations could do it, the digest says which was chosen.
    pub(super) async fn plan_again(
        &self,
        command: &Command,
        requester: &Actor,
        digest: Digest,
    ) -> Result<Option<Plan>, PlanError> {
        let candidates = match self.plan(command, requester).await {
            Ok(plan) => return Ok(Some(plan).filter(|plan| plan.digest == digest)),
            Err(PlanError::Ambiguous { candidates, .. }) => candidates,
            Err(error) => return Err(error),
        };
        for integration in candidates {
            let plan = self.plan_with(command, requester, &integration).await;
            if let Some(plan) = plan.ok().filter(|plan| plan.digest == digest) {
                return Ok(Some(plan));
            }
        }
        Ok(None)
    }

    async fn plan_by(&self, command: &Command, requester: &Actor, named: Option<&str>) -> Result<Plan, PlanError> {
        // A command is stored as it will run. What is not to be stored cannot be part of one.
        if command.arguments().iter().any(|(_, value)| self.redactor.holds_secret(value.as_str())) {
            return Err(PlanError::HoldsSecret);
        }
        let registry = self.registry();
        let chosen = registry.choose(command, named, &self.templates, &self.surroundings)?.acting_for(requester)?;
        let action = chosen.action();
        let failed = |source: RequestError| PlanError::Request { integration: chosen.name().to_owned(), source };
        let files = self.files(&chosen, command).await?;
        let (found, items) = self.look_around(&chosen, command, &files).await?;
        let planned = self
            .planned(&chosen, command, &found, items.as_deref().unwrap_or_default())
            .map_err(|error| failed(error.into()))?
            .with("files", &files);
        let (requests, identity) = match action.builtin() {
            None => {
                let one = |scope: &Scope| fill(&chosen.integration, &self.templates, &action.step.call, scope);
                let before = action
                    .before
                    .iter()
                    .map(|before| fill(&chosen.integration, &self.templates, &before.call, &planned));
                let rounds: Vec<_> = match &items {
                    None => vec![one(&planned)],
                    Some(items) => items.iter().map(|item| one(&planned.clone().with("item", item))).collect(),
                };
                let requests: Result<Vec<_>, _> = before.chain(rounds).collect();
                (requests.map_err(failed)?.into_iter().flatten().collect(), Json::Null)
            }
            Some(name) => {
                let identity = match registry.builtins.get(name) {
                    Some(builtin) => self.looked(&chosen, builtin.identify(command)).await?,
                    None => Json::Null,
                };
                let call =
                    BuiltinRequest { name: name.to_owned(), command: command.to_string(), identity: identity.clone() };
                (vec![Request::Builtin(call)], identity)
            }
        };
        let lock = match &action.lock {
            Some(lock) => self.templates.text(lock, &planned).map_err(|error| failed(error.into()))?,
            None => default_lock(command),
        };
        let runs: Vec<_> = requests.iter().map(ToString::to_string).collect();
        Ok(Plan {
            integration: chosen.name().to_owned(),
            via: chosen.via(),
            action: action.name.clone(),
            runs: self.redactor.clean(&runs.join("\n")),
            digest: bound_to(digest(&chosen, &requests), &chosen, &files),
            target: target(&chosen, command),
            local: is_local(&chosen),
            lock,
            timeout: action.timeout.min(chosen.integration.limits.timeout),
            command: command.clone(),
            files,
            found,
            items,
            identity,
            chosen,
        })
    }

    /// What templates see of the command, under these circumstances.
    pub(super) fn views(
        &self,
        chosen: &Chosen,
        command: &Command,
        circumstances: &Circumstances,
    ) -> Result<Views<'_>, TemplateError> {
        self.views_of(&chosen.integration, Some(command), circumstances)
    }

    /// The same; without a command, what there is for nobody's.
    pub(super) fn views_of(
        &self,
        integration: &Integration,
        command: Option<&Command>,
        circumstances: &Circumstances,
    ) -> Result<Views<'_>, TemplateError> {
        Views::new(integration, command, circumstances, &self.templates, &self.surroundings, &self.redactor)
    }

    /// What templates see while it is only a plan: secrets are named, and what is known at the run has a word in its place.
    fn planned(
        &self,
        chosen: &Chosen,
        command: &Command,
        found: &Json,
        items: &[Json],
    ) -> Result<Scope, TemplateError> {
        let circumstances = Circumstances::planned();
        let secrets = Secrets::Named;
        let scope =
            scope(&chosen.integration, Some(command), &circumstances, secrets, &self.templates, &self.surroundings)?;
        Ok(scope.with("found", found).with("items", &Json::Array(items.to_vec())))
    }

    /// What an action of our own does when it is called.
    pub(super) fn builtin(&self, name: &str) -> Option<Arc<dyn Builtin>> {
        self.registry().builtins.get(name).cloned()
    }

    /// What an action of our own finds out before anybody was asked, in time.
    pub(super) async fn looked(
        &self,
        chosen: &Chosen,
        look: impl Future<Output = Result<Json, BuiltinError>>,
    ) -> Result<Json, ActionError> {
        let limit = READ_TIMEOUT.min(chosen.integration.limits.timeout);
        match tokio::time::timeout(limit, look).await {
            Ok(found) => found.map_err(|error| self.builtin_failed(chosen, error)),
            Err(_) => Err(ActionError::TimedOut { integration: chosen.name().to_owned(), limit }),
        }
    }

    pub(super) fn builtin_failed(&self, chosen: &Chosen, error: BuiltinError) -> ActionError {
        let integration = chosen.name().to_owned();
        let said = self.redactor.clean(&error.to_string());
        match error {
            BuiltinError::Refused(_) => ActionError::Refused { integration, said },
            BuiltinError::Unclear(_) => ActionError::Cut { integration, reason: said },
        }
    }

    /// Performs reads of an action, before anybody was asked.
    pub(super) fn reader<'a>(&'a self, chosen: &'a Chosen, stop: &'a Stop) -> Performer<'a> {
        self.unasked(&chosen.integration, chosen.action().read_timeout.unwrap_or(READ_TIMEOUT), stop)
    }

    /// Performs reads of a system, in that time.
    pub(super) fn unasked<'a>(
        &'a self,
        integration: &'a Integration,
        limit: Duration,
        stop: &'a Stop,
    ) -> Performer<'a> {
        let limit = limit.min(integration.limits.timeout);
        let deadline = Instant::now() + limit;
        Performer {
            integration,
            templates: &self.templates,
            redactor: &self.redactor,
            stop,
            deadline,
            limit,
            progress: None,
        }
    }

    /// Makes the reads that find something: each thing by its name, and what the request is about.
    async fn look_around(
        &self,
        chosen: &Chosen,
        command: &Command,
        files: &Json,
    ) -> Result<(Json, Option<Vec<Json>>), PlanError> {
        let action = chosen.action();
        let mut found = Map::new();
        if action.lookups().next().is_none() {
            return Ok((Json::Object(found), None));
        }
        let stop = Stop::never();
        let reader = self.reader(chosen, &stop);
        let unreadable = |error: TemplateError| PlanError::from(reader.unreadable(&error));
        chosen.integration.refresh(Wanted::Current, &self.redactor).await?;
        let circumstances = Circumstances::looking(self.clock.now());
        let mut views = self.views(chosen, command, &circumstances).map_err(unreadable)?;
        views = views.with("files", files).with("found", &Json::Object(found.clone()));
        for find in &action.find {
            let needed = find.when.as_ref().map(|when| self.templates.truth(when, &views.sent)).transpose();
            if needed.map_err(unreadable)? == Some(false) {
                continue;
            }
            let thing = self.look_up(&reader, &find.lookup, 1, &views).await?;
            found.extend(thing.into_iter().next().map(|thing| (find.name.clone(), thing)));
            views = views.with("found", &Json::Object(found.clone()));
        }
        let most = if action.each { MAX_ITEMS } else { 1 };
        let items = match &action.lookup {
            Some(lookup) => Some(self.look_up(&reader, lookup, most, &views).await?),
            None => None,
        };
        Ok((Json::Object(found), items))
    }

    async fn look_up(
        &self,
        reader: &Performer<'_>,
        lookup: &Lookup,
        most: usize,
        views: &Views<'_>,
    ) -> Result<Vec<Json>, PlanError> {
        let unreadable = |error: TemplateError| PlanError::from(reader.unreadable(&error));
        let integration = || reader.integration.name().to_owned();
        let answer = reader.run(&lookup.step, views).await?;
        let Selected { items, unread_after } =
            reader.select(&lookup.select, &lookup.step, &answer, views, MAX_PAGES).await?;
        if let Some(read) = unread_after {
            // Whether there is another one further on, nobody knows.
            return Err(PlanError::TooManyToSearch { integration: integration(), read });
        }
        match items.len() {
            0 if lookup.optional => Ok(items),
            0 => {
                let views = views.after(&answer);
                let said = match &lookup.none {
                    Some(none) => self.templates.prose(none, &views.told).map_err(unreadable)?,
                    None => format!("`{}` has nothing that matches", integration()),
                };
                Err(PlanError::NotFound { said: self.redactor.clean(&said) })
            }
            count if count <= most => Ok(items),
            _ => Err(PlanError::SeveralFound {
                integration: integration(),
                found: items.iter().take(10).map(|item| self.redactor.clean(&name_of(item))).collect(),
            }),
        }
    }
}

/// The views of each round: one for each thing that was found, or one where nothing was looked for.
pub(super) fn rounds<'r>(items: Option<&[Json]>, views: &Views<'r>) -> Vec<Views<'r>> {
    let Some(items) = items else { return vec![views.clone()] };
    items.iter().map(|item| views.clone().with("item", item)).collect()
}

/// What a thing is called: its `name`, if that was kept.
fn name_of(item: &Json) -> String {
    let name = item.get("name").unwrap_or(item);
    name.as_str().map_or_else(|| name.to_string(), ToOwned::to_owned)
}

/// The first argument and the environment: `service=checkout environment=staging`. Reads need no lock.
fn default_lock(command: &Command) -> Option<String> {
    if command.effect() == Effect::Read {
        return None;
    }
    let first = command.arguments().first();
    let environment = command.arguments().iter().skip(1).find(|(name, _)| name.as_str() == "environment");
    let target: Vec<_> = first.into_iter().chain(environment).map(|(name, value)| format!("{name}={value}")).collect();
    Some(if target.is_empty() { command.intent().to_string() } else { target.join(" ") })
}

fn is_local(chosen: &Chosen) -> bool {
    chosen.integration.manifest.local && chosen.integration.endpoint.as_ref().is_none_or(Endpoint::is_local)
}

/// The first argument, and the environment where there is one.
fn target(chosen: &Chosen, command: &Command) -> String {
    let environment = command.argument("environment").map(|environment| environment.as_str());
    let first = command.arguments().iter().find(|(name, _)| name.as_str() != "environment");
    match (first.map(|(_, value)| value.as_str()), environment) {
        (Some(first), Some(environment)) => format!("{first} in {environment}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) if is_local(chosen) => "this machine".to_owned(),
        (None, None) => chosen.name().to_owned(),
    }
}

fn digest(chosen: &Chosen, requests: &[Request]) -> Digest {
    let action = chosen.action();
    let definition = action.definition.to_string();
    // Requests are texts and JSON: they always serialise.
    let requests = serde_json::to_vec(requests).unwrap_or_default();
    // With whose credentials is part of what is approved.
    Digest::of([b"sayso plan 1", chosen.via().as_bytes(), action.name.as_bytes(), definition.as_bytes(), &requests])
}

#[cfg(test)]
mod tests;
