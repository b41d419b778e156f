//! systemd itself, as the first process of namespaces of its own: it sees none of this machine's processes, groups or units, and
//! cannot write to its disk.

use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use crate::tool::{Bench, is_there, previewed, succeeds};

/// Takes a control group of its own, then namespaces.
const OUTSIDE: &str = r#"
set -e
mkdir "$1"
echo $$ > "$1/cgroup.procs"
exec unshare --pid --mount --uts --ipc --cgroup --fork --kill-child sh "$2"
"#;

/// Within them: nothing to write to, no units but these, and systemd.
const INSIDE: &str = r#"
set -e
mount --make-rprivate /
mount -o remount,bind,ro /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /etc/systemd/system
if [ -d /sys/fs/cgroup/systemd ]; then
  mount -t tmpfs tmpfs /sys/fs/cgroup
  mkdir /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
else
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
cd /etc/systemd/system
printf '[Unit]\nDefaultDependencies=no\n' > alone.target
printf '[Unit]\nDescription=The checkout\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sleep 1000\n' > checkout.service
printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStartPre=/bin/false\nExecStart=/bin/sleep 1000\n' > broken.service
export container=sayso
for systemd in /usr/lib/systemd/systemd /lib/systemd/systemd; do
  [ ! -x $systemd ] || exec $systemd --system --unit=alone.target --log-target=null
done
"#;

/// A systemd that ends with the test.
struct Systemd {
    outside: Child,
    /// Its control group.
    group: PathBuf,
}

impl Systemd {
    /// Starts it; none where the machine does not let us.
    async fn up(bench: &Bench) -> Option<(Self, PathBuf)> {
        let all = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup"].map(PathBuf::from);
        let group = all.into_iter().find(|folder| folder.is_dir())?.join(format!("sayso-test-{}", std::process::id()));
        let (outside, inside) = (bench.write("outside.sh", OUTSIDE), bench.write("inside.sh", INSIDE));
        let mut start = Process::new("sh");
        start.arg(outside).arg(&group).arg(inside).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut systemd = Self { outside: start.spawn().unwrap(), group };
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until && systemd.outside.try_wait().unwrap().is_none() {
            let outside = systemd.outside.id();
            let first = std::fs::read_to_string(format!("/proc/{outside}/task/{outside}/children")).unwrap_or_default();
            let enter = format!("#!/bin/sh\nexec nsenter --target {} --mount --pid systemctl \"$@\"\n", first.trim());
            let enter = bench.write("systemctl", &enter);
            std::fs::set_permissions(&enter, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            let asked = Process::new(&enter).args(["is-active", "alone.target"]).output().unwrap();
            if asked.stdout.starts_with(b"active") {
                return Some((systemd, enter));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        None
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // What is below it ends with it.
        let _ = self.outside.kill();
        let _ = self.outside.wait();
        let empty = r#"for try in 1 2 3 4 5 6 7 8 9; do
            find "$0" -depth -type d -exec rmdir {} \; ; [ -d "$0" ] || exit 0; sleep 0.2; done"#;
        let _ = Process::new("sh").arg("-c").arg(empty).arg(&self.group).stderr(Stdio::null()).status();
    }
}

#[tokio::test]
async fn services_of_systemd() {
    if !is_there("systemctl", "systemd") {
        return;
    }
    let bench =
        Bench::of("systemd").configured("integrations.enabled = [\"systemd\"]").with("SAYSO_ENVIRONMENT", "lab");
    let Some((_systemd, systemctl)) = Systemd::up(&bench).await else {
        eprintln!("skipped: no systemd can be started in namespaces here");
        return;
    };
    let bench = bench.instead("systemctl", &systemctl.display().to_string());
    let rig = bench.rig();

    let (summary, _) = succeeds(&rig, "service.status service=checkout").await;
    assert_eq!(summary, "checkout.service is inactive (dead)");
    let line = "service.start service=checkout environment=lab host=testhost";
    let shown = previewed(&rig, line).await;
    assert_eq!(shown.shown.as_deref(), Some("checkout.service is inactive (dead)"));
    assert_eq!(shown.undo.as_deref(), Some("service.stop service=checkout environment=lab host=testhost"));
    assert_eq!(succeeds(&rig, line).await.0, "checkout.service was started and is active (running)");
    let (summary, output) = succeeds(&rig, "service.status service=checkout.service environment=lab").await;
    assert!(summary.starts_with("checkout.service is active (running) since "), "{summary}");
    let process = |output: &str| output.split("main process ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    assert!(
        output.starts_with("The checkout\nmain process ") && output.ends_with(", 0 restarts, last result success"),
        "{output}"
    );
    assert_eq!(previewed(&rig, "service.start service=checkout").await.undo, None, "it runs already");

    // What was approved is this process: another one is not restarted by the same yes.
    let approved = previewed(&rig, "service.restart service=checkout").await;
    let (summary, _) = succeeds(&rig, "service.restart service=checkout").await;
    assert_eq!(summary, "checkout.service was restarted and is active (running)");
    assert_ne!(previewed(&rig, "service.restart service=checkout").await.facts, approved.facts);
    let (_, after) = succeeds(&rig, "service.status service=checkout").await;
    assert_ne!(process(&after), process(&output));
    assert_eq!(succeeds(&rig, "service.stop service=checkout").await.0, "checkout was stopped");
    assert_eq!(
        succeeds(&rig, "service.status service=checkout").await.0.split(" since").next(),
        Some("checkout.service is inactive (dead)")
    );

    let told = rig.told("service.status service=nosuch").await;
    assert_eq!(told, "failed: `systemd` knows no service `nosuch`");
    let told = rig.told("service.stop service=nosuch").await;
    assert!(told.starts_with("failed: `systemd` ") && told.contains("Unit nosuch.service not loaded"), "{told}");
    let told = rig.told("service.start service=broken").await;
    assert!(told.starts_with("failed: `systemd` ") && told.contains("broken.service"), "{told}");
    let (summary, output) = succeeds(&rig, "service.status service=broken").await;
    assert!(
        summary.starts_with("broken.service is failed (failed)") && output.ends_with("last result exit-code"),
        "{summary} {output}"
    );
    let said = rig.refusal("service.stop service=checkout host=db1").await;
    assert_eq!(said, "`systemd` serves only `localhost` or `127.0.0.1` or `testhost` as `host`, not `db1`");
    for line in ["service.status", "service.start", "service.stop", "service.restart"] {
        for value in ["../x", "*", "a b", "$(id)", "~", "a;b", "@file/x"] {
            let line = format!("{line} service={}", sayso::domain::quote(value));
            let Ok(command) = sayso::domain::parse_typed(&line, &crate::common::CATALOGUE.intents) else { continue };
            assert!(rig.planner.plan(&command, &crate::common::alice()).await.is_err(), "{line}");
        }
    }
}
