//! Systems whose shipped manifests say that they carry out an intent, for the moment in which nothing that is here does.

use std::cmp::Reverse;
use std::sync::LazyLock;

use crate::catalogue::{Folder, FolderKind, Manifest};
use crate::domain::IntentName;

/// What is built into the binary, whatever folder is read.
static SHIPPED: LazyLock<Vec<Manifest>> = LazyLock::new(|| {
    // They were checked when they were built in.
    let mut faults = Vec::new();
    let files = Folder::built_in(FolderKind::Integrations).read(FolderKind::Integrations, &mut faults);
    files.iter().filter_map(|file| Manifest::parse(&file.path, &file.text, &mut faults)).collect()
});

/// The systems for an intent: those that do the most with its noun first, then by name.
pub(super) fn systems(intent: &IntentName) -> Vec<&'static str> {
    let of_its_noun = |manifest: &&Manifest| {
        let mut intents: Vec<_> = manifest.actions.iter().map(|action| &action.implements).collect();
        intents.sort_unstable();
        intents.dedup();
        intents.iter().filter(|other| noun(other) == noun(intent)).count()
    };
    let able = |manifest: &&Manifest| manifest.actions.iter().any(|action| action.implements == *intent);
    let mut systems: Vec<_> = SHIPPED.iter().filter(able).collect();
    systems.sort_by_key(|manifest| (Reverse(of_its_noun(manifest)), &manifest.name));
    systems.into_iter().map(|manifest| manifest.name.as_str()).collect()
}

fn noun(intent: &IntentName) -> &str {
    intent.as_str().split_once('.').map_or(intent.as_str(), |(noun, _)| noun)
}
