//! Where lines come from: a terminal with editing and history, or a pipe.

use std::collections::VecDeque;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::PathBuf;

use tokio::sync::mpsc;

use crate::domain::Actor;

/// How much of a line is read from a pipe, in bytes: far more than is ever looked at. The rest is dropped, so that the tail
/// of something pasted is never taken for a message of its own.
const MAX_LINE: u64 = 256 * 1024;
/// How many lines are read ahead from a pipe.
const AHEAD: usize = 8;

/// Lines, one at a time, read on a thread of their own.
pub struct Lines {
    receiver: mpsc::Receiver<String>,
    /// Tells the terminal to prompt again; none for a pipe.
    prompts: Option<mpsc::Sender<()>>,
    /// A prompt is open, and waits for a line.
    prompted: bool,
    /// What was said while there was no time for it, oldest first; at most [`AHEAD`].
    held: VecDeque<String>,
}

impl Lines {
    /// Lines of standard input: with a prompt if it is a terminal.
    pub fn open(prompt: &'static str, history: Option<PathBuf>) -> Self {
        if std::io::stdin().is_terminal() { Self::terminal(prompt, history) } else { Self::pipe() }
    }

    fn pipe() -> Self {
        let (sender, receiver) = mpsc::channel(AHEAD);
        std::thread::spawn(move || {
            let mut input = std::io::stdin().lock();
            loop {
                let mut line = Vec::new();
                match input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {
                        if !line.ends_with(b"\n") && input.skip_until(b'\n').is_err() {
                            break;
                        }
                        let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
                        if sender.blocking_send(text).is_err() {
                            break;
                        }
                    }
                }
            }
        });
        Self { receiver, prompts: None, prompted: false, held: VecDeque::new() }
    }

    fn terminal(prompt: &'static str, history: Option<PathBuf>) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        let (prompts, mut wanted) = mpsc::channel::<()>(1);
        std::thread::spawn(move || {
            let Ok(mut editor) = rustyline::DefaultEditor::new() else { return };
            if let Some(history) = &history {
                // No history yet is no fault.
                let _ = editor.load_history(history);
            }
            while let Some(()) = wanted.blocking_recv() {
                let Ok(line) = editor.readline(prompt) else { break };
                let _ = editor.add_history_entry(&line);
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
            if let Some(history) = &history {
                let _ = editor.save_history(history);
            }
        });
        Self { receiver, prompts: Some(prompts), prompted: false, held: VecDeque::new() }
    }

    /// The next line; none when there are no more. May be dropped and called again.
    pub async fn next(&mut self) -> Option<String> {
        match self.held.pop_front() {
            Some(line) => Some(line),
            None => self.listen().await,
        }
    }

    /// Puts a line back, to come before those that are not read yet. Whether there is room for another.
    pub fn put_back(&mut self, line: String) -> bool {
        self.held.push_back(line);
        self.held.len() < AHEAD
    }

    /// The next line that nobody has read; none when there are no more. May be dropped and called again.
    pub async fn listen(&mut self) -> Option<String> {
        if let Some(prompts) = self.prompts.as_ref().filter(|_| !self.prompted) {
            // The thread waits for this, unless it has ended, which the line below tells.
            let _ = prompts.try_send(());
            self.prompted = true;
        }
        let line = self.receiver.recv().await;
        self.prompted = false;
        line
    }
}

/// Who sits at this console: the account that runs the process, which is what the machine itself goes by.
pub fn actor() -> Actor {
    let uid = rustix::process::getuid().as_raw();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    });
    let id = name.unwrap_or_else(|| format!("uid-{uid}"));
    // A number always makes an actor.
    Actor::new("console", &id)
        .or_else(|_| Actor::new("console", &format!("uid-{uid}")))
        .unwrap_or_else(|_| unreachable!())
}
