//! Names in the configuration that only mean something beside the data files: intents and integrations.

use super::Config;
use crate::catalogue::{Diagnostic, did_you_mean, suggestion};
use crate::domain::Intents;

/// A name, and what to say if nothing has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) fault: Diagnostic,
}

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Intent,
    Integration,
}

impl Config {
    /// What is wrong with the names of intents and integrations, given those that exist.
    pub fn check_names(&self, intents: &Intents, integrations: &[&str]) -> Vec<Diagnostic> {
        let unknown = self.mentions.iter().filter(|mention| match mention.kind {
            Kind::Intent => intents.get(&mention.name).is_none(),
            Kind::Integration => !integrations.contains(&mention.name.as_str()),
        });
        unknown
            .map(|mention| {
                let hint = match mention.kind {
                    Kind::Intent => did_you_mean(&mention.name, intents.iter().map(|intent| intent.name.as_str())),
                    Kind::Integration => suggestion(&mention.name, integrations.iter().copied()),
                };
                Diagnostic { hint, ..mention.fault.clone() }
            })
            .collect()
    }
}
