//! A note to another machine: one POST of JSON, bounded in time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::error::ActionError;
use super::http::Http;
use super::limits::Limits;
use super::redact::Redactor;
use super::request::{Endpoint, HttpRequest, RequestError};
use super::stop::Stop;
use super::tls::Tls;
use crate::catalogue::manifest::Decode;
use crate::domain::Secret;

/// How much of an answer is read: only its status counts.
const ANSWER_BYTES: usize = 4 * 1024;

/// An address that notes are sent to, with the token that its owner knows us by.
#[derive(Debug)]
pub struct Post {
    endpoint: Endpoint,
    http: Http,
    token: Option<Secret>,
    redactor: Arc<Redactor>,
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// It is none.
    #[error(transparent)]
    Address(#[from] RequestError),
    /// No client can be made for it.
    #[error("{0}")]
    Client(String),
}

impl Post {
    /// Reads the address; nothing is sent yet. The redactor knows the token from now on.
    pub fn new(url: &str, token: Option<Secret>, redactor: Arc<Redactor>) -> Result<Self, PostError> {
        let endpoint = Endpoint::parse(url)?;
        let http = Http::new(&endpoint, &Tls::default(), false).map_err(PostError::Client)?;
        token.iter().for_each(|token| redactor.learn(token));
        Ok(Self { endpoint, http, token, redactor })
    }

    /// Sends a note. Anything but a success is an error.
    pub async fn send(&self, note: &Json, timeout: Duration) -> Result<(), ActionError> {
        let Endpoint { socket, base } = &self.endpoint;
        let name = base.host_str().unwrap_or_default();
        let token = self.token.as_ref().map(|token| ("authorization".to_owned(), format!("Bearer {}", token.expose())));
        let request = HttpRequest {
            method: "POST".to_owned(),
            socket: socket.clone(),
            url: base.clone(),
            headers: token.into_iter().collect(),
            body: Some(("application/json".to_owned(), note.to_string())),
        };
        let limits = Limits { output_bytes: ANSWER_BYTES, timeout };
        let answer = self.http.send(name, &request, Decode::Text, limits, &Stop::never(), &self.redactor).await?;
        if answer.is_success() {
            return Ok(());
        }
        Err(ActionError::Refused { integration: name.to_owned(), said: self.redactor.clean(&answer.refusal()) })
    }
}
