//! Putting the rooms together, from the configuration and the data folders.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::SignedDuration;
use tokio::sync::mpsc;

use super::Failure;
use super::reload::Stamps;
use super::store::{forget_old, open_store};
use super::traces::Traces;
use crate::assistant::{Afterwards, Assistant, Keeping, Knowledge, Manner, Newest, Parts, Timers, builtins};
use crate::audit::{AuditLog, Ledger};
use crate::catalogue::{Catalogue, DataFolders, Diagnostic, Severity};
use crate::config::{Config, find_folders, state_folder};
use crate::domain::{Clock, Directory, IncidentLog, Listed, Memberships, Outgoing, Rota, SystemClock, Tally};
use crate::embedding::{self, Embedder, EmbeddingError, ModelSource};
use crate::integrations::{
    self, Builtins, Executor, Limits, Lists, OnCallDesk, Planner, Redactor, Registry, Surroundings, incident_builtins,
};
use crate::proposal::{Permissions, Policy, ProposalStore, Roles};
use crate::retrieval::{Document, Passages};
use crate::server::Metrics;
use crate::store::{Store, recover};
use crate::understanding::{Model, Understander};

/// Messages that may wait for the model.
const MODEL_QUEUE: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// Replies that may wait to be shown.
const OUTBOX: usize = 256;

/// The model that is built into the binary.
static BUILT_IN_MODEL: &[(&str, &[u8])] = &[
    ("manifest.toml", include_bytes!("../../models/minilm-l6-ops/manifest.toml")),
    ("model.safetensors", include_bytes!("../../models/minilm-l6-ops/model.safetensors")),
    ("tokenizer.json", include_bytes!("../../models/minilm-l6-ops/tokenizer.json")),
    ("config.json", include_bytes!("../../models/minilm-l6-ops/config.json")),
];

/// The configuration and the data folders, read and free of errors.
pub(super) struct Data {
    pub(super) config: Config,
    pub(super) catalogue: Catalogue,
    pub(super) folders: DataFolders,
    /// What the files of the folders looked like before they were read.
    pub(super) seen: Stamps,
    /// Knows the secrets as they are found.
    pub(super) redactor: Arc<Redactor>,
    /// Where spans go.
    pub(super) traces: Traces,
}

/// Reads everything; all findings come along, errors and warnings.
pub(super) fn read(named: Option<&Path>) -> (Option<Data>, Vec<Diagnostic>) {
    let path = Config::find(named);
    let config = match path.as_deref().map(Config::load) {
        None => Config::default(),
        Some(Ok(config)) => config,
        Some(Err(faults)) => return (None, faults),
    };
    let folders = find_folders(path.as_deref());
    let seen = Stamps::of(&folders);
    let (catalogue, findings) = read_folders(&config, &folders);
    (Some(Data { config, catalogue, folders, seen, redactor: Arc::default(), traces: Traces::default() }), findings)
}

/// Reads the folders and holds them against the configuration; all findings come along.
pub(super) fn read_folders(config: &Config, folders: &DataFolders) -> (Catalogue, Vec<Diagnostic>) {
    let (catalogue, mut findings) = Catalogue::load(folders);
    let names: Vec<&str> = catalogue.manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    findings.extend(config.check_names(&catalogue.intents, &names));
    if let Err(faults) = policy(config, &catalogue) {
        findings.extend(faults);
    }
    findings.sort();
    findings.dedup();
    (catalogue, findings)
}

/// Reads everything, or says every error.
pub(super) fn load(named: Option<&Path>) -> Result<Data, Failure> {
    let (data, findings) = read(named);
    let mut errors = findings.iter().filter(|finding| finding.severity == Severity::Error).peekable();
    match data {
        Some(data) if errors.peek().is_none() => {
            let traces = super::log::start(&data.config.log, &data.redactor)?;
            Ok(Data { traces, ..data })
        }
        _ => {
            errors.for_each(|error| eprintln!("{error}"));
            Err(Failure::Told)
        }
    }
}

pub(super) fn policy(config: &Config, catalogue: &Catalogue) -> Result<Policy, Vec<Diagnostic>> {
    let roles: Roles = config.roles.iter().map(|(name, patterns)| (name.clone(), patterns.clone())).collect();
    let files: Vec<(String, String)> =
        catalogue.policies.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
    let policy = Policy::load(&files, &roles).map_err(|faults| {
        faults
            .into_iter()
            .map(|fault| Diagnostic {
                file: fault.file,
                line: Some(fault.line),
                column: Some(fault.column),
                severity: Severity::Error,
                message: fault.message,
                hint: fault.hint,
            })
            .collect::<Vec<_>>()
    })?;
    Ok(policy.in_zone(config.time.zone.clone()).with_people(config.people.clone()).with_halters(config.halters.clone()))
}

/// Loads the encoder and starts its thread. Blocking.
pub(super) fn embedder(data: &Data) -> Result<Embedder, Failure> {
    let shipped =
        data.folders.models.as_ref().map(|models| models.join("minilm-l6-ops")).filter(|folder| folder.is_dir());
    let source = match data.config.model.path.clone().or(shipped) {
        Some(folder) => ModelSource::Folder(folder),
        None => ModelSource::BuiltIn(BUILT_IN_MODEL),
    };
    let encoder = embedding::load(&source, data.config.model.precision).map_err(|error| Failure::of(&error))?;
    Embedder::start(encoder, MODEL_QUEUE).map_err(|error| Failure::of(&error))
}

/// The folder for what can be computed again.
pub(super) fn cache() -> Option<PathBuf> {
    std::env::var_os("SAYSO_CACHE").map(PathBuf::from).or_else(|| Some(state_folder().ok()?.join("cache")))
}

/// Loads the encoder, and learns from the examples or reads what was learned before. Blocking.
pub(super) fn understander(data: &Data, embedder: &Embedder) -> Result<Arc<Understander>, Failure> {
    let catalogue = &data.catalogue;
    if cache().is_none_or(|cache| !Model::is_cached(&cache, catalogue.lessons, embedder)) {
        eprintln!("learning from {} examples; this happens once …", catalogue.examples.len());
    }
    learn(&data.config, catalogue, embedder).map_err(|error| Failure::of(&error))
}

/// Learns from a catalogue, or reads what was learned from it before. Blocking.
pub(super) fn learn(
    config: &Config,
    catalogue: &Catalogue,
    embedder: &Embedder,
) -> Result<Arc<Understander>, EmbeddingError> {
    let cache = cache();
    let Catalogue { intents, examples, lessons, .. } = catalogue;
    let model = Model::load_or_train(cache.as_deref(), intents, examples, *lessons, embedder)?;
    let documents: Vec<Document<'_>> = catalogue
        .runbooks
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
    let passages = Passages::build(&documents, embedder, cache.as_deref())?;
    Ok(Arc::new(Understander::new(
        intents.clone(),
        config.entities.clone(),
        examples,
        model,
        passages,
        embedder.clone(),
        config.time.zone.clone(),
    )))
}

/// What the configuration says of systems.
pub(super) fn configured(config: &Config, memberships: &Arc<Memberships>) -> integrations::Config {
    integrations::Config {
        enabled: config.integrations.enabled.clone(),
        values: config.integrations.settings.clone(),
        bindings: config.bindings.iter().map(|(intent, name)| (intent.to_string(), name.clone())).collect(),
        // Whose credentials are used does not change with the guard.
        roles: config
            .roles
            .iter()
            .filter(|(role, _)| !config.on_call.contains_key(*role))
            .map(|(role, members)| (role.clone(), members.clone()))
            .collect(),
        memberships: Arc::clone(memberships),
        limits: Limits { output_bytes: config.limits.output_bytes, timeout: config.limits.timeout },
        files: state_folder().ok().map(|state| state.join("files")),
    }
}

/// What systems list, as far as it is remembered.
async fn remembered_lists(planner: &Arc<Planner>, tally: &Arc<dyn Tally>) -> Result<Arc<Lists>, Failure> {
    let (planner, tally) = (Arc::clone(planner), Arc::clone(tally));
    let lists = tokio::task::spawn_blocking(move || Lists::new(planner, lists_folder(), tally));
    lists.await.map(Arc::new).map_err(|error| Failure::of(&error))
}

/// Where what systems list is remembered.
pub(super) fn lists_folder() -> Option<PathBuf> {
    state_folder().ok().map(|state| state.join("lists"))
}

/// A running assistant with the ends that the caller holds.
pub(super) struct Running {
    pub(super) assistant: Arc<Assistant>,
    pub(super) replies: mpsc::Receiver<Outgoing>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: Arc<dyn Store>,
    pub(super) metrics: Arc<Metrics>,
    lists: Arc<Lists>,
    stop: tokio::sync::oneshot::Sender<()>,
    timers: tokio::task::JoinHandle<()>,
    traces: Traces,
}

impl Running {
    /// Reads what systems list, from now on until it is aborted.
    pub(super) fn listing(&self) -> tokio::task::JoinHandle<()> {
        let (assistant, lists) = (Arc::clone(&self.assistant), Arc::clone(&self.lists));
        tokio::spawn(async move {
            let (tell, mut told) = tokio::sync::watch::channel(Listed::default());
            let knowing = async {
                while told.changed().await.is_ok() {
                    let (assistant, listed) = (Arc::clone(&assistant), told.borrow_and_update().clone());
                    // Thousands of names take milliseconds to prepare: not on a thread that others wait for.
                    if let Err(panic) = tokio::task::spawn_blocking(move || assistant.know(listed)).await {
                        tracing::error!(%panic, "what systems list could not be taken in");
                    }
                }
            };
            tokio::join!(lists.keep(|listed| drop(tell.send_replace(listed))), knowing);
        })
    }

    /// Waits for what still runs, and then ends what goes on by itself: until then, other replicas must hear of this one.
    /// What is left to close is the store.
    #[must_use]
    pub(super) async fn shut_down(self) -> Arc<dyn Store> {
        self.assistant.parts().executor.shut_down().await;
        let _ = self.stop.send(());
        let _ = self.timers.await;
        self.traces.finish().await;
        self.store
    }
}

/// Makes the assistant, and ends what the process before left behind.
pub(super) async fn start(data: Data, understander: Arc<Understander>) -> Result<Running, Failure> {
    start_among(data, understander, Arc::default(), None).await
}

/// The same, where a platform knows people's groups.
pub(super) async fn start_among(
    data: Data,
    understander: Arc<Understander>,
    memberships: Arc<Memberships>,
    directory: Option<Arc<dyn Directory>>,
) -> Result<Running, Failure> {
    data.traces.begin();
    let redactor = Arc::clone(&data.redactor);
    let store = open_store(&data.config, &redactor).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keep_for = forget_old(&data.config, store.as_ref(), clock.now()).await?;
    let policy = policy(&data.config, &data.catalogue).map_err(|faults| {
        faults.iter().for_each(|fault| eprintln!("{fault}"));
        Failure::Told
    })?;
    let rota = Arc::<Rota>::default();
    let on_call = data.config.on_call.clone();
    let policy = policy.among(Arc::clone(&memberships)).with_duty(on_call.clone(), Arc::clone(&rota));
    let permissions: Arc<dyn Permissions> = Arc::new(policy);
    let metrics = Arc::new(Metrics::default());
    let tally: Arc<dyn Tally> = metrics.clone();
    let surroundings = Surroundings::here();
    let proposals: Arc<dyn ProposalStore> = store.clone();
    let log: Arc<dyn AuditLog> = store.clone();
    let knowledge = Knowledge { understander: Arc::clone(&understander), runbooks: data.catalogue.runbooks.into() };
    let newest: Newest = Arc::new(ArcSwap::from_pointee(knowledge));
    let mut actions = Builtins::of_this_machine();
    let afterwards = Arc::<Afterwards>::default();
    let people = &data.config.people;
    for (name, builtin) in builtins(&newest, &afterwards, &proposals, &log, &permissions, &clock, people) {
        actions.register(name, builtin);
    }
    let incidents: Arc<dyn IncidentLog> = store.clone();
    for (name, builtin) in incident_builtins(&incidents, people) {
        actions.register(name, builtin);
    }
    let configured = configured(&data.config, &memberships);
    let (registry, faults) = Registry::new(data.catalogue.manifests, &configured, actions, &surroundings, &redactor);
    if faults.iter().any(|fault| fault.severity == Severity::Error) {
        faults.iter().for_each(|fault| eprintln!("{fault}"));
        return Err(Failure::Told);
    }
    let implemented = understander.intents().iter().map(|intent| &intent.name).filter(|name| registry.implements(name));
    // Nobody else sets it.
    let _ = afterwards.possible.set(implemented.cloned().collect());
    let planner = Arc::new(Planner::new(registry, surroundings, Arc::clone(&redactor), Arc::clone(&clock)));
    let desk = (!on_call.is_empty())
        .then(|| Arc::new(OnCallDesk::new(Arc::clone(&planner), on_call.into_values().collect(), rota)));
    if let Some(desk) = &desk {
        let _ = afterwards.desk.set(Arc::clone(desk));
        // What was left behind is judged again.
        desk.look_up().await;
    }
    let ledger: Arc<dyn Ledger> = store.clone();
    let executor = Executor::new(Arc::clone(&planner), Arc::clone(&ledger), Arc::clone(&tally));
    let (outbox, replies) = mpsc::channel(OUTBOX);
    let (alarms, timers) = Timers::new();
    let left = recover(store.as_ref(), understander.intents(), permissions.as_ref(), clock.now())
        .await
        .map_err(|error| Failure::of(&error))?;
    let lists = remembered_lists(&planner, &tally).await?;
    let parts = Parts {
        newest,
        permissions,
        planner,
        executor,
        redactor,
        proposals,
        ledger,
        conversations: store.clone(),
        messages: store.clone(),
        tally,
        keeping: data.config.learning.keep_messages.then(|| Keeping { log: store.clone(), keep_for }),
        directory,
        desk,
        clock: Arc::clone(&clock),
        outbox,
        alarms,
    };
    let manner = Manner {
        name: data.config.chat.name.clone(),
        expires_after: SignedDuration::try_from(data.config.proposal.expires_after)
            .unwrap_or(SignedDuration::from_mins(15)),
        people: data.config.people.clone(),
        announce: data.config.chat.announce.clone(),
        max_message: data.config.limits.message_bytes,
        per_minute: data.config.limits.messages_per_minute,
    };
    let assistant = Arc::new(Assistant::new(parts, manner));
    assistant.know(lists.listed());
    assistant.resume(left).await;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let stopped = async {
        let _ = stopped.await;
    };
    let timers = tokio::spawn({
        let (assistant, store) = (Arc::clone(&assistant), Arc::clone(&store));
        async move {
            match store.replicas() {
                Some(replicas) => {
                    // Alarms are for those that are alone.
                    drop(timers);
                    assistant.keep_watch(store.as_ref(), replicas, stopped).await;
                }
                None => timers.run(assistant, stopped).await,
            }
        }
    });
    Ok(Running { assistant, replies, clock, store, metrics, lists, stop, timers, traces: data.traces })
}
