//! Brakes, reasons, taking back: what stands between a yes and the world, and what comes after it.

use crate::harness::{Home, Platform, Sleeper};

/// A policy beside the shipped one, and people to speak of.
fn strict(home: &Home, rules: &str) {
    home.write("policies/default.cedar", include_str!("../../policies/default.cedar"));
    home.write("policies/team.cedar", rules);
}

/// A tool that writes down what it is asked, and can say how many there are.
fn scaler(home: &Home) {
    home.write("replicas", "3\n");
    let file = home.path("replicas");
    let file = file.display();
    home.write("integrations/host.toml", crate::harness::HOST);
    home.write("integrations/sayso.toml", crate::harness::SAYSO);
    home.write(
        "integrations/scaler.toml",
        &format!(
            r#"summary = "Counts replicas in a file"

[actions.scale]
implements = "service.scale"
parameters.environment = {{ ignored = true }}
parameters.service = {{ ignored = true }}
process.argv = ["/bin/dd", "of={file}", "status=none", "if={{{{ settings.folder }}}}/{{{{ replicas }}}}"]
summary = "scaled to {{{{ replicas }}}}"
undo = {{ intent = "service.scale", arguments = {{ service = "{{{{ service }}}}", replicas = "{{{{ facts.replicas }}}}" }} }}
preview.process.argv = ["cat", "--", "{file}"]
preview.reply = "{{{{ stdout | trim }}}} replicas"
preview.facts = {{ replicas = "{{{{ stdout | trim }}}}" }}

[settings]
folder = "{folder}"
"#,
            folder = home.path("counts").display()
        ),
    );
    for count in ["1", "3", "5", "7"] {
        home.write(&format!("counts/{count}"), &format!("{count}\n"));
    }
}

fn scaling() -> Home {
    let home =
        Home::bare("[entities.service]\nweb = []\n[integrations]\nenabled = [\"host\", \"sayso\", \"scaler\"]\n");
    scaler(&home);
    home
}

fn code(card: &str) -> String {
    let tail = &card[card.rfind('(').unwrap()..];
    let word = tail
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() == 4 && word.as_bytes()[1].is_ascii_digit());
    word.unwrap_or_else(|| panic!("no code on {card}")).to_owned()
}

#[test]
fn what_was_shown_has_changed_and_is_asked_again() {
    let home = scaling();
    let mut chat = home.chat();
    let card = chat.ask("service.scale service=web replicas=5", "└");
    assert!(card.contains("3 replicas"), "{card}");
    home.write("replicas", "7\n");
    let again = chat.ask("1", "└");
    assert!(again.contains("has to be decided again: what was shown has changed: replicas was 3, is 7."), "{again}");
    assert!(again.contains("7 replicas"), "{again}");
    chat.ask("1", "scaled to 5");
    assert_eq!(std::fs::read_to_string(home.path("replicas")).unwrap(), "5\n");
    chat.leave();
}

#[test]
fn what_was_done_can_be_taken_back() {
    let home = scaling();
    let mut chat = home.chat();
    let card = chat.ask("service.scale service=web replicas=5", "└");
    assert!(card.contains("can be taken back: `service.scale service=web replicas=3`"), "{card}");
    let done = chat.ask("1", "takes it back");
    assert!(done.contains("scaled to 5. `undo "), "{done}");
    let card = chat.ask("undo", "└");
    assert!(card.contains("service.scale service=web replicas=3") && card.contains("this takes `"), "{card}");
    chat.ask("yes", "scaled to 3");
    assert_eq!(std::fs::read_to_string(home.path("replicas")).unwrap(), "3\n");
    // What takes it back can be taken back as well, but nothing twice.
    let card = chat.ask("undo that", "└");
    assert!(card.contains("service.scale service=web replicas=5"), "{card}");
    chat.ask("2", "is cancelled");
    chat.leave();
    let mut chat = Home::new().chat();
    chat.ask("undo", "You had nothing done here that I could take back.");
    chat.ask("undo k7qm", "I know no proposal `k7qm` here.");
    chat.leave();
}

#[test]
fn a_policy_can_want_a_reason() {
    let mut sleeper = Sleeper::start();
    let home = Home::new();
    strict(
        &home,
        "@id(\"say-why\") @hint(\"killing needs a reason\")\nforbid (principal, action == Action::\"confirm\", resource == \
         Command::\"process.kill\") unless { context has reason };",
    );
    let mut chat = home.chat();
    let card = chat.ask(format!("process.kill pid={}", sleeper.pid()), "└");
    let code = code(&card);
    assert!(card.contains(&format!("a reason is needed: `confirm {code} because …`")), "{card}");
    chat.ask("1", &format!("That does not count for `{code}`: a reason is needed (say-why: killing needs a reason)."));
    assert!(sleeper.is_alive());
    let card = chat.ask(format!("reason {code} it eats the disk"), "└");
    assert!(card.contains("because it eats the disk"), "{card}");
    chat.ask(format!("confirm {code} because it eats the disk, really"), "has ended");
    chat.leave();
    let reasons: Vec<_> = home
        .audit(&["list"])
        .into_iter()
        .filter(|event| event["kind"] == "reason_given")
        .map(|event| event["reason"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(reasons, ["it eats the disk", "it eats the disk, really"]);
}

#[test]
fn the_glass_is_broken_loudly_and_on_record() {
    let mut sleeper = Sleeper::start();
    let home = Home::new();
    strict(
        &home,
        "@id(\"freeze\") @hint(\"nothing is killed this week\")\nforbid (principal, action == Action::\"execute\", resource \
         == Command::\"process.kill\") unless { context.broken_glass };\n@id(\"glass\")\npermit (principal in \
         Role::\"operator\", action == Action::\"break_glass\", resource) when { context has reason };",
    );
    let mut chat = home.chat();
    let card = chat.ask(format!("process.kill pid={}", sleeper.pid()), "└");
    let code = code(&card);
    assert!(card.contains("one yes is not enough now (freeze: nothing is killed this week)"), "{card}");
    assert!(card.contains(&format!("in an emergency: `break-glass {code} because …`")), "{card}");
    chat.ask(format!("confirm {code}"), "it needs more (freeze: nothing is killed this week)");
    chat.ask(format!("break-glass {code}"), "a reason is needed (nobody breaks the glass without saying why)");
    assert!(sleeper.is_alive());
    let told = chat.ask(format!("break-glass {code} because it is on fire"), "has ended");
    assert!(told.contains("has broken the glass for") && told.contains("it is on fire"), "{told}");
    chat.leave();
    let kinds = home.trail();
    assert!(kinds.contains(&"glass_broken".to_owned()), "{kinds:?}");
}

#[test]
fn halt_stops_what_runs_and_everything_else_until_it_is_lifted() {
    let mut sleeper = Sleeper::start();
    let pid = sleeper.pid();
    let platform = Platform::start();
    let home = platform.home("");
    let mut chat = home.chat();
    chat.ask("service.restart service=web environment=staging", "└");
    chat.say("1");
    let (asked, stream) = platform.request();
    assert!(asked.starts_with("POST /services/web/restart"), "{asked}");
    // The system does not answer; the brake does not wait for it.
    let told = chat.ask("halt: we are under attack", "nothing runs until somebody says `lift`");
    assert!(told.contains(": we are under attack. 1 execution is being stopped"), "{told}");
    chat.hear("I do not know whether `service.restart service=web environment=staging` took effect");
    drop(stream);
    chat.ask(format!("process.kill pid={pid}"), "└");
    chat.ask("1", "nothing was done");
    assert!(sleeper.is_alive());
    chat.ask("host.disk", "everything is halted by");
    // What it says of itself is still there.
    chat.ask("proposal.list", "Nothing waits for a decision.");
    chat.leave();

    // Whoever starts it again finds it halted.
    let mut chat = home.chat();
    chat.ask("host.disk", "everything is halted by");
    chat.ask("lift because it was a drill", "things run again: it was a drill.");
    chat.ask("lift", "Nothing is halted.");
    chat.ask("host.disk", "MOUNTED ON");
    chat.leave();
    let kinds = home.trail();
    assert!(kinds.contains(&"halted".to_owned()) && kinds.contains(&"halt_lifted".to_owned()), "{kinds:?}");
}

#[test]
fn what_runs_can_be_stopped_by_its_code() {
    let platform = Platform::start();
    let home = platform.home("");
    let mut chat = home.chat();
    let card = chat.ask("service.restart service=web environment=staging", "└");
    let code = code(&card);
    chat.say("1");
    let (_, stream) = platform.request();
    chat.ask(format!("stop {code}"), "is being stopped by console:");
    chat.hear("I do not know whether");
    drop(stream);
    chat.leave();
    assert!(home.trail().contains(&"stop_requested".to_owned()));
}

#[test]
fn nobody_without_the_role_halts_anything() {
    let home = Home::with("[roles]\nguest = [\"console:*\"]\noperator = []\n");
    let mut chat = home.chat();
    chat.ask("halt", "You have none of the roles that may do that");
    chat.ask("host.disk", "MOUNTED ON");
    chat.leave();
    assert_eq!(home.trail()[0], "halt_refused");
}

#[test]
fn the_policy_explains_itself() {
    let home = Home::with("[people.mira]\nids = [\"discord:1\"]\n[roles]\noperator = [\"mira\"]\n");
    let explain = |line: &str, who: &str| {
        let ended = home.run(&["policy", "explain", line, "--as", who, "--at", "2026-11-20T17:00:00Z"], "");
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
        ended.out
    };
    assert_eq!(
        explain("deploy.start service=web version=1.4.2 environment=production", "discord:1"),
        "deploy.start service=web version=1.4.2 environment=production\n  change, touches production; by discord:1 \
         (operator) in discord:main\n  Friday 2026-11-20 17:00 UTC\n\npropose      yes  operators-propose\nconfirm      no   \
         deny by default\nbreak_glass  no   deny by default\nexecute      no   deny by default\n\nIt would be shown first, \
         and somebody else has to approve it.\n"
    );
    let denied = explain("service.restart service=web", "discord:9");
    assert!(denied.ends_with("It would be denied (deny by default).\n"), "{denied}");
    let read = explain("host.disk", "discord:9");
    assert!(read.ends_with("It would run at once (anyone-runs-reads).\n"), "{read}");
}

#[test]
fn a_table_of_expectations_is_held_against_the_policy() {
    let home = Home::with("[roles]\noperator = [\"discord:1\", \"discord:2\"]\n");
    home.write(
        "cases.toml",
        "[[case]]\ncommand = \"service.restart service=web environment=production\"\nas = \"discord:1\"\nexpect = \
         \"approve\"\nrule = \"operators-propose\"\n\n[[case]]\ncommand = \"service.restart service=web \
         environment=production\"\nas = \"discord:1\"\nmay = \"approve\"\nwho = \"discord:2\"\nexpect = \"allow\"\n",
    );
    let ended = home.run(&["policy", "test", "cases.toml"], "");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "2 expectations, 2 met, 0 not met\n"), "{}", ended.err);
    home.write(
        "wrong.toml",
        "[[case]]\ncommand = \"service.restart service=web\"\nas = \"discord:9\"\nexpect = \"confirm\"\n\n[[case]]\ncommand \
         = \"host.disk\"\nas = \"discord:9\"\nexpect = \"run\"\nrule = \"nobody\"\n",
    );
    let ended = home.run(&["policy", "test", "wrong.toml"], "");
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.out, "2 expectations, 0 met, 2 not met\n");
    assert_eq!(
        ended.err,
        "wrong.toml:1: `service.restart service=web`: expected confirm, found deny (deny by default)\nwrong.toml:6: \
         `host.disk`: expected the rule `nobody` to decide, found anyone-runs-reads\n"
    );
    home.write("bad.toml", "[[case]]\ncommand = \"restart it\"\nas = \"mira\"\nexpect = \"maybe\"\n");
    let ended = home.run(&["policy", "test", "bad.toml"], "");
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("bad.toml:2:11: ") && ended.err.contains("bad.toml:3:6: "), "{}", ended.err);
}

#[test]
fn help_and_lists_show_what_this_person_may_see() {
    let home = Home::with("[roles]\nguest = [\"console:*\"]\noperator = []\n");
    let mut chat = home.chat();
    let help = chat.answer("help.show");
    assert!(help.contains("host.disk") && !help.contains("process.kill"), "{help}");
    chat.ask("help.show topic=kill", "I can do nothing about `kill`.");
    chat.leave();
    let home = Home::new();
    let mut chat = home.chat();
    let help = chat.answer("help.show");
    assert!(help.contains("host.disk") && help.contains("process.kill"), "{help}");
    chat.leave();
}
