//! Whether an action takes a command's arguments. What was asked for must be what is done: an argument that would have
//! no effect is a reason to refuse, not to go on without it.

use regex::Regex;
use serde_json::Value as Json;

use super::registry::Chosen;
use super::scope::{Circumstances, scope};
use super::settings::{Secrets, Surroundings};
use super::template::Templates;
use crate::catalogue::manifest::{Constraint, Template, used_parameters};
use crate::domain::Command;

/// Why the action does not take the command; none if it does. `decided` are parameters that chose the integration, and
/// so have had their effect.
pub(super) fn unsuitable(
    chosen: &Chosen,
    command: &Command,
    decided: &[&str],
    templates: &Templates,
    surroundings: &Surroundings,
) -> Option<String> {
    let action = chosen.action();
    let used = used_parameters(action, &chosen.integration.declared, &chosen.integration.manifest.files);
    command.arguments().iter().find_map(|(parameter, value)| {
        let (name, value) = (parameter.as_str(), value.as_str());
        let here = chosen.name();
        match action.parameters.get(name) {
            None if decided.contains(&name) => None,
            None if used.as_ref().is_some_and(|used| !used.contains(name)) => {
                Some(format!("`{here}` cannot take `{name}` into account"))
            }
            None | Some(Constraint::Ignored) => None,
            Some(Constraint::Pattern(pattern)) => {
                let matches = Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| pattern.is_match(value));
                (!matches).then(|| format!("`{here}` knows no `{name}` of the form `{value}`"))
            }
            Some(Constraint::OneOf(_)) if decided.contains(&name) => None,
            Some(Constraint::OneOf(accepted)) => {
                let accepted = texts(chosen, command, accepted, templates, surroundings);
                let matches = accepted.iter().any(|accepted| accepted.eq_ignore_ascii_case(value));
                let accepted: Vec<_> = accepted.iter().map(|accepted| format!("`{accepted}`")).collect();
                match (matches, accepted.is_empty()) {
                    (true, _) => None,
                    (false, true) => Some(format!("`{here}` has no setting that says which `{name}` it serves")),
                    (false, false) => {
                        Some(format!("`{here}` serves only {} as `{name}`, not `{value}`", accepted.join(" or ")))
                    }
                }
            }
        }
    })
}

/// One text, or those of a list.
fn each(value: Option<Json>) -> Vec<String> {
    match value {
        Some(Json::Array(values)) => values.into_iter().flat_map(|value| each(Some(value))).collect(),
        Some(Json::String(text)) => vec![text],
        Some(value @ (Json::Number(_) | Json::Bool(_))) => vec![value.to_string()],
        Some(Json::Null | Json::Object(_)) | None => Vec::new(),
    }
}

fn texts(
    chosen: &Chosen,
    command: &Command,
    accepted: &[Template],
    templates: &Templates,
    surroundings: &Surroundings,
) -> Vec<String> {
    let circumstances = Circumstances::planned();
    let Ok(scope) = scope(&chosen.integration, Some(command), &circumstances, Secrets::Named, templates, surroundings)
    else {
        return Vec::new();
    };
    let mut texts: Vec<String> =
        accepted.iter().flat_map(|template| each(templates.value(template, &scope).ok().flatten())).collect();
    texts.dedup();
    texts
}
