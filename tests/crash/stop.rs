//! The end of the process while something runs: told to end, it stops what runs, and hands over what it cannot finish.

use crate::{home_with, worker};

#[test]
fn what_runs_at_the_end_is_stopped_recorded_and_told_of_at_the_next_start() {
    let home = home_with(&worker("30"));
    let mut chat = home.chat();
    chat.ask("service.restart service=a", "└");
    chat.say("1");
    chat.hear("running `service.restart service=a`");
    while !std::fs::read_to_string(home.path("effects")).unwrap().contains("began") {
        std::thread::yield_now();
    }
    let began = std::time::Instant::now();
    assert_eq!(chat.terminate(), Some(0));
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "it waited for the worker");
    let kinds = ["proposal_created", "proposal_confirmed", "execution_started", "execution_ended"];
    assert_eq!(home.trail(), kinds, "its row was closed on the way out");
    let trail = home.audit(&["list"]);
    assert_eq!(trail[3]["status"], "unknown");

    let mut chat = home.chat();
    let told = chat.hear("I do not know whether");
    assert!(told.contains("`service.restart service=a` took effect"), "{told}");
    chat.ask("yes", "Nothing waits for an answer. Nothing was done.");
    chat.leave();
    assert_eq!(home.trail(), kinds);
    let effects = std::fs::read_to_string(home.path("effects")).unwrap();
    assert_eq!((effects.matches("began").count(), effects.matches("done").count()), (1, 0), "it was stopped");
    home.assert_whole(4);
}
