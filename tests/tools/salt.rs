//! Salt without a master, as the script among the servers sets it up.

use std::process::Command as Process;

use crate::tool::{Bench, previewed, refuses_hostile, succeeds};
use sayso::domain::OutcomeStatus;

#[tokio::test]
async fn states_are_applied() {
    let Some(scripts) = std::env::var_os("SAYSO_SERVERS") else {
        eprintln!("skipped: SAYSO_SERVERS does not name the folder with the scripts that install Salt");
        return;
    };
    let home = tempfile::Builder::new().prefix("s").tempdir_in("/tmp").unwrap();
    let script = std::path::Path::new(&scripts).join("salt-call.sh");
    let output = Process::new("bash").arg(&script).arg("up").arg(home.path()).output().unwrap();
    if !output.status.success() {
        eprintln!("skipped: Salt cannot be installed: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let var = |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().to_owned();
    let states = std::path::PathBuf::from(var("SALT_STATES"));
    let bench = Bench::of("salt").with("SAYSO_SALT", "yes").with("SAYSO_SALT_LOCAL", "yes");
    let bench = bench.instead("salt-call", &var("SALT_CALL"));
    let made = bench.path().join("made").display().to_string();
    let state = format!("{made}:\n  file.managed:\n    - contents: {{{{ pillar.get('env', 'nowhere') }}}}\n");
    std::fs::write(states.join("note.sls"), state).unwrap();
    std::fs::write(states.join("bad.sls"), "fails:\n  cmd.run:\n    - name: /bin/false\n").unwrap();
    let rig = bench.rig();

    let shown = previewed(&rig, "playbook.run playbook=note").await.shown.unwrap();
    assert!(shown.starts_with(&format!("would change: {made}: The file {made} is set to be changed")), "{shown}");
    assert_eq!(succeeds(&rig, "playbook.run playbook=note dry_run=true").await.0, "note would change 1 of 1 states");
    assert_eq!(bench.read("made"), None);
    let (summary, output) = succeeds(&rig, "playbook.run playbook=note environment=staging host=testhost").await;
    assert_eq!(summary, "note changed 1 of 1 states");
    assert!(output.starts_with(&format!("changed: {made}: ")), "{output}");
    assert_eq!(bench.read("made").as_deref(), Some("staging\n"));
    let (summary, _) = succeeds(&rig, "playbook.run playbook=note environment=staging").await;
    assert_eq!(summary, "note changed 0 of 1 states");

    let outcome = rig.run("playbook.run playbook=bad").await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    let said = "`salt` applied `bad`, and a part of it failed: fails: Command \"/bin/false\" run";
    assert!(outcome.summary.starts_with(said), "{}", outcome.summary);
    let told = rig.told("playbook.run playbook=nosuch").await;
    assert!(told.starts_with("failed: `salt` cannot apply `nosuch`: No matching sls found for 'nosuch'"), "{told}");
    for (line, parameter) in [("playbook.run", "playbook"), ("playbook.run playbook=note", "environment")] {
        refuses_hostile(&rig, line, parameter).await;
    }
    for argument in ["test=False", "pillar={}", "a=b"] {
        let line = format!("playbook.run playbook={}", sayso::domain::quote(argument));
        let Ok(command) = sayso::domain::parse_typed(&line, &crate::common::CATALOGUE.intents) else { continue };
        assert!(rig.planner.plan(&command, &crate::common::alice()).await.is_err(), "{argument}");
    }
}
