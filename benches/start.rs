//! From the start of the program to its first answer, and the memory it has taken by then.
//!
//!     RAYON_NUM_THREADS=1 taskset -c 0 cargo bench --bench start      one core
//!
//! *Cold*: nothing has been learned yet. *Warm*: the second start. The program runs in an empty folder, with the data that
//! is built into it.

#![expect(clippy::expect_used, reason = "a bench may fail")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use divan::Bencher;

const MESSAGE: &str = "how full is the disk?";

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["cold", "warm"] {
        let program = first_answer(folder.path());
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.0.id())).unwrap_or_default();
        let memory = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("not known here");
            line.trim_start_matches(':').trim().to_owned()
        };
        println!("memory, {name}: {} now, {} at its highest", memory("VmRSS"), memory("VmHWM"));
    }
    divan::main();
}

/// The program, which ends with the bench.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Starts the program, says one thing, and waits for the first line of the answer.
fn first_answer(folder: &Path) -> Program {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sayso"))
        .current_dir(folder)
        .env("SAYSO_STATE", folder.join("state"))
        .env("SAYSO_CACHE", folder.join("cache"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    writeln!(child.stdin.as_mut().expect("its input"), "{MESSAGE}").expect("it listens");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("its output")).read_line(&mut line).expect("it answers");
    assert!(!line.trim().is_empty(), "it answers nothing");
    Program(child)
}

#[divan::bench(sample_count = 1, sample_size = 1)]
fn cold(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(|| tempfile::tempdir().expect("a folder"))
        .bench_local_refs(|folder| first_answer(folder.path()));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn warm(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().expect("a folder");
    drop(first_answer(folder.path()));
    bencher.bench_local(|| first_answer(folder.path()));
}
