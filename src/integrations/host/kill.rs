//! Ends one process: exactly the one that was shown.
//!
//! A number is given to another process once its owner is gone. So the process is known by its number and its start
//! time, which are part of what is approved, and the signal goes to a handle of that process where the system has one.

use std::time::Duration;

use async_trait::async_trait;
use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use super::processes::one;
use super::{blocking, unseen};
use crate::domain::Command;
use crate::integrations::builtin::{Builtin, BuiltinError, RunContext};

/// How long the process may take to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often we look whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// `process.kill`.
pub(super) struct Kill;

fn refused(text: String) -> BuiltinError {
    BuiltinError::Refused(text)
}

/// The process that the command names, if it may be ended at all.
fn target(command: &Command) -> Result<Pid, BuiltinError> {
    let text = command.argument("pid").map(|pid| pid.as_str().to_owned()).unwrap_or_default();
    let number = text.parse::<i32>().ok();
    match number {
        Some(1) => Err(refused("does not end process 1: the machine ends with it".to_owned())),
        Some(0) => Err(refused("does not end process 0: that is no process".to_owned())),
        Some(number) if u32::try_from(number) == Ok(std::process::id()) => {
            Err(refused("does not end itself".to_owned()))
        }
        number => number.and_then(Pid::from_raw).ok_or_else(|| refused(format!("finds no process {text}"))),
    }
}

#[async_trait]
impl Builtin for Kill {
    async fn identify(&self, command: &Command) -> Result<Json, BuiltinError> {
        let pid = target(command)?;
        let number = pid.as_raw_nonzero().get();
        match life(pid)? {
            Some(life) => Ok(json!({ "pid": number, "started": life.started, "name": life.name })),
            None => Err(refused(format!("finds no process {number}"))),
        }
    }

    async fn preview(&self, command: &Command, _identity: &Json) -> Result<Json, BuiltinError> {
        let number = target(command)?.as_raw_nonzero().get().unsigned_abs();
        let found = blocking(move || one(number)).await?;
        found.ok_or_else(|| refused(format!("finds no process {number} any more")))
    }

    async fn run(&self, command: &Command, cx: &RunContext) -> Result<Json, BuiltinError> {
        let pid = target(command)?;
        let number = pid.as_raw_nonzero().get();
        let name = cx.identity["name"].as_str().unwrap_or_default().to_owned();
        let is_it = |life: &Life| cx.identity["started"] == json!(life.started);
        let gone = || refused(format!("finds no process {number} (`{name}`) any more; nothing was ended"));
        let handle = Handle::open(pid).map_err(|_| gone())?;
        // Looked at after the handle was opened: from here on, the handle means this process and no other.
        if !life(pid)?.as_ref().is_some_and(is_it) {
            return Err(gone());
        }
        handle.signal(Signal::TERM).map_err(|error| match error {
            Errno::PERM => refused(format!("may not end process {number} (`{name}`): it belongs to another user")),
            Errno::SRCH => gone(),
            error => refused(format!("could not end process {number} (`{name}`): {error}")),
        })?;
        let sent = Instant::now();
        while life(pid)?.as_ref().is_some_and(is_it) {
            if sent.elapsed() >= PATIENCE {
                let seconds = PATIENCE.as_secs();
                return Err(refused(format!(
                    "told process {number} (`{name}`) to end, and it still runs {seconds} s later"
                )));
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(json!({ "pid": number, "name": name, "seconds": sent.elapsed().as_secs_f64() }))
    }
}

/// A process by more than its number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Life {
    /// Ticks since the machine started, where the kernel tells; else seconds since 1970.
    started: u64,
    name: String,
}

/// What is known of a process that runs; none if there is none, or only its remains.
#[cfg(target_os = "linux")]
fn life(pid: Pid) -> Result<Option<Life>, BuiltinError> {
    /// The fields behind the name (see proc_pid_stat): the state, and the start time.
    const STATE: usize = 0;
    const STARTED: usize = 19;
    let stat = match std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) {
        Ok(stat) => stat,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        // ESRCH: it ended while we read.
        Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => return Ok(None),
        Err(error) => return Err(unseen(error)),
    };
    // The name is anything in brackets, and may hold brackets.
    let (Some(open), Some(close)) = (stat.find('('), stat.rfind(')')) else { return Err(unseen("no name")) };
    let fields: Vec<&str> = stat[close + 1..].split_whitespace().collect();
    let started =
        fields.get(STARTED).and_then(|started| started.parse().ok()).ok_or_else(|| unseen("no start time"))?;
    let is_dead = matches!(fields.get(STATE), Some(&("Z" | "X" | "x")));
    Ok((!is_dead).then(|| Life { started, name: stat[open + 1..close].to_owned() }))
}

/// What is known of a process that runs; none if there is none, or only its remains.
#[cfg(not(target_os = "linux"))]
fn life(pid: Pid) -> Result<Option<Life>, BuiltinError> {
    let Some(found) = one(pid.as_raw_nonzero().get().unsigned_abs())? else { return Ok(None) };
    let started = found["started"].as_str().and_then(|started| started.parse::<jiff::Timestamp>().ok());
    let started =
        started.and_then(|started| u64::try_from(started.as_second()).ok()).ok_or_else(|| unseen("no start time"))?;
    let is_dead = matches!(found["state"].as_str(), Some("zombie" | "dead"));
    Ok((!is_dead).then(|| Life { started, name: found["name"].as_str().unwrap_or_default().to_owned() }))
}

/// A handle that keeps meaning the same process.
#[cfg(target_os = "linux")]
struct Handle(rustix::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Handle {
    fn open(pid: Pid) -> rustix::io::Result<Self> {
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).map(Self)
    }

    fn signal(&self, signal: Signal) -> rustix::io::Result<()> {
        rustix::process::pidfd_send_signal(&self.0, signal)
    }
}

/// The number itself: the system has nothing better.
#[cfg(not(target_os = "linux"))]
struct Handle(Pid);

#[cfg(not(target_os = "linux"))]
impl Handle {
    fn open(pid: Pid) -> rustix::io::Result<Self> {
        rustix::process::test_kill_process(pid).map(|()| Self(pid))
    }

    fn signal(&self, signal: Signal) -> rustix::io::Result<()> {
        rustix::process::kill_process(self.0, signal)
    }
}
