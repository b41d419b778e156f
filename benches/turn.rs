//! How long one turn takes on the console: from the line to the last of its replies, with model, policy, store and host.
//!
//!     RAYON_NUM_THREADS=1 taskset -c 0 cargo bench --bench turn      one core

#![expect(clippy::expect_used, reason = "a bench may fail")]

mod common;

use std::sync::Arc;

use divan::Bencher;
use sayso::assistant::{Assistant, Timers};
use sayso::chat::console::{Console, Style, actor, render};
use sayso::domain::{Clock, Outgoing, SystemClock};
use tokio::sync::mpsc;

fn main() {
    divan::main();
}

/// An assistant on a store of its own, with what the console needs of it.
struct Chat {
    runtime: tokio::runtime::Runtime,
    assistant: Assistant,
    replies: mpsc::Receiver<Outgoing>,
    console: Console,
    _timers: Timers,
    _folder: tempfile::TempDir,
}

impl Chat {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rig = runtime.block_on(common::Rig::open(common::catalogue(), &["host", "sayso"], "console:*", &clock));
        let common::Rig { parts, replies, timers, folder, .. } = rig;
        let assistant = Assistant::new(parts, common::manner(u32::MAX));
        let (_, silent) = mpsc::channel(1);
        let console = Console::new(actor(), Style::Plain, clock, silent);
        Self { runtime, assistant, replies, console, _timers: timers, _folder: folder }
    }

    /// One turn, and what the console would show.
    fn turn(&mut self, line: &str) -> String {
        let event = self.console.event(line.to_owned());
        self.runtime.block_on(self.assistant.handle(event));
        let mut shown = String::new();
        while let Ok(outgoing) = self.replies.try_recv() {
            shown += &render(&outgoing.reply, 1, Style::Plain);
        }
        shown
    }
}

fn bench(bencher: Bencher<'_, '_>, line: &str, expected: &str) {
    let mut chat = Chat::open();
    let shown = chat.turn(line);
    assert!(shown.contains(expected), "`{line}`: {shown}");
    bencher.bench_local(|| chat.turn(line));
}

/// Understood, allowed, recorded, read from this machine, answered.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn a_read(bencher: Bencher<'_, '_>) {
    bench(bencher, "how full is the disk?", "free");
}

/// Understood, planned, previewed, put before a person.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn a_card(bencher: Bencher<'_, '_>) {
    bench(bencher, &format!("kill process {}", std::process::id()), "process.kill");
}

/// In the typed form, without the model.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn a_typed_read(bencher: Bencher<'_, '_>) {
    bench(bencher, "host.disk", "free");
}

/// No command: nothing is done.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn nothing(bencher: Bencher<'_, '_>) {
    bench(bencher, "don't restart the ledger", "");
}
