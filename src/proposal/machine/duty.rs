//! Stories of the machine where it matters who is on call: the guard changes, and nobody can say who has it.

use std::sync::Arc;

use super::tests::Story;
use crate::domain::{OnCallUnknown, People, Rota};
use crate::proposal::testing::noon;

const FLUSH: &str = "cache.flush service=web environment=production";

/// Only whoever is on call approves.
const ON_CALL: &str = r#"@id("on-call-approves") forbid (principal, action == Action::"approve", resource)
    unless { principal in Role::"on-call" };"#;

fn story(rota: &Arc<Rota>) -> Story {
    let mut people = People::default();
    for (name, account, id) in [("mira", "discord:1", "pagerduty:PM"), ("ada", "discord:2", "pagerduty:PA")] {
        people.add(name, vec![account.parse().unwrap()]);
        people.add_on_call(name, id.parse().unwrap());
    }
    Story::on_duty(ON_CALL, people, rota, "discord:3", FLUSH)
}

fn on_call(rota: &Rota, id: &str) {
    rota.tell("PS", Ok([id.parse().unwrap()].into()), noon());
}

#[test]
fn a_yes_counts_while_whoever_gave_it_is_on_call() {
    let rota = Arc::<Rota>::default();
    on_call(&rota, "pagerduty:PM");
    let mut story = story(&rota);
    story.approve("discord:2");
    // The guard changes.
    on_call(&rota, "pagerduty:PA");
    story.approve("discord:1").approve("discord:2").planned();
    insta::assert_snapshot!(story.told(), @r#"
    discord:3 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:2 presses approve: pending | record(press_refused), refuse(the policy does not permit it: on-call-approves (on call by `PS`: mira, asked at 12:00:00 UTC))
    discord:1 presses approve: pending | record(press_refused), refuse(the policy does not permit it: on-call-approves (on call by `PS`: ada, asked at 12:00:00 UTC))
    discord:2 presses approve: approved | save(proposal_approved on_call_counted), plan again
    planned again: executing | save(), say(Started), execute(cache.flush service=web environment=production, 1 yes)
    "#);
}

#[test]
fn the_guard_that_changes_before_it_runs_takes_its_yes_along() {
    let rota = Arc::<Rota>::default();
    on_call(&rota, "pagerduty:PM");
    let mut story = story(&rota);
    story.approve("discord:1");
    on_call(&rota, "pagerduty:PA");
    story.planned();
    insta::assert_snapshot!(story.told(), @r#"
    discord:3 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses approve: approved | save(proposal_approved on_call_counted), plan again
    planned again: denied | save(proposal_denied), say(Denied { reason: "on-call-approves (on call by `PS`: ada, asked at 12:00:00 UTC)" })
    "#);
}

#[test]
fn where_nobody_can_say_who_is_on_call_nothing_runs() {
    let rota = Arc::<Rota>::default();
    let unknown = || Err(OnCallUnknown("`pagerduty` answered 502".to_owned()));
    rota.tell("PS", unknown(), noon());
    let mut first = story(&rota);
    first.approve("discord:1");
    on_call(&rota, "pagerduty:PM");
    first.approve("discord:1");
    rota.tell("PS", unknown(), noon());
    first.planned();
    insta::assert_snapshot!(first.told(), @r#"
    discord:3 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses approve: pending | record(press_refused), refuse(the policy does not permit it: who is on call cannot be found out: `pagerduty` answered 502)
    discord:1 presses approve: approved | save(proposal_approved on_call_counted), plan again
    planned again: denied | save(proposal_denied), say(Denied { reason: "who is on call cannot be found out: `pagerduty` answered 502" })
    "#);
}
