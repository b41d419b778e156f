//! Systems that hold what others run with: secrets, databases, flags, playbooks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};

use crate::description::Description;
use crate::prove::System;
use crate::server::ABSENT;

/// Whether the password was rotated and nobody has looked since: who looks then sees another time than before.
static ROTATED: AtomicBool = AtomicBool::new(false);

fn vault(operation: &str, _: &Json) -> Json {
    match operation {
        "POST /database/rotate-role/{name}" => {
            ROTATED.store(true, Ordering::SeqCst);
            Json::Null
        }
        "GET /database/static-roles/{name}" if ROTATED.swap(false, Ordering::SeqCst) => {
            json!({"data": {"last_vault_rotation": "2026-11-21T05:00:00Z"}})
        }
        _ => Json::Null,
    }
}

#[tokio::test]
async fn vault_sends_what_its_documentation_allows() {
    let env = &[("VAULT_ADDR", "{url}"), ("VAULT_TOKEN", "t0k3n-of-a-test"), ("VAULT_NAMESPACE", "shop")];
    let system = System { manifest: "vault", env, config: "", samples: &[], sense: vault };
    system.prove(Description::of("vault")).await;
}

fn patroni(operation: &str, _: &Json) -> Json {
    match operation {
        // Before and after in one: the first is found as the leader, the second has taken over.
        "GET /cluster" => json!({"pause": ABSENT, "scheduled_switchover": ABSENT, "members": [
            {"name": "db1", "role": "leader", "state": "running", "lag": ABSENT},
            {"name": "db2", "role": "leader", "state": "running"},
            {"name": "db3", "role": "sync_standby", "state": "streaming", "lag": 4096},
            {"name": "db4", "role": "replica", "state": "streaming", "lag": "unknown"}]}),
        "POST /switchover" => json!("Successfully switched over to \"db2\""),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn patroni_sends_what_its_documentation_allows() {
    let system = System {
        manifest: "patroni",
        env: &[
            ("PATRONI_URL", "{url}"),
            ("PATRONI_USER", "bot"),
            ("PATRONI_PASSWORD", "p4ssw0rd-of-a-test"),
            ("PATRONI_DATABASE", "checkout"),
            ("PATRONI_ENVIRONMENT", "staging"),
        ],
        config: "",
        samples: &[],
        sense: patroni,
    };
    system.prove(Description::of("patroni")).await;
}

fn unleash(operation: &str, arguments: &Json) -> Json {
    let environment = arguments["environment"].as_str().unwrap_or("development");
    let rollout = "0f5e2b7c-0c5e-4b3a-9a0e-0b1f3f1c2d3e";
    match operation {
        "GET /projects/{projectId}/features" => json!({"features": {"*": {"name": "new-checkout", "archived": false}}}),
        "GET /projects/{projectId}/features/{featureName}" => {
            json!({"archived": false, "stale": false, "environments": {
            "0": {"name": environment, "enabled": false,
                "strategies": {"0": {"name": "flexibleRollout", "id": rollout, "parameters": {"rollout": "10"}}}},
            "1": {"name": "another"}}})
        }
        "GET /projects/{projectId}/features/{featureName}/environments/{environment}/strategies" => {
            json!({"0": {"name": "flexibleRollout", "id": rollout}, "1": {"name": "userWithId"}})
        }
        _ => Json::Null,
    }
}

#[tokio::test]
async fn unleash_sends_what_its_source_allows() {
    let env = &[("UNLEASH_URL", "{url}"), ("UNLEASH_TOKEN", "t0k3n-of-a-test")];
    let system = System { manifest: "unleash", env, config: "", samples: &[], sense: unleash };
    system.prove(Description::of("unleash")).await;
}

fn awx(operation: &str, arguments: &Json) -> Json {
    match operation {
        "GET /job_templates/" => json!({"results": {"0": {"name": arguments["playbook"], "job_type": "run"}}}),
        "GET /inventories/" => json!({"results": {"0": {"name": arguments["environment"]}}}),
        "POST /job_templates/{id}/launch/" => json!({"job": 17, "id": 17, "ignored_fields": {"name": ABSENT}}),
        "GET /jobs/{id}/" => json!({"id": 17, "status": "successful"}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn awx_sends_what_its_documentation_allows() {
    let env = &[("AWX_URL", "{url}"), ("AWX_TOKEN", "t0k3n-of-a-test")];
    let system = System { manifest: "awx", env, config: "", samples: &[], sense: awx };
    system.prove(Description::of("awx")).await;
}

/// Whether the app was stopped, and how often its slots were swapped.
static APP: Mutex<(bool, u32)> = Mutex::new((false, 0));

fn azure(operation: &str, _: &Json) -> Json {
    let mut app = APP.lock().unwrap();
    match operation.split(' ').next_back().and_then(|path| path.rsplit('/').next()) {
        Some("stop") => app.0 = true,
        Some("start") => app.0 = false,
        Some("slotsswap") => app.1 += 1,
        Some("token") => return json!({"access_token": "t0k3n-that-was-handed-out"}),
        _ if operation.starts_with("GET") => {
            let swapped = format!("2026-11-20T{:02}:{:02}:00Z", app.1 / 60, app.1 % 60);
            let state = if app.0 { "Stopped" } else { "Running" };
            let status =
                json!({"timestampUtc": swapped, "sourceSlotName": "staging", "destinationSlotName": "production"});
            let site = json!({"state": state, "slotSwapStatus": status, "lastModifiedTimeUtc": "2026-11-20T00:00:00Z"});
            return if operation.ends_with("/sites") {
                json!({"value": {"*": {"properties": site}}})
            } else {
                json!({"properties": site})
            };
        }
        _ => {}
    }
    Json::Null
}

#[tokio::test]
async fn azure_sends_what_its_specification_allows() {
    let system = System {
        manifest: "azure",
        env: &[
            ("AZURE_RESOURCE_MANAGER_URL", "{url}"),
            ("AZURE_TOKEN_URL", "{url}/7a3b/oauth2/v2.0/token"),
            ("AZURE_CLIENT_ID", "sayso"),
            ("AZURE_CLIENT_SECRET", "s3cret-of-a-test"),
            ("AZURE_SUBSCRIPTION_ID", "00000000-0000-4000-8000-000000000000"),
            ("AZURE_RESOURCE_GROUP", "shop"),
        ],
        config: "",
        samples: &[("environment", &["staging", "production"]), ("from", &["staging"]), ("to", &["production"])],
        sense: azure,
    };
    system.prove(Description::of("azure")).await;
}
