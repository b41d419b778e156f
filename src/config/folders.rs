//! Where the data folders are: beside `sayso.toml`, else in the working directory, else in the binary. Each folder is
//! looked for on its own, so that somebody who writes runbooks need not copy the intents.

use std::path::Path;

use crate::catalogue::{DataFolders, Folder, FolderKind};

/// Finds the folders; `config` is the path of `sayso.toml`, if there is one.
pub fn find_folders(config: Option<&Path>) -> DataFolders {
    // The parent of a bare file name is the empty path: the working directory.
    let beside = config.and_then(Path::parent);
    find_in(&beside.into_iter().chain([Path::new("")]).collect::<Vec<_>>())
}

fn find_in(places: &[&Path]) -> DataFolders {
    let on_disk = |name: &str| places.iter().map(|place| place.join(name)).find(|folder| folder.is_dir());
    let folder = |kind: FolderKind| on_disk(kind.name()).map_or_else(|| Folder::built_in(kind), Folder::Disk);
    DataFolders {
        intents: folder(FolderKind::Intents),
        runbooks: folder(FolderKind::Runbooks),
        integrations: folder(FolderKind::Integrations),
        policies: folder(FolderKind::Policies),
        models: on_disk("models"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_comes_from_the_nearest_place() {
        let root = tempfile::tempdir().unwrap();
        let (beside, working) = (root.path().join("etc"), root.path().join("work"));
        for folder in [beside.join("runbooks"), working.join("runbooks"), working.join("intents")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(working.join("policies"), "a file is no folder").unwrap();
        assert_eq!(
            find_in(&[&beside, &working]),
            DataFolders {
                intents: Folder::Disk(working.join("intents")),
                runbooks: Folder::Disk(beside.join("runbooks")),
                integrations: Folder::built_in(FolderKind::Integrations),
                policies: Folder::built_in(FolderKind::Policies),
                models: None,
            }
        );
    }
}
