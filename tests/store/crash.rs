//! A real `kill -9`: this test binary starts itself, works on a store, and is killed in the middle.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use sayso::audit::verify_log;
use sayso::proposal::{ProposalStore, State};
use sayso::store::{Sqlite, recover};

use super::support::*;

const STORE: &str = "SAYSO_TEST_STORE";

/// The process that dies: not a test of its own, only started by the one below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn works_until_it_is_killed() {
    let Ok(path) = std::env::var(STORE) else { return };
    let store = Sqlite::open(&PathBuf::from(path), Duration::from_secs(10)).await.unwrap();
    let proposal = running(&store).await;
    pending(&store).await;
    println!("\nrunning {}", proposal.id());
    let mut number = 0;
    loop {
        sayso::audit::Ledger::append(&store, remark(number)).await.unwrap();
        number += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_what_ran_is_unknown_and_never_runs_again() {
    let place = File::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::works_until_it_is_killed", "--exact", "--nocapture"])
        .env(STORE, place.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let running = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("running ")?.parse().ok());
    let running = running.expect("the child has begun");

    // While it lives, its work is its own.
    let store = place.open().await;
    assert_eq!(recover(&store, &intents(), &policy(), noon()).await.unwrap().proposals.len(), 0);
    tokio::time::sleep(Duration::from_millis(50)).await;
    child.kill().unwrap();
    child.wait().unwrap();

    let recovered = recover(&store, &intents(), &policy(), noon()).await.unwrap();
    assert_eq!(recovered.proposals.len(), 2);
    let proposal = store.load(running, &intents()).await.unwrap().unwrap();
    assert_eq!(proposal.state(), State::Unknown);
    let head = verify_log(&store, None).await.unwrap();
    assert!(head.sequence > 5, "{head}");
    let left: Vec<_> = std::fs::read_dir(place.folder())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("-owner-"))
        .collect();
    assert_eq!(left.len(), 1, "only ours: {left:?}");
}
