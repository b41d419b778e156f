//! What only looks is answered at once; what is no command, or cannot be done here, is told so.

use std::net::TcpListener;

use crate::harness::{Home, Platform, Sleeper};

#[test]
fn reads_are_answered_at_once_from_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let home = Home::new();
    let said =
        home.pipe(&["how full is the disk?", "what's eating my memory", &format!("is anything listening on {port}")]);
    let answers: Vec<&str> = said.lines().filter(|line| !line.starts_with("  │")).collect();
    assert_eq!(answers.len(), 3, "{said}");
    assert!(answers[0].contains(" % full, ") && answers[0].ends_with(" free"), "{said}");
    assert!(answers[1].contains(" uses the most memory, "), "{said}");
    let own = std::process::id();
    assert!(answers[2].ends_with(&format!("(pid {own}) listens on port {port}")), "{said}");

    let trail = home.audit(&["list"]);
    let read = ["proposal_created", "execution_started", "execution_ended"];
    assert_eq!(home.trail(), [read; 3].concat());
    assert_eq!(trail[0]["said"], "how full is the disk?");
    assert_eq!(
        (&trail[0]["command"], &trail[3]["command"]),
        (&"host.disk".into(), &"host.processes sort=memory".into())
    );
    assert_eq!(trail[0]["verdict"], "allow (anyone-runs-reads)");
    assert_eq!((&trail[8]["kind"], &trail[8]["status"]), (&"execution_ended".into(), &"succeeded".into()));
    home.assert_whole(9);
}

#[test]
fn nothing_listens_where_nothing_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let said = Home::new().pipe(&[&format!("is anything listening on {port}")]);
    assert_eq!(said, format!("nothing listens on port {port}\n"));
}

#[test]
fn what_is_missing_is_asked_for_and_the_answer_taken() {
    let platform = Platform::start();
    let home = platform.home("");
    let mut chat = home.chat();
    assert_eq!(chat.ask("restart it", "2 web"), "Which service should I restart?\n  1 checkout\n  2 web\n");
    let card = chat.ask("2", "└");
    assert!(card.contains("│ command   service.restart service=web\n"), "{card}");
    chat.ask("no", "is cancelled. Nothing was done.");
    chat.leave();
    assert!(!platform.is_asked());
    home.assert_whole(2);
}

#[test]
fn an_open_question_can_be_dropped() {
    let home = Home::new();
    let mut chat = home.chat();
    chat.ask("restart it", "Which service should I restart?");
    chat.ask("never mind", "All right, dropped. Nothing was done.");
    chat.ask("yes", "Nothing waits for an answer. Nothing was done.");
    assert_eq!(chat.leave(), "");
    home.assert_whole(0);
}

#[test]
fn what_should_not_be_done_is_not_done() {
    let home = Platform::start().home("");
    let said = home.pipe(&["dont restart nginx", "don't restart web", "I restarted checkout an hour ago"]);
    assert_eq!(
        said,
        "I did nothing: that reads as something not to do.\n\
         I did nothing: that reads as something not to do.\n\
         I did nothing: that reads as a report.\n"
    );
    home.assert_whole(0);
}

#[test]
fn what_nothing_here_can_do_names_who_could() {
    let home = Home::new();
    let said = home.pipe(&["deploy.rollback service=checkout", "container.list", "who is on call right now"]);
    assert_eq!(
        said,
        "I cannot run `deploy.rollback service=checkout`: no enabled integration carries out `deploy.rollback`; \
         `argocd` or `kubernetes` could, but is not among those that the configuration enables.\n\
         I cannot run `container.list`: no enabled integration carries out `container.list`; `docker` or `kubernetes` could, \
         but is not among those that the configuration enables.\n\
         I cannot run `oncall.show`: no enabled integration carries out `oncall.show`; `opsgenie` or `pagerduty` \
         could, but is not among those that the configuration enables.\n"
    );
    home.assert_whole(0);
}

#[test]
fn a_problem_is_answered_from_the_runbook_and_its_step_offered() {
    let platform = Platform::start();
    let home = platform.home("");
    let mut chat = home.chat();
    let said = chat.ask("checkout throws 500s since the release, what now", "└");
    for part in [
        "Elevated 5xx after a release: ",
        "  in high-error-rate.md:",
        "│ command   deploy.rollback service=checkout\n",
        "│ note      from the runbook `high-error-rate.md`\n",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!platform.is_asked(), "nothing runs before the choice");
    chat.say("1");
    let (request, stream) = platform.request();
    assert_eq!(request, "POST /services/checkout/rollback HTTP/1.1");
    Platform::done(stream);
    chat.hear("checkout was rolled back");
    chat.leave();

    let created = home.audit(&["search", "--intent", "deploy.rollback"]);
    assert_eq!(created[0]["runbook"][0], "high-error-rate.md");
    assert_eq!(created[0]["said"], "checkout throws 500s since the release, what now");
}

#[test]
fn without_the_system_the_runbook_still_answers() {
    let home = Home::with("[entities.service]\ncheckout = []\n");
    let said = home.pipe(&["checkout throws 500s since the release, what now"]);
    assert!(said.contains("in high-error-rate.md:"), "{said}");
    assert!(said.contains("I cannot run `deploy.rollback service=checkout`: "), "{said}");
    assert!(!said.contains('┌'), "{said}");
}

#[test]
fn typed_commands_take_the_same_path_as_plain_words() {
    let sleeper = Sleeper::start();
    let pid = sleeper.pid();
    let home = Home::new();
    let (plain, typed, slash) =
        (format!("pls kill {pid} its stuck"), format!("process.kill pid={pid}"), format!("/process.kill pid={pid}"));
    let said = home.pipe(&[&plain, "no", &typed, "no", &slash, "no"]);
    let cards: Vec<&str> = said.split('┌').skip(1).map(|card| card.split("│ now").next().unwrap()).collect();
    assert_eq!(cards.len(), 3, "{said}");
    assert_eq!((cards[0], cards[0]), (cards[1], cards[2]));

    let created = home.audit(&["search", "--intent", "process.kill"]);
    let created: Vec<_> = created.iter().filter(|event| event["kind"] == "proposal_created").collect();
    // They differ in nothing but who filled in the arguments.
    for other in &created[1..] {
        for same in ["command", "verdict", "actor", "conversation", "intent"] {
            assert_eq!(created[0][same], other[same]);
        }
    }
    assert_eq!((&created[0]["said"], created[1]["said"].is_null()), (&plain.into(), true));
    assert!(created[0]["confidence"].is_number() && created[1]["confidence"].is_null());
}

#[test]
fn help_tells_what_can_be_done_here() {
    let said = Home::new().pipe(&["help", "/help", "help.show topic=dns"]);
    let (all, rest) = said.split_at(said.rfind("what I can do").unwrap());
    assert_eq!(all.matches("what I can do\n").count(), 2, "{all}");
    assert!(all.contains("  │ host.disk              read         Show the disk space of a host\n"), "{all}");
    assert!(!all.contains("dns.lookup  "), "{all}");
    assert_eq!(
        rest,
        "what I can do\n  │ These need a system that is not connected here:\n  │ dns.lookup             read         Look up \
         DNS records of a domain\n"
    );
}
