//! The seven stages, in order, for one message.

use std::collections::HashMap;
use std::time::Instant;

use jiff::{Timestamp, tz::TimeZone};

use super::arguments::{Argument, Filled, How, Seen, fill};
use super::cues::{Cue, Lexicon, cues};
use super::dialogue::{self, Context, Decision, Draft};
use super::features::{Masked, of_message};
use super::model::{Model, masks};
use super::names::{NameMatch, Names};
use super::phrases::Phrases;
use super::recognise::{self, Found};
use super::thresholds::{self, Choice};
use super::words::{Word, overlap, words};
use super::{Alternative, OutcomeKind, Stages, Understanding};
use crate::domain::{Arguments, Digest, Effect, Entities, EntityType, Intent, IntentName, Intents, ValueType};
use crate::embedding::{Embedder, EmbeddingError, Encoded};
use crate::retrieval::{PassageHit, Passages};

/// How many passages come with an understanding.
const PASSAGES: usize = 3;

/// Reads messages. Made once from the catalogue; cheap to share behind an `Arc`.
pub struct Understander {
    intents: Intents,
    entities: Entities,
    names: Names,
    phrases: Phrases,
    model: Model,
    passages: Passages,
    embedder: Embedder,
    zone: TimeZone,
}

/// A message while it is being read.
struct Reading {
    text: String,
    words: Vec<Word>,
    encoded: Encoded,
    names: Vec<NameMatch>,
    found: Vec<Found>,
    cues: Vec<Cue>,
    /// Per class of the head, "no command" last.
    probabilities: Vec<f32>,
    passages: Vec<PassageHit>,
}

impl Reading {
    fn lower(&self) -> Vec<&str> {
        self.words.iter().map(|word| word.lower.as_str()).collect()
    }
}

impl Understander {
    /// Puts the parts together.
    pub fn new(
        intents: Intents,
        entities: Entities,
        examples: &[crate::catalogue::Example],
        model: Model,
        passages: Passages,
        embedder: Embedder,
        zone: TimeZone,
    ) -> Self {
        Self {
            names: Names::new(&entities),
            phrases: Phrases::learn(examples),
            intents,
            entities,
            model,
            passages,
            embedder,
            zone,
        }
    }

    /// The digest of everything the understanding was learned from.
    pub fn digest(&self) -> Digest {
        self.model.digest
    }

    /// The intents it knows.
    pub fn intents(&self) -> &Intents {
        &self.intents
    }

    /// The organisation's names.
    pub fn entities(&self) -> &Entities {
        &self.entities
    }

    /// The passages of the runbooks that are nearest to a question, best first.
    pub async fn passages(&self, question: &str, limit: usize) -> Result<Vec<PassageHit>, EmbeddingError> {
        let encoded = self.encode(vec![question.to_owned()]).await?;
        Ok(encoded.first().map(|encoded| self.passages.search(&encoded.sentence, question, limit)).unwrap_or_default())
    }

    /// What a text says for the parameters of an intent that was chosen otherwise: a runbook's step.
    pub async fn values_for(&self, intent: &Intent, text: &str) -> Result<Arguments, EmbeddingError> {
        let Some(encoded) = self.encode(vec![text.to_owned()]).await?.pop() else { return Ok(Arguments::new()) };
        let reading = self.reading(text, encoded);
        Ok(self.fill(intent, &reading).values())
    }

    async fn encode(&self, texts: Vec<String>) -> Result<Vec<Encoded>, EmbeddingError> {
        self.embedder.encode(texts).await
    }

    /// Understands one message, already cleaned (see [`crate::domain::clean`]), in its conversation.
    pub async fn understand(
        &self,
        text: &str,
        context: &Context,
        now: Timestamp,
    ) -> Result<Understanding, EmbeddingError> {
        let started = Instant::now();
        let words = words(text);
        let mut understanding = if words.is_empty() {
            Understanding::nothing(text)
        } else {
            match self.encode(vec![text.to_owned()]).await?.pop() {
                Some(encoded) => self.read(text, words, encoded, context, now).await?,
                None => Understanding::nothing(text),
            }
        };
        understanding.micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(understanding)
    }

    async fn read(
        &self,
        text: &str,
        words: Vec<Word>,
        encoded: Encoded,
        context: &Context,
        now: Timestamp,
    ) -> Result<Understanding, EmbeddingError> {
        let zoned = now.to_zoned(self.zone.clone());
        let mut names = self.names.find(&words, &self.model.ordinary);
        names.extend(self.speaker(&words, context));
        let found = recognise::recognise(text, &words, &zoned);
        let is_person =
            |word: &Word| names.iter().any(|name| name.entity == EntityType::Person && overlap(&name.span, &word.span));
        let is_thing =
            |word: &Word| names.iter().any(|name| name.entity != EntityType::Person && overlap(&name.span, &word.span));
        let lexicon = Lexicon {
            verbs: &self.model.verbs,
            ordinary: &self.model.ordinary,
            is_thing: &is_thing,
            is_person: &is_person,
        };
        let cues = cues(text, &words, &lexicon, &zoned);
        let masked = masks(name_masks(&names), &found);
        let features = of_message(text, &words, &encoded, &masked);
        let passages = self.passages.search(&encoded.sentence, text, PASSAGES);
        let evidence = self.evidence(&passages);
        let probabilities = self.model.head.probabilities(&features, &encoded.sentence, &evidence);
        let reading = Reading { text: text.to_owned(), words, encoded, names, found, cues, probabilities, passages };
        let fresh = self.fresh(&reading);
        let mut understanding = self.in_conversation(&reading, fresh, context);
        if matches!(understanding.outcome, OutcomeKind::Command)
            && self.several_commands(&reading, &understanding).await?
        {
            understanding.outcome = OutcomeKind::Ask;
            understanding.intent = None;
            understanding.arguments.clear();
            understanding.missing.clear();
            understanding.stages.several_commands = true;
        }
        Ok(understanding)
    }

    /// "me" and "my", when the configuration knows the speaker as a person.
    fn speaker(&self, words: &[Word], context: &Context) -> Vec<NameMatch> {
        let Some(speaker) = &context.speaker else { return Vec::new() };
        let own = words.iter().filter(|word| matches!(word.lower.as_str(), "me" | "my" | "mine" | "myself"));
        own.map(|word| NameMatch {
            span: word.span.clone(),
            entity: EntityType::Person,
            canonical: vec![speaker.clone()],
            likeness: super::names::Likeness::Alias,
            ordinary: true,
        })
        .collect()
    }

    /// Steps of near passages speak a little for their intents.
    fn evidence(&self, passages: &[PassageHit]) -> Vec<f32> {
        let mut evidence = vec![0.0; self.model.intents.len() + 1];
        for hit in passages.iter().filter(|hit| hit.score >= thresholds::PASSAGE) {
            for step in hit.step_intents() {
                if let Ok(class) = self.model.intents.binary_search_by(|name| name.as_str().cmp(step)) {
                    evidence[class] = f32::max(evidence[class], 0.8 * hit.score);
                }
            }
        }
        evidence
    }

    /// The message for itself, without a conversation.
    fn fresh(&self, reading: &Reading) -> Understanding {
        let mut ranked: Vec<(usize, f32)> = reading.probabilities.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let none = self.model.intents.len();
        let commands: Vec<(&IntentName, f32)> = ranked
            .iter()
            .filter(|(class, _)| *class != none)
            .take(4)
            .map(|(class, probability)| (&self.model.intents[*class], *probability))
            .collect();
        let p_none = reading.probabilities[none];
        let mut understanding = Understanding::nothing(&reading.text);
        understanding.cues.clone_from(&reading.cues);
        understanding.runbooks = reading.passages.iter().map(Into::into).collect();
        understanding.alternatives = commands
            .iter()
            .map(|(name, probability)| Alternative { intent: (*name).clone(), confidence: f64::from(*probability) })
            .collect();
        let Some(intent) = commands.first().and_then(|(name, _)| self.intents.get(name.as_str())) else {
            return understanding;
        };
        let probabilities: Vec<f32> = commands.iter().map(|(_, probability)| *probability).collect();
        let effects: Vec<Effect> =
            commands.iter().filter_map(|(name, _)| Some(self.intents.get(name.as_str())?.effect)).collect();
        understanding.confidence = f64::from(probabilities[0]);
        let filled = self.fill(intent, reading);
        let stops = stopping(&reading.cues, intent, &filled, reading);
        let choice = thresholds::choose(&probabilities, &effects, p_none);
        understanding.stages =
            Stages { arguments: filled.arguments.clone(), unsure: filled.unsure.clone(), ..Stages::default() };
        match choice {
            _ if stops => {
                understanding.confidence = f64::from(1.0 - p_none.min(0.5));
                understanding
            }
            Choice::None => {
                understanding.confidence = f64::from(p_none);
                understanding
            }
            Choice::Ambiguous => {
                understanding.outcome = OutcomeKind::Ask;
                understanding
            }
            Choice::Intent if filled.several.is_some() => {
                understanding.outcome = OutcomeKind::Ask;
                understanding.stages.several_values = filled.several;
                understanding
            }
            Choice::Intent => self.complete(understanding, intent, filled.values()),
        }
    }

    /// Names an intent with its arguments: a command, an answer, or a question for what is missing.
    fn complete(&self, mut understanding: Understanding, intent: &Intent, arguments: Arguments) -> Understanding {
        understanding.missing = intent.missing(|name| arguments.contains_key(name));
        understanding.intent = Some(intent.name.clone());
        understanding.arguments = arguments;
        understanding.outcome = if !understanding.missing.is_empty() {
            OutcomeKind::Ask
        } else if intent.parameters.iter().any(|parameter| parameter.whole_message && parameter.required) {
            OutcomeKind::Answer
        } else {
            OutcomeKind::Command
        };
        understanding
    }

    fn fill(&self, intent: &Intent, reading: &Reading) -> Filled {
        let tags = self.model.tagger.tag(&reading.text, &reading.words, &reading.encoded, intent);
        let seen = Seen {
            text: &reading.text,
            words: &reading.words,
            names: &reading.names,
            found: &reading.found,
            tags: &tags,
            ordinary: &self.model.ordinary,
            phrases: &self.phrases,
        };
        fill(intent, &seen)
    }

    /// What the message means after what was said before.
    fn in_conversation(&self, reading: &Reading, fresh: Understanding, context: &Context) -> Understanding {
        let lower = reading.lower();
        let open = context.proposal.is_some() || context.asked.is_some();
        if let Some(decision) = dialogue::decision(&lower) {
            let mut decided = Understanding { runbooks: Vec::new(), ..fresh };
            decided.intent = None;
            decided.arguments.clear();
            decided.missing.clear();
            decided.outcome = match decision {
                Decision::Yes if context.proposal.is_some() => OutcomeKind::Confirm,
                Decision::No if open => OutcomeKind::Cancel,
                Decision::Yes | Decision::No => OutcomeKind::None,
            };
            return decided;
        }
        let repeats = dialogue::follow_up(&lower);
        if let Some((draft, missing)) = &context.asked
            && let Some(answered) = self.answer(reading, &fresh, draft, missing)
        {
            return answered;
        }
        if let Some(draft) = &context.proposal
            && let Some(corrected) = self.correct(reading, &fresh, draft)
        {
            return corrected;
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
            let span = super::freetext::whole(&reading.text);
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
        for argument in filled.arguments.iter().filter(|argument| argument.how != How::Tagged).chain(&bare) {
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
        understanding.confidence = 0.95;
        understanding.stages.arguments = filled.arguments.into_iter().chain(bare).collect();
        Some(self.complete(understanding, intent, arguments))
    }

    /// Values that stand almost alone in a message, for parameters in the given order; a value serves one parameter.
    fn bare_values(
        &self,
        reading: &Reading,
        intent: &Intent,
        wanted: &[crate::domain::ParameterName],
    ) -> (Vec<Argument>, Vec<(crate::domain::ParameterName, Vec<String>)>) {
        let mut values: Vec<Argument> = Vec::new();
        let mut unsure = Vec::new();
        let content: Vec<&Word> = reading.words.iter().filter(|word| !dialogue::is_filler(&word.lower)).collect();
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
                        None => self.bare_name(reading, &content, parameter).filter(|(span, ..)| free(span)),
                    }
                }
                ValueType::Enum | ValueType::Intent => {
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
        understanding.confidence = 0.95;
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
        understanding.confidence = 0.95;
        understanding.stages.arguments = values;
        Some(self.complete(understanding, intent, arguments))
    }

    /// "restart it": intent from the message, things from the last command.
    fn carry(&self, reading: &Reading, fresh: Understanding, last: &Draft) -> Understanding {
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

    /// Whether the message holds two requests: a second clause that begins like one and, read alone, is another.
    async fn several_commands(&self, reading: &Reading, understanding: &Understanding) -> Result<bool, EmbeddingError> {
        let in_text = |word: &Word| {
            understanding.stages.arguments.iter().any(|argument| {
                argument.how == How::Text && argument.span.as_ref().is_some_and(|span| overlap(span, &word.span))
            })
        };
        let lower = reading.lower();
        for index in 1..reading.words.len() {
            let joint = matches!(lower[index - 1], "and" | "then" | "plus" | "also" | "afterwards")
                || reading.words[index - 1].breaks;
            let begins = self.model.verbs.contains(lower[index])
                || matches!(lower[index], "show" | "check" | "tell" | "list" | "give");
            if !joint || !begins || in_text(&reading.words[index]) || index < 2 {
                continue;
            }
            let mut first_end = index;
            while first_end > 1 && matches!(lower[first_end - 1], "and" | "then" | "plus" | "also" | "afterwards") {
                first_end -= 1;
            }
            let left = reading.text[..reading.words[first_end - 1].span.end].to_owned();
            let right = reading.text[reading.words[index].span.start..].to_owned();
            let encoded = self.encode(vec![left.clone(), right.clone()]).await?;
            let parts: Vec<Option<(IntentName, Arguments)>> =
                [left, right].into_iter().zip(encoded).map(|(text, encoded)| self.alone(&text, encoded)).collect();
            if let [Some((one, first)), Some((other, second))] = parts.as_slice() {
                let pointed = dialogue::points_back(&lower[index..]);
                let different_values =
                    first.iter().any(|(name, value)| second.get(name).is_some_and(|other| other != value));
                if one != other && !first.is_empty() && (!second.is_empty() || pointed)
                    || one == other && different_values
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// A part of a message read by itself: its intent, if that is plain, and its values.
    fn alone(&self, text: &str, encoded: Encoded) -> Option<(IntentName, Arguments)> {
        let reading = self.reading(text, encoded);
        let class = super::head::argmax(&reading.probabilities);
        let sure = self.model.intents.get(class).filter(|_| reading.probabilities[class] >= 0.5)?;
        let intent = self.intents.get(sure.as_str())?;
        Some((intent.name.clone(), self.fill(intent, &reading).values()))
    }

    /// A text outside any conversation, without cues and runbooks.
    fn reading(&self, text: &str, encoded: Encoded) -> Reading {
        let words = words(text);
        let names = self.names.find(&words, &self.model.ordinary);
        let found = recognise::recognise(text, &words, &Timestamp::UNIX_EPOCH.to_zoned(self.zone.clone()));
        let features = of_message(text, &words, &encoded, &masks(name_masks(&names), &found));
        let none = vec![0.0; self.model.intents.len() + 1];
        let probabilities = self.model.head.probabilities(&features, &encoded.sentence, &none);
        let text = text.to_owned();
        Reading { text, words, encoded, names, found, cues: Vec::new(), probabilities, passages: Vec::new() }
    }
}

/// Whether a cue makes this command a remark. A time counts only where the intent has no place for one, and free text is
/// nobody's order.
fn stopping(cues: &[Cue], intent: &Intent, filled: &Filled, reading: &Reading) -> bool {
    if intent.parameters.iter().any(|parameter| parameter.whole_message) {
        return cues.contains(&Cue::Past) || cues.contains(&Cue::Quoted);
    }
    let changes = intent.effect > Effect::Read;
    let has_time = intent.parameters.iter().any(|parameter| parameter.value_type == ValueType::DateTime);
    let text: Vec<_> = filled.arguments.iter().filter(|a| a.how == How::Text).filter_map(|a| a.span.clone()).collect();
    // What stands only inside free text is said by the text, not by the speaker.
    let outside: Vec<&Word> =
        reading.words.iter().filter(|word| !text.iter().any(|span| overlap(span, &word.span))).collect();
    let long_text = !text.is_empty()
        && outside.len() >= 2
        && outside.first().is_some_and(|first| first.span.start == reading.words[0].span.start);
    cues.iter().any(|cue| match cue {
        Cue::Scheduled => changes && !has_time && !long_text,
        Cue::Quoted => true,
        Cue::Negated | Cue::Hypothetical | Cue::Conditional | Cue::Past => !long_text,
        Cue::Advice => true,
    })
}

/// The found names as masks, the likeliest type first: a service before a repository, as more intents take one.
fn name_masks(names: &[NameMatch]) -> Vec<Masked> {
    let mut masked: Vec<Masked> = Vec::new();
    for name in names.iter().filter(|name| !name.ordinary) {
        match masked.iter_mut().find(|masked| masked.span == name.span) {
            Some(masked) => masked.types.push(name.entity.as_str()),
            None => masked.push(Masked { span: name.span.clone(), types: vec![name.entity.as_str()] }),
        }
    }
    masked
}
