//! What only looks is answered at once; what is missing is asked for; what cannot be done is told so.

use super::{Room, everywhere, served};
use crate::harness::{Home, Platform};

everywhere!(
    a_question_is_answered_at_once,
    what_is_missing_is_asked_for,
    an_open_question_can_be_dropped,
    what_should_not_be_done_is_not_done,
    what_nothing_here_can_do_names_who_could,
    a_problem_is_answered_from_the_runbook_and_its_step_offered,
    where_several_systems_could_do_it_one_is_chosen,
    help_and_lists_show_what_this_person_may_see,
);

fn a_question_is_answered_at_once<R: Room>() {
    let mut room = R::enter(Home::with);
    room.ask("hw full is teh disk", "% full");
    assert_eq!(room.trail(), ["proposal_created", "execution_started", "execution_ended"]);
    let created = &room.home().audit(&["list"])[0];
    assert_eq!((&created["said"], &created["command"]), (&"hw full is teh disk".into(), &"host.disk".into()));
    assert_eq!(created["verdict"], "allow (anyone-runs-reads)");
}

fn what_is_missing_is_asked_for<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("restart it", "Which service should I restart?");
    room.choose("web");
    room.hear("service.restart service=web");
    assert!(!platform.is_asked());
    // The answer can be said as well.
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("restart it", "Which service should I restart?");
    room.ask("the check-out", "service.restart service=checkout");
    assert!(!platform.is_asked());
}

fn an_open_question_can_be_dropped<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("restart it", "Which service should I restart?");
    room.ask("never mind", "All right, dropped. Nothing was done.");
    room.ask("yes", "Nothing waits for an answer. Nothing was done.");
    assert!(room.trail().is_empty());
}

fn what_should_not_be_done_is_not_done<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("dont restart nginx", "I did nothing: that reads as something not to do.");
    room.ask("don't restart web", "I did nothing: that reads as something not to do.");
    room.ask("I restarted checkout an hour ago", "I did nothing: that reads as a report.");
    assert!(room.trail().is_empty() && !platform.is_asked());
}

fn what_nothing_here_can_do_names_who_could<R: Room>() {
    let mut room = R::enter(Home::with);
    let told = room.ask("deploy.rollback service=checkout", "I cannot run `deploy.rollback service=checkout`");
    assert!(told.contains("no enabled integration carries out `deploy.rollback`; `argocd`"), "{told}");
    let told = room.ask("who is on call right now", "I cannot run `oncall.show`");
    assert!(told.contains("`pagerduty`"), "{told}");
    assert!(room.trail().is_empty());
}

fn a_problem_is_answered_from_the_runbook_and_its_step_offered<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    let problem = "checkout throws 500s since the release, what now";
    room.ask(problem, "Elevated 5xx after a release: ");
    let card = room.hear("from the runbook `high-error-rate.md`");
    assert!(card.contains("deploy.rollback service=checkout"), "{card}");
    assert!(!platform.is_asked(), "nothing runs before the choice");
    room.choose("confirm");
    served(&platform, "/services/checkout/rollback");
    room.hear("checkout was rolled back");
    let created = &room.home().audit(&["search", "--intent", "deploy.rollback"])[0];
    assert_eq!((&created["runbook"][0], &created["said"]), (&"high-error-rate.md".into(), &problem.into()));
}

fn where_several_systems_could_do_it_one_is_chosen<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| {
        let home = platform.home(configuration);
        let manifest = std::fs::read_to_string(home.path("integrations/platform.toml")).unwrap();
        home.write("integrations/twin.toml", &manifest.replace("/services/", "/twins/"));
        let configuration = std::fs::read_to_string(home.path("sayso.toml")).unwrap();
        home.write("sayso.toml", &configuration.replace("\"platform\"]", "\"platform\", \"twin\"]"));
        home
    });
    room.ask("restart web", "`platform` and `twin` can do `service.restart service=web`. Which one?");
    assert!(room.trail().is_empty());
    room.choose("twin");
    let card = room.hear("service.restart service=web");
    assert!(card.contains("twin: POST"), "{card}");
    room.choose("confirm");
    served(&platform, "/twins/web/restart");
    room.hear("web was restarted");
    // The answer can be said as well, and put off.
    room.ask("restart web", "Which one?");
    room.ask("never mind", "All right, dropped. Nothing was done.");
    room.ask("restart web", "Which one?");
    room.ask("the platform please", "platform: POST");
    room.say("yes");
    served(&platform, "/services/web/restart");
    room.hear("web was restarted");
}

fn help_and_lists_show_what_this_person_may_see<R: Room>() {
    let mut room = R::enter_powerless(Home::with);
    let help = room.answer("help.show");
    assert!(help.contains("host.disk") && !help.contains("process.kill"), "{help}");
    room.ask("help.show topic=kill", "I can do nothing about `kill`.");
    room.ask("process.kill pid=1000000", "denied by policy");
    let mut room = R::enter(Home::with);
    let help = room.answer("help.show");
    assert!(help.contains("host.disk") && help.contains("process.kill"), "{help}");
}
