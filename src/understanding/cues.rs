//! Cues: what turns a would-be command into a remark. Negation, report, hypothesis, condition, advice, quotation, later.
//!
//! Rules over words, clause by clause. They err towards silence: a command that is missed is asked for again, one that
//! was not meant may do harm. A clause that is an order of its own ("web isn't up, restart it") lifts what only the
//! other clause says.

mod negation;
mod speech;

use std::collections::HashSet;

use jiff::Zoned;

use super::clauses::{clauses, courtesies, is_order};
use super::dialogue::{Decision, decision};
use super::names::NameMatch;
use super::recognise;
use super::words::{Word, overlap};
use crate::domain::EntityType;
use negation::negated;
use speech::{advice, past, quoted, quotes_an_order};

/// Why a message that sounds like a command is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cue {
    /// "don't restart web".
    Negated,
    /// "maybe we should restart web".
    Hypothetical,
    /// "if it fails again, restart web".
    Conditional,
    /// "restarted web twice already".
    Past,
    /// "mira, could you restart web".
    Advice,
    /// "he said \"restart web\"".
    Quoted,
    /// "restart web at 6 pm".
    Scheduled,
}

/// What the cues need to know of the language of commands.
pub struct Lexicon<'a> {
    /// Words that begin requests to change something.
    pub verbs: &'a HashSet<String>,
    /// Words that people use in requests for other things than names.
    pub ordinary: &'a HashSet<String>,
    /// The organisation's names in the message.
    pub names: &'a [NameMatch],
}

impl Lexicon<'_> {
    /// Whether a word names a person of the organisation.
    pub fn is_person(&self, word: &Word) -> bool {
        self.types(word).any(|entity| entity == EntityType::Person)
    }

    /// Whether a word names anything else of the organisation.
    pub fn is_thing(&self, word: &Word) -> bool {
        self.types(word).any(|entity| entity != EntityType::Person)
    }

    fn types(&self, word: &Word) -> impl Iterator<Item = EntityType> {
        self.names.iter().filter(|name| overlap(&name.span, &word.span)).map(|name| name.entity)
    }
}

/// All cues in a message, each once, in the order of the enumeration.
pub fn cues(text: &str, words: &[Word], lexicon: &Lexicon<'_>, now: &Zoned) -> Vec<Cue> {
    let courtesies = courtesies(text);
    let words: Vec<Word> =
        words.iter().filter(|word| !courtesies.iter().any(|span| overlap(span, &word.span))).cloned().collect();
    let words = words.as_slice();
    let lower: Vec<&str> = words.iter().map(|word| word.lower.as_str()).collect();
    let clauses = clauses(words);
    let question = is_question(text, &lower);
    let was = |clause: &[&str]| past(clause, lexicon);
    let orders = |clause: &&std::ops::Range<usize>| {
        let clause = &lower[(*clause).clone()];
        let wish = matches!(clause, ["i" | "we", "need" | "want", ..]);
        is_order(clause, lexicon) && !wish && !negated(clause) && !was(clause)
    };
    let ordered = clauses.len() > 1 && clauses.iter().any(|clause| orders(&clause));
    // "restart it? nope, forget it"
    let first_order = clauses.iter().position(|clause| orders(&clause));
    let refused = first_order.is_some_and(|first| {
        clauses[first + 1..].iter().any(|clause| decision(&lower[clause.clone()]) == Some(Decision::No))
    });
    let mut found = Vec::new();
    let negation = clauses.iter().any(|clause| negated(&lower[clause.clone()]));
    if refused || negation && (!ordered || clauses.len() == 1) {
        found.push(Cue::Negated);
    }
    if hypothetical(&lower) {
        found.push(Cue::Hypothetical);
    }
    if conditional(&lower) || lower.first() == Some(&"should") && clauses.len() > 1 && !question {
        found.push(Cue::Conditional);
    }
    if !question && !ordered && clauses.iter().any(|clause| was(&lower[clause.clone()])) {
        found.push(Cue::Past);
    }
    if advice(text, words, &lower, lexicon) {
        found.push(Cue::Advice);
    }
    if quoted(text, &lower) || quotes_an_order(text, words, lexicon) {
        found.push(Cue::Quoted);
    }
    if scheduled(words, &lower, now) {
        found.push(Cue::Scheduled);
    }
    found
}

fn is_question(text: &str, lower: &[&str]) -> bool {
    text.trim_end().ends_with('?')
        || matches!(
            lower.first().copied(),
            Some(
                "who"
                    | "what"
                    | "which"
                    | "when"
                    | "where"
                    | "why"
                    | "how"
                    | "has"
                    | "have"
                    | "did"
                    | "does"
                    | "is"
                    | "are"
                    | "was"
                    | "were"
                    | "whats"
                    | "what's"
                    | "whos"
                    | "who's"
                    | "show"
                    | "list"
                    | "find"
                    | "any"
            )
        )
}

fn contains(lower: &[&str], phrase: &str) -> bool {
    position(lower, phrase).is_some()
}

fn position(lower: &[&str], phrase: &str) -> Option<usize> {
    let wanted: Vec<&str> = phrase.split(' ').collect();
    lower.windows(wanted.len()).position(|window| window == wanted.as_slice())
}

fn hypothetical(lower: &[&str]) -> bool {
    const PHRASES: [&str; 84] = [
        "might do",
        "may do",
        "perhaps its",
        "perhaps it's",
        "thoughts on",
        "theoretically",
        "could be that",
        "let's say",
        "lets say",
        "even help",
        "make it worse",
        "would break",
        "is it worth",
        "any point in",
        "what about a",
        "were to",
        "an option",
        "maybe we",
        "maybe i",
        "maybe you",
        "maybe it",
        "maybe somebody",
        "perhaps we",
        "perhaps i",
        "perhaps it",
        "should we",
        "should i",
        "shall we",
        "we should",
        "we could",
        "we might",
        "i might",
        "might be",
        "might help",
        "could be worth",
        "be worth",
        "worth a",
        "suppose",
        "supposing",
        "what if",
        "what would happen",
        "what happens if",
        "in theory",
        "would have",
        "could have",
        "should have",
        "would've",
        "could've",
        "should've",
        "thinking about",
        "thinking of",
        "thinking whether",
        "tempted to",
        "considering",
        "wonder if we",
        "wondering if we",
        "wonder whether",
        "wondering whether",
        "not sure if",
        "not sure whether",
        "do you think",
        "imagine",
        "we may",
        "would it help",
        "would it make",
        "does it make sense",
        "would it be",
        "would it hurt",
        "i swear",
        "i bet",
        "i wish",
        "wish someone",
        "wish somebody",
        "i guess",
        "i wonder if",
        "makes sense to",
        "hypothetically",
        "in principle",
        "one could",
        "could always",
        "i would",
        "we would",
        "we'd",
        "if we were",
    ];
    // "what should i do when …" asks the runbooks.
    let asks = matches!(lower.first().copied(), Some("what" | "how" | "where" | "who"))
        && !matches!(lower.get(1).copied(), Some("if" | "would"));
    !asks
        && !contains(lower, "would like")
        && PHRASES.iter().any(|phrase| {
            // "hakan should have the pager" is no wish for another past.
            let next = position(lower, phrase).map(|at| lower.get(at + phrase.split(' ').count()));
            next.is_some_and(|next| !(phrase.ends_with("have") && matches!(next, Some(&("the" | "a" | "an" | "on")))))
        })
        && !contains(lower, "wonder if you")
        && !contains(lower, "wondering if you")
        && !contains(lower, "wondering whether you")
}

fn conditional(lower: &[&str]) -> bool {
    for (index, word) in lower.iter().enumerate() {
        let before = index.checked_sub(1).map(|at| lower[at]);
        let next = lower.get(index + 1).copied();
        let stops = match *word {
            "if" => {
                !matches!(
                    before,
                    Some(
                        "see"
                            | "check"
                            | "know"
                            | "tell"
                            | "find"
                            | "look"
                            | "mind"
                            | "me"
                            | "out"
                            | "wonder"
                            | "wondering"
                            | "what"
                            | "curious"
                            | "whether"
                            | "appreciate"
                            | "nice"
                            | "great"
                            | "ask"
                            | "asking"
                    )
                ) && !matches!(next, Some("you" | "possible" | "needed" | "necessary" | "so" | "any" | "i"))
            }
            "unless" | "once" | "assuming" | "provided" | "whenever" => {
                !(*word == "once"
                    && (next.is_none()
                        || matches!(next, Some("more" | "again"))
                        || matches!(before, Some("at" | "all"))))
            }
            "time" => matches!(before, Some("next" | "every" | "each" | "any")) && next.is_some(),
            "event" => before == Some("the") && index > 1 && lower[index - 2] == "in",
            "soon" => before == Some("as") && next == Some("as"),
            "case" => before == Some("in"),
            "after" | "before" | "until" | "till" => {
                // "logs after the deploy" is a stretch of time, "after Yuto approves it, merge" a condition.
                index == 0 && lower.len() > 3 && !matches!(next, Some("the" | "that") if lower.len() < 6)
                    || matches!(*word, "until" | "till")
                        && index > 0
                        && next.is_some_and(|next| !next.starts_with(|c: char| c.is_ascii_digit()))
                    || *word == "after"
                        && lower[index..].iter().any(|word| {
                            matches!(
                                *word,
                                "approves"
                                    | "approved"
                                    | "finishes"
                                    | "finished"
                                    | "is"
                                    | "are"
                                    | "has"
                                    | "passes"
                                    | "passed"
                                    | "done"
                            )
                        })
            }
            "when" => {
                // A question of time is none of these.
                let asks = index == 0
                    && matches!(
                        next,
                        Some("is" | "was" | "does" | "did" | "will" | "do" | "has" | "were" | "are" | "can")
                    );
                let runbook = matches!(lower.first().copied(), Some("what" | "how" | "whats" | "what's"));
                !asks
                    && !runbook
                    && !matches!(
                        before,
                        Some(
                            "and"
                                | "since"
                                | "know"
                                | "tell"
                                | "me"
                                | "show"
                                | "or"
                                | "see"
                                | "check"
                                | "till"
                                | "until"
                        )
                    )
                    && next.is_some()
            }
            "should" => index == 0 && matches!(next, Some("it" | "they" | "the")),
            _ => false,
        };
        if stops {
            return true;
        }
    }
    false
}

fn scheduled(words: &[Word], lower: &[&str], now: &Zoned) -> bool {
    let recurring = lower.windows(2).enumerate().any(|(index, pair)| match pair {
        // "drain it, the kernel panics every hour" says why, not when.
        ["every", next] => is_time(next) && !words[..index].iter().any(|word| word.breaks),
        ["later", "today" | "tonight" | "on"] | ["first", "thing"] | ["end", "of"] | ["over", "lunch"] => true,
        ["from", "now"] | ["at", "dawn" | "dusk" | "sunrise" | "sunset"] => true,
        _ => false,
    });
    recurring
        || matches!(lower.last().copied(), Some("later" | "tomorrow" | "tonight" | "eod"))
        || recognise::later_time(words, now)
}

/// Whether a word after "every" makes it a time.
fn is_time(word: &str) -> bool {
    const TIMES: [&str; 17] = [
        "minute",
        "hour",
        "day",
        "night",
        "morning",
        "evening",
        "week",
        "month",
        "other",
        "few",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    TIMES.contains(&word) || word.starts_with(|c: char| c.is_ascii_digit())
}
