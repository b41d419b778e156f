//! A swarm of one machine, in the Docker that the script among the servers starts.

use std::process::{Command as Process, Output};

use crate::tool::{Bench, previewed, refuses_hostile, succeeds};

/// The Docker of a script; it ends with the test.
struct Docker {
    script: std::path::PathBuf,
    folder: tempfile::TempDir,
    host: String,
}

impl Docker {
    fn up() -> Option<Self> {
        let Some(scripts) = std::env::var_os("SAYSO_SERVERS") else {
            eprintln!("skipped: SAYSO_SERVERS does not name the folder with the scripts that start servers");
            return None;
        };
        let script = std::path::Path::new(&scripts).join("dockerd.sh");
        let folder = tempfile::Builder::new().prefix("s").tempdir_in("/tmp").unwrap();
        let output = Process::new("bash").arg(&script).arg("up").arg(folder.path()).output().unwrap();
        if !output.status.success() {
            eprintln!("skipped: dockerd does not start: {}", String::from_utf8_lossy(&output.stderr));
            return None;
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let host = text.lines().find_map(|line| line.strip_prefix("DOCKER_HOST=")).unwrap().to_owned();
        Some(Self { script, folder, host })
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Process::new("docker").arg("--host").arg(&self.host).args(arguments).output().unwrap()
    }

    fn says(&self, arguments: &[&str]) -> String {
        String::from_utf8_lossy(&self.run(arguments).stdout).trim().to_owned()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = self.run(&["swarm", "leave", "--force"]);
        let _ = Process::new("bash").arg(&self.script).arg("down").arg(self.folder.path()).output();
    }
}

#[tokio::test]
async fn services_of_a_swarm() {
    let Some(docker) = Docker::up() else { return };
    let swarm = docker.run(&["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:12377"]);
    if !swarm.status.success() {
        eprintln!("skipped: no swarm can be made here: {}", String::from_utf8_lossy(&swarm.stderr));
        return;
    }
    docker.run(&["tag", "bb:1", "bb:2"]);
    let command = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
    let create = ["service", "create", "--quiet", "--name", "checkout", "--network", "host", "--replicas", "2"];
    let created = docker.run(&[&create[..], &["--env", "PASSWORD=of-the-shop", "bb:1", "sh", "-c", command]].concat());
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let bench = Bench::of("swarm").with("SAYSO_SWARM", "yes").with("DOCKER_HOST", &docker.host);
    let rig = bench.with("SAYSO_ENVIRONMENT", "staging").rig();

    let (summary, output) = succeeds(&rig, "service.list").await;
    assert_eq!(summary, "1 services");
    assert!(output.contains("checkout") && output.contains("2/2") && output.contains("bb:1"), "{output}");
    let (summary, output) = succeeds(&rig, "service.status service=checkout environment=staging").await;
    assert_eq!(summary, "2 of 2 tasks of checkout run");
    assert!(output.contains("checkout.1") && output.contains("checkout.2"), "{output}");
    let told = rig.told("service.status service=nosuch").await;
    assert_eq!(told, "failed: `swarm` cannot tell: no such service: nosuch");

    let line = "service.scale service=checkout replicas=3";
    let shown = previewed(&rig, line).await;
    assert_eq!(shown.shown.as_deref(), Some("checkout is bb:1, 2 tasks now, 3 after it"));
    assert_eq!(shown.undo.as_deref(), Some("service.scale service=checkout replicas=2"));
    assert_eq!(succeeds(&rig, line).await.0, "checkout runs 3 tasks");
    let replicas = ["service", "inspect", "checkout", "--format", "{{.Spec.Mode.Replicated.Replicas}}"];
    assert_eq!(docker.says(&replicas), "3");

    let tasks = ["service", "ps", "checkout", "--quiet", "--filter", "desired-state=running"];
    let before = docker.says(&tasks);
    assert_eq!(succeeds(&rig, "service.restart service=checkout").await.0, "every task of checkout was replaced");
    assert!(before.lines().all(|task| !docker.says(&tasks).contains(task)), "all of them are others");

    let line = "deploy.start service=checkout version=2 environment=staging";
    let plan = rig.plan(line).await.unwrap();
    assert!(!plan.runs.contains("of-the-shop"), "{}", plan.runs);
    assert_eq!(previewed(&rig, line).await.shown.as_deref(), Some("checkout is bb:1 now, bb:2 after it"));
    assert_eq!(succeeds(&rig, line).await.0, "checkout runs bb:2");
    assert_eq!(succeeds(&rig, "deploy.status service=checkout").await.0, "checkout runs bb:2, 3/3");
    let shown = previewed(&rig, "deploy.rollback service=checkout").await.shown.unwrap();
    assert_eq!(shown, "checkout is bb:2, 3 tasks; it goes back to bb:1, 3 tasks");
    succeeds(&rig, "deploy.rollback service=checkout version=previous").await;
    assert_eq!(succeeds(&rig, "deploy.status service=checkout").await.0, "checkout runs bb:1, 3/3");
    for line in ["service.status", "service.restart", "deploy.rollback"] {
        refuses_hostile(&rig, line, "service").await;
    }
}
