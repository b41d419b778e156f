//! Who speaks to whom, and of when: reports of what was done, advice to others, quotations.

use super::super::clauses::{clauses, is_order, is_question, without_opener};
use super::super::words::Word;
use super::{Lexicon, contains};

/// Whether a word is the past of a verb that begins requests.
fn is_past(word: &str, lexicon: &Lexicon<'_>) -> bool {
    const IRREGULAR: [&str; 25] = [
        "did", "ran", "took", "rolled", "brought", "sent", "gave", "went", "made", "told", "fixed", "wrote", "got",
        "kicked", "bumped", "moved", "switched", "turned", "reverted", "tried", "paged", "pushed", "woke", "cordoned",
        "pulled",
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

/// Kinds of things that one lists by their state: "closed tickets", "merged prs".
fn is_kind(word: &str) -> bool {
    matches!(
        word,
        "tickets"
            | "issues"
            | "incidents"
            | "alerts"
            | "prs"
            | "pull"
            | "builds"
            | "runs"
            | "deploys"
            | "deployments"
            | "containers"
            | "nodes"
            | "flags"
            | "proposals"
            | "sev1s"
            | "sev2s"
            | "jobs"
    )
}

pub(super) fn past(clause: &[&str], lexicon: &Lexicon<'_>) -> bool {
    const FILLERS: [&str; 22] = [
        "just", "already", "fyi", "ok", "so", "have", "had", "has", "'ve", "i've", "we've", "also", "now", "only",
        "finally", "update", "then", "and", "btw", "both", "all", "me",
    ];
    const SUBJECTS: [&str; 14] = [
        "i", "we", "they", "he", "she", "someone", "somebody", "i've", "we've", "they've", "he's", "she's", "who",
        "you",
    ];
    const OUTCOMES: [&str; 22] = [
        "was set to",
        "was put",
        "has finished",
        "is finished",
        "was me",
        "went through",
        "went fine",
        "went well",
        "went smoothly",
        "went ok",
        "worked fine",
        "did the trick",
        "didn't help",
        "didnt help",
        "did not help",
        "no luck",
        "no change",
        "no effect",
        "fixed it",
        "solved it",
        "as expected",
        "looks fine",
    ];
    if OUTCOMES.iter().any(|outcome| contains(clause, outcome)) {
        return true;
    }
    let lead: Vec<&str> = clause.iter().copied().skip_while(|word| FILLERS.contains(word)).collect();
    // "put 1.4.2 on staging an hour ago": these are the same in the past.
    if clause.len() > 2
        && clause[1] == "of"
        && matches!(clause.last().copied(), Some("finished" | "failed" | "succeeded"))
    {
        return true;
    }
    let ago = matches!(clause.last().copied(), Some("ago" | "earlier" | "already"));
    if ago && matches!(lead.first().copied(), Some("set" | "put" | "shut" | "cut" | "let" | "hit"))
        || matches!(clause, ["had", "to", ..] | ["i" | "we", "had", "to", ..])
        || matches!(clause, [_, "haven't" | "havent" | "hadn't", ..])
    {
        return true;
    }
    if let Some(first) = lead.first()
        && is_past(first, lexicon)
        && !lead.get(1).is_some_and(|next| is_kind(next))
    {
        return true;
    }
    if matches!(lead.first().copied(), Some("done" | "handled" | "finished" | "sorted" | "fixed")) {
        return true;
    }
    // "mira restarted it", "i have already drained it", "we were draining it"
    for (index, word) in clause.iter().enumerate() {
        // "i'd be grateful if you restarted it" asks for it.
        let wished = clause[..index].contains(&"if");
        let subject = !wished && SUBJECTS.contains(word) || index == 0 && !lexicon.ordinary.contains(*word);
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

pub(super) fn advice(text: &str, words: &[Word], lower: &[&str], lexicon: &Lexicon<'_>) -> bool {
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
    let to_the_bot = matches!(first.lower.trim_start_matches('@'), "sayso" | "bot" | "assistant");
    let at_sign = !to_the_bot && (first.lower.starts_with('@') || text[..first.span.start].ends_with('@'));
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
                | "why"
                | "when"
                | "once"
                | "mind"
        )
    };
    if at_sign || lower.first() == Some(&"dear") && !to_the_bot {
        return true;
    }
    // "would you page storage, mira? they never pick up", "what you want to do, priya, is …"
    let called = words
        .iter()
        .enumerate()
        .skip(1)
        .any(|(index, word)| word.breaks && words[index - 1].breaks && lexicon.is_person(word));
    if called && lower.iter().any(|word| matches!(*word, "you" | "u" | "your")) {
        return true;
    }
    // "would you page storage, mira?", "can you promote it @mira"
    if let [.., before, last] = words
        && lexicon.is_person(last)
        && (before.breaks && !matches!(before.lower.as_str(), "thanks" | "thank" | "hi" | "hello")
            || last.lower.starts_with('@')
            || text[..last.span.start].ends_with('@')
            || matches!(lower[lower.len().saturating_sub(3)..], ["would" | "could" | "can" | "will", "you", _]))
        && lower.iter().any(|word| matches!(*word, "you" | "u" | "your"))
    {
        return true;
    }
    let person = lexicon.is_person(first);
    let possessive = first.lower.ends_with("'s");
    if person
        && !possessive
        && (first.breaks
            || rest.first().is_some_and(asks)
            || rest.first() == Some(&"if") && rest.contains(&"you")
            || rest.first().is_some_and(|w| lexicon.verbs.contains(*w)))
    {
        return true;
    }
    // A name nobody knows, spoken to: "jonas please merge 812".
    let name_like = !first.lower.ends_with("nt")
        && !lexicon.ordinary.contains(&first.lower)
        && !lexicon.verbs.contains(&first.lower)
        && !lexicon.is_thing(first)
        && first.lower.chars().all(char::is_alphabetic)
        && first.lower.len() > 2;
    if name_like
        && rest.first().is_some_and(|word| {
            matches!(*word, "can" | "could" | "would" | "please" | "pls" | "you" | "u" | "will" | "kindly")
        })
    {
        let also_you = rest.len() > 1
            && (matches!(rest[1], "you" | "u")
                || matches!(rest[0], "you" | "u") && matches!(rest[1], "need" | "should" | "must" | "have" | "could")
                || lexicon.verbs.contains(rest[1])
                || matches!(rest[0], "please" | "pls"));
        if also_you {
            return true;
        }
    }
    // "ask jonas to …", "tell mira to …", "get the platform team to …", "let yuto do it"
    matches!(lower.get(lead).copied(), Some("ask" | "tell" | "get" | "let" | "remind"))
        && !matches!(lower.get(lead + 1).copied(), Some("me" | "us" | "the" | "it" | "a" | "rid"))
        && rest.iter().any(|word| matches!(*word, "to" | "do" | "restart" | "handle" | "know"))
        && words.get(lead + 1).is_some_and(|word| lexicon.is_person(word) || !lexicon.ordinary.contains(&word.lower))
}

/// Words that open a request which itself holds a text: "post …", "set the title to …".
const WRITES: [&str; 33] = [
    "open", "create", "comment", "add", "page", "raise", "file", "post", "update", "new", "please", "can", "could",
    "set", "tell", "put", "log", "write", "call", "make", "silence", "find", "search", "grep", "note", "wake", "sev1",
    "sev2", "sev3", "incident", "ticket", "alert", "declare",
];

pub(super) fn quoted(text: &str, lower: &[&str]) -> bool {
    let speech = [
        "said", "says", "wrote", "writes", "told", "saying", "reads", "read", "goes", "typed", "quote", "asked",
        "meme", "sticker", "song",
    ];
    let papers = [
        "mail",
        "email",
        "e-mail",
        "message",
        "description",
        "subject",
        "changelog",
        "title",
        "headline",
        "body",
        "output",
        "log",
        "diff",
        "dm",
        "commit",
        "letter",
        "banner",
        "readme",
        "docs",
        "runbook",
        "wiki",
        "error",
        "entry",
        "history",
        "printout",
        "note",
        "memo",
        "slide",
        "text",
    ];
    let first = lower.first().copied().unwrap_or_default();
    let marks =
        text.matches(['"', '“', '”']).count() >= 2 || text.matches([' ', '\'']).count() >= 3 && text.contains(" '");
    let told = lower.iter().take(8).any(|word| speech.contains(word));
    let opens = matches!(text.trim_start().chars().next(), Some('"' | '“' | '«' | '$' | '{' | '<'));
    let whole = opens && text.trim_end().ends_with(['"', '”', '»']);
    let prompt = text.split_whitespace().next().is_some_and(|first| first.len() > 1 && first.ends_with(['$', '#']));
    let prompt = prompt || text.split_once("# ").is_some_and(|(head, _)| !head.contains(' ') && head.contains('-'));
    let shell = prompt
        || match lower {
            ["docker", "ps" | "logs" | "restart" | "stop" | "start", ..] => false,
            ["sudo" | "kubectl" | "systemctl" | "docker" | "traceback", ..] => true,
            // "error: no such host", "WARN [main] …"; but "error rate of web".
            ["error" | "warn" | "fatal" | "panic", ..] => {
                text.trim_start().trim_start_matches(char::is_alphabetic).trim_start().starts_with([':', '[', '('])
            }
            _ => false,
        };
    let header = text.trim_start().split_once(':').is_some_and(|(head, _)| {
        matches!(
            head.to_lowercase().as_str(),
            "subject" | "fwd" | "fw" | "re" | "from" | "commit" | "changelog" | "warning"
        )
    }) || text.contains("[FIRING")
        || text.contains("[RESOLVED")
        || text.starts_with("PLAY ")
        || text.starts_with("TASK [");
    // "the alert description reads: …", "the mail of ines: …"
    let orders = WRITES.contains(&first);
    let colon = text.find(": ").or_else(|| text.find(":\n"));
    let paper = colon.is_some_and(|colon| {
        let head = text[..colon].to_lowercase();
        let words: Vec<&str> = head.split_whitespace().collect();
        words.len() <= 6
            && words.last().is_some_and(|last| papers.contains(last) || ["reads", "says", "said", "was"].contains(last))
    });
    // "2026-02-11T04:12:09Z ERROR web restart requested": a line of a log.
    let mut pieces = text.split_whitespace();
    let timed = pieces.next().is_some_and(|first| {
        first.starts_with(|c: char| c.is_ascii_digit() || c == '[') && first.matches([':', '-']).count() >= 2
    });
    const LEVELS: [&str; 10] =
        ["ERROR", "WARN", "WARNING", "INFO", "DEBUG", "FATAL", "CRIT", "CRITICAL", "NOTICE", "TRACE"];
    let logged = timed && pieces.take(3).any(|piece| LEVELS.contains(&piece.trim_matches(['[', ']', ':'])));
    // Nobody ends a request like a statement of a program.
    let code = text.trim_end().ends_with(';') || text.contains("; --");
    whole
        || code
        || logged
        || text.trim_start().starts_with("$ ")
        || shell
        || header
        || !orders && (marks && told || paper)
}

/// Whether an order stands in quotation marks, and none outside of them: "her words were "restart web"".
pub(super) fn quotes_an_order(text: &str, words: &[Word], lexicon: &Lexicon<'_>) -> bool {
    const PAIRS: [(char, char); 6] = [('"', '"'), ('“', '”'), ('`', '`'), ('\'', '\''), ('«', '»'), ('‘', '’')];
    let bounded = |at: usize| at == 0 || text[..at].ends_with(|c: char| !c.is_alphanumeric());
    for (open, close) in PAIRS {
        let Some(start) = text.match_indices(open).map(|(at, _)| at).find(|at| bounded(*at)) else { continue };
        let inner = start + open.len_utf8();
        let closes = |at: &usize| {
            let after = &text[at + close.len_utf8()..];
            *at > inner && !after.starts_with(char::is_alphanumeric)
        };
        let Some(end) = text[inner..].match_indices(close).map(|(at, _)| inner + at).find(closes) else { continue };
        let (inside, outside): (Vec<Word>, Vec<Word>) =
            words.iter().cloned().partition(|word| word.span.start >= inner && word.span.end <= end);
        let lower = |words: &[Word]| words.iter().map(|word| word.lower.clone()).collect::<Vec<_>>();
        let orders = |words: &[Word]| {
            clauses(words).into_iter().any(|clause| {
                let lower = lower(&words[clause]);
                let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
                is_order(&lower, lexicon) || is_question(&lower)
            })
        };
        if inside.len() > 1 && orders(&inside) && !orders(&outside) && without_opener(text).is_none() {
            return true;
        }
    }
    false
}
