//! The machine: `(proposal, event, policy, now) -> (proposal, deeds)`. Pure: no IO, no clock, no randomness, no waiting.
//!
//! ```text
//!              ┌─ deny ──▶ denied                     ┌──▶ rejected, cancelled, expired
//! propose ─────┼─ confirm ──▶ pending ── enough ──▶ approved ── planned again ──▶ executing ──▶ succeeded, failed,
//!              │                 ▲         yeses       │      the same, in time,     ▲           unknown, cancelled
//!              │                 └── changed meanwhile ┘      still permitted        │
//!              └─ allow (a read) ────────────────────────────────────────────────────┘
//! ```
//!
//! There is one way into `executing`, `Step::begin`, and it alone mints [`Approved`]; `executing` is left for final
//! states only. So a proposal is executed at most once.

#[cfg(test)]
mod duty;
mod press;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use self::press::Press;
use super::approval::{Approval, Approved};
use super::deed::{Attempt, Change, Deed, Notice, Refusal};
use super::draft::{Draft, Edit, Facts, Plan};
use super::event::{Event, Trace};
use super::permission::{Decision, Permissions, PolicyAction, Query, Verdict};
use super::state::{Proposal, State};
use crate::audit::{AuditEvent, Fact};
use crate::domain::{Actor, ConversationId, Outcome, OutcomeStatus};

/// Puts a draft before policy.
pub fn propose(draft: Draft, policy: &dyn Permissions, now: Timestamp) -> (Proposal, Vec<Deed>) {
    let mut step = Step::new(Proposal::drafted(draft, policy, now), policy, now);
    step.judge();
    let Draft { message, provenance, requester, .. } = step.proposal.draft.clone();
    let verdict = step.proposal.verdict.to_string();
    let fact = Fact::ProposalCreated {
        message,
        said: provenance.said,
        model: provenance.model,
        confidence: provenance.confidence,
        runner_up: provenance.runner_up,
        runbook: provenance.runbook,
        verdict,
    };
    step.record(Some(&requester), fact);
    step.settle(Notice::Asked);
    step.finish()
}

/// What becomes of a proposal when something happens to it.
pub fn step(proposal: Proposal, event: Event, policy: &dyn Permissions, now: Timestamp) -> (Proposal, Vec<Deed>) {
    let mut step = Step::new(proposal, policy, now);
    match event {
        Event::Pressed { actor, choice, shown, conversation, reason } => {
            let (actor, conversation, reason) = (&actor, &conversation, reason.as_deref());
            step.pressed(&Press { actor, choice, shown, conversation, reason });
        }
        Event::Reasoned { actor, reason, conversation } => step.reasoned(&actor, &reason, &conversation),
        Event::EditBegun { actor } => {
            step.may_edit(&actor);
        }
        Event::Edited { actor, edit } => step.edited(&actor, *edit),
        Event::Ticked => step.ticked(),
        Event::Planned(plan) => step.planned(plan),
        Event::PlanFailed { reason } => step.plan_failed(reason),
        Event::Ended(outcome) => step.ended(outcome),
        Event::Restarted(trace) => step.restarted(trace),
    }
    step.finish()
}

impl Proposal {
    /// Before policy has been asked: [`Step::judge`] follows.
    fn drafted(draft: Draft, policy: &dyn Permissions, now: Timestamp) -> Self {
        Self {
            verdict: Verdict::Deny { reason: Decision::NO_RULE.to_owned() },
            policy: policy.version(),
            digest: draft.plan.digest,
            state: State::Pending,
            approvals: Vec::new(),
            created: now,
            revision: 0,
            draft,
        }
    }
}

/// One step in the making.
struct Step<'a> {
    proposal: Proposal,
    policy: &'a dyn Permissions,
    now: Timestamp,
    /// Whether the proposal is another than before.
    changed: bool,
    events: Vec<AuditEvent>,
    deeds: Vec<Deed>,
}

impl<'a> Step<'a> {
    fn new(proposal: Proposal, policy: &'a dyn Permissions, now: Timestamp) -> Self {
        Self { proposal, policy, now, changed: false, events: Vec::new(), deeds: Vec::new() }
    }

    /// First what must be on the record, then what may be said and done.
    fn finish(mut self) -> (Proposal, Vec<Deed>) {
        let mut deeds = Vec::with_capacity(self.deeds.len() + 1);
        if self.changed {
            self.proposal.revision += 1;
            deeds.push(Deed::Save(self.events));
        } else {
            deeds.extend(self.events.into_iter().map(Deed::Record));
        }
        deeds.extend(self.deeds);
        (self.proposal, deeds)
    }

    fn enter(&mut self, state: State) {
        self.proposal.state = state;
        self.changed = true;
    }

    fn say(&mut self, notice: Notice) {
        self.deeds.push(Deed::Say(notice));
    }

    /// Records a fact of the proposal's own conversation.
    fn record(&mut self, actor: Option<&Actor>, fact: Fact) {
        let conversation = self.proposal.draft.conversation.clone();
        self.record_in(&conversation, actor, fact);
    }

    fn record_in(&mut self, conversation: &ConversationId, actor: Option<&Actor>, fact: Fact) {
        let draft = &self.proposal.draft;
        let ran = matches!(fact, Fact::ExecutionStarted { .. } | Fact::ExecutionEnded { .. });
        self.events.push(AuditEvent {
            at: self.now,
            actor: actor.cloned(),
            conversation: Some(conversation.clone()),
            proposal: Some(draft.id),
            execution: ran.then_some(draft.execution),
            intent: Some(draft.command.intent().clone()),
            command: Some(draft.shown.clone()),
            digest: Some(self.proposal.digest),
            fact,
        });
    }

    fn query<'q>(&'q self, action: PolicyAction, actor: &'q Actor, conversation: &'q ConversationId) -> Query<'q> {
        let Draft { requester, command, target, reason, .. } = &self.proposal.draft;
        Query {
            action,
            actor,
            requester,
            subject: command.into(),
            target,
            conversation,
            now: self.now,
            yeses: &[],
            reason: reason.as_deref(),
            broken_glass: false,
        }
    }

    /// Whether the requester may have it run now, with these yeses. Who broke the glass said why.
    fn may_execute(&self, approvals: &[Approval]) -> Decision {
        let Draft { requester, conversation, .. } = &self.proposal.draft;
        let yeses: Vec<Actor> = approvals.iter().map(|approval| approval.actor.clone()).collect();
        let glass = approvals.iter().find_map(|approval| approval.broken_glass.as_deref());
        let query = self.query(PolicyAction::Execute, requester, conversation);
        let reason = query.reason.or(glass);
        self.policy.decide(&Query { yeses: &yeses, broken_glass: glass.is_some(), reason, ..query })
    }

    fn verdict(&self) -> Verdict {
        let Draft { requester, conversation, .. } = &self.proposal.draft;
        self.policy.verdict(&self.query(PolicyAction::Propose, requester, conversation))
    }

    /// Judges the draft as it is now, by the policy as it is now. Whatever was said to anything else is void.
    fn judge(&mut self) {
        self.proposal.policy = self.policy.version();
        self.proposal.verdict = self.verdict();
        self.proposal.digest = self.proposal.compute_digest();
        self.proposal.approvals.clear();
        self.enter(State::Pending);
    }

    /// Does what the verdict says; `notice` is for people who are asked.
    fn settle(&mut self, notice: Notice) {
        match self.proposal.verdict.clone() {
            Verdict::Allow { .. } => self.begin(),
            Verdict::Confirm { .. } => self.ask(notice),
            Verdict::Deny { reason } => self.deny(reason),
        }
    }

    fn ask(&mut self, notice: Notice) {
        self.say(notice);
        self.deeds.push(Deed::WakeAt(self.proposal.draft.expires));
    }

    /// Asks people again. Nothing begins by itself here, not even a read: what was interrupted waits for a person.
    fn reopen(&mut self, change: Change) {
        self.judge();
        self.record(None, Fact::ProposalReopened { reason: change.to_string() });
        match self.proposal.verdict.clone() {
            Verdict::Allow { .. } | Verdict::Confirm { .. } => self.ask(Notice::Changed(change)),
            Verdict::Deny { reason } => self.deny(reason),
        }
    }

    fn deny(&mut self, reason: String) {
        self.enter(State::Denied);
        self.record(None, Fact::ProposalDenied { reason: reason.clone() });
        self.say(Notice::Denied { reason });
    }

    fn expire(&mut self) {
        self.enter(State::Expired);
        self.record(None, Fact::ProposalExpired);
        self.say(Notice::Expired);
    }

    fn is_late(&self) -> bool {
        self.now >= self.proposal.draft.expires
    }

    /// The yeses that were given to exactly this, by people who may still give them.
    fn standing(&self) -> Vec<Approval> {
        let digest = self.proposal.compute_digest();
        let stands = |approval: &&Approval| approval.digest == digest && self.may_still(approval).allowed;
        self.proposal.approvals.iter().filter(stands).cloned().collect()
    }

    /// Whether somebody who has said yes still may.
    fn may_still(&self, approval: &Approval) -> Decision {
        let ask = |action| self.query(action, &approval.actor, &approval.conversation);
        let query = match &approval.broken_glass {
            Some(reason) => ask(PolicyAction::BreakGlass).because(reason),
            None if self.is_own(&approval.actor) => ask(PolicyAction::Confirm),
            None => ask(PolicyAction::Approve),
        };
        self.policy.decide(&query)
    }

    /// Why a yes counts no longer, where that is who is on call now, or that nobody knows.
    fn off_call(&self) -> Option<String> {
        let decisions = self.proposal.approvals.iter().map(|approval| self.may_still(approval));
        let mut fallen = decisions.filter(|decision| !decision.allowed);
        fallen.find(|decision| decision.on_call.is_some() || !decision.errors.is_empty()).map(|fallen| fallen.reason())
    }

    /// The moment of running: everything is asked once more. The only place where something is let through.
    fn begin(&mut self) {
        if self.is_late() {
            return self.expire();
        }
        let standing = self.standing();
        let execute = self.may_execute(&standing);
        if !execute.allowed {
            return self.deny(self.off_call().unwrap_or_else(|| execute.reason()));
        }
        if standing.is_empty() && !matches!(self.verdict(), Verdict::Allow { .. }) {
            return self.deny(Decision::NO_RULE.to_owned());
        }
        self.proposal.approvals = standing;
        self.enter(State::Executing);
        self.say(Notice::Started);
        let approved = Approved::mint(self.proposal.draft.command.clone(), &self.proposal);
        self.deeds.push(Deed::Execute(Box::new(approved)));
    }

    fn ticked(&mut self) {
        match self.proposal.state {
            State::Pending | State::Approved if self.is_late() => self.expire(),
            State::Pending | State::Approved => self.deeds.push(Deed::WakeAt(self.proposal.draft.expires)),
            _ => {}
        }
    }

    fn planned(&mut self, plan: Plan) {
        if self.proposal.state != State::Approved {
            return;
        }
        let shown = std::mem::replace(&mut self.proposal.draft.plan, plan);
        let plan = &self.proposal.draft.plan;
        if self.is_late() {
            self.expire();
        } else if plan.digest != shown.digest {
            self.reopen(Change::Plan);
        } else if plan.facts != shown.facts {
            let changed = changed_facts(&shown.facts, &plan.facts);
            self.reopen(Change::Facts(changed));
        } else if self.policy.version() != self.proposal.policy {
            self.reopen(Change::Policy);
        } else {
            self.begin();
        }
    }

    fn plan_failed(&mut self, reason: String) {
        if self.proposal.state == State::Approved {
            self.reopen(Change::PlanFailed { reason });
        }
    }

    /// Whether somebody may put another command in its place; if not, they are told.
    fn may_edit(&mut self, actor: &Actor) -> bool {
        let refusal = match self.proposal.state {
            State::Executing => Refusal::AlreadyRunning,
            state if state.is_final() => Refusal::Finished(state),
            _ if !self.is_own(actor) => Refusal::NotRequester,
            _ if self.is_late() => {
                self.expire();
                Refusal::Expired
            }
            _ => return true,
        };
        let conversation = self.proposal.draft.conversation.clone();
        self.refuse(actor, Attempt::Edit, refusal, &conversation);
        false
    }

    fn edited(&mut self, actor: &Actor, edit: Edit) {
        if !self.may_edit(actor) {
            return;
        }
        let before = self.proposal.clone();
        let Edit { command, shown, target, plan, expires } = edit;
        self.proposal.draft = Draft { command, shown, target, plan, expires, ..self.proposal.draft.clone() };
        self.judge();
        if let Verdict::Deny { reason } = self.proposal.verdict.clone() {
            self.proposal = before;
            self.changed = false;
            let conversation = self.proposal.draft.conversation.clone();
            return self.refuse(actor, Attempt::Edit, Refusal::NotPermitted { reason }, &conversation);
        }
        self.record(Some(actor), Fact::ProposalEdited);
        self.settle(Notice::Changed(Change::Edited));
    }

    fn ended(&mut self, outcome: Outcome) {
        if self.proposal.state != State::Executing {
            return;
        }
        self.enter(outcome.status.into());
        self.say(Notice::Finished(outcome));
    }

    /// The row of the execution tells what can be known; its own events are the ledger's.
    fn restarted(&mut self, trace: Trace) {
        match (self.proposal.state, trace) {
            (State::Executing, Trace::Closed(outcome)) => self.ended(outcome),
            (State::Executing, Trace::Open) => {
                self.enter(State::Unknown);
                self.say(Notice::Interrupted);
            }
            (State::Executing, Trace::NotOpened) => {
                self.enter(State::Failed);
                let summary = "interrupted before it began; nothing was done".to_owned();
                self.record(None, Fact::ExecutionEnded { status: OutcomeStatus::Failed, summary });
                self.say(Notice::NeverBegan);
            }
            (State::Pending | State::Approved, _) if self.is_late() => self.expire(),
            (State::Approved, _) => self.reopen(Change::Restarted),
            (State::Pending, _) => self.deeds.push(Deed::WakeAt(self.proposal.draft.expires)),
            _ => {}
        }
    }
}

/// What is not as it was: `replicas was 3, is 7`.
fn changed_facts(before: &Facts, now: &Facts) -> String {
    let gone = before.iter().filter(|(name, _)| !now.contains_key(*name));
    let gone = gone.map(|(name, was)| format!("{name} was {was}, and cannot be read any more"));
    let other = now.iter().filter_map(|(name, is)| match before.get(name) {
        Some(was) if was == is => None,
        Some(was) => Some(format!("{name} was {was}, is {is}")),
        None => Some(format!("{name} is {is}")),
    });
    gone.chain(other).collect::<Vec<_>>().join("; ")
}
