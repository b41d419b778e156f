//! This machine, looked at for real.

use std::process::Command as Process;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;

use super::*;
use crate::domain::{Actor, ExecutionId, ProposalId};
use crate::integrations::builtin::Progress;
use crate::integrations::testing::command;

fn builtin(name: &str) -> Arc<dyn Builtin> {
    let mut builtins = Builtins::default();
    register(&mut builtins);
    Arc::clone(builtins.get(name).unwrap())
}

fn cx(identity: Json) -> RunContext {
    RunContext {
        settings: Json::Null,
        identity,
        requester: Actor::new("console", "alice").unwrap(),
        conversation: "console:main".parse().unwrap(),
        proposal: ProposalId::random(),
        execution: ExecutionId::random(),
        now: Timestamp::UNIX_EPOCH,
        progress: Progress::new(mpsc::channel(1).0, Arc::default()),
    }
}

async fn read(line: &str) -> Result<Json, BuiltinError> {
    let command = command(line);
    builtin(command.intent().as_str()).run(&command, &cx(Json::Null)).await
}

#[tokio::test]
async fn the_disk_under_a_path_is_found() {
    let all = read("host.disk").await.unwrap();
    assert!(!all["disks"].as_array().unwrap().is_empty());
    let root = read("host.disk path=/").await.unwrap();
    assert_eq!(root["disks"][0]["mount"], "/");
    assert!(root["fullest"]["total"].as_u64().unwrap() > 0);
    let error = read("host.disk path=/does/not/exist").await.unwrap_err().to_string();
    assert_eq!(error, "cannot look at `/does/not/exist`: No such file or directory (os error 2)");
}

#[tokio::test]
async fn memory_load_and_uptime_are_plausible() {
    let memory = read("host.memory").await.unwrap();
    assert!(memory["used"].as_u64().unwrap() < memory["total"].as_u64().unwrap());
    assert!(!memory["processes"].as_array().unwrap().is_empty());
    let load = read("host.load").await.unwrap();
    assert!(load["cores"].as_u64().unwrap() > 0 && load["one"].as_f64().unwrap() >= 0.0);
    assert!(read("host.uptime").await.unwrap()["seconds"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn processes_are_sorted_and_limited() {
    let found = read("host.processes sort=memory limit=3").await.unwrap();
    let memory: Vec<_> = found["processes"].as_array().unwrap().iter().map(|p| p["memory"].as_u64().unwrap()).collect();
    assert!(memory.len() <= 3 && memory.is_sorted_by(|a, b| a >= b), "{memory:?}");
}

#[tokio::test]
async fn a_listening_port_is_found_with_its_process() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let found = read(&format!("host.ports port={port}")).await.unwrap();
    assert_eq!(found["ports"][0]["pid"], json!(std::process::id()));
    drop(listener);
    assert_eq!(read(&format!("host.ports port={port}")).await.unwrap()["ports"], json!([]));
    assert_eq!(read("host.ports port=70000").await.unwrap_err().to_string(), "knows ports up to 65535 only");
}

#[tokio::test]
async fn a_process_is_ended_and_no_other() {
    let kill = builtin("process.kill");
    let mut child = Process::new("sleep").arg("600").spawn().unwrap();
    let line = command(&format!("process.kill pid={}", child.id()));
    let identity = kill.identify(&line).await.unwrap();
    assert_eq!(identity["name"], "sleep");
    let preview = kill.preview(&line, &identity).await.unwrap();
    assert_eq!(preview["command"], "sleep 600");
    assert!(preview["user"].is_string() && preview["started"].is_string());

    let mut other = identity.clone();
    other["started"] = json!(1);
    let error = kill.run(&line, &cx(other)).await.unwrap_err().to_string();
    assert_eq!(error, format!("finds no process {} (`sleep`) any more; nothing was ended", child.id()));
    assert!(child.try_wait().unwrap().is_none(), "a process that was not meant has ended");

    // The remains of a process that nobody waited for do not count as running.
    let done = kill.run(&line, &cx(identity)).await.unwrap();
    assert_eq!(done["name"], "sleep");
    assert!(!child.wait().unwrap().success());
}

#[tokio::test]
async fn a_process_that_does_not_listen_is_told_of() {
    let kill = builtin("process.kill");
    let mut child = Process::new("sh").args(["-c", "trap '' TERM; while :; do sleep 0.1; done"]).spawn().unwrap();
    // The trap is set a moment after the start.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let line = command(&format!("process.kill pid={}", child.id()));
    let identity = kill.identify(&line).await.unwrap();
    let error = kill.run(&line, &cx(identity)).await.unwrap_err().to_string();
    assert_eq!(error, format!("told process {} (`sh`) to end, and it still runs 5 s later", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn some_processes_are_never_ended() {
    let kill = builtin("process.kill");
    let own = std::process::id();
    for (pid, said) in [
        ("0", "does not end process 0: that is no process".to_owned()),
        ("1", "does not end process 1: the machine ends with it".to_owned()),
        (&own.to_string(), "does not end itself".to_owned()),
        ("4194305", "finds no process 4194305".to_owned()),
        ("4294967295", "finds no process 4294967295".to_owned()),
    ] {
        let error = kill.identify(&command(&format!("process.kill pid={pid}"))).await.unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}
