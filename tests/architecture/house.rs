//! The files of `src/`: which room each belongs to, what of it is code, and what is test code.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::rust::{NamedPath, Token, named_paths, tokens, without_tests};

/// A file of `src/`.
pub(crate) struct Source {
    /// Below `src/`, with forward slashes: `proposal/machine.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Whether all of it is test code.
    pub(crate) is_test: bool,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), is_test: false }
    }

    /// The room it belongs to; none for `main.rs` and `lib.rs`, which only assemble.
    pub(crate) fn room(&self) -> Option<&str> {
        let first = self.path.split('/').next().unwrap_or_default();
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (!matches!(first, "main.rs" | "lib.rs")).then_some(name)
    }

    /// Its path as a module: `["proposal", "machine"]`.
    pub(crate) fn module(&self) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let stem = stem.strip_suffix("/mod").unwrap_or(stem);
        if matches!(stem, "main" | "lib") { Vec::new() } else { stem.split('/').map(str::to_owned).collect() }
    }

    /// Whether it is one of these files, or below one of these folders.
    pub(crate) fn stands_in(&self, places: &[&str]) -> bool {
        let stem = self.path.trim_end_matches(".rs");
        places.iter().any(|place| stem.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// Its code without tests.
    pub(crate) fn code(&self) -> Vec<Token> {
        if self.is_test { Vec::new() } else { without_tests(&tokens(&self.text)).0 }
    }

    /// The paths that its code names, tests left out.
    pub(crate) fn paths(&self) -> Vec<NamedPath> {
        named_paths(&self.code(), &self.module())
    }

    pub(crate) fn fault(&self, line: usize, what: &str) -> String {
        format!("src/{}:{line}: {what}", self.path)
    }
}

/// The package's folder.
pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of `src/`.
pub(crate) fn house() -> io::Result<Vec<Source>> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                collect(&path, files)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
        Ok(())
    }
    let root = package().join("src");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let mut sources = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
        sources.push(Source::new(&path, &fs::read_to_string(&file)?));
    }
    mark_tests(&mut sources);
    Ok(sources)
}

/// Finds the files that are modules of tests, and what lies below them.
pub(crate) fn mark_tests(sources: &mut [Source]) {
    let tests = |source: &Source| {
        let module = source.module();
        let names = without_tests(&tokens(&source.text)).1;
        names.into_iter().map(move |name| [&module[..], &[name]].concat()).collect::<Vec<_>>()
    };
    let modules: Vec<Vec<String>> = sources.iter().flat_map(tests).collect();
    for source in sources {
        source.is_test = modules.iter().any(|module| source.module().starts_with(module));
    }
}

#[test]
fn test_modules_in_files_of_their_own_are_known() {
    let mut sources = [
        Source::new("store/mod.rs", "#[cfg(test)]\nmod tests;\nmod rows;"),
        Source::new("store/tests.rs", "use crate::chat::X;"),
        Source::new("store/tests/deep.rs", "use crate::chat::X;"),
        Source::new("store/rows.rs", "use crate::chat::X;"),
    ];
    mark_tests(&mut sources);
    assert_eq!(sources.map(|source| source.paths().len()), [0, 0, 0, 1]);
}
