//! Cues: what turns a would-be command into a remark. Negation, report, hypothesis, condition, advice, quotation, later.
//!
//! Rules over words, clause by clause. They err towards silence: a command that is missed is asked for again, one that
//! was not meant may do harm. A clause that is an order of its own ("web isn't up, restart it") lifts what only the
//! other clause says.

use std::collections::HashSet;

use jiff::Zoned;

use super::recognise;
use super::words::Word;

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
    /// Whether a word names a thing of the organisation that is no person.
    pub is_thing: &'a dyn Fn(&Word) -> bool,
    /// Whether a word names a person of the organisation.
    pub is_person: &'a dyn Fn(&Word) -> bool,
}

/// All cues in a message, each once, in the order of the enumeration.
pub fn cues(text: &str, words: &[Word], lexicon: &Lexicon<'_>, now: &Zoned) -> Vec<Cue> {
    let lower: Vec<&str> = words.iter().map(|word| word.lower.as_str()).collect();
    let clauses = clauses(words);
    let question = is_question(text, &lower);
    let ordered = clauses.len() > 1
        && clauses.iter().any(|clause| is_order(&lower[clause.clone()], lexicon) && !negated(&lower[clause.clone()]));
    let mut found = Vec::new();
    if !ordered && clauses.iter().any(|clause| negated(&lower[clause.clone()])) || negated(&lower) && clauses.len() == 1
    {
        found.push(Cue::Negated);
    }
    if hypothetical(&lower) {
        found.push(Cue::Hypothetical);
    }
    if conditional(&lower) {
        found.push(Cue::Conditional);
    }
    if !question && !ordered && clauses.iter().any(|clause| past(&lower[clause.clone()], lexicon)) {
        found.push(Cue::Past);
    }
    if advice(text, words, &lower, lexicon) {
        found.push(Cue::Advice);
    }
    if quoted(text, &lower) {
        found.push(Cue::Quoted);
    }
    if scheduled(words, &lower, now) {
        found.push(Cue::Scheduled);
    }
    found
}

/// Word ranges between commas and the like; "but" and "so" begin a clause as well.
fn clauses(words: &[Word]) -> Vec<std::ops::Range<usize>> {
    let mut clauses = Vec::new();
    let mut start = 0;
    for (index, word) in words.iter().enumerate() {
        let next_turns =
            words.get(index + 1).is_some_and(|next| matches!(next.lower.as_str(), "but" | "so" | "because"));
        if word.breaks || next_turns || index + 1 == words.len() {
            clauses.push(start..index + 1);
            start = index + 1;
        }
    }
    clauses
}

const LEADS: [&str; 16] = [
    "please", "pls", "plz", "just", "so", "but", "then", "and", "ok", "okay", "kindly", "now", "simply", "go", "hey",
    "well",
];

/// Whether a clause begins like an order: "restart it", "please just restart it", "can you restart it".
fn is_order(clause: &[&str], lexicon: &Lexicon<'_>) -> bool {
    let rest: Vec<&str> = clause.iter().copied().skip_while(|word| LEADS.contains(word)).collect();
    match rest.as_slice() {
        [first, ..] if lexicon.verbs.contains(*first) && !first.ends_with("ed") => true,
        [
            "can" | "could" | "would" | "will" | "can't" | "couldn't",
            "you" | "we" | "someone" | "somebody" | "anyone" | "i",
            ..,
        ] => true,
        ["i" | "we", "need" | "want", ..] | ["i'd", "like", ..] => true,
        _ => false,
    }
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

fn negated(clause: &[&str]) -> bool {
    const ALWAYS: [&str; 34] = [
        "no need",
        "no reason",
        "refrain from",
        "let's not",
        "lets not",
        "rather not",
        "better not",
        "not going to",
        "should not",
        "shouldn't",
        "must not",
        "mustn't",
        "hold off",
        "nobody",
        "no one",
        "not necessary",
        "isn't necessary",
        "not needed",
        "isn't needed",
        "not to",
        "stay away",
        "keep your hands",
        "hands off",
        "leave it alone",
        "instead of",
        "under no circumstances",
        "by no means",
        "did not ask",
        "didn't ask",
        "don't want",
        "do not want",
        "dont want",
        "needn't",
        "need not",
    ];
    if ALWAYS.iter().any(|phrase| contains(clause, phrase)) {
        return true;
    }
    clause.iter().enumerate().any(|(index, word)| {
        let next = clause.get(index + 1).copied();
        let before = index.checked_sub(1).map(|at| clause[at]);
        let subject_is_us = matches!(before, Some("i" | "we" | "you" | "i'd" | "we'd"));
        match *word {
            // "why don't you restart it" asks for it.
            "don't" | "dont" => {
                !(before == Some("why")
                    || matches!(next, Some("you" | "know" | "worry" | "care" | "see" | "understand")))
                    && (before.is_none()
                        || !matches!(
                            before,
                            Some("they" | "things" | "logs" | "users" | "customers" | "requests" | "pods")
                        ))
            }
            "do" if next == Some("not") => !matches!(before, Some("they" | "users" | "customers" | "why")),
            "never" => next != Some("mind") && !matches!(before, Some("has" | "have" | "it")),
            "won't" | "wont" | "wouldn't" | "can't" | "cannot" => {
                next != Some("you")
                    && next != Some("we")
                    && next != Some("someone")
                    && next != Some("somebody")
                    && subject_is_us
                    && !(matches!(*word, "can't" | "cannot") && before == Some("i"))
            }
            "not" => {
                matches!(
                    before,
                    Some(
                        "i'm"
                            | "we're"
                            | "are"
                            | "am"
                            | "will"
                            | "please"
                            | "would"
                            | "definitely"
                            | "absolutely"
                            | "certainly"
                            | "why"
                    )
                ) && !matches!(
                    next,
                    Some(
                        "working"
                            | "responding"
                            | "up"
                            | "reachable"
                            | "healthy"
                            | "running"
                            | "available"
                            | "sure"
                            | "ok"
                            | "loading"
                            | "answering"
                            | "able"
                    )
                )
            }
            "avoid" | "without" => next.is_some_and(|next| next.ends_with("ing")),
            _ => false,
        }
    })
}

fn hypothetical(lower: &[&str]) -> bool {
    const PHRASES: [&str; 58] = [
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
        && PHRASES.iter().any(|phrase| contains(lower, phrase))
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

/// Whether a word is the past of a verb that begins requests.
fn is_past(word: &str, lexicon: &Lexicon<'_>) -> bool {
    const IRREGULAR: [&str; 26] = [
        "did", "ran", "took", "rolled", "brought", "shut", "sent", "gave", "went", "made", "told", "fixed", "wrote",
        "got", "kicked", "bumped", "moved", "switched", "turned", "reverted", "tried", "paged", "pushed", "woke",
        "cordoned", "pulled",
    ];
    if IRREGULAR.contains(&word) {
        return true;
    }
    let Some(stem) = word.strip_suffix("ed") else { return false };
    let undoubled = stem.strip_suffix(|c: char| stem.chars().rev().nth(1) == Some(c)).unwrap_or(stem);
    [stem.to_owned(), format!("{stem}e"), undoubled.to_owned()].iter().any(|verb| lexicon.verbs.contains(verb))
        || stem.strip_suffix('i').is_some_and(|stem| lexicon.verbs.contains(&format!("{stem}y")))
        || stem.strip_prefix("re").is_some_and(|stem| lexicon.verbs.contains(stem))
}

fn past(clause: &[&str], lexicon: &Lexicon<'_>) -> bool {
    const FILLERS: [&str; 22] = [
        "just", "already", "fyi", "ok", "so", "have", "had", "has", "'ve", "i've", "we've", "also", "now", "only",
        "finally", "update", "then", "and", "btw", "both", "all", "me",
    ];
    const SUBJECTS: [&str; 14] = [
        "i", "we", "they", "he", "she", "someone", "somebody", "i've", "we've", "they've", "he's", "she's", "who",
        "you",
    ];
    if contains(clause, "that was me") || contains(clause, "was me") {
        return true;
    }
    let lead: Vec<&str> = clause.iter().copied().skip_while(|word| FILLERS.contains(word)).collect();
    if let Some(first) = lead.first()
        && is_past(first, lexicon)
    {
        return true;
    }
    if matches!(lead.first().copied(), Some("done" | "handled" | "finished" | "sorted" | "fixed")) {
        return true;
    }
    // "mira restarted it", "i have already drained it", "we were draining it"
    for (index, word) in clause.iter().enumerate() {
        let subject = SUBJECTS.contains(word) || index == 0 && !lexicon.ordinary.contains(*word);
        if subject {
            let after: Vec<&str> = clause[index + 1..].iter().copied().skip_while(|w| FILLERS.contains(w)).collect();
            if after.first().is_some_and(|verb| is_past(verb, lexicon)) {
                return true;
            }
        }
        let passive = matches!(*word, "was" | "were" | "been" | "got" | "is" | "are");
        if passive && index > 0 {
            let after: Vec<&str> =
                clause[index + 1..].iter().copied().skip_while(|w| FILLERS.contains(w) || *w == "been").collect();
            let done = after.first().is_some_and(|verb| is_past(verb, lexicon));
            let still_asked = clause[..index].iter().any(|w| {
                matches!(*w, "should" | "must" | "needs" | "need" | "wants" | "want" | "has" | "have" | "if" | "be")
            });
            if done && (matches!(*word, "was" | "were" | "got") || *word == "been") && !still_asked {
                return true;
            }
            if done && *word == "been" {
                return true;
            }
            if matches!(*word, "is" | "are" | "was")
                && matches!(
                    after.first().copied(),
                    Some(
                        "done" | "through" | "finished" | "complete" | "resolved" | "out" | "back" | "merged" | "live"
                    )
                )
                && after.len() <= 3
            {
                return true;
            }
        }
    }
    false
}

fn advice(text: &str, words: &[Word], lower: &[&str], lexicon: &Lexicon<'_>) -> bool {
    const PHRASES: [&str; 26] = [
        "you should",
        "you could try",
        "you might want",
        "you may want",
        "you'd better",
        "you need to",
        "you have to",
        "have you tried",
        "did you try",
        "try to",
        "try restarting",
        "try turning",
        "why don't you try",
        "ask him",
        "ask her",
        "ask them",
        "someone should",
        "somebody should",
        "someone needs to",
        "somebody needs to",
        "i'd suggest",
        "i suggest",
        "i would suggest",
        "my advice",
        "i recommend",
        "i'd recommend",
    ];
    if PHRASES.iter().any(|phrase| contains(lower, phrase)) {
        return true;
    }
    let lead = lower
        .iter()
        .take_while(|word| matches!(**word, "hey" | "hi" | "hello" | "yo" | "ok" | "morning" | "dear"))
        .count();
    let Some(first) = words.get(lead) else { return false };
    let at_sign = text[..first.span.end].contains('@');
    let rest = &lower[lead + 1..];
    let asks = |word: &&str| {
        matches!(
            *word,
            "can"
                | "could"
                | "would"
                | "will"
                | "please"
                | "pls"
                | "plz"
                | "you"
                | "kindly"
                | "should"
                | "must"
                | "needs"
                | "let's"
                | "when"
                | "once"
                | "mind"
        )
    };
    if at_sign {
        return true;
    }
    let person = (lexicon.is_person)(first);
    let possessive = first.lower.ends_with("'s");
    if person
        && !possessive
        && (first.breaks || rest.first().is_some_and(asks) || rest.first().is_some_and(|w| lexicon.verbs.contains(*w)))
    {
        return true;
    }
    // A name nobody knows, spoken to: "jonas please merge 812".
    let name_like = !lexicon.ordinary.contains(&first.lower)
        && !lexicon.verbs.contains(&first.lower)
        && !(lexicon.is_thing)(first)
        && first.lower.chars().all(char::is_alphabetic)
        && first.lower.len() > 2;
    if name_like
        && rest.first().is_some_and(|word| {
            matches!(*word, "can" | "could" | "would" | "please" | "pls" | "you" | "will" | "kindly")
        })
    {
        let also_you = rest.len() > 1
            && (matches!(rest[1], "you") || lexicon.verbs.contains(rest[1]) || matches!(rest[0], "please" | "pls"));
        if also_you {
            return true;
        }
    }
    // "ask jonas to …", "tell mira to …", "get the platform team to …", "let yuto do it"
    matches!(lower.get(lead).copied(), Some("ask" | "tell" | "get" | "let" | "remind"))
        && !matches!(lower.get(lead + 1).copied(), Some("me" | "us" | "the" | "it" | "a" | "rid"))
        && rest.iter().any(|word| matches!(*word, "to" | "do" | "restart" | "handle" | "know"))
        && words.get(lead + 1).is_some_and(|word| (lexicon.is_person)(word) || !lexicon.ordinary.contains(&word.lower))
}

fn quoted(text: &str, lower: &[&str]) -> bool {
    let speech = [
        "said", "says", "wrote", "writes", "told", "saying", "reads", "read", "goes", "typed", "quote", "asked",
        "meme", "sticker", "song",
    ];
    let marks = text.matches(['"', '“', '”']).count() >= 2;
    let told = lower.iter().take(8).any(|word| speech.contains(word));
    let opens = matches!(text.trim_start().chars().next(), Some('"' | '“' | '«' | '$' | '{' | '<'));
    let whole = opens && text.trim_end().ends_with(['"', '”', '»']);
    let pasted = text.trim_start().starts_with("$ ")
        || matches!(
            lower.first().copied(),
            Some("sudo" | "kubectl" | "systemctl" | "docker" | "error" | "traceback" | "warn" | "fatal" | "panic")
        );
    let told_first = marks
        && told
        && !matches!(
            lower.first().copied(),
            Some(
                "open"
                    | "create"
                    | "comment"
                    | "add"
                    | "page"
                    | "raise"
                    | "file"
                    | "post"
                    | "update"
                    | "new"
                    | "please"
                    | "can"
                    | "could"
                    | "set"
                    | "tell"
                    | "put"
                    | "log"
                    | "write"
                    | "call"
                    | "make"
                    | "silence"
                    | "find"
                    | "search"
                    | "grep"
            )
        );
    whole || pasted || told_first
}

fn scheduled(words: &[Word], lower: &[&str], now: &Zoned) -> bool {
    let recurring = lower.windows(2).any(|pair| {
        matches!(pair, ["every", next] if !matches!(*next, "service" | "single" | "host" | "container" | "pod" | "one"))
            || matches!(
                pair,
                ["later", "today" | "tonight" | "on"] | ["first", "thing"] | ["end", "of"] | ["over", "lunch"]
            )
    });
    recurring
        || matches!(lower.last().copied(), Some("later" | "tomorrow" | "tonight" | "eod"))
        || recognise::later_time(words, now)
}
