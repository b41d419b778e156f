//! Somebody pressed. A no counts whatever card it was pressed on; a yes counts only for exactly what was shown.

use super::{Approval, Attempt, Change, Deed, Fact, Notice, PolicyAction, Refusal, State, Step};
use crate::domain::{Actor, ChoiceKind, ConversationId, Digest};

/// A press, and what came with it.
pub(super) struct Press<'a> {
    pub(super) actor: &'a Actor,
    pub(super) choice: ChoiceKind,
    /// The digest on the card.
    pub(super) shown: Digest,
    pub(super) conversation: &'a ConversationId,
    /// Why, if they said so.
    pub(super) reason: Option<&'a str>,
}

impl Step<'_> {
    pub(super) fn pressed(&mut self, press: &Press<'_>) {
        let Press { actor, choice, conversation, .. } = *press;
        let yes = matches!(choice, ChoiceKind::Confirm | ChoiceKind::Approve | ChoiceKind::BreakGlass);
        let closed = match self.proposal.state {
            State::Approved if yes => Some(Refusal::AlreadyApproved),
            State::Executing if yes => Some(Refusal::AlreadyRunning),
            state if state.is_final() => Some(Refusal::Finished(state)),
            State::Pending | State::Approved if self.is_late() => {
                self.expire();
                Some(Refusal::Expired)
            }
            _ => None,
        };
        let own = self.is_own(actor);
        let done = match (closed, choice) {
            (Some(refusal), _) => Err(refusal),
            (None, ChoiceKind::Confirm | ChoiceKind::Cancel) if !own => Err(Refusal::NotRequester),
            (None, ChoiceKind::Approve) if own => Err(Refusal::OwnProposal),
            (None, ChoiceKind::Confirm | ChoiceKind::Approve) => self.say_yes(press),
            (None, ChoiceKind::BreakGlass) => self.break_glass(press),
            (None, ChoiceKind::Cancel | ChoiceKind::Reject) => self.say_no(press, own),
        };
        if let Err(refusal) = done {
            self.refuse(actor, Attempt::Choice(choice), refusal, conversation);
        }
    }

    /// Whether somebody is the requester, with whichever account.
    pub(super) fn is_own(&self, actor: &Actor) -> bool {
        self.policy.same_person(actor, &self.proposal.draft.requester)
    }

    /// The requester says why, before or in place of a yes. Whatever was said to the proposal without it is void.
    pub(super) fn reasoned(&mut self, actor: &Actor, reason: &str, conversation: &ConversationId) {
        let refusal = match self.proposal.state {
            State::Executing => Some(Refusal::AlreadyRunning),
            state if state.is_final() => Some(Refusal::Finished(state)),
            _ if !self.is_own(actor) => Some(Refusal::NotRequester),
            _ if self.is_late() => {
                self.expire();
                Some(Refusal::Expired)
            }
            _ => None,
        };
        if let Some(refusal) = refusal {
            return self.refuse(actor, Attempt::Reason, refusal, conversation);
        }
        self.proposal.draft.reason = Some(reason.to_owned());
        self.note_reason(actor, reason, conversation);
        self.judge();
        self.settle(Notice::Reasoned);
    }

    fn note_reason(&mut self, actor: &Actor, reason: &str, conversation: &ConversationId) {
        self.record_in(conversation, Some(actor), Fact::ReasonGiven { reason: reason.to_owned() });
    }

    /// The requester confirms, or somebody else approves.
    fn say_yes(&mut self, press: &Press<'_>) -> Result<(), Refusal> {
        let Press { actor, conversation, .. } = *press;
        self.check_card(press)?;
        if self.reopened_by_policy() {
            return Ok(());
        }
        let mut shown = press.shown;
        let own = self.is_own(actor);
        let on_call;
        match press.reason {
            // The requester's own reason becomes part of what they say yes to.
            Some(reason) if own && self.proposal.draft.reason.as_deref() != Some(reason) => {
                let before = self.proposal.clone();
                self.proposal.draft.reason = Some(reason.to_owned());
                self.proposal.digest = self.proposal.compute_digest();
                shown = self.proposal.digest;
                on_call = match self.may_say_yes(actor, own, conversation) {
                    Ok(on_call) => on_call,
                    Err(refusal) => {
                        self.proposal = before;
                        return Err(refusal);
                    }
                };
                self.proposal.approvals.clear();
                self.note_reason(actor, reason, conversation);
            }
            Some(reason) => {
                on_call = self.may_say_yes(actor, own, conversation)?;
                self.note_reason(actor, reason, conversation);
            }
            None => on_call = self.may_say_yes(actor, own, conversation)?,
        }
        let fact = if own { Fact::ProposalConfirmed } else { Fact::ProposalApproved };
        self.record_in(conversation, Some(actor), fact);
        if let Some(told) = on_call {
            self.record_in(conversation, None, Fact::OnCallCounted { told });
        }
        self.count(Approval {
            actor: actor.clone(),
            at: self.now,
            conversation: conversation.clone(),
            digest: shown,
            broken_glass: None,
        });
        Ok(())
    }

    /// Whether somebody's yes counts, and who was on call if that decided.
    fn may_say_yes(&self, actor: &Actor, own: bool, conversation: &ConversationId) -> Result<Option<String>, Refusal> {
        // It can be enough by now: the roles of somebody else were not known when it was given.
        if self.yes_of(actor) && !self.may_execute(&self.standing()).allowed {
            return Err(Refusal::AlreadyCounted);
        }
        let action = if own { PolicyAction::Confirm } else { PolicyAction::Approve };
        let query = self.query(action, actor, conversation);
        let decision = self.policy.decide(&query);
        match decision.allowed {
            true => Ok(decision.on_call),
            false if query.reason.is_none() && self.policy.decide(&query.with_some_reason()).allowed => {
                let choice = if own { ChoiceKind::Confirm } else { ChoiceKind::Approve };
                Err(Refusal::ReasonMissing { choice, rule: decision.reason() })
            }
            false => Err(Refusal::NotPermitted { reason: decision.reason() }),
        }
    }

    /// Whether somebody has said yes.
    fn yes_of(&self, actor: &Actor) -> bool {
        self.proposal.approvals.iter().any(|approval| self.policy.same_person(&approval.actor, actor))
    }

    /// Adds a yes, in the place of an earlier one of the same person; with enough of them, it is planned again and then
    /// begins.
    fn count(&mut self, approval: Approval) {
        let policy = self.policy;
        self.proposal.approvals.retain(|other| !policy.same_person(&other.actor, &approval.actor));
        self.proposal.approvals.push(approval);
        self.changed = true;
        let standing = self.standing();
        let execute = self.may_execute(&standing);
        if execute.allowed {
            self.enter(State::Approved);
            self.deeds.push(Deed::PlanAgain);
        } else {
            self.say(Notice::Counted { approvals: standing.len(), rule: execute.reason() });
        }
    }

    /// An emergency: one person who may lets it run, says why, and everybody hears of it.
    fn break_glass(&mut self, press: &Press<'_>) -> Result<(), Refusal> {
        let Press { actor, conversation, .. } = *press;
        self.check_card(press)?;
        if self.reopened_by_policy() {
            return Ok(());
        }
        let Some(reason) = press.reason else {
            let rule = "nobody breaks the glass without saying why".to_owned();
            return Err(Refusal::ReasonMissing { choice: ChoiceKind::BreakGlass, rule });
        };
        let query = self.query(PolicyAction::BreakGlass, actor, conversation).because(reason);
        let decision = self.policy.decide(&query);
        if !decision.allowed {
            return Err(Refusal::NotPermitted { reason: decision.reason() });
        }
        let approval = Approval {
            actor: actor.clone(),
            at: self.now,
            conversation: conversation.clone(),
            digest: press.shown,
            broken_glass: Some(reason.to_owned()),
        };
        let others = self.proposal.approvals.iter();
        let mut yeses: Vec<Approval> =
            others.filter(|other| !self.policy.same_person(&other.actor, actor)).cloned().collect();
        yeses.push(approval.clone());
        let execute = self.may_execute(&yeses);
        if !execute.allowed {
            return Err(Refusal::NotPermitted { reason: execute.reason() });
        }
        self.record_in(conversation, Some(actor), Fact::GlassBroken { reason: reason.to_owned() });
        self.say(Notice::GlassBroken { by: actor.clone(), reason: reason.to_owned() });
        self.count(approval);
        Ok(())
    }

    /// A yes to another card than the one there is now does not count.
    fn check_card(&self, press: &Press<'_>) -> Result<(), Refusal> {
        if press.shown == self.proposal.digest { Ok(()) } else { Err(Refusal::OutOfDate) }
    }

    /// Asks again where the policy is another than the one it was judged by; whether it was.
    fn reopened_by_policy(&mut self) -> bool {
        let other = self.policy.version() != self.proposal.policy;
        if other {
            self.reopen(Change::Policy);
        }
        other
    }

    /// The requester takes it back, or somebody who may approve or propose such a thing says no: a freeze on yeses is no
    /// freeze on noes. What runs already is stopped, and its execution says what became of it.
    fn say_no(&mut self, press: &Press<'_>, own: bool) -> Result<(), Refusal> {
        let Press { actor, conversation, .. } = *press;
        if !own {
            let ask = |action| self.policy.decide(&self.query(action, actor, conversation));
            let approve = ask(PolicyAction::Approve);
            if !approve.allowed && !ask(PolicyAction::Propose).allowed {
                return Err(Refusal::NotPermitted { reason: approve.reason() });
            }
        }
        if let Some(reason) = press.reason {
            self.note_reason(actor, reason, conversation);
        }
        if self.proposal.state == State::Executing {
            self.record_in(conversation, Some(actor), Fact::StopRequested);
            self.deeds.push(Deed::Stop(self.proposal.draft.execution));
            self.say(Notice::Stopping { by: actor.clone() });
        } else if own {
            // The requester's no is the same no, whichever button it came from.
            self.enter(State::Cancelled);
            self.record_in(conversation, Some(actor), Fact::ProposalCancelled);
            self.say(Notice::Cancelled);
        } else {
            self.enter(State::Rejected);
            self.record_in(conversation, Some(actor), Fact::ProposalRejected);
            self.say(Notice::Rejected { by: actor.clone() });
        }
        Ok(())
    }

    /// It does not count; on the record it is nevertheless.
    pub(super) fn refuse(&mut self, actor: &Actor, attempt: Attempt, refusal: Refusal, conversation: &ConversationId) {
        let fact = Fact::PressRefused { choice: attempt.as_str().to_owned(), reason: refusal.to_string() };
        self.record_in(conversation, Some(actor), fact);
        self.say(Notice::Refused { actor: actor.clone(), refusal });
    }
}
