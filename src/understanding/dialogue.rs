//! What a message means in its conversation: an answer, a correction, a confirmation, a "same for …".

use super::words::words;
use crate::domain::{Arguments, Command, IntentName, ParameterName};

/// A command in the making: its intent and what is known of its arguments.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Draft {
    /// The intent.
    pub intent: IntentName,
    /// The values so far.
    pub arguments: Arguments,
}

impl From<&Command> for Draft {
    fn from(command: &Command) -> Self {
        Self { intent: command.intent().clone(), arguments: command.to_arguments() }
    }
}

/// What the conversation knows when a message comes in. Pure data; the assistant keeps it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// The bot has asked for parameters of this draft, the first of them now.
    pub asked: Option<(Draft, Vec<ParameterName>)>,
    /// The speaker's own latest proposal that waits for a decision.
    pub proposal: Option<Draft>,
    /// How many own proposals wait; a bare "yes" needs exactly one.
    pub waiting: usize,
    /// The last command of the conversation.
    pub last: Option<Draft>,
    /// The person who speaks, as the catalogue calls them: "me", "my".
    pub speaker: Option<String>,
}

/// A word of decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// "yes", "go ahead".
    Yes,
    /// "no", "never mind".
    No,
}

const FILLERS: [&str; 78] = [
    "ah", "argh", "hey", "nice", "np", "omg", "oof", "sry", "thats", "that's", "them", "ty", "ugh", "yours", "there",
    "alright", "perfect", "great", "cool", "one", "right", "hurry", "quick", "quickly", "asap", "thank", "my", "we",
    "of", "course", "already", "lot", "please", "pls", "plz", "thanks", "thx", "it", "that", "ahead", "for", "now",
    "then", "just", "so", "fine", "good", "looks", "sounds", "all", "and", "the", "i", "to", "me", "with", "this",
    "is", "on", "you", "can", "a", "go", "do", "make", "again", "man", "mate", "sorry", "actually", "hm", "hmm", "oh",
    "well", "lets", "let's", "thing", "idea",
];
const YES: [&str; 30] = [
    "oki",
    "👍",
    "✅",
    "okey",
    "yes",
    "y",
    "yep",
    "yeah",
    "yea",
    "yup",
    "ya",
    "ok",
    "okay",
    "k",
    "sure",
    "confirm",
    "confirmed",
    "proceed",
    "affirmative",
    "absolutely",
    "correct",
    "right",
    "aye",
    "lgtm",
    "approved",
    "ship",
    "definitely",
    "jup",
    "yess",
    "certainly",
];
const YES_PHRASES: [&str; 12] = [
    "go",
    "do it",
    "go ahead",
    "go for it",
    "make it so",
    "please do",
    "run it",
    "do that",
    "sounds good",
    "looks good",
    "that's right",
    "thats right",
];
const NO: [&str; 17] = [
    "👎",
    "no",
    "n",
    "nope",
    "nah",
    "cancel",
    "abort",
    "stop",
    "forget",
    "nevermind",
    "nvm",
    "scrap",
    "drop",
    "nay",
    "dont",
    "don't",
    "cancelled",
];
const NO_PHRASES: [&str; 18] = [
    "let's not",
    "lets not",
    "scrap it",
    "actually don't",
    "actually dont",
    "better not",
    "never mind",
    "leave it",
    "forget it",
    "not now",
    "forget about it",
    "do not",
    "drop it",
    "scrap that",
    "cancel that",
    "cancel it",
    "call it off",
    "hold off",
];

/// Whether a message is a decision and nothing else, by words that every decision may use.
pub fn decision(lower: &[&str]) -> Option<Decision> {
    decision_on(lower, |_| false)
}

/// Whether a message is a no and nothing else: "never mind".
pub fn declines(text: &str) -> bool {
    let words = words(text);
    decision(&words.iter().map(|word| word.lower.as_str()).collect::<Vec<_>>()) == Some(Decision::No)
}

/// Whether a message is a decision and nothing else; `names` tells the words that name what is decided upon ("yes, post
/// that").
pub fn decision_on(lower: &[&str], names: impl Fn(&str) -> bool) -> Option<Decision> {
    if lower.is_empty() || lower.len() > 9 {
        return None;
    }
    let lower: Vec<&str> = lower.iter().copied().filter(|word| !is_symbol(word)).collect();
    let &first = lower.first()?;
    let joined = lower.join(" ");
    let refuses =
        NO_PHRASES.iter().any(|phrase| joined.starts_with(phrase) || joined.ends_with(phrase) && lower.len() <= 5);
    let filler = |word: &str| FILLERS.contains(&word);
    let against = |word: &str| {
        NO.contains(&word) || matches!(word, "never" | "mind" | "leave" | "about" | "not" | "wait" | "wrong")
    };
    let all_against = |words: &[&str]| words.iter().all(|word| filler(word) || against(word));
    if refuses
        || NO.contains(&first) && all_against(&lower)
        || first == "wait" && lower.len() > 1 && all_against(&lower[1..])
    {
        return Some(Decision::No);
    }
    // "cancel" and its like are final whatever follows, unless a correction does.
    let number = || lower.iter().any(|word| word.bytes().any(|b| b.is_ascii_digit()));
    if matches!(first, "nvm" | "nevermind" | "abort") || first == "cancel" && lower.len() <= 3 && !number() {
        return Some(Decision::No);
    }
    let yes_core = lower.iter().any(|word| YES.contains(word))
        || lower.len() > 1 && matches!(first, "perfect" | "great" | "alright" | "cool" | "good" | "fine" | "please")
        || YES_PHRASES.contains(&joined.as_str())
        || YES_PHRASES.iter().any(|phrase| joined.starts_with(&format!("{phrase} ")));
    let for_it = |word: &&str| filler(word) || YES.contains(word) || names(word);
    (yes_core && lower.iter().all(for_it)).then_some(Decision::Yes)
}

/// Whether a word is nothing but signs, an emoji that says neither yes nor no.
fn is_symbol(word: &str) -> bool {
    !word.chars().any(char::is_alphanumeric) && !YES.contains(&word) && !NO.contains(&word)
}

/// What a message of several clauses decides, where the other clauses ask for nothing, set no condition and give no value.
/// `names` as in [`decision_on`]; `bears` tells the clauses that bear on the matter.
///
/// A no counts at the beginning or the end. A yes must be every clause, or be said in so many words at the end: "looks
/// harmless. yes, go ahead"; "ok, let me check", "yes, hold on" and "yes, no" approve nothing.
pub fn decision_among(
    clauses: &[&[&str]],
    names: impl Fn(&str) -> bool + Copy,
    bears: impl Fn(usize) -> bool,
) -> Option<Decision> {
    const EXPRESS: [&str; 9] = ["yes", "yep", "yeah", "yup", "go", "confirm", "confirmed", "proceed", "approved"];
    let last = clauses.len().checked_sub(1).filter(|last| *last > 0)?;
    let decisions: Vec<Option<Decision>> = clauses.iter().map(|clause| decision_on(clause, names)).collect();
    if decisions.iter().enumerate().any(|(at, decision)| decision.is_none() && bears(at)) {
        return None;
    }
    let said = |decision: Decision| decisions.contains(&Some(decision));
    if said(Decision::No) {
        return [decisions[0], decisions[last]].contains(&Some(Decision::No)).then_some(Decision::No);
    }
    let every = decisions.iter().all(Option::is_some);
    let express = clauses[last].iter().any(|word| EXPRESS.contains(word))
        || YES_PHRASES.contains(&clauses[last].join(" ").as_str());
    decisions[last].filter(|_| every || express)
}

/// Whether a message begins like a correction, and how many words that takes: "make it", "no,", "i meant".
pub fn correction(lower: &[&str]) -> Option<usize> {
    const OPENINGS: [&str; 37] = [
        "make the",
        "change the",
        "set the",
        "only",
        "ok make it",
        "make it",
        "make that",
        "make them",
        "set it to",
        "change it to",
        "change that to",
        "i meant",
        "i mean",
        "sorry i meant",
        "meant",
        "actually",
        "wait no",
        "no wait",
        "oh no",
        "no i meant",
        "no i mean",
        "no make it",
        "no",
        "nope",
        "wait",
        "sorry",
        "rather",
        "better",
        "not that",
        "use",
        "it should be",
        "should be",
        "correction",
        "instead",
        "oops",
        "and make it",
        "hmm make it",
    ];
    let words_of = |phrase: &str| phrase.split(' ').count();
    OPENINGS
        .iter()
        .filter(|phrase| lower.len() > words_of(phrase) && lower[..words_of(phrase)].join(" ") == **phrase)
        .map(|phrase| words_of(phrase))
        .max()
        .or_else(|| (lower.last().copied() == Some("instead")).then_some(0))
}

/// How many words at the beginning only say that something was not right: "omg no", "hm wait", "ugh, sorry".
pub fn interjections(lower: &[&str]) -> usize {
    const SAID: [&str; 24] = [
        "omg", "ugh", "argh", "oof", "oops", "ah", "oh", "hm", "hmm", "eh", "no", "nope", "nah", "wait", "sorry",
        "sry", "ok", "okay", "actually", "damn", "shit", "well", "stop", "hold",
    ];
    lower.iter().take_while(|word| SAID.contains(word)).count()
}

/// Whether a message asks for the last command once more with other values, and how many words say so.
pub fn follow_up(lower: &[&str]) -> Option<usize> {
    const OPENINGS: [&str; 32] = [
        "the same for",
        "same for",
        "the same in",
        "same in",
        "the same on",
        "same on",
        "same thing for",
        "the same thing for",
        "same thing in",
        "same thing on",
        "ditto for",
        "and for",
        "and in",
        "and on",
        "and the",
        "and what about",
        "what about",
        "how about",
        "again in",
        "again on",
        "again for",
        "now for",
        "now in",
        "now on",
        "also for",
        "also in",
        "also on",
        "do the same for",
        "do the same in",
        "do the same on",
        "same but",
        "and now",
    ];
    const WHOLE: [&str; 9] = [
        "again",
        "once more",
        "and again",
        "run it again",
        "do it again",
        "same again",
        "the same again",
        "one more time",
        "again please",
    ];
    if WHOLE.contains(&lower.join(" ").as_str()) {
        return Some(lower.len());
    }
    let words_of = |phrase: &str| phrase.split(' ').count();
    let opening = OPENINGS
        .iter()
        .filter(|phrase| lower.len() > words_of(phrase) && lower[..words_of(phrase)].join(" ") == **phrase)
        .map(|phrase| words_of(phrase))
        .max();
    // "and preprod?": two or three words behind an "and".
    opening.or_else(|| (lower.first().copied() == Some("and") && (2..=4).contains(&lower.len())).then_some(1))
}

/// Whether a message points at something said before.
pub fn points_back(lower: &[&str]) -> bool {
    lower
        .iter()
        .any(|word| matches!(*word, "it" | "its" | "it's" | "that" | "there" | "them" | "same" | "again" | "this"))
}

/// Whether it points at a place only: "how many run there".
pub fn points_there_only(lower: &[&str]) -> bool {
    lower.contains(&"there")
        && !lower.iter().any(|word| matches!(*word, "it" | "its" | "that" | "them" | "same" | "this"))
}

/// Whether a word adds nothing of its own to a bare answer.
pub fn is_filler(word: &str) -> bool {
    FILLERS.contains(&word)
        || matches!(
            word,
            "bad"
                | "enough"
                | "wrong"
                | "nah"
                | "oops"
                | "sry"
                | "from"
                | "in"
                | "at"
                | "of"
                | "use"
                | "its"
                | "it's"
                | "an"
                | "by"
                | "or"
                | "one"
                | "yes"
                | "ok"
                | "no"
                | "not"
                | "only"
                | "instead"
                | "into"
                | "as"
                | "version"
                | "branch"
                | "replicas"
                | "percent"
                | "number"
                | "called"
                | "named"
                | "service"
                | "environment"
                | "host"
                | "server"
                | "team"
                | "make"
                | "set"
                | "should"
                | "be"
                | "last"
                | "past"
                | "meant"
                | "mean"
                | "rather"
                | "but"
                | "wait"
                | "what"
                | "about"
                | "how"
                | "same"
                | "also"
                | "#"
                | "instances"
                | "pr"
                | "ticket"
                | "build"
                | "alert"
                | "flag"
                | "db"
                | "database"
                | "dashboard"
                | "pipeline"
                | "lines"
        )
}
#[cfg(test)]
mod tests {
    use super::*;

    fn decide(text: &str) -> Option<Decision> {
        decision(&text.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn a_yes_beside_a_remark_is_said_in_so_many_words() {
        let among = |text: &str| {
            let words: Vec<Vec<&str>> = text.split(", ").map(|clause| clause.split(' ').collect()).collect();
            let clauses: Vec<&[&str]> = words.iter().map(Vec::as_slice).collect();
            decision_among(&clauses, |_| false, |at| clauses[at].contains(&"if"))
        };
        for yes in ["looks harmless, yes, go ahead", "yep thats the one, go", "ok got it, go ahead", "ok, do it"] {
            assert_eq!(among(yes), Some(Decision::Yes), "{yes}");
        }
        for no in ["forget it, the belt moves again", "yes, no", "it moves again, never mind"] {
            assert_eq!(among(no), Some(Decision::No), "{no}");
        }
        for neither in
            ["ok, let me check", "yes, hold on", "sure, one sec", "let me check, ok", "if it fails, go", "yes"]
        {
            assert_eq!(among(neither), None, "{neither}");
        }
        assert_eq!(decide("ok got it"), None);
    }

    #[test]
    fn decisions() {
        for yes in [
            "yes",
            "go ahead",
            "do it",
            "yep ship it",
            "sure go ahead",
            "yes do it",
            "ok go",
            "yes please",
            "confirm",
            "go for it",
            "lgtm",
        ] {
            assert_eq!(decide(yes), Some(Decision::Yes), "{yes}");
        }
        for no in [
            "no",
            "cancel",
            "never mind",
            "no stop",
            "forget it",
            "nvm",
            "nope leave it",
            "stop it",
            "let's not",
            "never mind wrong day for this",
            "cancel that please",
        ] {
            assert_eq!(decide(no), Some(Decision::No), "{no}");
        }
        for neither in [
            "no preprod",
            "make it staging",
            "restart it",
            "stop v9 in sandbox",
            "ok make it 6 replicas",
            "thanks",
            "cancel the build of web",
            "yesterday it was fine",
            "ok wait",
            "yes that's wrong",
            "yes but not now please",
        ] {
            assert_eq!(decide(neither), None, "{neither}");
        }
    }
}
