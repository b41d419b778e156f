//! Measuring: what was expected, what was understood, and the figures over many lines; our own, and public sets.

mod chatter;
pub mod dataset;
mod figures;
pub mod learned;
mod lines;
mod reliability;
pub mod scores;
mod table;

pub use chatter::Chatter;
pub use figures::{Confusion, Fault, Figures, Tally};
pub use lines::{Expected, Line, Turn, exact};
pub use reliability::{Bin, Reliability};
pub use table::{Table, TableError};
