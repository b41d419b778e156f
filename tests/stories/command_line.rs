//! The command line: what it says of itself, what its exit status means, and where colours end.

use std::process::{Command, Stdio};

use crate::harness::{Home, Platform, Sleeper};

/// A narrow terminal, so that the text does not depend on this one.
fn help(arguments: &[&str]) -> String {
    let home = Home::new();
    let output = home.program(&[arguments, &["--help"]].concat()).env("COLUMNS", "100").output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_subcommand_explains_itself() {
    for command in [
        "",
        "understand",
        "ask",
        "exec",
        "eval",
        "integrations",
        "check",
        "discord",
        "discord invite",
        "serve",
        "suggest",
        "audit",
        "audit list",
        "audit search",
        "audit show",
        "audit verify",
        "audit head",
        "audit export",
        "audit prune",
        "schema",
        "schema integration",
        "model",
        "model import",
    ] {
        let words: Vec<&str> = command.split_whitespace().collect();
        insta::assert_snapshot!(["help", &words.join("_")].join("_").trim_end_matches('_'), help(&words));
    }
}

#[test]
fn wrong_usage_is_status_2_with_a_hint() {
    let home = Home::new();
    for (arguments, hint) in [
        (&["chekc"][..], "'check'"),
        (&["ask"], "<TEXT>..."),
        (&["exec"], "<COMMAND>..."),
        (&["understand"], "<TEXT>..."),
        (&["eval"], "<FILES>..."),
        (&["audit"], "Usage: sayso audit"),
        (&["audit", "search"], "required"),
        (&["audit", "search", "--outcome", "done"], "expected one of `succeeded`, `failed`"),
        (&["audit", "show", "all"], "or a short code such as `k7qm`, found `all`"),
        (&["audit", "list", "--limit", "x"], "--limit"),
        (&["audit", "verify", "--head", "7"], "expected `<sequence>:<hash>`"),
        (&["understand", "--now", "noon", "hi"], "--now"),
        (&["understand", "--jsonl", "--json"], "--json"),
        (&["--confg", "x"], "--config"),
    ] {
        let ended = home.run(arguments, "");
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(hint), "{arguments:?}: {}", ended.err);
    }
}

#[test]
fn ask_is_one_turn_with_its_decision() {
    let mut sleeper = Sleeper::start();
    let pid = sleeper.pid();
    let home = Home::new();
    // Done, or answered.
    let ended = home.run(&["ask", "how", "full", "is", "the", "disk?"], "");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert!(ended.out.contains(" % full, "), "{}", ended.out);
    // Nobody there to decide: it waits, and that is no success.
    let kill = format!("pls kill {pid} its stuck");
    let ended = home.run(&["ask", &kill], "");
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (Some(1), "error: not decided, it waits; start `sayso` to decide, or let it expire\n")
    );
    assert!(ended.out.contains("1 confirm: run it   2 cancel: do nothing"), "{}", ended.out);
    let ended = home.run(&["ask", "no"], "");
    assert_eq!((ended.code, ended.out.contains("is cancelled. Nothing was done.")), (Some(0), true), "{}", ended.out);
    assert!(sleeper.is_alive());
    // A question and its answers, from a pipe.
    let ended = home.run(&["ask", &kill], "1\n");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert!(ended.out.ends_with(&format!("process {pid} (sleep) has ended\n")), "{}", ended.out);
    assert!(!sleeper.is_alive());
    let ended = home.run(&["ask", "restart it"], "");
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), "error: not answered, nothing was done\n"));
    let ended = home.run(&["ask", "cancel"], "");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "All right, dropped. Nothing was done.\n"));
}

#[test]
fn exec_takes_the_typed_form() {
    let mut sleeper = Sleeper::start();
    let pid = sleeper.pid();
    let home = Home::new();
    let ended = home.run(&["exec", "host.uptime"], "");
    assert_eq!((ended.code, ended.out.contains(" is up for ")), (Some(0), true), "{}", ended.out);
    for words in [&["help.show topic=\"xyzzy plugh\""][..], &["help.show", "topic=xyzzy plugh"]] {
        let ended = home.run(&[&["exec"], words].concat(), "");
        assert!(ended.out.contains("I can do nothing about `xyzzy plugh`."), "{}", ended.out);
    }
    let ended = home.run(&["exec", "process.kill", &format!("pid={pid}")], "yes\n");
    assert_eq!((ended.code, ended.out.ends_with("has ended\n")), (Some(0), true), "{}", ended.out);
    assert!(!sleeper.is_alive());

    for (line, reason) in [
        ("restart web", "expected a typed command such as `service.status service=web`, found `restart web`"),
        ("service.restrat service=web", "unknown intent `service.restrat`, did you mean `service.restart`?"),
        ("process.kill", "`process.kill` needs `pid`"),
        ("process.kill pid=1 pid=2", "`pid` is given twice"),
    ] {
        let ended = home.run(&["exec", line], "");
        assert_eq!((ended.code, ended.out.as_str(), ended.err), (Some(1), "", format!("error: {reason}\n")), "{line}");
    }
    // Refused, failed or impossible: told on standard output as in the chat, and status 1.
    for line in [format!("process.kill pid={pid}"), "service.restart service=web".to_owned()] {
        let ended = home.run(&["exec", &line], "");
        assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""), "{line}");
        assert!(ended.out.starts_with(&format!("I cannot run `{line}`: ")), "{}", ended.out);
    }
}

#[test]
fn exec_fails_when_the_execution_does() {
    let platform = Platform::start();
    let home = platform.home("");
    let program = home.program(&["exec", "service.restart service=web"]);
    let mut chat = crate::harness::Chat::start(program);
    chat.hear("└");
    chat.say("1");
    let (_, mut stream) = platform.request();
    std::io::Write::write_all(&mut stream, b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .unwrap();
    drop(stream);
    chat.hear("failed: ");
    assert_eq!(chat.end(), (Some(1), String::new()));
    assert_eq!(home.audit(&["list"])[3]["status"], "failed");
}

#[test]
fn understand_shows_and_does_nothing() {
    let home = Home::new();
    let ended = home.run(&["understand", "--json", "--now", "2026-11-20T12:00:00Z", "how full is the disk?"], "");
    let seen: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&seen["outcome"], &seen["intent"]), (&"command".into(), &"host.disk".into()));
    let ended = home.run(&["understand", "how full is the disk?"], "");
    assert!(ended.out.contains("host.disk") && ended.out.contains("outcome      command"), "{}", ended.out);
    let lines = "{\"id\": 1, \"text\": \"restart it\"}\n\n{\"id\": \"b\", \"turns\": [\"restart it\", \"web\"]}\n";
    let ended = home.run(&["understand", "--jsonl"], lines);
    let seen: Vec<serde_json::Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&seen[0]["id"], &seen[0]["outcome"]), (&1.into(), &"ask".into()));
    assert_eq!((&seen[1]["id"], seen[1]["turns"].as_array().unwrap().len()), (&"b".into(), 2));
    let ended = home.run(&["understand", "--jsonl"], "{\"id\": 1}\n");
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), "error: line 1: expected `text` or `turns`\n"));
    home.assert_whole(0);
}

#[test]
fn eval_and_check_tell_their_faults() {
    let home = Home::new();
    let ended = home.run(&["check"], "");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert!(ended.out.ends_with(": 0 errors, 0 warnings\n"), "{}", ended.out);
    home.write(
        "lines.jsonl",
        "{\"id\": 1, \"text\": \"how full is the disk?\", \"outcome\": \"command\", \"intent\": \"host.disk\"}\n",
    );
    let ended = home.run(&["eval", "lines.jsonl"], "");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    home.write("broken.jsonl", "\n{\"id\": 1\n");
    let ended = home.run(&["eval", "broken.jsonl"], "");
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.starts_with("error: broken.jsonl:2: "), "{}", ended.err);
    let ended = home.run(&["eval", "none.jsonl"], "");
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (Some(1), "error: none.jsonl: No such file or directory (os error 2)\n")
    );
    let ended = home.run(&["--config", "none.toml", "check"], "");
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (Some(1), "error: none.toml: cannot be read: No such file or directory (os error 2)\n")
    );
}

#[test]
fn the_record_is_searched_by_what_it_holds() {
    let home = Home::new();
    home.pipe(&["host.uptime", "how full is the disk?"]);
    let found = |arguments: &[&str]| home.audit(&[&["search"], arguments].concat()).len();
    assert_eq!(found(&["how full"]), 1);
    assert_eq!(found(&["--intent", "host.disk"]), 3);
    assert_eq!(found(&["--since", "1h"]), 6);
    assert_eq!(found(&["--since", "2100-01-01T00:00:00Z"]), 0);
    assert_eq!(found(&["--intent", "host.disk", "--service", "web"]), 0);
    assert_eq!(found(&["--since", "1h", "--limit", "2"]), 2);
    let nothing = home.run(&["audit", "search", "no such text"], "");
    assert_eq!((nothing.code, nothing.out.as_str(), nothing.err.as_str()), (Some(0), "", "nothing on record\n"));
}

#[test]
fn no_colours_where_nobody_sees_them() {
    let home = Home::with("[entities.service]\nweb = []\n");
    let said = home.pipe(&["how full is the disk?", "restart it", "host.dsk", "dont restart nginx"]);
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let ended = home.run(&["chekc"], "");
    assert!(!ended.err.contains('\u{1b}'), "{:?}", ended.err);
}

/// The program on a terminal of its own, which `script` makes.
fn on_a_terminal(home: &Home, variables: &[(&str, &str)]) -> Option<String> {
    let there = Command::new("script").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no `script` to make a terminal");
        return None;
    }
    let program = home.program(&["exec", "host.uptime"]);
    let mut terminal = Command::new("script");
    let line = format!("{} exec host.uptime", program.get_program().to_str().unwrap());
    terminal.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(program.get_current_dir().unwrap());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    let output = terminal.envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn colours_on_a_terminal_unless_refused() {
    let home = Home::new();
    let Some(coloured) = on_a_terminal(&home, &[]) else { return };
    assert!(coloured.contains("\u{1b}[32m"), "{coloured:?}");
    let plain = on_a_terminal(&home, &[("NO_COLOR", "1")]).unwrap();
    assert!(!plain.contains('\u{1b}') && plain.contains(" is up for "), "{plain:?}");
}

#[test]
fn systems_are_listed_and_tried() {
    let list = |name: &str, program: &str, more: &str| {
        let manifest = format!(
            "summary = \"{name}\"\n{more}\n[actions.list]\nimplements = \"service.list\"\nparameters.environment = \
             {{ ignored = true }}\nprocess.argv = [\"{program}\"]\n"
        );
        (format!("integrations/{}.toml", name.to_lowercase()), manifest)
    };
    let home = Home::bare("[integrations]\nenabled = [\"broken\", \"host\", \"keyless\", \"lister\"]\n");
    home.write("integrations/host.toml", crate::harness::HOST);
    home.write("integrations/sayso.toml", crate::harness::SAYSO);
    for (file, manifest) in [
        list("Lister", "echo", ""),
        list("Broken", "false", ""),
        list("Keyless", "echo", "[settings]\nkey = { secret = \"NOBODY_SETS_THIS\" }"),
        list("Other", "echo", "requires = { always = true }"),
    ] {
        home.write(&file, &manifest);
    }
    let listed = home.run(&["integrations"], "");
    let off = "not among those that the configuration enables";
    assert_eq!(
        (listed.code, listed.out.as_str(), listed.err.as_str()),
        (
            Some(0),
            format!(
                "broken   ready      Broken\nhost     ready      This machine\nlister   ready      Lister\nkeyless  not ready  \
                 `NOBODY_SETS_THIS` is not set\nother    off        {off}\nsayso    off        {off}\n"
            )
            .as_str(),
            ""
        )
    );
    let tried = home.run(&["integrations", "--online"], "");
    let lines: Vec<&str> = tried.out.lines().collect();
    assert_eq!(tried.code, Some(1));
    assert!(lines[0].starts_with("broken   fails      `broken` "), "{}", tried.out);
    assert_eq!(
        lines[1..3],
        ["host     ready      This machine: nothing to try it with", "lister   answers    Lister: `service.list`"]
    );
    let checked = home.run(&["check", "--online"], "");
    assert_eq!(checked.code, Some(1));
    assert!(checked.err.starts_with("error: broken: `broken` "), "{}", checked.err);
    assert!(checked.out.ends_with("host: nothing to try it with\nlister: answers `service.list`\n"), "{}", checked.out);
}
