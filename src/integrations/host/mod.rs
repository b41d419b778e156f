//! What this machine tells about itself, and ending one of its processes.

mod kill;
mod ports;
mod processes;
mod state;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value as Json;

use super::builtin::{Builtin, BuiltinError, Builtins, RunContext};
use crate::domain::Command;

/// Adds `host.*` and `process.kill`.
pub(super) fn register(builtins: &mut Builtins) {
    let mut read = |name: &str, read: fn(&Command) -> Result<Json, BuiltinError>| {
        builtins.register(name, Arc::new(Reading(read)));
    };
    read("host.disk", state::disk);
    read("host.memory", state::memory);
    read("host.load", state::load);
    read("host.uptime", state::uptime);
    read("host.processes", processes::processes);
    read("host.ports", ports::ports);
    builtins.register("process.kill", Arc::new(kill::Kill));
}

/// A look at the machine; it blocks, so that it gets a thread of its own.
struct Reading(fn(&Command) -> Result<Json, BuiltinError>);

#[async_trait]
impl Builtin for Reading {
    async fn run(&self, command: &Command, _cx: &RunContext) -> Result<Json, BuiltinError> {
        let (read, command) = (self.0, command.clone());
        blocking(move || read(&command)).await
    }
}

/// Runs something that blocks where it stops nobody else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BuiltinError> + Send + 'static,
) -> Result<T, BuiltinError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(BuiltinError::Refused(format!("could not look: {error}"))))
}

/// What sysinfo says when it cannot see something.
fn unseen(error: impl std::fmt::Display) -> BuiltinError {
    BuiltinError::Refused(format!("cannot see that on this machine: {error}"))
}

/// A part of a whole, 0 to 1.
#[allow(clippy::cast_precision_loss)] // 53 bits are enough for a share.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
