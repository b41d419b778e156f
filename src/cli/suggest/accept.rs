//! Writing an accepted line to `intents/`: only what the whole data stays free of errors with.

use std::path::{Path, PathBuf};

use crate::catalogue::{Catalogue, DataFolders, Diagnostic, Folder, FolderKind, Severity, with_example, with_line};
use crate::cli::assembly::{self, Data};
use crate::domain::IntentName;

/// Why a line was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The data would have a fault.
    #[error("{0}")]
    Fault(Box<Diagnostic>),
    /// It would be read as something else than an example: a comment.
    #[error("`{0}` would not be read as a line of its own")]
    Unread(String),
    /// The file.
    #[error("{path} cannot be written: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// There is no such file.
    #[error("the intents are those built in, and have no files")]
    BuiltIn,
}

/// Adds a line to the file of an intent, or to `none.txt` for none. The data with the line is read and checked before the
/// file is replaced; `data` has it from then on. The file's name for people.
pub(super) fn accept(data: &mut Data, intent: Option<&IntentName>, line: &str) -> Result<String, Refused> {
    let Folder::Disk(folder) = &data.folders.intents else { return Err(Refused::BuiltIn) };
    let name = intent.map_or_else(|| "none.txt".to_owned(), |intent| format!("{intent}.toml"));
    let (path, shown) = (folder.join(&name), format!("{}/{name}", FolderKind::Intents.name()));
    let failed = |source| Refused::File { path: path.clone(), source };
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && intent.is_none() => String::new(),
        read => read.map_err(failed)?,
    };
    let (mark, content) = text.strip_prefix('\u{feff}').map_or(("", text.as_str()), |content| ("\u{feff}", content));
    let added = match intent {
        Some(_) => with_example(&shown, content, line).map_err(first)?,
        None => with_line(content, line),
    };
    let catalogue = checked(data, &name, &added, &shown)?;
    if catalogue.examples.len() != data.catalogue.examples.len() + 1 {
        return Err(Refused::Unread(line.to_owned()));
    }
    replace(&path, &format!("{mark}{added}")).map_err(failed)?;
    data.catalogue = catalogue;
    Ok(shown)
}

/// The data with another text of one file of `intents/`. What was free of errors must stay so, and the line itself must not
/// be there twice.
fn checked(data: &Data, name: &str, text: &str, shown: &str) -> Result<Catalogue, Refused> {
    let mut diagnostics = Vec::new();
    let read = data.folders.intents.read(FolderKind::Intents, &mut diagnostics);
    let others = read.into_iter().filter(|file| file.name() != name);
    let mut files: Vec<_> = others.map(|file| (file.name().to_owned(), file.text)).collect();
    files.push((name.to_owned(), text.to_owned()));
    let folders = DataFolders { intents: Folder::Given(files), ..data.folders.clone() };
    let (catalogue, found) = assembly::read_folders(&data.config, &folders);
    diagnostics.extend(found.iter().filter(|found| found.severity == Severity::Error).cloned());
    let before = data.catalogue.examples.iter().filter(|example| example.file == shown).map(|example| &example.text);
    let before: Vec<&String> = before.collect();
    let new = catalogue.examples.iter().filter(|example| example.file == shown);
    // Examples keep their order, so that the first that differs is the new one.
    let line = new.enumerate().find(|(at, example)| before.get(*at) != Some(&&example.text)).map(|(_, new)| new.line);
    diagnostics.extend(found.into_iter().filter(|found| found.file == shown && line.is_some() && found.line == line));
    match diagnostics.into_iter().next() {
        Some(fault) => Err(Refused::Fault(Box::new(fault))),
        None => Ok(catalogue),
    }
}

fn first(faults: Vec<Diagnostic>) -> Refused {
    let unreadable = || Diagnostic::error(FolderKind::Intents.name(), "cannot be read");
    Refused::Fault(Box::new(faults.into_iter().next().unwrap_or_else(unreadable)))
}

/// Beside, then in place: whoever reads meanwhile reads the old file or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // The file itself, where this is a link to it.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // What begins with a dot is not read as data.
    let beside = path.with_file_name(format!(".{name}.new"));
    std::fs::write(&beside, text)?;
    if let Ok(metadata) = std::fs::metadata(&path) {
        std::fs::set_permissions(&beside, metadata.permissions())?;
    }
    std::fs::rename(&beside, &path)
}
