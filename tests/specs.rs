//! Every request that the shipped manifests send, held against the vendor's description of the API: path, method, query,
//! body. And every answer that the replies are rendered from.
//!
//! Runs where `SAYSO_SPECS` names the folder with the descriptions, and says so where it does not.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

mod common;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json as JsonBody, Router};
use common::{Parts, Rig};
use sayso::domain::OutcomeStatus;
use serde_json::{Value as Json, json};

/// A description of an API: Swagger 2 or OpenAPI 3.
struct Description {
    root: Json,
    base: String,
}

/// An operation that a request was found to be.
struct Operation<'d> {
    operation: &'d Json,
    /// Those of the path and of the operation, references resolved.
    parameters: Vec<&'d Json>,
}

impl Description {
    fn read(file: &str) -> Option<Self> {
        let Some(folder) = std::env::var_os("SAYSO_SPECS") else {
            eprintln!("skipped: SAYSO_SPECS does not name the folder with the descriptions of APIs");
            return None;
        };
        let text = std::fs::read_to_string(PathBuf::from(folder).join(file)).unwrap();
        let root: Json = serde_norway::from_str(&text).unwrap();
        let base = root["basePath"].as_str().or(root["servers"][0]["url"].as_str()).unwrap();
        Some(Self { base: base.trim_end_matches('/').to_owned(), root })
    }

    fn resolve<'d>(&'d self, value: &'d Json) -> &'d Json {
        match value["$ref"].as_str() {
            Some(reference) => self.resolve(self.root.pointer(reference.trim_start_matches('#')).unwrap()),
            None => value,
        }
    }

    fn operation(&self, method: &str, path: &str) -> Result<Operation<'_>, String> {
        let rest = path.strip_prefix(&self.base).ok_or_else(|| format!("`{path}` is not below `{}`", self.base))?;
        let fits = |template: &str| {
            let (template, rest): (Vec<_>, Vec<_>) = (template.split('/').collect(), rest.split('/').collect());
            template.len() == rest.len()
                && template
                    .iter()
                    .zip(&rest)
                    .all(|(part, given)| part == given || (part.starts_with('{') && !given.is_empty()))
        };
        let paths = self.root["paths"].as_object().unwrap();
        // A fixed segment before one that stands for anything.
        let found = paths
            .iter()
            .filter(|(template, _)| fits(template))
            .min_by_key(|(template, _)| template.matches('{').count());
        let (_, item) = found.ok_or_else(|| format!("no path for `{rest}`"))?;
        let operation = item.get(method.to_lowercase()).ok_or_else(|| format!("no {method} for `{rest}`"))?;
        let lists = [&item["parameters"], &operation["parameters"]];
        let parameters = lists.iter().filter_map(|list| list.as_array()).flatten().map(|p| self.resolve(p)).collect();
        Ok(Operation { operation, parameters })
    }

    /// What is wrong with a request.
    fn check(&self, method: &str, path: &str, query: &[(String, String)], body: &str) -> Result<(), String> {
        let operation = self.operation(method, path)?;
        let named = |place: &'static str| {
            operation.parameters.iter().filter(move |parameter| parameter["in"] == place).copied()
        };
        for (name, value) in query {
            let parameter = named("query").find(|parameter| parameter["name"] == **name);
            let parameter = parameter.ok_or_else(|| format!("no query parameter `{name}` for {method} {path}"))?;
            self.check_text(parameter, value).map_err(|error| format!("`{name}={value}`: {error}"))?;
        }
        let given = |parameter: &Json| query.iter().any(|(name, _)| parameter["name"] == **name);
        if let Some(missing) = named("query").find(|parameter| parameter["required"] == true && !given(parameter)) {
            return Err(format!("{method} {path} needs `{}`", missing["name"]));
        }
        let schema = named("body").next().map(|parameter| &parameter["schema"]);
        let schema = schema.or_else(|| operation.operation.pointer("/requestBody/content/application~1json/schema"));
        match (schema, body) {
            (None, "") => Ok(()),
            (None, _) => Err(format!("{method} {path} takes no body")),
            (Some(schema), body) => {
                self.check_json(schema, &serde_json::from_str(body).map_err(|error| error.to_string())?)
            }
        }
    }

    /// A text of the query or the path against a parameter's type.
    fn check_text(&self, parameter: &Json, text: &str) -> Result<(), String> {
        let schema = parameter.get("schema").map_or(parameter, |schema| self.resolve(schema));
        let kinds: Vec<_> = match schema["oneOf"].as_array() {
            Some(kinds) => kinds.iter().map(|kind| kind["type"].clone()).collect(),
            None => vec![schema["type"].clone()],
        };
        let fits = kinds.iter().any(|kind| match kind.as_str() {
            Some("boolean") => ["true", "false"].contains(&text),
            Some("integer") => text.parse::<i64>().is_ok(),
            Some("number") => text.parse::<f64>().is_ok(),
            _ => true,
        });
        let listed = schema["enum"].as_array().is_none_or(|listed| listed.iter().any(|value| value == text));
        if fits && listed { Ok(()) } else { Err(format!("expected {kinds:?}")) }
    }

    /// A JSON value against a schema of this description.
    fn check_json(&self, schema: &Json, value: &Json) -> Result<(), String> {
        let mut schema = schema.clone();
        let object = schema.as_object_mut().unwrap();
        for part in ["definitions", "components"] {
            object.extend(self.root.get(part).map(|definitions| (part.to_owned(), definitions.clone())));
        }
        if object.contains_key("$ref") {
            // Beside a reference, older drafts read nothing else.
            let reference = object.remove("$ref").unwrap();
            object.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
        }
        let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
        let faults: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    /// What is wrong with an answer of a status.
    fn check_answer(&self, method: &str, path: &str, status: u16, answer: &Json) -> Result<(), String> {
        let operation = self.operation(method, path)?.operation;
        let response = self.resolve(&operation["responses"][status.to_string().as_str()]);
        let schema = response.get("schema").or_else(|| response.pointer("/content/application~1json/schema"));
        schema.map_or(Ok(()), |schema| self.check_json(schema, answer))
    }
}

/// An answer to a request: its status and its body.
type Answers = fn(&str, &str) -> (u16, Json);

/// A server that checks what it is asked, and what it answers. The faults are told at the end.
struct Checked {
    faults: Arc<Mutex<Vec<String>>>,
    seen: Arc<Mutex<Vec<String>>>,
    url: String,
}

impl Checked {
    async fn start(description: Description, answers: Answers) -> Self {
        let (faults, seen) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let description = Arc::new(description);
        let app = Router::new().fallback({
            let (faults, seen) = (Arc::clone(&faults), Arc::clone(&seen));
            move |request: Request| {
                let (faults, seen, description) = (Arc::clone(&faults), Arc::clone(&seen), Arc::clone(&description));
                async move { answer(request, &description, answers, &faults, &seen).await }
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { faults, seen, url }
    }

    /// Runs the lines; all must succeed, and nothing may be wrong.
    async fn run(&self, rig: &Rig, lines: &[&str], asked: &[&str]) {
        for line in lines {
            let outcome = rig.run(line).await;
            let output = outcome.output.unwrap_or_default();
            assert_eq!(outcome.status, OutcomeStatus::Succeeded, "{line}: {}", outcome.summary);
            assert!(!output.contains("unexpected form"), "{line}: {output}");
            rig.preview(line).await;
        }
        assert_eq!(*self.faults.lock().unwrap(), Vec::<String>::new());
        let seen = self.seen.lock().unwrap();
        for request in asked {
            assert!(seen.iter().any(|seen| seen == request), "`{request}` was not asked; {seen:?}");
        }
    }
}

async fn answer(
    request: Request,
    description: &Description,
    answers: Answers,
    faults: &Mutex<Vec<String>>,
    seen: &Mutex<Vec<String>>,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let url = format!("http://x{}", parts.uri);
    let query: Vec<_> = reqwest::Url::parse(&url).unwrap().query_pairs().into_owned().collect();
    seen.lock().unwrap().push(format!("{method} {path}"));
    let (status, answer) = answers(method, path);
    let checks = [
        description.check(method, path, &query, &body),
        description.check_answer(method, path, status, &answer).map_err(|error| format!("answer of {path}: {error}")),
    ];
    faults.lock().unwrap().extend(checks.into_iter().filter_map(Result::err));
    let status = StatusCode::from_u16(status).unwrap();
    if answer.is_null() { status.into_response() } else { (status, JsonBody(answer)).into_response() }
}

fn docker_answers(method: &str, path: &str) -> (u16, Json) {
    let container = |id: &str, name: &str, labels: Json| {
        json!({"Id": id, "Names": [name], "Image": "nginx:1", "ImageID": "sha256:1", "Command": "nginx", "Created": 1_795_236_054,
            "State": "running", "Status": "Up 8 minutes", "Ports": [], "Labels": labels, "Mounts": []})
    };
    match (method, path.rsplit('/').next()) {
        ("GET", Some("json")) if path.ends_with("/containers/json") => (
            200,
            json!([
                container("8dfafdbc3a40aa", "/web", json!({})),
                container("9cd87474be90bb", "/shop-api-1", json!({"com.docker.compose.service": "api"})),
                container("3176a2479c92cc", "/shop-api-2", json!({"com.docker.compose.service": "api"}))
            ]),
        ),
        ("GET", Some("json")) => (
            200,
            json!({"Id": "8dfafdbc3a40aa", "Name": "/web", "RestartCount": 0, "Config": {"Image": "nginx:1"},
                "State": {"Status": "running", "Running": true, "ExitCode": 0, "StartedAt": "2026-11-21T04:40:54.170533754Z",
                    "FinishedAt": "0001-01-01T00:00:00Z"}}),
        ),
        ("GET", _) => (200, json!("log")),
        _ => (204, Json::Null),
    }
}

#[tokio::test]
async fn docker_sends_what_the_description_allows() {
    let Some(description) = Description::read("docker-engine-v1.41.swagger2.yaml") else { return };
    // The check can fail: else it would prove nothing.
    for (method, path, query, body) in [
        ("GET", "/v1.41/containers/web/restart", &[][..], ""),
        ("POST", "/v1.41/containers/web/restart", &[("t", "soon")][..], ""),
        ("POST", "/v1.41/containers/web/restart", &[("timeout", "1")], ""),
        ("POST", "/v1.41/containers/web/restart", &[], "{}"),
        ("POST", "/v1.41/container/web/restart", &[], ""),
    ] {
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert!(description.check(method, path, &query, body).is_err(), "{method} {path} {query:?} {body}");
    }
    let server = Checked::start(description, docker_answers).await;
    let rig = Parts { shipped: &["docker"], env: vec![("DOCKER_HOST", server.url.clone())], ..Parts::default() }.rig();
    let lines = [
        "container.list",
        "container.list service=web",
        "container.logs container=web",
        "container.logs container=web limit=5",
        "service.list",
        "service.status service=api",
        "service.restart service=web",
        "service.restart service=api",
        "service.start service=web",
        "service.stop service=api",
    ];
    let asked = [
        "GET /v1.41/containers/json",
        "GET /v1.41/containers/web/logs",
        "POST /v1.41/containers/9cd87474be90/restart",
        "POST /v1.41/containers/3176a2479c92/stop",
        "POST /v1.41/containers/8dfafdbc3a40/start",
    ];
    server.run(&rig, &lines, &asked).await;
}

fn alertmanager_answers(method: &str, path: &str) -> (u16, Json) {
    let time = "2026-11-21T04:41:03.826Z";
    match (method, path.rsplit('/').next()) {
        ("GET", Some("silences")) => (
            200,
            json!([{"id": "0f5e2b7c-0c5e-4b3a-9a0e-0b1f3f1c2d3e", "status": {"state": "active"}, "updatedAt": time,
                "annotations": {}, "comment": "known", "createdBy": "alice", "startsAt": time, "endsAt": "2026-11-21T06:41:03.826Z",
                "matchers": [{"name": "alertname", "value": "Down", "isRegex": false, "isEqual": true}]}]),
        ),
        ("GET", _) => (
            200,
            json!([{"labels": {"alertname": "Down", "severity": "critical", "service": "checkout"}, "annotations": {"summary": "it is down"},
                "receivers": [{"name": "hook"}], "fingerprint": "62b7603531b93666", "startsAt": time, "updatedAt": time,
                "endsAt": time, "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}}]),
        ),
        ("POST", _) => (200, json!({"silenceID": "0f5e2b7c-0c5e-4b3a-9a0e-0b1f3f1c2d3e"})),
        _ => (200, Json::Null),
    }
}

#[tokio::test]
async fn alertmanager_sends_what_the_description_allows() {
    let Some(description) = Description::read("alertmanager.swagger2.yaml") else { return };
    let without_end = r#"{"matchers": [{"name": "a", "value": "b", "isRegex": false}], "startsAt": "x", "createdBy": "y", "comment": "z"}"#;
    assert!(description.check("POST", "/api/v2/silences", &[], without_end).is_err());
    assert!(description.check_answer("GET", "/api/v2/silences", 200, &json!([{"id": "x"}])).is_err());
    let server = Checked::start(description, alertmanager_answers).await;
    let env = vec![("ALERTMANAGER_URL", server.url.clone())];
    let rig = Parts { shipped: &["alertmanager"], env, ..Parts::default() }.rig();
    let lines = [
        "alert.list",
        "alert.list severity=critical service=checkout environment=staging",
        "alert.silence alert=Down duration=PT2H",
        r#"alert.silence alert=Down duration=P1D service=checkout environment=staging reason="a \"b\" \\ {{ c }}""#,
        "alert.unsilence alert=Down",
    ];
    let asked =
        ["POST /api/v2/silences", "DELETE /api/v2/silence/0f5e2b7c-0c5e-4b3a-9a0e-0b1f3f1c2d3e", "GET /api/v2/alerts"];
    server.run(&rig, &lines, &asked).await;
}

fn prometheus_answers(_: &str, path: &str) -> (u16, Json) {
    let metric = json!({"__name__": "up", "job": "node"});
    let data = match path.rsplit('/').next() {
        Some("query_range") => {
            let values = json!([[1_795_236_564.195, "0.5"], [1_795_236_566.191, "0.75"]]);
            json!({"resultType": "matrix", "result": [{"metric": metric, "values": values}]})
        }
        Some("query") => {
            json!({"resultType": "vector", "result": [{"metric": metric, "value": [1_795_236_567.921, "1"]}]})
        }
        _ => {
            json!({"alerts": [{"labels": {"alertname": "Down", "severity": "critical"}, "annotations": {"summary": "it is down"},
            "state": "firing", "activeAt": "2026-11-21T04:41:03.826033107Z", "value": "1e+00"}]})
        }
    };
    (200, json!({"status": "success", "data": data}))
}

#[tokio::test]
async fn prometheus_sends_what_the_description_allows() {
    let Some(description) = Description::read("prometheus.openapi31.yaml") else { return };
    assert!(description.check("GET", "/api/v1/query_range", &[("query".to_owned(), "up".to_owned())], "").is_err());
    let server = Checked::start(description, prometheus_answers).await;
    let env = vec![("PROMETHEUS_URL", server.url.clone())];
    let rig = Parts { shipped: &["prometheus"], env, ..Parts::default() }.rig();
    let lines = [
        "metric.query expression=up",
        "alert.list severity=critical",
        "metric.show metric=latency service=checkout",
        "metric.show metric=cpu host=db1 window=PT15M",
        "metric.show metric=error_rate environment=staging window=P1D",
    ];
    server.run(&rig, &lines, &["GET /api/v1/query", "GET /api/v1/query_range", "GET /api/v1/alerts"]).await;
}
