//! A message by itself, as measures on public sets see it: head, tagger and decision, without a conversation and without
//! cues, which are about requests to a bot.

use std::ops::Range;

use jiff::Timestamp;

use super::super::head::argmax;
use super::super::thresholds::{Choice, choose};
use super::Understander;
use crate::domain::{Effect, ParameterName};
use crate::embedding::Encoded;

/// What the models say of a message.
pub(in super::super) struct Bare {
    /// Per class of the head, "no command" last.
    pub probabilities: Vec<f32>,
    /// The likeliest class that is a command.
    pub best: usize,
    /// What is made of the probabilities, every intent being a look.
    pub choice: Choice,
    /// The runs of words that the tagger takes for values of the likeliest intent, in the text's order.
    pub spans: Vec<(Range<usize>, ParameterName)>,
}

impl Understander {
    /// Reads a message by itself.
    pub(in super::super) fn bare(&self, text: &str, encoded: Encoded) -> Bare {
        let reading = self.reading(text, encoded, &Timestamp::UNIX_EPOCH.to_zoned(self.zone.clone()));
        let commands = self.model.intents.len();
        let best = argmax(&reading.probabilities[..commands]);
        let mut ranked = reading.probabilities[..commands].to_vec();
        ranked.sort_by(|a, b| b.total_cmp(a));
        let choice = choose(&ranked, &vec![Effect::Read; commands], reading.probabilities[commands], false);
        let mut spans = Vec::new();
        if let Some(intent) = self.model.intents.get(best).and_then(|name| self.intents.get(name.as_str())) {
            let tags = self.model.tagger.tag(text, &reading.words, &reading.encoded, intent);
            for (index, parameter) in intent.parameters.iter().enumerate() {
                let runs = tags.runs(&reading.words, index, 0.0);
                spans.extend(runs.into_iter().map(|(span, _)| (span, parameter.name.clone())));
            }
        }
        spans.sort_by_key(|(span, _)| span.start);
        Bare { probabilities: reading.probabilities, best, choice, spans }
    }
}
