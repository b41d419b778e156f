//! Google Cloud's command line itself, against a small Cloud Run of our own: what the program sends is what it makes of our
//! arguments. The answers have the form of <https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services>.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};

use crate::tool::{Bench, is_there, previewed, refuses_hostile, succeeds};

const REPOSITORY: &str = "europe-docker.pkg.dev:443/shop/apps/checkout";

/// One service, and its revisions: the number, the tag of the image, and whether it became ready.
struct Run {
    service: Value,
    revisions: Vec<(u64, String, bool)>,
    asked: Vec<String>,
}

fn named(number: u64) -> String {
    format!("checkout-{number:05}-xyz")
}

impl Run {
    fn new() -> Self {
        let service = json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": {
                "name": "checkout", "namespace": "shop", "generation": 4, "creationTimestamp": "2026-11-01T10:00:00Z",
                "labels": { "cloud.googleapis.com/location": "europe-west1" }, "annotations": { "run.googleapis.com/minScale": "1" },
            },
            "spec": {
                "template": {
                    "metadata": { "annotations": {} },
                    "spec": { "containers": [{ "image": format!("{REPOSITORY}:1.4@sha256:{}", "ab".repeat(32)) }] },
                },
                "traffic": [{ "percent": 100, "latestRevision": true }],
            },
            "status": {},
        });
        let revisions =
            vec![(1, "1.2".to_owned(), true), (2, "1.3".to_owned(), true), (3, "1.3-bad".to_owned(), false)];
        let mut run = Self { service, revisions, asked: Vec::new() };
        run.revise("1.4");
        run
    }

    /// Makes a revision of the template, and settles.
    fn revise(&mut self, tag: &str) {
        self.revisions.push((self.revisions.len() as u64 + 1, tag.to_owned(), !tag.contains("bad")));
        self.settle();
    }

    fn settle(&mut self) {
        let latest = self.revisions.last().unwrap();
        let ready = named(self.revisions.iter().rfind(|(_, _, ready)| *ready).unwrap().0);
        let wanted = &self.service["spec"]["traffic"][0];
        let serving = wanted["revisionName"].as_str().map_or(ready.clone(), str::to_owned);
        let (state, message) =
            if latest.2 { ("True", "") } else { ("False", "The container failed to start and listen on the port") };
        let condition = |kind: &str| json!({ "type": kind, "status": state, "message": message, "lastTransitionTime": "2026-11-20T10:00:00Z" });
        self.service["status"] = json!({
            "observedGeneration": self.service["metadata"]["generation"], "url": "https://checkout-1.europe-west1.run.app",
            "latestReadyRevisionName": ready, "latestCreatedRevisionName": named(latest.0),
            "conditions": [condition("Ready"), condition("ConfigurationsReady"), condition("RoutesReady")],
            "traffic": [{ "percent": 100, "revisionName": serving }, { "tag": "canary", "revisionName": named(1) }],
        });
    }

    fn revisions(&self) -> Vec<Value> {
        let revision = |(number, tag, ready): &(u64, String, bool)| {
            json!({
                "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
                "metadata": {
                    "name": named(*number), "namespace": "shop", "generation": 1, "labels": { "serving.knative.dev/service": "checkout" },
                    "creationTimestamp": format!("2026-11-{number:02}T10:00:00Z"),
                    "annotations": { "serving.knative.dev/creator": "ana@example.org" },
                },
                "spec": { "containers": [{ "image": format!("{REPOSITORY}:{tag}") }] },
                "status": { "conditions": [{ "type": "Ready", "status": if *ready { "True" } else { "False" } }] },
            })
        };
        self.revisions.iter().map(revision).collect()
    }

    fn answer(&mut self, method: &Method, uri: &Uri, body: &str) -> (StatusCode, Json<Value>) {
        let path = uri.path().strip_prefix("/apis/serving.knative.dev/v1/namespaces/shop/");
        self.asked.push(format!("{method} {} {}", uri.host().unwrap(), path.unwrap_or(uri.path())));
        let answer = match (method.as_str(), path) {
            ("GET", Some("services")) => json!({ "kind": "ServiceList", "metadata": {}, "items": [self.service] }),
            ("GET", Some("services/checkout")) => self.service.clone(),
            ("GET", Some("revisions")) => json!({ "kind": "RevisionList", "metadata": {}, "items": self.revisions() }),
            ("PUT", Some("services/checkout")) => {
                let new: Value = serde_json::from_str(body).unwrap();
                let image = |service: &Value| service["spec"]["template"]["spec"]["containers"][0]["image"].clone();
                let other = image(&new) != image(&self.service);
                self.service["spec"] = new["spec"].clone();
                self.service["metadata"]["annotations"] = new["metadata"]["annotations"].clone();
                self.service["metadata"]["generation"] =
                    json!(self.service["metadata"]["generation"].as_u64().unwrap() + 1);
                let image = image(&self.service);
                if other {
                    self.revise(image.as_str().unwrap().rsplit(':').next().unwrap());
                }
                self.settle();
                self.service.clone()
            }
            _ => {
                let error = json!({ "code": 403, "status": "PERMISSION_DENIED", "message": format!("Permission denied on {}", uri.path()) });
                let missing = json!({ "code": 404, "status": "NOT_FOUND", "message": "Resource not found" });
                let (status, error) = match path {
                    Some(_) => (StatusCode::NOT_FOUND, missing),
                    None => (StatusCode::FORBIDDEN, error),
                };
                return (status, Json(json!({ "error": error })));
            }
        };
        (StatusCode::OK, Json(answer))
    }
}

/// It is spoken to as by a proxy, because the program puts the region before the host's name.
async fn cloud_run() -> (u16, Arc<Mutex<Run>>) {
    let run = Arc::new(Mutex::new(Run::new()));
    let handler = |State(run): State<Arc<Mutex<Run>>>, method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
        assert_eq!(headers["authorization"], "Bearer of-the-robot");
        run.lock().unwrap().answer(&method, &uri, &body)
    };
    let router = axum::Router::new().fallback(handler).with_state(Arc::clone(&run));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (port, run)
}

#[tokio::test]
async fn services_of_cloud_run() {
    if !is_there("gcloud", "google-cloud-cli") {
        return;
    }
    let (port, run) = cloud_run().await;
    let bench = Bench::of("gcloud");
    let proxy = format!("[proxy]\ntype = http\naddress = 127.0.0.1\nport = {port}\n");
    bench.write("config/active_config", "default");
    bench.write(
        "config/configurations/config_default",
        &format!("[api_endpoint_overrides]\nrun = http://run.test/\n{proxy}"),
    );
    let token = bench.write("token", "of-the-robot").display().to_string();
    let config = bench.path().join("config").display().to_string();
    let bench = bench
        .with("CLOUDSDK_CORE_PROJECT", "shop")
        .with("CLOUDSDK_RUN_REGION", "europe-west1")
        .with("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", token)
        .with("CLOUDSDK_CONFIG", config)
        .with("SAYSO_ENVIRONMENT", "staging");
    let rig = bench.rig();

    let (summary, output) = succeeds(&rig, "service.list").await;
    assert_eq!(summary, "1 services in shop, europe-west1");
    assert!(output.contains("checkout") && output.contains("checkout-00004-xyz"), "{output}");
    assert_eq!(run.lock().unwrap().asked, ["GET europe-west1-run.test services"]);
    let (summary, output) = succeeds(&rig, "service.status service=checkout environment=staging").await;
    assert_eq!(summary, "checkout is ready");
    assert!(output.starts_with("100 % to checkout-00004-xyz\n") && output.contains("at least 1 instances"), "{output}");
    let (summary, _) = succeeds(&rig, "deploy.status service=checkout").await;
    assert!(summary.starts_with(&format!("checkout is deployed as {REPOSITORY}:1.4@sha256:")), "{summary}");
    let (summary, output) = succeeds(&rig, "deploy.history service=checkout limit=2").await;
    assert_eq!(summary, "checkout has 2 revisions");
    assert!(
        output.contains("checkout-00004-xyz") && output.contains("1.3-bad") && !output.contains("checkout-00002"),
        "{output}"
    );
    let told = rig.told("service.status service=nosuch").await;
    assert_eq!(
        told,
        "failed: `gcloud` cannot tell: ERROR: (gcloud.run.services.describe) Cannot find service [nosuch]"
    );

    let line = "service.scale service=checkout replicas=3 environment=staging";
    let shown = previewed(&rig, line).await;
    let said = "checkout keeps at least 1 instances now, 3 after it; more start as there is more to do";
    assert_eq!(shown.shown.as_deref(), Some(said));
    assert_eq!(shown.undo.as_deref(), Some("service.scale service=checkout replicas=1 environment=staging"));
    assert_eq!(succeeds(&rig, line).await.0, "checkout keeps at least 3 instances");
    assert_eq!(run.lock().unwrap().service["metadata"]["annotations"]["run.googleapis.com/minScale"], "3");

    // The third never became ready.
    let shown = previewed(&rig, "deploy.rollback service=checkout environment=staging").await;
    let said = format!(
        "checkout in shop, europe-west1: 100 % to checkout-00004-xyz; all of it to checkout-00002-xyz ({REPOSITORY}:1.3) after it"
    );
    assert_eq!(shown.shown, Some(said));
    assert_eq!(
        shown.undo.as_deref(),
        Some("deploy.rollback service=checkout version=checkout-00004-xyz environment=staging")
    );
    let (summary, _) = succeeds(&rig, "deploy.rollback service=checkout environment=staging").await;
    assert_eq!(summary, format!("checkout serves with checkout-00002-xyz ({REPOSITORY}:1.3)"));
    let (summary, _) = succeeds(&rig, "deploy.rollback service=checkout version=checkout-00001-xyz").await;
    assert_eq!(summary, format!("checkout serves with checkout-00001-xyz ({REPOSITORY}:1.2)"));
    let said = rig.refusal("deploy.rollback service=checkout").await;
    assert_eq!(said, "`checkout` has no revision that is ready and older than the one that serves");
    let said = rig.refusal("deploy.rollback service=checkout version=checkout-00009-xyz").await;
    assert_eq!(said, "`checkout` has no revision checkout-00009-xyz");

    // The traffic was tied to an old revision; deploying unties it.
    let line = "deploy.start service=checkout version=1.5 environment=staging";
    let shown = previewed(&rig, line).await;
    assert!(shown.shown.unwrap().ends_with(&format!("100 % to checkout-00001-xyz; {REPOSITORY}:1.5 after it")));
    assert_eq!(
        shown.undo.as_deref(),
        Some("deploy.rollback service=checkout version=checkout-00001-xyz environment=staging")
    );
    assert_eq!(succeeds(&rig, line).await.0, format!("checkout runs {REPOSITORY}:1.5"));
    assert_eq!(run.lock().unwrap().service["status"]["traffic"][0]["revisionName"], "checkout-00005-xyz");
    let told = rig.told("deploy.start service=checkout version=1.6-bad environment=staging").await;
    assert!(
        told.starts_with("failed: `gcloud` did not deploy `1.6-bad`, and the traffic goes where it went: "),
        "{told}"
    );
    assert!(told.contains("The container failed to start"), "{told}");
    assert_eq!(run.lock().unwrap().service["status"]["traffic"][0]["revisionName"], "checkout-00005-xyz");
    assert_eq!(succeeds(&rig, "service.status service=checkout").await.0, "checkout is not ready");

    let said = rig.refusal("service.scale service=checkout replicas=3 environment=production").await;
    assert_eq!(said, "`gcloud` serves only `staging` as `environment`, not `production`");
    for line in ["service.status", "deploy.history", "deploy.rollback", "service.scale replicas=1"] {
        refuses_hostile(&rig, line, "service").await;
    }
    refuses_hostile(&rig, "deploy.start service=checkout environment=staging", "version").await;
    refuses_hostile(&rig, "deploy.rollback service=checkout", "version").await;
    let elsewhere = bench.with("CLOUDSDK_CORE_PROJECT", "other");
    let told = elsewhere.rig().told("service.list").await;
    assert!(
        told.contains("cannot tell: ERROR: (gcloud.run.services.list) ") && told.contains("Permission denied"),
        "{told}"
    );
}
