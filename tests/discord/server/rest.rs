//! The entrance of REST: takes a request apart, holds it against limits and description, and finds who answers it.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request as HttpRequest, State as Of};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Json as JsonBody, Router};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use super::Request;
use super::description::DESCRIPTION;
use super::limits;
use super::refusal::{Fault, Refusal};
use super::shapes::UPLOAD;
use super::state::{Shared, State};

/// A request that can be answered.
pub(super) struct Call {
    method: String,
    /// With the version: `/api/v10/channels/1/messages`.
    path: String,
    query: Vec<(String, String)>,
    pub(super) body: Json,
    pub(super) files: Vec<(String, Vec<u8>)>,
    authorization: String,
    /// When it came in.
    pub(super) at: Instant,
}

/// A status and a body, or a refusal.
pub(super) type Answer = Result<(StatusCode, Json), Refusal>;

impl Call {
    pub(super) fn method(&self) -> &str {
        &self.method
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Answers as long as the runtime lives.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let app = Router::new().fallback(enter).layer(DefaultBodyLimit::disable()).with_state(shared);
    let _ = axum::serve(listener, app).await;
}

async fn enter(Of(shared): Of<Arc<Shared>>, request: HttpRequest) -> Response {
    let call = match read(request).await {
        Ok(call) => call,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("unreadable: {error}")).into_response(),
    };
    // Validating takes a while, and holds nobody up here.
    let answered = tokio::task::spawn_blocking(move || answer(&shared, &call)).await;
    answered.unwrap_or_else(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response())
}

/// Takes a request apart.
async fn read(request: HttpRequest) -> Result<Call, String> {
    let at = Instant::now();
    let authorization = header_text(request.headers(), header::AUTHORIZATION);
    let kind = header_text(request.headers(), header::CONTENT_TYPE);
    let method = request.method().as_str().to_owned();
    let url = reqwest::Url::parse(&format!("http://discord{}", request.uri())).map_err(|error| error.to_string())?;
    let query = url.query_pairs().into_owned().collect();
    let path = url.path().to_owned();
    let (mut body, mut files) = (Json::Null, Vec::new());
    if kind.starts_with("multipart/form-data") {
        let mut form = Multipart::from_request(request, &()).await.map_err(|error| error.to_string())?;
        while let Some(field) = form.next_field().await.map_err(|error| error.to_string())? {
            let (name, file) = (field.name().unwrap_or_default().to_owned(), field.file_name().map(str::to_owned));
            let bytes = field.bytes().await.map_err(|error| error.to_string())?;
            match file {
                Some(file) if name.starts_with("files[") && name.ends_with(']') => files.push((file, bytes.to_vec())),
                None if name == "payload_json" => {
                    body = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
                }
                Some(_) | None => return Err(format!("a part named `{name}`")),
            }
        }
        body = if body.is_null() { json!({}) } else { body };
    } else {
        let bytes = axum::body::to_bytes(request.into_body(), 10 * UPLOAD).await.map_err(|error| error.to_string())?;
        if !bytes.is_empty() {
            body = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        }
    }
    Ok(Call { method, path, query, body, files, authorization, at })
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn answer(shared: &Shared, call: &Call) -> Response {
    if let Some(file) = attachment(shared, &call.path) {
        return file.into_response();
    }
    let below = ["/api/v10", "/api/v9"].iter().find_map(|version| call.path.strip_prefix(version));
    let answered = match below {
        Some(path) if !shared.look(|state| state.faults.down) => below_version(shared, call, path),
        Some(_) => None,
        None => Some((HeaderMap::new(), Err(Refusal::new(StatusCode::NOT_FOUND, 0, "404: Not Found")))),
    };
    let Some((headers, answered)) = answered else {
        record(shared, call, StatusCode::SERVICE_UNAVAILABLE);
        let page = "<html><head><title>503 Service Temporarily Unavailable</title></head><body><center><h1>503 Service \
                    Temporarily Unavailable</h1></center><hr><center>cloudflare</center></body></html>";
        return (StatusCode::SERVICE_UNAVAILABLE, Html(page)).into_response();
    };
    let (status, body) = answered.unwrap_or_else(|refusal| (refusal.status, refusal.body));
    record(shared, call, status);
    match body {
        Json::Null => (status, headers, Body::empty()).into_response(),
        body => (status, headers, JsonBody(body)).into_response(),
    }
}

fn record(shared: &Shared, call: &Call, status: StatusCode) {
    let request = Request {
        method: call.method.clone(),
        path: call.path.clone(),
        query: call.query.clone(),
        body: call.body.clone(),
        files: call.files.clone(),
        status: status.as_u16(),
    };
    shared.change(|state| state.requests.push(request));
}

/// The bytes of an uploaded file.
fn attachment(shared: &Shared, path: &str) -> Option<Vec<u8>> {
    let (id, name) = path.strip_prefix("/attachments/")?.split_once('/')?.1.split_once('/')?;
    let url_ends = format!("/{id}/{name}");
    shared.look(|state| {
        state.messages.values().find_map(|posted| {
            let attachments = posted.json["attachments"].as_array()?;
            let at =
                attachments.iter().position(|one| one["url"].as_str().is_some_and(|url| url.ends_with(&url_ends)))?;
            posted.files.get(at).map(|(_, bytes)| bytes.clone())
        })
    })
}

/// Headers, and the answer; `None` is the edge's error page.
fn below_version(shared: &Shared, call: &Call, path: &str) -> Option<(HeaderMap, Answer)> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let is_callback = matches!(segments[..], ["interactions", _, _, "callback"]);
    if let Some(retry_after) = shared.change(|state| state.take_limit(is_callback)) {
        return Some((limited_headers(path, retry_after), Err(limited(retry_after))));
    }
    let headers = limit_headers(&call.method, path);
    let answered = admitted(shared, call, &segments).and_then(|()| {
        let faults = faults(shared, call, path, &segments);
        if faults.is_empty() {
            return shared.change(|state| state.route(call, &segments));
        }
        let told = |fault: &Fault| format!("{} {path}: {fault}", call.method);
        shared.change(|state| state.violations.extend(faults.iter().map(told)));
        Err(Refusal::invalid_form(&faults))
    });
    if let (Some(description), Ok((status, body))) = (DESCRIPTION.as_ref(), &answered) {
        let wrong = description.check_answer(&call.method, path, status.as_u16(), body);
        let told = |fault: &Fault| format!("{} {path}: {fault}: {body}", call.method);
        shared.change(|state| state.deviations.extend(wrong.iter().map(told)));
    }
    Some((headers, answered))
}

/// Whether the bot may ask at all. What has an interaction's token in its path needs no other.
fn admitted(shared: &Shared, call: &Call, segments: &[&str]) -> Result<(), Refusal> {
    shared.look(|state| {
        let open = matches!(segments, ["gateway"] | ["interactions", ..] | ["webhooks", _, _, ..]);
        if !open && call.authorization != format!("Bot {}", state.token) {
            return Err(Refusal::unauthorized());
        }
        let denied =
            matches!(segments, ["channels", id, ..] if id.parse().is_ok_and(|id| state.faults.denied.contains(&id)));
        if denied { Err(Refusal::missing_access()) } else { Ok(()) }
    })
}

/// What is wrong with a request.
fn faults(shared: &Shared, call: &Call, path: &str, segments: &[&str]) -> Vec<Fault> {
    let described = DESCRIPTION.as_ref().map(|known| known.check(&call.method, path, &call.query, &call.body));
    let mut faults = described.unwrap_or_default();
    let others = |guild: Option<u64>| {
        let same = |known: &&Json| known["name"] != call.body["name"];
        shared.look(|state| state.commands.get(&guild).map_or(0, |known| known.iter().filter(same).count()))
    };
    let listed = call.body.as_array().map(Vec::as_slice).unwrap_or_default();
    let one = std::slice::from_ref(&call.body);
    faults.extend(match (call.method.as_str(), segments) {
        ("POST" | "PATCH", ["channels", _, "messages"] | ["channels", _, "messages", _])
        | ("POST" | "PATCH", ["webhooks", _, _] | ["webhooks", _, _, "messages", _]) => {
            limits::message(&call.body, &call.files)
        }
        ("POST", ["interactions", _, _, "callback"]) => limits::callback(&call.body, &call.files),
        ("PUT", ["applications", _, "commands"] | ["applications", _, "guilds", _, "commands"]) => {
            limits::commands(listed, 0)
        }
        ("POST", ["applications", _, "commands"]) => limits::commands(one, others(None)),
        ("POST", ["applications", _, "guilds", guild, "commands"]) => limits::commands(one, others(guild.parse().ok())),
        _ => Vec::new(),
    });
    faults
}

/// The headers of every answer. Source: docs.discord.com/developers/topics/rate-limits, "Header Format".
fn limit_headers(method: &str, path: &str) -> HeaderMap {
    headers(method, path, 50, 49, 1.0)
}

fn limited_headers(path: &str, retry_after: f64) -> HeaderMap {
    let mut headers = headers("any", path, 50, 0, retry_after);
    // Whole seconds, unlike the body.
    let seconds = format!("{:.0}", retry_after.ceil());
    for (name, value) in [("retry-after", seconds.as_str()), ("x-ratelimit-scope", "user")] {
        headers.insert(name, value.parse().expect("a header's value"));
    }
    headers
}

fn headers(method: &str, path: &str, limit: u64, remaining: u64, reset_after: f64) -> HeaderMap {
    // The bucket is that of the method and of the first id in the path.
    let major: String = path.split('/').take(3).collect::<Vec<_>>().join("-");
    let bucket: String = format!("{method}{major}").bytes().map(|byte| format!("{byte:02x}")).collect();
    let reset = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0 + reset_after;
    let values = [
        ("x-ratelimit-bucket", bucket),
        ("x-ratelimit-limit", limit.to_string()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-reset", format!("{reset:.3}")),
        ("x-ratelimit-reset-after", format!("{reset_after:.3}")),
    ];
    let parsed = values
        .into_iter()
        .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().expect("a header's value")));
    parsed.collect()
}

fn limited(retry_after: f64) -> Refusal {
    let body = json!({"message": "You are being rate limited.", "retry_after": retry_after, "global": false});
    Refusal { status: StatusCode::TOO_MANY_REQUESTS, body }
}

impl State {
    /// How long to wait, where a request is to be limited.
    fn take_limit(&mut self, is_callback: bool) -> Option<f64> {
        (self.faults.limited > 0 && !is_callback).then(|| {
            self.faults.limited -= 1;
            self.faults.retry_after
        })
    }
}
