//! Every request that the shipped manifests send, held against the vendor's description of the API: path, method, query,
//! headers, body. And every answer that the replies are rendered from.
//!
//! Runs where `SAYSO_SPECS` names the folder with the descriptions, and says so where it does not.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

mod commands;
#[path = "../common/mod.rs"]
mod common;
mod description;
mod instance;
mod page;
mod prove;
mod schema;
mod server;
mod systems;
