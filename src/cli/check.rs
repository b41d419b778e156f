//! `sayso check`: every data file and the configuration.

use std::path::Path;

use super::{Failure, assembly, print};
use crate::catalogue::Severity;

/// Prints every finding; fails on errors.
pub(super) fn run(config: Option<&Path>) -> Result<(), Failure> {
    let (data, findings) = assembly::read(config);
    findings.iter().for_each(|finding| eprintln!("{finding}"));
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    if let Some(data) = data {
        print(format_args!(
            "{} intents, {} examples, {} runbooks, {} integrations, {} policies: {errors} errors, {warnings} warnings",
            data.catalogue.intents.len(),
            data.catalogue.examples.len(),
            data.catalogue.runbooks.len(),
            data.catalogue.manifests.len(),
            data.catalogue.policies.len(),
        ));
    }
    if errors > 0 { Err(Failure::Told) } else { Ok(()) }
}
