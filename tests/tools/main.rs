//! The shipped manifests that drive programs, against the real programs: a typed command through the planner and the executor,
//! and its effect read back from the machine.
//!
//! Where a program is missing, it is installed if `SAYSO_SERVERS` is set; without that, its test says so and skips.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

mod ansible;
mod aws;
mod capistrano;
mod chef;
mod cloudformation;
#[path = "../common/mod.rs"]
mod common;
mod gcloud;
mod packer;
mod pgbackrest;
mod puppet;
mod restic;
mod salt;
mod swarm;
mod systemd;
mod terraform;
mod tool;
mod vagrant;
mod webhook;
