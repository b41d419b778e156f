//! Clauses: what a message says, one thing after the other, and which of them may ask for something.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::cues::Lexicon;
use super::words::Word;

/// What people say around a request and that says nothing about it, though it sounds like a condition, a negation or a
/// doubt: "if you don't mind", "as soon as you can", "no rush but", "I might be wrong but"; and the bot called by name.
static COURTESIES: LazyLock<Regex> = LazyLock::new(|| {
    let patterns = [
        r"^\W*(?:hey|hi|hello|ok|okay|yo|dear|thanks|thank you|morning|good morning)?,?\s*@?(?:sayso|bot)\b\W*",
        r",\s*(?:sayso|bot)\b",
        r"if (?:you|u) (?:don['’]?t|do not|wouldn['’]?t|would not) mind(?: me asking)?",
        r"if (?:it['’]?s |it is |that['’]?s |that is |there['’]?s |there is )?(?:not |no )(?:too much |any |much |a |of a )?(?:trouble|problem|bother|hassle|inconvenience)",
        r"if (?:it|that|this)(?: is|['’]?s) (?:ok|okay|alright|all right|fine|possible|convenient|doable)(?: (?:with|for|by) (?:you|u|everyone|everybody|all))?",
        r"if (?:possible|convenient|at all possible)",
        r"if (?:you|u)(?:['’]?d| would| could) be so (?:kind|nice|good)(?: as to)?",
        r"if (?:you|u) (?:can|could|may|please|would)(?:,| please)",
        r"(?:if|when|whenever|once|as soon as) (?:you|u)(?:['’]ve| have| get| got| find)(?: got)? (?:a |the |some |one |your )?(?:free |spare |quiet )?(?:sec|second|min|minute|mins|moment|chance|time|hand|hands)(?: free| spare)?",
        r"(?:when|whenever|as soon as) (?:you|u) (?:can|could|are ready|are free)",
        r"as soon as possible",
        r"just in case",
        r"in case (?:you|u|anyone|anybody|someone) (?:did not|didn['’]?t|missed|have not|haven['’]?t)[^,:;.!?]*",
        r"if memory serves(?: me)?(?: right| well)?",
        r"if (?:i remember|i recall)(?: it)?(?: right| rightly| correctly| well)?",
        r"(?:if|unless) (?:i['’]?m|i am) (?:not )?(?:mistaken|wrong|missing something)",
        r"once and for all",
        r"once (?:more|again)",
        r"even if it (?:hurts|takes \w+)",
        r"no ifs,?(?: and)? (?:no )?(?:ands,? (?:or )?)?buts",
        r"whether (?:\w+) (?:likes?|wants?) it or not",
        r"no (?:rush|hurry|stress|worries|pressure)(?:,? (?:but|though))?",
        r"(?:and )?don['’]?t (?:ask(?: me)?(?: why)?|worry|panic|hesitate|wait)(?: about it| for \w+)?",
        r"i (?:might|may|could) be wrong(?: about [^,:;.!?]*?)?(?:,? but)",
        r"(?:be a (?:dear|darling|star|champ|sweetheart|mate)|do me a favou?r|hurry up|come on|go ahead|go on|stop messing (?:about|around)) and",
        r"sorry (?:to|for) (?:bother|bothering|disturb|disturbing|interrupt|interrupting)(?: you)?",
    ];
    let whole = format!(r"(?i)(?:{})", patterns.join("|"));
    // The patterns are constants, and a test compiles them.
    #[expect(clippy::expect_used, reason = "constant patterns")]
    Regex::new(&whole).expect("sound patterns")
});

/// How a request is put as a question or a wish; what comes after is the request.
static OPENERS: LazyLock<Regex> = LazyLock::new(|| {
    let who = "(?:you|u|someone|somebody|anyone|anybody)";
    let patterns = [
        format!(r"i(?:['’]?m| am| was)? (?:just )?wonder(?:ing)? (?:if|whether) {who} (?:could|can|would|might)"),
        format!(r"(?:might|may|could|can) i (?:just )?ask {who} to"),
        format!(r"(?:would|do) {who} mind"),
        format!(r"(?:perhaps |maybe )?{who} could be so (?:kind|nice|good) (?:and|as to|to)"),
        format!(r"(?:do you )?think {who} (?:could|can)"),
        format!(r"(?:would|is) it (?:be )?possible (?:for {who} )?to"),
        format!(r"(?:any|is there any|is there a) (?:chance|way) {who} (?:could|can)"),
        format!(
            r"(?:why )?(?:can|could|would|will|can['’]?t|couldn['’]?t|don['’]?t) {who}(?: (?:please|pls|plz|possibly|maybe|kindly|just|be so kind (?:and|as to)))*"
        ),
        r"may i know (?:whether|if)".to_owned(),
        format!(r"(?:can|could|would|will) {who} (?:please )?tell me (?:whether|if)"),
        r"i(?:['’]?d| would) (?:really )?(?:need|like) you to".to_owned(),
        r"i (?:hereby )?request (?:a|an|the)".to_owned(),
    ];
    // The patterns are constants, and a test compiles them.
    #[expect(clippy::expect_used, reason = "constant patterns")]
    Regex::new(&format!(r"(?i)\b(?:{})\b", patterns.join("|"))).expect("sound patterns")
});

/// A clause without the words that make a question or a wish of a request; `None` if it has none.
pub fn without_opener(clause: &str) -> Option<&str> {
    let found = OPENERS.find(clause).filter(|found| clause[..found.start()].split_whitespace().count() <= 3)?;
    Some(clause[found.end()..].trim_start()).filter(|rest| !rest.is_empty())
}

/// The stretches of a text that are courtesies.
pub fn courtesies(text: &str) -> Vec<Range<usize>> {
    COURTESIES.find_iter(text).map(|found| found.range()).collect()
}

/// Word ranges between commas and the like; "but", "so" and "because" begin a clause as well.
pub fn clauses(words: &[Word]) -> Vec<Range<usize>> {
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

const LEADS: [&str; 24] = [
    "please",
    "pls",
    "plz",
    "plss",
    "just",
    "so",
    "but",
    "then",
    "and",
    "ok",
    "okay",
    "kindly",
    "now",
    "simply",
    "go",
    "hey",
    "well",
    "thanks",
    "thx",
    "therefore",
    "whatever",
    "alright",
    "again",
    "quickly",
];

/// Whether a clause begins like an order: "restart it", "please just restart it", "can you restart it".
pub fn is_order(clause: &[&str], lexicon: &Lexicon<'_>) -> bool {
    let rest: Vec<&str> = clause.iter().copied().skip_while(|word| LEADS.contains(word)).collect();
    match rest.as_slice() {
        [first, ..] if lexicon.verbs.contains(*first) && !first.ends_with("ed") => true,
        [
            "can" | "could" | "would" | "will" | "can't" | "cant" | "couldn't" | "couldnt",
            "you" | "u" | "we" | "someone" | "somebody" | "anyone" | "anybody" | "i",
            ..,
        ] => true,
        ["i" | "we", "need" | "want", ..] | ["i'd" | "id", "like", ..] | ["i", "would", "like", ..] => true,
        ["you", "can" | "may", ..] => true,
        _ => false,
    }
}

/// Whether a clause begins like a question for facts, or an order to show some.
pub fn is_question(clause: &[&str]) -> bool {
    let rest: Vec<&str> = clause.iter().copied().skip_while(|word| LEADS.contains(word)).collect();
    rest.len() > 1
        && (is_show(rest[0])
            || matches!(rest[0], "when" | "where" | "is" | "are" | "does" | "did" | "has" | "any" | "get" | "look"))
}

/// Whether a word begins an order to show something.
pub fn is_show(word: &str) -> bool {
    matches!(
        word,
        "show"
            | "list"
            | "find"
            | "give"
            | "tell"
            | "check"
            | "search"
            | "what"
            | "whats"
            | "what's"
            | "who"
            | "whos"
            | "who's"
            | "which"
            | "how"
            | "grep"
            | "compare"
    )
}

/// Whether the rest of a sentence hangs on this clause: "if it fails again", "once tom has approved".
pub fn is_condition(clause: &[&str]) -> bool {
    match clause {
        [
            "if" | "unless" | "once" | "until" | "till" | "whenever" | "assuming" | "provided" | "when" | "should"
            | "suppose" | "supposing",
            ..,
        ] => clause.len() > 1,
        ["in", "case", ..] | ["as", "soon" | "long", "as", ..] | ["every" | "each" | "next", "time", ..] => true,
        ["the", "moment", ..] | ["wait", "until" | "till" | "for", ..] | ["depending", ..] | ["subject", "to", ..] => {
            true
        }
        ["in", "the", rest @ ..] => rest.contains(&"case") || rest.contains(&"event"),
        ["only", "after" | "before", ..] | ["on" | "at", "the", "first", ..] => true,
        ["only", rest @ ..] | ["and", rest @ ..] | ["but", rest @ ..] | ["even", rest @ ..] => is_condition(rest),
        ["after" | "before", next, ..] => !matches!(*next, "the" | "that" | "this" | "last"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn courtesies_are_found_and_conditions_are_not() {
        for (text, rest) in [
            ("if you don't mind, restart web", ", restart web"),
            ("restart web as soon as you can", "restart web "),
            ("hey sayso, restart web", "restart web"),
            ("no rush but restart web", " restart web"),
            ("take a backup, just in case", "take a backup, "),
            ("be a dear and drain it", " drain it"),
            ("if it fails again, restart web", "if it fails again, restart web"),
            ("once mira is back restart web", "once mira is back restart web"),
            ("don't restart web", "don't restart web"),
        ] {
            let mut left = text.to_owned();
            for range in courtesies(text).into_iter().rev() {
                left.replace_range(range, "");
            }
            assert_eq!(left, rest, "{text}");
        }
    }

    #[test]
    fn conditions() {
        for clause in ["if it fails", "once tom has approved", "only if it hangs", "as soon as it is up"] {
            assert!(is_condition(&clause.split(' ').collect::<Vec<_>>()), "{clause}");
        }
        for clause in ["the window is over", "after that", "before"] {
            assert!(!is_condition(&clause.split(' ').collect::<Vec<_>>()), "{clause}");
        }
    }
}
