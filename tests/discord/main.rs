//! Discord: the real program as a bot, against a local Discord that is held to Discord's own description.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

mod bot;
mod gateway;
#[path = "../stories/harness.rs"]
mod harness;
mod interactions;
mod rest;
mod rules;
mod server;
mod stories;
mod story;
mod suite;
mod troubles;
