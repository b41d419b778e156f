//! Discord's own description of its API (OpenAPI 3.1), and requests held against it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Value as Json, json};

use super::refusal::Fault;

/// The description; `None` where this machine has none.
pub(super) static DESCRIPTION: LazyLock<Option<Description>> = LazyLock::new(|| {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/specs");
    let folder = std::env::var_os("SAYSO_SPECS").map_or_else(beside, PathBuf::from);
    let text = std::fs::read_to_string(folder.join("discord.openapi.json"));
    if text.is_err() {
        eprintln!("skipped: requests are not held against Discord's description, which SAYSO_SPECS does not lead to");
    }
    Some(Description::new(serde_json::from_str(&text.ok()?).expect("a description in JSON")))
});

/// Paths with their operations, and schemas.
pub(super) struct Description {
    root: Json,
    /// Compiling a schema takes longer than using it.
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// What the description says of a request, or of its answer.
struct Operation<'d> {
    /// The path, with braces.
    template: &'d str,
    operation: &'d Json,
    parameters: Vec<&'d Json>,
}

impl Description {
    fn new(mut root: Json) -> Self {
        // Where Discord takes more than it describes.
        let schemas = &mut root["components"]["schemas"];
        // Snowflakes are taken as numbers too: docs.discord.com/developers/reference, "ID Serialization".
        schemas["SnowflakeType"] =
            json!({"oneOf": [{"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}, {"type": "integer", "minimum": 0}]});
        // Permissions are written as strings: docs.discord.com/developers/topics/permissions.
        for name in ["ApplicationCommandUpdateRequest", "ApplicationCommandCreateRequest"] {
            schemas[name]["properties"]["default_member_permissions"] =
                json!({"type": ["string", "integer", "null"], "pattern": "^[0-9]+$"});
        }
        Self { root, validators: Mutex::default() }
    }

    /// Follows a reference.
    fn resolve<'d>(&'d self, value: &'d Json) -> &'d Json {
        match value["$ref"].as_str() {
            Some(reference) => self.root.pointer(reference.trim_start_matches('#')).expect("a part of the description"),
            None => value,
        }
    }

    /// The operation; `Err` says what there is none of.
    fn operation(&self, method: &str, path: &str) -> Result<Operation<'_>, String> {
        let given: Vec<_> = path.split('/').collect();
        let fits = |template: &str| {
            let parts: Vec<_> = template.split('/').collect();
            let same = |(part, given): (&&str, &&str)| part == given || (part.starts_with('{') && !given.is_empty());
            parts.len() == given.len() && parts.iter().zip(&given).all(same)
        };
        let paths = self.root["paths"].as_object().into_iter().flatten();
        // A fixed segment before one that stands for anything.
        let found =
            paths.filter(|(template, _)| fits(template)).min_by_key(|(template, _)| template.matches('{').count());
        let (template, item) = found.ok_or_else(|| format!("there is no path `{path}`"))?;
        let operation =
            item.get(method.to_lowercase()).ok_or_else(|| format!("there is no {method} of `{template}`"))?;
        let lists = [&item["parameters"], &operation["parameters"]];
        let parameters =
            lists.iter().filter_map(|list| list.as_array()).flatten().map(|one| self.resolve(one)).collect();
        Ok(Operation { template, operation, parameters })
    }

    /// What is wrong with a request.
    pub(super) fn check(&self, method: &str, path: &str, query: &[(String, String)], body: &Json) -> Vec<Fault> {
        let operation = match self.operation(method, path) {
            Ok(operation) => operation,
            Err(message) => return vec![Fault::new("", "UNDESCRIBED", message)],
        };
        let mut faults = Vec::new();
        let named = |place: &str, name: &str| {
            operation.parameters.iter().find(|one| one["in"] == place && one["name"] == name).map(|one| &one["schema"])
        };
        for (name, value) in query {
            // A query has no types: what reads as a number or as a truth is one.
            let read = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            match named("query", name) {
                Some(schema) => faults.extend(self.faults(&format!("query {schema}"), schema, &read)),
                None => faults.push(Fault::new(name, "UNDESCRIBED", "there is no such query parameter")),
            }
        }
        for (part, given) in operation.template.split('/').zip(path.split('/')) {
            let name = part.trim_start_matches('{').trim_end_matches('}');
            if let Some(schema) = named("path", name).filter(|_| part.starts_with('{')) {
                faults.extend(self.faults(&format!("path {schema}"), schema, &json!(given)));
            }
        }
        let content = &operation.operation["requestBody"]["content"]["application/json"]["schema"];
        match (content.is_null(), body.is_null()) {
            (true, false) => faults.push(Fault::new("", "UNDESCRIBED", format!("{method} {path} takes no body"))),
            (false, true) => faults.push(Fault::new("", "BASE_TYPE_REQUIRED", "This field is required")),
            (false, false) => {
                faults.extend(self.faults(&format!("{method} {}", operation.template), content, body));
            }
            (true, true) => {}
        }
        faults
    }

    /// What is wrong with an answer of ours: a test server that lies proves nothing.
    pub(super) fn check_answer(&self, method: &str, path: &str, status: u16, answer: &Json) -> Vec<Fault> {
        let Ok(operation) = self.operation(method, path) else { return Vec::new() };
        let responses = &operation.operation["responses"];
        let class = format!("{}XX", status / 100);
        let Some(response) = responses.get(status.to_string()).or_else(|| responses.get(class)) else {
            return vec![Fault::new("", "UNDESCRIBED", format!("{method} {path} is never answered {status}"))];
        };
        match &self.resolve(response)["content"]["application/json"]["schema"] {
            Json::Null => Vec::new(),
            schema => self.faults(&format!("{status} of {method} {}", operation.template), schema, answer),
        }
    }

    /// A value against a schema, which is kept under `key`.
    fn faults(&self, key: &str, schema: &Json, value: &Json) -> Vec<Fault> {
        let kept = self.validators.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        let validator = kept.unwrap_or_else(|| {
            let whole = json!({"allOf": [schema], "components": self.root["components"]});
            let validator = Arc::new(jsonschema::validator_for(&whole).expect("a schema of the description"));
            let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
            validators.insert(key.to_owned(), Arc::clone(&validator));
            validator
        });
        validator.iter_errors(value).flat_map(|error| told(&error)).collect()
    }
}

/// What an error says. That none of several schemas fits says little: then it is what keeps that one from fitting which has
/// the right `type`, or of which the least is wrong.
fn told(error: &ValidationError<'_>) -> Vec<Fault> {
    if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } = error.kind() {
        let own = error.instance_path().to_string();
        let meant = |faults: &&Vec<ValidationError<'_>>| {
            let place = |fault: &ValidationError<'_>| fault.instance_path().to_string();
            !faults.iter().any(|fault| place(fault) == own || place(fault) == format!("{own}/type"))
        };
        if let Some(nearest) = context.iter().filter(meant).min_by_key(|faults| faults.len()) {
            return nearest.iter().flat_map(told).collect();
        }
    }
    // The value may be long, and is told elsewhere.
    let message: String = error.to_string().chars().take(300).collect();
    vec![Fault::new(&error.instance_path().to_string(), "SCHEMA", message)]
}
