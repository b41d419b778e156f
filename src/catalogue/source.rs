//! Where data files come from: folders on disk, or the ones built into the binary. Reading never leaves the folder.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::Diagnostic;

/// The largest data file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

static INTENTS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/intents");
static RUNBOOKS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/runbooks");
static INTEGRATIONS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/integrations");
static POLICIES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/policies");
/// The words that rules can use.
const SCHEMA: &str = "schema.cedarschema";
static NOTHING: Dir<'static> = Dir::new("", &[]);

/// A data file as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its kind's folder and the path within it, with forward slashes: `runbooks/network/dns.md`.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl SourceFile {
    /// The path within its folder: `network/dns.md`.
    pub fn name(&self) -> &str {
        self.path.split_once('/').map_or(&self.path, |(_, name)| name)
    }
}

/// What a folder of text files holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderKind {
    /// `intents/*.toml` and `intents/none.txt`.
    Intents,
    /// `runbooks/**/*.md`.
    Runbooks,
    /// `integrations/*.toml`.
    Integrations,
    /// `policies/*.cedar`.
    Policies,
}

impl FolderKind {
    /// The folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intents => "intents",
            Self::Runbooks => "runbooks",
            Self::Integrations => "integrations",
            Self::Policies => "policies",
        }
    }

    /// Whether a file of that name is read. Notes for people (`README.md`) are not.
    fn takes(self, name: &str) -> bool {
        match self {
            Self::Intents => name == "none.txt" || name.ends_with(".toml"),
            Self::Runbooks => name.ends_with(".md") && name != "README.md",
            Self::Integrations => name.ends_with(".toml"),
            Self::Policies => name.ends_with(".cedar"),
        }
    }

    /// What lies in the folder for people's editors alone: what is meant is built in. None for every other name.
    fn for_editors(self, name: &str) -> Option<&'static str> {
        match self {
            Self::Policies if name == SCHEMA => POLICIES.get_file(SCHEMA)?.contents_utf8(),
            Self::Policies | Self::Intents | Self::Runbooks | Self::Integrations => None,
        }
    }

    /// What is read, for people. None where other files and folders have a good reason to be there.
    fn reads_only(self) -> Option<&'static str> {
        match self {
            Self::Intents => Some("only `*.toml` and `none.txt` directly in `intents/` are read"),
            Self::Runbooks => None,
            Self::Integrations => Some("only `*.toml` directly in `integrations/` is read"),
            Self::Policies => Some("only `*.cedar` directly in `policies/` is read"),
        }
    }
}

/// A folder of text files.
#[derive(Debug, Clone, PartialEq)]
pub enum Folder {
    /// On disk; read anew each time.
    Disk(PathBuf),
    /// In the binary.
    BuiltIn(&'static Dir<'static>),
    /// Read elsewhere, as of another revision: name within the folder, and content.
    Given(Vec<(String, String)>),
}

impl Folder {
    /// A folder without files.
    pub fn empty() -> Self {
        Self::BuiltIn(&NOTHING)
    }

    /// The folder of a kind that is built into the binary.
    pub fn built_in(kind: FolderKind) -> Self {
        Self::BuiltIn(match kind {
            FolderKind::Intents => &INTENTS,
            FolderKind::Runbooks => &RUNBOOKS,
            FolderKind::Integrations => &INTEGRATIONS,
            FolderKind::Policies => &POLICIES,
        })
    }

    /// Its files of a kind, sorted by path. What cannot be read is left out, with a diagnostic.
    pub fn read(&self, kind: FolderKind, diagnostics: &mut Vec<Diagnostic>) -> Vec<SourceFile> {
        let mut files = Vec::new();
        match self {
            Self::Disk(root) => match root.canonicalize() {
                Ok(root) => {
                    DiskReader { kind, root: &root, files: &mut files, diagnostics }.folder(&root, kind.name());
                }
                Err(error) => diagnostics.push(unreadable(kind.name(), &error)),
            },
            Self::BuiltIn(folder) => built_in_files(folder, kind, &mut files),
            Self::Given(given) => {
                files.extend(given.iter().filter(|(name, _)| kind.takes(name)).map(|(name, text)| SourceFile {
                    path: format!("{}/{name}", kind.name()),
                    text: without_byte_order_mark(text),
                }))
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }
}

/// Where all data comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFolders {
    /// `intents/`.
    pub intents: Folder,
    /// `runbooks/`.
    pub runbooks: Folder,
    /// `integrations/`.
    pub integrations: Folder,
    /// `policies/`.
    pub policies: Folder,
    /// `models/` on disk; none when the built-in model is meant.
    pub models: Option<PathBuf>,
}

impl DataFolders {
    /// Nothing but what is in the binary.
    pub fn built_in() -> Self {
        Self {
            intents: Folder::built_in(FolderKind::Intents),
            runbooks: Folder::built_in(FolderKind::Runbooks),
            integrations: Folder::built_in(FolderKind::Integrations),
            policies: Folder::built_in(FolderKind::Policies),
            models: None,
        }
    }
}

fn built_in_files(folder: &Dir<'static>, kind: FolderKind, files: &mut Vec<SourceFile>) {
    for file in folder.files() {
        let name = file.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // What is built in was checked when it was built; a file that is not UTF-8 is no data file.
        if let (true, Some(text)) = (kind.takes(name), file.contents_utf8()) {
            files.push(SourceFile {
                path: format!("{}/{}", kind.name(), file.path().display()).replace('\\', "/"),
                text: without_byte_order_mark(text),
            });
        }
    }
    if kind == FolderKind::Runbooks {
        folder.dirs().for_each(|below| built_in_files(below, kind, files));
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(path, format!("cannot be read: {error}"))
}

fn without_byte_order_mark(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()
}

/// Walks one folder on disk.
struct DiskReader<'a> {
    kind: FolderKind,
    /// Canonical, so that links can be held against it.
    root: &'a Path,
    files: &'a mut Vec<SourceFile>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl DiskReader<'_> {
    /// Reads a folder; `shown` is its path for people.
    fn folder(&mut self, folder: &Path, shown: &str) {
        let entries = match fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(entries) => entries,
            Err(error) => return self.diagnostics.push(unreadable(shown, &error)),
        };
        for entry in entries {
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                let shown = format!("{shown}/{}", name.to_string_lossy());
                self.diagnostics.push(Diagnostic::error(&shown, "the file's name is not UTF-8"));
                continue;
            };
            if !name.starts_with('.') {
                self.entry(&entry.path(), name, &format!("{shown}/{name}"));
            }
        }
    }

    fn entry(&mut self, path: &Path, name: &str, shown: &str) {
        // Of the entry itself, not of what a link points to.
        let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
        if path.is_dir() {
            if self.kind != FolderKind::Runbooks {
                self.stray(shown);
            } else if is_link {
                let fault = Diagnostic::error(shown, "is a link to a folder, and such links are not followed");
                self.diagnostics.push(fault.hint("copy the folder, or link its files one by one"));
            } else {
                self.folder(path, shown);
            }
        } else if self.kind.takes(name) {
            match self.text(path, shown) {
                Ok(text) => self.files.push(SourceFile { path: shown.to_owned(), text }),
                Err(fault) => self.diagnostics.push(*fault),
            }
        } else if let Some(built_in) = self.kind.for_editors(name) {
            self.compare(path, shown, built_in);
        } else if name != "README.md" {
            self.stray(shown);
        }
    }

    /// An editor that goes by another text than we do would mislead its user.
    fn compare(&mut self, path: &Path, shown: &str, built_in: &str) {
        match self.text(path, shown) {
            Ok(text) if text.lines().eq(built_in.lines()) => {}
            Ok(_) => {
                let fault = Diagnostic::warning(shown, "differs from the one built into this program, which is used");
                self.diagnostics
                    .push(fault.hint("it is there for editors: copy the one of this version, or remove it"));
            }
            Err(fault) => self.diagnostics.push(*fault),
        }
    }

    fn stray(&mut self, shown: &str) {
        if let Some(hint) = self.kind.reads_only() {
            self.diagnostics.push(Diagnostic::warning(shown, "is not read").hint(hint));
        }
    }

    fn text(&self, path: &Path, shown: &str) -> Result<String, Box<Diagnostic>> {
        let failed = |error: std::io::Error| Box::new(unreadable(shown, &error));
        let target = path.canonicalize().map_err(failed)?;
        if !target.starts_with(self.root) {
            let fault = Diagnostic::error(shown, "is a link that leaves the folder");
            return Err(Box::new(fault.hint("copy the file into the folder")));
        }
        // Opening a pipe would wait for its writer, so this comes first.
        if !fs::metadata(&target).map_err(failed)?.is_file() {
            return Err(Box::new(Diagnostic::error(shown, "is no regular file")));
        }
        let mut bytes = Vec::new();
        fs::File::open(&target)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            let fault = Diagnostic::error(shown, "expected at most 1 MiB, found more");
            return Err(Box::new(fault.hint("split the file")));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(without_byte_order_mark(text)),
            Err(error) => {
                let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
                let fault = Diagnostic::error(shown, "expected UTF-8, found other bytes").on_line(line);
                Err(Box::new(fault.hint("save the file as UTF-8")))
            }
        }
    }
}
