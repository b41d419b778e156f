//! Several of the program on one PostgreSQL, each with a chat of its own.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{Chat, Home, Platform};

#[path = "../common/postgres.rs"]
mod real;

/// What puts the store into a new database; none, having said so, where there is no server.
fn in_postgres() -> Option<String> {
    let server = real::server()?;
    let database = tokio::runtime::Runtime::new().unwrap().block_on(server.database());
    // Such a server does without `fsync`, which is warned about.
    let url = server.url("postgres", &database);
    Some(format!("[log]\nlevel = \"error\"\n[store]\nurl = \"{url}\"\n"))
}

#[test]
fn when_one_is_killed_another_takes_over_within_ten_seconds() {
    let Some(store) = in_postgres() else { return };
    let platform = Platform::start();
    let home = platform.home(&format!("{store}[proposal]\nexpires_after = \"PT20S\"\n"));
    let (mut first, mut second) = (home.chat(), home.chat());
    first.ask("service.restart service=web", "└");
    first.say("1");
    let (_, stream) = platform.request();
    first.kill();
    let begun = Instant::now();
    drop(stream);
    let told = second.hear("I was interrupted");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(
        told.starts_with(
            "I was interrupted while `service.restart service=web` ran: whether it took effect is unknown."
        )
    );

    // What only waits is left to whoever lives, and expires there.
    let third = home.chat();
    second.ask("service.restart service=checkout", "└");
    second.kill();
    let mut third = third;
    third.hear("has expired. Nothing was done; ask again if it is still wanted.");
    assert!(!platform.is_asked(), "it was done again");
    assert_eq!(third.leave(), "");
    assert_eq!(
        home.trail(),
        [
            "proposal_created",
            "proposal_confirmed",
            "execution_started",
            "execution_ended",
            "proposal_created",
            "proposal_expired"
        ]
    );
    home.assert_whole(6);
}

/// A program that restarts `web` and waits for the answer, where it is to be given, and another program beside it.
fn one_at_it_and_another(platform: &Platform, home: &Home) -> (Chat, TcpStream, Chat) {
    let (mut first, second) = (home.chat(), home.chat());
    first.ask("service.restart service=web", "└");
    first.say("1");
    (first, platform.request().1, second)
}

#[test]
fn what_runs_in_one_is_stopped_in_another() {
    let Some(store) = in_postgres() else { return };
    let platform = Platform::start();
    let home = platform.home(&store);
    let (mut first, stream, mut second) = one_at_it_and_another(&platform, &home);
    let listed = second.ask("proposal.list", "executing");
    let code = listed.split("  executing").next().unwrap().split_whitespace().last().unwrap().to_owned();
    second.ask(format!("cancel {code}"), "is being stopped by");
    // Nobody answers: only the word of the other ends it.
    first.hear("stopped while `platform` was at it");
    drop(stream);
    assert!(!platform.is_asked());
    assert_eq!((first.leave(), second.leave()), (String::new(), String::new()));
    let begun = ["proposal_created", "proposal_confirmed", "execution_started"];
    let listed = ["proposal_created", "execution_started", "execution_ended"];
    assert_eq!(home.trail(), [&begun[..], &listed, &["stop_requested", "execution_ended"]].concat());
}

#[test]
fn what_one_changes_no_other_changes_meanwhile() {
    let Some(store) = in_postgres() else { return };
    let platform = Platform::start();
    let home = platform.home(&store);
    let (mut first, stream, mut second) = one_at_it_and_another(&platform, &home);
    second.ask("service.restart service=web", "└");
    second.ask("1", "`service.restart service=web` is already running, started by");
    Platform::done(stream);
    first.hear("web was restarted");
    second.ask("service.restart service=web", "└");
    second.say("1");
    Platform::done(platform.request().1);
    second.hear("web was restarted");
    assert_eq!((first.leave(), second.leave()), (String::new(), String::new()));
}

#[test]
fn a_store_is_moved_and_used_on() {
    let Some(store) = in_postgres() else { return };
    let file = Home::new();
    file.pipe(&["host.disk path=/"]);
    let events = file.trail().len();
    let url = store.split('"').find(|text| text.starts_with("postgres://")).unwrap();
    let moved = file.run(&["store", "migrate", &format!("sqlite:{}", file.store().display()), url], "");
    assert_eq!((moved.code, moved.err.as_str()), (Some(0), ""), "{}", moved.out);
    assert!(moved.out.contains(&format!("audit_events: {events}\nhalt: 0\nmessages: ")), "{}", moved.out);
    assert!(moved.out.contains("the audit trail is whole on both sides, head "), "{}", moved.out);
    let again = file.run(&["store", "migrate", &format!("sqlite:{}", file.store().display()), url], "");
    assert_eq!(again.err, "error: the store to move to is not empty: `proposals` has rows; name an empty one\n");

    let home = Home::with(&store);
    home.assert_whole(events);
    home.pipe(&["host.disk path=/"]);
    home.assert_whole(events * 2);
}

#[test]
fn what_is_wrong_with_the_place_is_told_without_passwords() {
    let home = Home::new();
    for (from, told) in [
        (
            "sayso.db",
            "a store is named wrongly: expected `sqlite:PATH`, `postgres://USER@HOST/DATABASE` or `secret:VARIABLE`",
        ),
        (
            "postgres://a:hunter2@b/c",
            "a store is named wrongly: others can see a password there; put it into `PGPASSWORD` or `~/.pgpass`, or write \
             `secret:VARIABLE`",
        ),
        ("secret:SAYSO_NOT_SET", "the store has no url: `SAYSO_NOT_SET` is not set"),
    ] {
        let ended = home.run(&["store", "migrate", from, "sqlite:b.db"], "");
        assert_eq!((ended.code, ended.err), (Some(1), format!("error: {told}\n")));
    }
    let missing = home.run(&["store", "migrate", "sqlite:none.db", "sqlite:b.db"], "");
    assert_eq!(missing.err, "error: there is no store `none.db` to move from\n");
    assert!(!home.path("none.db").exists() && !home.path("b.db").exists());
}
