//! Reading the record back.

use async_trait::async_trait;

use super::{AuditEvent, ChainFault, ChainRow, Head, Search, Verified, Verifier};
use crate::domain::{ExecutionId, Outcome};

/// Why the record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditLogError {
    /// Broken: do not believe it.
    #[error(transparent)]
    Broken(#[from] ChainFault),
    /// A row that is no event of ours.
    #[error("row {sequence} of the audit trail cannot be read")]
    Unreadable {
        /// Its number.
        sequence: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The store refused or failed.
    #[error("the audit trail cannot be read: {reason}")]
    Failed {
        /// In one line, for people.
        reason: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An event with its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// From 1.
    pub sequence: u64,
    /// What happened.
    pub event: AuditEvent,
}

/// The record, as its readers need it.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Events that match, the latest first.
    async fn search(&self, search: &Search) -> Result<Vec<Entry>, AuditLogError>;

    /// Rows of the chain after a number, in order, at most so many.
    async fn rows(&self, after: u64, limit: u32) -> Result<Vec<ChainRow>, AuditLogError>;

    /// The end of the chain; to be kept elsewhere.
    async fn head(&self) -> Result<Head, AuditLogError>;

    /// What an execution ended with, output included; none while it has not, and where there is none of that id.
    async fn outcome(&self, execution: ExecutionId) -> Result<Option<Outcome>, AuditLogError>;
}

/// Some of the events that match, and how many more there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The latest first.
    pub entries: Vec<Entry>,
    /// Earlier ones that match; they are counted up to [`Page::COUNTED`].
    pub more: usize,
}

impl Page {
    /// As many as this may be more.
    pub const COUNTED: usize = 10_000;
}

/// Events that match, and how many more there are.
pub async fn search_page(log: &dyn AuditLog, search: &Search) -> Result<Page, AuditLogError> {
    let further = Search { limit: search.limit.saturating_add(Page::COUNTED), ..search.clone() };
    let mut entries = log.search(&further).await?;
    let more = entries.len().saturating_sub(search.limit);
    entries.truncate(search.limit);
    Ok(Page { entries, more })
}

/// Checks the whole record, page by page, and compares it with heads that were kept elsewhere.
pub async fn examine_log(log: &dyn AuditLog, known: impl IntoIterator<Item = Head>) -> Result<Verified, AuditLogError> {
    const PAGE: u32 = 1_000;
    let mut verifier = Verifier::new(known);
    let mut after = 0;
    loop {
        let rows = log.rows(after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.sequence;
        for row in &rows {
            verifier.check(row)?;
        }
    }
    Ok(verifier.finish()?)
}

/// The same; only the head.
pub async fn verify_log(log: &dyn AuditLog, known: impl IntoIterator<Item = Head>) -> Result<Head, AuditLogError> {
    Ok(examine_log(log, known).await?.head)
}
