//! The record: receipts, searches page by page, an export that proves itself, heads kept elsewhere, and what is removed.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::harness::{Chat, Home, Platform, Sleeper};

/// The text with what differs from run to run put aside: times, ids, digests.
fn settled(text: &str) -> String {
    let mut text = text.to_owned();
    for (form, name) in [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "<moment>"),
        (r"\d\d:\d\d:\d\dZ", "<time>"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
        (r"digest [0-9a-f]{12}", "digest <digest>"),
        (r"console:[a-z0-9-]+( |$|:|,)", "console:me$1"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
        (r"(?m)^proposal   \w{4}", "proposal   <code>"),
    ] {
        text = regex::Regex::new(form).unwrap().replace_all(&text, name).into_owned();
    }
    text
}

#[test]
fn a_receipt_tells_everything_in_order() {
    let platform = Platform::start();
    let home = platform.home("");
    let mut chat = home.chat();
    chat.ask("service.restart service=web", "└");
    chat.say("1");
    let (_, stream) = platform.request();
    Platform::done(stream);
    chat.hear("web was restarted");
    chat.leave();

    let found = home.audit(&["search", "--target", "web", "--outcome", "succeeded"]);
    let (proposal, execution) = (found[0]["proposal"].as_str().unwrap(), found[0]["execution"].as_str().unwrap());
    let told = home.run(&["audit", "show", proposal], "");
    insta::assert_snapshot!(settled(&told.out), @"
    proposal   <code>  <id>
    asked by   console:me in console:me, <moment>
    said       the command itself, in its typed form
    understood service.restart service=web
    rule       confirm by the requester (operators-propose)

        1  <time>  proposed (digest <digest>)
        2  <time>  confirmed by console:me (digest <digest>)
        3  <time>  started on platform, let through by console:me: POST http://127.0.0.1:<port>/services/web/restart
        4  <time>  succeeded: web was restarted

    came back  succeeded: web was restarted
    ");
    let code = told.out.split_whitespace().nth(1).unwrap();
    for name in [execution, code, &code.to_uppercase()] {
        assert_eq!(home.run(&["audit", "show", name], "").out, told.out, "{name}");
    }
    let json = &home.audit(&["show", proposal])[0];
    assert_eq!((&json["code"], &json["outcome"]["status"]), (&code.into(), &"succeeded".into()));
    assert_eq!(json["events"].as_array().unwrap().len(), 4);
    let nothing = home.run(&["audit", "show", "00000000-0000-4000-8000-000000000000"], "");
    assert_eq!((nothing.code, nothing.err.as_str()), (Some(1), "error: nothing of that name is on record\n"));
}

#[test]
fn a_search_says_how_many_more_there_are() {
    let home = Home::with("[people.me]\nids = [\"discord:1\"]\n");
    home.pipe(&["host.uptime", "host.load"]);
    let page = home.run(&["audit", "search", "--since", "1h", "--limit", "2"], "").out;
    assert!(page.starts_with("… and 4 more before row 5\n    5  "), "{page}");
    let rest = home.run(&["audit", "search", "--since", "1h", "--before", "5"], "").out;
    assert_eq!(rest.lines().count(), 4);
    assert_eq!(home.audit(&["search", "--outcome", "succeeded", "--intent", "host.load"]).len(), 1);
    assert_eq!(home.audit(&["search", "--until", "1h"]).len(), 0);
    // A name means the accounts of that person, and else the account of that name on this console.
    assert_eq!(home.audit(&["search", "--by", "me"]).len(), 0);
    let found = home.audit(&["list"]);
    let me = found[0]["actor"].as_str().unwrap();
    assert_eq!(home.audit(&["search", "--by", me]).len(), 6);
    assert_eq!(home.audit(&["search", "--by", me.strip_prefix("console:").unwrap()]).len(), 6);
    // In the chat as well; its own three events are there by then, but for the last.
    let said = home.pipe(&["audit.search actor=me", &format!("audit.search actor={me} intent=host.load")]);
    assert!(said.contains("Nothing on record."), "{said}");
    assert_eq!(said.matches("host.load").count(), 4, "{said}");
    // By how it ended, in words: nothing has failed, and what succeeded is one event of each.
    let said = home.pipe(&["which of your commands failed?", "audit.search outcome=succeeded intent=host.load"]);
    let (failed, succeeded) =
        said.split_once("on the record").and_then(|(_, rest)| rest.split_once("on the record")).unwrap();
    assert!(failed.contains("Nothing on record."), "{said}");
    assert_eq!(succeeded.lines().filter(|line| line.contains("  host.load")).count(), 1, "{said}");
}

#[test]
fn an_export_proves_itself() {
    let home = Home::new();
    home.pipe(&["host.uptime", "host.load"]);
    let head = home.run(&["audit", "head"], "").out;
    let exported = home.run(&["audit", "export"], "");
    assert_eq!((exported.code, exported.err.as_str(), exported.out.lines().count()), (Some(0), "", 6));
    home.write("all.jsonl", &exported.out);
    let verified = home.run(&["audit", "verify", "--file", "all.jsonl", "--head", head.trim()], "");
    assert_eq!(
        verified.out,
        format!("the audit trail is whole: 6 events, head {}; 1 known heads agree\n", head.trim()),
        "{}",
        verified.err
    );
    home.write("some.jsonl", &exported.out.lines().skip(2).map(|line| line.to_owned() + "\n").collect::<String>());
    let verified = home.audit(&["verify", "--file", "some.jsonl"]);
    assert_eq!((&verified[0]["events"], &verified[0]["after"]), (&4.into(), &2.into()));
    home.write("altered.jsonl", &exported.out.replacen("host.load", "host.disk", 1));
    let broken = home.run(&["audit", "verify", "--file", "altered.jsonl"], "");
    assert_eq!(broken.err, "error: the audit trail is broken: row 4 was altered\n");
    home.write("other.jsonl", "{}\n");
    let other = home.run(&["audit", "verify", "--file", "other.jsonl"], "");
    assert!(
        other.err.starts_with("error: `other.jsonl` cannot be read: line 1 is no row of a record: "),
        "{}",
        other.err
    );
    assert_eq!(home.run(&["audit", "export", "--since", "2100-01-01T00:00:00Z"], "").out, "");
}

#[test]
fn the_head_is_told_at_the_beginning_and_the_end() {
    let home = Home::with("[audit]\nhead_to = \"heads\"\n");
    home.pipe(&["host.uptime"]);
    home.pipe(&["host.uptime"]);
    let heads = std::fs::read_to_string(home.path("heads")).unwrap();
    let numbers: Vec<_> = heads.lines().map(|line| line.split([' ', ':']).nth_back(1).unwrap()).collect();
    assert_eq!(numbers, ["0", "3", "3", "6"], "{heads}");
    let verified = home.audit(&["verify", "--heads", "heads"]);
    assert_eq!(verified[0]["heads"]["agreeing"], 4);
    home.write("heads", &heads.replace(" 6:", " 7:"));
    let broken = home.run(&["audit", "verify", "--heads", "heads"], "");
    assert_eq!(broken.err, "error: the audit trail is broken: row 7 and all rows after it were cut off\n");
    home.write("heads", "no head\n");
    let broken = home.run(&["audit", "verify", "--heads", "heads"], "");
    assert!(broken.err.starts_with("error: `heads` cannot be read: line 1: invalid head"), "{}", broken.err);
}

/// Takes one request and says that it was done; the whole request.
fn taken(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while !read.ends_with(b"}") {
        let count = stream.read(&mut buffer).unwrap();
        read.extend(&buffer[..count]);
        assert_ne!(count, 0);
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    String::from_utf8(read).unwrap()
}

#[test]
fn the_head_is_posted_with_a_token() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let home = Home::with(&format!(
        "[audit]\nhead_to = \"http://{address}/heads\"\nhead_token = {{ secret = \"HEAD_TOKEN\" }}\n"
    ));
    let lacking = home.run(&[], "host.uptime\n");
    assert_eq!(lacking.err, "error: `audit.head_token` cannot be used: `HEAD_TOKEN` is not set\n");
    let mut program = home.program(&[]);
    program.env("HEAD_TOKEN", "s3cret-of-heads");
    let mut chat = Chat::start(program);
    let first = taken(&listener);
    assert!(first.starts_with("POST /heads HTTP/1.1\r\n"), "{first}");
    assert!(first.contains("\r\nauthorization: Bearer s3cret-of-heads\r\n"), "{first}");
    assert!(first.contains(r#""head":"0:"#), "{first}");
    chat.ask("host.uptime", " is up for ");
    let left = std::thread::spawn(move || chat.leave());
    assert!(taken(&listener).contains(r#""head":"3:"#));
    left.join().unwrap();
}

#[test]
fn heads_that_cannot_be_told_stop_nothing() {
    let home = Home::with("[audit]\nhead_to = \"nowhere/heads\"\n");
    let ended = home.run(&[], "host.uptime\n");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains(" is up for "), "{}", ended.out);
    assert!(ended.err.contains("the head of the record could not be told"), "{}", ended.err);
    home.assert_whole(3);
}

#[test]
fn looking_makes_no_store() {
    let home = Home::new();
    for command in ["list", "verify", "head", "export"] {
        let ended = home.run(&["audit", command], "");
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{command}");
        assert!(ended.err.starts_with("error: there is no record: `"), "{}", ended.err);
    }
    assert!(!home.store().exists() && !home.store().parent().unwrap().exists());
}

#[test]
fn what_is_removed_is_shown_first_and_said_for_good() {
    let mut sleeper = Sleeper::start();
    let home = Home::new();
    home.pipe(&["host.uptime"]);
    let head = home.run(&["audit", "head"], "").out;
    let mut chat = home.chat();
    chat.ask(format!("process.kill pid={}", sleeper.pid()), "└");
    chat.leave();
    // The age of a row is counted in whole seconds, and at first there is none.
    let prune = || home.run(&["audit", "prune", "--older-than", "PT0S"], "");
    let old = |shown: &crate::harness::Ended| !shown.out.starts_with("nothing is old enough");
    let shown = (0..100).map(|_| prune()).find(old).expect("rows that are old after a while");
    assert!(shown.out.starts_with("3 events up to row 3 and 1 proposals, all from before "), "{}", shown.out);
    assert!(shown.out.ends_with(" would be removed; nothing was, `--yes` removes them\n"), "{}", shown.out);
    home.assert_whole(4);
    let removed = home.run(&["audit", "prune", "--older-than", "PT0S", "--yes"], "");
    assert!(removed.out.starts_with("removed 3 events up to row 3 and 1 proposals"), "{}", removed.out);
    let verified = &home.audit(&["verify", "--head", head.trim()])[0];
    assert_eq!((&verified["events"], &verified["after"]), (&2.into(), &3.into()));
    assert_eq!((&verified["removed"]["row"], &verified["heads"]["agreeing"]), (&5.into(), &1.into()));
    // What waits is still there, and can be decided.
    let mut chat = home.chat();
    chat.hear("└");
    chat.ask("2", "ancelled");
    chat.leave();
    assert!(sleeper.is_alive());
    assert_eq!(home.trail(), ["proposal_created", "record_pruned", "proposal_cancelled"]);
    let nothing = home.run(&["audit", "prune"], "");
    assert_eq!(nothing.err, "error: how old is old? say `--older-than '400 days'`, or set `keep_for` in `[audit]`\n");
}

#[test]
fn old_rows_go_by_themselves_where_that_is_configured() {
    let home = Home::with("[audit]\nkeep_for = \"P1D\"\n");
    home.pipe(&["host.uptime"]);
    home.pipe(&["host.uptime"]);
    // Nothing is a day old.
    home.assert_whole(6);
}
