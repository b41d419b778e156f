//! What changes something waits for a decision.

use crate::harness::{Home, Platform, Sleeper};

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
fn declining_leaves_it_alive() {
    let mut sleeper = Sleeper::start();
    let pid = sleeper.pid();
    let home = Home::new();
    let mut chat = home.chat();
    for no in ["2", "no"] {
        chat.ask(format!("pls kill {pid} its stuck"), "└");
        chat.ask(no, "is cancelled. Nothing was done.");
    }
    chat.leave();
    assert!(sleeper.is_alive());
    assert_eq!(home.trail(), ["proposal_created", "proposal_cancelled"].repeat(2));
    home.assert_whole(4);
}

#[test]
fn a_yes_in_words_and_one_with_the_code() {
    let home = Home::new();
    let mut chat = home.chat();
    let mut first = Sleeper::start();
    chat.ask(format!("pls kill {} its stuck", first.pid()), "└");
    chat.ask("yes", "has ended");
    assert!(!first.is_alive());

    let (mut second, mut third) = (Sleeper::start(), Sleeper::start());
    let card = chat.ask(format!("process.kill pid={}", second.pid()), "└");
    let code = card.trim_end().rsplit('(').next().unwrap().trim_end_matches(')').to_owned();
    chat.ask(format!("process.kill pid={}", third.pid()), "└");
    // Two wait: a bare yes names neither.
    chat.ask("yes", "Several of yours wait. Say which: `confirm ");
    assert!(second.is_alive() && third.is_alive());
    chat.ask(format!("approve {code}"), "That does not count for");
    chat.ask(format!("cancel {code}"), "is cancelled. Nothing was done.");
    chat.ask("yes", "has ended");
    assert!(second.is_alive() && !third.is_alive());
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

#[test]
fn a_proposal_expires() {
    let mut sleeper = Sleeper::start();
    let home = Home::with("[proposal]\nexpires_after = \"PT10S\"\n");
    let mut chat = home.chat();
    chat.ask(format!("process.kill pid={}", sleeper.pid()), "└");
    chat.hear("has expired. Nothing was done; ask again if it is still wanted.");
    chat.ask("1", "Nothing waits for an answer. Nothing was done.");
    chat.leave();
    assert!(sleeper.is_alive());
    assert_eq!(home.trail(), ["proposal_created", "proposal_expired"]);
    home.assert_whole(2);
}

#[test]
fn production_needs_somebody_else() {
    let platform = Platform::start();
    let home = platform.home("");
    let mut chat = home.chat();
    let card = chat.ask("service.restart service=web environment=production", "└");
    assert!(card.contains("│ command   service.restart service=web environment=production\n"), "{card}");
    assert!(card.contains("│ note      somebody else has to approve this\n"), "{card}");
    assert!(card.contains("│ note      this touches production\n"), "{card}");
    let said = chat.ask("yes", "That does not count for");
    assert!(said.contains("Nothing") || !said.contains("running"), "{said}");
    chat.leave();
    assert!(!platform.is_asked());
    assert_eq!(home.trail(), ["proposal_created", "press_refused"]);
}

#[test]
fn a_waiting_proposal_can_be_corrected() {
    let platform = Platform::start();
    let home = platform.home("");
    let mut chat = home.chat();
    chat.ask("service.restart service=web environment=staging", "└");
    let said = chat.ask("make it checkout", "└");
    assert!(said.contains("│ command   service.restart service=checkout environment=staging\n"), "{said}");
    chat.say("1");
    let (request, stream) = platform.request();
    assert_eq!(request, "POST /services/checkout/restart HTTP/1.1");
    Platform::done(stream);
    chat.hear("checkout was restarted");
    chat.leave();
    assert_eq!(
        home.trail(),
        ["proposal_created", "proposal_edited", "proposal_confirmed", "execution_started", "execution_ended"]
    );
}
