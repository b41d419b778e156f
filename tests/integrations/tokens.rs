//! Access tokens that an endpoint hands out: for a while, once more where one is not taken, and never seen.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sayso::catalogue::Manifest;
use sayso::integrations::Limits;

use crate::common::{Parts, Rig};

const CLIENT_SECRET: &str = "cl1ent s3cret&=";

/// How the endpoint behaves.
#[derive(Clone, Copy, PartialEq, Default)]
enum Mood {
    #[default]
    Issues,
    /// The same, for two seconds each.
    Briefly,
    Refuses,
    Garbles,
    Redirects,
    Sleeps,
}

#[derive(Default)]
struct Seen {
    mood: Mood,
    issued: usize,
    /// Tokens up to this one are taken no more.
    revoked: usize,
    forms: Vec<String>,
    shown: Vec<String>,
}

/// A system with a token endpoint.
#[derive(Clone, Default)]
struct Office(Arc<Mutex<Seen>>);

impl Office {
    async fn start() -> (Self, String) {
        let office = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().route("/oauth/token", axum::routing::post(issue)).fallback(enter).with_state(office.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (office, address)
    }

    fn is(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    fn revokes(&self) {
        let mut seen = self.0.lock().unwrap();
        seen.revoked = seen.issued;
    }

    /// How many tokens were handed out, and what the system was shown since it was asked last.
    fn seen(&self) -> (usize, Vec<String>) {
        let mut seen = self.0.lock().unwrap();
        (seen.issued, std::mem::take(&mut seen.shown))
    }
}

fn token(number: usize) -> String {
    format!("t0k3n-number-{number}")
}

async fn issue(State(office): State<Office>, request: Request) -> Response {
    let body = axum::body::to_bytes(request.into_body(), 10_000).await.unwrap();
    let mood = {
        let mut seen = office.0.lock().unwrap();
        seen.forms.push(String::from_utf8(body.to_vec()).unwrap());
        seen.mood
    };
    let expires = match mood {
        Mood::Issues => 1800,
        Mood::Briefly => 2,
        Mood::Refuses => {
            let said = format!(r#"{{"error": "invalid_client", "error_description": "`{CLIENT_SECRET}` is wrong"}}"#);
            return (StatusCode::UNAUTHORIZED, said).into_response();
        }
        Mood::Garbles => return format!("<html>{CLIENT_SECRET}</html>").into_response(),
        Mood::Redirects => return Redirect::temporary("http://127.0.0.1:9/token").into_response(),
        Mood::Sleeps => {
            tokio::time::sleep(Duration::from_secs(20)).await;
            0
        }
    };
    let mut seen = office.0.lock().unwrap();
    seen.issued += 1;
    let token = token(seen.issued);
    format!(r#"{{"access_token": "{token}", "token_type": "Bearer", "expires_in": {expires}}}"#).into_response()
}

async fn enter(State(office): State<Office>, request: Request) -> (StatusCode, String) {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("nothing");
    let mut seen = office.0.lock().unwrap();
    seen.shown.push(header.to_owned());
    let number = header.rsplit('-').next().and_then(|number| number.parse::<usize>().ok()).unwrap_or(0);
    if number > seen.revoked {
        (StatusCode::OK, "welcome".to_owned())
    } else {
        (StatusCode::UNAUTHORIZED, format!("`{header}` is not welcome"))
    }
}

fn manifest(url: &str, token: &str) -> String {
    format!(
        r#"
summary = "A system"
requires = {{ always = true }}
[connection]
url = "{url}"
headers = {{ authorization = "Bearer {{{{ connection.token }}}}" }}
[connection.token]
{token}
form = {{ grant_type = "client_credentials", client_id = {{ env = "X_CLIENT" }}, client_secret = {{ secret = "X_SECRET" }} }}
[actions.read]
implements = "metric.query"
http.path = "/{{{{ expression }}}}"
[actions.change]
implements = "cache.flush"
http = {{ method = "POST", path = "/{{{{ service }}}}" }}
"#
    )
}

fn parts<'a>(url: &str, token: &str) -> Parts<'a> {
    let env = vec![("X_CLIENT", "sayso".to_owned()), ("X_SECRET", CLIENT_SECRET.to_owned())];
    let limits = Limits { timeout: Duration::from_secs(2), ..Limits::default() };
    Parts { manifests: vec![("x", manifest(url, token))], env, limits, ..Parts::default() }
}

fn rig(url: &str) -> Rig {
    parts(url, r#"oauth = "/oauth/token""#).rig()
}

const READ: &str = "metric.query expression=up";

#[tokio::test]
async fn one_token_serves_many_and_is_seen_nowhere() {
    let (office, url) = Office::start().await;
    let rig = rig(&url);
    let plan = rig.plan("cache.flush service=web").await.unwrap();
    assert_eq!(office.seen().0, 0, "a plan needs no token");
    for _ in 0..3 {
        assert_eq!(rig.told(READ).await, "succeeded: answered by `x`");
    }
    assert_eq!(office.seen(), (1, vec![format!("Bearer {}", token(1)); 3]));
    let form = "client_id=sayso&client_secret=cl1ent+s3cret%26%3D&grant_type=client_credentials";
    assert_eq!(office.0.lock().unwrap().forms, [form]);
    // What was approved before there was a token is what runs with it.
    assert_eq!(rig.plan("cache.flush service=web").await.unwrap().digest, plan.digest);
    let written = format!("{rig_planner:?} {plan:?} {}", rig.log().join("\n"), rig_planner = rig.planner);
    for secret in [token(1).as_str(), CLIENT_SECRET, "cl1ent+s3cret"] {
        assert!(!written.contains(secret), "{secret} in {written}");
    }
    // From now on it is a secret like any other.
    assert!(rig.refusal("metric.query expression=t0k3n-number-1").await.starts_with("an argument looks like"));
}

#[tokio::test]
async fn it_is_replaced_before_it_ends() {
    let (office, url) = Office::start().await;
    office.is(Mood::Briefly);
    let rig = rig(&url);
    for round in 1..=2 {
        for _ in 0..2 {
            assert_eq!(rig.told(READ).await, "succeeded: answered by `x`");
        }
        assert_eq!(office.seen(), (round, vec![format!("Bearer {}", token(round)); 2]));
        // Half of its life.
        tokio::time::sleep(Duration::from_millis(1_050)).await;
    }
}

#[tokio::test]
async fn what_is_not_taken_is_replaced_once() {
    let (office, url) = Office::start().await;
    let rig = rig(&url);
    assert_eq!(rig.told(READ).await, "succeeded: answered by `x`");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    office.revokes();
    // A change as well: what was refused for its credentials was not done.
    assert_eq!(rig.told("cache.flush service=web").await, "succeeded: done by `x`");
    let shown = [1, 1, 2].map(|number| format!("Bearer {}", token(number)));
    assert_eq!(office.seen(), (2, shown.to_vec()));
    // One that is never taken is replaced once, and told without it.
    office.0.lock().unwrap().revoked = usize::MAX;
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(rig.told(READ).await, "failed: `x` answered 401 Unauthorized: `Bearer [redacted]` is not welcome");
    let shown = [2, 3].map(|number| format!("Bearer {}", token(number)));
    assert_eq!(office.seen(), (3, shown.to_vec()));
}

#[tokio::test]
async fn an_endpoint_without_a_token_stops_the_action() {
    let (office, url) = Office::start().await;
    for (mood, said) in [
        (Mood::Refuses, "the token endpoint answered 401 Unauthorized (invalid_client)"),
        (Mood::Garbles, "the token endpoint: expected JSON with an `access_token`, found something else"),
        (Mood::Redirects, "the token endpoint answered 307 Temporary Redirect"),
        (Mood::Sleeps, "`the token endpoint` gave no answer within 2 s"),
    ] {
        office.is(mood);
        let said = format!("failed: `x` cannot be reached: the secret `token` cannot be had: {said}");
        assert_eq!(rig(&url).told("cache.flush service=web").await, said);
    }
    assert_eq!(office.seen(), (0, Vec::new()), "nothing is asked without a token");
    let told = parts(&url, r#"oauth = "http://127.0.0.1:9/token""#).rig().told(READ).await;
    assert!(told.contains("the secret `token` cannot be had: `the token endpoint` cannot be reached: "), "{told}");
}

#[tokio::test]
async fn what_it_takes_may_be_lacking() {
    let (office, url) = Office::start().await;
    let without = |token: &str| Parts { env: vec![("X_CLIENT", "sayso".to_owned())], ..parts(&url, token) }.rig();
    let said = without(r#"oauth = "/oauth/token""#).refusal(READ).await;
    assert!(said.contains("`X_SECRET` is not set"), "{said}");
    // Optional, it is not there; and neither is the header that needs it.
    let told = without("oauth = \"/oauth/token\"\noptional = true").told(READ).await;
    assert_eq!(told, "failed: `x` answered 401 Unauthorized: `nothing` is not welcome");
    assert_eq!(office.seen(), (0, vec!["nothing".to_owned()]));
}

#[test]
fn what_is_sent_is_known_before_any_command() {
    let fault = |field: &str| {
        let text = manifest("http://127.0.0.1:9", r#"oauth = "/oauth/token""#)
            .replace(r#"grant_type = "client_credentials""#, &format!("grant_type = {field}"));
        let mut faults = Vec::new();
        Manifest::parse("integrations/x.toml", &text, &mut faults);
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(fault(r#""password""#), "");
    for (field, said) in [
        (r#"{ template = "{{ service }}" }"#, "expected one value that is known before any command is"),
        (r#"["a", "b"]"#, "expected one value"),
        (r#"{ oauth = "/another" }"#, "a token cannot be had for a token"),
    ] {
        let fault = fault(field);
        assert!(fault.contains("`connection.token.form.grant_type`: ") && fault.contains(said), "{fault}");
    }
}
