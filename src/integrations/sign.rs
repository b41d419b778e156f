//! Signatures: what is sent is vouched for by a secret that both sides know and nobody sends (HMAC with SHA-256, RFC 2104).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::error::ActionError;
use super::perform::Performer;
use super::request::{HttpRequest, RequestError};
use super::scope::Views;
use super::template::TemplateError;

impl Performer<'_> {
    /// Adds the signature of the connection, if it has one, to a request that is complete. Without its key there is none.
    pub(super) fn sign(&self, request: &mut HttpRequest, views: &Views<'_>) -> Result<(), ActionError> {
        let sign = self.integration.manifest.connection.as_ref().and_then(|connection| connection.sign.as_ref());
        let Some(sign) = sign else { return Ok(()) };
        let source =
            |source: RequestError| ActionError::Request { integration: self.integration.name().to_owned(), source };
        let failed = |error: TemplateError| source(error.into());
        let Some(key) = self.templates.text(&sign.key, &views.sent).map_err(failed)? else { return Ok(()) };
        let path = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        let body = request.body.as_ref().map(|(_, body)| body.as_str()).unwrap_or_default();
        let scope = views.sent.clone();
        let scope = scope.with("method", &request.method.as_str().into()).with("path", &path.into());
        let scope = scope.with("content", &body.into());
        let over = match &sign.over {
            Some(over) => self.templates.text(over, &scope).map_err(failed)?.unwrap_or_default(),
            None => body.to_owned(),
        };
        // Keys of any length are taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return Ok(()) };
        mac.update(over.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let value = self.templates.text(&sign.value, &scope.with("signature", &signature.into())).map_err(failed)?;
        let value = value.unwrap_or_default();
        if value.chars().any(char::is_control) {
            return Err(source(RequestError::BadHeader(sign.header.clone())));
        }
        request.headers.push((sign.header.clone(), value));
        Ok(())
    }
}
