//! Filling an intent's parameters: names, recognised values, enumeration words and tagged spans compete for places.
//!
//! Free text is cut out first, so that nothing inside it fills anything else. Then every possible (parameter, span, value)
//! is scored by how it was found and by how much the tagger supports it there, and the best are taken, one per parameter,
//! without overlap.

use std::collections::HashSet;
use std::ops::Range;

use super::freetext;
use super::names::{Likeness, NameMatch};
use super::phrases::Phrases;
use super::recognise::Found;
use super::tagger::Tags;
use super::words::{Word, overlap};
use crate::domain::{Arguments, Effect, Entities, EntityType, Intent, Parameter, ParameterName, Value, ValueType};

/// Below this a candidate is no value.
const FLOOR: f32 = 0.5;

/// How a value came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// A known name, as it is written.
    Name,
    /// A known name, by an alias.
    Alias,
    /// A known name, mended from a slip.
    Mended,
    /// A form of its own: a duration, a version, a number.
    Recognised,
    /// A word of an enumeration.
    Word,
    /// Free text.
    Text,
    /// A name nobody knows, taken from its place in the sentence and kept as written.
    Tagged,
    /// It follows from another value.
    Implied,
    /// Taken over from the conversation.
    Carried,
}

/// A value for a parameter, with its place and its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Which parameter.
    pub parameter: ParameterName,
    /// The canonical value.
    pub value: Value,
    /// Where it stands in the text, in bytes; none when it was not said in this message.
    pub span: Option<Range<usize>>,
    /// How it was found.
    pub how: How,
}

/// What a message gives for an intent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filled {
    /// The values, in the intent's order.
    pub arguments: Vec<Argument>,
    /// A parameter whose written value is equally near to several names: the bot must ask.
    pub unsure: Vec<(ParameterName, Vec<String>)>,
    /// A parameter for which several values were given.
    pub several: Option<ParameterName>,
}

impl Filled {
    /// The values alone.
    pub fn values(&self) -> Arguments {
        self.arguments.iter().map(|argument| (argument.parameter.clone(), argument.value.clone())).collect()
    }
}

/// What stages before this one saw in the message.
pub struct Seen<'a> {
    /// The text.
    pub text: &'a str,
    /// Its words.
    pub words: &'a [Word],
    /// The organisation's names in it.
    pub names: &'a [NameMatch],
    /// Recognised values in it.
    pub found: &'a [Found],
    /// What the tagger says, for this intent.
    pub tags: &'a Tags,
    /// Words that are used for other things than values.
    pub ordinary: &'a HashSet<String>,
    /// The organisation's names.
    pub entities: &'a Entities,
    /// Words of enumerations, learned from annotated examples.
    pub phrases: &'a Phrases,
}

struct Candidate {
    parameter: usize,
    span: Range<usize>,
    values: Vec<Value>,
    how: How,
    score: f32,
}

/// Fills the parameters of `intent` from a message.
pub fn fill(intent: &Intent, seen: &Seen<'_>) -> Filled {
    let mut filled = Filled::default();
    let mut taken: Vec<Range<usize>> = Vec::new();
    for (index, parameter) in intent.parameters.iter().enumerate() {
        if parameter.value_type != ValueType::Text {
            continue;
        }
        let span = if parameter.whole_message {
            Some(freetext::whole(seen.text))
        } else {
            freetext::find(intent, seen, index, &taken)
        };
        // What is but a name, or a part of one, is no text.
        let inside = |span: &Range<usize>| {
            let within = |other: &Range<usize>| other.start <= span.start && span.end <= other.end;
            !parameter.whole_message && seen.names.iter().any(|name| !name.ordinary && within(&name.span))
        };
        if let Some(span) = span.filter(|span| !inside(span))
            && let Ok(value) = parameter.parse(&seen.text[span.clone()])
        {
            taken.push(span.clone());
            filled.arguments.push(Argument {
                parameter: parameter.name.clone(),
                value,
                span: Some(span),
                how: How::Text,
            });
        }
    }
    let whole = intent.parameters.iter().any(|parameter| parameter.whole_message);
    let mut candidates: Vec<Candidate> = if whole {
        Vec::new()
    } else {
        (0..intent.parameters.len()).flat_map(|index| candidates(&intent.parameters[index], index, seen)).collect()
    };
    candidates.retain(|candidate| candidate.score >= FLOOR && !taken.iter().any(|span| overlap(span, &candidate.span)));
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.span.start.cmp(&b.span.start)));
    let mut chosen: Vec<Option<Range<usize>>> = vec![None; intent.parameters.len()];
    for candidate in &candidates {
        let parameter = &intent.parameters[candidate.parameter];
        let free = chosen[candidate.parameter].is_none() && !taken.iter().any(|span| overlap(span, &candidate.span));
        if !free {
            continue;
        }
        chosen[candidate.parameter] = Some(candidate.span.clone());
        taken.push(candidate.span.clone());
        match candidate.values.as_slice() {
            [value] => filled.arguments.push(Argument {
                parameter: parameter.name.clone(),
                value: value.clone(),
                span: Some(candidate.span.clone()),
                how: candidate.how,
            }),
            values => {
                let names = values.iter().map(ToString::to_string).collect();
                filled.unsure.push((parameter.name.clone(), names));
            }
        }
    }
    filled.several = several(intent, seen, &candidates, &chosen, &taken);
    imply(intent, &mut filled);
    let place = |name: &ParameterName| intent.parameters.iter().position(|parameter| parameter.name == *name);
    filled.arguments.sort_by_key(|argument| place(&argument.parameter));
    filled
}

/// Everything that could fill one parameter.
fn candidates(parameter: &Parameter, index: usize, seen: &Seen<'_>) -> Vec<Candidate> {
    let support = |span: &Range<usize>| seen.tags.support(seen.words, span, index);
    let candidate = |span: Range<usize>, values: Vec<Value>, how: How, score: f32| Candidate {
        parameter: index,
        span,
        values,
        how,
        score,
    };
    let mut candidates = Vec::new();
    match parameter.value_type {
        ValueType::Text => {}
        ValueType::Enum | ValueType::Intent | ValueType::Boolean => {
            for (span, canonical, words) in seen.phrases.find(parameter, seen.words) {
                let ordinary =
                    words == 1 && seen.words.iter().any(|w| w.span == span && seen.ordinary.contains(&w.lower));
                let base = if words > 1 {
                    0.45
                } else if ordinary {
                    0.3
                } else {
                    0.5
                };
                if let Ok(value) = parameter.parse(&canonical) {
                    let score = base + 0.6 * support(&span);
                    candidates.push(candidate(span, vec![value], How::Word, score));
                }
            }
        }
        ValueType::Entity(entity) => {
            for found in seen.names.iter().filter(|found| found.entity == entity) {
                let base = match found.likeness {
                    Likeness::Name => 1.0,
                    Likeness::Alias => 0.95,
                    Likeness::Mended(distance) => 0.8 - 0.05 * distance as f32,
                };
                let how = match found.likeness {
                    Likeness::Name => How::Name,
                    Likeness::Alias => How::Alias,
                    Likeness::Mended(_) => How::Mended,
                };
                // "restart web live": right behind a thing stands where it runs.
                let placed = entity == EntityType::Environment && follows_a_thing(seen, &found.span);
                let doubt = if found.ordinary && !placed { 0.7 } else { 0.0 };
                let values: Vec<Value> = found.canonical.iter().filter_map(|name| parameter.parse(name).ok()).collect();
                if !values.is_empty() {
                    candidates.push(candidate(
                        found.span.clone(),
                        values,
                        how,
                        base - doubt + 0.6 * support(&found.span),
                    ));
                }
            }
            // Environments are few, and who lists them lists them all.
            let listed = entity == EntityType::Environment && seen.entities.configures(entity);
            if !listed {
                candidates.extend(tagged(parameter, index, seen, Some(entity)));
            }
        }
        value_type => {
            for found in seen.found.iter().filter(|found| found.value.value_type() == value_type) {
                // A number inside a name, a duration or a version is not a number by itself.
                let inside = seen.names.iter().any(|name| overlap(&name.span, &found.span) && !name.ordinary)
                    || seen.found.iter().any(|other| {
                        other.certain && other.span != found.span && overlap(&other.span, &found.span)
                            || other.certain && !found.certain && other.span == found.span
                    });
                if inside && value_type == ValueType::Integer {
                    continue;
                }
                if relative(seen, &found.span) {
                    continue;
                }
                let base = if found.certain { 0.75 } else { 0.45 };
                if let Ok(value) = parameter.parse(found.value.as_str()) {
                    let score = base + 0.6 * support(&found.span);
                    candidates.push(candidate(found.span.clone(), vec![value], How::Recognised, score));
                }
            }
            if matches!(value_type, ValueType::Name | ValueType::Version | ValueType::Domain | ValueType::Path) {
                candidates.extend(tagged(parameter, index, seen, None));
            }
        }
    }
    candidates
}

/// Whether the name of a service stands right before a place, or a preposition after it.
fn follows_a_thing(seen: &Seen<'_>, span: &Range<usize>) -> bool {
    let Some(at) = seen.words.iter().position(|word| overlap(&word.span, span)) else { return false };
    let Some(before) = at.checked_sub(1).map(|at| &seen.words[at]) else { return false };
    !before.breaks
        && seen
            .names
            .iter()
            .any(|name| !name.ordinary && name.entity == EntityType::Service && name.span.end == before.span.end)
}

/// "the latest deploy" tells which deploy, not which version.
fn relative(seen: &Seen<'_>, span: &Range<usize>) -> bool {
    let last = seen.words.iter().position(|word| word.span.end == span.end);
    let next = last.and_then(|at| seen.words.get(at + 1)).map(|word| word.lower.as_str());
    matches!(seen.text[span.clone()].to_lowercase().as_str(), "latest" | "last" | "newest" | "current")
        && matches!(next, Some("deploy" | "deployment" | "rollout" | "release" | "change"))
}

/// Words that the tagger takes for a value, though no list knows them.
fn tagged(parameter: &Parameter, index: usize, seen: &Seen<'_>, entity: Option<EntityType>) -> Vec<Candidate> {
    const EMPTY: [&str; 41] = [
        "the",
        "a",
        "an",
        "my",
        "our",
        "your",
        "this",
        "that",
        "these",
        "those",
        "it",
        "its",
        "them",
        "all",
        "everything",
        "me",
        "us",
        "service",
        "host",
        "environment",
        "database",
        "db",
        "box",
        "machine",
        "server",
        "node",
        "flag",
        "ticket",
        "team",
        "pipeline",
        "build",
        "playbook",
        "dashboard",
        "alert",
        "again",
        "please",
        "now",
        "one",
        "there",
        "here",
        "branch",
    ];
    let mut candidates = Vec::new();
    for (span, support) in seen.tags.runs(seen.words, index, 0.4) {
        let known = seen.names.iter().any(|found| Some(found.entity) == entity && overlap(&found.span, &span));
        let inside: Vec<&Word> = seen.words.iter().filter(|word| overlap(&word.span, &span)).collect();
        let kept: Vec<&&Word> = {
            let start = inside.iter().position(|word| !EMPTY.contains(&word.lower.as_str())).unwrap_or(inside.len());
            inside[start..].iter().collect()
        };
        let (Some(first), Some(last)) = (kept.first(), kept.last()) else { continue };
        let span = first.span.start..last.span.end;
        let written = seen.text[span.clone()].trim_end_matches("'s").trim_end_matches("’s").trim_start_matches('@');
        if known || kept.len() > 4 || relative(seen, &span) {
            continue;
        }
        // Something with a form of its own (an hour, a percentage) is no name.
        let form =
            seen.found.iter().any(|f| f.certain && f.span == span && f.value.value_type() != parameter.value_type);
        if let Ok(value) = parameter.parse(written)
            && !form
        {
            candidates.push(Candidate {
                parameter: index,
                span,
                values: vec![value],
                how: How::Tagged,
                score: 0.25 + 0.6 * support,
            });
        }
    }
    candidates
}

/// What joins values in a list.
const JOINTS: [&str; 10] = ["and", "&", ",", "+", "/", "plus", "as", "or", "then", "also"];

/// What may stand between a joint and the next value.
const AFTER_JOINT: [&str; 8] = ["well", "in", "on", "for", "of", "from", "the", "to"];

/// A parameter for which a list of values was given: "418 and 421", "OPS-41, OPS-42 and OPS-47".
fn several(
    intent: &Intent,
    seen: &Seen<'_>,
    candidates: &[Candidate],
    chosen: &[Option<Range<usize>>],
    taken: &[Range<usize>],
) -> Option<ParameterName> {
    let joins = |one: &Range<usize>, other: &Range<usize>| {
        let (left, right) = if one.end <= other.start { (one, other) } else { (other, one) };
        left.end <= right.start && {
            let between = seen.text[left.end..right.start].to_lowercase();
            let between = between.trim().trim_start_matches("'s").replace(',', " , ");
            let words: Vec<&str> = between.split_whitespace().collect();
            words.iter().any(|word| JOINTS.contains(word))
                && words.iter().all(|word| JOINTS.contains(word) || AFTER_JOINT.contains(word))
        }
    };
    for candidate in candidates {
        let Some(first) = &chosen[candidate.parameter] else { continue };
        let parameter = &intent.parameters[candidate.parameter];
        // "scale a to 4 and b to 6"
        let paired = intent.effect > Effect::Read
            && matches!(candidate.how, How::Name | How::Alias)
            && intent.parameters.iter().filter(|other| other.value_type == parameter.value_type).count() == 1
            && {
                let (left, right) =
                    if first.end <= candidate.span.start { (first, &candidate.span) } else { (&candidate.span, first) };
                left.end <= right.start
                    && [" and ", " plus "]
                        .iter()
                        .any(|joint| seen.text[left.end..right.start].to_lowercase().contains(joint))
            };
        let listed = paired || joins(first, &candidate.span);
        let another = !taken.iter().any(|span| overlap(span, &candidate.span));
        let sure = candidate.how != How::Tagged && candidate.score >= 0.7
            || matches!(parameter.value_type, ValueType::Integer) && candidate.score >= FLOOR;
        if listed && another && sure {
            return Some(parameter.name.clone());
        }
    }
    None
}

/// Values that follow from others: a percentage implies that a flag is on.
fn imply(intent: &Intent, filled: &mut Filled) {
    let mut implied = Vec::new();
    for parameter in &intent.parameters {
        if !filled.arguments.iter().any(|argument| argument.parameter == parameter.name) {
            continue;
        }
        for (name, text) in &parameter.implies {
            let present = filled.arguments.iter().any(|argument| argument.parameter == *name);
            if let (false, Some(Ok(value))) =
                (present, intent.parameter(name.as_str()).map(|target| target.parse(text)))
            {
                implied.push(Argument { parameter: name.clone(), value, span: None, how: How::Implied });
            }
        }
    }
    filled.arguments.extend(implied);
}
