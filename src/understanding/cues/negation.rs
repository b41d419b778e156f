//! What a clause says not to do, or not to be wanted.

use super::contains;

/// Whether a clause says no to something: "don't restart it", "no need to", "hold off on".
pub(super) fn negated(clause: &[&str]) -> bool {
    const ALWAYS: [&str; 73] = [
        "you didn't",
        "you didnt",
        "you did not",
        "can't have",
        "cant have",
        "without a",
        "without the",
        "without any",
        "doesn't need",
        "doesnt need",
        "does not need",
        "don't need",
        "dont need",
        "do not need",
        "no one has to",
        "nobody has to",
        "didn't say",
        "didnt say",
        "did not say",
        "never said",
        "don't you dare",
        "dont you dare",
        "a no on",
        "a no to",
        "please not",
        "you not",
        "not that i",
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
        "nobody should",
        "nobody must",
        "nobody needs",
        "nobody touch",
        "nobody touches",
        "nobody wants",
        "nobody asked",
        "nobody restart",
        "no one should",
        "no one needs",
        "noone",
        "no one must",
        "no one touch",
        "no one asked",
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
