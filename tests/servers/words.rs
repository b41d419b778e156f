//! From plain words to the effect: the program itself, somebody who types badly, and a real server that is asked what became
//! of it.

use std::process::Command as Process;

use serde_json::Value as Json;

use crate::harness::{Chat, Home};
use crate::icinga::Plain;
use crate::{Server, client, get};

/// What is on record of a read, and of a change that was confirmed.
const ASKED: &[&str] = &["proposal_created", "execution_started", "execution_ended"];
const CHANGED: &[&str] = &["proposal_created", "proposal_confirmed", "execution_started", "execution_ended"];

/// A home in which these systems are enabled.
fn home(systems: &[&str], more: &str) -> Home {
    Home::bare(&format!("[integrations]\nenabled = {systems:?}\n{more}"))
}

/// A conversation where the environment has these variables.
fn chat(home: &Home, environment: &[(&str, String)]) -> Chat {
    let mut start = home.program(&[]);
    start.envs(environment.iter().map(|(name, value)| (*name, value)));
    Chat::start(start)
}

#[tokio::test]
async fn a_container_is_restarted() {
    let Some(server) = Server::up("podman", &[]) else { return };
    let socket = server.var("DOCKER_SOCKET");
    let inspect = async || -> Json {
        let client = client().unix_socket(socket.as_str()).tls_certs_only([]).build().unwrap();
        let answer = client.get("http://localhost/v1.41/containers/web/json").send().await.unwrap();
        serde_json::from_str::<Json>(&answer.text().await.unwrap()).unwrap()["State"].clone()
    };
    let home = home(&["docker", "sayso"], "");
    let environment = [("DOCKER_HOST", server.var("DOCKER_HOST")), ("SAYSO_ENVIRONMENT", "staging".to_owned())];
    let mut chat = chat(&home, &environment);
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
    assert_eq!(home.trail(), [ASKED, CHANGED].concat());
}

#[tokio::test]
async fn what_fires_is_silenced_and_heard_again() {
    let ports = [("PROMETHEUS_PORT", "19490"), ("ALERTMANAGER_PORT", "19493"), ("NODE_EXPORTER_PORT", "19500")];
    let Some(server) = Server::up("prometheus", &ports) else { return };
    let silences = async || {
        let all = get(&format!("{}/api/v2/silences", server.var("ALERTMANAGER_URL"))).await;
        let states =
            all.as_array().unwrap().iter().map(|silence| silence["status"]["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>()
    };
    let home = home(&["prometheus", "alertmanager", "sayso"], "");
    let mut chat = chat(&home, &["PROMETHEUS_URL", "ALERTMANAGER_URL"].map(|name| (name, server.var(name))));
    chat.ask("whats firing rn?", "AlwaysFiring");
    let card = chat.ask("pls silnce AlwaysFiring for 2 hrs, its known noise", "└");
    assert!(card.contains("alert.silence alert=AlwaysFiring duration=PT2H"), "{card}");
    assert_eq!(silences().await, [""; 0], "nothing runs without a yes");
    chat.ask("ok do it", "AlwaysFiring is silent until");
    assert_eq!(silences().await, ["active"]);
    chat.ask("undo", "└");
    assert_eq!(silences().await, ["active"]);
    chat.ask("yes", "1 silence of AlwaysFiring ended");
    assert_eq!(silences().await, ["expired"]);
    chat.leave();
    assert_eq!(home.trail(), [ASKED, CHANGED, CHANGED].concat());
}

#[tokio::test]
async fn a_problem_is_acknowledged() {
    let Some(server) = Server::up("icinga2", &[("ICINGA2_PORT", "19567")]) else { return };
    let plain = Plain::of(&server);
    let environment = [
        ("ICINGA_URL", server.var("ICINGA2_URL")),
        ("ICINGA_CA", server.var("ICINGA2_CA_FILE")),
        ("ICINGA_USER", "root".to_owned()),
        ("ICINGA_PASSWORD", "icinga-pw".to_owned()),
    ];
    let home = home(&["icinga", "sayso"], "");
    let mut chat = chat(&home, &environment);
    chat.ask("is db1 ok??", "db1/http  critical");
    let card = chat.ask("can u ack db1/http, im on it", "└");
    assert!(card.contains("alert.acknowledge alert=db1/http") && card.contains("connection refused"), "{card}");
    assert_eq!(plain.check("db1!http").await["acknowledgement"], 0.0);
    chat.ask("go ahead", "db1/http is acknowledged until it recovers");
    assert_eq!(plain.check("db1!http").await["acknowledgement"], 2.0);
    assert_eq!(plain.check("db1!disk").await["acknowledgement"], 0.0);
    chat.leave();
    assert_eq!(home.trail(), [ASKED, CHANGED].concat());
}

#[tokio::test]
async fn a_cache_is_emptied() {
    const PORT: &str = "19479";
    /// The team lets operators do this alone in staging.
    const POLICY: &str = r#"@id("operators-flush-what-is-not-production")
permit (principal in Role::"operator", action == Action::"confirm", resource == Command::"cache.flush")
when { principal == resource.requester && !resource.production };
"#;
    let Some(_server) = Server::up("redis", &[("REDIS_PORT", PORT)]) else { return };
    let cli = |arguments: &[&str]| {
        let output = Process::new("redis-cli").args(["-p", PORT]).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    cli(&["-n", "3", "set", "a", "1"]);
    cli(&["set", "kept", "1"]);
    let home = home(&["redis", "sayso"], "[integrations.redis.caches]\ncheckout = { database = 3 }\n");
    home.write("policies/default.cedar", include_str!("../../policies/default.cedar"));
    home.write("policies/schema.cedarschema", include_str!("../../policies/schema.cedarschema"));
    home.write("policies/staging.cedar", POLICY);
    let environment = [("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", PORT), ("REDIS_ENVIRONMENT", "staging")]
        .map(|(k, v)| (k, v.to_owned()));
    let mut chat = chat(&home, &environment);
    let card = chat.ask("flsuh the checkout cache in staging plz", "└");
    assert!(card.contains("destructive") && card.contains("1 key in database 3"), "{card}");
    assert_eq!(cli(&["-n", "3", "keys", "*"]), "a", "nothing runs without a yes");
    chat.ask("do it", "the cache of checkout had 1 key and has 0 now");
    assert_eq!((cli(&["-n", "3", "keys", "*"]), cli(&["keys", "*"])), (String::new(), "kept".to_owned()));
    chat.leave();
    assert_eq!(home.trail(), CHANGED);
}

#[test]
fn a_playbook_is_run() {
    const SITE: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: leave a note\n      \
                        ansible.builtin.copy: { dest: '{{ playbook_dir }}/note', content: hello }\n";
    if Process::new("ansible-playbook").arg("--version").output().is_err() {
        eprintln!("skipped: there is no `ansible-playbook` (Debian's `ansible-core`)");
        return;
    }
    let home = home(&["ansible", "sayso"], "[entities.playbook]\nsite = []\n");
    home.write("play/site.yml", SITE);
    home.write("play/hosts", "[web]\nweb1 ansible_connection=local\n");
    home.write("play/ansible.cfg", "[defaults]\ninventory = hosts\ninterpreter_python = auto_silent\n");
    let note = home.path("play/note");
    let mut chat = chat(&home, &[("SAYSO_ANSIBLE_FOLDER", home.path("play").display().to_string())]);
    let card = chat.ask("go ahead an run the site playbok", "└");
    assert!(card.contains("playbook.run playbook=site") && card.contains("leave a note"), "{card}");
    assert!(!note.exists(), "nothing runs without a yes");
    chat.ask("yep", "site changed something on 1 of 1 hosts");
    assert_eq!(std::fs::read_to_string(note).unwrap(), "hello");
    chat.leave();
    assert_eq!(home.trail(), CHANGED);
}
