//! What survives the end of the program, and what must not be done twice.

use crate::harness::{Home, Platform, Sleeper};

#[test]
fn a_pending_proposal_survives_a_restart() {
    let mut sleeper = Sleeper::start();
    let pid = sleeper.pid();
    let home = Home::new();
    let mut chat = home.chat();
    let card = chat.ask(format!("pls kill {pid} its stuck"), "└");
    chat.kill();
    assert!(sleeper.is_alive());

    let mut chat = home.chat();
    assert_eq!(chat.hear("└"), card, "it is shown again as it was");
    chat.ask("1", &format!("process {pid} (sleep) has ended"));
    chat.leave();
    assert!(!sleeper.is_alive());
    assert_eq!(home.trail(), ["proposal_created", "proposal_confirmed", "execution_started", "execution_ended"]);
    home.assert_whole(4);
}

#[test]
fn two_at_once_decide_once() {
    let mut sleeper = Sleeper::start();
    let pid = sleeper.pid();
    let home = Home::new();
    let mut first = home.chat();
    first.ask(format!("pls kill {pid} its stuck"), "└");
    let mut second = home.chat();
    second.hear("└");
    second.ask("1", "has ended");
    assert!(!sleeper.is_alive());
    first.ask("1", "That does not count for");
    assert_eq!(first.leave() + &second.leave(), "");
    assert_eq!(
        home.trail(),
        ["proposal_created", "proposal_confirmed", "execution_started", "execution_ended", "press_refused"]
    );
    home.assert_whole(5);
}

#[test]
fn what_expired_while_nobody_was_there_is_told() {
    let mut sleeper = Sleeper::start();
    let home = Home::with("[proposal]\nexpires_after = \"PT10S\"\n");
    let mut chat = home.chat();
    chat.ask(format!("process.kill pid={}", sleeper.pid()), "└");
    chat.kill();
    #[expect(clippy::disallowed_methods, reason = "nobody is there who could tell that the time has passed")]
    std::thread::sleep(std::time::Duration::from_secs(11));
    let mut chat = home.chat();
    chat.hear("has expired. Nothing was done; ask again if it is still wanted.");
    chat.ask("1", "Nothing waits for an answer. Nothing was done.");
    chat.leave();
    assert!(sleeper.is_alive());
    home.assert_whole(2);
}

#[test]
fn what_was_interrupted_is_unknown_and_not_done_again() {
    let platform = Platform::start();
    let home = platform.home("");
    let mut chat = home.chat();
    chat.ask("service.restart service=web", "└");
    chat.say("1");
    let (request, stream) = platform.request();
    assert_eq!(request, "POST /services/web/restart HTTP/1.1");
    chat.kill();
    drop(stream);

    let mut chat = home.chat();
    let told = chat.hear("I was interrupted");
    assert_eq!(
        told,
        "I was interrupted while `service.restart service=web` ran: whether it took effect is unknown. Look before you ask \
         again; I will not run it again by myself.\n"
    );
    // It is over: there is nothing left to say yes to.
    chat.ask("yes", "Nothing waits for an answer. Nothing was done.");
    chat.ask("1", "Nothing waits for an answer. Nothing was done.");
    assert_eq!(chat.leave(), "");
    // And it is told once.
    assert_eq!(home.chat().leave(), "");
    assert!(!platform.is_asked(), "it was done again");
    let trail = home.audit(&["list"]);
    assert_eq!(home.trail(), ["proposal_created", "proposal_confirmed", "execution_started", "execution_ended"]);
    assert_eq!((&trail[3]["status"], trail[3]["actor"].is_null()), (&"unknown".into(), true));
    home.assert_whole(4);
}

#[test]
fn the_end_of_the_lines_waits_for_what_runs() {
    let platform = Platform::start();
    let home = platform.home("");
    let mut chat = home.chat();
    chat.ask("service.restart service=web", "└");
    chat.say("yes");
    let (_, stream) = platform.request();
    let left = std::thread::spawn(move || chat.leave());
    Platform::done(stream);
    assert_eq!(left.join().unwrap(), "running `service.restart service=web` …\nweb was restarted\n");
    home.assert_whole(4);
}

#[test]
fn a_question_is_remembered_across_a_restart() {
    let platform = Platform::start();
    let home = platform.home("");
    let mut chat = home.chat();
    chat.ask("restart it", "Which service should I restart?");
    chat.leave();
    let mut chat = home.chat();
    let card = chat.ask("checkout", "└");
    assert!(card.contains("│ command   service.restart service=checkout\n"), "{card}");
    chat.leave();
}
