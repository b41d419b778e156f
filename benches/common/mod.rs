//! What the benches of understanding and of turns share: the shipped model and data, the organisation of the development
//! set, and an assistant on a store of its own.
#![allow(dead_code)] // Each bench uses a part of it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::SignedDuration;
use sayso::assistant::{Afterwards, Knowledge, Manner, Newest, Parts, Timers, builtins};
use sayso::audit::AuditLog;
use sayso::catalogue::{Catalogue, DataFolders};
use sayso::config::Config;
use sayso::domain::{Clock, Outgoing, People};
use sayso::embedding::{Embedder, Int8Encoder, ModelSource};
use sayso::integrations::{self, Builtins, Executor, Planner, Redactor, Registry, Surroundings};
use sayso::proposal::{Permissions, Policy, ProposalStore, Roles};
use sayso::retrieval::{Document, Passages};
use sayso::store::Sqlite;
use sayso::understanding::{Model, Understander};
use tokio::sync::mpsc;

/// A path in the repository.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What was learned is kept here from one run to the next.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-cache")
}

/// The shipped model on its thread.
pub(crate) fn embedder() -> Embedder {
    let source = ModelSource::Folder(in_repository("models/minilm-l6-ops"));
    let encoder = Int8Encoder::load(&source).expect("the shipped model loads");
    // As many messages may wait as in the program.
    Embedder::start(Box::new(encoder), NonZeroUsize::new(64).expect("more than none")).expect("a thread")
}

/// Everything that is shipped.
pub(crate) fn catalogue() -> Catalogue {
    Catalogue::load(&DataFolders::built_in()).0
}

/// Everything that reads a message, with the organisation's names.
pub(crate) fn understander(catalogue: &Catalogue) -> Arc<Understander> {
    let config =
        Config::load(&in_repository("tests/utterances/harbour/organisation.toml")).expect("the organisation is sound");
    let embedder = embedder();
    let Catalogue { intents, examples, runbooks, lessons, .. } = catalogue;
    let model = Model::load_or_train(Some(&cache()), intents, examples, *lessons, &embedder).expect("a model");
    let documents: Vec<Document<'_>> = runbooks
        .iter()
        .map(|runbook| Document {
            name: &runbook.name,
            title: &runbook.title,
            symptoms: &runbook.symptoms,
            alerts: &runbook.alerts,
            body: &runbook.body,
            first_line: runbook.first_line,
        })
        .collect();
    let passages = Passages::build(&documents, &embedder, Some(&cache())).expect("passages");
    Arc::new(Understander::new(
        intents.clone(),
        config.entities,
        examples,
        model,
        passages,
        embedder,
        config.time.zone.clone(),
    ))
}

/// What an assistant is made of, on a store of its own, and the ends that its caller holds.
pub(crate) struct Rig {
    pub(crate) parts: Parts,
    pub(crate) replies: mpsc::Receiver<Outgoing>,
    pub(crate) timers: Timers,
    pub(crate) store: Arc<Sqlite>,
    pub(crate) folder: tempfile::TempDir,
}

impl Rig {
    /// With these integrations of the catalogue, and those people as operators.
    pub(crate) async fn open(catalogue: Catalogue, enabled: &[&str], operators: &str, clock: &Arc<dyn Clock>) -> Self {
        // Learning waits for the encoder, on a thread on which nothing else is to be done.
        let learning = tokio::task::spawn_blocking(move || (understander(&catalogue), catalogue));
        let (understander, catalogue) = learning.await.expect("what was learned");
        let knowledge = Knowledge { understander, runbooks: catalogue.runbooks.into() };
        let newest: Newest = Arc::new(ArcSwap::from_pointee(knowledge));
        let folder = tempfile::tempdir().expect("a folder");
        let store = Sqlite::open(&folder.path().join("sayso.db"), Sqlite::PATIENCE).await.expect("a store");
        let store = Arc::new(store);
        let (proposals, log): (Arc<dyn ProposalStore>, Arc<dyn AuditLog>) = (store.clone(), store.clone());
        let mut actions = Builtins::of_this_machine();
        let roles: Roles = [("operator".to_owned(), vec![operators.parse().expect("a pattern")])].into_iter().collect();
        let files: Vec<_> = catalogue.policies.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
        let permissions: Arc<dyn Permissions> = Arc::new(Policy::load(&files, &roles).expect("the shipped policy"));
        let (afterwards, people) = (Arc::<Afterwards>::default(), People::default());
        for (name, builtin) in builtins(&newest, &afterwards, &proposals, &log, &permissions, clock, &people) {
            actions.register(name, builtin);
        }
        let (surroundings, redactor) = (Surroundings::here(), Arc::new(Redactor::default()));
        let enabled = Some(enabled.iter().map(ToString::to_string).collect());
        let config = integrations::Config { enabled, ..integrations::Config::default() };
        let (registry, _) = Registry::new(catalogue.manifests, &config, actions, &surroundings, &redactor);
        let planner = Arc::new(Planner::new(registry, surroundings, Arc::clone(&redactor), Arc::clone(clock)));
        let (outbox, replies) = mpsc::channel(256);
        let (alarms, timers) = Timers::new();
        let parts = Parts {
            newest,
            permissions,
            executor: Executor::new(Arc::clone(&planner), store.clone(), Arc::new(())),
            planner,
            redactor,
            proposals,
            ledger: store.clone(),
            conversations: store.clone(),
            messages: store.clone(),
            tally: Arc::new(()),
            keeping: None,
            directory: None,
            desk: None,
            clock: Arc::clone(clock),
            outbox,
            alarms,
        };
        Self { parts, replies, timers, store, folder }
    }
}

/// How an assistant behaves that hears so many messages of a person in a minute.
pub(crate) fn manner(per_minute: u32) -> Manner {
    Manner {
        name: "sayso".to_owned(),
        expires_after: SignedDuration::from_mins(15),
        people: People::default(),
        announce: Vec::new(),
        max_message: 4_000,
        per_minute,
    }
}
