//! Bytes that are no messages, too many of them, and words in any order: nothing falls over.

use crate::harness::{Home, Sleeper};

#[test]
fn what_is_too_much_is_refused_and_not_cut() {
    let mut sleeper = Sleeper::start();
    let kill = format!("process.kill pid={}", sleeper.pid());
    let home = Home::new();
    let mut chat = home.chat();
    let padded = |bytes: usize| "a".repeat(bytes - kill.len() - 1) + " " + &kill;
    assert_eq!(chat.answer(padded(100_000)), "That message has 100000 bytes; I read at most 4000. Nothing was done.\n");
    // The end of a line that is longer than what is read at all is no line of its own.
    assert_eq!(
        chat.answer(padded(1_000_000)),
        "That message has 262144 bytes; I read at most 4000. Nothing was done.\n"
    );
    chat.leave();
    assert!(sleeper.is_alive());
    home.assert_whole(6);
}

/// Words of real messages in any order, with what joins and cuts clauses, in conversations: all of it is understood as
/// something, and nothing falls over.
#[test]
fn words_in_any_order_are_understood_as_something() {
    const JOINTS: [&str; 14] =
        ["and", "then", "also", "not", "instead", ",", ".", "?", ":", "-", "\"", "no,", "yes", "the same for"];
    const CONVERSATIONS: usize = 400;
    const TURNS: usize = 3;
    let lines = include_str!("../cues/several.tsv").lines().chain(include_str!("../cues/negated.tsv").lines());
    let words: Vec<&str> = lines.flat_map(|line| line.split_whitespace().skip(1)).chain(JOINTS.repeat(20)).collect();
    // A line of random numbers, always the same (a linear congruential generator with Knuth's constants).
    let mut state = 2026_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let mut turn = || (0..=below(12)).map(|_| words[below(words.len())]).collect::<Vec<_>>().join(" ");
    let input: String = (0..CONVERSATIONS)
        .map(|id| {
            let turns: Vec<String> = (0..TURNS).map(|_| turn()).collect();
            format!("{}\n", serde_json::json!({"id": id.to_string(), "turns": turns}))
        })
        .collect();
    let organisation = include_str!("../cues/organisation.toml");
    let ended = Home::bare(organisation).run(&["understand", "--jsonl", "--now", "2026-11-18T09:00:00Z"], input);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.out.lines().count(), CONVERSATIONS);
}

#[test]
fn bytes_that_are_no_text_are_dropped() {
    let home = Home::new();
    let mut chat = home.chat();
    for silent in [b"\xff\xfe\x80\x00".as_slice(), b"", b"   \t ", b"\r", b"\0\x01\x07\x08"] {
        assert_eq!(chat.answer(silent), "", "{silent:?}");
    }
    assert!(!chat.answer(b"kill \xff\xfe the \xc3\x28 lights").contains('┌'));
    chat.leave();
}
