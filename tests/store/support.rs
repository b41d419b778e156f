//! Places for stores, and proposals to put there.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sayso::audit::{AuditEvent, Fact, WhenHalted};
use sayso::domain::{
    ChoiceKind, Command, ConversationId, Digest, Effect, EntityType, ExecutionId, Intent, Intents, Outcome,
    OutcomeStatus, Parameter, ProposalId, ValueType, parse_typed,
};
use sayso::proposal::{Deed, Draft, Event, Plan, Policy, Proposal, Provenance, Roles, Target, propose, step};
use sayso::store::{Sqlite, Store};

/// Where a store lies; every opening is a process of its own, as far as the store can tell.
#[async_trait]
pub trait Place: Sized + Sync {
    type Store: Store + 'static;
    /// A place with nothing in it; none, having said so, where this machine has none.
    async fn make() -> Option<Self>;
    async fn open(&self) -> Self::Store;
}

/// A SQLite file in a folder that is not there yet.
pub struct File {
    folder: tempfile::TempDir,
}

impl File {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("data/sayso.db")
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

#[async_trait]
impl Place for File {
    type Store = Sqlite;

    async fn make() -> Option<Self> {
        Some(Self::new())
    }

    async fn open(&self) -> Sqlite {
        Sqlite::open(&self.path(), Duration::from_secs(10)).await.unwrap()
    }
}

pub fn noon() -> Timestamp {
    "2026-11-18T12:00:00Z".parse().unwrap()
}

pub fn after(minutes: i64) -> Timestamp {
    noon() + SignedDuration::from_mins(minutes)
}

pub fn intents() -> Intents {
    let service = Parameter {
        name: "service".parse().unwrap(),
        value_type: ValueType::Entity(EntityType::Service),
        required: false,
        ask: None,
        values: Vec::new(),
        implies: Vec::new(),
        whole_message: false,
    };
    let intent = |name: &str, effect| Intent {
        name: name.parse().unwrap(),
        summary: name.to_owned(),
        effect,
        parameters: vec![service.clone()],
        one_of: Vec::new(),
    };
    [intent("service.status", Effect::Read), intent("service.restart", Effect::Change)].into_iter().collect()
}

/// The shipped policy; everybody at the console is an operator.
pub fn policy() -> Policy {
    let text = include_str!("../../policies/default.cedar").to_owned();
    Policy::load(&[("default.cedar".to_owned(), text)], &Roles::default()).unwrap()
}

pub fn conversation(channel: &str) -> ConversationId {
    ConversationId { platform: "console".to_owned(), channel: channel.to_owned() }
}

pub fn draft(line: &str) -> Draft {
    let command: Command = parse_typed(line, &intents()).unwrap();
    let runs = format!("run {command}");
    Draft {
        id: ProposalId::random(),
        execution: ExecutionId::random(),
        conversation: conversation("main"),
        message: None,
        requester: "console:mira".parse().unwrap(),
        shown: command.to_string(),
        command,
        target: Target { name: "this machine".to_owned(), local: true, production: false },
        plan: Plan {
            digest: Digest::of([runs.as_bytes()]),
            runs,
            preview: Some("runs since Monday".to_owned()),
            facts: [("since".to_owned(), "Monday".to_owned())].into(),
            undo: None,
            system: Some("platform".to_owned()),
        },
        reason: Some("it is slow".to_owned()),
        provenance: Provenance {
            said: Some("bounce it, \"please\"\n".to_owned()),
            confidence: Some(0.1 + 0.2),
            runner_up: Some(("service.status".parse().unwrap(), 1.0 / 3.0)),
            runbook: Some(("a.md".to_owned(), Digest::of_file(b"a"))),
            ..Provenance::default()
        },
        expires: after(15),
    }
}

/// Saves what a step says; other deeds are for the test.
pub async fn perform(store: &impl Store, (proposal, deeds): (Proposal, Vec<Deed>)) -> Proposal {
    for deed in deeds {
        match deed {
            Deed::Save(events) => store.save(&proposal, &events).await.unwrap(),
            Deed::Record(event) => store.append(event).await.unwrap(),
            Deed::Say(_) | Deed::PlanAgain | Deed::Execute(_) | Deed::Stop(_) | Deed::WakeAt(_) => {}
        }
    }
    proposal
}

/// A change that waits for a yes.
pub async fn pending(store: &impl Store) -> Proposal {
    perform(store, propose(draft("service.restart service=web"), &policy(), noon())).await
}

pub async fn happens(store: &impl Store, proposal: Proposal, event: Event) -> Proposal {
    perform(store, step(proposal, event, &policy(), noon())).await
}

pub fn confirm(proposal: &Proposal) -> Event {
    Event::Pressed {
        actor: proposal.requester().clone(),
        choice: ChoiceKind::Confirm,
        shown: proposal.digest(),
        conversation: proposal.conversation().clone(),
        reason: None,
    }
}

/// A change that was confirmed and has not begun.
pub async fn approved(store: &impl Store) -> Proposal {
    let proposal = pending(store).await;
    let press = confirm(&proposal);
    happens(store, proposal, press).await
}

/// A change that was handed to the executor, whose row is not open yet.
pub async fn executing(store: &impl Store) -> Proposal {
    let proposal = approved(store).await;
    let plan = proposal.draft().plan.clone();
    happens(store, proposal, Event::Planned(plan)).await
}

/// A change that runs.
pub async fn running(store: &impl Store) -> Proposal {
    let proposal = executing(store).await;
    store
        .open_execution(proposal.draft().execution, proposal.id(), None, WhenHalted::Refuse, started(&proposal))
        .await
        .unwrap();
    proposal
}

fn event(proposal: &Proposal, fact: Fact) -> AuditEvent {
    AuditEvent {
        at: noon(),
        actor: Some(proposal.requester().clone()),
        conversation: Some(proposal.conversation().clone()),
        proposal: Some(proposal.id()),
        execution: Some(proposal.draft().execution),
        intent: Some(proposal.command().intent().clone()),
        command: Some(proposal.draft().shown.clone()),
        digest: Some(proposal.digest()),
        fact,
    }
}

pub fn started(proposal: &Proposal) -> AuditEvent {
    let approvers = proposal.approvals().iter().map(|approval| approval.actor.clone()).collect();
    let runs = proposal.draft().plan.runs.clone();
    event(proposal, Fact::ExecutionStarted { approvers, integration: "host".to_owned(), runs })
}

pub fn ended(proposal: &Proposal, outcome: &Outcome) -> AuditEvent {
    event(proposal, Fact::ExecutionEnded { status: outcome.status, summary: outcome.summary.clone() })
}

pub fn outcome(status: OutcomeStatus) -> Outcome {
    Outcome { status, summary: "nginx was restarted".to_owned(), output: Some("ok\n".to_owned()) }
}

/// Some fact about nothing.
pub fn remark(number: usize) -> AuditEvent {
    AuditEvent {
        at: noon() + SignedDuration::from_secs(i64::try_from(number).unwrap()),
        actor: Some(if number.is_multiple_of(2) { "console:mira" } else { "console:ada" }.parse().unwrap()),
        conversation: None,
        proposal: None,
        execution: None,
        intent: Some(if number.is_multiple_of(3) { "service.restart" } else { "service.status" }.parse().unwrap()),
        command: Some(format!("service.restart service=web-{number}")),
        digest: None,
        fact: Fact::ProposalDenied { reason: format!("number {number}") },
    }
}
