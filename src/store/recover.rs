//! Coming up again: whatever the process before left open is put to an end, told, and never run again.

use jiff::Timestamp;

use super::{Recovery, Remains};
use crate::audit::{AuditEvent, Fact, LedgerError};
use crate::domain::{ConversationId, ExecutionId, Intents, Outcome, OutcomeStatus, ProposalId};
use crate::proposal::{Deed, Event, Notice, Permissions, Proposal, ProposalStoreError, State, Trace, Unusable, step};

/// Why a start-up could not put things in order.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// A proposal could not be read or saved.
    #[error(transparent)]
    Proposal(#[from] ProposalStoreError),
    /// The record could not be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A proposal that was unfinished, as it stands now.
#[derive(Debug)]
pub struct RecoveredProposal {
    /// As it was saved.
    pub proposal: Proposal,
    /// What its conversation must be told.
    pub notices: Vec<Notice>,
    /// When the machine wants [`Event::Ticked`].
    pub wake: Option<Timestamp>,
}

/// What a start-up found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Oldest first.
    pub proposals: Vec<RecoveredProposal>,
    /// Rows that are no proposals today, to be told about. Those that were executing or have expired are ended.
    pub unusable: Vec<Unusable>,
}

/// Ends what the process before left behind, by the machine's own rules. What another living process is busy with is left
/// to it. May be interrupted and done again.
pub async fn recover(
    store: &dyn Recovery,
    intents: &Intents,
    policy: &dyn Permissions,
    now: Timestamp,
) -> Result<Recovered, RecoverError> {
    let found = store.unfinished(intents).await?;
    let mut recovered = Recovered::default();
    for proposal in found.proposals {
        let Some(remains) = store.remains(proposal.id()).await? else { continue };
        if let Some(proposal) = unless_overtaken(restart(store, proposal, remains, policy, now).await)? {
            recovered.proposals.push(proposal);
        }
    }
    for unusable in found.unusable {
        let Some(remains) = store.remains(unusable.id).await? else { continue };
        if unless_overtaken(retire(store, &unusable, remains, now).await)?.is_some() {
            recovered.unusable.push(unusable);
        }
    }
    Ok(recovered)
}

/// When another process that starts was faster, it sees to the proposal.
fn unless_overtaken<T>(result: Result<T, RecoverError>) -> Result<Option<T>, RecoverError> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(
            RecoverError::Proposal(ProposalStoreError::Conflict(_)) | RecoverError::Ledger(LedgerError::NotOpen(_)),
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Does what the machine says about a restart.
async fn restart(
    store: &dyn Recovery,
    proposal: Proposal,
    remains: Remains,
    policy: &dyn Permissions,
    now: Timestamp,
) -> Result<RecoveredProposal, RecoverError> {
    if remains.trace == Trace::Open {
        let draft = proposal.draft();
        let event = AuditEvent {
            intent: Some(draft.command.intent().clone()),
            command: Some(draft.shown.clone()),
            digest: Some(proposal.digest()),
            ..interrupted(now, proposal.conversation(), proposal.id(), remains.execution)
        };
        close(store, &remains, event).await?;
    }
    let (proposal, deeds) = step(proposal, Event::Restarted(remains.trace), policy, now);
    let mut recovered = RecoveredProposal { proposal, notices: Vec::new(), wake: None };
    for deed in deeds {
        match deed {
            Deed::Save(events) => store.save(&recovered.proposal, &events).await?,
            Deed::Record(event) => store.append(event).await?,
            Deed::Say(notice) => recovered.notices.push(notice),
            Deed::WakeAt(at) => recovered.wake = Some(at),
            // A restart never asks for these (see `proposal::machine::properties`), and here they would not be done.
            Deed::PlanAgain | Deed::Execute(_) | Deed::Stop(_) => {}
        }
    }
    Ok(recovered)
}

/// Ends a row that cannot be read back, as far as it must be: what ran, and what has expired. The rest may be readable
/// again once the intents are.
async fn retire(
    store: &dyn Recovery,
    unusable: &Unusable,
    remains: Remains,
    now: Timestamp,
) -> Result<(), RecoverError> {
    let event = interrupted(now, &unusable.conversation, unusable.id, remains.execution);
    let (state, events) = match (unusable.state, &remains.trace) {
        (State::Executing, Trace::Open) => {
            close(store, &remains, event).await?;
            (State::Unknown, Vec::new())
        }
        (State::Executing, Trace::Closed(outcome)) => (outcome.status.into(), Vec::new()),
        (State::Executing, Trace::NotOpened) => {
            let summary = "interrupted before it began; nothing was done".to_owned();
            let fact = Fact::ExecutionEnded { status: OutcomeStatus::Failed, summary };
            (State::Failed, vec![AuditEvent { fact, ..event }])
        }
        _ if now >= unusable.expires => {
            (State::Expired, vec![AuditEvent { fact: Fact::ProposalExpired, execution: None, ..event }])
        }
        _ => return Ok(()),
    };
    Ok(store.retire(unusable, state, &events).await?)
}

/// Closes a row that was left open: what it did is unknown.
async fn close(store: &dyn Recovery, remains: &Remains, event: AuditEvent) -> Result<(), RecoverError> {
    let Some(execution) = remains.execution else { return Ok(()) };
    let outcome = Outcome { status: OutcomeStatus::Unknown, summary: INTERRUPTED.to_owned(), output: None };
    let at = event.at;
    Ok(store.close_execution(execution, &outcome, at, event).await?)
}

const INTERRUPTED: &str = "interrupted while it ran; whether it was done is unknown";

/// The event of an execution that was left open.
fn interrupted(
    at: Timestamp,
    conversation: &ConversationId,
    proposal: ProposalId,
    execution: Option<ExecutionId>,
) -> AuditEvent {
    AuditEvent {
        at,
        actor: None,
        conversation: Some(conversation.clone()),
        proposal: Some(proposal),
        execution,
        intent: None,
        command: None,
        digest: None,
        fact: Fact::ExecutionEnded { status: OutcomeStatus::Unknown, summary: INTERRUPTED.to_owned() },
    }
}
