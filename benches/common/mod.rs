//! What the benches of understanding and of turns share: the shipped model and data, and the organisation of the
//! development set.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sayso::catalogue::{Catalogue, DataFolders};
use sayso::config::Config;
use sayso::embedding::{Embedder, Int8Encoder, ModelSource};
use sayso::retrieval::{Document, Passages};
use sayso::understanding::{Model, Understander};

/// A path in the repository.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What was learned is kept here from one run to the next.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-cache")
}

/// The shipped model on its thread.
pub(crate) fn embedder() -> Embedder {
    let source = ModelSource::Folder(in_repository("models/minilm-l6-ops"));
    let encoder = Int8Encoder::load(&source).expect("the shipped model loads");
    Embedder::start(Box::new(encoder), NonZeroUsize::MIN).expect("a thread")
}

/// Everything that is shipped.
pub(crate) fn catalogue() -> Catalogue {
    Catalogue::load(&DataFolders::built_in()).0
}

/// Everything that reads a message, with the organisation's names.
pub(crate) fn understander(catalogue: &Catalogue) -> Arc<Understander> {
    let config =
        Config::load(&in_repository("tests/utterances/harbour/organisation.toml")).expect("the organisation is sound");
    let embedder = embedder();
    let Catalogue { intents, examples, runbooks, lessons, .. } = catalogue;
    let model = Model::load_or_train(Some(&cache()), intents, examples, *lessons, &embedder).expect("a model");
    let documents: Vec<Document<'_>> = runbooks
        .iter()
        .map(|runbook| Document {
            name: &runbook.name,
            title: &runbook.title,
            symptoms: &runbook.symptoms,
            alerts: &runbook.alerts,
            body: &runbook.body,
            first_line: runbook.first_line,
        })
        .collect();
    let passages = Passages::build(&documents, &embedder, Some(&cache())).expect("passages");
    Arc::new(Understander::new(
        intents.clone(),
        config.entities,
        examples,
        model,
        passages,
        embedder,
        config.time.zone.clone(),
    ))
}
