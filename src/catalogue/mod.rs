//! Reads `intents/`, `runbooks/` and `integrations/`, checks them against each other, and says what is wrong and where.

mod diagnostic;
mod fields;
pub mod manifest;

pub use diagnostic::{Diagnostic, Severity};
pub use manifest::Manifest;
