//! A request with its leaves filled in: what is shown, what the digest covers, and what is sent.
//!
//! The structure is the manifest's: an argument can be an argv element, a path segment, a query value, a header, a JSON
//! leaf. It can add none, remove none (but its own), and become no option.

use std::fmt;

use reqwest::Url;
use serde::Serialize;
use serde_json::Value as Json;

use super::template::{Scope, TemplateError, Templates};
use crate::catalogue::manifest::{Argument, Body, Call, HttpCall, ProcessCall, Template};

/// The longest request body that is shown whole, in characters.
const MAX_SHOWN_BODY: usize = 2_000;

/// Why a request could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A template failed.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A value that the program would read as an option.
    #[error("`{0}` begins with `-` and would be read as an option")]
    LooksLikeOption(String),
    /// A path without one of its segments.
    #[error("`{0}` has no value, and the path needs one")]
    NoSegment(String),
    /// A segment that means another folder.
    #[error("`{0}` cannot be part of a path")]
    BadSegment(String),
    /// A folder to work in that is relative, or leads upwards.
    #[error("`{0}` is no folder to work in: expected an absolute path without `..`")]
    BadFolder(String),
    /// A header with a line end or other control characters.
    #[error("the header `{0}` cannot hold this value")]
    BadHeader(String),
    /// An address that is none.
    #[error("`{url}` is no address: {reason}; expected `http://`, `https://` or `unix://`")]
    BadUrl {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
}

/// Where HTTP requests go.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The Unix socket, if it is one.
    pub socket: Option<String>,
    /// The address, with the path that all requests share.
    pub base: Url,
}

impl Endpoint {
    /// Whether it is on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.socket.is_some() || matches!(self.base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
    }

    /// Reads `http://…`, `https://…`, `unix:///path/to/socket`.
    pub(super) fn parse(url: &str) -> Result<Self, RequestError> {
        let bad = |reason: &str| RequestError::BadUrl { url: url.to_owned(), reason: reason.to_owned() };
        if let Some(path) = url.strip_prefix("unix://") {
            if !path.starts_with('/') {
                return Err(bad("the socket's path is not absolute"));
            }
            let base = Url::parse("http://localhost").map_err(|error| bad(&error.to_string()))?;
            return Ok(Self { socket: Some(path.to_owned()), base });
        }
        let base = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
        if !["http", "https"].contains(&base.scheme()) || !base.has_host() {
            return Err(bad("the scheme is another one"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(bad("it has a query or a fragment"));
        }
        Ok(Self { socket: None, base })
    }
}

/// What will be sent or run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Request {
    /// Over HTTP.
    Http(HttpRequest),
    /// A program.
    Process(ProcessRequest),
    /// Something of our own.
    Builtin(BuiltinRequest),
}

/// An HTTP request.
#[derive(Clone, PartialEq, Serialize)]
pub(super) struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// The Unix socket, if it is one.
    pub socket: Option<String>,
    /// The whole address.
    #[serde(serialize_with = "as_text")]
    pub url: Url,
    /// Headers, in the manifest's order.
    pub headers: Vec<(String, String)>,
    /// What is sent, and its content type.
    pub body: Option<(String, String)>,
}

fn as_text<S: serde::Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str())
}

/// A program with its arguments.
#[derive(Clone, PartialEq, Serialize)]
pub(super) struct ProcessRequest {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Environment variables beside the few that every process gets.
    pub env: Vec<(String, String)>,
    /// The folder it works in; the root where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// A call of our own code.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct BuiltinRequest {
    /// `host.disk`.
    pub name: String,
    /// The command in its typed form.
    pub command: String,
    /// What it will act upon, found before; null if that is in the command.
    pub identity: Json,
}

/// Without the credentials that the address may hold.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base.host_str().unwrap_or_default();
        f.debug_struct("Endpoint").field("socket", &self.socket).field("host", &base).finish_non_exhaustive()
    }
}

/// Without what may hold credentials: the address, headers, the body.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Without what may hold credentials: the arguments and variables.
impl fmt::Debug for ProcessRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessRequest").field("program", &self.argv.first()).finish_non_exhaustive()
    }
}

/// Fills in requests of one integration.
pub(super) struct Filler<'a> {
    /// Evaluates templates.
    pub(super) templates: &'a Templates,
    /// What they see.
    pub(super) scope: &'a Scope,
    /// Where HTTP requests go.
    pub(super) endpoint: Option<&'a Endpoint>,
    /// Headers of every HTTP request.
    pub(super) headers: &'a [(String, Template)],
    /// Variables of every program.
    pub(super) env: &'a [(String, Template)],
}

impl Filler<'_> {
    /// Fills in a call; none for our own code, which takes the command as it is.
    pub(super) fn fill(&self, call: &Call) -> Result<Option<Request>, RequestError> {
        Ok(match call {
            Call::Http(http) => Some(Request::Http(self.http(http)?)),
            Call::Process(process) => Some(Request::Process(self.process(process)?)),
            Call::Builtin(_) => None,
        })
    }

    fn text(&self, template: &Template) -> Result<Option<String>, RequestError> {
        Ok(self.templates.text(template, self.scope)?)
    }

    /// A leaf that may be several texts: one for each element of a list, none if it is undefined.
    fn texts(&self, template: &Template) -> Result<Vec<String>, RequestError> {
        let Some(Json::Array(elements)) = self.templates.value(template, self.scope)? else {
            return Ok(self.text(template)?.into_iter().collect());
        };
        let text = |element: Json| match element {
            Json::String(text) => Ok(text),
            Json::Number(number) => Ok(number.to_string()),
            Json::Bool(_) | Json::Null | Json::Array(_) | Json::Object(_) => {
                Err(TemplateError::NotOneValue { template: template.source().to_owned(), found: "a list of them" }
                    .into())
            }
        };
        elements.into_iter().map(text).collect()
    }

    fn http(&self, call: &HttpCall) -> Result<HttpRequest, RequestError> {
        let endpoint = self
            .endpoint
            .ok_or_else(|| RequestError::BadUrl { url: String::new(), reason: "there is no connection".to_owned() })?;
        let mut url = endpoint.base.clone();
        let segments = call.path.iter().map(|segment| self.segment(segment)).collect::<Result<Vec<_>, _>>()?;
        if let Ok(mut path) = url.path_segments_mut() {
            // `/` alone is one empty segment, and so is the end of `http://host/`.
            path.pop_if_empty().extend(&segments);
        }
        let mut pairs = Vec::new();
        for (name, values) in &call.query {
            for value in values {
                pairs.extend(self.texts(value)?.into_iter().map(|value| (name, value)));
            }
        }
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        let mut headers = Vec::new();
        for (name, value) in self.headers.iter().chain(&call.headers) {
            let Some(value) = self.text(value)? else { continue };
            if value.chars().any(char::is_control) {
                return Err(RequestError::BadHeader(name.clone()));
            }
            headers.push((name.to_ascii_lowercase(), value));
        }
        let body = match &call.body {
            Body::Empty => None,
            Body::Json(tree) => {
                let value = self.templates.tree(tree, self.scope)?.unwrap_or(Json::Null);
                Some(("application/json".to_owned(), value.to_string()))
            }
            Body::Form(fields) => {
                let mut form = Url::parse("form:")
                    .map_err(|error| RequestError::BadUrl { url: "form:".to_owned(), reason: error.to_string() })?;
                for (name, value) in fields {
                    if let Some(value) = self.text(value)? {
                        form.query_pairs_mut().append_pair(name, &value);
                    }
                }
                Some(("application/x-www-form-urlencoded".to_owned(), form.query().unwrap_or_default().to_owned()))
            }
        };
        // A type that the manifest names stands in the place of the usual one.
        let named = headers.iter().position(|(name, _)| name == "content-type").filter(|_| body.is_some());
        let named = named.map(|position| headers.remove(position).1);
        let body = body.map(|(usual, body)| (named.unwrap_or(usual), body));
        Ok(HttpRequest { method: call.method.clone(), socket: endpoint.socket.clone(), url, headers, body })
    }

    /// One segment of the path. It is encoded when it is added; what remains is what encoding cannot protect.
    fn segment(&self, template: &Template) -> Result<String, RequestError> {
        if let Some(literal) = template.literal() {
            return Ok(literal.to_owned());
        }
        let text = self.text(template)?.ok_or_else(|| RequestError::NoSegment(template.source().to_owned()))?;
        // URLs read `%2e` as a dot, so that encoding would not help.
        let dots = text.to_ascii_lowercase().replace("%2e", ".");
        if text.is_empty() || dots == "." || dots == ".." || text.chars().any(char::is_control) {
            return Err(RequestError::BadSegment(text));
        }
        Ok(text)
    }

    fn process(&self, call: &ProcessCall) -> Result<ProcessRequest, RequestError> {
        let mut argv = Vec::new();
        let mut options_ended = false;
        for argument in &call.argv {
            let elements = match argument {
                Argument::Element(element) => std::slice::from_ref(element),
                Argument::Group(condition, _) if !self.templates.truth(condition, self.scope)? => continue,
                Argument::Group(_, elements) => elements,
            };
            for element in elements {
                let Some(text) = self.text(element)? else { continue };
                if element.begins_computed() && !options_ended && text.starts_with('-') {
                    return Err(RequestError::LooksLikeOption(text));
                }
                options_ended |= element.literal() == Some("--");
                argv.push(text);
            }
        }
        let mut env = Vec::new();
        for (name, value) in self.env.iter().chain(&call.env) {
            env.extend(self.text(value)?.map(|value| (name.clone(), value)));
        }
        let cwd = match &call.cwd {
            Some(cwd) => {
                let folder = self.text(cwd)?.ok_or_else(|| RequestError::NoSegment(cwd.source().to_owned()))?;
                if !folder.starts_with('/') || folder.split('/').any(|part| part == "..") || folder.contains('\0') {
                    return Err(RequestError::BadFolder(folder));
                }
                Some(folder)
            }
            None => None,
        };
        Ok(ProcessRequest { argv, env, cwd })
    }
}

/// The exact call, for people. Headers are the connection's affair; everything that decides what happens is there.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(request) => {
                write!(f, "{} ", request.method)?;
                match &request.socket {
                    Some(socket) => {
                        write!(f, "unix://{socket} {}", request.url.path())?;
                        if let Some(query) = request.url.query() {
                            write!(f, "?{query}")?;
                        }
                    }
                    None => write!(f, "{}", request.url)?,
                }
                if let Some((_, body)) = &request.body {
                    let shown: String = body.chars().take(MAX_SHOWN_BODY).collect();
                    write!(f, " {shown}")?;
                    if shown.len() < body.len() {
                        write!(f, "… ({} bytes)", body.len())?;
                    }
                }
                Ok(())
            }
            Self::Process(request) => {
                let words: Vec<_> = request.argv.iter().map(|word| shell_quoted(word)).collect();
                f.write_str(&words.join(" "))?;
                request.cwd.iter().try_for_each(|cwd| write!(f, " (in {})", shell_quoted(cwd)))
            }
            Self::Builtin(request) => f.write_str(&request.command),
        }
    }
}

/// A word as a shell would have to be given it, so that the line can be read, and tried by hand.
fn shell_quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "@%+=:,./_-<>".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests;
