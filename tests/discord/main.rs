//! The local Discord that the adapter's tests run against, itself put to the test by a plain client.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

mod server;
#[test] fn x() { drop(server::Discord::start()); }
