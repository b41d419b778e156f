//! The seven stages, in order, for one message.

mod amend;
mod bare;
mod doubts;
mod parts;
mod turns;

use std::sync::Arc;
use std::time::Instant;

use doubts::{asks_for_facts, bare_number};
use jiff::{Timestamp, Zoned, tz::TimeZone};

use super::arguments::{Filled, How, Seen, fill};
use super::clauses::without_opener;
use super::cues::{Cue, Lexicon, cues};
use super::dialogue::{self, Context};
use super::features::{Masked, of_message};
use super::head::Schemas;
use super::linear::hash;
use super::model::{Model, masks, schemas};
use super::names::{NameMatch, Names};
use super::phrases::Phrases;
use super::recognise::{self, Found};
use super::spelling;
use super::thresholds::{self, Choice};
use super::verbs::is_function_word;
use super::words::{Word, overlap, words};
use super::{Alternative, OutcomeKind, Stages, Understanding};
use crate::domain::{Arguments, Digest, Effect, Entities, EntityType, Intent, IntentName, Intents, ValueType};
use crate::embedding::{Embedder, EmbeddingError, Encoded};
use crate::retrieval::{Chunk, PassageHit, Passages};

/// How many passages come with an understanding.
const PASSAGES: usize = 3;

/// Reads messages. Made once from the catalogue; cheap to share behind an `Arc`, and cheap to make again for other names:
/// nothing that is learned depends on them.
pub struct Understander {
    intents: Arc<Intents>,
    entities: Entities,
    names: Names,
    phrases: Arc<Phrases>,
    schemas: Arc<Schemas>,
    model: Arc<Model>,
    passages: Arc<Passages>,
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
            phrases: Arc::new(Phrases::learn(examples)),
            schemas: Arc::new(schemas(&intents)),
            intents: Arc::new(intents),
            entities,
            model: Arc::new(model),
            passages: Arc::new(passages),
            embedder,
            zone,
        }
    }

    /// The same that knows other names. Takes as long as it takes to prepare them.
    #[must_use]
    pub fn knowing(&self, entities: Entities) -> Self {
        Self {
            intents: Arc::clone(&self.intents),
            names: Names::new(&entities),
            entities,
            phrases: Arc::clone(&self.phrases),
            schemas: Arc::clone(&self.schemas),
            model: Arc::clone(&self.model),
            passages: Arc::clone(&self.passages),
            embedder: self.embedder.clone(),
            zone: self.zone.clone(),
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

    /// Where a runbook says what to do; none if there is no such runbook.
    pub fn passage_of(&self, runbook: &str) -> Option<Arc<Chunk>> {
        self.passages.practical(runbook).cloned()
    }

    /// What a text says for the parameters of an intent that was chosen otherwise: a runbook's step, a person's choice.
    pub async fn filled_for(&self, intent: &Intent, text: &str) -> Result<Filled, EmbeddingError> {
        let Some(encoded) = self.encode(vec![text.to_owned()]).await?.pop() else { return Ok(Filled::default()) };
        let reading = self.reading(text, encoded, &Timestamp::UNIX_EPOCH.to_zoned(self.zone.clone()));
        Ok(self.fill(intent, &reading))
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
        mut words: Vec<Word>,
        encoded: Encoded,
        context: &Context,
        now: Timestamp,
    ) -> Result<Understanding, EmbeddingError> {
        let zoned = now.to_zoned(self.zone.clone());
        let mut names = self.names.find(&words, &self.model.ordinary, &self.model.lexicon);
        let mended = spelling::mend(&mut words, &names, &self.model.lexicon, &encoded.tokens);
        names.extend(self.speaker(&words, context));
        let found = recognise::recognise(text, &words, &zoned);
        let masked = masks(name_masks(&names), &found);
        let view = of_message(text, &words, &encoded, &masked);
        let passages = self.passages.search(&encoded.sentence, text, PASSAGES);
        let evidence = self.evidence(&passages);
        let probabilities = match mended.then(|| spelling::written(text, &words)) {
            // What was meant is encoded as well: slips are no words to the encoder.
            Some(meant) => match self.encode(vec![meant.clone()]).await?.pop() {
                Some(encoded) => self.reading(&meant, encoded, &zoned).probabilities,
                None => self.model.head.probabilities(&view, &evidence, &self.schemas),
            },
            None => self.model.head.probabilities(&view, &evidence, &self.schemas),
        };
        let text = text.to_owned();
        let mut reading = Reading { text, words, encoded, names, found, cues: Vec::new(), probabilities, passages };
        reading.cues = self.cues(&reading, &zoned);
        let fresh = self.fresh(&reading);
        if let Some(replaced) = self.instead(&reading, &fresh, context, &zoned).await? {
            return Ok(replaced);
        }
        let mut understanding = self.in_conversation(&reading, fresh, context);
        let unclear = understanding.outcome == OutcomeKind::Ask && understanding.intent.is_none();
        if (unclear && understanding.stages.several_values.is_none() || understanding.outcome == OutcomeKind::None)
            && dialogue::decision(&reading.lower()).is_none()
            && let Some(asked) = self.by_clause(&reading, &understanding, context, &zoned).await?
        {
            return Ok(asked);
        }
        if matches!(understanding.outcome, OutcomeKind::Command)
            && self.several_commands(&reading, &understanding, &zoned).await?
        {
            understanding.outcome = OutcomeKind::Ask;
            understanding.intent = None;
            understanding.arguments.clear();
            understanding.missing.clear();
            understanding.stages.several_commands = true;
        }
        Ok(understanding)
    }

    fn cues(&self, reading: &Reading, now: &Zoned) -> Vec<Cue> {
        cues(&reading.text, &reading.words, &self.lexicon(reading), now)
    }

    /// The cues of what the speaker says, free text aside: that is nobody's order.
    fn own_cues(&self, reading: &Reading, filled: &Filled) -> Vec<Cue> {
        let texts: Vec<_> =
            filled.arguments.iter().filter(|a| a.how == How::Text).filter_map(|a| a.span.clone()).collect();
        let outside = |word: &&Word| !texts.iter().any(|span| overlap(span, &word.span));
        let words: Vec<Word> = reading.words.iter().filter(outside).cloned().collect();
        // A text that is nearly all of a message says nothing about the rest.
        if texts.is_empty() || words.len() < 2 || words[0].span.start != reading.words[0].span.start {
            return reading.cues.clone();
        }
        // The zone alone matters for times, and the text's quotation marks are not the speaker's.
        let text = &reading.text[..words[words.len() - 1].span.end];
        cues(text, &words, &self.lexicon(reading), &Timestamp::UNIX_EPOCH.to_zoned(self.zone.clone()))
    }

    fn lexicon<'a>(&'a self, reading: &'a Reading) -> Lexicon<'a> {
        Lexicon { verbs: &self.model.verbs, ordinary: &self.model.ordinary, names: &reading.names }
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
        let mut ranked: Vec<(usize, f32)> = self.allowed(reading).into_iter().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let none = self.model.intents.len();
        let commands: Vec<(&IntentName, f32)> = ranked
            .iter()
            .filter(|(class, _)| *class != none)
            .take(4)
            .map(|(class, probability)| (&self.model.intents[*class], *probability))
            .collect();
        let p_none = ranked.iter().find(|(class, _)| *class == none).map_or(1.0, |(_, probability)| *probability);
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
        let stops = stopping(&self.own_cues(reading, &filled), intent);
        let bare = filled.arguments.is_empty() && !dialogue::points_back(&reading.lower());
        let choice = match thresholds::choose(&probabilities, &effects, p_none, bare) {
            // "1", "42": an answer, where something was asked.
            _ if wordless(&reading.words) => Choice::None,
            Choice::Intent if bare_number(intent, &filled, reading) => Choice::Ambiguous,
            // A change to a thing that nobody lists, where such things are listed.
            Choice::Intent if self.changes_unknown(intent, &filled) && probabilities[0] < thresholds::UNKNOWN.1 => {
                if probabilities[0] < thresholds::UNKNOWN.0 {
                    Choice::None
                } else {
                    Choice::Ambiguous
                }
            }
            Choice::Intent if self.begins_foreign(intent, reading) && probabilities[0] < thresholds::FOREIGN.1 => {
                if probabilities[0] < thresholds::FOREIGN.0 {
                    Choice::None
                } else {
                    Choice::Ambiguous
                }
            }
            // "lorem ipsum dolor" is not a request that one could ask about.
            Choice::Ambiguous if !self.says_something(reading) => Choice::None,
            choice => choice,
        };
        understanding.stages =
            Stages { arguments: filled.arguments.clone(), unsure: filled.unsure.clone(), ..Stages::default() };
        match choice {
            _ if stops => {
                understanding.confidence = thresholds::STOPPED;
                understanding
            }
            Choice::None => {
                understanding.confidence = f64::from(p_none.max(1.0 - probabilities[0]));
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

    /// Whether half of a message's words, but for values, are words that people use here; or it names a thing by number.
    fn says_something(&self, reading: &Reading) -> bool {
        let values =
            || reading.names.iter().map(|name| &name.span).chain(reading.found.iter().map(|found| &found.span));
        let words: Vec<&Word> =
            reading.words.iter().filter(|word| !values().any(|span| overlap(span, &word.span))).collect();
        let known = words.iter().filter(|word| self.model.lexicon.contains_key(&word.lower)).count();
        known > 0 && 2 * known >= words.len() || reading.text.starts_with('#')
    }

    /// Whether a change would be made to a thing that nobody lists, though the configuration lists such things.
    fn changes_unknown(&self, intent: &Intent, filled: &Filled) -> bool {
        intent.effect > Effect::Read
            && filled.arguments.iter().filter(|argument| argument.how == How::Tagged).any(|argument| {
                intent.parameter(argument.parameter.as_str()).is_some_and(|parameter| match parameter.value_type {
                    ValueType::Entity(entity) => parameter.required && self.entities.configures(entity),
                    _ => false,
                })
            })
    }

    /// Whether a message begins like an order with a word that is no value, and that no example of the intent uses.
    fn begins_foreign(&self, intent: &Intent, reading: &Reading) -> bool {
        let order = without_opener(&reading.text).map_or(0, |rest| reading.text.len() - rest.len());
        let words = reading.words.iter().filter(|word| word.span.start >= order);
        let Some(first) = words.clone().find(|word| !is_function_word(&word.lower)) else { return false };
        if !first.lower.chars().all(char::is_alphabetic) || !begins_clause(words, first) {
            return false;
        }
        let value = reading.names.iter().map(|name| &name.span).chain(reading.found.iter().map(|found| &found.span));
        let mut value = value.filter(|span| overlap(span, &first.span));
        // One piece to the encoder: a word of the language, not a name nobody knows.
        let whole = reading.encoded.tokens.iter().filter(|token| overlap(&token.span, &first.span)).count() <= 1;
        let class = self.model.intents.binary_search(&intent.name);
        let used = class.is_ok_and(|class| self.model.head.vocabulary.uses(hash(&["order", &first.lower]), class));
        value.next().is_none() && whole && !used
    }

    /// The probabilities, without changes where the message is a question for facts: "who restarted it", "what does it
    /// need a cache for". Nothing is changed by asking.
    fn allowed(&self, reading: &Reading) -> Vec<f32> {
        let mut probabilities = reading.probabilities.clone();
        if !asks_for_facts(&reading.lower()) {
            return probabilities;
        }
        for (name, probability) in self.model.intents.iter().zip(&mut probabilities) {
            if self.intents.get(name.as_str()).is_none_or(|intent| intent.effect > Effect::Read) {
                *probability = 0.0;
            }
        }
        let sum: f32 = probabilities.iter().sum();
        if sum > 0.0 {
            probabilities.iter_mut().for_each(|probability| *probability /= sum);
        }
        probabilities
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
            entities: &self.entities,
            phrases: &self.phrases,
        };
        fill(intent, &seen)
    }
}

/// Whether a message is numbers and signs alone, and none of them names a thing.
fn wordless(words: &[Word]) -> bool {
    words.iter().all(|word| !word.lower.contains(|c: char| c.is_alphabetic() || c == '#'))
}

/// Whether a cue makes this command a remark. A time counts only where the intent has no place for one.
fn stopping(cues: &[Cue], intent: &Intent) -> bool {
    if intent.parameters.iter().any(|parameter| parameter.whole_message) {
        return cues.contains(&Cue::Past) || cues.contains(&Cue::Quoted);
    }
    let changes = intent.effect > Effect::Read;
    let has_time = intent.parameters.iter().any(|parameter| parameter.value_type == ValueType::DateTime);
    cues.iter().any(|cue| *cue != Cue::Scheduled || changes && !has_time)
}

/// Whether only courtesies and greetings stand before a word: what begins with "how do i" or "is there" gives no order.
fn begins_clause<'a>(words: impl Iterator<Item = &'a Word>, first: &Word) -> bool {
    words.take_while(|word| word.span != first.span).all(|word| {
        matches!(
            word.lower.as_str(),
            "please"
                | "pls"
                | "plz"
                | "just"
                | "now"
                | "then"
                | "so"
                | "and"
                | "ok"
                | "okay"
                | "hey"
                | "hi"
                | "kindly"
                | "also"
                | "to"
                | "you"
        )
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
