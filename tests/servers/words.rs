//! From plain words to the effect: the program itself, somebody who types badly, and a real server that is asked what became
//! of it.

use serde_json::Value as Json;

use crate::harness::{Chat, Home};
use crate::{Server, client};

#[tokio::test]
async fn a_container_is_restarted() {
    let Some(server) = Server::up("podman", &[]) else { return };
    let socket = server.var("DOCKER_SOCKET");
    let inspect = async || -> Json {
        let client = client().unix_socket(socket.as_str()).tls_certs_only([]).build().unwrap();
        let answer = client.get("http://localhost/v1.41/containers/web/json").send().await.unwrap();
        serde_json::from_str::<Json>(&answer.text().await.unwrap()).unwrap()["State"].clone()
    };
    let home = Home::bare("[integrations]\nenabled = [\"docker\", \"sayso\"]\n");
    let mut start = home.program(&[]);
    start.env("DOCKER_HOST", server.var("DOCKER_HOST")).env("SAYSO_ENVIRONMENT", "staging");
    let mut chat = Chat::start(start);
    chat.ask("is web up?", "web is running");
    let before = inspect().await["StartedAt"].clone();
    // Nobody has told it which services there are but the engine.
    let card = chat.ask("plz restrat web its hanging", "└");
    assert!(card.contains("service.restart service=web") && card.contains("is running, started"), "{card}");
    assert_eq!(inspect().await["StartedAt"], before, "nothing runs without a yes");
    chat.ask("yes", "web was restarted");
    let after = inspect().await;
    assert_eq!(after["Running"], true);
    assert_ne!(after["StartedAt"], before);
    chat.leave();
    let asked = ["proposal_created", "execution_started", "execution_ended"];
    let changed = ["proposal_created", "proposal_confirmed", "execution_started", "execution_ended"];
    assert_eq!(home.trail(), [&asked[..], &changed].concat());
}
