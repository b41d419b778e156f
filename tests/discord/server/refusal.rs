//! How Discord says no. Codes: docs.discord.com/developers/topics/opcodes-and-status-codes, "JSON Error Codes".

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

/// A refused request.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) body: Json,
}

/// What is wrong at one place of a body.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// Keys and indices, from the outside in.
    pub(super) place: Vec<String>,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Fault {
    /// `place` is written with dots: `embeds.0.title`.
    pub(super) fn new(place: &str, code: &'static str, message: impl Into<String>) -> Self {
        let place = place.split(['.', '/']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Self { place, code, message: message.into() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} ({})", self.place.join("."), self.message, self.code)
    }
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: u64, message: &str) -> Self {
        Self { status, body: json!({"message": message, "code": code}) }
    }

    /// An id that stands for nothing.
    pub(super) fn unknown(what: &str) -> Self {
        let code = match what {
            "Channel" => 10003,
            "Guild" => 10004,
            "Member" => 10007,
            "Message" => 10008,
            "User" => 10013,
            "Webhook" => 10015,
            "interaction" => 10062,
            "application command" => 10063,
            _ => 0,
        };
        Self::new(StatusCode::NOT_FOUND, code, &format!("Unknown {what}"))
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 0, "401: Unauthorized")
    }

    pub(super) fn missing_access() -> Self {
        Self::new(StatusCode::FORBIDDEN, 50001, "Missing Access")
    }

    pub(super) fn invalid_form(faults: &[Fault]) -> Self {
        let mut errors = json!({});
        for fault in faults {
            let place = fault.place.iter().fold(&mut errors, |at, key| &mut at[key.as_str()]);
            if !place["_errors"].is_array() {
                place["_errors"] = json!([]);
            }
            let list = place["_errors"].as_array_mut().expect("made above");
            list.push(json!({"code": fault.code, "message": fault.message}));
        }
        let body = json!({"message": "Invalid Form Body", "code": 50035, "errors": errors});
        Self { status: StatusCode::BAD_REQUEST, body }
    }

    pub(super) fn invalid(place: &str, code: &'static str, message: &str) -> Self {
        Self::invalid_form(&[Fault::new(place, code, message)])
    }
}
