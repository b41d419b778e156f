//! What a system answered, and how templates see it.

use reqwest::StatusCode;
use serde_json::Value as Json;

use super::redact::Redactor;
use crate::catalogue::manifest::Decode;

/// The longest remark of a system that is quoted, in characters.
const MAX_SAID: usize = 300;
/// The length of the head of a frame in Docker's streams: the stream, three zeros, the length in four bytes.
const FRAME_HEAD: usize = 8;

/// An answer, decoded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// How it ended.
    pub(super) ending: Ending,
    /// The JSON value, if it is one; else the text.
    pub(super) body: Json,
    /// The text: an HTTP body, or standard output.
    pub(super) text: String,
    /// Standard error.
    pub(super) stderr: String,
    /// Headers of an HTTP answer, by their names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// Whether more came than was kept.
    pub(super) truncated: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// With an HTTP status, and perhaps a place to go to.
    Status(StatusCode, Option<String>),
    /// With an exit code; none if a signal ended it.
    Exit(Option<i32>),
    /// Our own code came back.
    Done,
}

impl Answer {
    /// Decodes what came. Text that was cut off ends in no fragment of a known secret.
    pub(super) fn new(
        ending: Ending,
        bytes: &[u8],
        stderr: &[u8],
        truncated: bool,
        decode: Decode,
        redactor: &Redactor,
    ) -> Self {
        let text = match decode {
            Decode::DockerStream => String::from_utf8_lossy(&unframed(bytes)).into_owned(),
            Decode::Auto | Decode::Text | Decode::JsonLines => String::from_utf8_lossy(bytes).into_owned(),
        };
        let text = if truncated { redactor.without_fragment(&text).to_owned() } else { text };
        let json = match decode {
            Decode::Auto if !truncated => serde_json::from_str(&text).ok(),
            Decode::JsonLines => {
                Some(text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok()).collect())
            }
            Decode::Auto | Decode::Text | Decode::DockerStream => None,
        };
        let body = json.unwrap_or_else(|| text.clone().into());
        let stderr = String::from_utf8_lossy(stderr).into_owned();
        Self { ending, body, text, stderr, headers: Vec::new(), truncated }
    }

    /// What our own code returned.
    pub(super) fn of_builtin(body: Json) -> Self {
        let (text, stderr) = (String::new(), String::new());
        Self { ending: Ending::Done, body, text, stderr, headers: Vec::new(), truncated: false }
    }

    /// Whether it went well, when the manifest does not say how to tell.
    pub(super) fn is_success(&self) -> bool {
        match &self.ending {
            Ending::Status(status, _) => status.is_success(),
            Ending::Exit(code) => *code == Some(0),
            Ending::Done => true,
        }
    }

    /// Whether somebody on the way gave up, so that nobody knows what became of the request.
    pub(super) fn is_lost(&self) -> bool {
        matches!(&self.ending, Ending::Status(StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, _))
    }

    /// Whether the system does not know or not accept who asks: then it did nothing.
    pub(super) fn is_unauthorised(&self) -> bool {
        matches!(&self.ending, Ending::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _))
    }

    /// Whether the system asks to come again.
    pub(super) fn is_busy(&self) -> bool {
        matches!(&self.ending, Ending::Status(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _))
    }

    /// Whether it is text where JSON could have been.
    pub(super) fn is_text(&self) -> bool {
        self.body.is_string()
    }

    /// The names templates see.
    pub(super) fn names(&self) -> Vec<(&'static str, Json)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut names =
            vec![("body", self.body.clone()), ("lines", lines.into()), ("truncated", self.truncated.into())];
        match &self.ending {
            Ending::Status(status, _) => {
                names.push(("status", status.as_u16().into()));
                names.push((
                    "headers",
                    object(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
                ));
                let cookies = self.headers.iter().filter(|(name, _)| name == "set-cookie");
                names.push((
                    "cookies",
                    object(cookies.filter_map(|(_, cookie)| cookie.split(';').next()?.split_once('='))),
                ));
            }
            Ending::Exit(code) => {
                names.push(("exit_code", code.map_or(Json::Null, Into::into)));
                names.push(("stdout", self.text.clone().into()));
                names.push(("stderr", self.stderr.clone().into()));
            }
            Ending::Done => {}
        }
        names
    }

    /// What the system said when it refused, as the end of a sentence that begins with its name.
    pub(super) fn refusal(&self) -> String {
        match &self.ending {
            Ending::Status(status, Some(location)) if status.is_redirection() => {
                format!("answered {status} and points to {location}, where nothing is sent")
            }
            Ending::Status(status, _) => with_remark(format!("answered {status}"), &self.remark()),
            Ending::Exit(Some(code)) => with_remark(format!("ended with exit code {code}"), &self.remark()),
            Ending::Exit(None) => with_remark("was ended by a signal".to_owned(), &self.remark()),
            Ending::Done => "did not do it".to_owned(),
        }
    }

    /// The most telling part of the answer, in one line.
    fn remark(&self) -> String {
        let named = ["message", "error", "detail", "reason", "cause"];
        let text = match &self.body {
            Json::Object(members) => {
                let found = named.iter().filter_map(|name| members.get(*name)).find_map(Json::as_str);
                found.map_or_else(|| self.body.to_string(), ToOwned::to_owned)
            }
            Json::String(text) if looks_like_html(text) => return "an HTML page".to_owned(),
            Json::String(text) if self.stderr.trim().is_empty() => text.clone(),
            Json::String(_) => self.stderr.trim().lines().next_back().unwrap_or_default().to_owned(),
            other => other.to_string(),
        };
        let line = text.trim().lines().next().unwrap_or_default();
        let cut: String = line.chars().take(MAX_SAID).collect();
        if cut.len() < line.len() { format!("{cut}…") } else { cut }
    }
}

/// What is made of the bytes of an HTTP answer: what is told of it when it is a refusal, and its lines. For those who try
/// out hostile bytes.
pub fn read_answer(status: u16, bytes: &[u8], truncated: bool, decode: Decode) -> (String, Vec<String>) {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let answer = Answer::new(Ending::Status(status, None), bytes, b"", truncated, decode, &Redactor::default());
    (answer.refusal(), answer.text.lines().map(ToOwned::to_owned).collect())
}

/// Texts by their names, without the blanks around them; of several of one name the last.
fn object<'t>(members: impl Iterator<Item = (&'t str, &'t str)>) -> Json {
    Json::Object(members.map(|(name, value)| (name.trim().to_owned(), value.trim().into())).collect())
}

fn with_remark(said: String, remark: &str) -> String {
    if remark.is_empty() { said } else { format!("{said}: {remark}") }
}

/// Whether a text is a page for people where data was expected.
pub(super) fn looks_like_html(text: &str) -> bool {
    let start = text.trim_start();
    start.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("<html"))
        || start.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"))
}

/// Standard output and standard error in the order in which Docker mixed them. A container with a terminal sends no
/// frames: what does not look like one is taken as it is.
fn unframed(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (stream @ 0..=2, [0, 0, 0]) = (rest[0], rest.get(1..4).unwrap_or_default()) else { break };
        let Some(Ok(length)) = rest.get(4..FRAME_HEAD).map(<[u8; 4]>::try_from) else { break };
        let _ = stream;
        let end = FRAME_HEAD.saturating_add(u32::from_be_bytes(length) as usize).min(rest.len());
        text.extend_from_slice(&rest[FRAME_HEAD..end]);
        rest = &rest[end..];
    }
    // The head of a frame may be cut off; anything else is text without frames.
    if text.is_empty() && !bytes.is_empty() && rest.len() == bytes.len() { bytes.to_vec() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, body: &str) -> Answer {
        let ending = Ending::Status(StatusCode::from_u16(status).unwrap(), None);
        Answer::new(ending, body.as_bytes(), b"", false, Decode::Auto, &Redactor::default())
    }

    #[test]
    fn a_refusal_says_the_telling_part() {
        for (status, body, said) in [
            (404, r#"{"message": "no such container"}"#, "answered 404 Not Found: no such container"),
            (500, "", "answered 500 Internal Server Error"),
            (502, "<!DOCTYPE html><p>x", "answered 502 Bad Gateway: an HTML page"),
            (400, r#"{"status":"error","error":"bad query"}"#, "answered 400 Bad Request: bad query"),
            (400, "line one\nline two", "answered 400 Bad Request: line one"),
        ] {
            assert_eq!(http(status, body).refusal(), said);
        }
        let ended = Answer::new(Ending::Exit(Some(3)), b"out", b"a\nlast\n", false, Decode::Auto, &Redactor::default());
        assert_eq!(ended.refusal(), "ended with exit code 3: last");
    }

    #[test]
    fn docker_frames_are_taken_apart() {
        let mut bytes = Vec::new();
        for (stream, text) in [(1, "out\n"), (2, "err\n"), (1, "")] {
            bytes.extend([stream, 0, 0, 0]);
            bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        assert_eq!(unframed(&bytes), b"out\nerr\n");
        assert_eq!(unframed(&bytes[..15]), b"out\n", "a head that is cut off");
        assert_eq!(unframed(&bytes[..10]), b"ou", "a frame that is cut off");
        assert_eq!(unframed(b"plain text of a terminal"), b"plain text of a terminal");
        assert_eq!(unframed(b""), b"");
        assert_eq!(unframed(&[1, 0, 0, 0, 255, 255, 255, 255, b'x']), b"x");
    }
}
