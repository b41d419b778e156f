//! How long one turn takes on the console: from the line to the last of its replies, with model, policy, store and host.
//!
//!     RAYON_NUM_THREADS=1 taskset -c 0 cargo bench --bench turn      one core

#![expect(clippy::expect_used, reason = "a bench may fail")]

mod common;

use std::sync::Arc;

use arc_swap::ArcSwap;
use divan::Bencher;
use jiff::SignedDuration;
use sayso::assistant::{Assistant, Knowledge, Manner, Newest, Parts, Possible, Timers, builtins};
use sayso::audit::{AuditLog, Ledger};
use sayso::chat::console::{Console, Style, actor, render};
use sayso::domain::{Clock, Outgoing, People, SystemClock};
use sayso::integrations::{self, Builtins, Executor, Planner, Redactor, Registry, Surroundings};
use sayso::proposal::{Permissions, Policy, ProposalStore, Roles};
use sayso::store::Sqlite;
use tokio::sync::mpsc;

fn main() {
    divan::main();
}

/// An assistant on a store of its own, with what the console needs of it.
struct Chat {
    runtime: tokio::runtime::Runtime,
    assistant: Assistant,
    replies: mpsc::Receiver<Outgoing>,
    console: Console,
    _timers: Timers,
    _folder: tempfile::TempDir,
}

impl Chat {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let catalogue = common::catalogue();
        let understander = common::understander(&catalogue);
        let knowledge = Knowledge { understander, runbooks: catalogue.runbooks };
        let newest: Newest = Arc::new(ArcSwap::from_pointee(knowledge));
        let folder = tempfile::tempdir().expect("a folder");
        let store = runtime.block_on(Sqlite::open(&folder.path().join("sayso.db"), Sqlite::PATIENCE));
        let store = Arc::new(store.expect("a store"));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (proposals, log): (Arc<dyn ProposalStore>, Arc<dyn AuditLog>) = (store.clone(), store.clone());
        let roles: Roles =
            [("operator".to_owned(), vec!["console:*".parse().expect("a pattern")])].into_iter().collect();
        let files: Vec<_> = catalogue.policies.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
        let permissions: Arc<dyn Permissions> = Arc::new(Policy::load(&files, &roles).expect("the shipped policy"));
        let mut actions = Builtins::of_this_machine();
        let possible = Possible::default();
        let people = People::default();
        for (name, builtin) in builtins(&newest, &possible, &proposals, &log, &permissions, &clock, &people) {
            actions.register(name, builtin);
        }
        let (surroundings, redactor) = (Surroundings::here(), Arc::new(Redactor::default()));
        let enabled = Some(vec!["host".to_owned(), "sayso".to_owned()]);
        let config = integrations::Config { enabled, ..integrations::Config::default() };
        let (registry, _) = Registry::new(catalogue.manifests, &config, actions, &surroundings, &redactor);
        let planner = Arc::new(Planner::new(registry, surroundings, Arc::clone(&redactor), Arc::clone(&clock)));
        let ledger: Arc<dyn Ledger> = store.clone();
        let (outbox, replies) = mpsc::channel(256);
        let (alarms, timers) = Timers::new();
        let parts = Parts {
            newest,
            permissions,
            executor: Executor::new(Arc::clone(&planner), Arc::clone(&ledger), Arc::new(())),
            planner,
            redactor,
            proposals,
            ledger,
            conversations: store.clone(),
            messages: store,
            tally: Arc::new(()),
            keeping: None,
            clock: Arc::clone(&clock),
            outbox,
            alarms,
        };
        let manner = Manner {
            name: "sayso".to_owned(),
            expires_after: SignedDuration::from_mins(15),
            people: People::default(),
            announce: Vec::new(),
            max_message: 4_000,
            per_minute: u32::MAX,
        };
        let (_, silent) = mpsc::channel(1);
        let console = Console::new(actor(), Style::Plain, clock, silent);
        Self { runtime, assistant: Assistant::new(parts, manner), replies, console, _timers: timers, _folder: folder }
    }

    /// One turn, and what the console would show.
    fn turn(&mut self, line: &str) -> String {
        let event = self.console.event(line.to_owned());
        self.runtime.block_on(self.assistant.handle(event));
        let mut shown = String::new();
        while let Ok(outgoing) = self.replies.try_recv() {
            shown += &render(&outgoing.reply, 1, Style::Plain);
        }
        shown
    }
}

fn bench(bencher: Bencher<'_, '_>, line: &str, expected: &str) {
    let mut chat = Chat::open();
    let shown = chat.turn(line);
    assert!(shown.contains(expected), "`{line}`: {shown}");
    bencher.bench_local(|| chat.turn(line));
}

/// Understood, allowed, recorded, read from this machine, answered.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn a_read(bencher: Bencher<'_, '_>) {
    bench(bencher, "how full is the disk?", "free");
}

/// Understood, planned, previewed, put before a person.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn a_card(bencher: Bencher<'_, '_>) {
    bench(bencher, &format!("kill process {}", std::process::id()), "process.kill");
}

/// In the typed form, without the model.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn a_typed_read(bencher: Bencher<'_, '_>) {
    bench(bencher, "host.disk", "free");
}

/// No command: nothing is done.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn nothing(bencher: Bencher<'_, '_>) {
    bench(bencher, "don't restart the ledger", "");
}
