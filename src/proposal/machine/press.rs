//! Somebody pressed. A no counts whatever card it was pressed on; a yes counts only for exactly what was shown.

use super::{Approval, Attempt, Change, Deed, Fact, Notice, PolicyAction, Refusal, State, Step};
use crate::domain::{Actor, ChoiceKind, ConversationId, Digest};

impl Step<'_> {
    pub(super) fn pressed(&mut self, actor: &Actor, choice: ChoiceKind, shown: Digest, conversation: &ConversationId) {
        let yes = matches!(choice, ChoiceKind::Confirm | ChoiceKind::Approve);
        let closed = match self.proposal.state {
            State::Approved if yes => Some(Refusal::AlreadyApproved),
            State::Executing => Some(Refusal::AlreadyRunning),
            state if state.is_final() => Some(Refusal::Finished(state)),
            _ if self.is_late() => {
                self.expire();
                Some(Refusal::Expired)
            }
            _ => None,
        };
        let own = *actor == self.proposal.draft.requester;
        let done = match (closed, choice) {
            (Some(refusal), _) => Err(refusal),
            (None, ChoiceKind::Confirm | ChoiceKind::Cancel) if !own => Err(Refusal::NotRequester),
            (None, ChoiceKind::Approve) if own => Err(Refusal::OwnProposal),
            (None, ChoiceKind::Confirm | ChoiceKind::Approve) => self.say_yes(actor, shown, conversation),
            // The requester's no is the same no, whichever button it came from.
            (None, ChoiceKind::Cancel) => self.cancel(actor, conversation),
            (None, ChoiceKind::Reject) if own => self.cancel(actor, conversation),
            (None, ChoiceKind::Reject) => self.reject(actor, conversation),
        };
        if let Err(refusal) = done {
            self.refuse(actor, Attempt::Choice(choice), refusal, conversation);
        }
    }

    /// The requester confirms, or somebody else approves.
    fn say_yes(&mut self, actor: &Actor, shown: Digest, conversation: &ConversationId) -> Result<(), Refusal> {
        if shown != self.proposal.digest {
            return Err(Refusal::OutOfDate);
        }
        if self.policy.version() != self.proposal.policy {
            self.reopen(Change::Policy);
            return Ok(());
        }
        if self.proposal.approvals.iter().any(|approval| approval.actor == *actor) {
            return Err(Refusal::AlreadyCounted);
        }
        let (action, fact) = if *actor == self.proposal.draft.requester {
            (PolicyAction::Confirm, Fact::ProposalConfirmed)
        } else {
            (PolicyAction::Approve, Fact::ProposalApproved)
        };
        let decision = self.policy.decide(&self.query(action, actor, conversation, 0));
        if !decision.allowed {
            return Err(Refusal::NotPermitted { reason: decision.reason() });
        }
        let (actor, conversation) = (actor.clone(), conversation.clone());
        self.record_in(&conversation, Some(&actor), fact);
        self.proposal.approvals.push(Approval { actor, at: self.now, conversation, digest: shown });
        self.changed = true;
        let approvals = self.standing().len();
        let execute = self.may_execute(approvals);
        if execute.allowed {
            self.enter(State::Approved);
            self.deeds.push(Deed::PlanAgain);
        } else {
            self.say(Notice::Counted { approvals, rule: execute.reason() });
        }
        Ok(())
    }

    fn cancel(&mut self, actor: &Actor, conversation: &ConversationId) -> Result<(), Refusal> {
        self.enter(State::Cancelled);
        self.record_in(conversation, Some(actor), Fact::ProposalCancelled);
        self.say(Notice::Cancelled);
        Ok(())
    }

    /// Whoever may approve or propose such a thing may also say no to it: a freeze on yeses is no freeze on noes.
    fn reject(&mut self, actor: &Actor, conversation: &ConversationId) -> Result<(), Refusal> {
        let ask = |action| self.policy.decide(&self.query(action, actor, conversation, 0));
        let approve = ask(PolicyAction::Approve);
        if !approve.allowed && !ask(PolicyAction::Propose).allowed {
            return Err(Refusal::NotPermitted { reason: approve.reason() });
        }
        self.enter(State::Rejected);
        self.record_in(conversation, Some(actor), Fact::ProposalRejected);
        self.say(Notice::Rejected { by: actor.clone() });
        Ok(())
    }

    /// It does not count; on the record it is nevertheless.
    pub(super) fn refuse(&mut self, actor: &Actor, attempt: Attempt, refusal: Refusal, conversation: &ConversationId) {
        let fact = Fact::PressRefused { choice: attempt.as_str().to_owned(), reason: refusal.to_string() };
        self.record_in(conversation, Some(actor), fact);
        self.say(Notice::Refused { actor: actor.clone(), refusal });
    }
}
