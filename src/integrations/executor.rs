//! The one place that performs an action. It takes [`Approved<Command>`], and only `proposal` can mint one.
//!
//! Plan again and compare; take the target; open the row; act; close the row. In that order: no row, no act.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tracing::{Instrument as _, Span, field};

use super::act::Act;
use super::builtin::Progress;
use super::error::PlanError;
use super::lock::{Held, Holder, Locks};
use super::plan::{Plan, Planner};
use super::stop::{Stop, Stopper};
use crate::audit::{AuditEvent, Fact, Ledger, LedgerError, WhenHalted};
use crate::domain::{Command, Counted, Effect, ExecutionId, Outcome, OutcomeStatus, Tally};
use crate::proposal::approval::Approved;

/// How many executions run at once.
const MAX_AT_ONCE: usize = 16;
/// How long an execution waits for its turn, or for its target.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How often closing a row is tried.
const CLOSE_ATTEMPTS: u32 = 4;
/// How long a shutdown waits for executions that were told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(8);

/// Performs actions.
#[derive(Clone)]
pub struct Executor(Arc<Inner>);

struct Inner {
    planner: Arc<Planner>,
    ledger: Arc<dyn Ledger>,
    tally: Arc<dyn Tally>,
    locks: Arc<Locks>,
    turns: Semaphore,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    stoppers: HashMap<ExecutionId, Stopper>,
    closed: bool,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("planner", &self.0.planner).finish_non_exhaustive()
    }
}

impl Executor {
    /// An executor that runs what the planner plans, writes to the ledger, and has what it did counted.
    pub fn new(planner: Arc<Planner>, ledger: Arc<dyn Ledger>, tally: Arc<dyn Tally>) -> Self {
        Self(Arc::new(Inner {
            planner,
            ledger,
            tally,
            locks: Arc::default(),
            turns: Semaphore::new(MAX_AT_ONCE),
            running: Mutex::default(),
        }))
    }

    /// Performs an action, once. The outcome says what became of it, whatever happened; the row is closed with it even
    /// if the caller stops waiting.
    pub async fn execute(&self, approved: Approved<Command>, progress: mpsc::Sender<String>) -> Outcome {
        let inner = Arc::clone(&self.0);
        let span = tracing::info_span!(
            "execute",
            proposal = %approved.proposal(),
            intent = %approved.subject().intent(),
            status = field::Empty
        );
        let execution = async move {
            let outcome = inner.execute(&approved, progress).await;
            Span::current().record("status", outcome.status.as_str());
            outcome
        };
        let running = tokio::spawn(execution.instrument(span));
        running.await.unwrap_or_else(|error| {
            self.0.clean(Outcome {
                status: OutcomeStatus::Unknown,
                summary: format!("the execution broke off: {error}"),
                output: None,
            })
        })
    }

    /// Stops a running execution. Whether there was one.
    pub fn stop(&self, execution: ExecutionId) -> bool {
        self.0.running().stoppers.get(&execution).map(Stopper::stop).is_some()
    }

    /// What runs.
    pub fn running(&self) -> Vec<ExecutionId> {
        self.0.running().stoppers.keys().copied().collect()
    }

    /// Stops everything that runs, and says how many executions that were.
    pub fn stop_all(&self) -> usize {
        let running = self.0.running();
        running.stoppers.values().for_each(Stopper::stop);
        running.stoppers.len()
    }

    /// Takes nothing more, stops what runs, and waits until the rows are closed, at most a few seconds.
    pub async fn shut_down(&self) {
        self.0.running().closed = true;
        self.stop_all();
        let all = u32::try_from(MAX_AT_ONCE).unwrap_or(u32::MAX);
        let _ = timeout(SHUTDOWN_GRACE, self.0.turns.acquire_many(all)).await;
        self.0.turns.close();
    }
}

/// Takes an execution off the list when it is over.
struct Listed<'a>(&'a Inner, ExecutionId);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.0.running().stoppers.remove(&self.1);
    }
}

impl Inner {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn execute(&self, approved: &Approved<Command>, progress: mpsc::Sender<String>) -> Outcome {
        let (stopper, stop) = Stopper::new();
        {
            let mut running = self.running();
            if running.closed {
                return self.nothing_done(OutcomeStatus::Cancelled, &"shutting down; nothing was done");
            }
            running.stoppers.insert(approved.execution(), stopper);
        }
        let _listed = Listed(self, approved.execution());
        match self.prepare(approved).await {
            Ok((plan, _turn, _held)) => self.recorded(approved, &plan, &stop, progress).await,
            Err(reason) => self.nothing_done(OutcomeStatus::Failed, &reason),
        }
    }

    /// Everything that must hold before a row is opened.
    async fn prepare(
        &self,
        approved: &Approved<Command>,
    ) -> Result<(Plan, tokio::sync::SemaphorePermit<'_>, Option<Held>), NotRun> {
        let turn = match timeout(MAX_WAIT, self.turns.acquire()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(NotRun::ShuttingDown),
            Err(_) => return Err(NotRun::Overloaded),
        };
        let command = approved.subject();
        let plan = self.plan(approved).await?;
        let Some(target) = plan.lock.clone() else { return Ok((plan, turn, None)) };
        let since = self.planner.clock.now();
        let holder = Holder { command: command.to_string(), actor: approved.requester().clone(), since };
        let held = self.locks.take(&target, holder, MAX_WAIT).await;
        let held = held.map_err(|holder| NotRun::Busy(holder, self.planner.clock.now()))?;
        // Whoever had the target before may have changed what was looked up; a file may have been written between the look
        // at it and now, also by somebody who had let go of the target when we came.
        let again = held.waited() || !plan.chosen.action().uses.is_empty();
        let plan = if again { self.plan(approved).await? } else { plan };
        Ok((plan, turn, Some(held)))
    }

    /// What was approved, as it would run now.
    async fn plan(&self, approved: &Approved<Command>) -> Result<Plan, NotRun> {
        self.planner.plan_again(approved.subject(), approved.requester(), approved.plan()).await?.ok_or(NotRun::Changed)
    }

    /// Opens the row, acts, closes the row.
    async fn recorded(
        &self,
        approved: &Approved<Command>,
        plan: &Plan,
        stop: &Stop,
        progress: mpsc::Sender<String>,
    ) -> Outcome {
        let now = self.planner.clock.now();
        let started = Fact::ExecutionStarted {
            approvers: approved.approvals().iter().map(|approval| approval.actor.clone()).collect(),
            integration: plan.via.clone(),
            runs: plan.runs.clone(),
        };
        let event = self.event(approved, now, started);
        let (execution, proposal, target) = (approved.execution(), approved.proposal(), plan.lock.as_deref());
        let opened = self.ledger.open_execution(execution, proposal, target, self.when_halted(plan), event);
        if let Err(error) = opened.await {
            return self.nothing_done(OutcomeStatus::Failed, &NotRun::from(error));
        }
        let progress = Progress::new(progress, Arc::clone(&self.planner.redactor));
        let act = Act { planner: &self.planner, plan, approved, now, stop, progress };
        let mut outcome = self.clean(act.run().await);
        self.tally.count(Counted::Executed { integration: &plan.integration, status: outcome.status });
        if let Err(error) = self.close(approved, &outcome).await {
            // What was done is done: the outcome stands, and says that the record does not show it.
            tracing::error!(execution = %approved.execution(), %error, "an execution's row could not be closed");
            outcome.summary = format!("{} (not on the record: {error})", outcome.summary);
        }
        outcome
    }

    /// Only what our own code says of the assistant itself goes on.
    fn when_halted(&self, plan: &Plan) -> WhenHalted {
        let builtin = plan.chosen.action().builtin().and_then(|name| self.planner.builtin(name));
        match builtin.is_some_and(|builtin| builtin.answers_while_halted()) {
            true if plan.command.effect() == Effect::Read => WhenHalted::Answer,
            _ => WhenHalted::Refuse,
        }
    }

    async fn close(&self, approved: &Approved<Command>, outcome: &Outcome) -> Result<(), LedgerError> {
        let mut pause = Duration::from_millis(50);
        for attempt in 1.. {
            let now = self.planner.clock.now();
            let ended = Fact::ExecutionEnded { status: outcome.status, summary: outcome.summary.clone() };
            let event = self.event(approved, now, ended);
            match self.ledger.close_execution(approved.execution(), outcome, now, event).await {
                // An earlier attempt closed it, and could not say so.
                Err(LedgerError::NotOpen(_)) if attempt > 1 => break,
                Err(error) if attempt == CLOSE_ATTEMPTS => return Err(error),
                Err(_) => sleep(pause).await,
                Ok(()) => break,
            }
            pause *= 4;
        }
        Ok(())
    }

    fn event(&self, approved: &Approved<Command>, at: Timestamp, fact: Fact) -> AuditEvent {
        AuditEvent {
            at,
            actor: Some(approved.requester().clone()),
            conversation: None,
            proposal: Some(approved.proposal()),
            execution: Some(approved.execution()),
            intent: Some(approved.subject().intent().clone()),
            command: Some(self.planner.redactor.clean_command(approved.subject())),
            digest: Some(approved.digest()),
            fact,
        }
    }

    fn nothing_done(&self, status: OutcomeStatus, reason: &dyn std::fmt::Display) -> Outcome {
        self.clean(Outcome { status, summary: reason.to_string(), output: None })
    }

    /// One line, and output that may be shown.
    fn clean(&self, outcome: Outcome) -> Outcome {
        let redactor = &self.planner.redactor;
        let summary = redactor.clean(&outcome.summary).split_whitespace().collect::<Vec<_>>().join(" ");
        let output = outcome.output.map(|output| redactor.clean(&output)).filter(|output| !output.trim().is_empty());
        Outcome { status: outcome.status, summary, output }
    }
}

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
enum NotRun {
    #[error("shutting down; nothing was done")]
    ShuttingDown,
    #[error("too much is going on at once; nothing was done, try again in a moment")]
    Overloaded,
    #[error("what would run now is not what was approved; nothing was done, ask again")]
    Changed,
    #[error("`{}` is already running, started by {} {} s ago; nothing was done", .0.command, .0.actor, seconds(.0, *.1))]
    Busy(Holder, Timestamp),
    #[error("{0}; nothing was done")]
    Plan(#[from] PlanError),
    #[error("{0}; nothing was done")]
    Ledger(#[from] LedgerError),
}

fn seconds(holder: &Holder, now: Timestamp) -> i64 {
    // The clock may have been set back since.
    now.duration_since(holder.since).as_secs().max(0)
}
