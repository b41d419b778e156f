//! Requests to Discord that are made until they are answered: what is over soon is waited out.

use std::time::Duration;

use rand::RngExt as _;
use serenity::Error;
use serenity::http::HttpError;

/// How long one request may take. Discord's own limits are waited for within it, and longer waits go on in the next try.
const REQUEST: Duration = Duration::from_secs(30);
/// The first wait after a failure; each further one is twice as long, up to the longest.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// What Discord will not do, however often it is asked.
#[derive(Debug, thiserror::Error)]
#[error("Discord refused: {reason}{}", remedy(*code))]
pub(super) struct Refused {
    /// The status of HTTP; none if the answer could not be read.
    pub(super) status: Option<u16>,
    /// Discord's own number of the error.
    pub(super) code: isize,
    reason: String,
}

fn remedy(code: isize) -> &'static str {
    match code {
        50_001 => "; let the bot see the channel",
        50_013 => "; give the bot the permissions that `sayso discord invite` asks for",
        _ => "",
    }
}

/// Waits between tries: longer each time, and never the same for two who began together.
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// Waits.
    pub(super) async fn wait(&mut self) {
        let jitter = rand::rng().random_range(0.5..1.0);
        tokio::time::sleep(self.0.mul_f64(jitter)).await;
        self.0 = (self.0 * 2).min(LONGEST);
    }
}

/// Makes a request until it is answered, or refused for good.
pub(super) async fn persist<T, F>(what: &'static str, request: impl Fn() -> F) -> Result<T, Refused>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut backoff = Backoff::default();
    loop {
        match tokio::time::timeout(REQUEST, request()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => match refusal(&error) {
                Some(refused) => return Err(refused),
                None => tracing::warn!(
                    what,
                    error = &error as &dyn std::error::Error,
                    "Discord cannot be reached, trying again"
                ),
            },
            Err(_) => tracing::warn!(what, "Discord does not answer, trying again"),
        }
        backoff.wait().await;
    }
}

/// What an error means for good; none if another try may go better.
fn refusal(error: &Error) -> Option<Refused> {
    match error {
        Error::Http(HttpError::UnsuccessfulRequest(response)) => {
            let status = response.status_code.as_u16();
            let reason = match response.error.message.as_str() {
                "" => format!("HTTP {status}"),
                message => message.to_owned(),
            };
            let refused = Refused { status: Some(status), code: response.error.code, reason };
            (400..500).contains(&status).then_some(refused).filter(|refused| refused.status != Some(429))
        }
        Error::Http(_) | Error::Io(_) | Error::Tungstenite(_) | Error::Gateway(_) => None,
        other => Some(Refused { status: None, code: 0, reason: other.to_string() }),
    }
}
