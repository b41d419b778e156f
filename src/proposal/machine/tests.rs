//! Stories of the machine under the shipped policy: each line says what happened and what the machine answered.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::super::testing::{command, conversation, draft, noon, plan, target};
use super::*;
use crate::domain::{ChoiceKind, Digest, Memberships};
use crate::proposal::{Policy, Roles};

const DEFAULT: &str = include_str!("../../../policies/default.cedar");

pub(super) const RESTART: &str = "service.restart service=web environment=staging";
pub(super) const PRODUCTION: &str = "service.restart service=web environment=production";

/// The shipped policy, where `operators` are.
fn policy(operators: &str) -> Policy {
    let roles: Roles = toml::from_str(&format!("operator = {operators}")).unwrap();
    Policy::load(&[("default.cedar".to_owned(), DEFAULT.to_owned())], &roles).unwrap()
}

/// A proposal, and the story of what happened to it.
pub(super) struct Story {
    pub(super) proposal: Proposal,
    policy: Policy,
    pub(super) now: Timestamp,
    told: String,
}

impl Story {
    pub(super) fn begin(requester: &str, line: &str) -> Self {
        let policy = policy(r#"["console:*", "discord:*"]"#);
        let (proposal, deeds) = propose(draft(requester, line), &policy, noon());
        let mut story = Self { proposal, policy, now: noon(), told: String::new() };
        story.tell(&format!("{requester} asks"), deeds);
        story
    }

    fn tell(&mut self, what: &str, deeds: Vec<Deed>) {
        let deeds: Vec<String> = deeds.iter().map(show).collect();
        let deeds = if deeds.is_empty() { "nothing".to_owned() } else { deeds.join(", ") };
        writeln!(self.told, "{what}: {} | {deeds}", self.proposal.state()).unwrap();
    }

    pub(super) fn event(&mut self, what: &str, event: Event) -> &mut Self {
        let (proposal, deeds) = step(self.proposal.clone(), event, &self.policy, self.now);
        self.proposal = proposal;
        self.tell(what, deeds);
        self
    }

    pub(super) fn press(&mut self, actor: &str, choice: ChoiceKind) -> &mut Self {
        self.press_card(actor, choice, self.proposal.digest())
    }

    pub(super) fn press_card(&mut self, actor: &str, choice: ChoiceKind, shown: Digest) -> &mut Self {
        let place = if actor.starts_with("console") { "console:main" } else { "discord:ops" };
        let (conversation, who) = (conversation(place), actor.parse().unwrap());
        let event = Event::Pressed { actor: who, choice, shown, conversation, reason: None };
        self.event(&format!("{actor} presses {}", choice.as_str()), event)
    }

    /// The shipped policy with more rules, and people with several accounts.
    pub(super) fn under(rules: &str, people: crate::domain::People, requester: &str, line: &str) -> Self {
        let roles: Roles = toml::from_str(
            r#"operator = ["discord:*", "console:*"]
            lead = ["discord:2"]"#,
        )
        .unwrap();
        let files = [("default.cedar".to_owned(), DEFAULT.to_owned()), ("team.cedar".to_owned(), rules.to_owned())];
        let policy = Policy::load(&files, &roles).unwrap().with_people(people);
        let (proposal, deeds) = propose(draft(requester, line), &policy, noon());
        let mut story = Self { proposal, policy, now: noon(), told: String::new() };
        story.tell(&format!("{requester} asks"), deeds);
        story
    }

    /// The shipped policy with more rules, where whoever is on call by `PS` has the role `on-call`.
    pub(super) fn on_duty(
        rules: &str,
        people: crate::domain::People,
        rota: &std::sync::Arc<crate::domain::Rota>,
        requester: &str,
        line: &str,
    ) -> Self {
        let roles: Roles = toml::from_str("operator = [\"discord:*\"]\non-call = []").unwrap();
        let files = [("default.cedar".to_owned(), DEFAULT.to_owned()), ("team.cedar".to_owned(), rules.to_owned())];
        let schedules = [("on-call".to_owned(), "PS".to_owned())].into();
        let policy = Policy::load(&files, &roles).unwrap().with_people(people);
        let policy = policy.with_duty(schedules, std::sync::Arc::clone(rota));
        let (proposal, deeds) = propose(draft(requester, line), &policy, noon());
        let mut story = Self { proposal, policy, now: noon(), told: String::new() };
        story.tell(&format!("{requester} asks"), deeds);
        story
    }

    pub(super) fn press_because(&mut self, actor: &str, choice: ChoiceKind, reason: &str) -> &mut Self {
        let event = Event::Pressed {
            actor: actor.parse().unwrap(),
            choice,
            shown: self.proposal.digest(),
            conversation: conversation("discord:ops"),
            reason: Some(reason.to_owned()),
        };
        self.event(&format!("{actor} presses {} because {reason}", choice.as_str()), event)
    }

    pub(super) fn confirm(&mut self, actor: &str) -> &mut Self {
        self.press(actor, ChoiceKind::Confirm)
    }

    pub(super) fn approve(&mut self, actor: &str) -> &mut Self {
        self.press(actor, ChoiceKind::Approve)
    }

    pub(super) fn planned(&mut self) -> &mut Self {
        let plan = plan(self.proposal.command());
        self.event("planned again", Event::Planned(plan))
    }

    pub(super) fn edit(&mut self, actor: &str, line: &str) -> &mut Self {
        let command = command(line);
        let edit = Edit {
            shown: command.to_string(),
            target: target(&command),
            plan: plan(&command),
            expires: self.proposal.expires(),
            command,
        };
        self.event(&format!("{actor} edits"), Event::Edited { actor: actor.parse().unwrap(), edit: Box::new(edit) })
    }

    pub(super) fn ended(&mut self, status: OutcomeStatus) -> &mut Self {
        let outcome = Outcome { status, summary: "done".to_owned(), output: None };
        self.event("it ends", Event::Ended(outcome))
    }

    pub(super) fn restart(&mut self, trace: Trace) -> &mut Self {
        self.event("restart", Event::Restarted(trace))
    }

    pub(super) fn wait(&mut self, minutes: i64) -> &mut Self {
        self.now += SignedDuration::from_mins(minutes);
        self
    }

    pub(super) fn told(&self) -> &str {
        self.told.trim_end()
    }
}

fn show(deed: &Deed) -> String {
    let name = |event: &AuditEvent| {
        let json = serde_json::to_value(&event.fact).unwrap();
        json["kind"].as_str().unwrap_or_default().to_owned()
    };
    match deed {
        Deed::Save(events) => format!("save({})", events.iter().map(name).collect::<Vec<_>>().join(" ")),
        Deed::Record(event) => format!("record({})", name(event)),
        Deed::Say(Notice::Refused { refusal, .. }) => format!("refuse({refusal})"),
        Deed::Say(Notice::Changed(change)) => format!("say(changed: {change})"),
        Deed::Say(Notice::Rejected { by }) => format!("say(rejected by {by})"),
        Deed::Say(Notice::Finished(outcome)) => format!("say(finished: {})", outcome.status.as_str()),
        Deed::Say(notice) => format!("say({notice:?})"),
        Deed::PlanAgain => "plan again".to_owned(),
        Deed::Stop(_) => "stop it".to_owned(),
        Deed::Execute(approved) => format!("execute({}, {} yes)", approved.subject(), approved.approvals().len()),
        Deed::WakeAt(at) => format!("wake at {at}"),
    }
}

#[test]
fn a_read_runs_at_once() {
    let mut story = Story::begin("discord:9", "host.disk");
    story.ended(OutcomeStatus::Succeeded);
    insta::assert_snapshot!(story.told(), @r"
    discord:9 asks: executing | save(proposal_created), say(Started), execute(host.disk, 0 yes)
    it ends: succeeded | save(), say(finished: succeeded)
    ");
}

#[test]
fn the_requester_confirms_outside_production() {
    let mut story = Story::begin("discord:1", RESTART);
    story.confirm("discord:1").planned().ended(OutcomeStatus::Succeeded);
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=staging, 1 yes)
    it ends: succeeded | save(), say(finished: succeeded)
    ");
}

#[test]
fn the_only_user_of_a_fresh_installation_kills_his_process() {
    let mut story = Story::begin("console:mira", "process.kill pid=4242");
    story.confirm("console:mira").planned();
    insta::assert_snapshot!(story.told(), @r"
    console:mira asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    console:mira presses confirm: approved | save(proposal_confirmed), plan again
    planned again: executing | save(), say(Started), execute(process.kill pid=4242, 1 yes)
    ");
}

#[test]
fn production_needs_another() {
    let mut story = Story::begin("discord:1", PRODUCTION);
    story.confirm("discord:1").approve("discord:1").confirm("discord:2").approve("discord:2").planned();
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: pending | record(press_refused), refuse(the policy does not permit it: deny by default)
    discord:1 presses approve: pending | record(press_refused), refuse(nobody approves their own proposal)
    discord:2 presses confirm: pending | record(press_refused), refuse(only the requester can do that)
    discord:2 presses approve: approved | save(proposal_approved), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=production, 1 yes)
    ");
}

#[test]
fn who_is_no_operator_can_do_nothing_but_read() {
    let mut story = Story::begin("discord:1", PRODUCTION);
    story.policy = policy(r#"["discord:1"]"#);
    let (denied, _) = propose(draft("discord:9", RESTART), &story.policy, noon());
    assert_eq!(denied.state(), State::Denied);
    let digest = story.proposal.digest();
    let (fresh, _) = propose(draft("discord:1", PRODUCTION), &story.policy, noon());
    assert_ne!(fresh.digest(), digest);
    story.proposal = fresh;
    story.approve("discord:9").press("discord:9", ChoiceKind::Reject).press("discord:9", ChoiceKind::Cancel);
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:9 presses approve: pending | record(press_refused), refuse(the policy does not permit it: deny by default)
    discord:9 presses reject: pending | record(press_refused), refuse(the policy does not permit it: deny by default)
    discord:9 presses cancel: pending | record(press_refused), refuse(only the requester can do that)
    ");
}

#[test]
fn a_double_press_counts_once() {
    let mut story = Story::begin("discord:1", RESTART);
    story.confirm("discord:1").confirm("discord:1").planned().confirm("discord:1").planned();
    story.ended(OutcomeStatus::Failed).confirm("discord:1").ended(OutcomeStatus::Succeeded);
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    discord:1 presses confirm: approved | record(press_refused), refuse(it is approved already)
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=staging, 1 yes)
    discord:1 presses confirm: executing | record(press_refused), refuse(it is running already)
    planned again: executing | nothing
    it ends: failed | save(), say(finished: failed)
    discord:1 presses confirm: failed | record(press_refused), refuse(it has come to its end: failed)
    it ends: failed | nothing
    ");
}

#[test]
fn a_no_ends_it() {
    let mut story = Story::begin("discord:1", PRODUCTION);
    story.press("discord:2", ChoiceKind::Reject).approve("discord:2");
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:2 presses reject: rejected | save(proposal_rejected), say(rejected by discord:2)
    discord:2 presses approve: rejected | record(press_refused), refuse(it has come to its end: rejected)
    ");
    let mut story = Story::begin("discord:1", RESTART);
    story.confirm("discord:1").press("discord:1", ChoiceKind::Cancel).planned();
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    discord:1 presses cancel: cancelled | save(proposal_cancelled), say(Cancelled)
    planned again: cancelled | nothing
    ");
    let mut story = Story::begin("discord:1", RESTART);
    story.press("discord:2", ChoiceKind::Cancel).press("discord:1", ChoiceKind::Reject);
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:2 presses cancel: pending | record(press_refused), refuse(only the requester can do that)
    discord:1 presses reject: cancelled | save(proposal_cancelled), say(Cancelled)
    ");
}

#[test]
fn time_runs_out() {
    let mut story = Story::begin("discord:1", RESTART);
    story.wait(14).event("tick", Event::Ticked).wait(1).event("tick", Event::Ticked).confirm("discord:1");
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    tick: pending | wake at 2026-11-18T12:15:00Z
    tick: expired | save(proposal_expired), say(Expired)
    discord:1 presses confirm: expired | record(press_refused), refuse(it has come to its end: expired)
    ");
    let mut story = Story::begin("discord:1", RESTART);
    story.wait(15).confirm("discord:1");
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: expired | save(proposal_expired press_refused), say(Expired), refuse(it has expired)
    ");
    let mut story = Story::begin("discord:1", RESTART);
    story.confirm("discord:1").wait(15).planned();
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned again: expired | save(proposal_expired), say(Expired)
    ");
}

#[test]
fn an_edit_voids_yeses_and_cards() {
    let mut story = Story::begin("discord:1", RESTART);
    let card = story.proposal.digest();
    story.edit("discord:2", PRODUCTION).edit("discord:1", PRODUCTION);
    story.press_card("discord:2", ChoiceKind::Approve, card).approve("discord:2");
    story.edit("discord:1", RESTART).planned().press_card("discord:1", ChoiceKind::Cancel, card);
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:2 edits: pending | record(press_refused), refuse(only the requester can do that)
    discord:1 edits: pending | save(proposal_edited), say(changed: it was edited), wake at 2026-11-18T12:15:00Z
    discord:2 presses approve: pending | record(press_refused), refuse(the proposal has changed since it was shown)
    discord:2 presses approve: approved | save(proposal_approved), plan again
    discord:1 edits: pending | save(proposal_edited), say(changed: it was edited), wake at 2026-11-18T12:15:00Z
    planned again: pending | nothing
    discord:1 presses cancel: cancelled | save(proposal_cancelled), say(Cancelled)
    ");
}

#[test]
fn whether_somebody_may_edit_is_known_before_the_edit() {
    let mut story = Story::begin("discord:1", RESTART);
    let before = story.proposal.clone();
    for actor in ["discord:2", "discord:1"] {
        story.event(&format!("{actor} begins to edit"), Event::EditBegun { actor: actor.parse().unwrap() });
    }
    assert_eq!(story.proposal, before);
    story.wait(15).event("discord:1 begins to edit", Event::EditBegun { actor: "discord:1".parse().unwrap() });
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:2 begins to edit: pending | record(press_refused), refuse(only the requester can do that)
    discord:1 begins to edit: pending | nothing
    discord:1 begins to edit: expired | save(proposal_expired press_refused), say(Expired), refuse(it has expired)
    ");
}

#[test]
fn an_edit_that_policy_denies_changes_nothing() {
    let mut story = Story::begin("discord:1", RESTART);
    let before = story.proposal.clone();
    story.policy = policy("[]");
    story.edit("discord:1", PRODUCTION);
    assert_eq!(story.proposal, before);
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 edits: pending | record(press_refused), refuse(the policy does not permit it: deny by default)
    ");
}

#[test]
fn what_changed_meanwhile_is_asked_again() {
    let mut story = Story::begin("discord:1", RESTART);
    let digest = Digest::of([b"else".as_slice()]);
    let other = Plan { runs: "something else".to_owned(), digest, ..story.proposal.draft().plan.clone() };
    story.confirm("discord:1").event("planned otherwise", Event::Planned(other));
    story.confirm("discord:1").event("no plan", Event::PlanFailed { reason: "docker is disabled".to_owned() });
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned otherwise: pending | save(proposal_reopened), say(changed: what would run has changed), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    no plan: pending | save(proposal_reopened), say(changed: it could not be planned again: docker is disabled), wake at 2026-11-18T12:15:00Z
    ");
}

#[test]
fn a_policy_that_changed_is_asked_again() {
    let mut story = Story::begin("discord:1", RESTART);
    story.policy = policy(r#"["discord:1"]"#);
    story.confirm("discord:1").confirm("discord:1");
    story.policy = policy(r#"["discord:1", "discord:2"]"#);
    story.planned().confirm("discord:1");
    story.policy = policy("[]");
    story.planned();
    insta::assert_snapshot!(story.told(), @r#"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: pending | save(proposal_reopened), say(changed: the policy has changed), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned again: pending | save(proposal_reopened), say(changed: the policy has changed), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned again: denied | save(proposal_reopened proposal_denied), say(Denied { reason: "deny by default" })
    "#);
}

#[test]
fn a_crash_runs_nothing() {
    let outcome = Outcome { status: OutcomeStatus::Succeeded, summary: "done".to_owned(), output: None };
    for trace in [Trace::NotOpened, Trace::Open, Trace::Closed(outcome.clone())] {
        let mut story = Story::begin("discord:1", RESTART);
        story.restart(trace).confirm("discord:1");
        assert_eq!(story.proposal.state(), State::Approved);
    }
    let mut story = Story::begin("discord:1", RESTART);
    story.confirm("discord:1").restart(Trace::NotOpened).planned().confirm("discord:1").planned();
    story.restart(Trace::Open).confirm("discord:1").planned();
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    restart: pending | save(proposal_reopened), say(changed: it was approved but did not start before a restart), wake at 2026-11-18T12:15:00Z
    planned again: pending | nothing
    discord:1 presses confirm: approved | save(proposal_confirmed), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=staging, 1 yes)
    restart: unknown | save(), say(Interrupted)
    discord:1 presses confirm: unknown | record(press_refused), refuse(it has come to its end: unknown)
    planned again: unknown | nothing
    ");
    let mut story = Story::begin("discord:1", "host.disk");
    story.restart(Trace::NotOpened).restart(Trace::Open);
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: executing | save(proposal_created), say(Started), execute(host.disk, 0 yes)
    restart: failed | save(execution_ended), say(NeverBegan)
    restart: failed | nothing
    ");
    let mut story = Story::begin("discord:1", "host.disk");
    story.restart(Trace::Closed(outcome));
    insta::assert_snapshot!(story.told(), @r"
    discord:1 asks: executing | save(proposal_created), say(Started), execute(host.disk, 0 yes)
    restart: succeeded | save(), say(finished: succeeded)
    ");
}

#[test]
fn two_yeses_where_policy_wants_two() {
    let two = r#"@id("two") forbid (principal, action == Action::"execute", resource)
        when { resource.production && context.approvals < 2 };"#;
    let mut story = Story::begin("discord:1", PRODUCTION);
    let roles: Roles = toml::from_str(r#"operator = ["discord:*"]"#).unwrap();
    let files = [("default.cedar".to_owned(), DEFAULT.to_owned()), ("two.cedar".to_owned(), two.to_owned())];
    story.policy = Policy::load(&files, &roles).unwrap();
    (story.proposal, _) = propose(draft("discord:1", PRODUCTION), &story.policy, noon());
    story.approve("discord:2").approve("discord:2").approve("discord:3").planned();
    insta::assert_snapshot!(story.told(), @r#"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:2 presses approve: pending | save(proposal_approved), say(Counted { approvals: 1, rule: "two" })
    discord:2 presses approve: pending | record(press_refused), refuse(their yes has been counted already)
    discord:3 presses approve: approved | save(proposal_approved), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=production, 2 yes)
    "#);
}

#[test]
fn a_yes_that_was_not_enough_can_be_said_again_when_it_is() {
    let memberships = Arc::<Memberships>::default();
    let roles: Roles = toml::from_str(r#"operator = ["discord:role:7"]"#).unwrap();
    let actor = |id: &str| id.parse::<Actor>().unwrap();
    let mut story = Story::begin("discord:1", PRODUCTION);
    let files = [("default.cedar".to_owned(), DEFAULT.to_owned())];
    story.policy = Policy::load(&files, &roles).unwrap().among(Arc::clone(&memberships));
    for id in ["discord:1", "discord:2"] {
        memberships.set(&actor(id), ["7".to_owned()]);
    }
    (story.proposal, _) = propose(draft("discord:1", PRODUCTION), &story.policy, noon());
    memberships.forget(&actor("discord:1"));
    story.approve("discord:2").approve("discord:2");
    memberships.set(&actor("discord:1"), ["7".to_owned()]);
    story.approve("discord:2").planned();
    assert_eq!(story.proposal.approvals().len(), 1);
    insta::assert_snapshot!(story.told(), @r#"
    discord:1 asks: pending | save(proposal_created), say(Asked), wake at 2026-11-18T12:15:00Z
    discord:2 presses approve: pending | save(proposal_approved), say(Counted { approvals: 1, rule: "deny by default" })
    discord:2 presses approve: pending | record(press_refused), refuse(their yes has been counted already)
    discord:2 presses approve: approved | save(proposal_approved), plan again
    planned again: executing | save(), say(Started), execute(service.restart service=web environment=production, 1 yes)
    "#);
}

#[test]
fn the_digest_covers_everything_that_matters() {
    let (original, _) = propose(draft("discord:1", RESTART), &policy("[]"), noon());
    let alter: [fn(&mut Proposal); 12] = [
        |p| p.draft.id = crate::domain::ProposalId::random(),
        |p| p.draft.requester = "discord:2".parse().unwrap(),
        |p| p.draft.command = command(PRODUCTION),
        |p| p.draft.command = command("service.restart service=api environment=staging"),
        |p| p.draft.target.name = "another".to_owned(),
        |p| p.draft.target.local = true,
        |p| p.draft.target.production = true,
        |p| p.draft.plan.digest = Digest::of([b"another".as_slice()]),
        |p| p.draft.plan.facts = [("replicas".to_owned(), "7".to_owned())].into(),
        |p| p.draft.reason = Some("it is slow".to_owned()),
        |p| p.draft.provenance.runbook = Some(("a.md".to_owned(), Digest::of_file(b"a"))),
        |p| p.policy = Digest::of([b"another".as_slice()]),
    ];
    for (number, alter) in alter.into_iter().enumerate() {
        let mut altered = original.clone();
        alter(&mut altered);
        assert_ne!(altered.compute_digest(), original.digest(), "alteration {number}");
    }
}
