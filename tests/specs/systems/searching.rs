//! Systems that show and search what others have measured and written.

use serde_json::{Value as Json, json};

use crate::description::{Asked, Description};
use crate::prove::System;
use crate::server::ABSENT;

fn grafana(operation: &str, arguments: &Json) -> Json {
    match operation {
        "GET /search" => {
            let title = arguments["dashboard"].as_str().unwrap_or("checkout");
            json!({"0": {"uid": "cIBgcSjkk", "title": title}, "1": {"uid": "000000012", "title": "another"}})
        }
        "GET /alertmanager/grafana/api/v2/alerts" => json!({"*": {
            "labels": {"alertname": "HighErrorRate", "severity": "critical", "service": "checkout", "name": ABSENT},
            "annotations": {"summary": "5xx above 2 %", "name": ABSENT}}}),
        "GET /alertmanager/grafana/api/v2/silences" => json!({"*": {"status": {"state": "active"}}}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn grafana_sends_what_its_documentation_allows() {
    let env = &[("GRAFANA_URL", "{url}"), ("GRAFANA_TOKEN", "t0k3n-of-a-test")];
    let system = System { manifest: "grafana", env, config: "", samples: &[], sense: grafana };
    system.prove(Description::of("grafana")).await;
}

fn loki(operation: &str, _: &Json) -> Json {
    if operation == "GET /loki/api/v1/labels" {
        return Json::Null;
    }
    json!({"data": {"resultType": "streams", "result": {
        "0": {"values": [["1795236063000000000", "the disk is full"], ["1795236061000000000", "first"]]},
        "1": {"values": [["1795236062000000000", "second \"quoted\""]]}}}})
}

#[tokio::test]
async fn loki_sends_what_its_documentation_allows() {
    let env = &[("LOKI_URL", "{url}"), ("LOKI_TENANT", "shop")];
    let system = System { manifest: "loki", env, config: "", samples: &[], sense: loki };
    system.prove(Description::of("loki")).await;
}

/// The description holds a query to the form that the manifest means: what is searched for stays within its quotes.
#[test]
fn a_text_that_leaves_its_quotes_is_seen() {
    let loki = |query: &str| {
        let asked = Asked {
            method: "GET".to_owned(),
            path: "/loki/api/v1/query_range".to_owned(),
            query: vec![("query".to_owned(), query.to_owned())],
            headers: Vec::new(),
            body: String::new(),
        };
        Description::of("loki").unwrap().check(&asked)
    };
    assert_eq!(loki(r#"{service_name="a\"b"} |~ "(?i)x\\\\y""#), Ok(()));
    assert!(loki(r#"{service_name="a"} |~ "x" or {service_name="b"}""#).is_err());
    assert!(loki(r#"{service_name="a"b"}"#).is_err());
    let splunk = |search: &str| {
        let asked = Asked {
            method: "POST".to_owned(),
            path: "/services/search/jobs".to_owned(),
            query: Vec::new(),
            headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
            body: reqwest::Url::parse_with_params("form:", [("search", search)]).unwrap().query().unwrap().to_owned(),
        };
        Description::of("splunk").unwrap().check(&asked)
    };
    let rest = "| head 100 | fields _time, host, _raw";
    assert_eq!(splunk(&format!(r#"search index="main" service="a" "x | delete" {rest}"#)), Ok(()));
    assert!(splunk(&format!(r#"search index="main" service="a" "x" | delete "y" {rest}"#)).is_err());
    assert!(splunk(&format!(r#"search index="main" service="*" {rest}"#)).is_err());
}

fn elasticsearch(_: &str, _: &Json) -> Json {
    json!({"hits": {"total": {"value": 2, "relation": "eq"}, "hits": {"*": {
        "fields": {"@timestamp": ["2026-11-21T04:41:03.000Z"], "message": ["the disk is full"], "host.name": ["db1"], "name": ABSENT}}}}})
}

#[tokio::test]
async fn elasticsearch_sends_what_its_documentation_allows() {
    let system = System {
        manifest: "elasticsearch",
        env: &[
            ("ELASTICSEARCH_URL", "{url}"),
            ("ELASTICSEARCH_API_KEY", "t0k3n-of-a-test"),
            ("KIBANA_URL", "https://kibana.example.com/"),
        ],
        config: "",
        samples: &[],
        sense: elasticsearch,
    };
    system.prove(Description::of("elasticsearch")).await;
}

fn splunk(_: &str, _: &Json) -> Json {
    json!({"messages": []})
}

#[tokio::test]
async fn splunk_sends_what_its_documentation_allows() {
    let system = System {
        manifest: "splunk",
        env: &[
            ("SPLUNK_URL", "{url}"),
            ("SPLUNK_TOKEN", "t0k3n-of-a-test"),
            ("SPLUNK_WEB_URL", "https://splunk.example.com/en-US"),
        ],
        config: "",
        samples: &[],
        sense: splunk,
    };
    system.prove(Description::of("splunk")).await;
}
