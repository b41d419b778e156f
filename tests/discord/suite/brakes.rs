//! Brakes, reasons, taking back: what stands between a yes and the world, and what comes after it.

use super::{Room, everywhere};
use crate::harness::{HOST, Home, Platform, SAYSO};

everywhere!(
    what_was_shown_has_changed_and_is_asked_again,
    what_was_done_can_be_taken_back,
    nothing_to_take_back_is_said,
    a_policy_can_want_a_reason,
    the_glass_is_broken_loudly_and_on_record,
    a_halt_stops_what_runs_and_everything_else,
    what_runs_can_be_stopped_by_its_code,
    nobody_without_the_role_halts_anything,
);

/// A policy beside the shipped one.
fn strict(home: Home, rules: &str) -> Home {
    home.write("policies/default.cedar", include_str!("../../../policies/default.cedar"));
    home.write("policies/team.cedar", rules);
    home
}

/// A home with a tool that writes down how many replicas there are, and can say so.
fn scaling(configuration: &str) -> Home {
    let home = Home::bare(&format!(
        "{configuration}\n[entities.service]\nweb = []\n[integrations]\nenabled = [\"host\", \"sayso\", \"scaler\"]\n"
    ));
    home.write("replicas", "3\n");
    home.write("integrations/host.toml", HOST);
    home.write("integrations/sayso.toml", SAYSO);
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
            file = home.path("replicas").display(),
            folder = home.path("counts").display()
        ),
    );
    for count in ["1", "3", "5", "7"] {
        home.write(&format!("counts/{count}"), &format!("{count}\n"));
    }
    home
}

fn replicas<R: Room>(room: &R) -> String {
    std::fs::read_to_string(room.home().path("replicas")).unwrap().trim().to_owned()
}

fn what_was_shown_has_changed_and_is_asked_again<R: Room>() {
    let mut room = R::enter(scaling);
    let card = room.ask("service.scale service=web replicas=5", "service.scale service=web replicas=5");
    assert!(card.contains("3 replicas"), "{card}");
    room.home().write("replicas", "7\n");
    room.choose("confirm");
    room.hear("has to be decided again: what was shown has changed: replicas was 3, is 7.");
    let again = room.hear("7 replicas");
    assert!(again.contains("service.scale service=web replicas=5"), "{again}");
    room.choose("confirm");
    room.hear("scaled to 5");
    assert_eq!(replicas(&room), "5");
}

fn what_was_done_can_be_taken_back<R: Room>() {
    let mut room = R::enter(scaling);
    let card = room.ask("service.scale service=web replicas=5", "service.scale service=web replicas=5");
    assert!(card.contains("can be taken back: `service.scale service=web replicas=3`"), "{card}");
    room.choose("confirm");
    let done = room.hear("takes it back");
    assert!(done.contains("scaled to 5. `undo "), "{done}");
    let card = room.ask("undo", "this takes `");
    assert!(card.contains("service.scale service=web replicas=3"), "{card}");
    room.ask("yes", "scaled to 3");
    assert_eq!(replicas(&room), "3");
    // What takes it back can be taken back as well, but nothing twice.
    room.ask("undo that", "service.scale service=web replicas=5");
    room.choose("cancel");
    room.hear("is cancelled");
    assert_eq!(replicas(&room), "3");
}

fn nothing_to_take_back_is_said<R: Room>() {
    let mut room = R::enter(Home::with);
    room.ask("undo", "You had nothing done here that I could take back.");
    room.ask("undo k7qm", "I know no proposal `k7qm` here.");
}

fn a_policy_can_want_a_reason<R: Room>() {
    let mut room = R::enter(|configuration| {
        strict(
            scaling(configuration),
            "@id(\"say-why\") @hint(\"scaling needs a reason\")\nforbid (principal, action == Action::\"confirm\", resource \
             == Command::\"service.scale\") unless { context has reason };",
        )
    });
    let card = room.ask("service.scale service=web replicas=5", "service.scale service=web replicas=5");
    let code = room.code();
    assert!(card.contains(&format!("a reason is needed: `confirm {code} because …`")), "{card}");
    let told =
        room.ask("yes", &format!("That does not count for `{code}`: a reason is needed (say-why: scaling needs a"));
    assert!(told.contains(&format!("`confirm {code} because …`")), "{told}");
    assert_eq!(replicas(&room), "3");
    room.ask(&format!("reason {code} the disk is slow"), "because the disk is slow");
    room.ask(&format!("confirm {code} because the disk is slow, really"), "scaled to 5");
    let reasons: Vec<_> = room.home().audit(&["list"]);
    let reasons: Vec<_> = reasons.iter().filter(|event| event["kind"] == "reason_given").collect();
    assert_eq!(
        reasons.iter().map(|event| &event["reason"]).collect::<Vec<_>>(),
        ["the disk is slow", "the disk is slow, really"]
    );
}

fn the_glass_is_broken_loudly_and_on_record<R: Room>() {
    let mut room = R::enter(|configuration| {
        strict(
            scaling(configuration),
            "@id(\"freeze\") @hint(\"nothing is scaled this week\")\nforbid (principal, action == Action::\"execute\", resource \
             == Command::\"service.scale\") unless { context.broken_glass };\n@id(\"glass\")\npermit (principal in \
             Role::\"operator\", action == Action::\"break_glass\", resource) when { context has reason };",
        )
    });
    let card = room.ask("service.scale service=web replicas=5", "service.scale service=web replicas=5");
    let code = room.code();
    assert!(card.contains("one yes is not enough now (freeze: nothing is scaled this week)"), "{card}");
    assert!(card.contains(&format!("in an emergency: `break-glass {code} because …`")), "{card}");
    room.ask(&format!("confirm {code}"), "it needs more (freeze: nothing is scaled this week)");
    room.ask(&format!("break-glass {code}"), "a reason is needed (nobody breaks the glass without saying why)");
    assert_eq!(replicas(&room), "3");
    let told = room.ask(&format!("break-glass {code} because it is on fire"), "has broken the glass for");
    assert!(told.contains("it is on fire"), "{told}");
    room.hear("scaled to 5");
    assert!(room.trail().contains(&"glass_broken".to_owned()));
}

fn a_halt_stops_what_runs_and_everything_else<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("service.restart service=web environment=staging", "service.restart service=web environment=staging");
    room.choose("confirm");
    let (asked, stream) = platform.request();
    assert!(asked.starts_with("POST /services/web/restart"), "{asked}");
    // The system does not answer; the brake does not wait for it.
    let told = room.ask("halt: we are under attack", "nothing runs until somebody says `lift`");
    assert!(told.contains(": we are under attack. 1 execution is being stopped"), "{told}");
    room.hear("I do not know whether `service.restart service=web environment=staging` took effect");
    drop(stream);
    room.ask("restart web", "service.restart service=web");
    room.choose("confirm");
    room.hear("nothing was done");
    assert!(!platform.is_asked());
    room.ask("host.disk", "everything is halted by");
    // What it says of itself is still there.
    room.ask("proposal.list", "Nothing waits for a decision.");
    let kinds = room.trail();
    assert!(kinds.contains(&"halted".to_owned()), "{kinds:?}");
}

fn what_runs_can_be_stopped_by_its_code<R: Room>() {
    let platform = Platform::start();
    let mut room = R::enter(|configuration| platform.home(configuration));
    room.ask("service.restart service=web environment=staging", "service.restart service=web environment=staging");
    let code = room.code();
    room.choose("confirm");
    let (_, stream) = platform.request();
    room.ask(&format!("stop {code}"), "is being stopped by ");
    room.hear("I do not know whether");
    drop(stream);
    assert!(room.trail().contains(&"stop_requested".to_owned()));
}

fn nobody_without_the_role_halts_anything<R: Room>() {
    let mut room = R::enter_powerless(Home::with);
    room.ask("halt", "You have none of the roles that may do that");
    room.ask("host.disk", "MOUNTED ON");
    assert_eq!(room.trail()[0], "halt_refused");
}
