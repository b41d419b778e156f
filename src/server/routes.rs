//! What each path answers. Faults are JSON, `{"error": "…"}`, and say what to do; no token is ever said or logged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::timeout;

use super::alertmanager::{self, PayloadError};
use super::{Shared, Webhook, WebhookKind, metrics};
use crate::domain::{Alerted, Digest, Secret};

/// The longest body, in bytes.
const BODY: usize = 1024 * 1024;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);
/// How long the rest of the program may think about whether it is ready.
const READY_TIME: Duration = Duration::from_secs(5);
/// When to come again, in seconds.
const AGAIN: &str = "5";

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(measured))
        .route("/webhooks/{name}", post(webhook))
        .method_not_allowed_fallback(async || Refusal::Method)
        .fallback(async || Refusal::Path)
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(shared)
}

/// Why a request is not answered as was hoped.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("expected `/healthz`, `/readyz`, `/metrics` or `/webhooks/<name>`, found another path")]
    Path,
    #[error("expected POST to a webhook and GET to everything else, found another method")]
    Method,
    #[error("no webhook has this name; `[server.webhooks.<name>]` in the configuration makes one")]
    Webhook,
    #[error("expected `Authorization: Bearer …` with the token of this webhook")]
    Token,
    #[error("expected `Content-Type: application/json`")]
    MediaType,
    #[error("expected a body of at most {BODY} bytes, found more")]
    TooLarge,
    #[error("expected the whole body within {} s", BODY_TIME.as_secs())]
    Slow,
    #[error("the body broke off")]
    Broken,
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error("too many webhooks at once; come again")]
    Busy,
    #[error("too many alerts wait to be told; come again")]
    Full,
    #[error("shutting down")]
    Closing,
    #[error("{0}")]
    Unready(String),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Path | Self::Webhook => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::Payload(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy | Self::Full | Self::Closing | Self::Unready(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { Self::TooLarge } else { Self::Broken }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(json!({ "error": self.to_string() }))).into_response();
        let header = match self {
            Self::Token => Some((header::WWW_AUTHENTICATE, "Bearer")),
            Self::Busy | Self::Full | Self::Closing => Some((header::RETRY_AFTER, AGAIN)),
            _ => None,
        };
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, header::HeaderValue::from_static(value));
        }
        response
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> Result<&'static str, Refusal> {
    if shared.closing.load(Ordering::Relaxed) {
        return Err(Refusal::Closing);
    }
    match timeout(READY_TIME, shared.parts.readiness.check()).await {
        Ok(Ok(())) => Ok("ready\n"),
        Ok(Err(reason)) => Err(Refusal::Unready(reason)),
        Err(_) => Err(Refusal::Unready(format!("nobody answers within {} s", READY_TIME.as_secs()))),
    }
}

async fn measured(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], shared.parts.metrics.text())
}

async fn webhook(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<impl IntoResponse, Refusal> {
    // A name that cannot be read is none that we have.
    let Path(name) = name.map_err(|_| Refusal::Webhook)?;
    let webhook = shared.parts.webhooks.get(&name).ok_or(Refusal::Webhook)?;
    match take(&shared, &name, webhook, request).await {
        Ok(alerts) => Ok((StatusCode::ACCEPTED, Json(json!({ "alerts": alerts })))),
        Err(refusal) => {
            tracing::warn!(webhook = name, status = refusal.status().as_u16(), "a webhook was refused: {refusal}");
            Err(refusal)
        }
    }
}

/// Takes what a caller brings, all of it or nothing; how many alerts that are.
async fn take(shared: &Shared, name: &str, webhook: &Webhook, request: Request) -> Result<usize, Refusal> {
    if !is_bearer(request.headers(), &webhook.token) {
        return Err(Refusal::Token);
    }
    if shared.closing.load(Ordering::Relaxed) {
        return Err(Refusal::Closing);
    }
    let _turn = shared.turns.try_acquire().map_err(|_| Refusal::Busy)?;
    if !is_json(request.headers()) {
        return Err(Refusal::MediaType);
    }
    let body = timeout(BODY_TIME, Bytes::from_request(request, &())).await.map_err(|_| Refusal::Slow)??;
    let alerts = match webhook.kind {
        WebhookKind::Alertmanager => alertmanager::read(&body)?,
    };
    let statuses: Vec<_> = alerts.iter().map(|alert| alert.status).collect();
    let alerted = Alerted { conversation: webhook.conversation.clone(), alerts };
    shared.parts.alerts.try_send(alerted).map_err(|error| match error {
        TrySendError::Full(_) => Refusal::Full,
        TrySendError::Closed(_) => Refusal::Closing,
    })?;
    statuses.iter().for_each(|status| shared.parts.metrics.received(name, *status));
    Ok(statuses.len())
}

/// Whether the caller knows the token. Digests are compared, in constant time: neither the text nor its length shows.
fn is_bearer(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    let Some((_, given)) = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else { return false };
    let digest = |text: &str| Digest::of([text.trim().as_bytes()]).to_string();
    digest(given).as_bytes().ct_eq(digest(token.expose()).as_bytes()).into()
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
