//! Stories of the machine under what teams write into their policies: freezes, reasons, yeses of a role, broken glass; and
//! of people with two accounts, of facts that change, and of stopping what runs.

use super::tests::{PRODUCTION, RESTART, Story};
use super::*;
use crate::domain::{ChoiceKind, People};
use crate::proposal::Needs;

/// Noon of the tests is a Wednesday.
const FREEZE: &str = r#"@id("midweek-freeze") @hint("no production changes on a Wednesday")
    forbid (principal, action == Action::"execute", resource)
    when { resource.production && context.weekday == 3 } unless { context.broken_glass };
    @id("leads-break-the-glass")
    permit (principal in Role::"lead", action == Action::"break_glass", resource) when { context has reason };"#;

const REASON: &str = r#"@id("say-why") forbid (principal, action == Action::"confirm", resource)
    unless { context has reason };"#;

const LEAD: &str = r#"@id("a-lead-and-another") forbid (principal, action == Action::"execute", resource)
    when { resource.production } unless { context.approvals >= 2 && resource.hasTag("lead") && resource.getTag("lead") >= 1 };"#;

fn mira() -> People {
    let mut people = People::default();
    people.add("mira", vec!["discord:1".parse().unwrap(), "console:mira".parse().unwrap()]);
    people
}

fn needs(story: &Story) -> &Needs {
    match story.proposal.verdict() {
        Verdict::Confirm { needs, .. } => needs,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_freeze_holds_until_somebody_breaks_the_glass() {
    let mut story = Story::under(FREEZE, People::default(), "discord:1", PRODUCTION);
    let held = needs(&story).held.as_deref();
    assert_eq!(held, Some("midweek-freeze: no production changes on a Wednesday"));
    assert!(!needs(&story).glass, "the requester is no lead");
    story
        .approve("discord:3")
        .press_because("discord:1", ChoiceKind::BreakGlass, "checkout is down")
        .press("discord:2", ChoiceKind::BreakGlass)
        .press_because("discord:2", ChoiceKind::BreakGlass, "checkout is down")
        .planned();
    insta::assert_snapshot!(story.told(), @r#"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:3 presses approve: pending | save(proposal_approved), say(Counted { approvals: 1, rule: "midweek-freeze: no production changes on a Wednesday" })
    discord:1 presses break-glass because checkout is down: pending | record(press_refused), refuse(the policy does not permit it: deny by default)
    discord:2 presses break-glass: pending | record(press_refused), refuse(a reason is needed (nobody breaks the glass without saying why))
    discord:2 presses break-glass because checkout is down: approved | save(glass_broken), say(GlassBroken { by: Actor { platform: "discord", id: "2" }, reason: "checkout is down" }), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=production, 2 yes)
    "#);
}

#[test]
fn where_a_reason_is_needed_it_is_asked_for() {
    let mut story = Story::under(REASON, People::default(), "discord:1", RESTART);
    assert!(needs(&story).reason);
    let first = story.proposal.digest();
    story.confirm("discord:1").press_because("discord:1", ChoiceKind::Confirm, "it is slow");
    assert_ne!(story.proposal.digest(), first, "the reason is part of what was said yes to");
    story.planned();
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: pending | record(press_refused), refuse(a reason is needed (say-why))
    discord:1 presses confirm because it is slow: approved | save(reason_given proposal_confirmed), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=staging, 1 yes)
    ");

    let mut story = Story::under(REASON, People::default(), "discord:1", RESTART);
    let reasoned = |actor: &str| Event::Reasoned {
        actor: actor.parse().unwrap(),
        reason: "it is slow".to_owned(),
        conversation: crate::proposal::testing::conversation("discord:ops"),
    };
    let first = story.proposal.digest();
    story.event("discord:3 says why", reasoned("discord:3")).event("discord:1 says why", reasoned("discord:1"));
    assert!(!needs(&story).reason);
    story.press_card("discord:1", ChoiceKind::Confirm, first).confirm("discord:1").planned();
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:3 says why: pending | record(press_refused), refuse(only the requester can do that)
    discord:1 says why: pending | save(reason_given), say(Reasoned), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: pending | record(press_refused), refuse(the proposal has changed since it was shown)
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=staging, 1 yes)
    ");
}

#[test]
fn yeses_of_a_role_are_counted() {
    let mut story = Story::under(LEAD, People::default(), "discord:1", PRODUCTION);
    story.approve("discord:3").approve("discord:4").approve("discord:2").planned();
    insta::assert_snapshot!(story.told(), @r#"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:3 presses approve: pending | save(proposal_approved), say(Counted { approvals: 1, rule: "a-lead-and-another" })
    discord:4 presses approve: pending | save(proposal_approved), say(Counted { approvals: 2, rule: "a-lead-and-another" })
    discord:2 presses approve: approved | save(proposal_approved), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=production, 3 yes)
    "#);
}

#[test]
fn whoever_has_two_accounts_is_one_person() {
    // Asked for on one platform, confirmed on the other.
    let mut story = Story::under("", mira(), "discord:1", RESTART);
    story.confirm("console:mira").planned();
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    console:mira presses confirm: approved | save(proposal_confirmed), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=staging, 1 yes)
    ");
    // But never approved by the other.
    let mut story = Story::under("", mira(), "discord:1", PRODUCTION);
    story.approve("console:mira").confirm("console:mira").approve("discord:3");
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    console:mira presses approve: pending | record(press_refused), refuse(nobody approves their own proposal)
    console:mira presses confirm: pending | record(press_refused), refuse(the policy does not permit it: deny by default)
    discord:3 presses approve: approved | save(proposal_approved), plan again
    ");
}

#[test]
fn what_was_shown_must_still_be_so() {
    let mut story = Story::begin("discord:1", RESTART);
    let plan = story.proposal.draft().plan.clone();
    let facts = |replicas: &str| [("replicas".to_owned(), replicas.to_owned())].into();
    story.event("planned", Event::Planned(Plan { facts: facts("3"), ..plan.clone() }));
    story.confirm("discord:1").event("planned", Event::Planned(Plan { facts: facts("3"), ..plan.clone() }));
    story.confirm("discord:1").event("planned", Event::Planned(Plan { facts: facts("7"), ..plan.clone() }));
    story.confirm("discord:1").event("planned", Event::Planned(Plan { facts: facts("7"), ..plan }));
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    planned: pending | nothing
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned: pending | save(proposal_reopened), say(changed: what was shown has changed: replicas is 3), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned: pending | save(proposal_reopened), say(changed: what was shown has changed: replicas was 3, is 7), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned: executing | save(), say(Started), execute(service.restart service=web environment=staging, 1 yes)
    ");
}

#[test]
fn what_runs_can_be_stopped() {
    let mut story = Story::begin("discord:1", RESTART);
    story.confirm("discord:1").planned();
    story
        .press("discord:3", ChoiceKind::Cancel)
        .press("discord:3", ChoiceKind::Reject)
        .press("discord:1", ChoiceKind::Cancel)
        .confirm("discord:1")
        .ended(OutcomeStatus::Cancelled)
        .press("discord:1", ChoiceKind::Cancel);
    insta::assert_snapshot!(story.told(), @r#"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=staging, 1 yes)
    discord:3 presses cancel: executing | record(press_refused), refuse(only the requester can do that)
    discord:3 presses reject: executing | record(stop_requested), stop it, say(Stopping { by: Actor { platform: "discord", id: "3" } })
    discord:1 presses cancel: executing | record(stop_requested), stop it, say(Stopping { by: Actor { platform: "discord", id: "1" } })
    discord:1 presses confirm: executing | record(press_refused), refuse(it is running already)
    it ends: cancelled | save(), say(finished: cancelled)
    discord:1 presses cancel: cancelled | record(press_refused), refuse(it has come to its end: cancelled)
    "#);
}
