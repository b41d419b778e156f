//! Over HTTP: what is told of each kind of answer, for reads and for changes.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::mpsc;

use crate::common::{Log, Parts, Rig};
use crate::server::{Server, cutting, nobody, routes};
use sayso::domain::OutcomeStatus;

/// A read and a change of the same path, each at most a second long.
fn manifest(url: &str) -> String {
    format!(
        r#"
summary = "A system"
requires = {{ always = true }}
[connection]
url = "{url}"
[actions.read]
implements = "metric.query"
http.path = "/{{{{ expression }}}}"
success = "body.ok"
reply = "{{{{ body.ok }}}}"
timeout = "1s"
[actions.change]
implements = "cache.flush"
http = {{ method = "POST", path = "/{{{{ service }}}}" }}
success = "body.ok"
reply = "{{{{ body.ok }}}}"
timeout = "1s"
"#
    )
}

async fn server() -> (Server, Rig) {
    let log = Log::default();
    let server = Server::start(log).await;
    let rig = Rig::with(&manifest(&format!("http://{}", server.address)));
    (server, rig)
}

#[tokio::test]
async fn every_answer_has_its_outcome() {
    let (_server, rig) = server().await;
    let unknown = "; whether it took effect is unknown";
    for (path, said, of_a_change) in [
        ("ok", "succeeded: ", "succeeded: "),
        ("garbage", "failed: `x` answered in an unexpected form: expected JSON, found other text", "unknown"),
        ("empty", "failed: `x` answered in an unexpected form: expected JSON, found nothing", "unknown"),
        ("html", "failed: `x` answered in an unexpected form: expected JSON, found an HTML page", "unknown"),
        ("type", "failed: `x` answered in an unexpected form: expected JSON, found other text", "unknown"),
        ("big", "failed: `x` answered in an unexpected form: expected JSON, found more than is kept", "unknown"),
        ("endless", "failed: `x` answered in an unexpected form: expected JSON, found more than is kept", "unknown"),
        ("wrong", "failed: `x` answered 200 OK: [1,\"two\",null]", "failed"),
        ("refused", "failed: `x` answered 200 OK: quota is used up", "failed"),
        ("500", "failed: `x` answered 500 Internal Server Error: password=[redacted] is wrong", "failed"),
        ("404", "failed: `x` answered 404 Not Found: no such thing", "failed"),
        ("503", "failed: `x` answered 503 Service Unavailable: come back later", "failed"),
        ("504", "failed: `x` broke off: answered 504 Gateway Timeout: an HTML page", "unknown"),
        ("slow", "failed: `x` gave no answer within 1 s", "unknown"),
        ("drip", "failed: `x` gave no answer within 1 s", "unknown"),
    ] {
        let done = if path == "ok" { "answered by `x`" } else { "" };
        assert_eq!(rig.told(&format!("metric.query expression={path}")).await, format!("{said}{done}"));
        let expected = match of_a_change {
            "unknown" => format!("{}{unknown}", said.replacen("failed", "unknown", 1)),
            "failed" => said.to_owned(),
            _ => format!("{said}done by `x`"),
        };
        assert_eq!(rig.told(&format!("cache.flush service={path}")).await, expected);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_in_doubt_only_after_something_was_sent() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ok\": true";
    for (url, of_a_read, of_a_change) in [
        (cutting(b"").await, "failed: `x` broke off: ", "unknown: `x` broke off: "),
        (cutting(cut.as_bytes()).await, "failed: `x` broke off: ", "unknown: `x` broke off: "),
        (cutting(b"garbage\r\n\r\n").await, "failed: `x` broke off: ", "unknown: `x` broke off: "),
        (
            nobody().await,
            "failed: `x` cannot be reached: Connection refused",
            "failed: `x` cannot be reached: Connection refused",
        ),
    ] {
        let rig = Rig::with(&manifest(&format!("http://{url}")));
        let told = rig.told("metric.query expression=ok").await;
        assert!(told.starts_with(of_a_read), "{told}");
        let told = rig.told("cache.flush service=ok").await;
        assert!(told.starts_with(of_a_change), "{told}");
    }
    let rig = Rig::with(&manifest("http://does-not-exist.invalid"));
    let told = rig.told("cache.flush service=ok").await;
    assert!(told.starts_with("failed: `x` cannot be reached: "), "{told}");
}

#[tokio::test]
async fn credentials_go_nowhere_else() {
    let log = Log::default();
    let server = Server::start(log).await;
    let text = |redirects: bool| {
        let url = format!("http://{}", server.address);
        let connection = format!(
            "[connection]\ntoken = {{ secret = \"X_TOKEN\" }}\nheaders.authorization = \"Bearer {{{{ connection.token }}}}\"\nredirects = {redirects}"
        );
        manifest(&url)
            .replace("[connection]", &connection)
            .replace("body.ok }}\"", "body.authorization }}\"")
            .replace("success = \"body.ok\"", "")
    };
    let rig = |redirects| {
        let manifests = vec![("x", text(redirects))];
        Parts { manifests, env: vec![("X_TOKEN", "s3cret-token-value".to_owned())], ..Parts::default() }.rig()
    };
    let points = format!("points to http://{}", server.elsewhere_address());
    for redirects in [false, true] {
        let told = rig(redirects).told("metric.query expression=away").await;
        assert!(told.starts_with("failed: `x` answered 307 Temporary Redirect") && told.contains(&points), "{told}");
    }
    assert_eq!(server.elsewhere.count(), 0);
    let told = rig(false).told("metric.query expression=near").await;
    assert!(told.ends_with("points to /echo, where nothing is sent"), "{told}");
    let near = rig(true).run("metric.query expression=near").await;
    // The system saw the token; what it echoes is not shown.
    assert_eq!(near.output.as_deref(), Some("Bearer [redacted]"));
    // Not even a part of it, where a reply cuts texts.
    let cut = text(true).replace("{{ body.authorization }}", "{{ body.authorization | cut(10) }}");
    let env = vec![("X_TOKEN", "s3cret-token-value".to_owned())];
    let cutting = Parts { manifests: vec![("x", cut)], env, ..Parts::default() }.rig();
    let output = cutting.run("metric.query expression=near").await.output.unwrap();
    assert_eq!(output, "Bearer [re… (+7 characters)");
    let told = rig(true).told("metric.query expression=loop").await;
    assert!(told.starts_with("failed: `x` answered 307"), "{told}");
    let log = rig(true);
    log.run("metric.query expression=near").await;
    assert!(!format!("{:?}{:?}", log.log(), log.ledger.events.lock().unwrap()).contains("s3cret"));
}

#[tokio::test]
async fn a_unix_socket_is_an_address_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let app = routes(Default::default(), Log::default(), "127.0.0.1:1".parse().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let rig = Rig::with(&manifest(&format!("unix://{}", path.display())));
    assert_eq!(rig.told("cache.flush service=ok").await, "succeeded: done by `x`");
    let plan = rig.plan("cache.flush service=ok").await.unwrap();
    assert_eq!(plan.runs, format!("POST unix://{} /ok", path.display()));
    let gone = Rig::with(&manifest("unix:///does/not/exist.sock"));
    let told = gone.told("cache.flush service=ok").await;
    assert_eq!(told, "failed: `x` cannot be reached: No such file or directory (os error 2)");
}

/// Reads that may be tried again, and changes that may not.
fn retrying(url: &str) -> String {
    manifest(url)
        .replace("[actions.change]", "retry = 3\n[actions.change]")
        .replace("timeout = \"1s\"", "timeout = \"10s\"")
}

#[tokio::test]
async fn only_what_is_harmless_is_tried_again() {
    let server = Server::start(Log::default()).await;
    let rig = Rig::with(&retrying(&format!("http://{}", server.address)));
    assert_eq!(rig.told("metric.query expression=flaky").await, "succeeded: answered by `x`");
    assert_eq!(rig.told("cache.flush service=flaky").await, "failed: `x` answered 503 Service Unavailable");
}

#[tokio::test]
async fn work_is_waited_for_with_progress() {
    let server = Server::start(Log::default()).await;
    let poll = r#"
[actions.change.poll]
http.path = "/job"
every = "10ms"
until = "body.state == 'done'"
fail = "body.state == 'failed'"
progress = "{{ body.state }}, {{ sent.body.id }}"
"#;
    let text = manifest(&format!("http://{}", server.address)) + poll;
    let rig = Rig::with(&text.replace("reply = \"{{ body.ok }}\"", "reply = \"{{ body.state }}\""));
    let (sender, mut progress) = mpsc::channel(16);
    let outcome = rig.executor.execute(rig.approved("cache.flush service=ok").await, sender).await;
    assert_eq!((outcome.status, outcome.output.as_deref()), (OutcomeStatus::Succeeded, Some("done")));
    let mut told = Vec::new();
    while let Some(text) = progress.recv().await {
        told.push(text);
    }
    assert_eq!(told, ["queued, a b/c", "running, a b/c"]);

    let never = Rig::with(&text.replace("== 'done'", "== 'never'"));
    let told = never.told("cache.flush service=ok").await;
    let said =
        "unknown: `x` does not show it as done after 1 s; seen last: done, a b/c; whether it took effect is unknown";
    assert_eq!(told, said);
    let failing = text.replace(
        "fail = \"body.state == 'failed'\"",
        "fail = \"true\"\nfailure = \"stumbled at {{ body.percent }} %\"",
    );
    let told = Rig::with(&failing).told("cache.flush service=ok").await;
    assert!(told.starts_with("failed: `x` stumbled at "), "{told}");
}

const LOOKUP: &str = r#"
[actions.change.lookup]
http.path = "/things"
items = "body"
where = "item.group == service or item.name == service"
keep = { id = "{{ item.id }}", name = "{{ item.name }}" }
none = "there is no `{{ service }}`"
[actions.change.preview]
reply = "{% for item in items %}{{ item.name }} {% endfor %}"
"#;

#[tokio::test]
async fn what_is_meant_is_looked_up_first() {
    let server = Server::start(Log::default()).await;
    let text = manifest(&format!("http://{}", server.address)).replace("/{{ service }}", "/{{ item.id }}") + LOOKUP;
    let rig = Rig::with(&text);
    let plan = rig.plan("cache.flush service=one").await.unwrap();
    assert_eq!(plan.runs, format!("POST http://{}/ok", server.address));
    assert_eq!(rig.preview("cache.flush service=one").await.as_deref(), Some("one"));
    assert_eq!(rig.refusal("cache.flush service=none").await, "there is no `none`");
    assert_eq!(rig.refusal("cache.flush service=g").await, "`x` has several that match: `one`, `two`; say which");
    assert_eq!(server.hits.count(), 0, "planning changes nothing");
    assert_eq!(rig.told("cache.flush service=one").await, "succeeded: done by `x`");

    let each = "implements = \"cache.flush\"\neach = true";
    let each = Rig::with(&text.replace("implements = \"cache.flush\"", each));
    let plan = each.plan("cache.flush service=g").await.unwrap();
    assert_eq!(plan.runs.lines().count(), 2);
    let outcome = each.run("cache.flush service=g").await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    assert_eq!(outcome.summary, "1 of 2 done, then: `x` answered 404 Not Found: no such thing");
    assert_eq!(server.hits.count(), 2);
}

/// A value at every kind of leaf.
const CREATES: &str = r#"
summary = "A system"
requires = { always = true }
[connection]
url = "http://ADDRESS/base/"
[actions.create]
implements = "ticket.create"
reply = "{{ body | tojson }}"
[actions.create.http]
method = "PUT"
path = "/a/{{ title }}/b"
query = { p = ["{{ priority }}", "x y"], q = "{{ project }}" }
[actions.create.http.json]
title = "{{ title }}"
by = "{{ requester }}"
assignee = "{{ assignee }}"
"#;

#[tokio::test]
async fn what_is_sent_is_what_was_shown() {
    let server = Server::start(Log::default()).await;
    let text = CREATES.replace("ADDRESS", &server.address.to_string());
    let rig = Rig::with(&text);
    let line = r#"ticket.create title="50% a/b?c#d" priority=high"#;
    let plan = rig.plan(line).await.unwrap();
    let path = "/base/a/50%25%20a%2Fb%3Fc%23d/b";
    let body = r#"{"title":"50% a/b?c#d","by":"<requester>"}"#;
    assert_eq!(plan.runs, format!("PUT http://{}{path}?p=high&p=x+y {body}", server.address));
    let outcome = rig.run(line).await;
    let seen: Json = serde_json::from_str(&outcome.output.unwrap()).unwrap();
    assert_eq!((seen["method"].as_str(), seen["path"].as_str()), (Some("PUT"), Some(path)));
    assert_eq!(seen["query"], "p=high&p=x+y");
    assert_eq!(seen["text"], body.replace("<requester>", "console:alice"));
    assert_eq!(seen["type"], "application/json");
}

#[tokio::test]
async fn stopping_tells_what_is_known() {
    let (_server, rig) = server().await;
    for (line, status) in [
        ("metric.query expression=slow", OutcomeStatus::Cancelled),
        ("cache.flush service=slow", OutcomeStatus::Unknown),
    ] {
        let approved = rig.approved(line).await;
        let execution = approved.execution();
        let executor = rig.executor.clone();
        let stopping = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            executor.stop(execution)
        });
        let outcome = rig.execute(approved).await;
        assert_eq!(outcome.status, status);
        assert!(outcome.summary.starts_with("stopped while `x` was at it"), "{}", outcome.summary);
        assert!(stopping.await.unwrap());
        assert!(!rig.executor.stop(execution), "it is over");
    }
    rig.executor.shut_down().await;
    let told = rig.told("metric.query expression=ok").await;
    assert_eq!(told, "cancelled: shutting down; nothing was done");
}
