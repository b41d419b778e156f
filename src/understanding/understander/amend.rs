//! Values for a command in the making, clause by clause: "ugh, sorry, bag-3. long night", "staging, not uat", "reason: the
//! vendor swaps a modem". A clause counts if it holds values and nothing else; remarks beside it are let be.

use std::ops::Range;

use super::super::Understanding;
use super::super::arguments::{Argument, How};
use super::super::clauses::{clauses, is_condition, is_order, is_question};
use super::super::dialogue::{self, Draft};
use super::super::freetext;
use super::super::thresholds;
use super::super::words::{Word, overlap};
use super::{Reading, Understander};
use crate::domain::{Intent, Parameter, ParameterName, ValueType};

/// What people call free text, beside the parameter's own name.
const TEXT_LABELS: [(&str, &str); 4] =
    [("because", "reason"), ("msg", "message"), ("saying", "message"), ("called", "title")];

impl Understander {
    /// The draft with what the message says for it; `None` if a clause says something else, or none says a value.
    pub(super) fn amend(
        &self,
        reading: &Reading,
        fresh: &Understanding,
        draft: &Draft,
        missing: &[ParameterName],
    ) -> Option<Understanding> {
        let intent = self.intents.get(draft.intent.as_str())?;
        if reading.text.trim_end().ends_with('?') {
            return None;
        }
        let values = match labelled_text(intent, reading) {
            Some(text) => vec![text],
            None => self.clause_values(reading, intent, draft, missing)?,
        };
        let mut arguments = draft.arguments.clone();
        arguments.extend(values.iter().map(|argument| (argument.parameter.clone(), argument.value.clone())));
        if arguments == draft.arguments {
            return None;
        }
        let mut understanding = fresh.clone_bare();
        understanding.confidence = thresholds::IN_CONVERSATION;
        understanding.stages.arguments = values;
        Some(self.complete(understanding, intent, arguments))
    }

    /// The values of the clauses that hold nothing else.
    fn clause_values(
        &self,
        reading: &Reading,
        intent: &Intent,
        draft: &Draft,
        missing: &[ParameterName],
    ) -> Option<Vec<Argument>> {
        let lexicon = self.lexicon(reading);
        let mut values: Vec<Argument> = Vec::new();
        for clause in clauses(&reading.words) {
            let words = &reading.words[clause];
            let lower: Vec<&str> = words.iter().map(|word| word.lower.as_str()).collect();
            let words = without_contrast(words);
            let label = label(intent, words);
            let own: Vec<&Word> = words
                .iter()
                .filter(|word| !dialogue::is_filler(&word.lower) && !is_label(intent, &word.lower))
                .collect();
            if own.is_empty() && !words.iter().any(|word| self.switches(intent, word)) {
                continue;
            }
            let part = reading.only(words);
            let found = match label {
                Some((parameter, rest)) => self.labelled(&part, intent, parameter, rest),
                None => self.unlabelled(&part, intent, draft, missing),
            };
            let covers = |word: &&&Word| {
                found.iter().filter_map(|argument| argument.span.as_ref()).any(|span| overlap(span, &word.span))
            };
            let covered = own.iter().filter(covers).count() == own.len();
            // "thanks mira" names nobody.
            let greets = matches!(lower[0], "thanks" | "thank" | "thx" | "ty" | "hi" | "hello" | "cheers");
            if covered && !found.is_empty() && !greets {
                values.retain(|known| found.iter().all(|new| new.parameter != known.parameter));
                values.extend(found);
            } else if is_order(&lower, &lexicon) || is_question(&lower) || is_condition(&lower) {
                return None;
            }
        }
        (!values.is_empty()).then_some(values)
    }

    /// Whether a word that mostly says nothing is a value of this intent: "on", "off".
    fn switches(&self, intent: &Intent, word: &Word) -> bool {
        let one = std::slice::from_ref(word);
        let enums = intent.parameters.iter().filter(|parameter| parameter.value_type == ValueType::Enum);
        enums.into_iter().any(|parameter| !self.phrases.find(parameter, one).is_empty())
    }

    /// "on branch fix/rounding", "project BELT", "from uat": what follows the name of a parameter.
    fn labelled(&self, part: &Reading, intent: &Intent, parameter: &Parameter, rest: &[Word]) -> Vec<Argument> {
        let rest = part.only(rest);
        let (bare, _) = self.bare_values(&rest, intent, std::slice::from_ref(&parameter.name));
        if !bare.is_empty() {
            return bare;
        }
        // A word of a form of its own needs no catalogue.
        let own: Vec<&Word> = rest.words.iter().filter(|word| !dialogue::is_filler(&word.lower)).collect();
        let ([word], ValueType::Name | ValueType::Version) = (own.as_slice(), parameter.value_type) else {
            return Vec::new();
        };
        let value = parameter.parse(&part.text[word.span.clone()]).ok();
        let argument = |value| Argument {
            parameter: parameter.name.clone(),
            value,
            span: Some(word.span.clone()),
            how: How::Tagged,
        };
        value.map(argument).into_iter().collect()
    }

    /// What the words themselves say: names and forms first for what is missing, then for what is known already, then for
    /// the rest.
    fn unlabelled(&self, part: &Reading, intent: &Intent, draft: &Draft, missing: &[ParameterName]) -> Vec<Argument> {
        let filled = self.fill(intent, part);
        let sure = |argument: &Argument| !matches!(argument.how, How::Tagged | How::Text | How::Implied);
        let mut values: Vec<Argument> = filled.arguments.into_iter().filter(sure).collect();
        let known = |name: &ParameterName| draft.arguments.contains_key(name);
        let mut wanted: Vec<ParameterName> = intent.parameters.iter().map(|parameter| parameter.name.clone()).collect();
        wanted.retain(|name| !values.iter().any(|argument| argument.parameter == *name));
        wanted.sort_by_key(|name| (!missing.contains(name), !known(name)));
        let free = |argument: &Argument| {
            let taken = values.iter().filter_map(|value| value.span.as_ref());
            argument.span.as_ref().is_some_and(|span| !taken.into_iter().any(|taken| overlap(taken, span)))
        };
        let (bare, _) = self.bare_values(part, intent, &wanted);
        let bare: Vec<Argument> =
            bare.into_iter().filter(|argument| argument.how != How::Tagged && free(argument)).collect();
        values.extend(bare);
        values
    }
}

/// "reason: …", "with the message: …": free text under its name, to the end of the message.
fn labelled_text(intent: &Intent, reading: &Reading) -> Option<Argument> {
    let texts = || intent.parameters.iter().filter(|p| p.value_type == ValueType::Text && !p.whole_message);
    let at = reading.words.iter().take(5).position(|word| !dialogue::is_filler(&word.lower) && word.lower != "add")?;
    let word = &reading.words[at];
    let parameter = texts().find(|parameter| {
        let name = parameter.name.as_str();
        word.lower == name || TEXT_LABELS.contains(&(word.lower.as_str(), name))
    })?;
    let rest = &reading.text[word.span.end..];
    let begins = rest.trim_start();
    let after = begins.strip_prefix([':', '=']).or_else(|| begins.strip_prefix("is "))?;
    let start = reading.text.len() - after.len();
    let inner = freetext::whole(after);
    let span = start + inner.start..start + inner.end;
    let value = parameter.parse(reading.text.get(span.clone())?.trim_matches(['"', '“', '”', ' '])).ok()?;
    Some(Argument { parameter: parameter.name.clone(), value, span: Some(span), how: How::Text })
}

/// The first word that is the name of a parameter, with what stands after it.
fn label<'a, 'b>(intent: &'a Intent, words: &'b [Word]) -> Option<(&'a Parameter, &'b [Word])> {
    words.iter().enumerate().find_map(|(index, word)| {
        let parameter = intent.parameters.iter().find(|parameter| parameter.name.as_str() == word.lower)?;
        let rest = &words[index + 1..];
        (!rest.is_empty() && parameter.value_type != ValueType::Text).then_some((parameter, rest))
    })
}

/// Whether a word is part of the name of a parameter: "version", "lines".
fn is_label(intent: &Intent, word: &str) -> bool {
    intent.parameters.iter().any(|parameter| parameter.name.as_str().split('_').any(|part| part == word))
}

/// A clause up to what it sets aside: "staging" of "staging not uat".
fn without_contrast(words: &[Word]) -> &[Word] {
    let contrast = words.iter().position(|word| word.lower == "not" || word.lower == "instead");
    match contrast {
        // "instead of uat"; a bare "instead" says nothing.
        Some(at) if words[at].lower == "not" || words.get(at + 1).is_some_and(|next| next.lower == "of") => {
            &words[..at]
        }
        _ => words,
    }
}

impl Reading {
    /// The same message as if only these of its words had been said.
    fn only(&self, words: &[Word]) -> Self {
        let inside = |span: &Range<usize>| {
            words.iter().any(|word| word.span.start <= span.start && span.start < word.span.end)
                && words.last().is_some_and(|last| span.end <= last.span.end)
        };
        Self {
            text: self.text.clone(),
            words: words.to_vec(),
            encoded: self.encoded.clone(),
            names: self.names.iter().filter(|name| inside(&name.span)).cloned().collect(),
            found: self.found.iter().filter(|found| inside(&found.span)).cloned().collect(),
            cues: self.cues.clone(),
            probabilities: self.probabilities.clone(),
            passages: Vec::new(),
        }
    }
}
