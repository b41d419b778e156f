//! Requests over TCP, TLS or a Unix socket. Bounded in time and size, and honest about what was sent.

use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method, Response};

use super::answer::{Answer, Ending};
use super::error::ActionError;
use super::limits::Limits;
use super::redact::Redactor;
use super::request::{Endpoint, HttpRequest};
use super::stop::Stop;
use super::tls::Tls;
use crate::catalogue::manifest::Decode;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How many redirects to the same place are followed, where the manifest allows any.
const MAX_REDIRECTS: usize = 3;

/// A client for one system.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: Client,
}

impl Http {
    /// A client for an endpoint. Fails, for people, when certificates cannot be read.
    pub(super) fn new(endpoint: &Endpoint, tls: &Tls, redirects: bool) -> Result<Self, String> {
        // The first call in the process decides; every caller wants the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("sayso/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // A connection that was kept may close while a change is on its way: then nobody knows whether it arrived.
            .pool_max_idle_per_host(0)
            .redirect(if redirects { Policy::custom(within_the_same_place) } else { Policy::none() });
        builder = match endpoint.base.scheme() {
            // Without TLS there is nothing to trust, and no need to read a hundred certificates.
            "http" if tls.ca.is_none() => builder.tls_certs_only([]),
            _ => tls.apply(builder)?,
        };
        if endpoint.is_local() {
            builder = builder.no_proxy();
        }
        #[cfg(unix)]
        if let Some(socket) = &endpoint.socket {
            builder = builder.unix_socket(socket.as_str());
        }
        #[cfg(not(unix))]
        if endpoint.socket.is_some() {
            return Err("this system has no Unix sockets".to_owned());
        }
        builder.build().map(|client| Self { client }).map_err(|error| innermost(&error))
    }

    /// Sends a request and reads the answer.
    pub(super) async fn send(
        &self,
        integration: &str,
        request: &HttpRequest,
        decode: Decode,
        left: Limits,
        stop: &Stop,
        redactor: &Redactor,
    ) -> Result<Answer, ActionError> {
        let name = || integration.to_owned();
        tokio::select! {
            () = stop.stopped() => Err(ActionError::Interrupted { integration: name() }),
            answer = tokio::time::timeout(left.timeout, self.exchange(integration, request, decode, left, redactor)) => {
                answer.unwrap_or_else(|_| Err(ActionError::TimedOut { integration: name(), limit: left.timeout }))
            }
        }
    }

    async fn exchange(
        &self,
        integration: &str,
        request: &HttpRequest,
        decode: Decode,
        left: Limits,
        redactor: &Redactor,
    ) -> Result<Answer, ActionError> {
        let failed = |error: reqwest::Error| {
            let reason = redactor.clean(&innermost(&error));
            let integration = integration.to_owned();
            if error.is_connect() || error.is_builder() {
                ActionError::NotSent { integration, reason }
            } else {
                ActionError::Cut { integration, reason }
            }
        };
        // Methods come from a list of the manifest's reader.
        let method = Method::from_bytes(request.method.as_bytes()).unwrap_or(Method::GET);
        let mut builder = self.client.request(method, request.url.clone());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some((content_type, body)) = &request.body {
            builder = builder.header("content-type", content_type).body(body.clone());
        }
        let response = builder.send().await.map_err(failed)?;
        let status = response.status();
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        let ending = Ending::Status(status, location.map(|location| redactor.clean(location)));
        let headers = response.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        let headers = headers.collect();
        let (bytes, truncated) = body(response, left.output_bytes).await.map_err(failed)?;
        Ok(Answer { headers, ..Answer::new(ending, &bytes, b"", truncated, decode, redactor) })
    }
}

/// The body, up to the limit, and whether there was more; the connection is closed when more comes.
async fn body(mut response: Response, limit: usize) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((bytes, true));
        }
    }
    Ok((bytes, false))
}

/// Credentials go nowhere else: same scheme, same host, same port.
fn within_the_same_place(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let origin = attempt.previous().first().map(reqwest::Url::origin);
    if attempt.previous().len() <= MAX_REDIRECTS && origin == Some(attempt.url().origin()) {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// The cause of the causes: the outer ones only say that something failed.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
