//! Programs: their group, their environment, their output, their end.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command as Process;
use std::time::{Duration, Instant};

use crate::common::{Parts, Rig};
use sayso::domain::OutcomeStatus;

/// A manifest whose read and change run a script with the argument.
fn rig(folder: &tempfile::TempDir, script: &str, timeout: &str) -> Rig {
    let path = folder.path().join("script");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = path.display();
    Rig::with(&format!(
        r#"
summary = "A system"
requires = {{ always = true }}
[actions.read]
implements = "metric.query"
process = {{ argv = ["{path}", "{{{{ expression }}}}"], env = {{ GIVEN = "{{{{ expression }}}}" }} }}
timeout = "{timeout}"
[actions.change]
implements = "cache.flush"
process.argv = ["{path}", "--", "{{{{ service }}}}"]
timeout = "{timeout}"
"#
    ))
}

/// Whether a process runs; the remains of one that ended do not.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

#[tokio::test]
async fn arguments_stay_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(&folder, r#"for argument in "$@"; do echo "[$argument]"; done; echo "given $GIVEN""#, "5s");
    let hostile = r#"a b; $(touch /tmp/x) `id` "q" 'r' | & > *"#;
    let outcome = rig.run(&format!("metric.query expression={}", sayso::domain::quote(hostile))).await;
    assert_eq!(outcome.output.unwrap(), format!("[{hostile}]\ngiven {hostile}"));
    let said = rig.refusal("metric.query expression=--all").await;
    assert_eq!(said, "`x` cannot carry this out: `--all` begins with `-` and would be read as an option");
}

#[tokio::test]
async fn the_environment_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(&folder, "env | cut -d= -f1 | sort | tr '\\n' ' '; pwd", "5s");
    let output = rig.run("metric.query expression=x").await.output.unwrap();
    let names: Vec<_> = output.split_whitespace().collect();
    let (folder, names) = names.split_last().unwrap();
    assert_eq!(*folder, "/");
    let allowed = [
        "GIVEN",
        "HOME",
        "LC_ALL",
        "LOGNAME",
        "PATH",
        "PWD",
        "SAYSO_RUN",
        "SHLVL",
        "TMPDIR",
        "USER",
        "XDG_RUNTIME_DIR",
        "_",
        "OLDPWD",
    ];
    assert!(names.iter().all(|name| allowed.contains(name)), "{names:?}");
}

#[tokio::test]
async fn the_whole_group_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    // None of the three listens to TERM, and each outlives its parent.
    let round = "while :; do sleep 0.1; done";
    let script = format!(
        "trap '' TERM; echo $$ >> {0}; (({round}) & echo $! >> {0}; {round}) & echo $! >> {0}; {round}",
        pids.display()
    );
    let rig = rig(&folder, &script, "500ms");
    let began = Instant::now();
    let outcome = rig.run("cache.flush service=x").await;
    assert_eq!(outcome.status, OutcomeStatus::Unknown);
    assert_eq!(outcome.summary, "`x` gave no answer within 0.5 s; whether it took effect is unknown");
    assert!(began.elapsed() < Duration::from_secs(30), "nobody waits for the script");
    let pids = std::fs::read_to_string(&pids).unwrap();
    assert_eq!(pids.lines().count(), 3, "{pids}");
    for pid in pids.lines() {
        // Who was killed and is nobody's child of ours goes when the kernel gets to it.
        let patience = Instant::now() + Duration::from_secs(10);
        while runs(pid) {
            assert!(Instant::now() < patience, "{pid} still runs");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert_eq!(rig.run("metric.query expression=x").await.status, OutcomeStatus::Failed);
}

/// What leaves the group, and is nobody's child any more, is ended all the same.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_left_the_group_is_ended_too() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let round = "trap \"\" TERM HUP; echo $$ >> \"$0\"; while :; do sleep 0.1; done";
    let script = format!("(setsid sh -c '{round}' {0} &) ; setsid sh -c '{round}' {0}", pids.display());
    let rig = rig(&folder, &script, "1s");
    // Not ours, though it looks like it.
    let mut other = Process::new("sleep").arg("1000").env("SAYSO_RUN", "another").spawn().unwrap();
    assert_eq!(rig.run("cache.flush service=x").await.status, OutcomeStatus::Unknown);
    let pids = std::fs::read_to_string(&pids).unwrap();
    assert_eq!(pids.lines().count(), 2, "{pids}");
    for pid in pids.lines() {
        let patience = Instant::now() + Duration::from_secs(10);
        while runs(pid) {
            assert!(Instant::now() < patience, "{pid} still runs");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn output_is_capped_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(&folder, "yes 'a line of output' | head -c 30000000", "20s");
    let outcome = rig.run("metric.query expression=x").await;
    assert_eq!(outcome.status, OutcomeStatus::Succeeded);
    let output = outcome.output.unwrap();
    assert!(output.len() <= 64 * 1024);
    assert!(output.contains("bytes are shown)"), "{}", &output[output.len() - 100..]);
}

#[tokio::test]
async fn how_it_ended_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (script, said) in [
        (
            "echo out; echo one >&2; echo 'token=abc is bad' >&2; exit 3",
            "failed: `x` ended with exit code 3: token=[redacted] is bad",
        ),
        ("kill -KILL $$", "failed: `x` was ended by a signal"),
        ("exit 0", "succeeded: done by `x`"),
        // What it left behind holds the streams open; nobody waits for that.
        ("sleep 60 & exit 0", "succeeded: done by `x`"),
    ] {
        assert_eq!(rig(&folder, script, "5s").told("cache.flush service=x").await, said);
    }
    let missing = Rig::with(
        "summary = \"x\"\nrequires = { always = true }\n[actions.a]\nimplements = \"cache.flush\"\nprocess.argv = [\"/does/not/exist\", \"--\", \"{{ service }}\"]",
    );
    let said =
        "failed: `x` cannot be reached: `/does/not/exist` cannot be started: No such file or directory (os error 2)";
    assert_eq!(missing.told("cache.flush service=x").await, said);
}

/// A manifest with a script, and what stands around it.
fn around(folder: &tempfile::TempDir, script: &str, top: &str, action: &str) -> Parts<'static> {
    let path = folder.path().join("script");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = format!("summary = \"A system\"\nrequires = {{ always = true }}\n{top}\n{action}");
    let files = Some(folder.path().join("files"));
    Parts { manifests: vec![("x", text.replace("SCRIPT", path.to_str().unwrap()))], files, ..Parts::default() }
}

#[tokio::test]
async fn a_program_works_where_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("shop")).unwrap();
    let top = format!(
        "[settings]\nfolder = \"{}\"\n[env]\nGIVEN = \"all\"\nLEFT_OUT = \"{{{{ host }}}}\"",
        folder.path().display()
    );
    let action = r#"
[actions.flush]
implements = "cache.flush"
process = { argv = ["SCRIPT", "--", "{{ service }}"], cwd = "{{ settings.folder }}/{{ service }}" }
"#;
    let script = "pwd; echo $GIVEN ${LEFT_OUT-none}";
    let rig = around(&folder, script, &top.replace("host", "environment"), action).rig();
    let at = folder.path().join("shop").display().to_string();
    let runs = rig.plan("cache.flush service=shop").await.unwrap().runs;
    assert!(runs.ends_with(&format!(" -- shop (in {at})")), "{runs}");
    assert_eq!(rig.run("cache.flush service=shop").await.output.unwrap(), format!("{at}\nall none"));
    let said = rig.refusal("cache.flush service=a/../..").await;
    assert!(said.ends_with("is no folder to work in: expected an absolute path without `..`"), "{said}");
    let told = rig.told("cache.flush service=nosuch").await;
    assert!(told.contains("cannot be started: No such file or directory"), "{told}");
}

#[tokio::test]
async fn lines_of_json_are_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let action = r#"
[actions.flush]
implements = "cache.flush"
process.argv = ["SCRIPT", "--", "{{ service }}"]
decode = "json-lines"
success = "exit_code == 2"
reply = "{{ body | map(attribute='n') | join(',') }}"
"#;
    let script = r#"echo a warning >&2; echo '{"n": 1}'; echo no json; echo '{"n": 2}'; exit 2"#;
    let rig = around(&folder, script, "", action).rig();
    assert_eq!(rig.run("cache.flush service=x").await.output.unwrap(), "1,2");
}

#[tokio::test]
async fn how_far_a_program_is_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let action = r#"
[actions.flush]
implements = "cache.flush"
process.argv = ["SCRIPT", "--", "{{ service }}"]
progress = "{% if line is startingwith('step') %}{{ service }}: {{ line }}{% endif %}"
"#;
    let script =
        "echo noise; sleep 1.5; echo step one; echo; printf half; sleep 1.5; echo; echo step two, token=abc; sleep 1.5";
    let rig = around(&folder, script, "", action).rig();
    let (sender, mut progress) = tokio::sync::mpsc::channel(8);
    let approved = rig.approved("cache.flush service=x").await;
    assert_eq!(rig.executor.execute(approved, sender).await.status, OutcomeStatus::Succeeded);
    let mut told = Vec::new();
    while let Some(line) = progress.recv().await {
        told.push(line);
    }
    told.dedup();
    assert_eq!(told, ["x: step one", "x: step two, token=[redacted]"]);
}

#[tokio::test]
async fn what_a_file_holds_is_what_is_approved() {
    let folder = tempfile::tempdir().unwrap();
    let top = "[files]\nplan = \"{{ workspace }}\"";
    let action = r#"
[actions.plan]
implements = "infra.plan"
process.argv = ["SCRIPT", "{{ files.plan.path }}"]
[actions.apply]
implements = "infra.apply"
uses.plan = "there is no plan of `{{ workspace }}`"
process.argv = ["cat", "{{ files.plan.path }}"]
preview.reply = "plan {{ files.plan.digest[:8] }}"
"#;
    let rig = around(&folder, "echo a plan $$ > $1", top, action).rig();
    assert_eq!(rig.refusal("infra.apply workspace=a").await, "there is no plan of `a`");
    for workspace in ["a", "b"] {
        assert_eq!(rig.run(&format!("infra.plan workspace={workspace}")).await.status, OutcomeStatus::Succeeded);
    }
    let before = rig.preview("infra.apply workspace=a").await.unwrap();
    let (first, other) = (rig.approved("infra.apply workspace=a").await, rig.approved("infra.apply workspace=b").await);
    assert_eq!(rig.run("infra.plan workspace=a").await.status, OutcomeStatus::Succeeded);
    assert_ne!(rig.preview("infra.apply workspace=a").await.unwrap(), before);
    let changed = "what would run now is not what was approved; nothing was done, ask again";
    assert_eq!(rig.execute(first).await.summary, changed);
    assert!(rig.execute(other).await.output.unwrap().starts_with("a plan "), "that one is as it was");
    // Nobody else may read it, and it stays where it belongs.
    let mode = std::fs::metadata(folder.path().join("files/x/plan")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let said = rig.refusal("infra.plan workspace=a/b").await;
    assert_eq!(said, "`x` cannot carry this out: `a/b` cannot be part of a path");
    let parts = Parts { files: None, ..around(&folder, "", top, action) };
    assert!(parts.rig().refusal("infra.plan workspace=a").await.contains("there is no folder for its files"));
}
