//! A decision at the console: its card, letter by letter, and what is on record.

use crate::harness::{Home, Sleeper};

#[test]
fn a_process_is_ended_after_a_yes_and_not_before() {
    let mut sleeper = Sleeper::start();
    let pid = sleeper.pid();
    let home = Home::new();
    let mut chat = home.chat();
    let card = chat.ask(format!("pls kill {pid} its stuck"), "└");
    let lines: Vec<&str> = card.lines().collect();
    assert_eq!(lines[0], "┌ Kill a process · destructive");
    assert_eq!(lines[1], format!("│ command   process.kill pid={pid}"));
    assert_eq!(lines[2], format!("│ runs      host: process.kill pid={pid}"));
    assert!(lines[3].starts_with(&format!("│ now       process {pid} is sleep of ")), "{card}");
    assert_eq!(lines[4], "│           sleep 1000");
    assert!(lines[7].starts_with("└ 1 confirm: run it   2 cancel: do nothing   ("), "{card}");
    assert!(sleeper.is_alive(), "nothing happens before the choice");

    assert_eq!(
        chat.ask("1", "has ended"),
        format!("running `process.kill pid={pid}` …\nprocess {pid} (sleep) has ended\n")
    );
    assert!(!sleeper.is_alive());
    // A second press finds nothing to decide.
    chat.ask("1", "Nothing waits for an answer. Nothing was done.");
    chat.leave();

    let trail = home.audit(&["search", &format!("pid={pid}")]);
    let kinds: Vec<&str> = trail.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["proposal_created", "proposal_confirmed", "execution_started", "execution_ended"]);
    let verdict = trail[0]["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("confirm"), "{verdict}");
    let actor = trail[1]["actor"].as_str().unwrap();
    assert!(actor.starts_with("console:"), "{actor}");
    assert_eq!(trail[2]["approvers"][0], actor);
    assert_eq!(trail[3]["summary"], format!("process {pid} (sleep) has ended"));
    home.assert_whole(4);
}

#[test]
fn a_yes_that_may_answer_a_question_decides_nothing() {
    let mut sleeper = Sleeper::start();
    let pid = sleeper.pid();
    let home = Home::new();
    let mut chat = home.chat();
    let card = chat.ask(format!("process.kill pid={pid}"), "└");
    let code = &card.trim_end()[card.trim_end().len() - 5..][..4];
    // No yes, and nothing else either: what waits is said.
    chat.ask(
        "ye",
        &format!("That is neither a yes nor a no. `{code}` still waits for one (`process.kill pid={pid}`)."),
    );
    chat.ask("look up the dns records", "Which");
    chat.ask(
        "yes",
        &format!(
            "I have asked you something since, and do not take that for a yes. Say `confirm {code}` for `process.kill pid={pid}`."
        ),
    );
    assert!(sleeper.is_alive());
    // What is answered or dropped is no question any more.
    chat.ask("never mind", "All right, dropped. Nothing was done.");
    chat.ask("yes", "has ended");
    assert!(!sleeper.is_alive());
    chat.leave();
}

#[test]
fn a_process_that_is_gone_is_told_and_not_looked_for_again() {
    let home = Home::new();
    let mut chat = home.chat();
    let sleeper = Sleeper::start();
    let pid = sleeper.pid();
    chat.ask(format!("process.kill pid={pid}"), "└");
    drop(sleeper);
    let said = chat.ask("1", &format!("finds no process {pid}"));
    assert!(!said.contains("running"), "{said}");
    chat.ask("process.kill pid=1", "does not end process 1: the machine ends with it");
    chat.leave();
}
