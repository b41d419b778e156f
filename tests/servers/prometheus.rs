//! Prometheus and Alertmanager: metrics, alerts, silences, and the webhook that docs/server.md describes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sayso::domain::{Alert, AlertStatus, ConversationId, Secret};
use sayso::server::{self, Readiness, Webhook, WebhookKind};
use serde_json::Value as Json;
use tokio::sync::mpsc;

use crate::common::{Parts, Rig};
use crate::{Server, client, get, succeeds};

/// Asks a server to do something.
async fn post(url: &str) {
    let client = client().tls_certs_only([]).build().unwrap();
    client.post(url).send().await.unwrap().error_for_status().unwrap();
}

#[tokio::test]
async fn prometheus_and_alertmanager() {
    let ports = [("PROMETHEUS_PORT", "19190"), ("ALERTMANAGER_PORT", "19193"), ("NODE_EXPORTER_PORT", "19200")];
    let Some(server) = Server::up("prometheus", &ports) else { return };
    let env =
        || ["PROMETHEUS_URL", "ALERTMANAGER_URL"].map(|name| (name, server.var(name))).into_iter().collect::<Vec<_>>();
    let rig = Parts { shipped: &["prometheus", "alertmanager"], env: env(), ..Parts::default() }.rig();

    metrics(&rig).await;

    let (summary, output) = succeeds(&rig, "alert.list").await;
    assert_eq!(summary, "1 alert firing");
    assert!(output.contains("AlwaysFiring") && output.contains("fires all the time"), "{output}");
    for (line, summary) in [
        ("alert.list severity=info service=checkout", "1 alert firing"),
        ("alert.list severity=critical", "no alert is firing"),
        ("alert.list service=nobody", "no alert is firing"),
    ] {
        assert_eq!(succeeds(&rig, line).await.0, summary, "{line}");
    }

    let listed = crate::listed(&rig).await;
    let hosts = "prometheus hosts: 127.0.0.1";
    assert_eq!(listed, ["prometheus alerts: AlwaysFiring TargetDown", hosts, "prometheus services: checkout"]);

    silences(&rig, &server.var("ALERTMANAGER_URL")).await;

    // Where Prometheus is not there, Alertmanager fills in.
    let env = env().into_iter().filter(|(name, _)| *name == "ALERTMANAGER_URL").collect();
    let alone = Parts { shipped: &["prometheus", "alertmanager"], env, ..Parts::default() }.rig();
    let (summary, output) = succeeds(&alone, "alert.list severity=info").await;
    assert_eq!(summary, "1 alert firing");
    assert!(output.contains("AlwaysFiring") && output.contains("checkout"), "{output}");
    assert_eq!(succeeds(&alone, "alert.list severity=critical").await.0, "no alert is firing");
}

async fn metrics(rig: &Rig) {
    assert_eq!(succeeds(rig, "metric.query expression=1+1").await.0, "2");
    let (summary, output) = succeeds(rig, "metric.query expression=up").await;
    assert_eq!(summary, "2 series");
    assert!(output.contains(r#"up{instance="127.0.0.1:19190",job="prometheus"} = 1"#), "{output}");
    assert_eq!(succeeds(rig, "metric.query expression=nothing_like_it").await.0, "no series matches");
    let matrix = succeeds(rig, r#"metric.query expression="up{job='prometheus'}[1m]""#).await.1;
    assert!(matrix.contains("} = 1"), "{matrix}");
    let told = rig.told("metric.query expression=sum(up").await;
    assert!(told.starts_with("failed: `prometheus` refuses the expression: invalid parameter"), "{told}");

    let (summary, output) = succeeds(rig, "metric.show metric=availability window=PT5M").await;
    assert_eq!(summary, "availability is 100 %");
    assert!(output.contains("now 100 %, between 100 % and 100 % in the last 5 min"), "{output}");
    assert_eq!(
        succeeds(rig, "metric.show metric=error_rate service=checkout").await.0,
        "no data on error rate of checkout in the last 1 h"
    );
    let (summary, output) = succeeds(rig, "metric.show metric=memory host=127.0.0.1").await;
    assert!(summary.starts_with("memory is ") && summary.ends_with("iB"), "{summary}: {output}");
    assert!(succeeds(rig, "metric.show metric=saturation host=127.0.0.1").await.0.starts_with("saturation is "));
    for metric in ["latency", "throughput", "cpu", "memory", "saturation"] {
        // With the names of these exporters there may be no data; the queries must be sound for every label.
        succeeds(rig, &format!("metric.show metric={metric}")).await;
        succeeds(rig, &format!("metric.show metric={metric} service=\"it's #1\" environment=a.b host=db1")).await;
    }
}

async fn silences(rig: &Rig, url: &str) {
    let line = r#"alert.silence alert=AlwaysFiring duration=PT2H service=checkout reason="a \"known\" issue""#;
    let preview = rig.preview(line).await.unwrap();
    assert_eq!(preview, "1 alert of this name now: fires all the time");
    let runs = rig.plan(line).await.unwrap().runs;
    assert!(runs.contains(r#""startsAt":"<now>","endsAt":"<now> + PT2H","createdBy":"<requester>""#), "{runs}");
    let (summary, _) = succeeds(rig, line).await;
    assert!(summary.starts_with("AlwaysFiring is silent until "), "{summary}");

    let active = |silences: Json| {
        let silences = silences.as_array().unwrap().clone();
        silences.into_iter().filter(|silence| silence["status"]["state"] == "active").collect::<Vec<_>>()
    };
    let [silence] = &active(get(&format!("{url}/api/v2/silences")).await)[..] else { panic!("expected one silence") };
    assert_eq!(silence["createdBy"], "console:alice");
    assert!(silence["comment"].as_str().unwrap().starts_with("a \"known\" issue (through Sayso, "));
    let matchers: Vec<_> = silence["matchers"].as_array().unwrap().iter().map(|m| (&m["name"], &m["value"])).collect();
    assert_eq!(matchers, [(&"alertname".into(), &"AlwaysFiring".into()), (&"service".into(), &"checkout".into())]);
    let time = |name: &str| silence[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    // Alertmanager sets the start when the request reaches it, up to a moment after we counted from.
    let lasts = time("endsAt").duration_since(time("startsAt"));
    assert!(lasts.as_secs().abs_diff(7_200) <= 2, "{lasts}");
    let id = silence["id"].as_str().unwrap();
    assert_eq!(rig.refusal("alert.unsilence alert=Other").await, "no silence of `Other` is active");
    let line = "alert.unsilence alert=AlwaysFiring";
    assert_eq!(rig.plan(line).await.unwrap().runs, format!("DELETE {url}/api/v2/silence/{id}"));
    let preview = rig.preview(line).await.unwrap();
    assert!(preview.starts_with("silence by console:alice until ") && preview.contains("issue"), "{preview}");

    // What was approved names the silence; another one needs another yes.
    let approved = rig.approved(line).await;
    succeeds(rig, "alert.silence alert=AlwaysFiring duration=PT1H").await;
    assert_eq!(
        rig.execute(approved).await.summary,
        "what would run now is not what was approved; nothing was done, ask again"
    );
    assert_eq!(succeeds(rig, line).await.0, "2 silences of AlwaysFiring ended");
    assert!(active(get(&format!("{url}/api/v2/silences")).await).is_empty());
}

/// The rest of the program, which is not there.
struct Nobody;

#[async_trait::async_trait]
impl Readiness for Nobody {
    async fn check(&self) -> Result<(), String> {
        Err("there is nobody".to_owned())
    }
}

/// What docs/server.md tells people to write for Alertmanager, for this webhook and without its patience.
fn documented(address: std::net::SocketAddr, token: &std::path::Path) -> String {
    let document = include_str!("../../docs/server.md");
    let (_, rest) = document.split_once("```yaml\nroute:").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    format!("route:{block}")
        .replace("127.0.0.1:8770", &address.to_string())
        .replace("/etc/alertmanager/sayso-token", token.to_str().unwrap())
        .replace("group_by: [alertname]", "group_by: [alertname]\n  group_wait: 1s\n  group_interval: 2s")
}

#[tokio::test]
async fn alertmanager_finds_the_webhook() {
    let (alerts, mut incoming) = mpsc::channel(8);
    let token = Secret::new("of-the-webhook".to_owned());
    let conversation: ConversationId = "console:main".parse().unwrap();
    let webhook = Webhook { kind: WebhookKind::Alertmanager, token, conversation: conversation.clone() };
    let webhooks = BTreeMap::from([("main".to_owned(), webhook)]);
    let parts = server::Parts { webhooks, alerts, metrics: Arc::default(), readiness: Arc::new(Nobody) };
    let listening = server::Server::start("127.0.0.1:0".parse().unwrap(), parts).await.unwrap();
    let ports = [("PROMETHEUS_PORT", "19290"), ("ALERTMANAGER_PORT", "19293"), ("NODE_EXPORTER_PORT", "19300")];
    let Some(server) = Server::up("prometheus", &ports) else { return };

    let token = server.folder.path().join("token");
    std::fs::write(&token, "of-the-webhook").unwrap();
    let configuration = documented(listening.address(), &token);
    std::fs::write(server.folder.path().join("prometheus/alertmanager.yml"), configuration).unwrap();
    post(&format!("{}/-/reload", server.var("ALERTMANAGER_URL"))).await;
    let mut next = async || {
        let alerted = tokio::time::timeout(Duration::from_secs(60), incoming.recv()).await.unwrap().unwrap();
        assert_eq!(alerted.conversation, conversation);
        let [alert] = &alerted.alerts[..] else { panic!("expected one alert, found {alerted:?}") };
        alert.clone()
    };
    let firing = next().await;
    let labels =
        [("service", "checkout"), ("severity", "info")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!((firing.name.as_str(), firing.status), ("AlwaysFiring", AlertStatus::Firing));
    assert_eq!((&firing.labels, firing.summary.as_str()), (&BTreeMap::from(labels), "fires all the time"));

    std::fs::remove_file(PathBuf::from(server.var("PROMETHEUS_RULES")).join("always.yml")).unwrap();
    post(&format!("{}/-/reload", server.var("PROMETHEUS_URL"))).await;
    let resolved = next().await;
    assert_eq!(resolved, Alert { status: AlertStatus::Resolved, ..firing });
    listening.stop().await;
}
