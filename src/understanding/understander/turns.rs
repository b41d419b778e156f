//! The seventh stage: what a message means after what was said before.

use std::collections::HashMap;

use jiff::Zoned;

use super::super::arguments::{Argument, How};
use super::super::clauses::{clauses, is_order, is_show};
use super::super::cues::Cue;
use super::super::dialogue::{self, Context, Decision, Draft};
use super::super::linear::hash;
use super::super::thresholds;
use super::super::words::{Word, cover, overlap};
use super::super::{OutcomeKind, Understanding, freetext};
use super::{Reading, Understander};
use crate::domain::{Intent, IntentName, ValueType};
use crate::embedding::EmbeddingError;

impl Understander {
    /// What the message means after what was said before.
    pub(super) fn in_conversation(&self, reading: &Reading, fresh: Understanding, context: &Context) -> Understanding {
        let lower = reading.lower();
        let open = context.proposal.is_some() || context.asked.is_some();
        // "cancel the build" is a request where nothing waits.
        let request = !open && lower.len() >= 3 && fresh.intent.is_some();
        let pending = context.proposal.as_ref().map(|draft| &draft.intent);
        let names = |word: &str| pending.is_some_and(|intent| self.is_said_for(intent, word));
        let decision = dialogue::decision_on(&lower, names).filter(|_| !request);
        // "wait no. on": the last clause says what is to be instead.
        let amended = || {
            let draft = context.proposal.as_ref().filter(|_| decision == Some(Decision::No))?;
            self.amend(reading, &fresh, draft, &[])
                .map(|understanding| Understanding { corrects: true, ..understanding })
        };
        if let Some(amended) = amended() {
            return amended;
        }
        if let Some(decision) = decision {
            return decided(fresh, decision, context);
        }
        let repeats = dialogue::follow_up(&lower);
        if let Some((draft, missing)) = &context.asked
            && let Some(answered) = self.answer(reading, &fresh, draft, missing).or_else(|| {
                let draft = Some(draft).filter(|_| !self.stands_alone(reading, &fresh, draft));
                self.amend(reading, &fresh, draft?, missing)
            })
        {
            return answered;
        }
        if let Some(draft) = &context.proposal
            && let Some(corrected) = self.correct(reading, &fresh, draft).or_else(|| {
                let draft = Some(draft).filter(|_| !self.stands_alone(reading, &fresh, draft));
                self.amend(reading, &fresh, draft?, &[])
            })
        {
            return Understanding { corrects: true, ..corrected };
        }
        if let Some(decision) = open.then(|| self.decision_among_clauses(reading, context, names)).flatten() {
            return decided(fresh, decision, context);
        }
        if let (Some(words), Some(last)) = (repeats, &context.last)
            && let Some(again) = self.again(reading, &fresh, last, words)
        {
            return again;
        }
        match &context.last {
            Some(last) if dialogue::points_back(&lower) => self.carry(reading, fresh, last),
            _ => fresh,
        }
    }

    /// A decision beside remarks: "looks harmless. yes, go ahead", "don't, he just called back".
    fn decision_among_clauses(
        &self,
        reading: &Reading,
        context: &Context,
        names: impl Fn(&str) -> bool + Copy,
    ) -> Option<Decision> {
        let lower = reading.lower();
        let ranges = clauses(&reading.words);
        let clauses: Vec<&[&str]> = ranges.iter().map(|clause| &lower[clause.clone()]).collect();
        let lexicon = self.lexicon(reading);
        let bears = |at: usize| {
            const BEARING: [&str; 16] = [
                "if", "when", "unless", "but", "except", "only", "not", "don't", "dont", "never", "wait", "until",
                "till", "after", "before", "first",
            ];
            let words = &reading.words[ranges[at].clone()];
            let value = |word: &Word| {
                reading
                    .names
                    .iter()
                    .map(|name| &name.span)
                    .chain(reading.found.iter().map(|found| &found.span))
                    .any(|span| overlap(span, &word.span))
            };
            clauses[at].iter().any(|word| BEARING.contains(word) || self.model.verbs.contains(*word) && !names(word))
                || is_order(clauses[at], &lexicon)
                || words.iter().any(value)
        };
        let asks = reading.text.contains('?');
        let decision = dialogue::decision_among(&clauses, names, |at| asks || bears(at));
        // To stop needs less: what is said beside it is why.
        decision.filter(|_| context.proposal.is_some()).or_else(|| {
            let stops = clauses.len() > 1
                && dialogue::decision_on(clauses[0], names) == Some(Decision::No)
                && !clauses[1..].iter().any(|clause| is_order(clause, &lexicon));
            stops.then_some(Decision::No)
        })
    }

    /// Whether a message is a whole command of its own, and not one of the draft's intent.
    fn stands_alone(&self, reading: &Reading, fresh: &Understanding, draft: &Draft) -> bool {
        let begins = reading.words.first().is_some_and(|word| self.model.verbs.contains(&word.lower));
        let other = fresh.intent.as_ref().is_some_and(|intent| *intent != draft.intent);
        other && fresh.confidence >= if begins { 0.6 } else { 0.9 }
    }

    /// Another request in the place of the one that waits: "no wait, restart it in staging instead".
    pub(super) async fn instead(
        &self,
        reading: &Reading,
        fresh: &Understanding,
        context: &Context,
        now: &Zoned,
    ) -> Result<Option<Understanding>, EmbeddingError> {
        let Some(draft) = context.proposal.as_ref().or(context.asked.as_ref().map(|(draft, _)| draft)) else {
            return Ok(None);
        };
        let lower = reading.lower();
        if dialogue::decision(&lower).is_some() {
            return Ok(None);
        }
        let last = lower.last() == Some(&"instead");
        let words = &reading.words[dialogue::interjections(&lower)..reading.words.len() - usize::from(last)];
        if words.len() < 2 || words.len() == reading.words.len() {
            return Ok(None);
        }
        let text = reading.text[cover(words)].to_owned();
        let Some(encoded) = self.encode(vec![text.clone()]).await?.pop() else { return Ok(None) };
        let part = self.reading(&text, encoded, now);
        let understood = self.fresh(&part);
        let begins = part.words.first().is_some_and(|word| {
            self.model.verbs.contains(&word.lower)
                || is_show(&word.lower)
                || matches!(word.lower.as_str(), "just" | "rather")
        });
        let other = understood.intent.as_ref().is_some_and(|intent| *intent != draft.intent);
        let asked =
            matches!(understood.outcome, OutcomeKind::Command | OutcomeKind::Ask) && understood.confidence >= 0.5;
        if !other || !asked || !(begins || last) {
            return Ok(None);
        }
        let mut carried = match dialogue::points_back(&part.lower()) {
            true => self.carry(&part, understood, draft),
            false => understood,
        };
        carried.text.clone_from(&fresh.text);
        carried.runbooks.clone_from(&fresh.runbooks);
        Ok(Some(carried))
    }

    /// Whether a word begins requests, and is used by examples of this intent.
    fn is_said_for(&self, intent: &IntentName, word: &str) -> bool {
        let class = self.model.intents.binary_search(intent);
        let used = class.is_ok_and(|class| self.model.head.vocabulary.uses(hash(&["w", word]), class));
        used && self.model.verbs.contains(word)
    }

    /// A bare value for what the bot has asked.
    fn answer(
        &self,
        reading: &Reading,
        fresh: &Understanding,
        draft: &Draft,
        missing: &[crate::domain::ParameterName],
    ) -> Option<Understanding> {
        let intent = self.intents.get(draft.intent.as_str())?;
        let first = intent.parameter(missing.first()?.as_str())?;
        let starts_with_verb = reading.words.first().is_some_and(|word| self.model.verbs.contains(&word.lower));
        let other = fresh.intent.as_ref().is_some_and(|name| *name != intent.name);
        let mut arguments = draft.arguments.clone();
        if first.value_type == ValueType::Text {
            let question = reading.text.trim_end().ends_with('?');
            if (other && fresh.confidence >= 0.9 && starts_with_verb) || (other && question && fresh.confidence >= 0.7)
            {
                return None;
            }
            let span = freetext::whole(&reading.text);
            arguments.insert(first.name.clone(), first.parse(&reading.text[span]).ok()?);
            return Some(self.complete(fresh.clone_bare(), intent, arguments));
        }
        let filled = self.fill(intent, reading);
        let (bare, unsure) = self.bare_values(reading, intent, missing);
        let covered = self.coverage(reading, filled.arguments.iter().chain(&bare).filter_map(|a| a.span.as_ref()));
        if other && fresh.confidence >= 0.6 && (covered < 0.6 || starts_with_verb) {
            return None;
        }
        let mut understanding = fresh.clone_bare();
        understanding.stages.unsure = unsure;
        let before = arguments.clone();
        // "no frames" is no reason where "hullcam no frames" is the alert.
        let inside_name = |argument: &Argument| {
            argument.how == How::Text
                && argument
                    .span
                    .as_ref()
                    .is_some_and(|span| reading.names.iter().any(|name| !name.ordinary && overlap(&name.span, span)))
        };
        for argument in
            filled.arguments.iter().filter(|a| !matches!(a.how, How::Tagged) && !inside_name(a)).chain(&bare)
        {
            let asked = missing.contains(&argument.parameter);
            if asked && !arguments.contains_key(&argument.parameter)
                || !asked && !draft.arguments.contains_key(&argument.parameter) && argument.how != How::Implied
            {
                arguments.entry(argument.parameter.clone()).or_insert_with(|| argument.value.clone());
            }
        }
        if arguments == before {
            return if understanding.stages.unsure.is_empty() {
                None
            } else {
                Some(self.complete(understanding, intent, before))
            };
        }
        understanding.confidence = thresholds::IN_CONVERSATION;
        understanding.stages.arguments = filled.arguments.into_iter().chain(bare).collect();
        Some(self.complete(understanding, intent, arguments))
    }

    /// Values that stand almost alone in a message, for parameters in the given order; a value serves one parameter.
    pub(super) fn bare_values(
        &self,
        reading: &Reading,
        intent: &Intent,
        wanted: &[crate::domain::ParameterName],
    ) -> (Vec<Argument>, Vec<(crate::domain::ParameterName, Vec<String>)>) {
        let mut values: Vec<Argument> = Vec::new();
        let mut unsure = Vec::new();
        let content: Vec<&Word> = reading.words.iter().filter(|word| !dialogue::is_filler(&word.lower)).collect();
        // Of a team and a person that may both be meant, a known name fills its own.
        let known_elsewhere = wanted.iter().filter_map(|name| intent.parameter(name.as_str())).any(|parameter| {
            matches!(parameter.value_type, ValueType::Entity(of) if reading.names.iter().any(|name| name.entity == of))
        });
        for name in wanted {
            let Some(parameter) = intent.parameter(name.as_str()) else { continue };
            let free = |span: &std::ops::Range<usize>| {
                !values.iter().any(|argument| argument.span.as_ref().is_some_and(|taken| overlap(taken, span)))
            };
            let value = match parameter.value_type {
                ValueType::Entity(entity) => {
                    let known = reading.names.iter().find(|found| found.entity == entity && free(&found.span));
                    match known {
                        Some(found) if found.canonical.len() > 1 => {
                            unsure.push((name.clone(), found.canonical.clone()));
                            None
                        }
                        Some(found) => {
                            parameter.parse(&found.canonical[0]).ok().map(|v| (found.span.clone(), v, How::Alias))
                        }
                        None if known_elsewhere => None,
                        None => self.bare_name(reading, &content, parameter).filter(|(span, ..)| free(span)),
                    }
                }
                ValueType::Enum | ValueType::Intent | ValueType::Boolean => {
                    let phrases = self.phrases.find(parameter, &reading.words);
                    let (span, canonical, _) = phrases.into_iter().find(|(span, ..)| free(span)).unwrap_or_default();
                    parameter.parse(&canonical).ok().map(|value| (span, value, How::Word))
                }
                ValueType::Text => None,
                value_type => {
                    let found =
                        reading.found.iter().find(|found| found.value.value_type() == value_type && free(&found.span));
                    let number = || {
                        // "42" for a ticket that was asked for is #42.
                        let found = reading
                            .found
                            .iter()
                            .find(|f| f.value.value_type() == ValueType::Integer && free(&f.span))?;
                        let text = match value_type {
                            ValueType::Ticket => format!("#{}", found.value),
                            ValueType::Percentage => found.value.to_string(),
                            _ => return None,
                        };
                        Some((found.span.clone(), parameter.parse(&text).ok()?, How::Recognised))
                    };
                    match found {
                        Some(found) => {
                            parameter.parse(found.value.as_str()).ok().map(|v| (found.span.clone(), v, How::Recognised))
                        }
                        None => number().or_else(|| {
                            matches!(value_type, ValueType::Name | ValueType::Version | ValueType::Domain)
                                .then(|| self.bare_name(reading, &content, parameter))
                                .flatten()
                                .filter(|(span, ..)| free(span))
                        }),
                    }
                }
            };
            if let Some((span, value, how)) = value {
                values.push(Argument { parameter: name.clone(), value, span: Some(span), how });
            }
        }
        (values, unsure)
    }

    /// One or two words that are all a message says: a name nobody knows.
    fn bare_name(
        &self,
        reading: &Reading,
        content: &[&Word],
        parameter: &crate::domain::Parameter,
    ) -> Option<(std::ops::Range<usize>, crate::domain::Value, How)> {
        let (first, last) = (content.first()?, content.last()?);
        let plausible = content.len() <= 2
            && !content[..content.len() - 1].iter().any(|word| word.breaks)
            && reading.words.len() <= 5
            && !content.iter().any(|word| {
                self.model.verbs.contains(&word.lower) || reading.cues.contains(&Cue::Negated) && word.lower.is_empty()
            })
            && content.iter().any(|word| !self.model.ordinary.contains(&word.lower))
            && reading.probabilities.last().is_some_and(|none| *none < 0.9 || content.len() == 1);
        let span = first.span.start..last.span.end;
        let value = parameter.parse(reading.text[span.clone()].trim_start_matches('@')).ok()?;
        plausible.then_some((span, value, How::Tagged))
    }

    /// The share of a message's own words that values cover.
    fn coverage<'a>(&self, reading: &Reading, spans: impl Iterator<Item = &'a std::ops::Range<usize>>) -> f64 {
        let spans: Vec<_> = spans.collect();
        let own: Vec<&Word> = reading
            .words
            .iter()
            .filter(|word| !dialogue::is_filler(&word.lower) || spans.iter().any(|span| overlap(span, &word.span)))
            .collect();
        let covered = own.iter().filter(|word| spans.iter().any(|span| overlap(span, &word.span))).count();
        covered as f64 / own.len().max(1) as f64
    }

    /// Other values for the proposal that waits: "make it preprod", "no, 5 replicas".
    fn correct(&self, reading: &Reading, fresh: &Understanding, draft: &Draft) -> Option<Understanding> {
        let intent = self.intents.get(draft.intent.as_str())?;
        let lower = reading.lower();
        let opening = dialogue::correction(&lower);
        let filled = self.fill(intent, reading);
        let all: Vec<_> = intent.parameters.iter().map(|parameter| parameter.name.clone()).collect();
        let said: Vec<_> = filled.arguments.iter().map(|argument| argument.parameter.clone()).collect();
        let rest: Vec<_> = all.into_iter().filter(|name| !said.contains(name)).collect();
        let sure: Vec<Argument> = filled
            .arguments
            .into_iter()
            .filter(|argument| {
                !matches!(argument.how, How::Tagged | How::Text | How::Implied)
                    || opening.is_some() && argument.how == How::Tagged
            })
            .collect();
        let (bare, unsure) = if opening.is_some() && sure.is_empty() {
            self.bare_values(reading, intent, &rest)
        } else {
            (Vec::new(), Vec::new())
        };
        let values: Vec<Argument> = sure.into_iter().chain(bare).collect();
        let covered = self.coverage(reading, values.iter().filter_map(|argument| argument.span.as_ref()));
        let same = fresh.intent.as_ref() == Some(&intent.name);
        let other = fresh.intent.is_some() && !same && fresh.confidence >= 0.6;
        let complete = fresh.outcome == OutcomeKind::Command;
        let enough = match opening {
            Some(_) => covered >= 0.5 || same,
            None => covered >= 0.99 && !(complete && other),
        };
        if values.is_empty()
            || !enough
            || (same && complete && opening.is_none())
            || reading.text.trim_end().ends_with('?')
        {
            return None;
        }
        let mut arguments = draft.arguments.clone();
        arguments.extend(values.iter().map(|argument| (argument.parameter.clone(), argument.value.clone())));
        let mut understanding = fresh.clone_bare();
        understanding.confidence = thresholds::IN_CONVERSATION;
        understanding.stages.arguments = values;
        understanding.stages.unsure = unsure;
        understanding.corrects = true;
        Some(self.complete(understanding, intent, arguments))
    }

    /// The last command with other values.
    fn again(&self, reading: &Reading, fresh: &Understanding, last: &Draft, words: usize) -> Option<Understanding> {
        let intent = self.intents.get(last.intent.as_str())?;
        let filled = self.fill(intent, reading);
        let sure: Vec<Argument> =
            filled.arguments.into_iter().filter(|argument| !matches!(argument.how, How::Text | How::Implied)).collect();
        let wanted: Vec<_> = intent
            .parameters
            .iter()
            .map(|parameter| parameter.name.clone())
            .filter(|name| !sure.iter().any(|argument| argument.parameter == *name))
            .collect();
        let (bare, _) =
            if sure.is_empty() { self.bare_values(reading, intent, &wanted) } else { (Vec::new(), Vec::new()) };
        let values: Vec<Argument> = sure.into_iter().chain(bare).collect();
        let whole = words == reading.words.len();
        let covered = self.coverage(reading, values.iter().filter_map(|argument| argument.span.as_ref()));
        if !whole && (values.is_empty() || covered < 0.6) {
            return None;
        }
        let mut arguments = last.arguments.clone();
        arguments.extend(values.iter().map(|argument| (argument.parameter.clone(), argument.value.clone())));
        let mut understanding = fresh.clone_bare();
        understanding.confidence = thresholds::IN_CONVERSATION;
        understanding.stages.arguments = values;
        Some(self.complete(understanding, intent, arguments))
    }

    /// "restart it": intent from the message, things from the last command.
    pub(super) fn carry(&self, reading: &Reading, fresh: Understanding, last: &Draft) -> Understanding {
        let lower = reading.lower();
        let Some(intent) = fresh.intent.as_ref().and_then(|name| self.intents.get(name.as_str())) else { return fresh };
        if fresh.outcome == OutcomeKind::Answer {
            return fresh;
        }
        let mut arguments = fresh.arguments.clone();
        let names_service = arguments.keys().any(|name| matches!(name.as_str(), "service" | "host"));
        let mut carried: HashMap<&str, ()> = HashMap::new();
        for parameter in &intent.parameters {
            let name = parameter.name.as_str();
            let thing = matches!(
                parameter.value_type,
                ValueType::Entity(_) | ValueType::Ticket | ValueType::Incident | ValueType::Name | ValueType::Integer
            );
            let place = matches!(name, "environment" | "host");
            let wanted = if dialogue::points_there_only(&lower) {
                place
            } else {
                thing
                    && (parameter.required || matches!(name, "service" | "environment"))
                    && !(names_service && name == "environment")
            };
            if let (true, false, Some(value)) =
                (wanted, arguments.contains_key(&parameter.name), last.arguments.get(&parameter.name))
                && let Ok(value) = parameter.parse(value.as_str())
            {
                arguments.insert(parameter.name.clone(), value);
                carried.insert(name, ());
            }
        }
        if carried.is_empty() {
            return fresh;
        }
        let mut understanding = fresh;
        understanding.stages.carried = carried.keys().map(|name| (*name).to_owned()).collect();
        self.complete(understanding, intent, arguments)
    }
}

/// A turn that decides, and says nothing else.
fn decided(fresh: Understanding, decision: Decision, context: &Context) -> Understanding {
    let open = context.proposal.is_some() || context.asked.is_some();
    let mut decided = Understanding { runbooks: Vec::new(), ..fresh };
    decided.intent = None;
    decided.arguments.clear();
    decided.missing.clear();
    decided.confidence = thresholds::IN_CONVERSATION;
    decided.outcome = match decision {
        Decision::Yes if context.proposal.is_some() => OutcomeKind::Confirm,
        Decision::No if open => OutcomeKind::Cancel,
        Decision::Yes | Decision::No => OutcomeKind::None,
    };
    decided
}
