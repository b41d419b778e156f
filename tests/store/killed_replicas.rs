//! Three processes on one PostgreSQL, one of which is killed with `kill -9`, or stopped and let go on, again and again.
//!
//! `SAYSO_CRASH_ROUNDS` says how often; a few dozen times without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso::audit::{Ledger as _, WhenHalted, verify_log};
use sayso::domain::{MessageId, OutcomeStatus, ProposalId};
use sayso::proposal::{Event, Proposal, ProposalStore as _, State, propose, step};
use sayso::store::{MessageLog as _, Postgres, PostgresUrl, Replicas as _, Store as _, recover};
use sqlx::{PgConnection, Row as _};

use super::postgres::Database;
use super::support::*;

const STORE: &str = "SAYSO_TEST_POSTGRES";
const EFFECTS: &str = "SAYSO_TEST_EFFECTS";
const LEASE: Duration = Duration::from_secs(1);
/// Turns that a process is at, at once.
const TURNS: u64 = 3;

/// A line at the end of a file, on disk when this returns: what has an effect on the world.
fn note(file: &Path, line: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
    file.sync_all().unwrap();
}

/// The process that dies: not a test of its own, only started by the one below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn works_until_it_is_killed() {
    let (Ok(url), Some(effects)) = (std::env::var(STORE), std::env::var_os(EFFECTS)) else { return };
    let url: PostgresUrl = url.parse().unwrap();
    let store = Arc::new(Postgres::open(&url, Duration::from_secs(5), LEASE).await.unwrap());
    let effects = PathBuf::from(effects);
    let living = store.clone();
    tokio::spawn(async move {
        loop {
            let _ = living.renew().await;
            tokio::time::sleep(LEASE / 5).await;
        }
    });
    for turn in 0..TURNS {
        let (store, effects) = (store.clone(), effects.clone());
        tokio::spawn(async move {
            // Everybody hears every message; who was started later begins with the first, too.
            for number in 0.. {
                let message = MessageId { conversation: conversation("main"), message: format!("{turn}-{number}") };
                if store.first_time(&message).await.unwrap_or_default() {
                    // A turn that fails has told so; the next one is another.
                    let _ = one_turn(&store, message, &effects).await;
                }
            }
        });
    }
    loop {
        // What `assistant::watch` does.
        for id in store.due(noon()).await.unwrap_or_default() {
            if let Ok(Some(proposal)) = store.load(id, &intents()).await {
                let _ = saved(&store, step(proposal, Event::Ticked, &policy(), noon())).await;
            }
        }
        if store.any_adrift().await.unwrap_or_default() {
            let _ = recover(&*store, &intents(), &policy(), noon()).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

async fn saved(store: &Postgres, (proposal, deeds): (Proposal, Vec<sayso::proposal::Deed>)) -> Result<Proposal, Fault> {
    for deed in deeds {
        match deed {
            sayso::proposal::Deed::Save(events) => store.save(&proposal, &events).await?,
            sayso::proposal::Deed::Record(event) => store.append(event).await?,
            _ => {}
        }
    }
    Ok(proposal)
}

/// What the assistant and the executor do with a command, from the message to the answer.
async fn one_turn(store: &Postgres, message: MessageId, effects: &Path) -> Result<(), Fault> {
    let mut draft = draft("service.restart service=web");
    draft.message = Some(message);
    let proposal = saved(store, propose(draft, &policy(), noon())).await?;
    note(effects, &format!("saved {}", proposal.id()));
    let press = confirm(&proposal);
    let proposal = saved(store, step(proposal, press, &policy(), noon())).await?;
    let plan = proposal.draft().plan.clone();
    let proposal = saved(store, step(proposal, Event::Planned(plan), &policy(), noon())).await?;
    let opened = store
        .open_execution(proposal.draft().execution, proposal.id(), None, WhenHalted::Refuse, started(&proposal))
        .await;
    let end = match opened {
        Ok(()) => {
            note(effects, &format!("done {}", proposal.id()));
            tokio::time::sleep(Duration::from_millis(20)).await;
            let good = outcome(OutcomeStatus::Succeeded);
            store.close_execution(proposal.draft().execution, &good, noon(), ended(&proposal, &good)).await?;
            good
        }
        Err(_) => outcome(OutcomeStatus::Failed),
    };
    saved(store, step(proposal, Event::Ended(end), &policy(), noon())).await?;
    Ok(())
}

struct Replica(Child);

impl Replica {
    fn start(place: &Database, effects: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["killed_replicas::works_until_it_is_killed", "--exact", "--nocapture"])
            .env(STORE, place.shown())
            .env(EFFECTS, effects)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many unfinished proposals belong to one who is not heard of.
async fn adrift(raw: &mut PgConnection) -> i64 {
    const QUERY: &str = "SELECT count(*) FROM proposals WHERE state IN ('approved', 'executing')
        AND NOT EXISTS (SELECT FROM replicas WHERE id = owner AND lapses > clock_timestamp())";
    sqlx::query_scalar(QUERY).fetch_one(raw).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_killed_nothing_is_lost_and_nothing_done_twice() {
    let Some(place) = Database::make().await else { return };
    let rounds = std::env::var("SAYSO_CRASH_ROUNDS").map_or(24, |rounds| rounds.parse::<usize>().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let effects = folder.path().join("effects");
    std::fs::write(&effects, "").unwrap();
    let mut raw = place.raw().await;
    // The tables are there before the first is killed.
    place.open().await.close().await;
    let mut replicas: Vec<_> = (0..3).map(|_| Replica::start(&place, &effects)).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        // Another moment each time, without chance: a failure can be looked for again.
        tokio::time::sleep(Duration::from_millis(100 + (round as u64 * 37) % 150)).await;
        let replica = &mut replicas[round % 3];
        if round % 4 == 3 {
            // Silent for longer than the others wait, and then it goes on as if nothing had been.
            replica.signal(rustix::process::Signal::STOP);
            tokio::time::sleep(LEASE * 2).await;
            replica.signal(rustix::process::Signal::CONT);
            continue;
        }
        *replica = Replica::start(&place, &effects);
        let begun = Instant::now();
        // Whoever did not lapse yet does so within its lease.
        tokio::time::sleep(LEASE).await;
        while adrift(&mut raw).await > 0 {
            assert!(begun.elapsed() < Duration::from_secs(10), "nobody takes over in round {round}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        longest = longest.max(begun.elapsed());
    }
    drop(replicas);
    tokio::time::sleep(LEASE + Duration::from_millis(100)).await;

    let store = place.open().await;
    recover(&store, &intents(), &policy(), noon()).await.unwrap();
    assert_eq!(adrift(&mut raw).await, 0);
    let head = verify_log(&store, None).await.unwrap();
    let text = std::fs::read_to_string(&effects).unwrap();
    let ids = |word: &str| -> Vec<ProposalId> {
        text.lines().filter_map(|line| line.strip_prefix(word)?.trim().parse().ok()).collect()
    };
    let (said, done) = (ids("saved"), ids("done"));
    let acted: BTreeSet<_> = done.iter().copied().collect();
    assert_eq!(acted.len(), done.len(), "something was done twice");

    let mut states = BTreeMap::new();
    let mut messages = BTreeSet::new();
    let rows = sqlx::query("SELECT id, body::json ->> 'message' AS message FROM proposals").fetch_all(&mut raw).await;
    for row in rows.unwrap() {
        let id: ProposalId = row.get::<String, _>("id").parse().unwrap();
        let proposal = store.load(id, &intents()).await.unwrap().unwrap();
        *states.entry(proposal.state().as_str()).or_insert(0) += 1;
        assert!(messages.insert(row.get::<String, _>("message")), "a message was handled twice");
        match proposal.state() {
            State::Succeeded => assert!(acted.contains(&id), "success without an effect: {id}"),
            State::Failed | State::Pending => assert!(!acted.contains(&id), "an effect of what never began: {id}"),
            State::Unknown => {}
            other => panic!("{id} was left {other}"),
        }
    }
    for id in &said {
        assert!(store.load(*id, &intents()).await.unwrap().is_some(), "{id} was lost");
    }
    let opened: Vec<String> = sqlx::query_scalar("SELECT proposal FROM executions").fetch_all(&mut raw).await.unwrap();
    let opened: BTreeSet<ProposalId> = opened.iter().map(|id| id.parse().unwrap()).collect();
    assert!(acted.is_subset(&opened), "something was done without a row");
    let open: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM executions JOIN proposals ON proposals.id = proposal
        WHERE closed IS NULL AND state <> 'failed'",
    )
    .fetch_one(&mut raw)
    .await
    .unwrap();
    assert_eq!(open, 0, "a row stayed open");
    eprintln!(
        "{rounds} rounds: {} proposals {states:?}, {} effects, {} events, taken over after {longest:?} at the latest",
        messages.len(),
        done.len(),
        head.sequence
    );
    assert!(done.len() > rounds, "hardly anything went on: {}", done.len());
}
