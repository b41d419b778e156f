//! A command put before people: policy, the pure state machine, approval and its digest.
//!
//! [`propose`] puts a [`Draft`] before [`Permissions`] (in production, a [`Policy`]); [`step`] says what becomes of the
//! [`Proposal`] when something happens to it. Both return [`Deed`]s, and do nothing themselves. An [`approval::Approved`]
//! command, the key that opens the executor, comes out of here and from nowhere else.

pub mod approval;
mod deed;
mod draft;
mod event;
mod machine;
mod permission;
mod policy;
mod roles;
mod state;
mod storage;
mod stored;
#[cfg(test)]
mod testing;
mod watched;

pub use approval::{Approval, Approved};
pub use deed::{Change, Deed, Notice, Refusal};
pub use draft::{Draft, Edit, Facts, Plan, Provenance};
pub use event::{Event, Trace};
pub use machine::{propose, step};
pub use permission::{Decision, Needs, Permissions, PolicyAction, Query, Subject, Target, Verdict, WhoMay};
pub use policy::{Policy, PolicyFault};
pub use roles::Roles;
pub use state::{Proposal, State, UnknownState};
pub use storage::{Found, ProposalStore, ProposalStoreError, Unusable};
pub use stored::RestoreError;
pub(crate) use stored::StoredProposal;
pub use watched::Watched;
