//! What survives the end of the program, and what must not be done twice.

use std::time::Duration;

use super::{Room, everywhere, served};
use crate::harness::Platform;

everywhere!(
    a_card_outlives_a_crash,
    a_question_is_remembered_across_a_crash,
    what_expired_while_nobody_was_there_is_told,
    what_was_interrupted_is_unknown_and_not_done_again,
    a_halt_outlives_a_crash,
);

fn a_card_outlives_a_crash<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("restart web", "service.restart service=web");
    room.kill();
    room.start();
    room.choose("confirm");
    served(&platform, "/services/web/restart");
    room.hear("web was restarted");
    assert_eq!(room.trail(), ["proposal_created", "proposal_confirmed", "execution_started", "execution_ended"]);
    room.home().assert_whole(4);
}

fn a_question_is_remembered_across_a_crash<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("restart it", "Which service should I restart?");
    room.kill();
    room.start();
    room.ask("checkout", "service.restart service=checkout");
    assert!(!platform.is_asked());
}

fn what_expired_while_nobody_was_there_is_told<R: Room>() {
    let platform = Platform::start();
    let mut room =
        R::enter(|configuration| platform.home(&format!("{configuration}\n[proposal]\nexpires_after = \"PT10S\"\n")));
    room.ask("restart web", "service.restart service=web");
    room.kill();
    #[expect(clippy::disallowed_methods, reason = "nobody is there who could tell that the time has passed")]
    std::thread::sleep(Duration::from_secs(11));
    room.start();
    room.hear("has expired. Nothing was done; ask again if it is still wanted.");
    room.ask("yes", "Nothing waits for an answer. Nothing was done.");
    assert!(!platform.is_asked());
    room.home().assert_whole(2);
}

fn what_was_interrupted_is_unknown_and_not_done_again<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("service.restart service=web", "service.restart service=web");
    room.choose("confirm");
    let (line, stream) = platform.request();
    assert_eq!(line, "POST /services/web/restart HTTP/1.1");
    room.kill();
    drop(stream);
    room.start();
    let told = room.hear("I was interrupted while `service.restart service=web` ran");
    assert!(told.contains("whether it took effect is unknown. Look before you ask again"), "{told}");
    // It is over: there is nothing left to say yes to.
    room.ask("yes", "Nothing waits for an answer. Nothing was done.");
    room.home().assert_whole(4);
    // And it is told once.
    room.kill();
    room.start();
    assert!(!room.answer("lunch?").contains("interrupted"));
    assert!(!platform.is_asked(), "it was done again");
    let trail = room.home().audit(&["list"]);
    assert_eq!((&trail[3]["status"], trail[3]["actor"].is_null()), (&"unknown".into(), true));
}

fn a_halt_outlives_a_crash<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("halt: a drill", "Everything is halted");
    room.kill();
    room.start();
    room.ask("host.disk", "everything is halted by");
    room.ask("lift because it was a drill", "things run again: it was a drill.");
    room.ask("lift", "Nothing is halted.");
    room.ask("host.disk", "MOUNTED ON");
}
