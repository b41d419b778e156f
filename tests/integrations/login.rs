//! Systems that hand out something for many requests: asked for once, again when it has expired, and never seen; and systems
//! that hand out nonsense.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use futures_util::future::join_all;
use serde_json::json;

use crate::common::{Log, Rig};
use crate::server::{Server, cutting};

/// How often somebody logged in, what is good now, and what was done with it.
#[derive(Clone, Default)]
struct House {
    logins: Arc<AtomicUsize>,
    good: Arc<Mutex<Vec<String>>>,
    /// With which token things were asked for, in order.
    asked: Arc<Mutex<Vec<String>>>,
    done: Arc<AtomicUsize>,
}

impl House {
    fn logins(&self) -> usize {
        self.logins.load(Ordering::SeqCst)
    }

    fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    fn expire(&self) {
        self.good.lock().unwrap().clear();
    }
}

async fn log_in(State(house): State<House>, body: String) -> Response {
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let Some(who) = ["right", "other"].into_iter().find(|who| body.contains(&format!("{who}-password"))) else {
        return Json(json!({"error": "wrong password"})).into_response();
    };
    let token = format!("session-value-{}-{who}", house.logins.fetch_add(1, Ordering::SeqCst));
    house.good.lock().unwrap().push(token.clone());
    let cookies = [(header::SET_COOKIE, "other=1; Path=/"), (header::SET_COOKIE, "seat=seat-value-9; HttpOnly")];
    let mut headers = HeaderMap::new();
    for (name, value) in cookies {
        headers.append(name, value.parse().unwrap());
    }
    headers.insert("x-subject", token.parse().unwrap());
    (headers, Json(json!({"note": "welcome"}))).into_response()
}

/// Does something for whoever comes with what is good; says who came with what.
async fn act(State(house): State<House>, request: Request) -> Response {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (token, cookie) = (header("x-session"), header("cookie"));
    house.asked.lock().unwrap().extend(token.clone());
    let is_good = token.as_ref().is_some_and(|token| house.good.lock().unwrap().contains(token));
    let path = request.uri().path();
    if path == "/never" || !is_good || cookie.as_deref() != Some("seat=seat-value-9") {
        let status = if path == "/strict" { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        return (status, Json(json!({"error": "expired"}))).into_response();
    }
    house.done.fetch_add(1, Ordering::SeqCst);
    Json(json!({"ok": true, "seen": token})).into_response()
}

async fn house() -> (House, String) {
    let house = House::default();
    let app = Router::new().route("/login", routing::post(log_in)).fallback(act).with_state(house.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (house, url)
}

/// A system to log in to, with a read and a change.
fn manifest(url: &str) -> String {
    format!(
        r#"
summary = "A system"
requires = {{ always = true }}
[connection]
url = "{url}"
password = "right-password"
headers = {{ x-session = "{{{{ login.session }}}}" }}
success = "body.ok"
failure = "says {{{{ body.error }}}}"
[connection.login]
http = {{ method = "POST", path = "/login", json = {{ password = "{{{{ connection.password }}}}" }} }}
success = "not body.error"
failure = "lets nobody in: {{{{ body.error }}}}"
keep = {{ session = "{{{{ headers['x-subject'] }}}}", seat = "{{{{ cookies.seat }}}}" }}
expired = "body.error == 'expired'"
[actions.read]
implements = "metric.query"
http = {{ path = "/{{{{ expression }}}}", headers = {{ cookie = "seat={{{{ login.seat }}}}" }} }}
reply = "{{{{ body.seen }}}}"
timeout = "2s"
[actions.change]
implements = "cache.flush"
http = {{ method = "POST", path = "/{{{{ service }}}}", headers = {{ cookie = "seat={{{{ login.seat }}}}" }}, form = {{ seat = "{{{{ login.seat }}}}" }} }}
reply = ""
timeout = "2s"
"#
    )
}

#[tokio::test]
async fn one_login_is_good_for_all_until_it_is_not() {
    let (house, url) = house().await;
    let rig = Rig::with(&manifest(&url));
    let plan = rig.plan("cache.flush service=a").await.unwrap();
    assert_eq!(plan.runs, format!("POST {url}/a seat=%3Cseat%3E"));
    assert_eq!(house.logins(), 0, "a plan needs none");
    let told = join_all((0..5).map(|_| rig.told("metric.query expression=a"))).await;
    assert_eq!(told, ["succeeded: answered by `x`"; 5]);
    assert_eq!((house.logins(), house.done()), (1, 5));

    for path in ["a", "strict"] {
        let (logins, done) = (house.logins(), house.done());
        house.expire();
        assert_eq!(rig.told(&format!("cache.flush service={path}")).await, "succeeded: done by `x`");
        assert_eq!((house.logins() - logins, house.done() - done), (1, 1), "once more, and done once");
    }
    house.expire();
    let logins = house.logins();
    let told = join_all((0..5).map(|_| rig.told("metric.query expression=a"))).await;
    assert_eq!(told, ["succeeded: answered by `x`"; 5]);
    assert_eq!(house.logins() - logins, 1, "whoever comes second takes what the first was given");

    // Whoever is never content is asked twice and no more.
    let logins = house.logins();
    assert_eq!(rig.told("cache.flush service=never").await, "failed: `x` says expired");
    assert_eq!(house.logins() - logins, 1);
}

#[tokio::test]
async fn what_is_handed_out_is_kept_like_a_secret() {
    let (_house, url) = house().await;
    let rig = Rig::with(&manifest(&url));
    let output = rig.run("metric.query expression=a").await.output.unwrap();
    assert_eq!(output, "[redacted]");
    rig.run("cache.flush service=a").await;
    let record = format!("{:?}{:?}", rig.log(), rig.ledger.events.lock().unwrap());
    assert!(!record.contains("session-value") && !record.contains("seat-value"), "{record}");
}

#[tokio::test]
async fn nobody_acts_in_the_session_of_others() {
    let (house, url) = house().await;
    let lookup = r#"
[actions.restart]
implements = "service.restart"
http = { method = "POST", path = "/{{ item.id }}" }
[actions.restart.lookup]
http = { path = "/{{ service }}", headers = { cookie = "seat={{ login.seat }}" } }
items = "[body]"
keep = { id = "a" }
"#;
    let config = r#"
[roles]
sre = ["console:alice"]
lead = ["console:bob"]
[integrations.x.as.sre]
[integrations.x.as.lead]
password = "other-password"
"#;
    let manifests = vec![("x", manifest(&url) + lookup)];
    let rig = crate::common::Parts { manifests, config, ..Default::default() }.rig();
    let restart = crate::common::command("service.restart service=a");
    for who in ["console:alice", "console:bob", "console:alice", "console:bob"] {
        rig.planner.plan(&restart, &who.parse().unwrap()).await.unwrap();
    }
    let asked: Vec<_> =
        house.asked.lock().unwrap().iter().map(|token| token.rsplit('-').next().unwrap().to_owned()).collect();
    assert_eq!((asked.join(" ").as_str(), house.logins()), ("right other right other", 2));
}

#[tokio::test]
async fn who_is_not_let_in_does_nothing() {
    let (house, url) = house().await;
    let rig = Rig::with(&manifest(&url).replace("password = \"right", "password = \"wrong"));
    assert_eq!(rig.told("cache.flush service=a").await, "failed: `x` lets nobody in: wrong password");
    let optional = manifest(&url).replace("[connection.login]", "[connection.login]\nwhen = \"false\"");
    assert_eq!(Rig::with(&optional).told("cache.flush service=a").await, "failed: `x` says expired");
    assert_eq!((house.logins(), house.done()), (0, 0));
}

#[tokio::test]
async fn nonsense_instead_of_a_session_is_told_and_nothing_is_sent() {
    let server = Server::start(Log::default()).await;
    let manifest = |url: &str, path: &str| {
        manifest(url)
            .replace("path = \"/login\"", &format!("path = \"{path}\""))
            .replace("success = \"not body.error\"\n", "")
            .replace("failure = \"lets nobody in: {{ body.error }}\"\n", "")
            .replace("timeout = \"2s\"", "timeout = \"1s\"")
            .replace("headers['x-subject']", "body.token")
    };
    let url = format!("http://{}", server.address);
    let failed = "cannot be reached: logging in failed:";
    let away = format!(
        "answered 307 Temporary Redirect and points to http://{}/echo, where nothing is sent",
        server.elsewhere_address()
    );
    for (path, said) in [
        ("/garbage", format!("{failed} the answer has no `session`")),
        ("/empty", format!("{failed} the answer has no `session`")),
        ("/html", format!("{failed} the answer has no `session`")),
        ("/wrong", format!("{failed} the answer has no `session`")),
        ("/big", format!("{failed} the answer has no `session`")),
        ("/endless", format!("{failed} the answer has no `session`")),
        ("/slow", format!("{failed} `x` gave no answer within 1 s")),
        ("/drip", format!("{failed} `x` gave no answer within 1 s")),
        ("/504", format!("{failed} `x` broke off: answered 504 Gateway Timeout: an HTML page")),
        ("/503", "answered 503 Service Unavailable: come back later".to_owned()),
        ("/500", "answered 500 Internal Server Error: password=[redacted] is wrong".to_owned()),
        ("/404", "answered 404 Not Found: no such thing".to_owned()),
        ("/away", away),
    ] {
        let told = Rig::with(&manifest(&url, path)).told("cache.flush service=ok").await;
        assert_eq!(told, format!("failed: `x` {said}"), "{path}");
    }
    for bytes in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"token\": ", b"garbage\r\n\r\n"] {
        let url = format!("http://{}", cutting(bytes).await);
        let told = Rig::with(&manifest(&url, "/login")).told("cache.flush service=ok").await;
        assert!(told.starts_with(&format!("failed: `x` {failed} `x` broke off: ")), "{told}");
    }
    assert_eq!((server.hits.count(), server.elsewhere.count()), (0, 0));
}

#[tokio::test]
async fn a_refusal_within_a_list_of_an_answer_that_says_yes_is_one() {
    let objects = json!({"results": [{"type": "Service", "name": "db1!disk", "attrs": {"state": 2,
        "last_hard_state_change": 0, "last_check_result": {"output": "full"}}}]});
    let refusal = json!({"results": [{"code": 500, "status": "Object is locked."}]});
    let none = json!({"results": []});
    let app = Router::new()
        .route("/v1/objects/services", routing::post(async || Json(objects)))
        .route("/v1/objects/hosts", routing::post(async || Json(none)))
        .fallback(async || Json(refusal));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let env =
        vec![("ICINGA_URL", url), ("ICINGA_USER", "root".to_owned()), ("ICINGA_PASSWORD", "pass-word".to_owned())];
    let rig = crate::common::Parts { shipped: &["icinga"], env, ..Default::default() }.rig();
    let told = rig.told("alert.acknowledge alert=disk").await;
    assert_eq!(told, "failed: `icinga` refuses it: Object is locked.");
}
