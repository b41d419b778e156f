//! The shipped policy as a table, and every way a policy file can be wrong, with its message.

use super::super::testing::{command, conversation, noon, target};
use super::*;
use crate::proposal::{Needs, PolicyAction, Verdict, WhoMay};

const DEFAULT: &str = include_str!("../../../policies/default.cedar");

fn files(texts: &[(&str, &str)]) -> Vec<(String, String)> {
    texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn roles() -> Roles {
    toml::from_str(r#"operator = ["console:*", "discord:1", "discord:2"]"#).unwrap()
}

fn shipped() -> Policy {
    Policy::load(&files(&[("default.cedar", DEFAULT)]), &roles()).unwrap()
}

fn shipped_with(text: &str) -> Policy {
    Policy::load(&files(&[("default.cedar", DEFAULT), ("team.cedar", text)]), &roles()).unwrap()
}

/// `discord:1` asks in `discord:ops`, `console:mira` in `console:main`.
fn place(actor: &str) -> crate::domain::ConversationId {
    conversation(if actor.starts_with("console:") { "console:main" } else { "discord:ops" })
}

fn decide(
    policy: &Policy,
    action: PolicyAction,
    actor: &str,
    requester: &str,
    line: &str,
    approvals: usize,
) -> Decision {
    let command = command(line);
    let yeses: Vec<_> = (0..approvals).map(|number| format!("discord:{number}").parse().unwrap()).collect();
    policy.decide(&Query {
        action,
        actor: &actor.parse().unwrap(),
        requester: &requester.parse().unwrap(),
        target: &target(&command),
        subject: (&command).into(),
        conversation: &place(actor),
        now: noon(),
        yeses: &yeses,
        reason: None,
        broken_glass: false,
    })
}

fn verdict(policy: &Policy, requester: &str, line: &str) -> Verdict {
    let (actor, command) = (requester.parse().unwrap(), command(line));
    policy.verdict(&Query {
        action: PolicyAction::Propose,
        actor: &actor,
        requester: &actor,
        target: &target(&command),
        subject: (&command).into(),
        conversation: &place(requester),
        now: noon(),
        yeses: &[],
        reason: None,
        broken_glass: false,
    })
}

#[test]
fn what_becomes_of_a_new_command() {
    for (who, what, expected) in [
        ("discord:1", "host.disk", "allow (anyone-runs-reads)"),
        ("discord:9", "host.disk", "allow (anyone-runs-reads)"),
        ("discord:9", "host.disk environment=production", "allow (anyone-runs-reads)"),
        ("discord:1", "service.restart service=web", "confirm by the requester (operators-propose)"),
        (
            "discord:1",
            "service.restart service=web environment=staging",
            "confirm by the requester (operators-propose)",
        ),
        ("discord:1", "service.restart service=web environment=production", "confirm by another (operators-propose)"),
        ("discord:1", "deploy.promote from=staging to=production", "confirm by another (operators-propose)"),
        ("discord:1", "cache.flush service=web environment=staging", "confirm by another (operators-propose)"),
        ("discord:1", "process.kill pid=4242", "confirm by another (operators-propose)"),
        ("discord:9", "service.restart service=web", "deny (deny by default)"),
        ("discord:9", "process.kill pid=4242", "deny (deny by default)"),
        // The only user of a fresh installation, on his own machine.
        ("console:mira", "process.kill pid=4242", "confirm by the requester (operators-propose)"),
        ("console:mira", "service.restart service=nginx", "confirm by the requester (operators-propose)"),
        // Not his own machine any more.
        ("console:mira", "process.kill pid=4242 host=db-1", "confirm by another (operators-propose)"),
        ("console:mira", "cache.flush service=web environment=staging", "confirm by another (operators-propose)"),
        (
            "console:mira",
            "service.restart service=web environment=production",
            "confirm by another (operators-propose)",
        ),
    ] {
        assert_eq!(verdict(&shipped(), who, what).to_string(), expected, "{who}: {what}");
    }
}

#[test]
fn who_may_do_what_about_a_proposal() {
    use PolicyAction::{Approve, Confirm, Execute, Propose, Run};
    let (change, production) =
        ("service.restart service=web environment=staging", "cache.flush environment=production");
    for (action, actor, requester, line, approvals, allowed, rule) in [
        (Run, "discord:9", "discord:9", "host.disk", 0, true, "anyone-runs-reads"),
        (Run, "discord:1", "discord:1", change, 0, false, "deny by default"),
        (Propose, "discord:1", "discord:1", production, 0, true, "operators-propose"),
        (Confirm, "discord:1", "discord:1", change, 0, true, "operators-confirm-their-own-changes"),
        (Confirm, "discord:2", "discord:1", change, 0, false, "deny by default"),
        (Confirm, "discord:1", "discord:1", production, 0, false, "deny by default"),
        (Approve, "discord:2", "discord:1", production, 0, true, "operators-approve-for-others"),
        (Approve, "discord:1", "discord:1", production, 0, false, "never-approve-your-own"),
        (Approve, "discord:9", "discord:1", production, 0, false, "deny by default"),
        (Confirm, "console:mira", "console:mira", "process.kill pid=1", 0, true, "operators-confirm-on-this-machine"),
        (Confirm, "console:ada", "console:mira", "process.kill pid=1", 0, false, "deny by default"),
        (Execute, "discord:9", "discord:9", "host.disk", 0, true, "anyone-runs-reads"),
        (Execute, "discord:1", "discord:1", production, 0, false, "deny by default"),
        (Execute, "discord:1", "discord:1", production, 1, true, "operators-execute-with-a-yes"),
        (Execute, "discord:9", "discord:9", production, 1, false, "deny by default"),
    ] {
        let decision = decide(&shipped(), action, actor, requester, line, approvals);
        let expected = Decision { allowed, rule: rule.to_owned(), errors: Vec::new(), on_call: None };
        assert_eq!(decision, expected, "{action:?} by {actor} of {line} asked by {requester}");
    }
}

/// Those who may approve, as a card names them.
fn approvers(policy: &Policy, requester: &str, line: &str) -> Vec<(String, bool)> {
    match verdict(policy, requester, line) {
        Verdict::Confirm { needs, .. } => needs.approvers.iter().map(|a| (a.to_string(), a.pinged)).collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_verdict_names_who_else_may_say_yes() {
    let policy = shipped();
    assert!(approvers(&policy, "discord:1", "service.restart service=web").is_empty(), "their own is enough");
    let production = "service.restart service=web environment=production";
    assert_eq!(approvers(&policy, "discord:1", production), [("operator (console:*, discord:2)".to_owned(), false)]);

    // Whom the rules let, and no others; those whom a rule wants pinged.
    let roles = r#"operator = ["discord:1"]
lead = ["discord:role:7", "discord:1", "slack:U3"]
guest = ["discord:*"]"#;
    let roles: Roles = toml::from_str(roles).unwrap();
    let leads = "@id(\"leads\") @ping\npermit (principal in Role::\"lead\", action == Action::\"approve\", resource)\n\
                 when { principal.platform == context.platform && context has reason };\n\
                 @id(\"not-from-slack\")\nforbid (principal, action == Action::\"approve\", resource)\n\
                 when { context.platform == \"slack\" };";
    let policy = Policy::load(&files(&[("default.cedar", DEFAULT), ("team.cedar", leads)]), &roles).unwrap();
    assert_eq!(approvers(&policy, "discord:1", production), [("lead (discord:role:7)".to_owned(), true)]);
    assert_eq!(approvers(&policy, "discord:1", "process.kill pid=7"), [("lead (discord:role:7)".to_owned(), true)]);
}

#[test]
fn the_local_rule_is_for_the_console_alone() {
    let command = command("process.kill pid=4242");
    let actor = "console:mira".parse().unwrap();
    let query = Query {
        action: PolicyAction::Confirm,
        actor: &actor,
        requester: &actor,
        target: &target(&command),
        subject: (&command).into(),
        conversation: &conversation("discord:ops"),
        now: noon(),
        yeses: &[],
        reason: None,
        broken_glass: false,
    };
    assert!(!shipped().decide(&query).allowed);
}

#[test]
fn a_freeze_forbids_in_its_time_zone() {
    let freeze = r#"@id("weekend-freeze") forbid (principal, action in [Action::"confirm", Action::"approve", Action::"execute"], resource)
        when { resource.production && ((context.weekday == 5 && context.hour >= 16) || context.weekday > 5 || (context.weekday == 1 && context.hour < 8)) };
        @id("holidays") forbid (principal, action, resource)
        when { context.now >= datetime("2026-12-24T00:00:00Z") && context.now < datetime("2026-12-27T00:00:00Z") };"#;
    let command = command("service.restart environment=production");
    let (actor, requester) = ("discord:2".parse().unwrap(), "discord:1".parse().unwrap());
    let ask = |policy: &Policy, now: &str| {
        let query = Query {
            action: PolicyAction::Approve,
            actor: &actor,
            requester: &requester,
            target: &target(&command),
            subject: (&command).into(),
            conversation: &conversation("discord:ops"),
            now: now.parse().unwrap(),
            yeses: &[],
            reason: None,
            broken_glass: false,
        };
        policy.decide(&query).rule
    };
    let berlin = shipped_with(freeze).in_zone(TimeZone::get("Europe/Berlin").unwrap());
    assert_eq!(ask(&berlin, "2026-11-20T14:59:59Z"), "operators-approve-for-others");
    assert_eq!(ask(&berlin, "2026-11-20T15:00:00Z"), "weekend-freeze");
    assert_eq!(ask(&berlin, "2026-11-23T06:59:59Z"), "weekend-freeze");
    assert_eq!(ask(&berlin, "2026-11-23T07:00:00Z"), "operators-approve-for-others");
    assert_eq!(ask(&berlin, "2026-12-24T00:00:00Z"), "holidays");
    assert_eq!(ask(&shipped_with(freeze), "2026-11-20T15:00:00Z"), "operators-approve-for-others");
    assert_ne!(berlin.version(), shipped_with(freeze).version());
}

#[test]
fn a_policy_that_permits_everything_still_needs_a_yes_for_a_change() {
    let everything = Policy::load(&files(&[("all.cedar", "permit (principal, action, resource);")]), &roles()).unwrap();
    let confirm = Verdict::Confirm { by: WhoMay::Requester, needs: Needs::default(), rule: "all.cedar:1".to_owned() };
    assert_eq!(verdict(&everything, "discord:9", "service.restart service=web"), confirm);
    assert_eq!(verdict(&everything, "discord:9", "host.disk").to_string(), "allow (all.cedar:1)");
}

#[test]
fn what_cannot_be_evaluated_denies() {
    // An overflow is no fault of types; Cedar itself would leave this forbid out of account.
    let text =
        r#"@id("overflow") forbid (principal, action, resource) when { 9223372036854775807 + context.hour < 0 };"#;
    let decision = decide(&shipped_with(text), PolicyAction::Run, "discord:9", "discord:9", "host.disk", 0);
    assert!(!decision.allowed);
    assert_eq!(decision.errors.len(), 1);
    assert!(decision.reason().contains("overflow"), "{}", decision.reason());
    let reason = verdict(&shipped_with(text), "discord:9", "host.disk").to_string();
    assert!(reason.starts_with("deny (") && reason.contains("overflow"), "{reason}");
}

#[test]
fn without_policies_everything_is_denied() {
    let none = Policy::load(&[], &roles()).unwrap();
    for action in PolicyAction::ALL {
        assert!(!decide(&none, action, "console:mira", "console:mira", "host.disk", 5).allowed);
    }
}

#[test]
fn the_version_covers_rules_roles_and_zone() {
    let version = shipped().version();
    assert_eq!(version, shipped().version());
    assert_ne!(version, shipped_with(r#"permit (principal, action == Action::"run", resource);"#).version());
    let others = Policy::load(&files(&[("default.cedar", DEFAULT)]), &Roles::default()).unwrap();
    assert_ne!(version, others.version());
}

/// All messages of a policy that does not load.
fn faults(texts: &[(&str, &str)]) -> Vec<String> {
    let faults = Policy::load(&files(texts), &roles()).err().unwrap_or_else(|| panic!("no fault in {texts:?}"));
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn bad_policies_are_told_with_place_and_hint() {
    let told: Vec<String> = [
        "permit (principal, action, resource)\nwhn { true };",
        "permit (principal, action, resource)\n",
        "permit (principal, action, resource) when { resource.efect == Effect::\"read\" };",
        "permit (principal, action, resource) when { resource.effect == Effect::\"raed\" };",
        "permit (principal, action, resource) when { resource.effect == \"read\" };",
        "permit (principal, action == Action::\"aprove\", resource);",
        "permit (principal, action, resource)\n  when { resource.environment == \"staging\" };",
        "permit (principal in Role::\"operater\", action, resource);",
        "\n permit (principal in Role::\"guest\", action, resource);",
        "permit (principal == ?principal, action, resource);",
        "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
        "permit (principal, action, resource) when { resource has colour };",
        "permit (principal is Actr, action, resource);",
    ]
    .into_iter()
    .flat_map(|text| faults(&[("team.cedar", text)]))
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r##"
    team.cedar:2:1: invalid policy condition: whn (condition must be either `when` or `unless`)
    team.cedar:1:37: unexpected end of input (expected `;` or identifier)
    team.cedar:1:45: for policy `team.cedar:1`, attribute `efect` on entity type `Command` not found (did you mean `effect`?)
    team.cedar:1:64: for policy `team.cedar:1`: entity `Effect::"raed"` is of an enumerated entity type, but `"raed"` is not declared as a valid eid (valid entity eids: "read", "change", "destructive")
    team.cedar:1:45: the types String and Effect are not compatible (for policy `team.cedar:1`, both operands to a `==` expression must have compatible types. Types must be exactly equal to be compatible)
    team.cedar:1:30: for policy `team.cedar:1`, unrecognized action `Action::"aprove"` (did you mean `Action::"approve"`?)
    team.cedar:2:10: for policy `team.cedar:1`, unable to guarantee safety of access to optional attribute `environment` on entity type `Command` (try testing for the attribute's presence with `e has environment && ..`)
    team.cedar:1:22: unknown role `operater` (did you mean `operator`?)
    team.cedar:2:23: unknown role `guest` (add it to the configuration: `[roles]`, `guest = []`)
    team.cedar:1:1: expected a policy, found a template with `?principal` or `?resource` (name the role or the command in the policy itself)
    team.cedar:2:1: the policy `a` is there twice (`team.cedar` has a policy of that name, too)
    team.cedar:1:1: for policy `team.cedar:1`, policy is impossible: the policy expression evaluates to false for all valid requests
    team.cedar:1:22: for policy `team.cedar:1`, unrecognized entity type `Actr` (did you mean `Actor`?)
    "##);
}

#[test]
fn all_faults_of_all_files_are_told_at_once() {
    let told = faults(&[
        ("a.cedar", "permit (principal, action, resorce);\npermit (principal, action, resource) when { 1 + };"),
        (
            "b.cedar",
            "permit (principal in Role::\"nobody\", action, resource) when { resource.x };\n\
             @id(\"twice\") permit (principal, action == Action::\"x\", resource);",
        ),
        ("c.cedar", "@id(\"twice\") forbid (principal, action, resource) when { context.hour == \"8\" };"),
    ]);
    insta::assert_snapshot!(told.join("\n"), @r##"
    a.cedar:2:49: unexpected token `}` (expected `!`, `(`, `-`, `[`, `{`, `false`, identifier, `if`, number, `?principal`, `?resource`, string literal, or `true`)
    b.cedar:1:22: unknown role `nobody` (add it to the configuration: `[roles]`, `nobody = []`)
    b.cedar:1:63: for policy `b.cedar:1`, attribute `x` on entity type `Command` not found (did you mean `host`?)
    b.cedar:2:43: for policy `twice`, unrecognized action `Action::"x"` (did you mean `Action::"run"`?)
    c.cedar:1:1: the policy `twice` is there twice (`b.cedar` has a policy of that name, too)
    c.cedar:1:58: the types Long and String are not compatible (for policy `c.cedar:1`, both operands to a `==` expression must have compatible types. Types must be exactly equal to be compatible)
    "##);
}

#[test]
fn brackets_have_a_limit() {
    let nested = |depth: usize| {
        let condition = format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
        let text =
            format!("// (((\npermit (principal, action, resource) when {{ \"\\\"(((\" == \"\" || {condition} }};");
        Policy::load(&files(&[("deep.cedar", &text)]), &roles())
    };
    assert!(nested(40).is_ok());
    let faults = nested(5_000).err().unwrap();
    let said = "deep.cedar:2:111: expected at most 50 brackets within each other, found more (split the policy, or its \
                condition)";
    assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [said]);
}
