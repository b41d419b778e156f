//! The fuzz targets' functions over the inputs in `fuzz/corpus/`, so that what was once a fault stays mended. New inputs
//! from fuzzing are kept there.
#![allow(clippy::unwrap_used)] // A test that fails may panic.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../fuzz/targets.rs"]
mod targets;

/// The inputs of a target, by name.
fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn no_known_input_makes_anything_fall_over() {
    for (name, target) in targets::ALL {
        let inputs = inputs(name);
        assert!(inputs.len() >= 5, "the corpus of `{name}` has gone");
        target(b"");
        for input in inputs {
            // Shown when it falls over.
            println!("{}", input.display());
            target(&fs::read(&input).unwrap());
        }
    }
}

/// Every target has its program, and every program its target.
#[test]
fn every_target_is_fuzzed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut programs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    programs.sort();
    let programs: Vec<_> = programs.iter().map(|path| path.file_stem().unwrap().to_str().unwrap()).collect();
    let mut targets = targets::ALL.map(|(name, _)| name);
    targets.sort_unstable();
    assert_eq!(programs, targets);
    for name in targets {
        let program = include_str!("../fuzz/Cargo.toml").contains(&format!("path = \"fuzz_targets/{name}.rs\""));
        assert!(program, "`{name}` is not in fuzz/Cargo.toml");
    }
}
