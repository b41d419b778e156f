//! Parts of a message read by themselves: the one clause that asks for something, where the others say why; and two requests
//! in one message.

use std::ops::Range;

use jiff::Zoned;

use super::super::arguments::How;
use super::super::clauses::{clauses, courtesies, is_condition, is_order, is_question, is_show, without_opener};
use super::super::cues::Cue;
use super::super::dialogue::{self, Context, Decision};
use super::super::features::of_message;
use super::super::model::masks;
use super::super::recognise;
use super::super::spelling;
use super::super::words::{Word, overlap, words};
use super::super::{OutcomeKind, Understanding};
use super::{Reading, Understander, name_masks};
use crate::domain::{Arguments, IntentName};
use crate::embedding::{EmbeddingError, Encoded};

/// How sure a clause must be read alone: the rest of the message may still speak against it.
const SURE: f64 = 0.7;

/// What joins two requests.
const JOINTS: [&str; 5] = ["and", "then", "also", "plus", "afterwards"];

/// How sure each side of a joint must be read alone where both begin like requests, and where only the reading says so
/// ("page storage and ack the disk alert": both words are nouns as often).
const LIKELY: f32 = 0.5;
const UNDOUBTED: f32 = 0.8;

/// A place where a second request may begin.
struct Joint {
    /// The words before this one are the first request.
    left_end: usize,
    /// The second begins with this word.
    right: usize,
    /// The probability that each must have.
    needs: f32,
}

impl Understander {
    /// A message that is no request as a whole, of which one clause is: "mira is asleep and web is down, restart it". The
    /// rest says why, and may say what.
    pub(super) async fn by_clause(
        &self,
        reading: &Reading,
        whole: &Understanding,
        context: &Context,
        now: &Zoned,
    ) -> Result<Option<Understanding>, EmbeddingError> {
        if reading.cues.contains(&Cue::Quoted) || reading.cues.contains(&Cue::Advice) {
            return Ok(None);
        }
        let texts = self.orders(reading, now);
        if texts.is_empty() {
            return Ok(None);
        }
        let mut asked: Vec<Understanding> = Vec::new();
        for (text, encoded) in texts.iter().zip(self.encode(texts.clone()).await?) {
            let part = self.reading(text, encoded, now);
            let understood = self.fresh(&part);
            let command = matches!(understood.outcome, OutcomeKind::Command | OutcomeKind::Ask);
            let intent = understood.intent.as_ref().and_then(|name| self.intents.get(name.as_str()));
            let Some(intent) = intent.filter(|_| command && understood.confidence >= SURE) else { continue };
            let mut arguments = understood.arguments.clone();
            if !understood.missing.is_empty() || dialogue::points_back(&part.lower()) {
                for argument in self.fill(intent, reading).arguments {
                    if !matches!(argument.how, How::Text | How::Tagged) {
                        arguments.entry(argument.parameter).or_insert(argument.value);
                    }
                }
            }
            let stages = understood.stages.clone();
            let mut complete = self.complete(understood, intent, arguments);
            if let Some(last) = context.last.as_ref().filter(|_| dialogue::points_back(&part.lower())) {
                complete = self.carry(&part, complete, last);
            }
            complete.text.clone_from(&whole.text);
            complete.runbooks.clone_from(&whole.runbooks);
            complete.stages = stages;
            asked.push(complete);
        }
        let Some(mut first) = asked.pop() else { return Ok(None) };
        if asked.iter().any(|other| other.intent != first.intent || other.arguments != first.arguments) {
            first.outcome = OutcomeKind::Ask;
            first.intent = None;
            first.arguments.clear();
            first.missing.clear();
            first.stages.several_commands = true;
        }
        Ok(Some(first))
    }

    /// The clauses that ask for something, and on which no other clause of their sentence bears.
    fn orders(&self, reading: &Reading, now: &Zoned) -> Vec<String> {
        let courtesies = courtesies(&reading.text);
        let polite = |word: &Word| courtesies.iter().any(|span| overlap(span, &word.span));
        let words: Vec<Word> = reading.words.iter().filter(|word| !polite(word)).cloned().collect();
        let clauses = self.requests(&words);
        let plain = clauses.len() < 2 && words.len() == reading.words.len() && without_opener(&reading.text).is_none();
        if words.is_empty() || plain {
            return Vec::new();
        }
        let lower: Vec<&str> = words.iter().map(|word| word.lower.as_str()).collect();
        let lexicon = self.lexicon(reading);
        // What stands between two words tells a new sentence from a new clause.
        let ends = |index: usize| {
            let (end, next) =
                (words[index].span.end, words.get(index + 1).map_or(reading.text.len(), |w| w.span.start));
            reading.text[end..next].contains(['.', '!', '?', '\n', ';'])
        };
        let asks = |index: usize| {
            let next = words.get(index + 1).map_or(reading.text.len(), |word| word.span.start);
            reading.text[words[index].span.end..next].contains('?')
        };
        let mut ordered = false;
        let refused = clauses.iter().any(|clause| {
            let clause = &lower[clause.clone()];
            // "no, restart it instead" goes on; "restart it? no, leave it" does not.
            let bare = clause.iter().all(|word| matches!(*word, "not" | "don't" | "dont" | "never" | "do" | "please"));
            let refuses = bare || ordered && dialogue::decision(clause) == Some(Decision::No);
            ordered |= is_order(clause, &lexicon);
            refuses
        });
        if refused {
            return Vec::new();
        }
        // "thanks mira. can you also …", "what you want to do, priya, is …"
        let spoken_to = lower.iter().any(|word| matches!(*word, "you" | "u" | "your"))
            && clauses.iter().any(|clause| {
                let (last, greeting) = (&words[clause.end - 1], &lower[clause.start..clause.end - 1]);
                const GREETINGS: [&str; 10] =
                    ["thanks", "thx", "thank", "you", "sorry", "hi", "hey", "hello", "morning", "ok"];
                lexicon.is_person(last) && greeting.iter().all(|word| GREETINGS.contains(word))
            });
        let mut orders = Vec::new();
        for (index, clause) in clauses.iter().enumerate() {
            let own = &lower[clause.clone()];
            let text = &reading.text[words[clause.start].span.start..words[clause.end - 1].span.end];
            let order = is_order(own, &lexicon) || without_opener(text).is_some();
            // "restart it?" muses.
            let muses = asks(clause.end - 1) && own.first().is_some_and(|first| self.model.verbs.contains(*first));
            if !(order || is_question(own)) || muses || is_condition(own) {
                continue;
            }
            let sentence_start = (0..index).rev().take_while(|at| !ends(clauses[*at].end - 1)).last().unwrap_or(index);
            let sentence_end =
                (index..clauses.len()).find(|at| ends(clauses[*at].end - 1)).unwrap_or(clauses.len() - 1);
            let governed = (sentence_start..=sentence_end).filter(|at| *at != index).any(|at| {
                let other = &clauses[at];
                let text = &lower[other.clone()];
                is_condition(text)
                    || at < index && ends_with_speech(text)
                    || text.len() <= 4 && recognise::later_time(&words[other.clone()], now)
                    || at < index && text.first().is_some_and(|word| matches!(*word, "maybe" | "perhaps"))
            });
            let governed = governed || spoken_to;
            if !governed {
                let span = words[clause.start].span.start..words[clause.end - 1].span.end;
                let mut text = reading.text[span.clone()].to_owned();
                // Courtesies inside the clause go as well.
                for polite in courtesies.iter().rev().filter(|polite| overlap(polite, &span)) {
                    if polite.start >= span.start && polite.end <= span.end {
                        text.replace_range(polite.start - span.start..polite.end - span.start, "");
                    }
                }
                orders.push(without_opener(&text).map_or(text.clone(), str::to_owned));
            }
        }
        orders
    }

    /// The clauses, cut before a second request as well: "drain it and then reboot it".
    fn requests(&self, words: &[Word]) -> Vec<Range<usize>> {
        let mut requests = Vec::new();
        for clause in clauses(words) {
            let mut start = clause.start;
            for at in clause.start + 1..clause.end {
                let begins = self.model.verbs.contains(&words[at].lower) || is_show(&words[at].lower);
                let joint = (start + 1..at).rev().take_while(|at| JOINTS.contains(&words[*at].lower.as_str())).last();
                if let Some(joint) = joint.filter(|_| begins) {
                    requests.push(start..joint);
                    start = at;
                }
            }
            requests.push(start..clause.end);
        }
        requests
    }

    /// Whether the message holds two requests: a second clause that begins like one, or that is read as one without doubt,
    /// and is another when it is read alone.
    pub(super) async fn several_commands(
        &self,
        reading: &Reading,
        understanding: &Understanding,
        now: &Zoned,
    ) -> Result<bool, EmbeddingError> {
        let joints = self.joints(reading, understanding);
        for (at, joint) in joints.iter().enumerate() {
            let left = reading.text[..reading.words[joint.left_end - 1].span.end].to_owned();
            let end = joints.get(at + 1).map_or(reading.text.len(), |next| reading.words[next.left_end - 1].span.end);
            let right = reading.text[reading.words[joint.right].span.start..end].to_owned();
            let encoded = self.encode(vec![left.clone(), right.clone()]).await?;
            let parts: Vec<Option<(IntentName, Arguments)>> = [left, right]
                .into_iter()
                .zip(encoded)
                .map(|(text, encoded)| self.alone(&text, encoded, joint.needs, now))
                .collect();
            let [Some((one, first)), Some((other, second))] = parts.as_slice() else { continue };
            let pointed = dialogue::points_back(&reading.lower()[joint.right..]);
            // "open a ticket … and assign it to mira" is one request with all its values.
            let absorbed = pointed
                && understanding.intent.as_ref() == Some(one)
                && !second.is_empty()
                && second
                    .values()
                    .all(|value| understanding.arguments.values().any(|known| known.as_str() == value.as_str()));
            if absorbed {
                continue;
            }
            let different_values =
                first.iter().any(|(name, value)| second.get(name).is_some_and(|other| other != value));
            if one != other && !first.is_empty() && (!second.is_empty() || pointed) || one == other && different_values
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The places where a second request may begin.
    fn joints(&self, reading: &Reading, understanding: &Understanding) -> Vec<Joint> {
        let in_text = |word: &Word| {
            understanding.stages.arguments.iter().any(|argument| {
                argument.how == How::Text && argument.span.as_ref().is_some_and(|span| overlap(span, &word.span))
            })
        };
        let lower = reading.lower();
        let lexicon = self.lexicon(reading);
        let joint = |right: usize| {
            let said = JOINTS.contains(&lower[right - 1]);
            let joins = JOINTS.contains(&lower[right]);
            if joins || !said && !reading.words[right - 1].breaks || in_text(&reading.words[right]) {
                return None;
            }
            let mut left_end = right;
            while left_end > 1 && JOINTS.contains(&lower[left_end - 1]) {
                left_end -= 1;
            }
            // "#61 is approved, merge it" says one thing and asks for another.
            let states = !self.model.verbs.contains(lower[0])
                && lower[1..left_end].iter().any(|word| matches!(*word, "is" | "are" | "was" | "has" | "looks"));
            if states {
                return None;
            }
            let begins = self.model.verbs.contains(lower[right]) || is_show(lower[right]);
            // "someone pasted the key in public, rotate it" asks once.
            let asks = |clause: &[&str]| is_order(clause, &lexicon) || is_question(clause);
            let left = &reading.text[..reading.words[left_end - 1].span.end];
            let asked = without_opener(left).is_some()
                || clauses(&reading.words[..left_end]).into_iter().any(|clause| asks(&lower[clause]));
            let needs = match (begins && asked, said) {
                (true, _) => LIKELY,
                (false, true) => UNDOUBTED,
                (false, false) => return None,
            };
            Some(Joint { left_end, right, needs })
        };
        (2..reading.words.len()).filter_map(joint).collect()
    }

    /// A part of a message read by itself: its intent, if that is plain, and its values.
    fn alone(&self, text: &str, encoded: Encoded, needs: f32, now: &Zoned) -> Option<(IntentName, Arguments)> {
        let reading = self.reading(text, encoded, now);
        let class = super::super::head::argmax(&reading.probabilities);
        let sure = self.model.intents.get(class).filter(|_| reading.probabilities[class] >= needs)?;
        let intent = self.intents.get(sure.as_str())?;
        Some((intent.name.clone(), self.fill(intent, &reading).values()))
    }

    /// A text outside any conversation, without runbooks.
    pub(super) fn reading(&self, text: &str, encoded: Encoded, now: &Zoned) -> Reading {
        let mut words = words(text);
        let names = self.names.find(&words, &self.model.ordinary, &self.model.lexicon);
        spelling::mend(&mut words, &names, &self.model.lexicon, &encoded.tokens);
        let found = recognise::recognise(text, &words, now);
        let view = of_message(text, &words, &encoded, &masks(name_masks(&names), &found));
        let none = vec![0.0; self.model.intents.len() + 1];
        let probabilities = self.model.head.probabilities(&view, &none, &self.schemas);
        let text = text.to_owned();
        let mut reading =
            Reading { text, words, encoded, names, found, cues: Vec::new(), probabilities, passages: Vec::new() };
        reading.cues = self.cues(&reading, now);
        reading
    }
}

/// "mira told me", "the wiki says": what follows is somebody else's.
fn ends_with_speech(clause: &[&str]) -> bool {
    const SPEECH: [&str; 16] = [
        "said",
        "says",
        "wrote",
        "writes",
        "told",
        "asked",
        "asks",
        "suggested",
        "suggests",
        "recommends",
        "goes",
        "typed",
        "shouted",
        "reads",
        "like",
        "answered",
    ];
    let own = matches!(clause.first().copied(), Some("i" | "already" | "as"));
    let words: Vec<&str> =
        clause.iter().rev().copied().skip_while(|word| matches!(*word, "me" | "us" | "him" | "her" | "them")).collect();
    !own && words.first().is_some_and(|word| SPEECH.contains(word))
}
