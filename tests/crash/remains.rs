//! What the dead left behind, held against what they had said: in the store, on the record, and in the world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value as Json;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::harness::Home;

/// How far a command was when its process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// There was no command yet.
    Starting,
    /// It was said.
    Asked,
    /// Its card was shown.
    Shown,
    /// Somebody said yes.
    Confirmed,
    /// The end was told.
    Told,
}

/// What was heard.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// How long a start takes.
    pub start: Duration,
    /// How many died at which stage.
    pub deaths: BTreeMap<Stage, usize>,
    stages: BTreeMap<String, Stage>,
    codes: BTreeMap<String, String>,
}

impl Heard {
    pub fn at(&mut self, service: &str, stage: Stage) {
        self.stages.insert(service.to_owned(), stage);
    }

    /// The card of a service, with its code.
    pub fn card(&mut self, service: &str, code: &str) {
        self.at(service, Stage::Shown);
        self.codes.insert(service.to_owned(), code.to_owned());
    }

    /// The code of some card whose end was not told.
    pub fn undecided(&self, any: usize) -> Option<String> {
        let open: Vec<_> = self.codes.iter().filter(|(service, _)| self.stages[*service] < Stage::Told).collect();
        open.get(any % open.len().max(1)).map(|(_, code)| (*code).clone())
    }
}

/// A proposal in the store, with its execution.
struct Kept {
    id: String,
    state: String,
    row: bool,
    /// The status of the closed row.
    outcome: Option<String>,
}

async fn kept(home: &Home) -> BTreeMap<String, Kept> {
    const QUERY: &str = "SELECT p.id, p.state, json_extract(p.body, '$.shown'), e.id IS NOT NULL,
        json_extract(e.outcome, '$.status') FROM proposals p LEFT JOIN executions e ON e.proposal = p.id";
    let options = SqliteConnectOptions::new().filename(home.store()).busy_timeout(Duration::from_secs(20));
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let rows: Vec<(String, String, String, bool, Option<String>)> =
        sqlx::query_as(QUERY).fetch_all(&pool).await.unwrap();
    pool.close().await;
    let kept = rows.into_iter().filter_map(|(id, state, shown, row, outcome)| {
        let service = shown.strip_prefix("service.restart service=")?.to_owned();
        Some((service, Kept { id, state, row, outcome }))
    });
    kept.collect()
}

/// Nothing lost, nothing done twice, nothing feigned, the chain whole; and, at the end, nothing left open. The figures.
pub fn sound(home: &Home, heard: &Heard, end: bool) -> String {
    let verified = home.audit(&["verify"]);
    assert_eq!(verified[0]["whole"], Json::Bool(true), "{verified:?}");

    // The world first: what happens while we look is in the store, then.
    let effects = std::fs::read_to_string(home.path("effects")).unwrap();
    let (mut began, mut done) = (BTreeSet::new(), BTreeSet::new());
    for line in effects.lines() {
        match line.split_once(' ').unwrap() {
            ("began", id) => assert!(began.insert(id), "proposal {id} was executed twice"),
            (_, id) => assert!(done.insert(id), "proposal {id} was executed twice"),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let kept = runtime.block_on(kept(home));
    // And once more, for what came to its end meanwhile.
    let now = std::fs::read_to_string(home.path("effects")).unwrap();

    for (service, stage) in &heard.stages {
        let proposal = kept.get(service).unwrap_or_else(|| panic!("the proposal for {service} is lost: {stage:?}"));
        if *stage == Stage::Told {
            assert_eq!(proposal.state, "succeeded", "{service} was said to be done");
        }
    }
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for (service, Kept { id, state, row, outcome }) in &kept {
        *states.entry(state).or_default() += 1;
        assert!(*row || !began.contains(id.as_str()), "{service} was executed without a row");
        if state == "succeeded" || outcome.as_deref() == Some("succeeded") {
            assert_eq!(outcome.as_deref(), Some("succeeded"), "{service} is {state}");
            assert!(now.contains(&format!("done {id}\n")), "{service} claims success, and was not done");
        }
        if end {
            assert!(!["approved", "executing"].contains(&state.as_str()), "{service} is {state}");
            assert!(!*row || outcome.is_some(), "the row of {service} is open");
            let ran = began.contains(id.as_str());
            assert!(!ran || ["succeeded", "unknown"].contains(&state.as_str()), "{service} ran and is {state}");
        }
    }
    format!(
        "{} proposals: {states:?}; {} executions began, {} of them ended; {} events on record",
        kept.len(),
        began.len(),
        done.len(),
        verified[0]["events"]
    )
}
