//! The systems there are, which of them are enabled, and which of their actions carries out a command.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::bindings::{Bindings, Bound};
use super::builtin::Builtins;
use super::error::PlanError;
use super::http::Http;
use super::known;
use super::redact::Redactor;
use super::request::Endpoint;
use super::settings::{Surroundings, Values};
use super::suitable::unsuitable;
use super::template::Templates;
use crate::catalogue::manifest::{Action, Condition, Manifest, Setting, setting_from_toml};
use crate::catalogue::{Diagnostic, Severity};
use crate::domain::{Command, IntentName, nearest};

/// The configuration's file, for diagnostics.
const CONFIGURATION: &str = "sayso.toml";

/// What the configuration says of integrations.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[integrations.<name>]`.
    pub integrations: BTreeMap<String, IntegrationConfig>,
    /// `[bindings]`: `"service.* environment=production" = "kubernetes"`.
    pub bindings: BTreeMap<String, String>,
}

/// `[integrations.<name>]`: what differs from the manifest.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntegrationConfig {
    /// Whether it is enabled; by default the manifest's `requires` decides.
    pub enabled: Option<bool>,
    /// Values of `[connection]`, in the manifest's writing.
    pub connection: BTreeMap<String, toml::Value>,
    /// Values of `[settings]`, in the manifest's writing.
    pub settings: BTreeMap<String, toml::Value>,
}

/// Whether an integration can be used, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It can.
    Enabled,
    /// The configuration turned it off.
    TurnedOff,
    /// The conditions under which it is enabled by itself do not hold.
    NotEnabled {
        /// What would enable it; empty if only the configuration can.
        requires: Vec<String>,
    },
    /// It is enabled, and something is missing.
    Lacking(Vec<String>),
}

impl Standing {
    /// Why it cannot be used, as the end of a sentence.
    fn reason(&self) -> String {
        match self {
            Self::Enabled => "is enabled".to_owned(),
            Self::TurnedOff => "is turned off in the configuration".to_owned(),
            Self::NotEnabled { requires } if requires.is_empty() => "is not enabled in the configuration".to_owned(),
            Self::NotEnabled { requires } => format!("is not enabled: it needs {}", requires.join(" or ")),
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
        let nothing = IntegrationConfig::default();
        for manifest in manifests {
            check_builtins(&manifest, &builtins, &mut faults);
            let config = config.integrations.get(&manifest.name).unwrap_or(&nothing);
            let name = manifest.name.clone();
            let mut maker = Maker { config, surroundings, redactor, faults: &mut faults };
            integrations.insert(name, Arc::new(maker.integration(manifest)));
        }
        let (bindings, errors) = Bindings::parse(&config.bindings);
        for (selector, error) in errors {
            faults.push(in_configuration(&format!("bindings.\"{selector}\""), &error));
        }
        let known = |name: &str| integrations.contains_key(name);
        for name in config.integrations.keys().map(String::as_str).chain(bindings.integrations()) {
            if !known(name) {
                let near = nearest(name, integrations.keys().map(String::as_str));
                let fault = Diagnostic::error(CONFIGURATION, format!("unknown integration `{name}`"));
                faults.push(Diagnostic { hint: near.map(|near| format!("did you mean `{near}`?")), ..fault });
            }
        }
        (Self { integrations, bindings, builtins }, faults)
    }

    /// All integrations, by name.
    pub fn integrations(&self) -> impl Iterator<Item = &Integration> {
        self.integrations.values().map(AsRef::as_ref)
    }

    /// The integration of that name.
    pub fn get(&self, name: &str) -> Option<&Integration> {
        self.integrations.get(name).map(AsRef::as_ref)
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

    /// Systems that could do it if they were enabled, or if there were a manifest for them.
    fn could(&self, intent: &IntentName) -> Vec<String> {
        let there = self
            .integrations
            .values()
            .filter(|integration| integration.manifest.actions.iter().any(|action| action.implements == *intent));
        let mut could: Vec<_> = there
            .map(|integration| format!("`{}` could, but {}", integration.manifest.name, integration.standing.reason()))
            .collect();
        let absent: Vec<_> = known::systems(intent)
            .iter()
            .filter(|name| !self.integrations.contains_key(**name))
            .map(|name| format!("`{name}`"))
            .collect();
        if !absent.is_empty() {
            could.push(format!("a manifest for {} could", absent.join(" or ")));
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

fn check_builtins(manifest: &Manifest, builtins: &Builtins, faults: &mut Vec<Diagnostic>) {
    for action in &manifest.actions {
        let Some(name) = action.builtin().filter(|name| builtins.get(name).is_none()) else { continue };
        let near = nearest(name, builtins.names());
        faults.push(Diagnostic {
            file: manifest.file.clone(),
            line: Some(action.place.line),
            column: Some(action.place.column),
            severity: Severity::Error,
            message: format!("action `{}`: unknown builtin `{name}`", action.name),
            hint: near.map(|near| format!("did you mean `{near}`?")),
        });
    }
}

fn in_configuration(place: &str, message: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::error(CONFIGURATION, format!("`{place}`: {message}"))
}

/// Makes one integration.
struct Maker<'a> {
    config: &'a IntegrationConfig,
    surroundings: &'a Surroundings,
    redactor: &'a Redactor,
    faults: &'a mut Vec<Diagnostic>,
}

impl Maker<'_> {
    fn integration(&mut self, mut manifest: Manifest) -> Integration {
        let name = manifest.name.clone();
        self.override_all(&name, "settings", &self.config.settings.clone(), &mut manifest.settings, false);
        if let Some(connection) = &mut manifest.connection {
            let mut written = self.config.connection.clone();
            let mut one = |maker: &mut Self, key: &str, setting: &mut Setting| {
                if let Some(value) = written.remove(key) {
                    maker.override_one(&format!("integrations.{name}.connection.{key}"), &value, setting);
                }
            };
            one(self, "url", &mut connection.url);
            let mut ca = connection.ca.take().unwrap_or(Setting::Table(BTreeMap::new()));
            one(self, "ca", &mut ca);
            connection.ca = Some(ca).filter(|ca| !matches!(ca, Setting::Table(_)));
            self.override_all(&name, "connection", &written, &mut connection.values, false);
        }
        let mut integration = Integration {
            declared: manifest.settings.clone(),
            manifest,
            standing: Standing::Enabled,
            settings: Values::default(),
            connection: Values::default(),
            endpoint: None,
            http: None,
        };
        integration.standing = self.standing(&integration.manifest);
        if integration.standing == Standing::Enabled {
            let mut lacking = Vec::new();
            self.connect(&mut integration, &mut lacking);
            lacking.dedup();
            if !lacking.is_empty() {
                integration.standing = Standing::Lacking(lacking);
            }
        }
        integration
    }

    /// Puts the configuration's values in place of the manifest's. Names that the manifest does not have are faults,
    /// except within a table of settings, which is meant to grow.
    fn override_all(
        &mut self,
        name: &str,
        table: &str,
        written: &BTreeMap<String, toml::Value>,
        declared: &mut BTreeMap<String, Setting>,
        grows: bool,
    ) {
        for (key, value) in written {
            let place = format!("integrations.{name}.{table}.{key}");
            match (declared.get_mut(key), value) {
                (Some(Setting::Table(inner)), toml::Value::Table(written)) => {
                    let written = written.clone().into_iter().collect();
                    self.override_all(name, &format!("{table}.{key}"), &written, inner, true);
                }
                (Some(setting), value) => self.override_one(&place, value, setting),
                (None, value) if grows => {
                    let mut setting = Setting::Value(serde_json::Value::Null);
                    self.override_one(&place, value, &mut setting);
                    declared.insert(key.clone(), setting);
                }
                (None, _) => {
                    let near = nearest(key, declared.keys().map(String::as_str));
                    let fault = in_configuration(&place, &format!("`{name}` has no such value"));
                    self.faults.push(Diagnostic { hint: near.map(|near| format!("did you mean `{near}`?")), ..fault });
                }
            }
        }
    }

    fn override_one(&mut self, place: &str, value: &toml::Value, setting: &mut Setting) {
        match setting_from_toml(value) {
            Ok(new) => *setting = new,
            Err(reason) => self.faults.push(in_configuration(place, &reason)),
        }
    }

    fn standing(&self, manifest: &Manifest) -> Standing {
        match self.config.enabled {
            Some(true) => Standing::Enabled,
            Some(false) => Standing::TurnedOff,
            None => {
                let holds = |condition: &Condition| self.holds(condition);
                if manifest.requires.iter().any(|requirement| requirement.0.iter().all(holds)) {
                    return Standing::Enabled;
                }
                let all = |requirement: &[Condition]| requirement.iter().map(shown).collect::<Vec<_>>().join(" and ");
                Standing::NotEnabled { requires: manifest.requires.iter().map(|r| all(&r.0)).collect() }
            }
        }
    }

    fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Always => true,
            Condition::Path(path) => path.exists(),
            Condition::Socket(path) => is_socket(path),
            Condition::Env(variable) => self.surroundings.variable(variable).is_some(),
            Condition::Program(program) => {
                let folders = self.surroundings.variable("PATH").unwrap_or_default();
                std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
            }
        }
    }

    fn connect(&self, integration: &mut Integration, lacking: &mut Vec<String>) {
        let find = |settings: &BTreeMap<String, Setting>, lacking: &mut Vec<String>| {
            Values::find(settings, self.surroundings, self.redactor, lacking)
        };
        integration.settings = find(&integration.manifest.settings, lacking);
        let Some(connection) = &integration.manifest.connection else { return };
        let mut all = connection.values.clone();
        all.insert("url".to_owned(), connection.url.clone());
        all.extend(connection.ca.clone().map(|ca| ("ca".to_owned(), ca)));
        integration.connection = find(&all, lacking);
        let Some(url) = integration.connection.text("url") else { return };
        let ca = integration.connection.text("ca");
        let endpoint = Endpoint::parse(&url).map_err(|error| error.to_string());
        let made =
            endpoint.and_then(|endpoint| Ok((Http::new(&endpoint, ca.as_deref(), connection.redirects)?, endpoint)));
        match made {
            Ok((http, endpoint)) => {
                integration.http = Some(http);
                integration.endpoint = Some(endpoint);
            }
            Err(reason) => lacking.push(self.redactor.clean(&reason)),
        }
    }
}

fn shown(condition: &Condition) -> String {
    match condition {
        Condition::Always => "nothing".to_owned(),
        Condition::Path(path) => format!("`{}`", path.display()),
        Condition::Socket(path) => format!("the socket `{}`", path.display()),
        Condition::Env(variable) => format!("the variable `{variable}`"),
        Condition::Program(program) => format!("the program `{program}`"),
    }
}

fn is_socket(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
