//! The real program, with pipes for its hands and ears: a home of its own for each story, one cache of the learned model
//! for all of them.
#![allow(dead_code)] // Each test program uses a part of it.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Once, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

/// How long anything may take before a story is given up: only ever waited for when something is wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// What ships, so that a story can put something beside it.
pub const HOST: &str = include_str!("../../integrations/host.toml");
pub const SAYSO: &str = include_str!("../../integrations/sayso.toml");

/// A machine with only what every machine has.
const ALONE: &str = "[integrations]\nenabled = [\"host\", \"sayso\"]\n";

/// The intents that the program's own integration carries out, and little that is none of them.
pub const FEW_INTENTS: [(&str, &str); 4] = [
    ("audit.search", include_str!("../../intents/audit.search.toml")),
    ("help.show", include_str!("../../intents/help.show.toml")),
    ("proposal.list", include_str!("../../intents/proposal.list.toml")),
    ("runbook.find", include_str!("../../intents/runbook.find.toml")),
];
const FEW_OTHERS: &str =
    "lunch?\nthanks a lot\nthe deploy went well\nsee you tomorrow\nlooks good to me\nwho broke it this time\n";

pub const RUNBOOK: &str = "---\ntitle: The kettle boils over\nsymptoms: [\"steam comes out of the kettle\", \"the kettle is \
                       overflowing\"]\nalerts: []\n---\n## Meaning\nToo much water.\n## Impact\nWet feet.\n## Diagnosis\nLook \
                       at it.\n## Mitigation\nUnplug the kettle, then pour half of the water away.\n";

/// A working directory with a `sayso.toml`, and a state folder.
pub struct Home {
    folder: TempDir,
    /// With intents of its own, and a place of its own for what is learned of them.
    small: bool,
}

/// A run that has ended.
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Home {
    /// With only this machine to act upon.
    pub fn new() -> Self {
        Self::with("")
    }

    /// With more configuration in front of that.
    pub fn with(configuration: &str) -> Self {
        Self::bare(&format!("{configuration}\n{ALONE}"))
    }

    /// With exactly this configuration.
    pub fn bare(configuration: &str) -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap(), small: false };
        home.write("sayso.toml", configuration);
        home
    }

    /// With this configuration, and data of its own: [`FEW_INTENTS`] and [`RUNBOOK`], little enough to be learned in no time.
    pub fn small(configuration: &str) -> Self {
        let home = Self { small: true, ..Self::bare(configuration) };
        for (name, text) in FEW_INTENTS {
            // An example may name any intent, and most of them are not here.
            let named_here: Vec<_> = text.lines().filter(|line| !line.contains("](intent")).collect();
            home.write(&format!("intents/{name}.toml"), &named_here.join("\n"));
        }
        home.write("intents/none.txt", FEW_OTHERS);
        home.write("integrations/sayso.toml", SAYSO);
        home.write("runbooks/kettle.md", RUNBOOK);
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database.
    pub fn store(&self) -> PathBuf {
        self.path("state/sayso.db")
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The program, about to be started here. What it has to learn is learned already, unless that is little.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = self.unlearned(arguments);
        if self.small {
            command.env("SAYSO_CACHE", self.path("cache"));
        } else {
            learn();
        }
        command
    }

    fn unlearned(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sayso"));
        command.args(arguments).current_dir(self.folder.path());
        for variable in ["NO_COLOR", "COLUMNS", "PROMETHEUS_URL", "DOCKER_HOST", "SAYSO_ENVIRONMENT"] {
            command.env_remove(variable);
        }
        command.env("SAYSO_STATE", self.path("state")).env("SAYSO_CACHE", cache());
        command
    }

    /// Runs it to its end with what is put in.
    pub fn run(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Ended {
        finish(self.program(arguments), input.as_ref())
    }

    /// Says lines, one after the other, from a pipe: what `printf '…\n' | sayso` does.
    pub fn pipe(&self, lines: &[&str]) -> String {
        let ended = self.run(&[], lines.join("\n") + "\n");
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
        ended.out
    }

    /// A conversation.
    pub fn chat(&self) -> Chat {
        Chat::start(self.program(&[]))
    }

    /// `sayso audit …`, as JSON lines.
    pub fn audit(&self, arguments: &[&str]) -> Vec<Json> {
        let ended = self.run(&[&["audit"], arguments, &["--json"]].concat(), "");
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The kinds of all events on record, in order.
    pub fn trail(&self) -> Vec<String> {
        let on_a_server =
            std::fs::read_to_string(self.path("sayso.toml")).is_ok_and(|text| text.contains("postgres://"));
        if !on_a_server && !self.store().exists() {
            return Vec::new();
        }
        self.audit(&["list"]).iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// The record is whole, and holds that many events.
    pub fn assert_whole(&self, events: usize) {
        if events == 0 && !self.store().exists() {
            return; // Nobody asked for anything.
        }
        let verified = self.audit(&["verify"]);
        assert_eq!((&verified[0]["whole"], verified[0]["events"].as_u64()), (&Json::Bool(true), Some(events as u64)));
    }
}

fn finish(mut command: Command, input: &[u8]) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that has enough does not read to the end.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let done = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ended { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("learned")
}

/// Learns once from the examples, whichever process of the tests comes first.
fn learn() {
    static LEARNED: Once = Once::new();
    LEARNED.call_once(|| {
        std::fs::create_dir_all(cache()).unwrap();
        let lock = File::create(cache().join("lock")).unwrap();
        lock.lock().unwrap();
        let ended = finish(Home::new().unlearned(&["understand", "how full is the disk?"]), b"");
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    });
}

/// A conversation with the program, in which one waits for an answer before one goes on.
pub struct Chat {
    child: Child,
    stdin: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    /// What has been said and not been asked for.
    unheard: Vec<u8>,
}

impl Chat {
    pub fn start(command: Command) -> Self {
        Self::logging(command, Stdio::inherit())
    }

    /// With its log going somewhere.
    pub fn logging(mut command: Command, log: impl Into<Stdio>) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { stdin: child.stdin.take(), child, output, unheard: Vec::new() }
    }

    /// Says a line.
    pub fn say(&mut self, line: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_ref()).and_then(|()| stdin.write_all(b"\n")).and_then(|()| stdin.flush()).unwrap();
    }

    /// Says a line to somebody who may be dead.
    pub fn try_say(&mut self, line: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().unwrap();
        let _ = stdin.write_all(&[line.as_ref(), b"\n"].concat()).and_then(|()| stdin.flush());
    }

    /// Waits for a text until then; all that was said up to the end of its line.
    pub fn listen(&mut self, text: &str, deadline: Instant) -> Option<String> {
        loop {
            let heard = String::from_utf8_lossy(&self.unheard).into_owned();
            if let Some(end) = heard.find(text).and_then(|at| Some(at + heard[at..].find('\n')? + 1)) {
                self.unheard.drain(..end);
                return Some(heard[..end].to_owned());
            }
            let more = self.output.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            self.unheard.extend(more.ok()?);
        }
    }

    /// `kill -9`; what was said until then and not heard.
    pub fn kill_and_hear(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        while let Ok(more) = self.output.recv_timeout(PATIENCE) {
            self.unheard.extend(more);
        }
        String::from_utf8_lossy(&std::mem::take(&mut self.unheard)).into_owned()
    }

    /// Waits for a text; all that was said up to the end of its line.
    pub fn hear(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let heard = String::from_utf8_lossy(&self.unheard).into_owned();
            if let Some(end) = heard.find(text).and_then(|at| Some(at + heard[at..].find('\n')? + 1)) {
                self.unheard.drain(..end);
                return heard[..end].to_owned();
            }
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(more) => self.unheard.extend(more),
                Err(RecvTimeoutError::Timeout) => panic!("waited in vain for `{text}`, heard: {heard}"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without `{text}`, heard: {heard}"),
            }
        }
    }

    /// Says a line and waits for a text.
    pub fn ask(&mut self, line: impl AsRef<[u8]>, text: &str) -> String {
        self.say(line);
        self.hear(text)
    }

    /// Says a line; all that is said to it, found by something asked after it whose answer is known.
    pub fn answer(&mut self, line: impl AsRef<[u8]>) -> String {
        self.say(line);
        let heard = self.ask("help.show topic=nothing-like-it", "I can do nothing about `nothing-like-it`");
        let end = heard.rfind("what I can do\n").unwrap();
        heard[..end].to_owned()
    }

    /// Ends the lines; the rest of what is said.
    pub fn leave(self) -> String {
        let (code, rest) = self.end();
        assert_eq!(code, Some(0), "{rest}");
        rest
    }

    /// Ends the lines; the exit status, and the rest of what is said.
    pub fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        while let Ok(more) = self.output.recv_timeout(PATIENCE) {
            self.unheard.extend(more);
        }
        let code = self.child.wait().unwrap().code();
        (code, String::from_utf8(std::mem::take(&mut self.unheard)).unwrap())
    }

    /// `kill`; the exit status.
    pub fn terminate(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        let status: ExitStatus = self.child.wait().unwrap();
        assert!(!status.success());
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        // It has ended already in every story that went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process to be ended.
pub struct Sleeper(Child);

impl Sleeper {
    pub fn start() -> Self {
        Self(Command::new("sleep").arg("1000").spawn().unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A system that is asked to restart services and to roll back releases, over HTTP.
pub struct Platform {
    listener: TcpListener,
    port: OnceLock<u16>,
}

impl Platform {
    pub fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), port: OnceLock::new() }
    }

    pub fn port(&self) -> u16 {
        *self.port.get_or_init(|| self.listener.local_addr().unwrap().port())
    }

    /// A home that has this system, and services to speak of.
    pub fn home(&self, configuration: &str) -> Home {
        let home = Home::bare(&format!(
            "{configuration}\n[entities.service]\ncheckout = [\"check-out\"]\nweb = []\n[entities.environment]\nstaging = []\n\
             production = [\"prod\"]\n[integrations]\nenabled = [\"host\", \"sayso\", \"platform\"]\n"
        ));
        home.write("integrations/host.toml", HOST);
        home.write("integrations/sayso.toml", SAYSO);
        let port = self.port();
        home.write(
            "integrations/platform.toml",
            &format!(
                r#"summary = "The platform of the stories"

[connection]
url = "http://127.0.0.1:{port}"

[actions.restart]
implements = "service.restart"
parameters.environment = {{ ignored = true }}
http = {{ method = "POST", path = "/services/{{{{ service }}}}/restart" }}
timeout = "10m"
summary = "{{{{ service }}}} was restarted"

[actions.rollback]
implements = "deploy.rollback"
parameters.environment = {{ ignored = true }}
http = {{ method = "POST", path = "/services/{{{{ service }}}}/rollback" }}
summary = "{{{{ service }}}} was rolled back"
"#
            ),
        );
        home
    }

    /// The next request's first line, and the connection to answer on.
    pub fn request(&self) -> (String, TcpStream) {
        let (mut stream, _) = self.listener.accept().unwrap();
        let mut read = Vec::new();
        let mut byte = [0];
        while !read.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            read.push(byte[0]);
        }
        let text = String::from_utf8(read).unwrap();
        (text.lines().next().unwrap().to_owned(), stream)
    }

    /// Whether somebody has asked for something and waits.
    pub fn is_asked(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        let asked = self.listener.accept().is_ok();
        self.listener.set_nonblocking(false).unwrap();
        asked
    }

    /// Answers that it is done.
    pub fn done(mut stream: TcpStream) {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}
