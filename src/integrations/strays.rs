//! Programs that left the process group they were started in: found by a mark in their environment, which whatever a program
//! starts inherits, however it does (the way of Jenkins' `ProcessTreeKiller`). Who wipes their own environment is not found.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// The variable that holds the mark. A program may read it; it says nothing.
pub(super) const VARIABLE: &str = "SAYSO_RUN";

/// How soon is looked again whether what was killed had started something.
const AGAIN: Duration = Duration::from_millis(5);

/// What everything that one run starts has in its environment.
#[derive(Debug, Clone)]
pub(super) struct Mark(String);

impl Mark {
    /// One that nothing else has.
    pub(super) fn new() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Kills whatever has the mark, and what it starts meanwhile, for no longer than `limit`. Does nothing where the system
    /// does not show the environment of processes.
    pub(super) async fn kill_all(&self, limit: Duration) {
        let entry: Arc<[u8]> = format!("{VARIABLE}={}", self.0).into_bytes().into();
        let killing = async {
            loop {
                let entry = Arc::clone(&entry);
                match tokio::task::spawn_blocking(move || processes::kill_marked(&entry)).await {
                    Ok(0) => break,
                    Ok(_) => sleep(AGAIN).await,
                    Err(error) => {
                        tracing::error!(%error, "what a program has started could not be looked for");
                        break;
                    }
                }
            }
        };
        // Who is still there then starts others faster than they can be ended.
        let _ = timeout(limit, killing).await;
    }
}

#[cfg(target_os = "linux")]
mod processes {
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    /// Kills every process whose environment began with this entry among others, and says how many there were. One that has
    /// ended and was not waited for has no environment any more.
    pub(super) fn kill_marked(entry: &[u8]) -> usize {
        let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
        let number =
            |name: std::ffi::OsString| name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let pids = processes.filter_map(|process| number(process.ok()?.file_name()));
        pids.filter(|pid| {
            // Held before it is looked at, so that the number cannot become somebody else's in between.
            let Ok(process) = pidfd_open(*pid, PidfdFlags::empty()) else { return false };
            let Ok(environment) = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())) else {
                return false;
            };
            environment.split(|byte| *byte == 0).any(|found| found == entry)
                && pidfd_send_signal(process, Signal::KILL).is_ok()
        })
        .count()
    }
}

#[cfg(not(target_os = "linux"))]
mod processes {
    /// Nothing: other systems do not show the environment of processes in this way.
    pub(super) fn kill_marked(_: &[u8]) -> usize {
        0
    }
}
