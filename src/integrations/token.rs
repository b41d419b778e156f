//! Tokens that an OAuth 2 endpoint hands out for a while (RFC 6749, section 4.4, and whatever else fits a form): asked for
//! when one is needed, and only at the address that is configured.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use serde_json::Value as Json;

use super::answer::{Answer, Ending};
use super::http::Http;
use super::limits::Limits;
use super::redact::Redactor;
use super::request::{Endpoint, HttpRequest};
use super::secret::Wanted;
use super::settings::{Secrets, Surroundings, Values};
use super::stop::Stop;
use super::tls::{Pem, Tls};
use crate::catalogue::manifest::{Decode, Setting};
use crate::domain::Secret;

/// The largest answer that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// How long an endpoint may take.
const ASKING: Duration = Duration::from_secs(10);
/// How long a token is good for whose endpoint does not say.
const GOOD_FOR: Duration = Duration::from_mins(5);
/// The longest time that a token is kept, whatever its endpoint says.
const AT_MOST: Duration = Duration::from_hours(24);
/// So long before its end another one is asked for, as long as that leaves half of its life.
const BEFORE_ITS_END: Duration = Duration::from_secs(60);

/// Where the system is that a token is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Host<'a> {
    /// Its address.
    pub(super) endpoint: Option<&'a Endpoint>,
    /// Certificates to trust beside the machine's own.
    pub(super) ca: Option<&'a Pem>,
    /// How long anything that is asked of it may take at most.
    pub(super) limit: Duration,
}

/// An endpoint, and what is sent to it.
pub(super) struct TokenEndpoint {
    url: String,
    form: Values,
}

impl TokenEndpoint {
    /// Finds what it takes to ask; nothing is sent yet. The error says, for people, what is missing.
    pub(super) fn find(
        url: &Setting,
        form: &BTreeMap<String, Setting>,
        surroundings: &Surroundings,
        redactor: &Redactor,
    ) -> Result<Self, String> {
        let mut lacking = Vec::new();
        let url = BTreeMap::from([("url".to_owned(), url.clone())]);
        let url = Values::find(&url, surroundings, redactor, &mut lacking).text("url");
        let form = Values::find(form, surroundings, redactor, &mut lacking);
        match url {
            Some(url) if lacking.is_empty() => Ok(Self { url, form }),
            Some(_) | None => Err(lacking.join(", ")),
        }
    }

    /// Asks for a token; also how long it is good for. The error is for people, and holds nothing of what was sent or came
    /// back but the status and the endpoint's own word for it.
    pub(super) async fn ask(
        &self,
        wanted: Wanted,
        host: Host<'_>,
        redactor: &Redactor,
    ) -> Result<(Secret, Duration), String> {
        for (name, secret) in self.form.secrets() {
            // No token is asked for with a token: this goes no deeper.
            let refreshed = Box::pin(secret.refresh(wanted, host, redactor)).await;
            refreshed.map_err(|reason| format!("`{name}`: {reason}"))?;
        }
        let endpoint = self.endpoint(host)?;
        let tls = Tls { ca: host.ca.cloned(), own: None };
        let http = Http::new(&endpoint, &tls, false)?;
        let Endpoint { socket, base: url } = endpoint;
        let request = HttpRequest {
            method: "POST".to_owned(),
            socket,
            url,
            headers: vec![("accept".to_owned(), "application/json".to_owned())],
            body: Some(("application/x-www-form-urlencoded".to_owned(), self.form()?)),
        };
        let limits = Limits { output_bytes: MAX_BYTES, timeout: ASKING.min(host.limit) };
        let answer = http.send("the token endpoint", &request, Decode::Auto, limits, &Stop::never(), redactor).await;
        token(&answer.map_err(|error| error.to_string())?)
    }

    fn endpoint(&self, host: Host<'_>) -> Result<Endpoint, String> {
        match (self.url.starts_with('/'), host.endpoint) {
            (true, Some(Endpoint { socket, base })) => {
                let url = base.join(&self.url).ok().filter(|url| url.origin() == base.origin());
                let base = url.ok_or_else(|| format!("`{}` is no path", self.url))?;
                Ok(Endpoint { socket: socket.clone(), base })
            }
            (true, None) | (false, _) => Endpoint::parse(&self.url).map_err(|error| error.to_string()),
        }
    }

    fn form(&self) -> Result<String, String> {
        let mut form = Url::parse("form:").map_err(|error| error.to_string())?;
        let Json::Object(fields) = self.form.plain(Secrets::Revealed) else { return Ok(String::new()) };
        for (name, value) in fields {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            form.query_pairs_mut().append_pair(&name, &text);
        }
        Ok(form.query().unwrap_or_default().to_owned())
    }
}

/// The token of an answer, and how long it is good for (RFC 6749, section 5.1).
fn token(answer: &Answer) -> Result<(Secret, Duration), String> {
    if !answer.is_success() {
        let status = match &answer.ending {
            Ending::Status(status, _) => status.to_string(),
            Ending::Exit(_) | Ending::Done => "nothing".to_owned(),
        };
        // Its own word for it, if that is one of those that the protocol has (section 5.2).
        let word = answer.body["error"].as_str().unwrap_or_default();
        let is_word = !word.is_empty() && word.len() <= 40 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let word = if is_word { format!(" ({word})") } else { String::new() };
        return Err(format!("the token endpoint answered {status}{word}"));
    }
    let token = answer.body["access_token"].as_str().unwrap_or_default();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("the token endpoint: expected JSON with an `access_token`, found something else".to_owned());
    }
    let expires = &answer.body["expires_in"];
    let seconds = expires.as_u64().or_else(|| expires.as_str()?.parse().ok());
    let lasts = seconds.map_or(GOOD_FOR, |seconds| Duration::from_secs(seconds).min(AT_MOST));
    Ok((Secret::new(token.to_owned()), lasts.saturating_sub(BEFORE_ITS_END).max(lasts / 2)))
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn read(status: u16, body: &str) -> Result<(String, u64), String> {
        let ending = Ending::Status(StatusCode::from_u16(status).unwrap(), None);
        let answer = Answer::new(ending, body.as_bytes(), b"", false, Decode::Auto, &Redactor::default());
        token(&answer).map(|(secret, good_for)| (secret.expose().to_owned(), good_for.as_secs()))
    }

    #[test]
    fn a_token_is_good_for_a_while() {
        for (rest, seconds) in [
            ("", 300 - 60),
            (r#","expires_in":1800"#, 1740),
            (r#","expires_in":"1800""#, 1740),
            (r#","expires_in":100"#, 50),
            (r#","expires_in":0"#, 0),
            (r#","expires_in":99999999999"#, 24 * 60 * 60 - 60),
            (r#","expires_in":-1"#, 300 - 60),
        ] {
            let body = format!(r#"{{"access_token":"abc.def","token_type":"Bearer"{rest}}}"#);
            assert_eq!(read(200, &body), Ok(("abc.def".to_owned(), seconds)), "{rest}");
        }
    }

    #[test]
    fn what_is_no_token_is_told_without_it() {
        for (status, body, said) in [
            (200, "<html>s3cret</html>", "expected JSON with an `access_token`, found something else"),
            (200, r#"{"access_token":"a b"}"#, "expected JSON with an `access_token`, found something else"),
            (200, r#"{"access_token":"a\r\nx: y"}"#, "expected JSON with an `access_token`, found something else"),
            (200, "", "expected JSON with an `access_token`, found something else"),
            (401, r#"{"error":"invalid_client","error_description":"s3cret"}"#, "401 Unauthorized (invalid_client)"),
            (400, r#"{"error":"the s3cret is wrong"}"#, "400 Bad Request"),
            (302, "", "302 Found"),
        ] {
            let error = read(status, body).unwrap_err();
            assert!(error.ends_with(said), "{error}");
        }
    }
}
