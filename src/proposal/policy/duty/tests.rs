//! Roles of the moment: known, unknown, stale; rules that permit and rules that forbid.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::super::super::testing::{command, conversation, noon, target};
use super::*;
use crate::domain::OnCallUnknown;
use crate::proposal::{Permissions as _, Policy, PolicyAction, Verdict};

const DEFAULT: &str = include_str!("../../../../policies/default.cedar");
const RESTART: &str = "service.restart service=web environment=staging";
const FLUSH: &str = "cache.flush service=web environment=production";

/// Whoever is on call needs nobody else.
const ALONE: &str = r#"@id("on-call-acts-alone") permit (principal in Role::"on-call", action, resource);"#;
/// Only whoever is on call, whatever other rules say.
const ONLY: &str = r#"@id("only-on-call-flushes") forbid (principal, action == Action::"propose", resource == Command::"cache.flush")
    unless { principal in Role::"on-call" };"#;
/// Whoever is on call sleeps.
const LET_SLEEP: &str =
    r#"@id("let-sleep") forbid (principal in Role::"on-call", action == Action::"propose", resource);"#;
/// No yes of somebody on call is worth anything while the requester is on call, and one is needed where they are not: true of
/// everybody and of nobody.
const MIXED: &str = r#"@id("mixed") forbid (principal in Role::"on-call", action == Action::"execute", resource)
    unless { resource.hasTag("on-call") && resource.getTag("on-call") >= 2 };"#;

struct Team {
    policy: Policy,
    rota: Arc<Rota>,
}

impl Team {
    /// Mira (`discord:1`, `console:mira`) and Ada (`discord:2`) are operators, and known to the system that knows; `discord:3`
    /// is an operator, too.
    fn under(rules: &str) -> Self {
        let mut people = People::default();
        people.add("mira", vec!["discord:1".parse().unwrap(), "console:mira".parse().unwrap()]);
        people.add("ada", vec!["discord:2".parse().unwrap()]);
        people.add_on_call("mira", "pagerduty:PM".parse().unwrap());
        people.add_on_call("ada", "pagerduty:PA".parse().unwrap());
        let roles: Roles =
            toml::from_str("operator = [\"discord:1\", \"discord:2\", \"discord:3\"]\non-call = []").unwrap();
        let files = [("default.cedar".to_owned(), DEFAULT.to_owned()), ("team.cedar".to_owned(), rules.to_owned())];
        let rota = Arc::<Rota>::default();
        let schedules = [("on-call".to_owned(), "PS".to_owned())].into();
        let policy = Policy::load(&files, &roles).unwrap().with_people(people).with_duty(schedules, Arc::clone(&rota));
        Self { policy, rota }
    }

    fn on_call(self, ids: &[&str]) -> Self {
        let who: BTreeSet<Actor> = ids.iter().map(|id| id.parse().unwrap()).collect();
        self.rota.tell("PS", Ok(who), noon());
        self
    }

    fn unknown(self) -> Self {
        self.rota.tell("PS", Err(OnCallUnknown("`pagerduty` did not answer within 4 s".to_owned())), noon());
        self
    }

    fn ask<T>(&self, action: PolicyAction, who: &str, line: &str, yeses: &[&str], say: impl Fn(&Query<'_>) -> T) -> T {
        let (actor, command) = (who.parse().unwrap(), command(line));
        let yeses: Vec<Actor> = yeses.iter().map(|yes| yes.parse().unwrap()).collect();
        say(&Query {
            action,
            actor: &actor,
            requester: &actor,
            target: &target(&command),
            subject: (&command).into(),
            conversation: &conversation("discord:ops"),
            now: noon(),
            yeses: &yeses,
            reason: None,
            broken_glass: false,
        })
    }

    fn verdict(&self, who: &str, line: &str) -> Verdict {
        self.ask(PolicyAction::Propose, who, line, &[], |query| self.policy.verdict(query))
    }

    fn decide(&self, action: PolicyAction, who: &str, line: &str, yeses: &[&str]) -> Decision {
        self.ask(action, who, line, yeses, |query| self.policy.decide(query))
    }
}

const UNKNOWN: &str = "who is on call cannot be found out: `pagerduty` did not answer within 4 s";

#[test]
fn whoever_is_on_call_has_the_role_with_every_account() {
    let team = Team::under(ALONE).on_call(&["pagerduty:PM", "pagerduty:PSTRANGER"]);
    let told = "on call by `PS`: mira, pagerduty:PSTRANGER, asked at 12:00:00 UTC";
    for account in ["discord:1", "console:mira"] {
        let verdict = team.verdict(account, FLUSH).to_string();
        assert!(verdict.starts_with("confirm by the requester (") && verdict.contains(told), "{verdict}");
    }
    // The answer depended on it for the other, too; and what does not depend on it says nothing of it.
    let verdict = team.verdict("discord:2", FLUSH).to_string();
    assert!(verdict.starts_with("confirm by another (operators-propose (") && verdict.contains(told), "{verdict}");
    assert_eq!(team.verdict("discord:2", RESTART).to_string(), "confirm by the requester (operators-propose)");
    assert_eq!(team.verdict("discord:9", "host.disk").to_string(), "allow (anyone-runs-reads)");
    // A name is no id, nor is one of another system.
    let team = Team::under(ALONE).on_call(&["pagerduty:mira", "opsgenie:PM"]);
    assert!(team.verdict("discord:1", FLUSH).to_string().starts_with("confirm by another ("));
}

#[test]
fn where_it_is_not_known_only_what_holds_in_any_case_is_let_through() {
    let team = Team::under(ONLY).unknown();
    assert_eq!(team.verdict("discord:1", FLUSH).to_string(), format!("deny ({UNKNOWN})"));
    assert_eq!(team.verdict("discord:1", RESTART).to_string(), "confirm by the requester (operators-propose)");
    assert_eq!(team.verdict("discord:9", "host.disk").to_string(), "allow (anyone-runs-reads)");
    // Nor is a denial that holds in any case put down to it.
    assert_eq!(team.verdict("discord:9", FLUSH).to_string(), "deny (only-on-call-flushes)");
    let known = Team::under(ONLY).on_call(&["pagerduty:PA"]).verdict("discord:1", FLUSH).to_string();
    assert_eq!(known, "deny (only-on-call-flushes (on call by `PS`: ada, asked at 12:00:00 UTC))");
    let nobody = Team::under(ONLY).on_call(&[]).verdict("discord:1", FLUSH).to_string();
    assert_eq!(nobody, "deny (only-on-call-flushes (on call by `PS`: nobody, asked at 12:00:00 UTC))");
    // A rule that forbids those who are on call does not let through whoever might be.
    assert_eq!(Team::under(LET_SLEEP).unknown().verdict("discord:1", RESTART).to_string(), format!("deny ({UNKNOWN})"));
    assert!(matches!(
        Team::under(LET_SLEEP).on_call(&["pagerduty:PA"]).verdict("discord:1", RESTART),
        Verdict::Confirm { .. }
    ));
}

#[test]
fn every_mixture_of_people_is_thought_of() {
    let ask = |team: &Team| team.decide(PolicyAction::Execute, "discord:1", FLUSH, &["discord:2", "discord:1"]);
    // If nobody is on call it may run, and if both are; with only the requester it may not.
    assert!(ask(&Team::under(MIXED).on_call(&[])).allowed);
    assert!(ask(&Team::under(MIXED).on_call(&["pagerduty:PM", "pagerduty:PA"])).allowed);
    assert!(!ask(&Team::under(MIXED).on_call(&["pagerduty:PM"])).allowed);
    let unknown = ask(&Team::under(MIXED).unknown());
    assert_eq!((unknown.allowed, unknown.reason().as_str()), (false, UNKNOWN));
}

#[test]
fn what_was_told_long_ago_is_not_known() {
    let team = Team::under(ONLY).on_call(&["pagerduty:PM"]);
    assert!(team.policy.knows_duty(noon()) && !team.policy.knows_duty(noon() + SignedDuration::from_secs(30)));
    let late = |query: &Query<'_>| {
        team.policy.decide(&Query { now: query.now + SignedDuration::from_secs(31), ..*query }).reason()
    };
    let said = team.ask(PolicyAction::Propose, "discord:1", FLUSH, &[], late);
    assert_eq!(said, "who is on call cannot be found out: nobody has said so of `PS` lately");
}

#[test]
fn the_guard_changes_without_another_version_and_a_schedule_does_not() {
    let team = Team::under(ONLY);
    let version = team.policy.version();
    assert_eq!(team.on_call(&["pagerduty:PM"]).policy.version(), version);
    let other = Team::under(ONLY).policy.with_duty([("on-call".to_owned(), "PT".to_owned())].into(), Arc::default());
    assert_ne!(other.version(), version);
}

#[test]
fn those_who_are_on_call_are_named_and_pinged() {
    const RULE: &str = r#"@id("on-call-approves") @ping
        permit (principal in Role::"on-call", action == Action::"approve", resource) when { principal != resource.requester };"#;
    let named = |team: Team| match team.verdict("discord:3", FLUSH) {
        Verdict::Confirm { needs, .. } => {
            let role = needs.approvers.into_iter().find(|approvers| approvers.role == "on-call");
            role.map(|role| (role.members.iter().map(ToString::to_string).collect::<Vec<_>>(), role.pinged))
        }
        other => panic!("{other}"),
    };
    let both = vec!["discord:1".to_owned(), "console:mira".to_owned()];
    assert_eq!(named(Team::under(RULE).on_call(&["pagerduty:PM", "pagerduty:PSTRANGER"])), Some((both, true)));
    assert_eq!(named(Team::under(RULE).unknown()), None);
}
