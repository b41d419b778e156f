//! Icinga 2: problems, acknowledgements and downtimes, read back through its API with a client of our own.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::common::{Parts, Rig};
use crate::{Server, client, succeeds};

/// A rig for one of its users.
fn rig(server: &Server, user: &str, password: &str) -> Rig {
    let env = vec![
        ("ICINGA_URL", server.var("ICINGA2_URL")),
        ("ICINGA_CA", server.var("ICINGA2_CA_FILE")),
        ("ICINGA_USER", user.to_owned()),
        ("ICINGA_PASSWORD", password.to_owned()),
    ];
    Parts { shipped: &["icinga"], env, ..Parts::default() }.rig()
}

/// Asks the server itself.
pub struct Plain {
    client: reqwest::Client,
    url: String,
}

impl Plain {
    pub fn of(server: &Server) -> Self {
        let pem = std::fs::read(Path::new(&server.var("ICINGA2_CA_FILE"))).unwrap();
        let ca = reqwest::Certificate::from_pem(&pem).unwrap();
        Self { client: client().tls_certs_only([ca]).build().unwrap(), url: server.var("ICINGA2_URL") }
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Json>) -> Json {
        let request = self.client.request(method, format!("{}{path}", self.url)).header("accept", "application/json");
        let request = request.basic_auth("root", Some("icinga-pw"));
        let request = body.into_iter().fold(request, |request, body| request.body(body.to_string()));
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    async fn objects(&self, kind: &str) -> Vec<Json> {
        let answer = self.ask(reqwest::Method::GET, &format!("/v1/objects/{kind}"), None).await;
        answer["results"].as_array().unwrap().clone()
    }

    pub async fn check(&self, name: &str) -> Json {
        let services = self.objects("services").await;
        services.into_iter().find(|service| service["name"] == name).unwrap()["attrs"].clone()
    }

    /// Another check that is not well, with variables.
    async fn create(&self, host: &str, check: &str, service: &str) {
        let attrs = json!({"check_command": "dummy", "vars": {"dummy_state": 2, "dummy_text": "down", "service": service,
            "environment": "staging"}, "check_interval": 1, "max_check_attempts": 1});
        let body = |attrs| Some(json!({"attrs": attrs, "templates": []}));
        if host != "db1" {
            let attrs = json!({"check_command": "dummy", "vars": {"dummy_state": 0}});
            self.ask(reqwest::Method::PUT, &format!("/v1/objects/hosts/{host}"), body(attrs)).await;
        }
        let path = format!("/v1/objects/services/{host}!{check}");
        let made = self.ask(reqwest::Method::PUT, &path, body(attrs)).await;
        assert_eq!(made["results"][0]["code"], 200, "{made}");
        for _ in 0..100 {
            if self.check(&format!("{host}!{check}")).await["state"] == 2 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{host}!{check} is not checked");
    }
}

#[tokio::test]
async fn icinga() {
    let Some(server) = Server::up("icinga2", &[("ICINGA2_PORT", "19565")]) else { return };
    let root = rig(&server, "root", "icinga-pw");
    let plain = Plain::of(&server);
    reads(&root).await;
    acknowledgements(&root, &plain).await;
    downtimes(&root, &plain).await;
    several(&root, &plain).await;
    strangers(&server, &plain).await;
}

async fn reads(rig: &Rig) {
    assert_eq!(crate::listed(rig).await, ["icinga hosts: db1"]);
    let (summary, output) = succeeds(rig, "alert.list").await;
    assert_eq!(summary, "2 problems, 2 of them not acknowledged");
    assert!(output.contains("db1/http  critical") && output.contains("connection refused"), "{output}");
    assert!(output.contains("db1/disk  warning") && output.contains("12% free"), "{output}");
    for (line, summary) in [
        ("alert.list severity=critical", "1 problem, 1 of them not acknowledged"),
        ("alert.list severity=warning service=db1", "1 problem, 1 of them not acknowledged"),
        ("alert.list service=ssh", "no problem"),
        ("alert.list service=checkout", "no problem"),
        ("alert.list environment=production", "no problem"),
        ("service.status service=ssh", "all 1 checks of ssh are well"),
        ("service.status service=DB1", "2 of 4 checks of DB1 are not well"),
        ("service.status service=checkout", "Icinga has no check and no host for checkout"),
    ] {
        assert_eq!(succeeds(rig, line).await.0, summary, "{line}");
    }
    let said = "`icinga` serves only `critical` or `warning` as `severity`, not `info`";
    assert_eq!(rig.refusal("alert.list severity=info").await, said);
}

async fn acknowledgements(rig: &Rig, plain: &Plain) {
    let preview = rig.preview("alert.acknowledge alert=http").await.unwrap();
    assert!(
        preview.starts_with("db1/http is critical since ") && preview.ends_with(": connection refused"),
        "{preview}"
    );
    assert_eq!(plain.check("db1!http").await["acknowledgement"], 0);
    // Two are asked at once: the second finds it done.
    let (first, second) = (rig.approved("alert.acknowledge alert=http").await, "alert.acknowledge alert=db1/http");
    let second = rig.approved(second).await;
    assert_eq!(rig.execute(first).await.summary, "db1/http is acknowledged until it recovers");
    assert_eq!(plain.check("db1!http").await["acknowledgement"], 2);
    let comments = plain.objects("comments").await;
    let comment = &comments.iter().find(|comment| comment["attrs"]["service_name"] == "http").unwrap()["attrs"];
    assert_eq!(comment["author"], "console:alice");
    assert!(comment["text"].as_str().unwrap().starts_with("acknowledged through Sayso, "), "{comment}");
    let said =
        "Icinga has no problem called `db1/http` that is not acknowledged (`alert.list` shows all); nothing was done";
    assert_eq!(rig.execute(second).await.summary, said);
    for name in ["ssh", "nosuch", "db1/nosuch", "nosuch/http", "x'"] {
        let said = format!("Icinga has no problem called `{name}` that is not acknowledged (`alert.list` shows all)");
        assert_eq!(rig.refusal(&format!("alert.acknowledge alert=\"{name}\"")).await, said);
    }
    assert_eq!(succeeds(rig, "alert.list").await.0, "2 problems, 1 of them not acknowledged");
}

async fn downtimes(rig: &Rig, plain: &Plain) {
    let line = r#"alert.silence alert=disk duration=PT2H reason="a \"known\" issue; {{ x }}""#;
    assert_eq!(rig.preview(line).await.unwrap(), "db1/disk, warning now: 12% free");
    let plan = rig.plan(line).await.unwrap();
    assert!(plan.runs.contains(r#""start_time":"<now>","end_time":"<now> + PT2H""#), "{}", plan.runs);
    let previewed = rig.planner.preview(&plan).await.unwrap();
    assert_eq!(previewed.undo.as_deref(), Some("alert.unsilence alert=disk"));
    let (summary, _) = succeeds(rig, line).await;
    assert!(summary.starts_with("disk is silent until "), "{summary}");
    let [downtime] = &plain.objects("downtimes").await[..] else { panic!("expected one downtime") };
    let downtime = &downtime["attrs"];
    assert_eq!((&downtime["service_name"], &downtime["author"]), (&json!("disk"), &json!("console:alice")));
    assert_eq!(downtime["end_time"].as_f64().unwrap() - downtime["start_time"].as_f64().unwrap(), 7_200.0);
    assert!(downtime["comment"].as_str().unwrap().starts_with("a \"known\" issue; {{ x }} (through Sayso, "));
    assert_eq!(
        succeeds(rig, "alert.list").await.0,
        "1 problem, 0 of them not acknowledged",
        "what is silent is not told"
    );

    // A host with all its checks, and back again.
    let line = "alert.silence alert=db1 duration=PT1H";
    assert_eq!(rig.preview(line).await.unwrap(), "db1 with all its checks, up now: Check was successful.");
    succeeds(rig, line).await;
    assert_eq!(plain.objects("downtimes").await.len(), 5);
    assert_eq!(succeeds(rig, "alert.list").await.0, "no problem");
    let preview = rig.preview("alert.unsilence alert=db1").await.unwrap();
    assert!(preview.starts_with("db1, by console:alice until ") && preview.contains("no reason given"), "{preview}");
    assert_eq!(succeeds(rig, "alert.unsilence alert=db1").await.0, "1 downtime of db1 ended");
    assert_eq!(plain.objects("downtimes").await.len(), 1, "the checks' go with the host's");
    assert_eq!(rig.refusal("alert.unsilence alert=db1").await, "no downtime of `db1` is in force");
    assert_eq!(succeeds(rig, "alert.unsilence alert=db1/disk").await.0, "1 downtime of db1/disk ended");
    assert!(plain.objects("downtimes").await.is_empty());
    let said = "Icinga has no check and no host called `nosuch`";
    assert_eq!(rig.refusal("alert.silence alert=nosuch duration=PT1H").await, said);
    let said = "Icinga has no check and no host called `disk` that belongs to `checkout`";
    assert_eq!(rig.refusal("alert.silence alert=disk duration=PT1H service=checkout").await, said);
}

/// One name, several checks: each is told of, each is done, and each has its own end.
async fn several(rig: &Rig, plain: &Plain) {
    plain.create("db2", "http", "checkout").await;
    plain.create("db3", "http", "search").await;
    assert_eq!(
        succeeds(rig, "service.status service=checkout environment=staging").await.0,
        "1 of 1 checks of checkout is not well"
    );
    let line = "alert.silence alert=http duration=PT1H";
    assert_eq!(rig.preview(line).await.unwrap().lines().count(), 3);
    let summary = succeeds(rig, line).await.0;
    assert!(summary.ends_with(", 3 downtimes"), "{summary}");
    assert_eq!(succeeds(rig, "alert.unsilence alert=http").await.0, "3 downtimes of http ended");
    succeeds(rig, "alert.silence alert=http duration=PT1H service=checkout environment=staging").await;
    let [downtime] = &plain.objects("downtimes").await[..] else { panic!("expected one downtime") };
    assert_eq!(downtime["attrs"]["host_name"], "db2");
    succeeds(rig, "alert.unsilence alert=db2/http").await;

    // The first is taken, the second is not: Icinga says so within its answer.
    let approved = rig.approved("alert.acknowledge alert=http").await;
    assert_eq!(rig.execute(approved).await.summary, "2 problems are acknowledged until they recover");
    assert_eq!(plain.check("db3!http").await["acknowledgement"], 2);
}

/// Whoever may only look, whoever is nobody, and a server that cannot be trusted.
async fn strangers(server: &Server, plain: &Plain) {
    let viewer = rig(server, "viewer", "viewer-pw");
    assert!(succeeds(&viewer, "alert.list").await.1.contains("db1/disk"));
    let approved = viewer.approved("alert.acknowledge alert=disk").await;
    let outcome = viewer.execute(approved).await;
    let said = "`icinga` shows `viewer` no such objects; the permission for it may be missing";
    assert_eq!((outcome.status.as_str(), outcome.summary.as_str()), ("failed", said));
    assert_eq!(plain.check("db1!disk").await["acknowledgement"], 0);
    let nobody = rig(server, "root", "wrong-password");
    let said = "`icinga` does not know `root` by this password";
    assert_eq!(nobody.refusal("alert.acknowledge alert=disk").await, said);
    assert_eq!(nobody.told("alert.list").await, format!("failed: {said}"));

    let env = vec![
        ("ICINGA_URL", server.var("ICINGA2_URL")),
        ("ICINGA_USER", "root".to_owned()),
        ("ICINGA_PASSWORD", "icinga-pw".to_owned()),
    ];
    let trusting = Parts { shipped: &["icinga"], env, ..Parts::default() }.rig();
    let told = trusting.told("alert.list").await;
    assert!(told.starts_with("failed: `icinga` cannot be reached: invalid peer certificate"), "{told}");
}
