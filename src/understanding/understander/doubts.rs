//! What a message does not say, whatever it sounds like: a change where it only asks, a thing where it gives a number alone.

use super::super::arguments::Filled;
use super::Reading;
use crate::domain::{Effect, Intent};

/// Whether a message begins like a question for facts, rather than like a request put as one ("why don't you", "are you
/// able to", "is there a way to").
pub(super) fn asks_for_facts(lower: &[&str]) -> bool {
    match lower {
        ["why", "don't" | "dont" | "not", ..] => false,
        ["is" | "are", "you" | "it" | "there" | "someone" | "somebody" | "anyone" | "anybody", rest @ ..] => {
            !rest.iter().take(3).any(|word| matches!(*word, "able" | "possible" | "way" | "chance" | "to"))
        }
        [first, ..] => matches!(
            *first,
            "who"
                | "whos"
                | "who's"
                | "whose"
                | "what"
                | "whats"
                | "what's"
                | "which"
                | "when"
                | "where"
                | "why"
                | "how"
                | "since"
                | "does"
                | "did"
                | "was"
                | "were"
                | "has"
                | "is"
                | "are"
        ),
        [] => false,
    }
}

/// Whether a `#42` stands there without saying of what.
pub(super) fn bare_number(intent: &Intent, filled: &Filled, reading: &Reading) -> bool {
    const KINDS: [&str; 17] = [
        "ticket", "tickets", "issue", "bug", "task", "story", "card", "pr", "prs", "mr", "build", "run", "pipeline",
        "job", "incident", "case", "review",
    ];
    let words: Vec<&str> = reading.words.iter().map(|word| word.lower.as_str()).collect();
    let pull = words.windows(2).any(|pair| pair == ["pull", "request"]);
    let numbered = filled.arguments.iter().any(|argument| {
        argument.span.as_ref().is_some_and(|span| {
            reading.text[..span.start].ends_with('#') || reading.text[span.clone()].starts_with('#')
        })
    });
    numbered && intent.effect == Effect::Read && !pull && !words.iter().any(|word| KINDS.contains(word))
}
