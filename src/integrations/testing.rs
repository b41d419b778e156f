//! What the tests of this room share: everything that ships, and an executor with a ledger that remembers.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Builtins, Config, Executor, Plan, PlanError, Planner, Redactor, Registry, Surroundings};
use crate::audit::{AuditEvent, Fact, Ledger, LedgerError};
use crate::catalogue::{Catalogue, DataFolders, Manifest};
use crate::domain::{Actor, Command, ExecutionId, Outcome, ProposalId, SystemClock, parse_typed};
use crate::proposal::approval::Approved;

/// Everything that ships.
pub(super) static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::load(&DataFolders::built_in()).0);

/// A command from its typed form.
pub(super) fn command(line: &str) -> Command {
    parse_typed(line, &CATALOGUE.intents).unwrap()
}

/// What happened, in order: rows, and what tests add.
pub(super) type Log = Arc<Mutex<Vec<String>>>;

/// A ledger that remembers, or refuses.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) log: Log,
    pub(super) events: Mutex<Vec<AuditEvent>>,
    pub(super) opened: Mutex<Vec<ProposalId>>,
    /// Whether nothing can be written.
    pub(super) broken: Mutex<bool>,
}

impl Memory {
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

    async fn open_execution(&self, _: ExecutionId, proposal: ProposalId, event: AuditEvent) -> Result<(), LedgerError> {
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
}

/// An executor over manifests written in the test.
pub(super) struct Rig {
    pub(super) planner: Arc<Planner>,
    pub(super) executor: Executor,
    pub(super) ledger: Arc<Memory>,
}

/// What a rig is made of.
#[derive(Default)]
pub(super) struct Parts<'a> {
    /// Names and texts.
    pub(super) manifests: Vec<(&'a str, String)>,
    /// `[integrations]` and `[bindings]`.
    pub(super) config: &'a str,
    /// Environment variables.
    pub(super) env: Vec<(&'a str, String)>,
    pub(super) builtins: Builtins,
}

impl Parts<'_> {
    /// A registry, and what was wrong.
    pub(super) fn registry(self) -> (Registry, Surroundings, Arc<Redactor>, Vec<String>) {
        let mut faults = Vec::new();
        let manifests: Vec<_> = self
            .manifests
            .iter()
            .filter_map(|(name, text)| Manifest::parse(&format!("integrations/{name}.toml"), text, &mut faults))
            .collect();
        faults.extend(manifests.iter().flat_map(|manifest| manifest.cross_check(&CATALOGUE.intents, |_| false)));
        let env: BTreeMap<String, String> =
            self.env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let surroundings =
            Surroundings { env: Arc::new(move |name| env.get(name).cloned()), machine: "testhost".to_owned() };
        let config: Config = toml::from_str(self.config).unwrap();
        let redactor = Arc::new(Redactor::default());
        let (registry, found) = Registry::new(manifests, &config, self.builtins, &surroundings, &redactor);
        faults.extend(found);
        (registry, surroundings, redactor, faults.iter().map(ToString::to_string).collect())
    }

    /// The executor; nothing may be wrong.
    pub(super) fn rig(self) -> Rig {
        let (registry, surroundings, redactor, faults) = self.registry();
        assert_eq!(faults, Vec::<String>::new());
        let planner = Arc::new(Planner::new(registry, surroundings, redactor, Arc::new(SystemClock)));
        let ledger = Arc::new(Memory::default());
        let executor = Executor::new(Arc::clone(&planner), Arc::clone(&ledger) as Arc<dyn Ledger>);
        Rig { planner, executor, ledger }
    }
}

impl Rig {
    /// A rig with one manifest.
    pub(super) fn with(manifest: &str) -> Self {
        Parts { manifests: vec![("x", manifest.to_owned())], ..Parts::default() }.rig()
    }

    pub(super) async fn plan(&self, line: &str) -> Result<Plan, PlanError> {
        self.planner.plan(&command(line)).await
    }

    /// Why a command cannot be planned.
    pub(super) async fn refusal(&self, line: &str) -> String {
        self.plan(line).await.unwrap_err().to_string()
    }

    /// What policy would have let through for this plan.
    pub(super) fn approved(&self, plan: &Plan) -> Approved<Command> {
        Approved::for_tests(plan.command.clone(), Actor::new("console", "alice").unwrap(), plan.digest)
    }

    /// Plans, approves and executes.
    pub(super) async fn run(&self, line: &str) -> Outcome {
        let plan = self.plan(line).await.unwrap_or_else(|error| panic!("{line}: {error}"));
        self.executor.execute(self.approved(&plan), mpsc::channel(16).0).await
    }

    /// The same, with the status and the summary in one line.
    pub(super) async fn told(&self, line: &str) -> String {
        let outcome = self.run(line).await;
        format!("{}: {}", outcome.status.as_str(), outcome.summary)
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.ledger.log.lock().unwrap().clone()
    }
}
