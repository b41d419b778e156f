//! The words of enumerations: those the intent files list, and those that annotated examples use.

use std::collections::HashMap;
use std::ops::Range;

use super::words::{Word, cover};
use crate::catalogue::Example;
use crate::domain::{Parameter, ParameterName, ValueType};

/// Phrases per parameter name, from annotated examples: `restarted` → `service.restart`.
#[derive(Debug, Clone, Default)]
pub struct Phrases(HashMap<ParameterName, HashMap<String, String>>);

impl Phrases {
    /// Collects what the examples call the values of enumerations and intents.
    pub fn learn(examples: &[Example]) -> Self {
        let mut phrases: HashMap<ParameterName, HashMap<String, String>> = HashMap::new();
        for example in examples {
            for annotation in &example.annotations {
                if let Some(value) = &annotation.value
                    && matches!(value.value_type(), ValueType::Enum | ValueType::Intent | ValueType::Boolean)
                {
                    let written = example.text[annotation.span.clone()].to_lowercase();
                    phrases.entry(annotation.parameter.clone()).or_default().insert(written, value.as_str().to_owned());
                }
            }
        }
        Self(phrases)
    }

    /// Every phrase of the parameter in the words, longest first at each place: span, canonical value, word count.
    pub fn find(&self, parameter: &Parameter, words: &[Word]) -> Vec<(Range<usize>, String, usize)> {
        let listed = parameter.values.iter().flat_map(|value| {
            let spoken = value.canonical.replace('_', " ");
            [value.canonical.clone(), spoken]
                .into_iter()
                .chain(value.words.iter().cloned())
                .map(|phrase| (phrase, value.canonical.clone()))
        });
        let listed = listed.chain(switch(parameter));
        let learned = self.0.get(&parameter.name).into_iter().flatten();
        let learned = learned
            .filter(|(_, canonical)| {
                matches!(parameter.value_type, ValueType::Intent | ValueType::Boolean)
                    || parameter.values.iter().any(|v| v.canonical == **canonical)
            })
            .map(|(phrase, canonical)| (phrase.clone(), canonical.clone()));
        let phrases: HashMap<String, String> = learned.chain(listed).collect();
        let longest = phrases.keys().map(|phrase| phrase.split(' ').count()).max().unwrap_or(0);
        let mut found = Vec::new();
        let mut index = 0;
        while index < words.len() {
            let window = (1..=longest.min(words.len() - index)).rev().find_map(|length| {
                let joined =
                    words[index..index + length].iter().map(|w| w.lower.as_str()).collect::<Vec<_>>().join(" ");
                phrases.get(&joined).map(|canonical| (length, canonical.clone()))
            });
            match window {
                Some((length, canonical)) => {
                    found.push((cover(&words[index..index + length]), canonical, length));
                    index += length;
                }
                None => index += 1,
            }
        }
        found
    }
}

/// What people say for a yes-or-no parameter: its name for yes, its name denied for no.
fn switch(parameter: &Parameter) -> Vec<(String, String)> {
    if parameter.value_type != ValueType::Boolean {
        return Vec::new();
    }
    let name = parameter.name.as_str().replace('_', " ");
    let joined = [name.clone(), name.replace(' ', "-"), name.replace(' ', "")];
    let forms = |name: &String| {
        let yes = [name.clone(), format!("{name} true"), format!("{name} on"), format!("--{name}")];
        let no = [format!("{name} false"), format!("{name} off"), format!("no {name}"), format!("not a {name}")];
        let said = |phrases: [String; 4], value: &str| phrases.map(|phrase| (phrase, value.to_owned()));
        [said(yes, "true"), said(no, "false")].concat()
    };
    joined.iter().flat_map(forms).collect()
}
