//! Doing what an order says: decisions by code, reasons, taking back, and the kill switch.

use jiff::Timestamp;

use super::orders::Order;
use super::turn::{Said, Turn};
use super::{TurnError, wording};
use crate::audit::{AuditEvent, Fact, Halt};
use crate::domain::{Actor, ChoiceKind, ConversationId, Digest, ProposalCode, Reply, parse_typed};
use crate::proposal::{Event, Permissions, PolicyAction, Proposal, Provenance, Query, State};

/// Whether somebody can have a say in a proposal from this conversation: it is their own, or they may approve it.
pub(super) fn has_say(
    permissions: &dyn Permissions,
    proposal: &Proposal,
    actor: &Actor,
    conversation: &ConversationId,
    now: Timestamp,
) -> bool {
    let draft = proposal.draft();
    permissions.same_person(actor, &draft.requester)
        || permissions
            .decide(&Query {
                action: PolicyAction::Approve,
                actor,
                requester: &draft.requester,
                subject: (&draft.command).into(),
                target: &draft.target,
                conversation,
                now,
                yeses: &[],
                reason: draft.reason.as_deref(),
                broken_glass: false,
            })
            .allowed
}

/// What can be done to everything at once.
enum Switch {
    Halt,
    Lift,
}

impl Turn<'_> {
    /// Does what an order says.
    pub(super) async fn obey(&self, said: &Said<'_>, order: Order) -> Result<(), TurnError> {
        match order {
            Order::Halt { reason } => self.switch(said, Switch::Halt, reason).await?,
            Order::Lift { reason } => self.switch(said, Switch::Lift, reason).await?,
            Order::Undo(None) => self.undo_last(said).await?,
            Order::Decide { choice, code, reason } => {
                let Some(proposal) = self.named(said, &code).await? else { return Ok(()) };
                let decided = (choice, proposal.digest());
                self.press(said.conversation, said.actor, proposal, decided, reason).await?;
            }
            Order::Reason { code, reason } => {
                let Some(proposal) = self.named(said, &code).await? else { return Ok(()) };
                let (actor, conversation) = (said.actor.clone(), said.conversation.clone());
                let reason = self.parts.redactor.clean(&reason);
                self.step(proposal, Event::Reasoned { actor, reason, conversation }, Vec::new()).await?;
            }
            Order::Undo(Some(code)) => {
                let Some(proposal) = self.named(said, &code).await? else { return Ok(()) };
                self.undo(said, &proposal).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn press_all(
        &self,
        said: &Said<'_>,
        mine: Vec<Proposal>,
        choice: ChoiceKind,
    ) -> Result<(), TurnError> {
        for proposal in mine {
            let decided = (choice, proposal.digest());
            self.press(said.conversation, said.actor, proposal, decided, None).await?;
        }
        Ok(())
    }

    /// A choice, on the card of that digest; in words, it is about the card as it is now.
    pub(super) async fn press(
        &self,
        conversation: &ConversationId,
        actor: &Actor,
        proposal: Proposal,
        (choice, shown): (ChoiceKind, Digest),
        reason: Option<String>,
    ) -> Result<(), TurnError> {
        let reason = reason.map(|reason| self.parts.redactor.clean(&reason));
        // What becomes of it is told where it was asked for.
        if proposal.conversation() != conversation {
            self.say(conversation, wording::told_elsewhere(&proposal)).await?;
        }
        let event = Event::Pressed { actor: actor.clone(), choice, shown, conversation: conversation.clone(), reason };
        self.step(proposal, event, Vec::new()).await
    }

    /// The proposal of a code: of this conversation, else one from elsewhere that is the person's own or that they may
    /// approve. Where there is none, or more than one, that is said.
    async fn named(&self, said: &Said<'_>, code: &ProposalCode) -> Result<Option<Proposal>, TurnError> {
        let intents = self.knowledge.understander.intents();
        let mut found = self.parts.proposals.by_code(said.conversation, code, intents).await?.proposals;
        if found.is_empty() {
            let mut elsewhere = self.parts.proposals.unfinished(intents).await?.proposals;
            elsewhere.retain(|other| other.code() == *code);
            for other in elsewhere {
                let say = |permissions: &dyn Permissions| {
                    has_say(permissions, &other, said.actor, said.conversation, self.parts.clock.now())
                };
                if self.parts.decided(say).await {
                    found.push(other);
                }
            }
        }
        match (found.pop(), found.len()) {
            (Some(proposal), 0) => return Ok(Some(proposal)),
            (Some(_), _) => self.say(said.conversation, wording::ambiguous_code(code)).await?,
            (None, _) => self.say(said.conversation, wording::no_such_code(code)).await?,
        }
        Ok(None)
    }

    /// Proposes the command that takes another back, as anything else is proposed.
    async fn undo(&self, said: &Said<'_>, proposal: &Proposal) -> Result<(), TurnError> {
        let intents = self.knowledge.understander.intents();
        let line = match (proposal.state(), &proposal.draft().plan.undo) {
            (State::Succeeded, Some(line)) => line,
            (state, _) => return self.say(said.conversation, wording::not_undone(proposal, state)).await,
        };
        match parse_typed(line, intents) {
            Ok(command) => {
                let provenance =
                    Provenance { said: Some(self.parts.redactor.clean(said.text)), ..Provenance::default() };
                self.propose(said, command, provenance, vec![wording::takes_back(proposal)]).await
            }
            Err(error) => self.say(said.conversation, wording::mistyped(&error)).await,
        }
    }

    /// The last thing that this person had done here, if it can be taken back.
    async fn undo_last(&self, said: &Said<'_>) -> Result<(), TurnError> {
        let (memory, ..) = self.recall(said.conversation, said.actor).await?;
        let code = memory.undo.as_deref().and_then(ProposalCode::from_typed);
        let Some(code) = code else {
            return self.say(said.conversation, wording::nothing_to_undo()).await;
        };
        match self.named(said, &code).await? {
            Some(proposal) => self.undo(said, &proposal).await,
            None => Ok(()),
        }
    }

    /// The kill switch. Written down first: what began in between is stopped, and what comes after is refused by the store.
    async fn switch(&self, said: &Said<'_>, switch: Switch, reason: Option<String>) -> Result<(), TurnError> {
        let reason = reason.map(|reason| self.parts.redactor.clean(&reason));
        let at = self.parts.clock.now();
        let event = |fact| AuditEvent {
            at,
            actor: Some(said.actor.clone()),
            conversation: Some(said.conversation.clone()),
            proposal: None,
            execution: None,
            intent: None,
            command: None,
            digest: None,
            fact,
        };
        if !self.parts.permissions.may_halt(said.actor) {
            self.parts.ledger.append(event(Fact::HaltRefused)).await?;
            return self.say_privately(said.conversation, wording::may_not_halt()).await;
        }
        match switch {
            Switch::Halt => {
                let halt = Halt { by: said.actor.clone(), since: at, reason: reason.clone() };
                let written = self.parts.ledger.halt(&halt, event(Fact::Halted { reason })).await;
                // What runs is stopped even if that cannot be written down: then the reply says so.
                let stopped = self.parts.executor.stop_all();
                written?;
                self.say_everywhere(said.conversation, wording::halted(&halt, stopped)).await
            }
            Switch::Lift => match self.parts.ledger.lift(event(Fact::HaltLifted { reason: reason.clone() })).await? {
                Some(halt) => {
                    let reply = wording::lifted(said.actor, &halt, reason.as_deref());
                    self.say_everywhere(said.conversation, reply).await
                }
                None => self.say(said.conversation, wording::not_halted()).await,
            },
        }
    }

    /// Here, and wherever the configuration wants such things announced.
    pub(super) async fn say_everywhere(&self, here: &ConversationId, reply: Reply) -> Result<(), TurnError> {
        for conversation in self.manner.announce.iter().filter(|other| *other != here) {
            self.say(conversation, reply.clone()).await?;
        }
        self.say(here, reply).await
    }
}
