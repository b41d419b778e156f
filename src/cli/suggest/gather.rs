//! From kept messages to groups of lines, each with what it could be an example of, as it is understood today.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;

use crate::catalogue::{Mark, annotate};
use crate::domain::{Intent, IntentName, ValueType};
use crate::embedding::{Embedder, EmbeddingError};
use crate::store::{Miss, MissKind};
use crate::understanding::{Argument, Context, How, OutcomeKind, Understander, Understanding, groups};

/// How many intents are offered for a line.
const OFFERED: usize = 3;
/// Below this probability, an intent is offered but not proposed.
pub(super) const LIKELY: f64 = 0.05;
/// Texts that are encoded in one go: a request to the encoder has to be answered in time.
const SLICE: usize = 32;

/// How a line was missed; of a correction, with what it was taken for.
pub(super) type Missed = (MissKind, Option<IntentName>);

/// Lines that say the same, the most frequent first.
pub(super) struct Group {
    pub(super) lines: Vec<Line>,
}

/// One text.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) times: usize,
    pub(super) last: Timestamp,
    pub(super) platforms: BTreeSet<String>,
    pub(super) missed: BTreeSet<Missed>,
    /// The intent of the command that followed, the latest.
    pub(super) meant: Option<IntentName>,
    /// What it could be an example of: first what was meant, then the likeliest.
    pub(super) readings: Vec<Reading>,
    /// The line for `none.txt`.
    pub(super) none: String,
}

/// A line as an example of an intent.
pub(super) struct Reading {
    pub(super) intent: IntentName,
    /// None for what is not among the likeliest.
    pub(super) probability: Option<f64>,
    /// Annotated.
    pub(super) example: String,
}

impl Reading {
    /// Whether it comes into question without somebody's having meant it.
    pub(super) fn is_likely(&self) -> bool {
        self.probability.is_some_and(|probability| probability >= LIKELY)
    }
}

impl Group {
    /// How often any of its lines was said.
    pub(super) fn times(&self) -> usize {
        self.lines.iter().map(|line| line.times).sum()
    }

    /// When one of them was said last.
    pub(super) fn last(&self) -> Timestamp {
        self.lines.iter().map(|line| line.last).max().unwrap_or(Timestamp::MIN)
    }

    /// The intents that come into question, with their probability for a line of the group in the mean.
    pub(super) fn intents(&self) -> Vec<(&IntentName, f64)> {
        let mut sums: BTreeMap<&IntentName, f64> = BTreeMap::new();
        for line in &self.lines {
            for reading in &line.readings {
                *sums.entry(&reading.intent).or_default() += line.times as f64 * reading.probability.unwrap_or(0.0);
            }
        }
        let times = self.times().max(1) as f64;
        let mut means: Vec<_> = sums.into_iter().map(|(intent, sum)| (intent, sum / times)).collect();
        means.sort_by(|a, b| b.1.total_cmp(&a.1));
        means.truncate(OFFERED);
        means
    }
}

/// The groups, the largest first; and how many lines are left out because they are understood by now.
pub(super) async fn gather(
    misses: &[Miss],
    understander: &Understander,
    embedder: &Embedder,
    now: Timestamp,
) -> Result<(Vec<Group>, usize), EmbeddingError> {
    let mut by_text: BTreeMap<&str, Vec<&Miss>> = BTreeMap::new();
    for miss in misses {
        by_text.entry(&miss.text).or_default().push(miss);
    }
    let mut lines = Vec::new();
    let mut understood = 0;
    for (text, said) in by_text {
        let seen = understander.understand(text, &Context::default(), now).await?;
        let meant = said.iter().rev().find_map(|miss| miss.meant.clone());
        if is_understood(&seen, &said, meant.as_ref()) {
            understood += 1;
        } else {
            lines.push(line(text, &said, meant, &seen, understander).await?);
        }
    }
    // Frequent ones lead; the texts keep the order of those that are equally frequent.
    lines.sort_by_key(|(line, _)| std::cmp::Reverse(line.times));
    let (lines, bare): (Vec<Line>, Vec<String>) = lines.into_iter().unzip();
    let mut vectors = Vec::with_capacity(bare.len());
    for texts in bare.chunks(SLICE) {
        vectors.extend(embedder.encode(texts.to_vec()).await?.into_iter().map(|encoded| encoded.sentence));
    }
    let mut lines: Vec<Option<Line>> = lines.into_iter().map(Some).collect();
    let mut found: Vec<Group> = groups(&vectors)
        .into_iter()
        .map(|group| Group { lines: group.into_iter().filter_map(|index| lines[index].take()).collect() })
        .collect();
    found.sort_by(|a, b| b.times().cmp(&a.times()).then(b.last().cmp(&a.last())));
    Ok((found, understood))
}

/// Whether examples that came since have mended it: an intent is found, and it is the one that was meant.
fn is_understood(seen: &Understanding, said: &[&Miss], meant: Option<&IntentName>) -> bool {
    let found = seen
        .intent
        .as_ref()
        .filter(|_| matches!(seen.outcome, OutcomeKind::Command | OutcomeKind::Answer | OutcomeKind::Ask));
    let corrected = said.iter().any(|miss| miss.kind == MissKind::Corrected);
    found.is_some_and(|intent| meant.map_or(!corrected, |meant| meant == intent))
}

/// A line, and its text with values as what they are values of: what is asked makes a group, not of what.
async fn line(
    text: &str,
    said: &[&Miss],
    meant: Option<IntentName>,
    seen: &Understanding,
    understander: &Understander,
) -> Result<(Line, String), EmbeddingError> {
    let likely = seen.alternatives.iter().map(|other| (&other.intent, Some(other.confidence)));
    let mut offered: Vec<(&IntentName, Option<f64>)> = likely.collect();
    if let Some(meant) = &meant {
        let known = offered.iter().position(|(name, _)| *name == meant);
        let first = known.map_or((meant, None), |index| offered.remove(index));
        offered.insert(0, first);
    }
    let mut readings = Vec::new();
    let (mut names, mut bare) = (Vec::new(), text.to_owned());
    for (name, probability) in offered {
        let Some(intent) = understander.intents().get(name.as_str()).filter(|_| readings.len() < OFFERED) else {
            continue;
        };
        let found = values(intent, understander.filled_for(intent, text).await?.arguments);
        if readings.is_empty() {
            names = name_marks(intent, &found);
            // Of what nobody would take for this intent, its values are none.
            if probability.is_none_or(|probability| probability >= LIKELY) {
                bare = without_values(text, &found);
            }
        }
        let marks: Vec<Mark> = found.iter().map(|argument| mark(intent, text, argument)).collect();
        readings.push(Reading { intent: name.clone(), probability, example: annotate(text, &marks) });
    }
    let missed = said.iter().map(|miss| {
        let corrected = miss.kind == MissKind::Corrected;
        (miss.kind, miss.best.first().filter(|_| corrected).map(|(intent, _)| intent.clone()))
    });
    let line = Line {
        text: text.to_owned(),
        times: said.len(),
        last: said.iter().map(|miss| miss.at).max().unwrap_or(Timestamp::MIN),
        platforms: said.iter().map(|miss| miss.platform.clone()).collect(),
        missed: missed.collect(),
        meant,
        readings,
        none: annotate(text, &names),
    };
    Ok((line, bare))
}

/// The values that an example marks: those that stand in it, in its order. A text that is the whole message is not marked.
fn values(intent: &Intent, arguments: Vec<Argument>) -> Vec<(Range<usize>, Argument)> {
    let mut found: Vec<_> = arguments
        .into_iter()
        .filter(|argument| intent.parameter(argument.parameter.as_str()).is_some_and(|known| !known.whole_message))
        .filter_map(|argument| Some((argument.span.clone()?, argument)))
        .filter(|(span, _)| !span.is_empty())
        .collect();
    found.sort_by_key(|(span, _)| span.start);
    // Of two that overlap, the first.
    let mut end = 0;
    found.retain(|(span, _)| {
        let free = span.start >= end;
        end = if free { span.end } else { end };
        free
    });
    found
}

/// With the canonical value where the span is another text. The value of a time depends on the day, and is left out.
fn mark(intent: &Intent, text: &str, (span, argument): &(Range<usize>, Argument)) -> Mark {
    let said = &text[span.clone()];
    let parameter = intent.parameter(argument.parameter.as_str());
    let same = parameter.is_none_or(|parameter| {
        parameter.value_type == ValueType::DateTime || parameter.parse(said).is_ok_and(|value| value == argument.value)
    });
    let canonical = (!same).then(|| argument.value.to_string());
    Mark { span: span.clone(), target: argument.parameter.to_string(), canonical }
}

/// Names that the organisation lists, marked with their type, so that in `none.txt` it is the sentence that teaches.
fn name_marks(intent: &Intent, found: &[(Range<usize>, Argument)]) -> Vec<Mark> {
    let entity = |argument: &Argument| match intent.parameter(argument.parameter.as_str())?.value_type {
        ValueType::Entity(entity) => Some(entity.as_str().to_owned()),
        _ => None,
    };
    let listed = found.iter().filter(|(_, argument)| matches!(argument.how, How::Name | How::Alias | How::Mended));
    let marks = listed.filter_map(|(span, argument)| Some((span.clone(), entity(argument)?)));
    marks.map(|(span, target)| Mark { span, target, canonical: None }).collect()
}

fn without_values(text: &str, found: &[(Range<usize>, Argument)]) -> String {
    let mut bare = text.to_owned();
    for (span, argument) in found.iter().rev() {
        bare.replace_range(span.clone(), &argument.parameter.as_str().replace('_', " "));
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Effect, EntityType, Parameter};

    fn intent() -> Intent {
        let parameter = |name: &str, value_type| Parameter {
            name: name.parse().unwrap(),
            value_type,
            required: false,
            ask: None,
            values: Vec::new(),
            implies: Vec::new(),
            whole_message: name == "question",
        };
        Intent {
            name: "service.restart".parse().unwrap(),
            summary: "Restart a service".to_owned(),
            effect: Effect::Change,
            parameters: vec![
                parameter("service", ValueType::Entity(EntityType::Service)),
                parameter("environment", ValueType::Entity(EntityType::Environment)),
                parameter("start_at", ValueType::DateTime),
                parameter("window", ValueType::Duration),
                parameter("question", ValueType::Text),
            ],
            one_of: Vec::new(),
        }
    }

    #[test]
    fn values_are_marked_where_they_stand() {
        let (intent, text) = (intent(), "bounce [web] in Prod tonight for half an hour");
        let found = |parameter: &str, span: Option<Range<usize>>, value: &str| Argument {
            parameter: parameter.parse().unwrap(),
            value: intent.parameter(parameter).unwrap().parse(value).unwrap(),
            span,
            how: How::Alias,
        };
        let place = |said: &str| text.find(said).map(|start| start..start + said.len());
        let values = values(
            &intent,
            vec![
                found("window", place("half an hour"), "PT30M"),
                found("environment", place("Prod"), "production"),
                found("start_at", place("tonight"), "2026-11-18T20:00:00Z"),
                found("service", place("web"), "web"),
                found("question", Some(0..text.len()), text),
            ],
        );
        let marks: Vec<Mark> = values.iter().map(|argument| mark(&intent, text, argument)).collect();
        assert_eq!(
            annotate(text, &marks),
            r"bounce \[[web](service)\] in [Prod](environment:production) [tonight](start_at) for [half an hour](window:PT30M)"
        );
        assert_eq!(
            annotate(text, &name_marks(&intent, &values)),
            r"bounce \[[web](service)\] in [Prod](environment) tonight for half an hour"
        );
        assert_eq!(without_values(text, &values), "bounce [service] in environment start at for window");
    }

    #[test]
    fn of_overlapping_values_the_first_is_marked_and_carried_ones_are_not() {
        let intent = intent();
        let found = |span: Option<Range<usize>>| Argument {
            parameter: "service".parse().unwrap(),
            value: ValueType::Entity(EntityType::Service).parse("web").unwrap(),
            span,
            how: How::Name,
        };
        let spans = |arguments: Vec<Argument>| -> Vec<Range<usize>> {
            values(&intent, arguments).into_iter().map(|(span, _)| span).collect()
        };
        assert_eq!(
            spans(vec![found(Some(4..9)), found(Some(0..5)), found(None), found(Some(9..9))]),
            std::slice::from_ref(&(0..5))
        );
    }
}
