//! Programs: their group, their environment, their output, their end.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::common::Rig;
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
