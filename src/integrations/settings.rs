//! Where the values of a connection and of the settings come from: the manifest, the configuration, the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use super::redact::Redactor;
use super::secret::{LiveSecret, read_file};
use super::template::{Scope, TemplateError, Templates};
use crate::catalogue::manifest::{Setting, Template};
use crate::domain::Secret;

/// Gives the value of a variable, if it is set.
pub type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What an integration may ask about the machine it runs on. A value, so that tests need not change the process.
#[derive(Clone)]
pub struct Surroundings {
    /// Reads an environment variable.
    pub env: Arc<Variables>,
    /// The machine's name.
    pub machine: String,
}

impl Surroundings {
    /// This process' environment, this machine's name.
    pub fn here() -> Self {
        let machine = sysinfo::System::host_name().unwrap_or_else(|_| "localhost".to_owned());
        Self { env: Arc::new(|variable| std::env::var(variable).ok()), machine }
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.trim().is_empty())
    }

    /// A secret, from the variable or from the file that `<variable>_FILE` names. The error says why that cannot be used.
    pub fn secret(&self, variable: &str) -> Result<Option<Secret>, String> {
        if let Some(value) = self.variable(variable) {
            return Ok(Some(Secret::new(value.trim().to_owned())));
        }
        let Some(path) = self.variable(&format!("{variable}_FILE")) else { return Ok(None) };
        read_file(path.as_ref()).map(Some).map_err(|reason| format!("`{variable}_FILE`: `{path}` {reason}"))
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("machine", &self.machine).finish_non_exhaustive()
    }
}

/// Values that were found. Secrets stay apart from the rest until a request is sent.
#[derive(Clone, Default)]
pub(super) struct Values(BTreeMap<String, Found>);

/// Their names: an address may hold a password.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[derive(Clone)]
enum Found {
    Value(Json),
    Secret(Arc<LiveSecret>),
    Template(Template),
    Table(Values),
}

/// Whether secrets are filled in, or only named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    /// As they are: for what is sent.
    Revealed,
    /// As `<token>`: for what is shown, digested, and seen by replies.
    Named,
}

impl Values {
    /// Finds the values. What is missing is noted in `lacking`, for people; secrets are made known to the redactor.
    pub(super) fn find(
        settings: &BTreeMap<String, Setting>,
        surroundings: &Surroundings,
        redactor: &Redactor,
        lacking: &mut Vec<String>,
    ) -> Self {
        let mut values = BTreeMap::new();
        for (name, setting) in settings {
            let found = match setting {
                Setting::Value(value) => Some(Found::Value(value.clone())),
                Setting::Template(template) => Some(Found::Template(template.clone())),
                Setting::Table(table) => Some(Found::Table(Self::find(table, surroundings, redactor, lacking))),
                Setting::Env { variable, default, optional } => {
                    let value = surroundings.variable(variable).or_else(|| default.clone());
                    if value.is_none() && !optional {
                        lacking.push(format!("`{variable}` is not set"));
                    }
                    value.map(|value| Found::Value(value.into()))
                }
                Setting::Secret { source, optional } => {
                    match LiveSecret::find(source, *optional, surroundings, redactor) {
                        Ok(secret) => Some(Found::Secret(Arc::new(secret))),
                        Err(reason) => {
                            lacking.push(reason);
                            None
                        }
                    }
                }
            };
            values.extend(found.map(|found| (name.clone(), found)));
        }
        Self(values)
    }

    /// All secrets among them, with their names.
    pub(super) fn secrets(&self) -> Vec<(&str, &LiveSecret)> {
        let secrets = self.0.iter().flat_map(|(name, found)| match found {
            Found::Secret(secret) => vec![(name.as_str(), secret.as_ref())],
            Found::Table(table) => table.secrets(),
            Found::Value(_) | Found::Template(_) => Vec::new(),
        });
        secrets.collect()
    }

    /// The text of one value.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Found::Value(Json::String(text)) => Some(text.clone()),
            Found::Value(value) => Some(value.to_string()),
            Found::Secret(secret) => secret.current().map(|secret| secret.expose().to_owned()),
            Found::Template(_) | Found::Table(_) => None,
        }
    }

    /// All of them, as templates see them. Templates among them are filled in from the scope; one that is undefined
    /// there is left out.
    pub(super) fn to_json(
        &self,
        secrets: Secrets,
        templates: &Templates,
        scope: &Scope,
    ) -> Result<Json, TemplateError> {
        self.as_json(secrets, &|template| templates.value(template, scope))
    }

    /// All of them but the templates.
    pub(super) fn plain(&self, secrets: Secrets) -> Json {
        let Ok(json) = self.as_json(secrets, &|_| Ok::<_, std::convert::Infallible>(None));
        json
    }

    fn as_json<E>(&self, secrets: Secrets, filled: &dyn Fn(&Template) -> Result<Option<Json>, E>) -> Result<Json, E> {
        let mut object = serde_json::Map::new();
        for (name, found) in &self.0 {
            let value = match (found, secrets) {
                (Found::Value(value), _) => Some(value.clone()),
                (Found::Secret(secret), Secrets::Revealed) => secret.current().map(|secret| secret.expose().into()),
                (Found::Secret(secret), Secrets::Named) => secret.is_there().then(|| format!("<{name}>").into()),
                (Found::Template(template), _) => filled(template)?,
                (Found::Table(table), _) => Some(table.as_json(secrets, filled)?),
            };
            object.extend(value.map(|value| (name.clone(), value)));
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::manifest::SecretSource;

    fn surroundings(variables: &[(&str, &str)]) -> Surroundings {
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Surroundings { env: Arc::new(move |name| variables.get(name).cloned()), machine: "here".to_owned() }
    }

    fn secret(optional: bool) -> BTreeMap<String, Setting> {
        BTreeMap::from([(
            "token".to_owned(),
            Setting::Secret { source: SecretSource::Variable("TOKEN".to_owned()), optional },
        )])
    }

    #[test]
    fn a_secret_is_named_and_revealed_only_when_sent() {
        let redactor = Redactor::default();
        let mut lacking = Vec::new();
        let values = Values::find(&secret(false), &surroundings(&[("TOKEN", "s3cret-value")]), &redactor, &mut lacking);
        let json = |secrets| values.to_json(secrets, &Templates::default(), &Scope::default()).unwrap();
        assert_eq!(json(Secrets::Named), json!({"token": "<token>"}));
        assert_eq!(json(Secrets::Revealed), json!({"token": "s3cret-value"}));
        assert!(!format!("{values:?}").contains("s3cret"));
        assert_eq!(redactor.clean("it is s3cret-value"), "it is [redacted]");
        assert!(lacking.is_empty());
    }

    #[test]
    fn what_is_missing_is_said() {
        let mut lacking = Vec::new();
        Values::find(&secret(false), &surroundings(&[]), &Redactor::default(), &mut lacking);
        Values::find(&secret(true), &surroundings(&[]), &Redactor::default(), &mut lacking);
        assert_eq!(lacking, ["`TOKEN` is not set"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "s3cret-value\n").unwrap();
        let path = path.to_str().unwrap();
        let here = surroundings(&[("TOKEN_FILE", path)]);
        for (mode, said) in [(0o600, None), (0o640, Some("can be read by others (mode 640); run `chmod 600` on it"))] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
            let mut lacking = Vec::new();
            let values = Values::find(&secret(false), &here, &Redactor::default(), &mut lacking);
            assert_eq!(lacking, said.map(|said| format!("`{path}` {said}")).into_iter().collect::<Vec<_>>());
            assert_eq!(values.text("token").is_some(), said.is_none());
        }
    }
}
