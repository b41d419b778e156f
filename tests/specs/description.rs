//! A vendor's description of an API, Swagger 2 or OpenAPI 3, and what is wrong with a request or an answer by it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value as Json};

use crate::instance::{Fullness, instance};
use crate::page::PROOFS;
use crate::schema::{Way, resolve, standalone};

/// A description, and the validators that were made of it.
pub(crate) struct Description {
    root: Json,
    /// The path that all requests share.
    base: String,
    validators: Mutex<HashMap<(String, Way), Arc<Validator>>>,
}

/// A request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Encoded, without the query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// An operation that a request was found to be.
pub(crate) struct Operation<'d> {
    /// `GET /users/{id}`.
    pub(crate) name: String,
    template: &'d str,
    operation: &'d Json,
    /// Those of the path and of the operation, references resolved.
    parameters: Vec<&'d Json>,
}

impl Description {
    /// The description that a system is proved against, from the folder that `SAYSO_SPECS` names; none, having said so, where
    /// there is none.
    pub(crate) fn of(system: &str) -> Option<Self> {
        let file = PROOFS.iter().find(|proof| proof.system == system).unwrap().file;
        if file.contains('/') {
            // One of our own, after the vendor's documentation.
            return Some(Self::read(&PathBuf::from(file)));
        }
        let Some(folder) = std::env::var_os("SAYSO_SPECS") else {
            eprintln!("skipped: SAYSO_SPECS does not name the folder with the descriptions of APIs");
            return None;
        };
        Some(Self::read(&PathBuf::from(folder).join(file)))
    }

    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let root: Json = if file.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(&text).unwrap()
        } else {
            serde_norway::from_str(&text).unwrap()
        };
        Self { base: base(&root), root, validators: Mutex::default() }
    }

    /// With what it gets wrong or does not know yet put right; whoever does so says where that stands.
    pub(crate) fn amended(mut self, change: fn(&mut Json)) -> Self {
        change(&mut self.root);
        self.base = base(&self.root);
        self
    }

    /// Which operation a request is.
    pub(crate) fn operation(&self, asked: &Asked) -> Result<Operation<'_>, String> {
        let Asked { method, path, .. } = asked;
        let rest = path.strip_prefix(&self.base).ok_or_else(|| format!("`{path}` is not below `{}`", self.base))?;
        let given: Vec<_> = rest.split('/').collect();
        let fits = |template: &str| {
            let template: Vec<_> = template.split('/').collect();
            template.len() == given.len()
                && template.iter().zip(&given).all(|(part, given)| segment(part, given).is_some())
        };
        let method = method.to_lowercase();
        // A fixed segment before one that stands for anything.
        let found = self.root["paths"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(template, item)| item.get(&method).is_some() && fits(template))
            .min_by_key(|(template, _)| template.matches('{').count());
        let (template, item) = found.ok_or_else(|| format!("no {} for `{rest}`", asked.method))?;
        let operation = &item[&method];
        let lists = [&item["parameters"], &operation["parameters"]];
        let parameters = lists.iter().filter_map(|list| list.as_array()).flatten();
        let parameters = parameters.map(|parameter| resolve(&self.root, parameter)).collect();
        Ok(Operation { name: format!("{} {template}", asked.method), template, operation, parameters })
    }

    /// What is wrong with a request.
    pub(crate) fn check(&self, asked: &Asked) -> Result<(), String> {
        let operation = self.operation(asked)?;
        let Operation { name, parameters, .. } = &operation;
        let named = |place: &'static str| parameters.iter().filter(move |parameter| parameter["in"] == place).copied();
        for (key, value) in &asked.query {
            // A deep object is written as `filter[key]`.
            let bare = key.split('[').next().unwrap_or(key);
            let found = named("query").find(|parameter| parameter["name"] == **key || parameter["name"] == *bare);
            let parameter = found.ok_or_else(|| format!("no query parameter `{key}` for {name}"))?;
            self.check_text(name, parameter, value)?;
        }
        for missing in named("query").filter(|parameter| parameter["required"] == true) {
            if !asked.query.iter().any(|(key, _)| missing["name"] == **key) {
                return Err(format!("{name} needs `{}`", missing["name"]));
            }
        }
        let segments = asked.path[self.base.len()..].split('/');
        for (part, given) in operation.template.split('/').zip(segments) {
            let Some((parameter, value)) = segment(part, given).flatten() else { continue };
            if let Some(parameter) = named("path").find(|described| described["name"] == *parameter) {
                self.check_text(name, parameter, &decoded(&value))?;
            }
        }
        for parameter in named("header") {
            let header = parameter["name"].as_str().unwrap_or_default();
            let given = asked.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(header));
            match given {
                Some((_, value)) => self.check_text(name, parameter, value)?,
                // What the protocol has its own rules for is not a parameter, says the format.
                None if ["accept", "content-type", "authorization"].contains(&header.to_lowercase().as_str()) => {}
                None if parameter["required"] == true => return Err(format!("{name} needs the header `{header}`")),
                None => {}
            }
        }
        self.check_body(asked, &operation)
    }

    fn check_body(&self, asked: &Asked, operation: &Operation<'_>) -> Result<(), String> {
        let name = &operation.name;
        let kind = asked.headers.iter().find(|(name, _)| name == "content-type").map(|(_, kind)| kind.as_str());
        let old = operation.parameters.iter().find(|parameter| parameter["in"] == "body");
        let form: Map<String, Json> = operation
            .parameters
            .iter()
            .filter(|parameter| parameter["in"] == "formData")
            .map(|parameter| (parameter["name"].as_str().unwrap_or_default().to_owned(), without_place(parameter)))
            .collect();
        let new = resolve(&self.root, &operation.operation["requestBody"]);
        let described: Option<Json> = match (old, new["content"].as_object()) {
            (Some(parameter), _) => {
                let consumed = operation.operation["consumes"].as_array().or(self.root["consumes"].as_array());
                if let (Some(consumed), Some(kind)) = (consumed, kind)
                    && !consumed.iter().any(|one| one == kind || one == "*/*")
                {
                    return Err(format!("{name} takes {consumed:?}, not `{kind}`"));
                }
                Some(parameter["schema"].clone())
            }
            (None, _) if !form.is_empty() => Some(serde_json::json!({"type": "object", "properties": form})),
            (None, Some(content)) if !asked.body.is_empty() => {
                let kind = kind.unwrap_or_default();
                let found = content.iter().find(|(key, _)| key.split(';').next() == Some(kind) || *key == "*/*");
                let kinds = || content.keys().collect::<Vec<_>>();
                Some(found.ok_or_else(|| format!("{name} takes {:?}, not `{kind}`", kinds()))?.1["schema"].clone())
            }
            (None, Some(_)) => None,
            (None, None) => None,
        };
        let needed = new["required"] == true || old.is_some_and(|body| body["required"] == true);
        match (described, asked.body.as_str()) {
            (_, "") if needed => Err(format!("{name} needs a body")),
            (_, "") => Ok(()),
            (None, _) => Err(format!("{name} takes no body")),
            (Some(schema), body) => {
                let value = match kind {
                    Some("application/x-www-form-urlencoded") => {
                        let url = reqwest::Url::parse(&format!("form:?{body}")).unwrap();
                        Json::Object(
                            url.query_pairs().map(|(name, value)| (name.into_owned(), typed(&value))).collect(),
                        )
                    }
                    _ => serde_json::from_str(body).map_err(|error| error.to_string())?,
                };
                self.check_json(&format!("{name} body"), &schema, &value, Way::Sent)
            }
        }
    }

    /// A text of the query, the path or a header against a parameter's type.
    fn check_text(&self, operation: &str, parameter: &Json, text: &str) -> Result<(), String> {
        let schema = parameter.get("schema").cloned();
        let schema = schema.or_else(|| Some(parameter["content"].as_object()?.values().next()?["schema"].clone()));
        let schema = schema.unwrap_or_else(|| without_place(parameter));
        let string = Json::from(text);
        let list = text.split(',').map(Json::from).collect::<Vec<_>>();
        let readings = [typed(text), string.clone(), vec![string].into(), vec![typed(text)].into(), list.into()];
        let key = format!("{operation} {}", parameter["name"]);
        let mut faults = readings.iter().map(|reading| self.check_json(&key, &schema, reading, Way::Answered));
        match faults.next() {
            Some(Err(fault)) if faults.all(|fault| fault.is_err()) => Err(format!("{key}: `{text}`: {fault}")),
            _ => Ok(()),
        }
    }

    /// A JSON value against a schema, which is remembered under a key.
    fn check_json(&self, key: &str, schema: &Json, value: &Json, way: Way) -> Result<(), String> {
        let mut validators = self.validators.lock().unwrap();
        let made = validators.entry((key.to_owned(), way)).or_insert_with(|| {
            let schema = standalone(&self.root, schema, way);
            Arc::new(jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{key}: {error}")))
        });
        let validator = Arc::clone(made);
        drop(validators);
        let faults: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if faults.is_empty() { Ok(()) } else { Err(format!("{key}: {}", faults.join("; "))) }
    }

    /// The best answer of an operation: its status, and its body if it has one. Text is a string.
    pub(crate) fn answer(&self, operation: &Operation<'_>, fullness: Fullness) -> (u16, Option<Json>) {
        let (status, response) = self.response(operation);
        if let Some((_, content)) = self.json_content(response) {
            let example =
                content.get("example").or_else(|| content["examples"].as_object()?.values().next()?.get("value"));
            let old = response["examples"].get("application/json");
            let sound = |example: &&Json| self.check_answer(operation, example).is_ok();
            if let Some(example) = example.or(old).filter(|_| fullness == Fullness::Example).filter(sound) {
                return (status, Some(example.clone()));
            }
            let schema = standalone(&self.root, &content["schema"], Way::Answered);
            return (status, Some(instance(&schema, fullness)));
        }
        let is_text = response["content"].as_object().is_some_and(|content| !content.is_empty());
        (status, is_text.then(|| "a line\nanother line\n".into()))
    }

    /// What is wrong with an answer.
    pub(crate) fn check_answer(&self, operation: &Operation<'_>, answer: &Json) -> Result<(), String> {
        let (_, response) = self.response(operation);
        match self.json_content(response) {
            Some((_, content)) => {
                self.check_json(&format!("answer of {}", operation.name), &content["schema"], answer, Way::Answered)
            }
            None => Ok(()),
        }
    }

    fn response<'d>(&'d self, operation: &Operation<'d>) -> (u16, &'d Json) {
        let responses = operation.operation["responses"].as_object().unwrap();
        let good = responses.iter().filter_map(|(status, response)| Some((status.parse().ok()?, response)));
        let good = good.filter(|(status, _): &(u16, _)| (200..300).contains(status)).min_by_key(|(status, _)| *status);
        let (status, response) = good.or(responses.get("default").map(|response| (200, response))).unwrap();
        (status, resolve(&self.root, response))
    }

    /// What of a response is JSON: Swagger 2 has the schema in the response itself.
    fn json_content<'d>(&self, response: &'d Json) -> Option<(&'d str, &'d Json)> {
        match response["content"].as_object() {
            Some(content) => content
                .iter()
                .find(|(kind, content)| (kind.contains("json") || *kind == "*/*") && content.get("schema").is_some())
                .map(|(kind, content)| (kind.as_str(), content)),
            None => response.get("schema").map(|_| ("application/json", response)),
        }
    }
}

/// The path that all requests share.
fn base(root: &Json) -> String {
    let base = root["basePath"].as_str().or(root["servers"][0]["url"].as_str()).unwrap_or_default();
    let base = base.split_once("://").map_or(base, |(_, rest)| rest.find('/').map_or("", |slash| &rest[slash..]));
    base.trim_end_matches('/').to_owned()
}

/// Whether a segment fits one of a template, and the parameter that it gives.
fn segment<'t>(template: &'t str, given: &str) -> Option<Option<(&'t str, String)>> {
    match (template.find('{'), template.rfind('}')) {
        (Some(start), Some(end)) => {
            let inner = given.strip_prefix(&template[..start])?.strip_suffix(&template[end + 1..])?;
            (!inner.is_empty()).then(|| Some((&template[start + 1..end], inner.to_owned())))
        }
        _ => (template == given).then_some(None),
    }
}

/// A parameter of Swagger 2 as a schema.
fn without_place(parameter: &Json) -> Json {
    let mut schema = parameter.clone();
    if let Some(members) = schema.as_object_mut() {
        for key in ["name", "in", "required", "description", "collectionFormat"] {
            members.remove(key);
        }
    }
    schema
}

/// A text as the number or truth value that it may be.
fn typed(text: &str) -> Json {
    serde_json::from_str(text)
        .ok()
        .filter(|value: &Json| value.is_number() || value.is_boolean())
        .unwrap_or_else(|| text.into())
}

fn decoded(segment: &str) -> String {
    let url = reqwest::Url::parse(&format!("form:?x={}", segment.replace('+', "%2B"))).unwrap();
    url.query_pairs().map(|(_, value)| value.into_owned()).collect()
}
