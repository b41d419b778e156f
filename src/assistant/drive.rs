//! Performing deeds: saves, says, plans, executes, wakes. In their order; the first that fails stops the rest.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{Instrument as _, field, info_span};

use super::context::{Memory, Which};
use super::turn::{Said, Turn};
use super::{Alarm, TurnError, touches_production, wording};
use crate::audit::Fact;
use crate::domain::{Actor, Command, ConversationId, Counted, Effect, ExecutionId, Outgoing, ProposalId, Reply, Tone};
use crate::integrations::{Plan as ExecutorPlan, PlanError, Previewed};
use crate::proposal::{
    Deed, Draft, Edit, Event, Notice, Permissions, Plan, Proposal, ProposalStoreError, Provenance, State, Target,
    Verdict, propose, step,
};
use crate::understanding::Draft as Remembered;

/// How long the end of an execution waits until what was said of its progress is on its way.
const LAST_PROGRESS: Duration = Duration::from_secs(1);

impl Turn<'_> {
    /// Puts a command before policy, and does what comes of it.
    pub(super) async fn propose(
        &self,
        said: &Said<'_>,
        command: Command,
        provenance: Provenance,
        notes: Vec<String>,
    ) -> Result<(), TurnError> {
        self.propose_with(said, command, None, provenance, notes).await
    }

    /// The same, to be carried out by the system that was chosen, if any was.
    pub(super) async fn propose_with(
        &self,
        said: &Said<'_>,
        command: Command,
        system: Option<&str>,
        provenance: Provenance,
        notes: Vec<String>,
    ) -> Result<(), TurnError> {
        let (memory, ..) = self.recall(said.conversation, said.actor).await?;
        let last = Some((&Remembered::from(&command)).into());
        let memory = Memory { last, asked: None, which: None, ..memory };
        self.remember(said.conversation, said.actor, &memory).await?;
        let planned = self.plan(&command, said.actor, system).await;
        // What was found out on the way is not for everybody.
        let may_know = planned.is_ok() || self.may_ask(said, &command).await;
        let (plan, target) = match planned {
            Ok(planned) => planned,
            Err(PlanError::Ambiguous { candidates, .. }) if may_know => {
                let memory = Memory { which: Some(Which::new(&command, &candidates)), ..memory };
                self.remember(said.conversation, said.actor, &memory).await?;
                return self.say(said.conversation, wording::which_system(&command, candidates)).await;
            }
            Err(error) if may_know => {
                return self.say(said.conversation, wording::not_plannable(&command, &error)).await;
            }
            // Policy says no, as it would to whatever had been planned.
            Err(_) => (Plan::nothing(), self.nowhere(&command)),
        };
        let draft = Draft {
            id: ProposalId::random(),
            execution: ExecutionId::random(),
            conversation: said.conversation.clone(),
            message: said.message.cloned(),
            requester: said.actor.clone(),
            shown: self.parts.redactor.clean_command(&command),
            command,
            target,
            plan,
            reason: None,
            provenance,
            expires: self.expiry(),
        };
        let span = info_span!("decide", proposal = %draft.id, state = field::Empty);
        let propose = |policy: &dyn Permissions| propose(draft.clone(), policy, self.parts.clock.now());
        let (proposal, deeds) = self.parts.decided(propose).instrument(span.clone()).await;
        span.record("state", proposal.state().as_str());
        self.perform(proposal, deeds, notes).await
    }

    /// Another command in the place of a waiting one.
    pub(super) async fn edit(&self, said: &Said<'_>, proposal: Proposal, command: Command) -> Result<(), TurnError> {
        let (proposal, refused) = self.decide(&proposal, &Event::EditBegun { actor: said.actor.clone() }).await;
        if !refused.is_empty() {
            return self.perform(proposal, refused, Vec::new()).await;
        }
        let system = proposal.draft().plan.system.as_deref();
        let planned = self.plan(&command, proposal.requester(), system).await;
        let may_know = planned.is_ok() || self.may_ask(said, &command).await;
        let (plan, target) = match planned {
            Ok(planned) => planned,
            Err(error) if may_know => {
                return self.say(said.conversation, wording::not_plannable(&command, &error)).await;
            }
            Err(_) => (Plan::nothing(), self.nowhere(&command)),
        };
        let (memory, ..) = self.recall(said.conversation, said.actor).await?;
        let last = Some((&Remembered::from(&command)).into());
        self.remember(said.conversation, said.actor, &Memory { last, ..memory }).await?;
        let shown = self.parts.redactor.clean_command(&command);
        let edit = Box::new(Edit { command, shown, target, plan, expires: self.expiry() });
        self.step(proposal, Event::Edited { actor: said.actor.clone(), edit }, Vec::new()).await
    }

    /// Lets something happen to a proposal. Whoever has said something about it is asked for by their roles of now.
    pub(super) async fn step(&self, proposal: Proposal, event: Event, notes: Vec<String>) -> Result<(), TurnError> {
        if let Some(directory) = &self.parts.directory {
            let presser = self.cause.as_ref().map(|cause| &cause.actor);
            let others = proposal.approvals().iter().map(|approval| &approval.actor).chain([proposal.requester()]);
            // An event has just told of its own author.
            for actor in others.filter(|actor| Some(*actor) != presser) {
                if let Err(unknown) = directory.look_up(actor).await {
                    let reply = Reply::text(Tone::Warning, unknown.to_string());
                    self.say_privately(proposal.conversation(), reply).await?;
                }
            }
        }
        let (proposal, deeds) = self.decide(&proposal, &event).await;
        self.perform(proposal, deeds, notes).await
    }

    /// What becomes of a proposal.
    async fn decide(&self, proposal: &Proposal, event: &Event) -> (Proposal, Vec<Deed>) {
        let span = info_span!("decide", proposal = %proposal.id(), state = field::Empty);
        let step = |policy: &dyn Permissions| step(proposal.clone(), event.clone(), policy, self.parts.clock.now());
        let (proposal, deeds) = self.parts.decided(step).instrument(span.clone()).await;
        span.record("state", proposal.state().as_str());
        (proposal, deeds)
    }

    async fn perform(&self, mut proposal: Proposal, deeds: Vec<Deed>, notes: Vec<String>) -> Result<(), TurnError> {
        let mut queue = VecDeque::from(deeds);
        let mut ended = false;
        while let Some(deed) = queue.pop_front() {
            let event = match deed {
                Deed::Save(events) => {
                    match self.parts.proposals.save(&proposal, &events).instrument(info_span!("save")).await {
                        Ok(()) => {
                            events.iter().for_each(|event| self.count(&event.fact));
                            self.show_standing(&proposal).await;
                            None
                        }
                        // What was done is done, and told. Its row has the outcome; the next start finishes the proposal.
                        Err(error) if ended => {
                            let error: &dyn std::error::Error = &error;
                            tracing::error!(proposal = %proposal.id(), error, "the end of a proposal could not be saved");
                            None
                        }
                        // Somebody else's decision was first; theirs is told by their own turn.
                        Err(ProposalStoreError::Conflict(_)) => {
                            return self.say(proposal.conversation(), wording::decided_meanwhile()).await;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Deed::Record(event) => {
                    let fact = event.fact.clone();
                    self.parts.ledger.append(event).await?;
                    self.count(&fact);
                    None
                }
                Deed::Say(notice) => {
                    self.tell(&proposal, notice, &notes).await?;
                    None
                }
                Deed::PlanAgain => {
                    let system = proposal.draft().plan.system.as_deref();
                    Some(match self.plan(proposal.command(), proposal.requester(), system).await {
                        Ok((plan, _)) => Event::Planned(plan),
                        Err(error) => Event::PlanFailed { reason: error.to_string() },
                    })
                }
                Deed::Execute(approved) => {
                    let (progress, told) = self.progress(proposal.conversation().clone());
                    ended = true;
                    let outcome = self.parts.executor.execute(*approved, progress).await;
                    // How far it was is told before how it ended, which waits no longer than this for it.
                    let _ = tokio::time::timeout(LAST_PROGRESS, told).await;
                    Some(Event::Ended(outcome))
                }
                Deed::Stop(execution) => {
                    // One that has just ended tells its own end.
                    self.parts.executor.stop(execution);
                    None
                }
                Deed::WakeAt(at) => {
                    let alarm = Alarm { at, proposal: proposal.id() };
                    // A full or ended queue costs the remark that it expired, not the expiry itself.
                    let _ = self.parts.alarms.try_send(alarm);
                    None
                }
            };
            if let Some(event) = event {
                let (next, more) = self.decide(&proposal, &event).await;
                proposal = next;
                queue.extend(more);
            }
        }
        Ok(())
    }

    /// Counts what is on record now.
    fn count(&self, fact: &Fact) {
        self.parts.tally.count(match fact {
            Fact::ProposalCreated { .. } => Counted::Proposal("created"),
            Fact::ProposalDenied { .. } => Counted::Proposal("denied"),
            Fact::ProposalConfirmed => Counted::Proposal("confirmed"),
            Fact::ProposalApproved => Counted::Proposal("approved"),
            Fact::ProposalRejected => Counted::Proposal("rejected"),
            Fact::ProposalCancelled => Counted::Proposal("cancelled"),
            Fact::ProposalEdited => Counted::Proposal("edited"),
            Fact::ProposalReopened { .. } => Counted::Proposal("reopened"),
            Fact::ProposalExpired => Counted::Proposal("expired"),
            Fact::PressRefused { .. } => Counted::PressRefused,
            Fact::GlassBroken { .. } => Counted::Proposal("glass broken"),
            Fact::StopRequested => Counted::Proposal("stopped"),
            // Beside a decision, which counts.
            Fact::ReasonGiven { .. } | Fact::OnCallCounted { .. } => return,
            // The switch is thrown elsewhere.
            Fact::Halted { .. } | Fact::HaltLifted { .. } | Fact::HaltRefused => return,
            // The executor counts them, and knows more.
            Fact::ExecutionStarted { .. } | Fact::ExecutionEnded { .. } | Fact::RecordPruned { .. } => return,
        });
    }

    /// Where an execution reports how far it is; forwarded to the conversation as long as somebody listens.
    fn progress(&self, conversation: ConversationId) -> (mpsc::Sender<String>, JoinHandle<()>) {
        let (sender, mut receiver) = mpsc::channel::<String>(16);
        let outbox = self.parts.outbox.clone();
        let outgoing = self.outgoing(conversation, false, Reply::Progress(String::new()));
        let told = tokio::spawn(async move {
            while let Some(text) = receiver.recv().await {
                if outbox.send(Outgoing { reply: Reply::Progress(text), ..outgoing.clone() }).await.is_err() {
                    break;
                }
            }
        });
        (sender, told)
    }

    async fn tell(&self, proposal: &Proposal, notice: Notice, notes: &[String]) -> Result<(), TurnError> {
        if matches!(notice, Notice::Cancelled | Notice::Rejected { .. }) {
            self.unwanted(proposal).await;
        }
        if matches!(notice, Notice::Finished(_))
            && proposal.state() == State::Succeeded
            && proposal.draft().plan.undo.is_some()
        {
            let (memory, ..) = self.recall(proposal.conversation(), proposal.requester()).await?;
            let memory = Memory { undo: Some(proposal.code().to_string()), ..memory };
            self.remember(proposal.conversation(), proposal.requester(), &memory).await?;
        }
        for reply in wording::notice(proposal, &notice, notes, self.knowledge.understander.intents()) {
            match notice {
                Notice::GlassBroken { .. } => self.say_everywhere(proposal.conversation(), reply).await?,
                Notice::Refused { .. } => self.say_privately(proposal.conversation(), reply).await?,
                _ => self.say(proposal.conversation(), reply).await?,
            }
        }
        Ok(())
    }

    /// What was decided, for platforms that can change the card they have shown. While nothing is, the card is still to come.
    /// Whoever does not hear of it is told all the same.
    pub(super) async fn show_standing(&self, proposal: &Proposal) {
        // Without a question there is no card, and *approved* is over at once.
        if !matches!(proposal.verdict(), Verdict::Confirm { .. }) || proposal.state() == State::Approved {
            return;
        }
        let card = wording::card(proposal, &[], self.knowledge.understander.intents());
        if card.standing.is_some() {
            let _ = self.say(proposal.conversation(), Reply::Standing(card)).await;
        }
    }

    async fn may_ask(&self, said: &Said<'_>, command: &Command) -> bool {
        let now = self.parts.clock.now();
        let ask = |policy: &dyn Permissions| policy.may_ask(command.into(), said.actor, said.conversation, now);
        self.parts.decided(ask).await
    }

    /// The target of what could not be planned.
    fn nowhere(&self, command: &Command) -> Target {
        let production = touches_production(command, self.knowledge.understander.entities());
        Target { name: String::new(), local: false, production }
    }

    fn expiry(&self) -> jiff::Timestamp {
        let now = self.parts.clock.now();
        now.checked_add(self.manner.expires_after).unwrap_or(now)
    }

    /// What would run, with what the preview read, and what it acts upon.
    async fn plan(
        &self,
        command: &Command,
        requester: &Actor,
        system: Option<&str>,
    ) -> Result<(Plan, Target), PlanError> {
        let planner = &self.parts.planner;
        let span = info_span!("plan", intent = %command.intent());
        let plan = match system {
            Some(system) => planner.plan_with(command, requester, system).instrument(span).await?,
            None => planner.plan(command, requester).instrument(span).await?,
        };
        let target = self.target(command, &plan);
        // A read is its own preview.
        let previewed = match command.effect() {
            Effect::Read => Previewed::default(),
            Effect::Change | Effect::Destructive => planner.preview(&plan).instrument(info_span!("preview")).await?,
        };
        let Previewed { shown: preview, facts, undo } = previewed;
        let runs = format!("{}: {}", plan.via, plan.runs);
        let system = system.map(str::to_owned);
        Ok((Plan { runs, preview, facts, undo, system, digest: plan.digest }, target))
    }

    fn target(&self, command: &Command, plan: &ExecutorPlan) -> Target {
        let production = touches_production(command, self.knowledge.understander.entities());
        Target { name: plan.target.clone(), local: plan.local, production }
    }
}
