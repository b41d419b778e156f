//! Bad data files, each pinned to exactly what is said about it.
//!
//! `tests/fixtures/bad/<case>/` is a data folder, `<case>.stderr` beside it what `sayso check` says.
//! `SAYSO_BLESS=1 cargo test --test check` writes the answers anew; read the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use sayso::catalogue::{Catalogue, DataFolders, Diagnostic, Folder, Severity};

/// The data folders below a root; what is not there is empty.
fn beneath(root: &Path) -> DataFolders {
    let folder = |name: &str| match root.join(name) {
        path if path.is_dir() => Folder::Disk(path),
        _ => Folder::empty(),
    };
    DataFolders {
        intents: folder("intents"),
        runbooks: folder("runbooks"),
        integrations: folder("integrations"),
        policies: folder("policies"),
        models: None,
    }
}

fn shown(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect()
}

#[test]
fn every_bad_input_has_its_message() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bad");
    let mut cases: Vec<PathBuf> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(cases.len() >= 25, "the cases have gone: {}", cases.len());
    let mut failures = String::new();
    for case in cases {
        let found = shown(&Catalogue::load(&beneath(&case)).1);
        assert!(!found.is_empty(), "nothing is wrong with {}", case.display());
        let answer = case.with_extension("stderr");
        if std::env::var_os("SAYSO_BLESS").is_some() {
            fs::write(&answer, &found).unwrap();
        }
        let expected = fs::read_to_string(&answer).unwrap_or_default();
        if found != expected {
            failures += &format!("=== {}\nexpected:\n{expected}\nfound:\n{found}\n", case.display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn what_cannot_be_read_safely_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let intents = root.path().join("intents");
    fs::create_dir(&intents).unwrap();
    fs::write(intents.join("huge.one.toml"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    fs::write(intents.join("latin.one.toml"), b"# one\n# caf\xe9\n").unwrap();
    fs::write(root.path().join("outside.toml"), "summary = \"Outside\"\n").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../outside.toml", intents.join("linked.out.toml")).unwrap();
        std::os::unix::fs::symlink("gone.toml", intents.join("linked.gone.toml")).unwrap();
        let pipe = rustix::fs::FileType::Fifo;
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, intents.join("pipe.one.toml"), pipe, mode, 0).unwrap();
        let runbooks = root.path().join("runbooks");
        fs::create_dir(&runbooks).unwrap();
        std::os::unix::fs::symlink("..", runbooks.join("loop")).unwrap();
    }
    let (catalogue, diagnostics) = Catalogue::load(&beneath(root.path()));
    assert!(catalogue.intents.is_empty());
    #[cfg(unix)]
    assert_eq!(
        shown(&diagnostics),
        "error: intents/huge.one.toml: expected at most 1 MiB, found more\n  hint: split the file\n\
         error: intents/latin.one.toml:2: expected UTF-8, found other bytes\n  hint: save the file as UTF-8\n\
         error: intents/linked.gone.toml: cannot be read: No such file or directory (os error 2)\n\
         error: intents/linked.out.toml: is a link that leaves the folder\n  hint: copy the file into the folder\n\
         error: intents/pipe.one.toml: is no regular file\n\
         error: runbooks/loop: is a link to a folder, and such links are not followed\n  \
         hint: copy the folder, or link its files one by one\n"
    );
    #[cfg(not(unix))]
    assert_eq!(diagnostics.len(), 2);
}

/// `SAYSO_CHECK_DATA=/folder cargo test --test check -- --ignored --nocapture`: the faults of data that is being written.
#[test]
#[ignore = "needs SAYSO_CHECK_DATA, a folder that holds `intents/` and `runbooks/`"]
fn other_data_holds_no_errors() {
    let root = std::env::var("SAYSO_CHECK_DATA").unwrap();
    let start = std::time::Instant::now();
    let (catalogue, diagnostics) = Catalogue::load(&beneath(Path::new(&root)));
    eprint!("{}", shown(&diagnostics));
    eprintln!(
        "{} intents, {} examples, {} runbooks, {} steps, digest {}, read in {:?}",
        catalogue.intents.len(),
        catalogue.examples.len(),
        catalogue.runbooks.len(),
        catalogue.runbooks.iter().map(|runbook| runbook.steps.len()).sum::<usize>(),
        catalogue.digest.short(),
        start.elapsed()
    );
    assert!(diagnostics.iter().all(|diagnostic| diagnostic.severity < Severity::Error));
}
