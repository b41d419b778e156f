//! Puppet, on this machine.

use crate::tool::{Bench, is_there, previewed, refuses_hostile, succeeds};
use sayso::domain::OutcomeStatus;

#[tokio::test]
async fn a_manifest_is_applied_and_changes_are_a_success() {
    if !is_there("puppet", "puppet-agent") {
        return;
    }
    let bench = Bench::of("puppet");
    let made = bench.path().join("made");
    bench.write("site.pp", &format!("file {{ '{}': ensure => file, content => 'hello' }}", made.display()));
    let other = bench.path().join("other");
    let bad = format!("file {{ '{}': ensure => file }}\nexec {{ '/bin/false': }}", other.display());
    bench.write("deep/bad.pp", &bad);
    bench.write("broken.pp", "file {");
    let folder = bench.path().display().to_string();
    let bench = bench.with("SAYSO_PUPPET_FOLDER", folder);
    let rig = bench.rig();

    let shown = previewed(&rig, "playbook.run playbook=site").await.shown.unwrap();
    assert!(shown.contains("/made]/ensure: current_value 'absent', should be 'file' (noop)"), "{shown}");
    assert_eq!(succeeds(&rig, "playbook.run playbook=site dry_run=true").await.0, "site would change 1 thing");
    assert_eq!(bench.read("made"), None);
    // Puppet ends with 2 here.
    assert_eq!(succeeds(&rig, "playbook.run playbook=site host=testhost").await.0, "site changed 1 thing");
    assert_eq!(bench.read("made").as_deref(), Some("hello"));
    assert_eq!(succeeds(&rig, "playbook.run playbook=site.pp").await.0, "site.pp changed nothing");
    let shown = previewed(&rig, "playbook.run playbook=site").await.shown;
    assert_eq!(shown.as_deref(), Some("nothing would change"));

    let outcome = rig.run("playbook.run playbook=deep/bad").await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    let said = "`puppet` applied `deep/bad`, and a part of it failed after another part had changed something: ";
    assert!(outcome.summary.starts_with(said), "{}", outcome.summary);
    assert!(outcome.summary.contains("'/bin/false' returned 1 instead of one of [0]"), "{}", outcome.summary);
    let told = rig.told("playbook.run playbook=broken").await;
    assert!(told.starts_with("failed: `puppet` cannot apply `broken`: ") && told.contains("Syntax error"), "{told}");
    let told = rig.told("playbook.run playbook=nosuch").await;
    assert!(told.contains("Could not find file nosuch.pp"), "{told}");
    refuses_hostile(&rig, "playbook.run", "playbook").await;
    let said = rig.refusal("playbook.run playbook=site host=db1").await;
    assert_eq!(said, "`puppet` serves only `localhost` or `127.0.0.1` or `testhost` as `host`, not `db1`");
}
