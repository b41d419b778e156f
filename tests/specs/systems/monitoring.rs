//! Systems that watch, and the machine's containers.

use serde_json::{Value as Json, json};

use crate::description::{Asked, Description};
use crate::prove::System;
use crate::server::ABSENT;

fn docker(operation: &str, arguments: &Json) -> Json {
    let named = arguments["service"].as_str().unwrap_or("web");
    match operation {
        "GET /containers/json" => json!({
            "0": {"Id": "8dfafdbc3a40aa", "Names": [format!("/{named}")], "State": "running", "Labels": {}, "Status": "Up 8 minutes"},
            "1": {"Id": "9cd87474be90bb", "Names": ["/other-1"], "State": "exited", "Status": "Exited (0)",
                "Labels": {"com.docker.compose.service": named}},
        }),
        "GET /containers/{id}/json" => json!({"State": {"Status": "running", "Running": true, "ExitCode": 0,
            "StartedAt": "2026-11-21T04:40:54.170533754Z", "FinishedAt": "0001-01-01T00:00:00Z"},
            "Config": {"Image": "nginx:1"}}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn docker_sends_what_the_description_allows() {
    let samples = &[("host", &["localhost", "testhost"] as &[&str])];
    let env = &[("DOCKER_HOST", "{url}"), ("SAYSO_ENVIRONMENT", "staging")];
    let system = System { manifest: "docker", env, config: "", samples, sense: docker };
    system.prove(Description::of("docker")).await;
}

fn alertmanager(operation: &str, arguments: &Json) -> Json {
    let alert = arguments["alert"].as_str().unwrap_or("Down");
    match operation {
        "GET /silences" => {
            json!({"*": {"id": "0f5e2b7c", "status": {"state": "active"}, "comment": "known", "createdBy": "alice"}})
        }
        "GET /alerts" => json!({"*": {"labels": {"alertname": alert, "severity": "critical", "service": "checkout"},
            "annotations": {"summary": "it is down"}}}),
        "POST /silences" => json!({"silenceID": "0f5e2b7c"}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn alertmanager_sends_what_the_description_allows() {
    let system = System {
        manifest: "alertmanager",
        env: &[("ALERTMANAGER_URL", "{url}")],
        config: "",
        samples: &[],
        sense: alertmanager,
    };
    let description = Description::of("alertmanager");
    if let Some(description) = &description {
        let asked = |body: &str| Asked {
            method: "POST".to_owned(),
            path: "/api/v2/silences".to_owned(),
            query: Vec::new(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_owned(),
        };
        let whole = r#"{"matchers": [{"name": "a", "value": "b", "isRegex": false}], "startsAt": "2026-11-21T04:41:03Z",
            "endsAt": "2026-11-21T06:41:03Z", "createdBy": "y", "comment": "z"}"#;
        assert_eq!(description.check(&asked(whole)), Ok(()));
        for wrong in [whole.replace("endsAt", "endAt"), whole.replace("comment", "remark"), whole.replace("false", "0")]
        {
            assert!(description.check(&asked(&wrong)).is_err(), "{wrong}");
        }
    }
    system.prove(description).await;
}

fn prometheus(operation: &str, _: &Json) -> Json {
    let metric = json!({"__name__": "up", "job": "node"});
    let data = match operation {
        "GET /query_range" => {
            let values = json!([[1_795_236_564.195, "0.5"], [1_795_236_566.191, "0.75"]]);
            json!({"resultType": "matrix", "result": [{"metric": metric, "values": values}]})
        }
        "GET /query" => {
            json!({"resultType": "vector", "result": [{"metric": metric, "value": [1_795_236_567.921, "1"]}]})
        }
        "GET /label/{name}/values" => json!({"0": "db1:9100", "1": "web"}),
        "GET /rules" => json!({"groups": {"*": {"rules": [{"type": "alerting", "name": "HighErrorRate", "query": "up",
            "duration": 60, "labels": {}, "annotations": {}, "alerts": [], "health": "ok", "state": "inactive"}]}}}),
        _ => {
            json!({"alerts": [{"labels": {"alertname": "Down", "severity": "critical"}, "annotations": {"summary": "it is down"},
            "state": "firing", "activeAt": "2026-11-21T04:41:03.826033107Z", "value": "1e+00"}]})
        }
    };
    json!({"status": "success", "data": data})
}

#[tokio::test]
async fn prometheus_sends_what_the_description_allows() {
    let env = &[("PROMETHEUS_URL", "{url}")];
    let system = System { manifest: "prometheus", env, config: "", samples: &[], sense: prometheus };
    system.prove(Description::of("prometheus")).await;
}

fn datadog(operation: &str, arguments: &Json) -> Json {
    let tags = json!([
        format!("service:{}", arguments["service"].as_str().unwrap_or("x")),
        format!("env:{}", arguments["environment"].as_str().unwrap_or("x"))
    ]);
    match operation {
        "GET /api/v1/query" => {
            json!({"error": ABSENT, "series": {"*": {"pointlist": [[1_795_236_564_000_i64, 0.5], [1_795_236_566_000_i64, 0.75]]}}})
        }
        "GET /api/v1/monitor" => json!({"0": {"id": 7, "name": arguments["alert"].as_str().unwrap_or("it is down"),
            "overall_state": "Alert", "tags": tags}, "1": {"name": "another", "overall_state": "OK"}}),
        "GET /api/v1/downtime" => {
            json!({"0": {"monitor_id": 7, "canceled": ABSENT, "message": "known"}, "1": {"monitor_id": 8}})
        }
        "GET /api/v1/monitor/{monitor_id}" => json!({"overall_state": "Alert"}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn datadog_sends_what_the_description_allows() {
    let env =
        &[("DATADOG_URL", "{url}"), ("DATADOG_API_KEY", "k3y-of-a-test"), ("DATADOG_APP_KEY", "0ther-k3y-of-a-test")];
    let system = System { manifest: "datadog", env, config: "", samples: &[], sense: datadog };
    system.prove(Description::of("datadog")).await;
}

fn sentry(_: &str, _: &Json) -> Json {
    Json::Null
}

#[tokio::test]
async fn sentry_sends_what_the_description_allows() {
    let env = &[("SENTRY_URL", "{url}"), ("SENTRY_TOKEN", "t0k3n-of-a-test"), ("SENTRY_ORG", "example")];
    let system = System { manifest: "sentry", env, config: "", samples: &[], sense: sentry };
    system.prove(Description::of("sentry")).await;
}

fn sensu(operation: &str, arguments: &Json) -> Json {
    let alert = arguments["alert"].as_str().unwrap_or("http");
    let (entity, check) = alert.split_once('/').unwrap_or(("web1", alert));
    let entity = arguments["service"].as_str().unwrap_or(entity);
    match operation {
        "GET /namespaces/{namespace}/events" | "GET /namespaces/{namespace}/events/{entity}" => json!({
            "*": {"entity": {"metadata": {"name": entity}}, "check": {"status": 2, "last_ok": 1_795_000_000,
                "is_silenced": false, "output": "connection refused", "metadata": {"name": check}}}}),
        "GET /namespaces/{namespace}/silenced" => {
            json!({"*": {"check": check, "subscription": format!("entity:{entity}"),
            "expire_at": 0, "creator": "alice", "reason": "known", "metadata": {"name": format!("entity:{entity}:{check}")}}})
        }
        _ => Json::Null,
    }
}

#[tokio::test]
async fn sensu_sends_what_its_documentation_allows() {
    let env = &[("SENSU_URL", "{url}"), ("SENSU_API_KEY", "k3y-of-a-test")];
    let system = System { manifest: "sensu", env, config: "", samples: &[], sense: sensu };
    system.prove(Description::of("sensu")).await;
}
