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
