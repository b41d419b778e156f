//! A server that answers as a description says, and holds every request, and its own answers, against it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json as JsonBody, Router};
use serde_json::Value as Json;

use crate::description::{Asked, Description};
use crate::instance::Fullness;

/// What has to be in an answer so that it makes sense: laid over what was made of the schema. Keys of a list are positions,
/// or `*` for all. It sees the operation, and the command's arguments with the request's `query` among them.
pub(crate) type Sense = fn(operation: &str, arguments: &Json) -> Json;

/// What is not there after all.
pub(crate) const ABSENT: &str = "<absent>";

/// What happened so far.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) faults: BTreeSet<String>,
    pub(crate) requests: Vec<Asked>,
}

/// What is answered now.
pub(crate) struct Now {
    pub(crate) fullness: Fullness,
    pub(crate) arguments: Json,
}

/// The server.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) seen: Arc<Mutex<Seen>>,
    pub(crate) now: Arc<Mutex<Now>>,
    pub(crate) description: Arc<Description>,
}

impl Server {
    pub(crate) async fn start(description: Description, sense: Sense) -> Self {
        let description = Arc::new(description);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let now = Arc::new(Mutex::new(Now { fullness: Fullness::Full, arguments: Json::Null }));
        let app = Router::new().fallback({
            let parts = (Arc::clone(&description), Arc::clone(&seen), Arc::clone(&now));
            move |request: Request| {
                let (description, seen, now) = parts.clone();
                async move {
                    let asked = received(request).await;
                    let (answer, faults) = answered(&asked, &description, &now, sense);
                    let mut seen = seen.lock().unwrap();
                    seen.faults.extend(faults);
                    seen.requests.push(asked);
                    answer
                }
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen, now, description }
    }
}

async fn received(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    let url = reqwest::Url::parse(&format!("http://x{}", parts.uri)).unwrap();
    let headers = parts.headers.iter();
    Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect(),
        body,
    }
}

fn answered(asked: &Asked, description: &Description, now: &Mutex<Now>, sense: Sense) -> (Response, Vec<String>) {
    let operation = match description.operation(asked) {
        Ok(operation) => operation,
        Err(fault) => return (StatusCode::NOT_FOUND.into_response(), vec![fault]),
    };
    let now = now.lock().unwrap();
    let (status, answer) = description.answer(&operation, now.fullness);
    let mut faults: Vec<_> = description.check(asked).err().into_iter().collect();
    let status = StatusCode::from_u16(status).unwrap();
    let mut known = now.arguments.clone();
    known["query"] = asked.query.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str()))).collect();
    let sense = sense(&operation.name, &known);
    // Where nothing is described, what makes sense is all there is.
    let Some(mut answer) = answer.or_else(|| (!sense.is_null()).then_some(Json::Null)) else {
        return (status.into_response(), faults);
    };
    lay(&mut answer, &sense);
    faults.extend(description.check_answer(&operation, &answer).err());
    match answer {
        Json::String(text) => ((status, text).into_response(), faults),
        answer => ((status, JsonBody(answer)).into_response(), faults),
    }
}

/// Whether a value speaks of the elements of a list.
fn is_positional(value: &Json) -> bool {
    value.as_object().is_some_and(|members| members.keys().any(|key| key == "*" || key.parse::<usize>().is_ok()))
}

/// Lays one value over another.
fn lay(under: &mut Json, over: &Json) {
    match (under, over) {
        (_, Json::Null) => {}
        (Json::Array(items), Json::Object(members)) => {
            for (key, value) in members {
                match key.parse::<usize>() {
                    Ok(position) => items.get_mut(position).into_iter().for_each(|item| lay(item, value)),
                    Err(_) => items.iter_mut().for_each(|item| lay(item, value)),
                }
            }
        }
        (Json::Object(under), Json::Object(over)) => {
            for (key, value) in over {
                match under.get(key) {
                    _ if value == ABSENT => _ = under.remove(key),
                    // There is no list whose elements it could be about.
                    None | Some(Json::Null) if is_positional(value) => {}
                    _ => lay(under.entry(key.clone()).or_insert(Json::Null), value),
                }
            }
        }
        (under @ Json::Null, Json::Object(members)) if !is_positional(over) => {
            *under = Json::Object(serde_json::Map::new());
            lay(under, &Json::Object(members.clone()));
        }
        (Json::Null, Json::Object(_)) => {}
        (under, over) => *under = over.clone(),
    }
}
