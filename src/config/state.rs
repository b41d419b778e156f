//! Where the program keeps what it remembers: the user's state folder.

use std::ffi::OsString;
use std::path::PathBuf;

/// No place is known for what has to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no home folder is known to keep the state in, set `SAYSO_STATE` to a folder")]
pub struct NoStateFolder;

/// `SAYSO_STATE`, else `$XDG_STATE_HOME/sayso`, else `~/.local/state/sayso`. It may not exist yet.
pub fn state_folder() -> Result<PathBuf, NoStateFolder> {
    choose(|variable| std::env::var_os(variable), std::env::home_dir())
}

fn choose(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Result<PathBuf, NoStateFolder> {
    let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("SAYSO_STATE")
        // The XDG specification has relative paths ignored.
        .or_else(|| Some(folder("XDG_STATE_HOME").filter(|path| path.is_absolute())?.join("sayso")))
        .or_else(|| Some(home.filter(|home| !home.as_os_str().is_empty())?.join(".local/state/sayso")))
        .ok_or(NoStateFolder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_folder_wins() {
        let given = |set: &'static [(&str, &str)]| {
            move |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let home = || Some(PathBuf::from("/home/a"));
        for (set, home, folder) in [
            (&[("SAYSO_STATE", "/s"), ("XDG_STATE_HOME", "/x")][..], home(), Ok("/s")),
            (&[("SAYSO_STATE", ""), ("XDG_STATE_HOME", "/x")], home(), Ok("/x/sayso")),
            (&[("XDG_STATE_HOME", "x")], home(), Ok("/home/a/.local/state/sayso")),
            (&[], Some(PathBuf::new()), Err(NoStateFolder)),
            (&[], None, Err(NoStateFolder)),
        ] {
            assert_eq!(choose(given(set), home), folder.map(PathBuf::from));
        }
    }
}
