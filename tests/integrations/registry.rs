//! Which integration is meant, which are enabled, and what is said when none is.

use crate::common::{CATALOGUE, Parts, Rig, alice};

/// A system that restarts services, and shows their state; it takes the environment `here`.
const RESTARTS: &str = r#"
summary = "A system"
requires = [{ env = "X_URL" }, { path = "/does/not/exist", program = "sh" }]
[settings]
environment = "here"
words.a = "one"
secret = { secret = "X_SECRET", optional = true }
[actions.restart]
implements = "service.restart"
parameters.service = { pattern = '[a-z]+' }
parameters.environment = { one_of = ["{{ settings.environment }}", "{{ settings.secret }}"] }
process.argv = ["true", "--", "{{ service }}", "{{ settings.words.a }}"]
[actions.list]
implements = "alert.list"
process.argv = ["true"]
"#;

fn two(config: &str) -> Rig {
    let fallback = RESTARTS.replace("implements = \"alert.list\"", "implements = \"alert.list\"\nfallback = true");
    let manifests = vec![("x", RESTARTS.to_owned()), ("y", fallback)];
    Parts { manifests, config, env: vec![("X_URL", "set".to_owned())], ..Parts::default() }.rig()
}

#[tokio::test]
async fn bindings_decide_and_else_a_person() {
    let rig = two("");
    let said = "several integrations carry out `service.restart`: `x`, `y`; say which in `[bindings]`";
    assert_eq!(rig.refusal("service.restart service=a").await, said);
    let chosen =
        rig.planner.plan_with(&crate::common::command("service.restart service=a"), &alice(), "y").await.unwrap();
    assert_eq!((chosen.integration.as_str(), chosen.action.as_str()), ("y", "restart"));
    // The digest remembers who was chosen.
    let ids = (sayso::domain::ProposalId::random(), sayso::domain::ExecutionId::random());
    let approved = crate::common::approve(&crate::common::command("service.restart service=a"), chosen.digest, ids);
    assert_eq!(rig.execute(approved).await.summary, "done by `y`");
    // Who fills in stands back.
    assert_eq!(rig.plan("alert.list").await.unwrap().integration, "x");

    let rig = two("[bindings]\n\"service.*\" = \"y\"\n\"service.* environment=production\" = \"x\"");
    assert_eq!(rig.plan("service.restart service=a").await.unwrap().integration, "y");
    // The environment chose the integration, so that the integration need not know it.
    assert_eq!(rig.plan("service.restart service=a environment=production").await.unwrap().integration, "x");
    let said = "`y` serves only `here` as `environment`, not `staging`";
    assert_eq!(rig.refusal("service.restart service=a environment=staging").await, said);
}

#[tokio::test]
async fn arguments_without_effect_are_refused() {
    let rig = two("integrations.enabled = [\"x\"]");
    for (line, said) in [
        ("service.restart service=a host=db1", "`x` cannot take `host` into account"),
        ("service.restart service=a/b", "`x` knows no `service` of the form `a/b`"),
        ("alert.list severity=critical", "`x` cannot take `severity` into account"),
    ] {
        assert_eq!(rig.refusal(line).await, said);
    }
    assert_eq!(rig.plan("service.restart service=a environment=HERE").await.unwrap().runs, "true -- a one");
    let both = two("").refusal("service.restart service=a host=db1").await;
    assert_eq!(both, "`x` cannot take `host` into account; `y` cannot take `host` into account");
}

#[tokio::test]
async fn who_could_is_named() {
    let rig = Parts { manifests: vec![("x", RESTARTS.to_owned())], ..Parts::default() }.rig();
    let said = "no enabled integration carries out `service.restart`; `x` could, but is not enabled: it needs the variable \
        `X_URL` or `/does/not/exist` and the program `sh`; ";
    let told = rig.refusal("service.restart service=a").await;
    let ships = told.strip_prefix(said).unwrap_or_else(|| panic!("{told}"));
    assert!(ships.contains("`kubernetes`") && ships.ends_with("could, with the manifest that ships"), "{told}");
    // What ships says itself who could: everyone is named who carries it out, and nobody else, those first who do the most of its kind.
    let ships = |intent: &str| -> Vec<_> {
        let actions = |manifest: &&sayso::catalogue::Manifest| {
            manifest.actions.iter().any(|action| action.implements.as_str() == intent)
        };
        CATALOGUE.manifests.iter().filter(actions).map(|manifest| format!("`{}`", manifest.name)).collect()
    };
    let told = rig.refusal("database.failover database=orders").await;
    assert_eq!(ships("database.failover"), ["`patroni`"]);
    assert_eq!(
        told,
        "no enabled integration carries out `database.failover`; `patroni` could, with the manifest that ships"
    );
    let told = rig.refusal("ticket.create title=x").await;
    let more = ships("ticket.create").len() - 5;
    assert!(told.ends_with(&format!(" or {more} more could, with the manifest that ships")), "{told}");
    assert_eq!(ships("ticket.create").iter().filter(|name| told.contains(name.as_str())).count(), 5, "{told}");
    let off =
        Parts { manifests: vec![("x", RESTARTS.to_owned())], config: "integrations.enabled = []", ..Parts::default() };
    let said = off.rig().refusal("alert.list").await;
    assert!(said.contains("`x` could, but is not among those that the configuration enables; `"), "{said}");
    let needs = RESTARTS.replace("optional = true", "optional = false");
    let lacking = Parts { manifests: vec![("x", needs)], env: vec![("X_URL", "1".to_owned())], ..Parts::default() };
    let said = lacking.rig().refusal("alert.list").await;
    assert!(said.contains("`x` could, but is not ready: `X_SECRET` is not set"), "{said}");
    let bound = Parts {
        manifests: vec![("x", RESTARTS.to_owned()), ("y", RESTARTS.to_owned())],
        config: "integrations.enabled = [\"x\"]\nbindings.\"alert.list\" = \"y\"",
        ..Parts::default()
    };
    let said = bound.rig().refusal("alert.list").await;
    assert_eq!(said, "`[bindings]` gives this to `y`, which is not among those that the configuration enables");
}

#[tokio::test]
async fn the_configuration_changes_values() {
    let config = "integrations = { enabled = [\"x\"], x = { environment = { env = \"HERE\" }, words = { a = \"two\", b = 3 } } }";
    let env = vec![("HERE", "there".to_owned())];
    let rig = Parts { manifests: vec![("x", RESTARTS.to_owned())], config, env, ..Parts::default() }.rig();
    assert_eq!(rig.plan("service.restart service=a environment=there").await.unwrap().runs, "true -- a two");
}

#[test]
fn faults_of_the_configuration_are_told_at_once() {
    let config = r#"
integrations.enabled = ["z"]
integrations.x = { enviroment = "x", words = { a = { template = "{{ service" } } }
[bindings]
"alert.list" = "xy"
"list" = "x"
"service.* production" = "x"
"#;
    let (_, faults) = Parts { manifests: vec![("x", RESTARTS.to_owned())], config, ..Parts::default() }.planner();
    insta::assert_snapshot!(faults.join("\n"), @r##"
    error: sayso.toml: `integrations.x.enviroment`: the manifest has no such value
      hint: did you mean `environment`?
    error: sayso.toml: `integrations.x.words.a`: `template`: broken template: unexpected end of input, expected end of variable block
    error: sayso.toml: `bindings."list"`: expected an intent such as `service.restart`, `service.*` or `*`, found `list`
    error: sayso.toml: `bindings."service.* production"`: expected `parameter=value`, found `production`
    error: sayso.toml: unknown integration `z`
      hint: did you mean `x`?
    error: sayso.toml: unknown integration `xy`
      hint: did you mean `x`?
    "##);
    let builtin = "summary = \"x\"\n[actions.a]\nimplements = \"host.disk\"\nbuiltin = \"host.dsk\"\n";
    let builtins = sayso::integrations::Builtins::of_this_machine();
    let (_, faults) = Parts { manifests: vec![("x", builtin.to_owned())], builtins, ..Parts::default() }.planner();
    insta::assert_snapshot!(faults.join("\n"), @r##"
    error: integrations/x.toml:3:14: action `a`: unknown builtin `host.dsk`
      hint: did you mean `host.disk`?
    "##);
}

#[tokio::test]
async fn the_digest_is_of_what_would_run() {
    let rig = two("integrations.enabled = [\"x\"]");
    let digest = async |rig: &Rig, line: &str| rig.plan(line).await.unwrap().digest;
    let first = digest(&rig, "service.restart service=a").await;
    assert_eq!(first, digest(&rig, "service.restart service=a").await);
    assert_ne!(first, digest(&rig, "service.restart service=b").await);
    let other = RESTARTS.replace("[\"true\"", "[\"/bin/true\"");
    let config = "integrations.enabled = [\"x\"]";
    let changed = Parts { manifests: vec![("x", other)], config, ..Parts::default() }.rig();
    assert_ne!(first, digest(&changed, "service.restart service=a").await);
    let reworded = RESTARTS.replace("[actions.list]", "[actions.list] # the alerts");
    let same = Parts { manifests: vec![("x", reworded)], config, ..Parts::default() }.rig();
    assert_eq!(first, digest(&same, "service.restart service=a").await);
}
