//! Programs with arguments: never a shell, in a process group of their own, bounded in time and output. Whoever leaves the group
//! is found by its mark.

use std::convert::Infallible;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::answer::{Answer, Ending};
use super::error::ActionError;
use super::limits::Limits;
use super::redact::Redactor;
use super::request::ProcessRequest;
use super::stop::Stop;
use super::strays::{self, Mark};
use crate::catalogue::manifest::Decode;

/// How long a program may take to end after it was told to.
const GRACE: Duration = Duration::from_secs(2);
/// How long the streams may stay open after the program ended: something it started may hold them.
const STREAMS_AFTER_END: Duration = Duration::from_millis(500);
/// How often it is told how far a program is.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How much of a line is told, in bytes.
const MAX_LINE: usize = 500;
/// What is handed on of our own environment: where programs are, and whose machine it is.
const INHERITED: &[&str] = &["PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_RUNTIME_DIR"];

/// A process group that is killed when nobody looks after it any more.
struct Group {
    leader: Pid,
    child: Child,
    mark: Mark,
    ended: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended {
            // The leader is not reaped yet, so that the number still means this group. It may be gone already.
            let _ = kill_process_group(self.leader, Signal::KILL);
        }
    }
}

impl Group {
    /// Tells everybody in the group to end, waits for the leader, and kills who is left, in the group or out of it.
    async fn end(&mut self) {
        let _ = kill_process_group(self.leader, Signal::TERM);
        let _ = timeout(GRACE, self.child.wait()).await;
        // Also when the leader has ended: what it started may have ignored the signal. No member, no group.
        let _ = kill_process_group(self.leader, Signal::KILL);
        let _ = timeout(GRACE, self.child.wait()).await;
        self.mark.kill_all(GRACE).await;
        self.ended = true;
    }
}

/// A stream of the program that is being read.
struct Stream {
    kept: Arc<Mutex<Captured>>,
    task: JoinHandle<()>,
}

/// What was read of a stream.
#[derive(Default)]
struct Captured {
    bytes: Vec<u8>,
    truncated: bool,
    /// The last whole line that says something.
    line: Vec<u8>,
    /// What came after it.
    unfinished: Vec<u8>,
}

/// Is told the last line that a program has said, while it goes on.
pub(super) type Hear<'a> = dyn Fn(&str) + Send + Sync + 'a;

/// Runs a program and reads what it says.
pub(super) async fn run(
    integration: &str,
    request: &ProcessRequest,
    decode: Decode,
    left: Limits,
    stop: &Stop,
    redactor: &Redactor,
    hear: Option<&Hear<'_>>,
) -> Result<Answer, ActionError> {
    let integration = integration.to_owned();
    let (mut group, stdout, stderr) = match start(request, left.output_bytes) {
        Ok(started) => started,
        Err(reason) => return Err(ActionError::NotSent { integration, reason }),
    };
    let ended = tokio::select! {
        () = stop.stopped() => Err(ActionError::Interrupted { integration }),
        never = stdout.told(hear) => match never {},
        ended = timeout(left.timeout, group.child.wait()) => match ended {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(error)) => Err(ActionError::Cut { integration, reason: error.to_string() }),
            Err(_) => Err(ActionError::TimedOut { integration, limit: left.timeout }),
        },
    };
    let status = match ended {
        Ok(status) => status,
        Err(error) => {
            group.end().await;
            return Err(error);
        }
    };
    group.ended = true;
    let (stdout, stderr) = tokio::join!(stdout.collect(), stderr.collect());
    let ending = Ending::Exit(status.code());
    let truncated = stdout.truncated || stderr.truncated;
    Ok(Answer::new(ending, &stdout.bytes, &stderr.bytes, truncated, decode, redactor))
}

/// Starts the program with nothing to read and a clean environment.
fn start(request: &ProcessRequest, limit: usize) -> Result<(Group, Stream, Stream), String> {
    let (program, arguments) = request.argv.split_first().ok_or("there is no program")?;
    let mut command = Command::new(program);
    let mark = Mark::new();
    command
        .args(arguments)
        .env_clear()
        .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env("LC_ALL", "C.UTF-8")
        .envs(request.env.iter().map(|(name, value)| (name, value)))
        .env(strays::VARIABLE, mark.as_str())
        .current_dir(request.cwd.as_deref().unwrap_or("/"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    let leader = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let leader = leader.ok_or_else(|| format!("`{program}` has no process id"))?;
    let stdout = Stream::read(child.stdout.take(), limit);
    let stderr = Stream::read(child.stderr.take(), limit);
    Ok((Group { leader, child, mark, ended: false }, stdout, stderr))
}

impl Captured {
    /// Keeps an eye on the last line, also when there is no room for more.
    fn follow(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE.saturating_sub(self.unfinished.len());
            self.unfinished.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.unfinished);
                if !line.trim_ascii().is_empty() {
                    self.line = line.trim_ascii_end().to_vec();
                }
            }
        }
    }
}

impl Stream {
    /// Reads a stream to its end in a task of its own, so that it goes on while we wait for the program. What
    /// exceeds the limit, in bytes, is read and dropped, so that the program does not block.
    fn read(stream: Option<impl AsyncRead + Send + Unpin + 'static>, limit: usize) -> Self {
        let kept = Arc::new(Mutex::new(Captured::default()));
        let here = Arc::clone(&kept);
        let task = tokio::spawn(async move {
            let Some(mut stream) = stream else { return };
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                let mut kept = here.lock().unwrap_or_else(PoisonError::into_inner);
                kept.follow(&buffer[..count]);
                let room = limit - kept.bytes.len();
                kept.bytes.extend_from_slice(&buffer[..count.min(room)]);
                kept.truncated |= count > room;
            }
        });
        Self { kept, task }
    }

    /// Tells the last line again and again, for as long as somebody waits for the program.
    async fn told(&self, hear: Option<&Hear<'_>>) -> Infallible {
        let Some(hear) = hear else { return std::future::pending().await };
        loop {
            sleep(PROGRESS_EVERY).await;
            let line = self.kept.lock().unwrap_or_else(PoisonError::into_inner).line.clone();
            if !line.is_empty() {
                hear(&String::from_utf8_lossy(&line));
            }
        }
    }

    /// What it said, once the program has ended.
    async fn collect(mut self) -> Captured {
        let _ = timeout(STREAMS_AFTER_END, &mut self.task).await;
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}
