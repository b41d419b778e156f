//! The local Discord that the adapter's tests run against, itself put to the test by a plain client.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

mod bot;
mod gateway;
mod interactions;
mod rest;
mod rules;
mod server;
