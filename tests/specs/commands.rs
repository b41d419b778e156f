//! Commands of an intent: with and without each optional parameter, with each word of an enumeration, and with values that
//! nobody was thinking of.

use sayso::domain::{Command, Intent, Parameter, parse_typed, quote};

use crate::common::CATALOGUE;

/// Values for the parameters of a name, in the place of the usual ones.
pub(crate) type Samples = &'static [(&'static str, &'static [&'static str])];

/// Texts that break what is put together from texts.
const HOSTILE: &[&str] = &[
    "ünï-cödé-名前",
    "two words",
    "quo\"te's",
    "sla/sh\\es",
    "../../etc",
    "%2e%2e%2f",
    "{{ 7 * 7 }}",
    "a&b=c#d?e",
    "-x",
    "*",
];

/// Commands with values as people give them: each must be carried out.
pub(crate) fn ordinary(intent: &Intent, samples: Samples) -> Vec<Command> {
    let mut lines = Vec::new();
    let all: Vec<(String, Vec<String>, bool)> = intent
        .parameters
        .iter()
        .map(|parameter| (parameter.name.to_string(), usual(parameter, samples), parameter.required))
        .collect();
    let written = |chosen: &[(&str, &str)]| {
        chosen.iter().fold(intent.name.to_string(), |line, (name, value)| format!("{line} {name}={}", quote(value)))
    };
    // All of them, none of the optional ones, each of those alone, and each left out.
    let optional: Vec<_> = all.iter().filter(|(_, _, required)| !required).map(|(name, ..)| name.clone()).collect();
    let mut sets: Vec<Vec<String>> = vec![optional.clone(), Vec::new()];
    sets.extend(optional.iter().map(|name| vec![name.clone()]));
    sets.extend(optional.iter().map(|left| optional.iter().filter(|name| *name != left).cloned().collect()));
    for set in sets {
        let given = all.iter().filter(|(name, _, required)| *required || set.contains(name));
        let given: Vec<_> = given.collect();
        let first: Vec<_> = given.iter().map(|(name, values, _)| (name.as_str(), values[0].as_str())).collect();
        lines.push(written(&first));
        for (position, (name, values, _)) in given.iter().enumerate() {
            for value in &values[1..] {
                let mut other = first.clone();
                other[position] = (name, value);
                lines.push(written(&other));
            }
        }
    }
    lines.sort();
    lines.dedup();
    lines.iter().filter_map(|line| parse_typed(line, &CATALOGUE.intents).ok()).collect()
}

/// Commands with values as nobody gives them: refused, or carried out as they are.
pub(crate) fn hostile(intent: &Intent, samples: Samples) -> Vec<Command> {
    let long = "x".repeat(300);
    let texts = HOSTILE.iter().copied().chain([long.as_str()]);
    let lines = texts.map(|text| {
        intent.parameters.iter().fold(intent.name.to_string(), |line, parameter| {
            let kind = parameter.value_type.as_str();
            let fixed = ["integer", "percentage", "boolean", "duration", "date-time", "enum", "ticket", "incident"];
            let usual = usual(parameter, samples);
            let value = if fixed.contains(&kind) { usual[0].as_str() } else { text };
            format!("{line} {}={}", parameter.name, quote(value))
        })
    });
    lines.filter_map(|line| parse_typed(&line, &CATALOGUE.intents).ok()).collect()
}

fn usual(parameter: &Parameter, samples: Samples) -> Vec<String> {
    let texts: &[&str] = match samples.iter().find(|(sample, _)| *sample == parameter.name.as_str()) {
        Some((_, values)) => values,
        None => match parameter.value_type.as_str() {
            "enum" => return parameter.values.iter().map(|value| value.canonical.clone()).collect(),
            "integer" => &["42", "7"],
            "percentage" => &["25"],
            "boolean" => &["true", "false"],
            "duration" => &["PT2H", "P1D"],
            "date-time" => &["2026-11-22T08:00:00Z"],
            "version" => &["1.4.2", "v2.0.0-rc1"],
            "text" => &["the disk is full", "x"],
            "domain" => &["shop.example.com"],
            "ticket" => &["OPS-42", "#42"],
            "incident" => &["INC-7"],
            "environment" => &["staging"],
            "host" => &["db1"],
            "person" => &["mira"],
            "team" => &["sre"],
            _ => &["checkout", "search-api"],
        },
    };
    texts.iter().map(|text| (*text).to_owned()).collect()
}
