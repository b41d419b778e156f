//! Reads `intents/`, `runbooks/` and `integrations/`, checks them against each other, and says what is wrong and where.

mod adding;
mod check;
mod diagnostic;
mod example;
mod fields;
mod front_matter;
mod intent_file;
mod load;
pub mod manifest;
mod none_file;
mod parameter_file;
mod runbook;
mod source;
mod step;

pub use adding::{with_example, with_line};
pub use diagnostic::{Diagnostic, Severity};
pub use example::{
    Annotation, AnnotationError, AnnotationFault, Example, ExampleKind, Mark, RawAnnotation, annotate, parse_annotated,
};
pub(crate) use fields::{Document, Item, Located, Table, did_you_mean, suggestion};
pub use load::Catalogue;
pub use manifest::Manifest;
pub use runbook::Runbook;
pub use source::{DataFolders, Folder, FolderKind, SourceFile};
pub use step::{StepTemplate, StepValue};
