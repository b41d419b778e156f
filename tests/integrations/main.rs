//! The integration layer from outside: servers that misbehave, programs that do not end, a ledger that refuses, and which
//! integration is meant.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

#[path = "../common/mod.rs"]
mod common;
mod credentials;
mod finding;
mod host;
mod http;
mod incidents;
mod kubeconfig;
mod lists;
mod login;
mod misbehaving;
mod network;
mod oncall;
mod process;
mod record;
mod registry;
mod server;
mod signing;
mod tokens;
