//! The manual of the product, as stories: say, see the card, press, see what became of it, and find it on the record. Each
//! is told through the program's own doors, as a person or a script would go through them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

mod alerts;
mod answers;
mod bad_messages;
mod canaries;
mod command_line;
mod cues;
mod decisions;
mod examples;
mod faults;
mod harness;
mod live;
mod oncall;
mod policies;
mod record;
mod replicas;
mod restarts;
mod suggestions;
mod traces;
