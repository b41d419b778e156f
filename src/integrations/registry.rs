//! The systems there are, which of them are enabled, and which of their actions carries out a command.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::bindings::{Bindings, Bound};
use super::builtin::Builtins;
use super::credentials::Roles;
use super::error::PlanError;
use super::http::Http;
use super::known;
use super::limits::Limits;
use super::login::Session;
use super::make::{CONFIGURATION, Maker, in_configuration};
use super::redact::Redactor;
use super::request::Endpoint;
use super::settings::{Surroundings, Values};
use super::suitable::unsuitable;
use super::template::Templates;
use super::tls::Tls;
use crate::catalogue::manifest::{Action, Login, Manifest, Setting};
use crate::catalogue::{Diagnostic, Severity, did_you_mean};
use crate::domain::{ActorPattern, Command, IntentName, Memberships};

/// So many systems are named whose manifests are not here.
const MOST_NAMED: usize = 5;

/// What the configuration says of integrations.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Those to use; none: those whose manifest's `requires` holds.
    pub enabled: Option<Vec<String>>,
    /// `[integrations.<name>]`: what to put in the place of a manifest's connection and settings, in its own writing.
    pub values: BTreeMap<String, toml::Table>,
    /// `[bindings]`: `"service.* environment=production" = "kubernetes"`.
    pub bindings: BTreeMap<String, String>,
    /// `[roles]`: whose credentials somebody uses where a system has some for each role.
    pub roles: BTreeMap<String, Vec<ActorPattern>>,
    /// Who is in the groups that are named there.
    pub memberships: Arc<Memberships>,
    /// `[limits]`, as far as they are about systems.
    pub limits: Limits,
    /// Where files lie that one command leaves for a later one; none: nowhere.
    pub files: Option<PathBuf>,
}

/// Whether an integration can be used, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It can.
    Enabled,
    /// The configuration lists others.
    TurnedOff,
    /// The conditions under which it is enabled by itself do not hold.
    NotEnabled {
        /// What would enable it; empty if only the configuration can.
        requires: Vec<String>,
    },
    /// It is there for those who have no other system that does the same, and there is one.
    GivesWay {
        /// To which.
        to: Vec<String>,
    },
    /// It is enabled, and something is missing.
    Lacking(Vec<String>),
}

impl Standing {
    /// Why it cannot be used, as the end of a sentence.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Enabled => "is enabled".to_owned(),
            Self::TurnedOff => "is not among those that the configuration enables".to_owned(),
            Self::NotEnabled { requires } if requires.is_empty() => "is not enabled in the configuration".to_owned(),
            Self::NotEnabled { requires } => format!("is not enabled: it needs {}", requires.join(" or ")),
            Self::GivesWay { to } => format!("gives way to {}, unless `[bindings]` names it", to.join(" and ")),
            Self::Lacking(lacking) => format!("is not ready: {}", lacking.join(", ")),
        }
    }
}

/// A system, ready to be used or not.
#[derive(Debug)]
pub struct Integration {
    /// Its manifest.
    pub manifest: Manifest,
    /// Whether it can be used.
    pub standing: Standing,
    /// The settings with those of the configuration.
    pub(super) declared: BTreeMap<String, Setting>,
    pub(super) settings: Values,
    pub(super) connection: Values,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) http: Option<Http>,
    /// Whom to trust there, and who we are.
    pub(super) tls: Tls,
    /// What it handed out, if one has to log in.
    pub(super) session: Session,
    pub(super) limits: Limits,
    /// Where its files lie.
    pub(super) files: Option<PathBuf>,
    /// The role whose credentials these are; none: everybody's.
    pub(super) credentials: Option<String>,
    /// The same with other credentials, by role; none: these are for everybody.
    pub(super) roles: Option<Roles>,
}

impl Integration {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The call that hands out what other calls need.
    pub(super) fn login(&self) -> Option<&Login> {
        self.manifest.connection.as_ref()?.login.as_deref()
    }
}

/// All systems.
#[derive(Debug, Default)]
pub struct Registry {
    integrations: BTreeMap<String, Arc<Integration>>,
    bindings: Bindings,
    pub(super) builtins: Builtins,
}

/// An action of an integration that is enabled.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) integration: Arc<Integration>,
    index: usize,
}

impl Chosen {
    /// The integration's name.
    pub(super) fn name(&self) -> &str {
        &self.integration.manifest.name
    }

    /// The same action of the integration with other credentials.
    pub(super) fn of(&self, integration: Arc<Integration>) -> Self {
        Self { integration, index: self.index }
    }

    /// The action.
    pub(super) fn action(&self) -> &Action {
        &self.integration.manifest.actions[self.index]
    }
}

impl Registry {
    /// Puts manifests, configuration and machine together. What is wrong is told, and left out.
    pub fn new(
        manifests: Vec<Manifest>,
        config: &Config,
        builtins: Builtins,
        surroundings: &Surroundings,
        redactor: &Redactor,
    ) -> (Self, Vec<Diagnostic>) {
        let mut faults = Vec::new();
        let mut integrations = BTreeMap::new();
        for manifest in manifests {
            check_builtins(&manifest, &builtins, &mut faults);
            let name = manifest.name.clone();
            let mut maker = Maker { config, surroundings, redactor, alone: true, faults: &mut faults };
            integrations.insert(name, maker.integration(manifest));
        }
        let (bindings, errors) = Bindings::parse(&config.bindings);
        let not_alone = Maker { config, surroundings, redactor, alone: false, faults: &mut faults };
        give_way(&mut integrations, &bindings, |manifest| not_alone.standing(manifest) == Standing::Enabled);
        let integrations: BTreeMap<_, _> =
            integrations.into_iter().map(|(name, integration)| (name, Arc::new(integration))).collect();
        for (selector, error) in errors {
            faults.push(in_configuration(&format!("bindings.\"{selector}\""), &error));
        }
        let enabled = config.enabled.iter().flatten().map(String::as_str);
        for name in enabled.chain(config.values.keys().map(String::as_str)).chain(bindings.integrations()) {
            if !integrations.contains_key(name) {
                let hint = did_you_mean(name, integrations.keys().map(String::as_str));
                let fault = Diagnostic::error(CONFIGURATION, format!("unknown integration `{name}`"));
                faults.push(Diagnostic { hint, ..fault });
            }
        }
        (Self { integrations, bindings, builtins }, faults)
    }

    /// All integrations, by name.
    pub fn integrations(&self) -> impl Iterator<Item = &Integration> {
        self.integrations.values().map(AsRef::as_ref)
    }

    /// The same, to be kept.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Integration>> {
        self.integrations.values()
    }

    /// The integration of that name.
    pub fn get(&self, name: &str) -> Option<&Integration> {
        self.integrations.get(name).map(AsRef::as_ref)
    }

    /// The same, to be kept.
    pub(super) fn shared(&self, name: &str) -> Option<&Arc<Integration>> {
        self.integrations.get(name)
    }

    /// The integrations that an intent is bound to, whatever its arguments are.
    pub(super) fn bound_alone(&self, intent: &str) -> Vec<&str> {
        self.bindings.of_intent(intent)
    }

    /// Whether some enabled integration carries out the intent.
    pub fn implements(&self, intent: &IntentName) -> bool {
        self.implementers(intent).next().is_some()
    }

    /// The one action that carries out the command; with `named`, only that integration is asked.
    pub(super) fn choose(
        &self,
        command: &Command,
        named: Option<&str>,
        templates: &Templates,
        surroundings: &Surroundings,
    ) -> Result<Chosen, PlanError> {
        let intent = command.intent();
        let all: Vec<Chosen> = self.implementers(intent).collect();
        if all.is_empty() {
            return Err(PlanError::NotImplemented { intent: intent.clone(), could: self.could(intent) });
        }
        let bound = self.bindings.find(command).unwrap_or(Bound { integrations: Vec::new(), parameters: Vec::new() });
        let wanted = |chosen: &Chosen| {
            named.is_none_or(|name| name == chosen.name())
                && (bound.integrations.is_empty() || bound.integrations.contains(&chosen.name()))
        };
        let meant: Vec<Chosen> = all.into_iter().filter(wanted).collect();
        if meant.is_empty() {
            let integration = named.or(bound.integrations.first().copied()).unwrap_or_default();
            return Err(PlanError::Bound { integration: integration.to_owned(), reason: self.why_not(integration) });
        }
        let mut suitable = Vec::new();
        let mut reasons = Vec::new();
        for chosen in meant {
            match unsuitable(&chosen, command, &bound.parameters, templates, surroundings) {
                None => suitable.push(chosen),
                Some(reason) => reasons.push(reason),
            }
        }
        // Who only fills in when nobody else is there stands back.
        if suitable.iter().any(|chosen| !chosen.action().fallback) {
            suitable.retain(|chosen| !chosen.action().fallback);
        }
        // Within one integration the first action that takes the arguments is meant.
        suitable.dedup_by(|later, earlier| later.name() == earlier.name());
        let mut suitable = suitable.into_iter();
        match (suitable.next(), suitable.next()) {
            (None, _) => Err(PlanError::Unsuitable { reasons }),
            (Some(chosen), None) => Ok(chosen),
            (Some(first), Some(second)) => {
                let candidates = [first, second].into_iter().chain(suitable).map(|chosen| chosen.name().to_owned());
                Err(PlanError::Ambiguous { intent: intent.clone(), candidates: candidates.collect() })
            }
        }
    }

    fn implementers<'r>(&'r self, intent: &'r IntentName) -> impl Iterator<Item = Chosen> + 'r {
        let enabled = self.integrations.values().filter(|integration| integration.standing == Standing::Enabled);
        enabled.flat_map(move |integration| {
            let actions = integration.manifest.actions.iter().enumerate();
            actions
                .filter(move |(_, action)| action.implements == *intent)
                .map(move |(index, _)| Chosen { integration: Arc::clone(integration), index })
        })
    }

    /// Systems that could do it if they were enabled, or if their shipped manifests were here.
    fn could(&self, intent: &IntentName) -> Vec<String> {
        let there = self
            .integrations
            .values()
            .filter(|integration| integration.manifest.actions.iter().any(|action| action.implements == *intent));
        // Those that lack the same are named together.
        let mut by_reason: Vec<(String, Vec<String>)> = Vec::new();
        for integration in there {
            let (reason, name) = (integration.standing.reason(), format!("`{}`", integration.manifest.name));
            match by_reason.iter_mut().find(|(same, _)| *same == reason) {
                Some((_, names)) => names.push(name),
                None => by_reason.push((reason, vec![name])),
            }
        }
        let mut could: Vec<_> =
            by_reason.iter().map(|(reason, names)| format!("{} could, but {reason}", names.join(" or "))).collect();
        let absent = known::systems(intent).into_iter().filter(|name| !self.integrations.contains_key(*name));
        let mut absent: Vec<_> = absent.map(|name| format!("`{name}`")).collect();
        let more = absent.len().saturating_sub(MOST_NAMED);
        absent.truncate(MOST_NAMED);
        if more > 0 {
            absent.push(format!("{more} more"));
        }
        if !absent.is_empty() {
            could.push(format!("{} could, with the manifest that ships", absent.join(" or ")));
        }
        could
    }

    fn why_not(&self, name: &str) -> String {
        match self.integrations.get(name) {
            None => "does not exist".to_owned(),
            Some(integration) if integration.standing == Standing::Enabled => "cannot do it".to_owned(),
            Some(integration) => integration.standing.reason(),
        }
    }
}

/// Those that are enabled where no other system does the same are so no longer where one does, unless a binding names them.
/// All of a system or nothing: half of it here and half of it there would be two systems that know nothing of each other.
fn give_way(integrations: &mut BTreeMap<String, Integration>, bindings: &Bindings, stays: impl Fn(&Manifest) -> bool) {
    let used = |integration: &Integration| matches!(integration.standing, Standing::Enabled | Standing::Lacking(_));
    let names: Vec<String> = integrations.keys().cloned().collect();
    for name in names {
        let Some(one) = integrations.get(&name).filter(|one| used(one) && !stays(&one.manifest)) else { continue };
        if bindings.integrations().any(|bound| bound == name) {
            continue;
        }
        let does = |action: &Action| one.manifest.actions.iter().any(|own| own.implements == action.implements);
        let others = integrations.values().filter(|other| other.manifest.name != name && used(other));
        let to: Vec<String> = others
            .filter(|other| other.manifest.actions.iter().any(does))
            .map(|other| format!("`{}`", other.manifest.name))
            .collect();
        if let Some(one) = integrations.get_mut(&name).filter(|_| !to.is_empty()) {
            one.standing = Standing::GivesWay { to };
        }
    }
}

fn check_builtins(manifest: &Manifest, builtins: &Builtins, faults: &mut Vec<Diagnostic>) {
    for action in &manifest.actions {
        let Some(name) = action.builtin().filter(|name| builtins.get(name).is_none()) else { continue };
        let hint = did_you_mean(name, builtins.names());
        faults.push(Diagnostic {
            file: manifest.file.clone(),
            line: Some(action.place.line),
            column: Some(action.place.column),
            severity: Severity::Error,
            message: format!("action `{}`: unknown builtin `{name}`", action.name),
            hint,
        });
    }
}
