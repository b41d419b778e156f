//! A receipt: everything that is on record about one proposal, in order, and what came back.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::{AuditEvent, AuditLog, AuditLogError, Entry, Search};
use crate::domain::{ExecutionId, Outcome, ProposalCode, ProposalId};

/// The most events of one proposal that are told.
const MOST: usize = 10_000;

/// How a proposal is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By its id.
    Proposal(ProposalId),
    /// By its id or that of its execution; the two look alike.
    Id(ProposalId, ExecutionId),
    /// By its short code, which several may have in the course of time.
    Code(ProposalCode),
}

/// A text that names no proposal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a proposal or an execution, or a short code such as `k7qm`, found `{0}`")]
pub struct NamedError(String);

impl FromStr for Named {
    type Err = NamedError;
    fn from_str(text: &str) -> Result<Self, NamedError> {
        match (text.parse(), text.parse(), ProposalCode::from_typed(text)) {
            (Ok(proposal), Ok(execution), _) => Ok(Self::Id(proposal, execution)),
            (_, _, Some(code)) => Ok(Self::Code(code)),
            _ => Err(NamedError(text.to_owned())),
        }
    }
}

impl Named {
    /// Whether an event is about it.
    pub fn matches(&self, event: &AuditEvent) -> bool {
        match self {
            Self::Proposal(proposal) => event.proposal == Some(*proposal),
            Self::Id(proposal, execution) => event.proposal == Some(*proposal) || event.execution == Some(*execution),
            Self::Code(code) => event.proposal.is_some_and(|proposal| proposal.code() == *code),
        }
    }
}

/// What is on record about one proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The proposal.
    pub proposal: ProposalId,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// What came back, redacted; none if nothing ran, or it has not ended.
    pub outcome: Option<Outcome>,
}

impl Receipt {
    /// The receipts of everything that has the name, the oldest first.
    pub async fn find(log: &dyn AuditLog, named: &Named) -> Result<Vec<Self>, AuditLogError> {
        let named = Search { about: Some(named.clone()), limit: MOST, ..Search::default() };
        let found: BTreeSet<ProposalId> =
            log.search(&named).await?.iter().filter_map(|entry| entry.event.proposal).collect();
        let mut receipts = Vec::new();
        for proposal in found {
            // An execution's events are some of its proposal's.
            let whole = Search { about: Some(Named::Proposal(proposal)), limit: MOST, ..Search::default() };
            let mut entries = log.search(&whole).await?;
            entries.reverse();
            let execution = entries.iter().rev().find_map(|entry| entry.event.execution);
            let outcome = match execution {
                Some(execution) => log.outcome(execution).await?,
                None => None,
            };
            receipts.push(Self { proposal, entries, outcome });
        }
        receipts.sort_by_key(|receipt| receipt.entries.first().map(|entry| entry.sequence));
        Ok(receipts)
    }
}
