//! Docker and Podman: containers, their logs, and taking them down and up.

use std::time::Duration;

use serde_json::Value as Json;

use crate::common::Parts;
use crate::{Server, client, succeeds};

/// What the engine answers to a plain request.
async fn get_unix(socket: &str, path: &str) -> Json {
    let client = client().unix_socket(socket).tls_certs_only([]).build().unwrap();
    let text = client.get(format!("http://localhost{path}")).send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
}

#[tokio::test]
async fn podman() {
    let Some(server) = Server::up("podman", &[]) else { return };
    containers(&server).await;
}

#[tokio::test]
async fn docker() {
    let Some(server) = Server::up("dockerd", &[]) else { return };
    containers(&server).await;
}

async fn containers(server: &Server) {
    let socket = server.var("DOCKER_SOCKET");
    let env = vec![("DOCKER_HOST", server.var("DOCKER_HOST")), ("SAYSO_ENVIRONMENT", "staging".to_owned())];
    let rig = Parts { shipped: &["docker"], env, ..Parts::default() }.rig();
    let inspect =
        async |name: &str| get_unix(&socket, &format!("/v1.41/containers/{name}/json")).await["State"].clone();

    let (summary, output) = succeeds(&rig, "container.list").await;
    assert_eq!(summary, "3 containers, 3 of them running");
    assert!(output.contains("api ") && output.contains("running") && output.contains("bb:1"), "{output}");
    let (summary, output) = succeeds(&rig, "container.list service=web host=testhost environment=staging").await;
    assert_eq!((summary.as_str(), output.lines().count()), ("1 containers, 1 of them running", 2));
    let said = "`docker` serves only `localhost` or `127.0.0.1` or `testhost` as `host`, not `db1`";
    assert_eq!(rig.refusal("container.list host=db1").await, said);

    let (_, output) = succeeds(&rig, "container.logs container=web limit=2").await;
    assert!(output.lines().next().unwrap().ends_with(" web: still here"), "{output:?}");
    let told = rig.told("container.logs container=nosuch").await;
    assert!(told.starts_with("failed: `docker` answered 404 Not Found: ") && told.contains("nosuch"), "{told}");

    let (summary, output) = succeeds(&rig, "service.status service=web").await;
    assert_eq!(summary, "web is running");
    assert!(output.starts_with("web: running, started ") && output.contains(", 0 restarts, image "), "{output}");
    let (summary, output) = succeeds(&rig, "service.list").await;
    assert_eq!((summary.as_str(), output.lines().count()), ("3 services", 3));
    let said = "no container and no compose service is called `nosuch`";
    assert_eq!(rig.refusal("service.restart service=nosuch").await, said);

    let before = inspect("web").await["StartedAt"].clone();
    let preview = rig.preview("service.restart service=web").await.unwrap();
    assert!(preview.starts_with("web (") && preview.contains(") is running, started "), "{preview}");
    assert_eq!(succeeds(&rig, "service.restart service=web environment=staging").await.0, "web was restarted");
    let after = inspect("web").await;
    assert_eq!(after["Running"], true);
    assert_ne!(after["StartedAt"], before);

    assert_eq!(succeeds(&rig, "service.stop service=web").await.0, "web was stopped");
    assert_eq!(inspect("web").await["Running"], false);
    assert_eq!(succeeds(&rig, "service.status service=web").await.0, "web is exited");
    assert_eq!(succeeds(&rig, "service.stop service=web").await.0, "web had stopped already");
    let preview = rig.preview("service.start service=web").await.unwrap();
    assert!(preview.contains(") is exited, ended ") && preview.contains("exit code 0"), "{preview}");
    assert_eq!(succeeds(&rig, "service.start service=web").await.0, "web was started");
    assert_eq!(inspect("web").await["Running"], true);
    assert_eq!(succeeds(&rig, "service.start service=web").await.0, "web was running already");
    assert_eq!(crate::listed(&rig).await, ["docker services: api web worker"]);
    assert_eq!(crate::tried(&rig, "docker").await, "answers container.list");
    // Nothing else was touched.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(inspect("api").await["Running"], true);
}
