//! The AWS command line itself, against a small ECS of our own: what the program sends is what it makes of our arguments, and
//! what it prints is what it prints. The answers have the form of
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html>.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::tool::{Bench, is_there, previewed, refuses_hostile, succeeds};

/// One service, and what was asked of it.
struct Ecs {
    revision: u64,
    desired: u64,
    deployment: u64,
    asked: Vec<(String, Value)>,
    /// How often a deployment is still told to go on.
    rounds: u64,
    fails: bool,
}

const ARN: &str = "arn:aws:ecs:eu-west-1:1:task-definition/shop-checkout";

impl Ecs {
    fn service(&mut self) -> Value {
        let settled = self.rounds == 0;
        self.rounds = self.rounds.saturating_sub(1);
        let state = match (settled, self.fails) {
            (true, true) => "FAILED",
            (true, false) => "COMPLETED",
            (false, _) => "IN_PROGRESS",
        };
        let definition = format!("{ARN}:{}", self.revision);
        let mut deployments = vec![json!({
            "id": format!("ecs-svc/{}", self.deployment), "status": "PRIMARY", "taskDefinition": definition, "desiredCount": self.desired,
            "pendingCount": 0, "runningCount": self.desired, "rolloutState": state, "rolloutStateReason": "tasks failed to start",
            "createdAt": 1_790_000_000, "updatedAt": 1_790_000_000,
        })];
        if !settled {
            deployments.push(json!({ "id": "ecs-svc/0", "status": "ACTIVE", "taskDefinition": definition, "desiredCount": 1, "runningCount": 1 }));
        }
        json!({
            "serviceName": "checkout", "status": "ACTIVE", "desiredCount": self.desired, "runningCount": self.desired,
            "taskDefinition": definition, "deployments": deployments,
            "events": [{ "id": "e", "createdAt": 1_790_000_000, "message": "(service checkout) has reached a steady state." }],
        })
    }

    fn answer(&mut self, action: &str, body: &Value) -> (StatusCode, Json<Value>) {
        self.asked.push((action.to_owned(), body.clone()));
        let named = body["services"][0].as_str().or(body["service"].as_str()).unwrap_or("checkout");
        if body["cluster"] == "forbidden" {
            let said = json!({ "__type": "AccessDeniedException", "message": "not allowed to ecs:UpdateService" });
            return (StatusCode::BAD_REQUEST, Json(said));
        }
        let answer = match action {
            "DescribeServices" if named == "checkout" => json!({ "services": [self.service()], "failures": [] }),
            "DescribeServices" => json!({ "services": [], "failures": [{ "arn": named, "reason": "MISSING" }] }),
            "ListServices" => json!({ "serviceArns": ["arn:aws:ecs:eu-west-1:1:service/staging/checkout"] }),
            "ListTaskDefinitions" => {
                assert_eq!((&body["familyPrefix"], &body["status"]), (&json!("shop-checkout"), &json!("ACTIVE")));
                let arns = [42, 41, 7].map(|number| format!("{ARN}:{number}"));
                json!({ "taskDefinitionArns": arns })
            }
            "UpdateService" => {
                let definition = body["taskDefinition"].as_str().and_then(|name| name.rsplit(':').next());
                self.revision = definition.map_or(self.revision, |revision| revision.parse().unwrap());
                self.desired = body["desiredCount"].as_u64().unwrap_or(self.desired);
                self.deployment += 1;
                self.rounds = 2;
                json!({ "service": self.service() })
            }
            other => panic!("nobody asks for `{other}`"),
        };
        (StatusCode::OK, Json(answer))
    }
}

async fn ecs() -> (String, Arc<Mutex<Ecs>>) {
    let ecs = Ecs { revision: 42, desired: 3, deployment: 1, asked: Vec::new(), rounds: 0, fails: false };
    let ecs = Arc::new(Mutex::new(ecs));
    let handler = |State(ecs): State<Arc<Mutex<Ecs>>>, headers: HeaderMap, body: String| async move {
        let target = headers["x-amz-target"].to_str().unwrap();
        assert!(headers["authorization"].to_str().unwrap().contains("Credential=AKIDEXAMPLE/"), "signed by the key");
        let action = target.strip_prefix("AmazonEC2ContainerServiceV20141113.").unwrap();
        ecs.lock().unwrap().answer(action, &serde_json::from_str(&body).unwrap())
    };
    let router = axum::Router::new().fallback(handler).with_state(Arc::clone(&ecs));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, ecs)
}

#[tokio::test]
async fn services_of_ecs() {
    if !is_there("aws", "awscli") {
        return;
    }
    let (url, ecs) = ecs().await;
    let bench = Bench::of("aws")
        .with("AWS_REGION", "eu-west-1")
        .with("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .with("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG")
        .with("AWS_ENDPOINT_URL", url);
    let rig = bench.rig();
    let last = || ecs.lock().unwrap().asked.iter().rfind(|(action, _)| action == "UpdateService").cloned().unwrap().1;

    let (summary, output) = succeeds(&rig, "service.list environment=staging").await;
    assert_eq!((summary.as_str(), output.as_str()), ("1 services in the cluster staging", "checkout"));
    let (summary, output) = succeeds(&rig, "service.status service=checkout environment=staging").await;
    assert_eq!(summary, "checkout is active, 3 of 3 tasks of shop-checkout:42 run");
    assert!(output.contains("has reached a steady state"), "{output}");
    assert_eq!(ecs.lock().unwrap().asked.last().unwrap().1["cluster"], "staging");
    assert_eq!(succeeds(&rig, "deploy.status service=checkout").await.0, "checkout runs shop-checkout:42");
    let told = rig.told("service.status service=nosuch").await;
    assert_eq!(told, "failed: `aws` knows no service `nosuch` in the cluster `default`");

    let line = "service.scale service=checkout replicas=5 environment=staging";
    let shown = previewed(&rig, line).await;
    assert_eq!(shown.shown.as_deref(), Some("checkout in staging: 3 of 3 tasks of shop-checkout:42 run, 5 after it"));
    assert_eq!(shown.undo.as_deref(), Some("service.scale service=checkout replicas=3 environment=staging"));
    assert_eq!(succeeds(&rig, line).await.0, "checkout runs 5 tasks");
    assert_eq!(last(), json!({ "cluster": "staging", "service": "checkout", "desiredCount": 5 }));
    let (summary, _) = succeeds(&rig, "service.restart service=checkout environment=staging").await;
    assert_eq!(summary, "every task of checkout was replaced, 5 run");
    assert_eq!(last(), json!({ "cluster": "staging", "service": "checkout", "forceNewDeployment": true }));

    let (summary, _) = succeeds(&rig, "deploy.rollback service=checkout environment=staging").await;
    assert_eq!(summary, "checkout runs shop-checkout:41");
    assert_eq!(last()["taskDefinition"], "shop-checkout:41");
    let said = rig.refusal("deploy.rollback service=checkout").await;
    assert_eq!(said, "`shop-checkout` has no active revision before the one that runs", "40 is not there");
    let (summary, _) = succeeds(&rig, "deploy.start service=checkout version=42 environment=staging").await;
    assert_eq!(summary, "checkout runs shop-checkout:42");
    let said = rig.refusal("deploy.start service=checkout version=99 environment=staging").await;
    assert_eq!(said, "`shop-checkout` has no active revision 99");

    let told = rig.told("service.list environment=forbidden").await;
    assert!(told.contains("cannot tell: An error occurred (AccessDeniedException)"), "{told}");
    ecs.lock().unwrap().fails = true;
    let told = rig.told("deploy.rollback service=checkout environment=staging").await;
    assert!(told.ends_with("and the deployment failed: tasks failed to start"), "{told}");
    for line in ["service.status", "service.restart"] {
        refuses_hostile(&rig, line, "service").await;
        // What the program would read from a file or an address.
        for value in ["file:///etc/passwd", "https://example.com"] {
            let line = format!("{line} service={value}");
            let Ok(command) = sayso::domain::parse_typed(&line, &crate::common::CATALOGUE.intents) else { continue };
            assert!(rig.planner.plan(&command, &crate::common::alice()).await.is_err(), "{line}");
        }
    }
}
