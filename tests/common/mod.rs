//! What the tests of the integration layer share: an executor over manifests written in the test, approvals from the real
//! state machine, and a ledger that remembers.
#![allow(dead_code)] // Each test program uses a part of it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use sayso::audit::{AuditEvent, Fact, Halt, Ledger, LedgerError, WhenHalted};
use sayso::catalogue::{Catalogue, DataFolders, Manifest};
use sayso::domain::{
    Actor, Clock, Command, ConversationId, Digest, ExecutionId, Outcome, ProposalId, SystemClock, parse_typed,
};
use sayso::integrations::{
    Builtins, Config, Executor, Limits, Plan, PlanError, Planner, Redactor, Registry, Surroundings,
};
use sayso::proposal::approval::Approved;
use sayso::proposal::{self, Decision, Deed, Draft, Event, Permissions, Provenance, Query, Target};
use tokio::sync::mpsc;

/// Everything that ships.
pub(crate) static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::load(&DataFolders::built_in()).0);

/// A command from its typed form.
pub(crate) fn command(line: &str) -> Command {
    parse_typed(line, &CATALOGUE.intents).unwrap()
}

/// Everybody may do everything.
struct Anything;

impl Permissions for Anything {
    fn decide(&self, _: &Query<'_>) -> Decision {
        Decision { allowed: true, rule: "test".to_owned(), errors: Vec::new(), on_call: None }
    }

    fn may_halt(&self, _: &Actor) -> bool {
        true
    }

    fn version(&self) -> Digest {
        Digest::of([])
    }
}

/// Ids of a proposal and its one execution.
pub(crate) type Ids = (ProposalId, ExecutionId);

/// Who asks.
pub(crate) fn alice() -> Actor {
    "console:alice".parse().unwrap()
}

/// What the state machine lets through once alice has said yes to the plan with this digest.
pub(crate) fn approve(command: &Command, digest: Digest, (id, execution): Ids) -> Approved<Command> {
    let alice = alice();
    let conversation = ConversationId { platform: "console".to_owned(), channel: "main".to_owned() };
    let now = SystemClock.now();
    let plan = proposal::Plan { digest, ..proposal::Plan::nothing() };
    let draft = Draft {
        id,
        execution,
        conversation: conversation.clone(),
        message: None,
        requester: alice.clone(),
        command: command.clone(),
        shown: command.to_string(),
        target: Target { name: "a test".to_owned(), local: true, production: false },
        plan: plan.clone(),
        reason: None,
        provenance: Provenance::default(),
        expires: now + jiff::SignedDuration::from_mins(15),
    };
    let (mut proposal, mut deeds) = proposal::propose(draft, &Anything, now);
    for _ in 0..4 {
        let mut next = None;
        for deed in deeds {
            match deed {
                Deed::Execute(approved) => return *approved,
                Deed::PlanAgain => next = Some(Event::Planned(plan.clone())),
                Deed::Say(proposal::Notice::Asked) => {
                    next = Some(Event::Pressed {
                        actor: alice.clone(),
                        choice: sayso::domain::ChoiceKind::Confirm,
                        shown: proposal.digest(),
                        conversation: conversation.clone(),
                        reason: None,
                    });
                }
                Deed::Save(_) | Deed::Record(_) | Deed::Say(_) | Deed::WakeAt(_) | Deed::Stop(_) => {}
            }
        }
        let event = next.expect("a deed that goes on");
        (proposal, deeds) = proposal::step(proposal, event, &Anything, now);
    }
    panic!("the machine does not let `{command}` through")
}

/// What happened, in order: rows, and what tests add.
pub(crate) type Log = Arc<Mutex<Vec<String>>>;

/// A ledger that remembers, or refuses.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) log: Log,
    pub(crate) events: Mutex<Vec<AuditEvent>>,
    opened: Mutex<Vec<ProposalId>>,
    halt: Mutex<Option<Halt>>,
    /// Whether nothing can be written.
    pub(crate) broken: Mutex<bool>,
}

impl Memory {
    /// Nothing was ever written.
    pub(crate) fn forget(&self) {
        self.log.lock().unwrap().clear();
        self.events.lock().unwrap().clear();
        self.opened.lock().unwrap().clear();
    }

    fn write(&self, event: AuditEvent) -> Result<(), LedgerError> {
        if *self.broken.lock().unwrap() {
            let source = Box::new(std::io::Error::other("disk full"));
            return Err(LedgerError::Unwritable { reason: "the disk is full".to_owned(), source });
        }
        let entry = match &event.fact {
            Fact::ExecutionStarted { runs, .. } => format!("started {runs}"),
            Fact::ExecutionEnded { status, .. } => format!("ended {}", status.as_str()),
            other => format!("{other:?}"),
        };
        self.log.lock().unwrap().push(entry);
        self.events.lock().unwrap().push(event);
        Ok(())
    }
}

#[async_trait]
impl Ledger for Memory {
    async fn append(&self, event: AuditEvent) -> Result<(), LedgerError> {
        self.write(event)
    }

    async fn open_execution(
        &self,
        _: ExecutionId,
        proposal: ProposalId,
        _: Option<&str>,
        when_halted: WhenHalted,
        event: AuditEvent,
    ) -> Result<(), LedgerError> {
        if let Some(halt) = self.halted().await?.filter(|_| when_halted == WhenHalted::Refuse) {
            return Err(LedgerError::Halted(halt));
        }
        if self.opened.lock().unwrap().contains(&proposal) {
            return Err(LedgerError::AlreadyOpened(proposal));
        }
        self.write(event)?;
        self.opened.lock().unwrap().push(proposal);
        Ok(())
    }

    async fn close_execution(
        &self,
        _: ExecutionId,
        _: &Outcome,
        _: Timestamp,
        event: AuditEvent,
    ) -> Result<(), LedgerError> {
        self.write(event)
    }

    async fn halt(&self, halt: &Halt, event: AuditEvent) -> Result<(), LedgerError> {
        *self.halt.lock().unwrap() = Some(halt.clone());
        self.write(event)
    }

    async fn lift(&self, event: AuditEvent) -> Result<Option<Halt>, LedgerError> {
        self.write(event)?;
        Ok(self.halt.lock().unwrap().take())
    }

    async fn halted(&self) -> Result<Option<Halt>, LedgerError> {
        Ok(self.halt.lock().unwrap().clone())
    }
}

/// What a rig is made of.
#[derive(Default)]
pub(crate) struct Parts<'a> {
    /// Names and texts.
    pub(crate) manifests: Vec<(&'a str, String)>,
    /// Manifests that ship.
    pub(crate) shipped: &'a [&'a str],
    /// `[integrations]` and `[bindings]`.
    pub(crate) config: &'a str,
    /// `[limits]`.
    pub(crate) limits: Limits,
    /// Where files lie that one command leaves for a later one.
    pub(crate) files: Option<std::path::PathBuf>,
    /// Environment variables.
    pub(crate) env: Vec<(&'a str, String)>,
    pub(crate) builtins: Builtins,
    /// What is written is written here.
    pub(crate) log: Log,
}

/// `[integrations]` and `[bindings]`, as the configuration hands them on.
fn configured(text: &str, limits: Limits) -> Config {
    let mut table: toml::Table = text.parse().unwrap();
    let mut take = |name: &str| match table.remove(name) {
        Some(toml::Value::Table(table)) => table,
        _ => toml::Table::new(),
    };
    let (mut integrations, bindings, roles) = (take("integrations"), take("bindings"), take("roles"));
    let enabled = integrations.remove("enabled").map(|enabled| enabled.try_into().unwrap());
    let values = integrations.into_iter().map(|(name, values)| (name, values.try_into().unwrap())).collect();
    let roles = toml::Value::Table(roles).try_into().unwrap();
    Config {
        enabled,
        values,
        bindings: toml::Value::Table(bindings).try_into().unwrap(),
        roles,
        limits,
        ..Config::default()
    }
}

/// An executor, its planner and its ledger.
pub(crate) struct Rig {
    pub(crate) planner: Arc<Planner>,
    pub(crate) executor: Executor,
    pub(crate) ledger: Arc<Memory>,
}

impl Parts<'_> {
    /// A planner, and what was wrong.
    pub(crate) fn planner(self) -> (Planner, Vec<String>) {
        let mut faults = Vec::new();
        let mut manifests: Vec<_> = self
            .manifests
            .iter()
            .filter_map(|(name, text)| Manifest::parse(&format!("integrations/{name}.toml"), text, &mut faults))
            .collect();
        let shipped = CATALOGUE.manifests.iter().filter(|manifest| self.shipped.contains(&manifest.name.as_str()));
        manifests.extend(shipped.cloned());
        faults.extend(manifests.iter().flat_map(|manifest| manifest.cross_check(&CATALOGUE.intents, |_| false)));
        let env: BTreeMap<String, String> =
            self.env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let surroundings =
            Surroundings { env: Arc::new(move |name| env.get(name).cloned()), machine: "testhost".to_owned() };
        let config = Config { files: self.files, ..configured(self.config, self.limits) };
        let redactor = Arc::new(Redactor::default());
        let (registry, found) = Registry::new(manifests, &config, self.builtins, &surroundings, &redactor);
        faults.extend(found);
        let planner = Planner::new(registry, surroundings, redactor, Arc::new(SystemClock));
        (planner, faults.iter().map(ToString::to_string).collect())
    }

    /// The executor; nothing may be wrong.
    pub(crate) fn rig(self) -> Rig {
        let ledger = Arc::new(Memory { log: Arc::clone(&self.log), ..Memory::default() });
        let (planner, faults) = self.planner();
        assert_eq!(faults, Vec::<String>::new());
        let planner = Arc::new(planner);
        let executor = Executor::new(Arc::clone(&planner), Arc::clone(&ledger) as Arc<dyn Ledger>, Arc::new(()));
        Rig { planner, executor, ledger }
    }
}

impl Rig {
    /// A rig with one manifest.
    pub(crate) fn with(manifest: &str) -> Self {
        // Little room, so that answers without end are soon at theirs.
        let limits = Limits { output_bytes: 256 * 1024, ..Limits::default() };
        Parts { manifests: vec![("x", manifest.to_owned())], limits, ..Parts::default() }.rig()
    }

    pub(crate) async fn plan(&self, line: &str) -> Result<Plan, PlanError> {
        self.planner.plan(&command(line), &alice()).await
    }

    /// Why a command cannot be planned.
    pub(crate) async fn refusal(&self, line: &str) -> String {
        self.plan(line).await.unwrap_err().to_string()
    }

    /// The command, let through as it is planned now.
    pub(crate) async fn approved(&self, line: &str) -> Approved<Command> {
        let plan = self.plan(line).await.unwrap_or_else(|error| panic!("{line}: {error}"));
        approve(&command(line), plan.digest, (ProposalId::random(), ExecutionId::random()))
    }

    /// What a person sees before they decide.
    pub(crate) async fn preview(&self, line: &str) -> Option<String> {
        let plan = self.plan(line).await.unwrap_or_else(|error| panic!("{line}: {error}"));
        self.planner.preview(&plan).await.unwrap().shown
    }

    /// Executes what was let through, and listens to no progress.
    pub(crate) async fn execute(&self, approved: Approved<Command>) -> Outcome {
        self.executor.execute(approved, mpsc::channel(1).0).await
    }

    /// Plans, approves and executes.
    pub(crate) async fn run(&self, line: &str) -> Outcome {
        self.execute(self.approved(line).await).await
    }

    /// The same, with the status and the summary in one line.
    pub(crate) async fn told(&self, line: &str) -> String {
        let outcome = self.run(line).await;
        format!("{}: {}", outcome.status.as_str(), outcome.summary)
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.ledger.log.lock().unwrap().clone()
    }
}
