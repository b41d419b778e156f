//! What changes something waits for a decision.

use super::{Room, everywhere, served};
use crate::harness::Platform;

everywhere!(
    a_change_waits_for_a_yes,
    a_no_does_nothing,
    a_yes_in_words_counts,
    what_is_said_at_once_keeps_its_order,
    several_that_wait_are_told_apart_by_their_codes,
    a_correction_makes_another_card,
    production_needs_somebody_else,
    a_proposal_expires,
);

fn a_change_waits_for_a_yes<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    let card = room.ask("pls restart the check-out", "service.restart service=checkout");
    for part in ["Restart a service · change", "platform: POST", "asked by"] {
        assert!(card.contains(part), "{part} is not in {card}");
    }
    assert!(!platform.is_asked());
    room.choose("confirm");
    served(&platform, "/services/checkout/restart");
    room.hear("checkout was restarted");
    assert_eq!(room.trail(), ["proposal_created", "proposal_confirmed", "execution_started", "execution_ended"]);
    room.home().assert_whole(4);
}

fn a_no_does_nothing<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("restart web", "service.restart service=web");
    room.choose("cancel");
    room.hear("is cancelled. Nothing was done.");
    room.ask("restart web", "service.restart service=web");
    room.ask("no", "is cancelled. Nothing was done.");
    assert!(!platform.is_asked());
    assert_eq!(room.trail(), ["proposal_created", "proposal_cancelled"].repeat(2));
}

fn a_yes_in_words_counts<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("restart web", "service.restart service=web");
    room.say("yes");
    served(&platform, "/services/web/restart");
    room.hear("web was restarted");
    // Once is once.
    room.ask("yes", "Nothing waits for an answer. Nothing was done.");
    assert!(!platform.is_asked());
}

fn what_is_said_at_once_keeps_its_order<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    for service in ["web", "checkout", "web", "checkout"] {
        room.say(&format!("service.restart service={service}"));
        room.say("yes");
        served(&platform, &format!("/services/{service}/restart"));
        room.hear(&format!("{service} was restarted"));
    }
}

fn several_that_wait_are_told_apart_by_their_codes<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("service.restart service=web", "service.restart service=web");
    let web = room.code();
    room.ask("service.restart service=checkout", "service.restart service=checkout");
    // Two wait: a bare yes names neither.
    room.ask("yes", "Several of yours wait. Say which: `confirm ");
    assert!(!platform.is_asked());
    room.ask(&format!("approve {web}"), "nobody approves their own proposal");
    room.ask(&format!("cancel {web}"), "is cancelled. Nothing was done.");
    room.say("yes");
    served(&platform, "/services/checkout/restart");
    room.hear("checkout was restarted");
    assert!(!platform.is_asked());
}

fn a_correction_makes_another_card<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("service.restart service=web environment=staging", "service.restart service=web environment=staging");
    room.ask("make it checkout", "has to be decided again");
    room.hear("service.restart service=checkout environment=staging");
    room.choose("confirm");
    served(&platform, "/services/checkout/restart");
    room.hear("checkout was restarted");
    assert_eq!(
        room.trail(),
        ["proposal_created", "proposal_edited", "proposal_confirmed", "execution_started", "execution_ended"]
    );
}

fn production_needs_somebody_else<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    let line = "service.restart service=web environment=production";
    let card = room.ask(line, line);
    for part in ["somebody else has to approve this", "this touches production", "approvers", "operator ("] {
        assert!(card.contains(part), "{part} is not in {card}");
    }
    room.ask("yes", "That does not count for");
    assert!(!platform.is_asked());
    assert_eq!(room.trail(), ["proposal_created", "press_refused"]);
}

fn a_proposal_expires<R: Room>() {
    let platform = Platform::start();
    let mut room =
        R::enter(|configuration| platform.home(&format!("{configuration}\n[proposal]\nexpires_after = \"PT10S\"\n")));
    room.ask("restart web", "service.restart service=web");
    room.hear("has expired. Nothing was done; ask again if it is still wanted.");
    room.ask("yes", "Nothing waits for an answer. Nothing was done.");
    assert!(!platform.is_asked());
    assert_eq!(room.trail(), ["proposal_created", "proposal_expired"]);
}
