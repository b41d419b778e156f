//! How much a system may take of us.

use std::time::Duration;

/// The bounds of every action; the configuration's `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How much of an answer is kept, in bytes: of a body, and of each stream of a program. The rest is dropped, and the
    /// reply says so.
    pub output_bytes: usize,
    /// The longest an action may take. One whose manifest asks for more is cut off here.
    pub timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output_bytes: 4 * 1024 * 1024, timeout: Duration::from_secs(5 * 60) }
    }
}
