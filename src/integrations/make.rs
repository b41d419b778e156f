//! Making an integration ready: the manifest, the configuration's values, this machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::credentials::{OTHERWISE, Role, Roles};
use super::http::Http;
use super::kubeconfig::{self, Current};
use super::login::Session;
use super::redact::Redactor;
use super::registry::{Config, Integration, Standing};
use super::request::Endpoint;
use super::settings::{Surroundings, Values};
use super::tls::{Own, Pem, Tls};
use crate::catalogue::manifest::{
    Condition, Connection, Manifest, SecretSource, Setting, secret_in_argv, setting_from_toml,
};
use crate::catalogue::{Diagnostic, did_you_mean};
use crate::domain::Secret;

/// The configuration's file, for diagnostics.
pub(super) const CONFIGURATION: &str = "sayso.toml";

pub(super) fn in_configuration(place: &str, message: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::error(CONFIGURATION, format!("`{place}`: {message}"))
}

/// Makes integrations.
pub(super) struct Maker<'a> {
    pub(super) config: &'a Config,
    pub(super) surroundings: &'a Surroundings,
    pub(super) redactor: &'a Redactor,
    /// What holds of systems that want to be alone.
    pub(super) alone: bool,
    pub(super) faults: &'a mut Vec<Diagnostic>,
}

impl Maker<'_> {
    /// With the configuration's values in the place of the manifest's.
    pub(super) fn integration(&mut self, mut manifest: Manifest) -> Integration {
        let mut values = self.config.values.get(&manifest.name).cloned().unwrap_or_default();
        let place = format!("integrations.{}", manifest.name);
        let by_role = values.remove("as");
        if let Some(wanted) = values.remove("lists") {
            self.keep_lists(&format!("{place}.lists"), &wanted, &mut manifest);
        }
        if let Some(connection) = &mut manifest.connection {
            if let Some(value) = values.remove("url") {
                self.replace(&format!("{place}.url"), &value, &mut connection.url);
            }
            for name in ["ca", "client_certificate", "client_key"] {
                if let (Some(value), Some(file)) = (values.remove(name), connection.tls.file_mut(name)) {
                    let file = file.get_or_insert(Setting::Value(serde_json::Value::Null));
                    self.replace(&format!("{place}.{name}"), &value, file);
                }
            }
            for (name, setting) in &mut connection.values {
                if let Some(value) = values.remove(name) {
                    self.replace(&format!("{place}.{name}"), &value, setting);
                }
            }
        }
        let known: Vec<_> =
            manifest.connection.iter().flat_map(|connection| connection.values.keys().cloned()).collect();
        self.replace_all(&place, values, &mut manifest.settings, Some(&known));
        self.keep_from_argv(&place, &manifest);
        let mut integration = self.ready(manifest.clone(), None);
        if let Some(by_role) = by_role {
            let roles = self.roles(&format!("{place}.as"), by_role, &manifest);
            // What everybody would use may be lacking where everybody has their own.
            if roles.are_ready() && matches!(integration.standing, Standing::Lacking(_)) {
                integration.standing = Standing::Enabled;
            }
            integration.roles = Some(roles);
        }
        integration
    }

    /// `[integrations.<name>] lists = ["services"]`: of the manifest's lists, these are read.
    fn keep_lists(&mut self, place: &str, wanted: &toml::Value, manifest: &mut Manifest) {
        let names: Option<Vec<&str>> =
            wanted.as_array().and_then(|names| names.iter().map(toml::Value::as_str).collect());
        let Some(names) = names else {
            self.faults.push(in_configuration(place, &"expected a list of names, which may be empty"));
            return;
        };
        for name in names.iter().filter(|name| manifest.lists.iter().all(|list| list.name != **name)) {
            let hint = did_you_mean(name, manifest.lists.iter().map(|list| list.name.as_str()));
            let fault = in_configuration(place, &format!("the manifest has no list `{name}`"));
            self.faults.push(Diagnostic { hint, ..fault });
        }
        manifest.lists.retain(|list| names.contains(&list.name.as_str()));
    }

    /// `[integrations.<name>.as.<role>]`: values of the manifest that are others for those who have the role.
    fn roles(&mut self, place: &str, by_role: toml::Value, manifest: &Manifest) -> Roles {
        let memberships = Arc::clone(&self.config.memberships);
        let mut found = Roles { roles: Vec::new(), otherwise: None, memberships };
        let toml::Value::Table(by_role) = by_role else {
            self.faults.push(in_configuration(place, &"expected a table for each role"));
            return found;
        };
        for (name, values) in by_role {
            let place = format!("{place}.{name}");
            let toml::Value::Table(values) = values else {
                self.faults.push(in_configuration(&place, &"expected a table"));
                continue;
            };
            let mut manifest = manifest.clone();
            for (key, value) in values {
                let place = format!("{place}.{key}");
                let connection = manifest.connection.as_mut().and_then(|connection| connection.values.get_mut(&key));
                match connection.or(manifest.settings.get_mut(&key)) {
                    Some(setting) => self.replace(&place, &value, setting),
                    None => self.faults.push(in_configuration(&place, &"the manifest has no such value")),
                }
            }
            self.keep_from_argv(&place, &manifest);
            let credentials = (name != OTHERWISE).then(|| name.clone());
            let integration = Arc::new(self.ready(manifest, credentials));
            match self.config.roles.get(&name) {
                _ if name == OTHERWISE => found.otherwise = Some(integration),
                Some(members) => found.roles.push(Role { members: members.clone(), name, integration }),
                None => {
                    let hint = did_you_mean(&name, self.config.roles.keys().map(String::as_str));
                    let fault = in_configuration(&place, &"there is no such role");
                    self.faults.push(Diagnostic { hint, ..fault });
                }
            }
        }
        found
    }

    /// Finds all that an integration needs.
    fn ready(&self, manifest: Manifest, credentials: Option<String>) -> Integration {
        let mut integration = Integration {
            declared: manifest.settings.clone(),
            manifest,
            standing: Standing::Enabled,
            settings: Values::default(),
            connection: Values::default(),
            endpoint: None,
            http: None,
            tls: Tls::default(),
            session: Session::default(),
            limits: self.config.limits,
            files: None,
            credentials,
            roles: None,
        };
        integration.standing = self.standing(&integration.manifest);
        if integration.standing == Standing::Enabled {
            let mut lacking = Vec::new();
            self.connect(&mut integration, &mut lacking);
            integration.files = self.config.files.as_ref().map(|all| all.join(&integration.manifest.name));
            if integration.files.is_none() && !integration.manifest.files.is_empty() {
                lacking.push("there is no folder for its files".to_owned());
            }
            lacking.dedup();
            if !lacking.is_empty() {
                integration.standing = Standing::Lacking(lacking);
            }
        }
        integration
    }

    /// Puts the configuration's values in the place of the manifest's. Names that the manifest does not have are faults,
    /// except within a table of settings, which is meant to grow (`also` is none there).
    fn replace_all(
        &mut self,
        place: &str,
        values: toml::Table,
        declared: &mut BTreeMap<String, Setting>,
        also: Option<&[String]>,
    ) {
        for (key, value) in values {
            let place = format!("{place}.{key}");
            match (declared.get_mut(&key), value, also) {
                (Some(Setting::Table(inner)), toml::Value::Table(values), _) => {
                    self.replace_all(&place, values, inner, None);
                }
                (Some(setting), value, _) => self.replace(&place, &value, setting),
                (None, value, None) => {
                    let setting = declared.entry(key).or_insert(Setting::Value(serde_json::Value::Null));
                    self.replace(&place, &value, setting);
                }
                (None, _, Some(also)) => {
                    let known = declared.keys().chain(also).map(String::as_str);
                    let hint = did_you_mean(&key, known.chain(["url", "ca", "client_certificate", "client_key"]));
                    let fault = in_configuration(&place, &"the manifest has no such value");
                    self.faults.push(Diagnostic { hint, ..fault });
                }
            }
        }
    }

    fn keep_from_argv(&mut self, place: &str, manifest: &Manifest) {
        if let Some(name) = secret_in_argv(manifest) {
            let message =
                format!("`{name}` cannot be a secret: it would be seen by everybody in the list of processes");
            self.faults.push(in_configuration(place, &message));
        }
    }

    fn replace(&mut self, place: &str, value: &toml::Value, setting: &mut Setting) {
        match setting_from_toml(value) {
            Ok(new) => *setting = new,
            Err(reason) => self.faults.push(in_configuration(place, &reason)),
        }
    }

    /// Whether it is enabled, whatever it may lack.
    pub(super) fn standing(&self, manifest: &Manifest) -> Standing {
        match &self.config.enabled {
            Some(enabled) if enabled.contains(&manifest.name) => Standing::Enabled,
            Some(_) => Standing::TurnedOff,
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
            Condition::Alone => self.alone,
            Condition::Path(path) => path.exists(),
            Condition::Socket(path) => is_socket(path),
            Condition::Env(variable) => self.surroundings.variable(variable).is_some(),
            Condition::Program(program) => {
                let folders = self.surroundings.variable("PATH").unwrap_or_default();
                std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
            }
        }
    }

    /// Puts what the kubeconfig says in the place of what the environment does not, if the manifest wants that; the rest is
    /// for TLS. Whoever has a token of their own does not come with the file's certificate as well.
    fn kubeconfig(&self, connection: &mut Connection) -> Result<Tls, String> {
        let wanted = connection.kubeconfig.as_ref().filter(|_| self.is_unset(&connection.url));
        let Some(wanted) = wanted else { return Ok(Tls::default()) };
        let Current { server, token, mut tls } = kubeconfig::current(wanted, self.surroundings, self.redactor)?;
        connection.url = Setting::Value(server.into());
        if connection.values.get("token").is_none_or(|token| self.is_unset(token)) {
            let token = token.map(|source| Setting::Secret { source, optional: false });
            connection.values.remove("token");
            connection.values.extend(token.map(|token| ("token".to_owned(), token)));
        } else {
            tls.own = None;
        }
        Ok(tls)
    }

    /// Whether a variable gives a value, and does not.
    fn is_unset(&self, setting: &Setting) -> bool {
        let unset = |variable: &str| self.surroundings.variable(variable).is_none();
        match setting {
            Setting::Env { variable, default: None, .. } => unset(variable),
            Setting::Secret { source: SecretSource::Variable(variable), .. } => {
                unset(variable) && unset(&format!("{variable}_FILE"))
            }
            Setting::Env { .. } | Setting::Secret { .. } | Setting::Value(_) | Setting::Template(_) => false,
            Setting::Table(_) => false,
        }
    }

    fn connect(&self, integration: &mut Integration, lacking: &mut Vec<String>) {
        let find = |settings: &BTreeMap<String, Setting>, lacking: &mut Vec<String>| {
            Values::find(settings, self.surroundings, self.redactor, lacking)
        };
        integration.settings = find(&integration.manifest.settings, lacking);
        let Some(mut connection) = integration.manifest.connection.clone() else { return };
        let current = match self.kubeconfig(&mut connection) {
            Ok(current) => current,
            Err(reason) => return lacking.push(self.redactor.clean(&reason)),
        };
        let mut all = connection.values;
        all.insert("url".to_owned(), connection.url);
        all.extend(connection.tls.files().map(|(name, file)| (name.to_owned(), file.clone())));
        integration.connection = find(&all, lacking);
        let file = |name| integration.connection.text(name).map(|path| Pem::File(path.into()));
        let own = file("client_certificate").zip(file("client_key"));
        integration.tls = Tls {
            ca: file("ca").or(current.ca),
            own: own.map(|(certificate, key)| Own { certificate, key }).or(current.own),
        };
        let Some(url) = integration.connection.text("url") else { return };
        credentials_in(&url).into_iter().for_each(|secret| self.redactor.learn(&secret));
        let (tls, redirects) = (&integration.tls, connection.redirects);
        let endpoint = Endpoint::parse(&url).map_err(|error| error.to_string());
        let made = endpoint.and_then(|endpoint| Ok((Http::new(&endpoint, tls, redirects)?, endpoint)));
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
        Condition::Alone => "that no other system does the same".to_owned(),
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

/// What an address holds that nobody may see: the password as it is written and as it is meant, and what is sent of it.
fn credentials_in(url: &str) -> Vec<Secret> {
    let Some((url, password)) = reqwest::Url::parse(url).ok().and_then(|url| {
        let password = url.password()?.to_owned();
        Some((url, password))
    }) else {
        return Vec::new();
    };
    let meant = percent_decoded(&password);
    let sent = format!("{}:{meant}", percent_decoded(url.username()));
    [password, meant, sent].into_iter().map(Secret::new).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *byte == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(meant) => {
                bytes.push(meant);
                rest = &after[2..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
