//! How long one message takes through all stages, and how long it takes to learn from the examples.
//!
//!     RAYON_NUM_THREADS=1 taskset -c 0 cargo bench --bench understand      one core
//!
//! `development_set` takes a new message of `tests/utterances/harbour/commands.jsonl` each time: its median is the p50 of messages.

#![expect(clippy::expect_used, reason = "a bench may fail")]

mod common;

use std::sync::{Arc, LazyLock};

use divan::Bencher;
use jiff::Timestamp;
use sayso::catalogue::Catalogue;
use sayso::domain::{Entities, EntityType, Listed, clean};
use sayso::understanding::{Context, Model, Understander};

const MESSAGES: [&str; 4] = [
    "restart quaymaster",
    "is anything listening on 8080",
    "pls roll tidewatch back to v1.14.2 in preprod, the new one drops half of the requests",
    "thanks, the restart yesterday did help, we will look into the rest of it on monday with the night herons",
];

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(common::catalogue);
static UNDERSTANDER: LazyLock<Arc<Understander>> = LazyLock::new(|| common::understander(&CATALOGUE));

fn main() {
    LazyLock::force(&UNDERSTANDER);
    divan::main();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Everything between a message and its understanding.
fn understand(runtime: &tokio::runtime::Runtime, message: &str) -> sayso::understanding::Understanding {
    let understood =
        runtime.block_on(UNDERSTANDER.understand(&clean(message), &Context::default(), Timestamp::UNIX_EPOCH));
    understood.expect("any message can be understood")
}

#[divan::bench(args = MESSAGES)]
fn message(bencher: Bencher<'_, '_>, message: &str) {
    let runtime = runtime();
    bencher.bench_local(|| understand(&runtime, message));
}

#[divan::bench(sample_count = 400, sample_size = 1)]
fn development_set(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let file =
        std::fs::read_to_string(common::in_repository("tests/utterances/harbour/commands.jsonl")).expect("the set");
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line["text"].as_str().expect("a text").to_owned()
    };
    let messages: Vec<String> = file.lines().map(line).collect();
    let mut messages = messages.iter().cycle();
    bencher.bench_local(|| messages.next().map(|message| understand(&runtime, message)));
}

/// So many names that systems list, as odd as they come.
fn listed(count: usize) -> Entities {
    let mut listed = Listed::default();
    for number in 0..count {
        let name = format!("{:x}-worker-{number}", number.wrapping_mul(2_654_435_761) % 65_521);
        listed.add(EntityType::Service, &name, &[]).expect("a name");
    }
    UNDERSTANDER.entities().with_listed(&listed)
}

/// What it takes until other names are known: nothing is learned.
#[divan::bench(args = [2_000, 20_000])]
fn know(bencher: Bencher<'_, '_>, count: usize) {
    let entities = listed(count);
    bencher.bench_local(|| UNDERSTANDER.knowing(entities.clone()));
}

/// A message with a word that might be a slip of many names.
#[divan::bench(args = [0, 2_000, 20_000])]
fn among_names(bencher: Bencher<'_, '_>, count: usize) {
    let (runtime, understander) = (runtime(), UNDERSTANDER.knowing(listed(count)));
    let message = clean("restart 9e3x-wrker-17 and quaymster, please");
    bencher.bench_local(|| {
        runtime.block_on(understander.understand(&message, &Context::default(), Timestamp::UNIX_EPOCH)).expect("read")
    });
}

#[divan::bench(sample_count = 1, sample_size = 1)]
fn learn(bencher: Bencher<'_, '_>) {
    let embedder = common::embedder();
    let Catalogue { intents, examples, lessons, .. } = &*CATALOGUE;
    bencher.bench_local(|| Model::load_or_train(None, intents, examples, *lessons, &embedder).expect("a model"));
}
