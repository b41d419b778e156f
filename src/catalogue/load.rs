//! Everything that maintainers write, read and checked.

use std::collections::BTreeSet;

use super::check::{check_examples, check_intent_values};
use super::example::Example;
use super::intent_file::read_intent;
use super::manifest::Manifest;
use super::none_file::read_none;
use super::runbook::{Runbook, read_runbook};
use super::source::{DataFolders, FolderKind};
use super::step::KnownIntents;
use super::{Diagnostic, SourceFile};
use crate::domain::{Digest, Intents};

/// The data of the four folders. Use it only when its diagnostics hold no error.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// What can be asked for.
    pub intents: Intents,
    /// How people ask for it, and what lies near; sorted by file and line.
    pub examples: Vec<Example>,
    /// What to do when something is wrong; sorted by name.
    pub runbooks: Vec<Runbook>,
    /// What can be acted upon, and how; sorted by name. Those with faults are left out.
    pub manifests: Vec<Manifest>,
    /// `policies/*.cedar`, unread: policy reads them.
    pub policies: Vec<SourceFile>,
    /// The digest of `intents/` alone: all that a model learns from. A new runbook or policy is no reason to learn again.
    pub lessons: Digest,
}

impl Catalogue {
    /// Reads the folders. The diagnostics are sorted by place, and hold every fault of every file.
    pub fn load(folders: &DataFolders) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let intent_files = folders.intents.read(FolderKind::Intents, &mut diagnostics);
        let runbook_files = folders.runbooks.read(FolderKind::Runbooks, &mut diagnostics);
        let manifest_files = folders.integrations.read(FolderKind::Integrations, &mut diagnostics);
        let policies = folders.policies.read(FolderKind::Policies, &mut diagnostics);
        let lessons = digest(&intent_files);

        let mut intents = Vec::new();
        let mut examples = Vec::new();
        let mut unreadable = BTreeSet::new();
        for file in &intent_files {
            if file.name() == "none.txt" {
                examples.extend(read_none(file, &mut diagnostics));
            } else if let Some(read) = read_intent(file, &mut diagnostics) {
                intents.push(read.intent);
                examples.extend(read.examples);
            } else {
                unreadable.insert(file.name().trim_end_matches(".toml").to_owned());
            }
        }
        let intents: Intents = intents.into_iter().collect();
        let known = KnownIntents { intents: &intents, unreadable: &unreadable };
        let runbooks: Vec<_> = runbook_files.iter().map(|file| read_runbook(file, &known, &mut diagnostics)).collect();

        let manifests = read_manifests(&manifest_files, &known, &mut diagnostics);
        check_examples(&examples, &mut diagnostics);
        check_intent_values(&known, &examples, &runbooks, &mut diagnostics);
        diagnostics.sort();
        (Self { intents, examples, runbooks, manifests, policies, lessons }, diagnostics)
    }
}

/// Reads the manifests, and checks them against the intents that could be read: what is said of one that could not is
/// said already.
fn read_manifests(files: &[SourceFile], known: &KnownIntents<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Manifest> {
    let manifests = files.iter().filter_map(|file| Manifest::parse(&file.path, &file.text, diagnostics));
    let manifests: Vec<_> = manifests.collect();
    for manifest in &manifests {
        diagnostics.extend(manifest.cross_check(known.intents, |name| known.unreadable.contains(name)));
    }
    manifests
}

fn digest(files: &[SourceFile]) -> Digest {
    Digest::of(files.iter().flat_map(|file| [file.path.as_bytes(), file.text.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTENT: &str = include_str!("../../tests/fixtures/good/intents/dns.lookup.toml");
    const RUNBOOK: &str = include_str!("../../tests/fixtures/good/runbooks/network/dns.md");

    /// A text with a piece replaced.
    fn damaged(text: &'static str) -> impl Strategy<Value = String> {
        (0..text.len(), 0..12_usize, "[\\[\\]()<>='\"\\\\\n#:{} aé-]{0,4}").prop_map(move |(start, length, piece)| {
            let end = (start + length).min(text.len());
            format!("{}{piece}{}", &text[..start], &text[end..])
        })
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_fall_over(intent in damaged(INTENT), runbook in damaged(RUNBOOK)) {
            let mut diagnostics = Vec::new();
            let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
            let lines = intent.lines().count().max(runbook.lines().count()) + 1;
            let read = read_intent(&file("intents/dns.lookup.toml", intent), &mut diagnostics);
            let intents: Intents = read.into_iter().map(|read| read.intent).collect();
            let known = KnownIntents { intents: &intents, unreadable: &BTreeSet::new() };
            read_runbook(&file("runbooks/dns.md", runbook), &known, &mut diagnostics);
            prop_assert!(diagnostics.iter().all(|found| found.line.is_none_or(|line| (1..=lines).contains(&line))));
        }
    }
}
