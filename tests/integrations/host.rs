//! The shipped manifests of this machine, from the command to what a person reads.

use std::process::Command as Process;

use sayso::domain::OutcomeStatus;
use sayso::integrations::Builtins;

use crate::common::{Parts, Rig};

fn rig() -> Rig {
    Parts { shipped: &["host"], builtins: Builtins::of_this_machine(), ..Parts::default() }.rig()
}

#[tokio::test]
async fn every_read_answers_in_words() {
    let rig = rig();
    for (line, words) in [
        ("host.disk", " full, "),
        ("host.disk path=/", "/ is "),
        ("host.disk host=TESTHOST", " free"),
        ("host.memory host=localhost", " memory in use ("),
        ("host.load", " cores; processors "),
        ("host.uptime", " is up for "),
        ("host.processes", " uses the most cpu, "),
        ("host.processes sort=memory limit=2", " uses the most memory, "),
        ("host.ports", " sockets are listened on"),
        ("host.ports port=1", "nothing listens on port 1"),
    ] {
        let outcome = rig.run(line).await;
        assert_eq!(outcome.status, OutcomeStatus::Succeeded, "{line}: {}", outcome.summary);
        assert!(outcome.summary.contains(words), "{line}: {}", outcome.summary);
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let outcome = rig.run(&format!("host.ports port={port}")).await;
    assert!(
        outcome.summary.ends_with(&format!("(pid {}) listens on port {port}", std::process::id())),
        "{}",
        outcome.summary
    );
    assert!(outcome.output.unwrap().starts_with(" PORT  PROTOCOL  ADDRESS"));
    let table = rig.run("host.processes limit=3").await.output.unwrap();
    assert_eq!(table.lines().count(), 4, "{table}");
    let said = "`host` serves only `localhost` or `127.0.0.1` or `testhost` as `host`, not `db1`";
    assert_eq!(rig.refusal("host.disk host=db1").await, said);
}

#[tokio::test]
async fn a_process_is_shown_and_then_ended() {
    let rig = rig();
    let mut child = Process::new("sleep").arg("601").spawn().unwrap();
    let line = format!("process.kill pid={}", child.id());
    let plan = rig.plan(&line).await.unwrap();
    assert_eq!((plan.runs.as_str(), plan.target.as_str(), plan.local), (line.as_str(), line[17..].as_ref(), true));
    let preview = rig.preview(&line).await.unwrap();
    let (first, second) = preview.split_once('\n').unwrap();
    assert!(first.starts_with(&format!("process {} is sleep of ", child.id())), "{first}");
    assert!(first.contains(", started ") && first.contains(" ago (20") && first.ends_with(" memory"), "{first}");
    assert_eq!(second, "sleep 601");
    assert_eq!(rig.told(&line).await, format!("succeeded: process {} (sleep) has ended", child.id()));
    child.wait().unwrap();
    assert_eq!(rig.refusal(&line).await, format!("`host` finds no process {}", child.id()));
    assert_eq!(rig.refusal("process.kill pid=1").await, "`host` does not end process 1: the machine ends with it");
}

#[tokio::test]
async fn another_process_of_the_same_number_is_left_alone() {
    // A number comes back only after all others were used: here, the identity is what was approved, and differs.
    let rig = rig();
    let mut first = Process::new("sleep").arg("602").spawn().unwrap();
    let approved = rig.approved(&format!("process.kill pid={}", first.id())).await;
    first.kill().unwrap();
    first.wait().unwrap();
    let outcome = rig.execute(approved).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    assert_eq!(outcome.summary, format!("`host` finds no process {}; nothing was done", first.id()));
}

#[tokio::test]
async fn systemd_is_asked_without_a_shell_and_without_options() {
    let config = "integrations.enabled = [\"systemd\"]\nintegrations.systemd.environment = \"staging\"";
    let rig = Parts { shipped: &["systemd"], config, ..Parts::default() }.rig();
    for (line, runs) in [
        ("service.restart service=nginx", "systemctl --no-ask-password restart -- nginx"),
        ("service.stop service=getty@tty1 environment=staging", "systemctl --no-ask-password stop -- getty@tty1"),
        ("service.start service=nginx.service host=localhost", "systemctl --no-ask-password start -- nginx.service"),
    ] {
        let plan = rig.plan(line).await.unwrap();
        assert_eq!((plan.runs.as_str(), plan.local), (runs, true));
    }
    let said = "`systemd` knows no `service` of the form `the checkout`";
    assert_eq!(rig.refusal("service.restart service=\"the checkout\"").await, said);
    let said = "`systemd` serves only `staging` as `environment`, not `production`";
    assert_eq!(rig.refusal("service.restart service=a environment=production").await, said);
}
