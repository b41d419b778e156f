//! Answers at the console, and what is not there to be found.

use std::net::TcpListener;

use crate::harness::{Home, Sleeper};

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
