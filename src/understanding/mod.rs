//! From an utterance to a typed command, a question, or nothing: seven stages that can each be shown.
//!
//! 1. The text comes in cleaned ([`crate::domain::clean`]): what is quoted or pasted is gone.
//! 2. [`crate::embedding`] gives the sentence vector and the token states, in one pass.
//! 3. [`crate::retrieval`] finds near runbook passages; the head holds the examples.
//! 4. [`head`] gives a calibrated probability per intent, and [`thresholds`] says when that is enough.
//! 5. [`cues`] find negation, report, hypothesis, condition, advice, quotation, later times.
//! 6. [`arguments`] fills parameters from names, recognised values, enumeration words and tagged spans.
//! 7. [`dialogue`] reads answers, corrections, "the same for …" and "yes".

mod arguments;
mod clauses;
pub mod conversation;
mod cues;
mod dialogue;
pub mod evaluation;
mod features;
mod freetext;
mod groups;
mod head;
mod linear;
mod model;
mod names;
mod phrases;
mod recognise;
pub mod scrutiny;
mod spelling;
mod tagger;
mod thresholds;
mod training;
mod understander;
mod vectors;
mod verbs;
mod vocabulary;
mod words;

pub use arguments::{Argument, Filled, How};
pub use cues::Cue;
pub use dialogue::{Context, Draft, correction, declines};
pub use groups::groups;
pub use model::Model;
pub use understander::Understander;

use serde::Serialize;

use crate::domain::{Arguments, IntentName, ParameterName};
use crate::retrieval::PassageHit;

/// What kind of thing was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeKind {
    /// A complete command.
    Command,
    /// The bot has to ask: something is missing, or there are two readings or two commands.
    Ask,
    /// A question to the runbooks.
    Answer,
    /// Nothing for the bot.
    None,
    /// The waiting proposal is confirmed.
    Confirm,
    /// The waiting proposal or question is cancelled.
    Cancel,
}

impl OutcomeKind {
    /// In a word, as in the output of `sayso understand`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Ask => "ask",
            Self::Answer => "answer",
            Self::None => "none",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
        }
    }
}

/// Another reading and its calibrated probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alternative {
    /// The intent.
    pub intent: IntentName,
    /// Its probability.
    pub confidence: f64,
}

/// A passage that stands near the message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunbookMention {
    /// `high-error-rate.md`.
    pub runbook: String,
    /// `Mitigation`.
    pub section: String,
    /// Similarity, 0 to 1.
    pub score: f32,
}

impl From<&PassageHit> for RunbookMention {
    fn from(hit: &PassageHit) -> Self {
        Self {
            runbook: hit.chunk.runbook.clone(),
            section: hit.chunk.section(),
            score: (hit.score * 1000.0).round() / 1000.0,
        }
    }
}

/// What the stages saw, for `sayso understand` and for the card.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stages {
    /// Values with their places and origins.
    pub arguments: Vec<Argument>,
    /// Values that are equally near to several names.
    pub unsure: Vec<(ParameterName, Vec<String>)>,
    /// A parameter for which a list was given.
    pub several_values: Option<ParameterName>,
    /// Whether the message holds several commands.
    pub several_commands: bool,
    /// Parameters taken over from the conversation.
    pub carried: Vec<String>,
}

/// The result of understanding one message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Understanding {
    /// The cleaned message.
    pub text: String,
    /// What kind of thing was said.
    pub outcome: OutcomeKind,
    /// Which intent; none for `none`, for decisions, and where the bot must ask which.
    pub intent: Option<IntentName>,
    /// The calibrated probability of the outcome.
    pub confidence: f64,
    /// Canonical values.
    pub arguments: Arguments,
    /// Required parameters without a value.
    pub missing: Vec<ParameterName>,
    /// The best intents, best first.
    pub alternatives: Vec<Alternative>,
    /// Near passages, best first.
    pub runbooks: Vec<RunbookMention>,
    /// What speaks against a command.
    pub cues: Vec<Cue>,
    /// Time taken, in microseconds.
    pub micros: u64,
    /// The details.
    #[serde(skip)]
    pub stages: Stages,
    /// Whether this changes the waiting proposal rather than making a new one.
    #[serde(skip)]
    pub corrects: bool,
}

impl Understanding {
    /// Nothing for the bot.
    pub(crate) fn nothing(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            outcome: OutcomeKind::None,
            intent: None,
            confidence: 1.0,
            arguments: Arguments::new(),
            missing: Vec::new(),
            alternatives: Vec::new(),
            runbooks: Vec::new(),
            cues: Vec::new(),
            micros: 0,
            stages: Stages::default(),
            corrects: false,
        }
    }

    /// The same message with nothing decided.
    fn clone_bare(&self) -> Self {
        Self {
            alternatives: self.alternatives.clone(),
            runbooks: self.runbooks.clone(),
            cues: self.cues.clone(),
            ..Self::nothing(&self.text)
        }
    }
}
