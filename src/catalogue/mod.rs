//! Reads `intents/`, `runbooks/` and `integrations/`, checks them against each other, and says what is wrong and where.

mod diagnostic;

pub use diagnostic::{Diagnostic, Severity};
