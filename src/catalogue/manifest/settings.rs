//! Reads how a system is found and reached: `requires`, `[connection]`, `[settings]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::de::DeValue;

use super::read::{READING_KINDS, constant, expression, required, step, table_of, template, text};
use super::{
    Argument, Condition, Connection, Judgement, Login, Requirement, SecretSource, Setting, Sign, Template, shell,
};
use crate::catalogue::Diagnostic;
use crate::catalogue::{Document, Item, Table};

/// Files (PEM) for TLS.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tls {
    /// Certificates to trust beside the machine's own.
    pub ca: Option<Setting>,
    /// Our certificate, for systems that ask for one, with those between it and their authority.
    pub client_certificate: Option<Setting>,
    /// Its key, in a file for us alone. There is one where there is a certificate.
    pub client_key: Option<Setting>,
}

impl Tls {
    /// All of them, by name.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Setting)> {
        let files =
            [("ca", &self.ca), ("client_certificate", &self.client_certificate), ("client_key", &self.client_key)];
        files.into_iter().filter_map(|(name, file)| Some((name, file.as_ref()?)))
    }

    /// The place of one.
    pub fn file_mut(&mut self, name: &str) -> Option<&mut Option<Setting>> {
        match name {
            "ca" => Some(&mut self.ca),
            "client_certificate" => Some(&mut self.client_certificate),
            "client_key" => Some(&mut self.client_key),
            _ => None,
        }
    }
}

/// That a kubeconfig says where a system is, as it does for `kubectl`: address, authority, and whose credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubeconfig {
    /// The variable that names the context; without it, the file's current one is meant.
    pub context: String,
    /// The variables of our environment that a program may see which the file has for credentials.
    pub inherit: Vec<String>,
}

/// Reads `requires`: one table of conditions, or several of which one suffices.
pub(super) fn requirements(item: Item<'_>) -> Vec<Requirement> {
    match item.value() {
        DeValue::Array(_) => item.list().into_iter().flatten().filter_map(|item| requirement(&item)).collect(),
        _ => requirement(&item).into_iter().collect(),
    }
}

fn requirement(item: &Item<'_>) -> Option<Requirement> {
    let mut table = item.table()?;
    let mut conditions = Vec::new();
    if table.get("always").and_then(|item| item.boolean()) == Some(true) {
        conditions.push(Condition::Always);
    }
    if table.get("alone").and_then(|item| item.boolean()) == Some(true) {
        conditions.push(Condition::Alone);
    }
    let mut add = |found: Option<Item<'_>>, condition: fn(String) -> Condition| {
        conditions.extend(found.and_then(text).map(condition));
    };
    add(table.get("path"), |path| Condition::Path(PathBuf::from(path)));
    add(table.get("socket"), |path| Condition::Socket(PathBuf::from(path)));
    add(table.get("env"), Condition::Env);
    add(table.get("program"), Condition::Program);
    table.finish();
    if conditions.is_empty() {
        let hint = "name one of `always = true`, `alone = true`, `path`, `socket`, `env`, `program`".to_owned();
        item.document().error(item.span.start, "expected a condition", Some(hint));
    }
    Some(Requirement(conditions))
}

/// Reads `[connection]`.
pub(super) fn connection(item: &Item<'_>) -> Option<Connection> {
    let mut table = item.table()?;
    let url = required(item, "`[connection]`", "url", table.get("url")).and_then(|item| setting(&item));
    let mut file = |key| table.get(key).and_then(|item| setting(&item));
    let tls = Tls { ca: file("ca"), client_certificate: file("client_certificate"), client_key: file("client_key") };
    if tls.client_certificate.is_some() != tls.client_key.is_some() {
        let message = "`client_certificate` and `client_key` belong together";
        item.document().error(item.key_span.start, message, None);
    }
    let kubeconfig = table.get("kubeconfig").and_then(|item| kubeconfig(&item));
    let headers = table.get("headers").map(|item| table_of(&item, template)).unwrap_or_default();
    let redirects = table.get("redirects").and_then(|item| item.boolean()).unwrap_or(false);
    let success = table.get("success").and_then(|item| expression(&item));
    let failure = table.get("failure").and_then(|item| template(&item));
    let judgement = Judgement { success, failure };
    let login = table.get("login").and_then(|item| login(&item)).map(Box::new);
    let sign = table.get("sign").and_then(|item| sign(&item));
    let values =
        table.rest().into_iter().filter_map(|(key, item)| Some((key.text.to_owned(), setting(&item)?))).collect();
    Some(Connection { url: url?, tls, kubeconfig, headers, redirects, values, judgement, login, sign })
}

fn sign(item: &Item<'_>) -> Option<Sign> {
    let mut table = item.table()?;
    let key = required(item, "the signature", "key", table.get("key")).and_then(|item| template(&item));
    let over = table.get("over").and_then(|item| template(&item));
    let header = required(item, "the signature", "header", table.get("header")).and_then(text);
    let value = required(item, "the signature", "value", table.get("value")).and_then(|item| template(&item));
    table.finish();
    Some(Sign { key: key?, over, header: header?.to_ascii_lowercase(), value: value? })
}

fn kubeconfig(item: &Item<'_>) -> Option<Kubeconfig> {
    let mut table = item.table()?;
    let context = required(item, "`kubeconfig`", "context", table.get("context")).and_then(text);
    let inherit = table.get("inherit").and_then(|item| item.strings()).unwrap_or_default();
    let inherit = inherit.into_iter().map(|name| name.text.to_owned()).collect();
    table.finish();
    Some(Kubeconfig { context: context?, inherit })
}

fn login(item: &Item<'_>) -> Option<Login> {
    let mut table = item.table()?;
    let when = table.get("when").and_then(|item| expression(&item));
    let keep = required(item, "the login", "keep", table.get("keep")).map(|item| table_of(&item, template));
    let expired = table.get("expired").and_then(|item| expression(&item));
    let step = step("the login", READING_KINDS, item, &mut table);
    table.finish();
    Some(Login { when, step: step?, keep: keep?, expired })
}

/// Reads a value and where it comes from.
pub(super) fn setting(item: &Item<'_>) -> Option<Setting> {
    let DeValue::Table(members) = item.value() else { return constant(item).map(Setting::Value) };
    let mut table = item.table()?;
    let has = |key: &str| members.get(key).is_some();
    let optional = |table: &mut Table<'_>| table.get("optional").and_then(|item| item.boolean()).unwrap_or(false);
    let setting = if has("env") {
        let variable = table.get("env").and_then(text);
        let default = table.get("default").and_then(text);
        let optional = optional(&mut table);
        variable.map(|variable| Setting::Env { variable, default, optional })
    } else if has("secret") {
        let source = table.get("secret").and_then(text).map(SecretSource::Variable);
        let optional = optional(&mut table);
        source.map(|source| Setting::Secret { source, optional })
    } else if has("secret_file") {
        let source = table.get("secret_file").and_then(|item| item.parse(absolute)).map(SecretSource::File);
        let optional = optional(&mut table);
        source.map(|source| Setting::Secret { source, optional })
    } else if has("secret_command") {
        let argv = table.get("secret_command").and_then(|item| program(&item));
        let inherit = table.get("inherit").and_then(|item| item.strings()).unwrap_or_default();
        let inherit = inherit.into_iter().map(|name| name.text.to_owned()).collect();
        argv.map(|argv| Setting::Secret { source: SecretSource::Command { argv, inherit }, optional: false })
    } else if has("oauth") {
        let url = table.get("oauth").and_then(|item| setting(&item)).map(Box::new);
        let form = table.get("form").map(|item| form(&item)).unwrap_or_default();
        let optional = optional(&mut table);
        url.map(|url| Setting::Secret { source: SecretSource::Token { url, form }, optional })
    } else if has("template") {
        table.get("template").and_then(|item| template(&item)).map(Setting::Template)
    } else {
        return Some(Setting::Table(table_of(item, setting).into_iter().collect()));
    };
    table.finish();
    setting
}

/// What is sent to a token endpoint: values that are known before any command is.
fn form(item: &Item<'_>) -> BTreeMap<String, Setting> {
    let fields = table_of(item, setting);
    for (name, field) in &fields {
        let fault = match field {
            Setting::Value(value) if value.is_array() || value.is_object() => "expected one value",
            Setting::Value(_) | Setting::Env { .. } => continue,
            Setting::Secret { source: SecretSource::Token { .. }, .. } => "a token cannot be had for a token",
            Setting::Secret { .. } => continue,
            Setting::Template(_) | Setting::Table(_) => "expected one value that is known before any command is",
        };
        item.document().error(item.span.start, format!("`{}.{name}`: {fault}", item.path()), None);
    }
    fields.into_iter().collect()
}

fn absolute(path: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(path);
    if path.is_absolute() { Ok(path) } else { Err("expected an absolute path, such as `/run/secrets/token`") }
}

/// A program with arguments that are all written down.
fn program(item: &Item<'_>) -> Option<Vec<String>> {
    let elements: Vec<Template> = item.list()?.iter().map(template).collect::<Option<_>>()?;
    let argv: Vec<Argument> = elements.iter().cloned().map(Argument::Element).collect();
    let computed = elements.iter().find(|element| element.literal().is_none());
    let computed = computed.map(|element| (format!("`{}`: nothing can be computed here", element.source()), ""));
    if let Some((message, hint)) = computed.or_else(|| shell::fault(&argv)) {
        let hint = Some(hint).filter(|hint| !hint.is_empty()).map(str::to_owned);
        item.document().error(item.span.start, format!("`{}`: {message}", item.path()), hint);
        return None;
    }
    elements.iter().map(|element| element.literal().map(ToOwned::to_owned)).collect()
}

/// Reads one setting from the TOML text of a value: the configuration writes settings as manifests do.
pub fn setting_from_toml(value: &toml::Value) -> Result<Setting, String> {
    let text = format!("value = {value}");
    let document = Document::parse("", &text).map_err(|faults| said(&faults))?;
    let setting = document.root().get("value").and_then(|item| setting(&item));
    let faults = document.into_faults();
    if faults.is_empty() { setting.ok_or_else(String::new) } else { Err(said(&faults)) }
}

fn said(faults: &[Diagnostic]) -> String {
    let said = |fault: &Diagnostic| {
        // The name is ours; the reader knows where the value stands.
        let message = fault.message.replace("`value`: ", "").replace("`value.", "`");
        fault.hint.as_ref().map_or_else(|| message.clone(), |hint| format!("{message} ({hint})"))
    };
    faults.iter().map(said).collect::<Vec<_>>().join("; ")
}
