//! Ansible, on hosts that are all this machine.

use std::path::Path;

use crate::tool::{Bench, is_there, previewed, refuses_hostile, succeeds};
use sayso::domain::OutcomeStatus;

const SITE: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - name: leave a note
      ansible.builtin.copy:
        dest: '{{ playbook_dir }}/note-{{ inventory_hostname }}'
        content: \"{{ env | default('nowhere') }}\"
";

const BAD: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - name: break on one
      ansible.builtin.command: /bin/false
      when: inventory_hostname == 'web2'
    - name: go on with the other
      ansible.builtin.copy: { dest: '{{ playbook_dir }}/other', content: x }
";

fn bench() -> Option<Bench> {
    if !is_there("ansible-playbook", "ansible-core") {
        return None;
    }
    let bench = Bench::of("ansible");
    bench.write("hosts", "[web]\nweb1 ansible_connection=local\nweb2 ansible_connection=local\n");
    bench.write("ansible.cfg", "[defaults]\ninventory = hosts\ninterpreter_python = auto_silent\n");
    bench.write("site.yml", SITE);
    bench.write("deep/bad.yml", BAD);
    let folder = bench.path().display().to_string();
    Some(bench.with("SAYSO_ANSIBLE_FOLDER", folder))
}

#[tokio::test]
async fn a_playbook_does_what_was_shown() {
    let Some(bench) = bench() else { return };
    let rig = bench.rig();
    let shown = previewed(&rig, "playbook.run playbook=site host=web1").await.shown.unwrap();
    assert!(shown.contains("leave a note") && shown.contains("hosts (1):") && shown.contains("web1"), "{shown}");
    assert!(!shown.contains("web2"), "{shown}");

    let (summary, _) = succeeds(&rig, "playbook.run playbook=site dry_run=true").await;
    assert_eq!(summary, "site would change something on 2 of 2 hosts");
    assert_eq!((bench.read("note-web1"), bench.read("note-web2")), (None, None));

    let (summary, output) = succeeds(&rig, "playbook.run playbook=site.yml host=web1 environment=staging").await;
    assert_eq!(summary, "site.yml changed something on 1 of 1 hosts");
    assert!(output.contains("TASK [leave a note]"), "{output}");
    assert_eq!((bench.read("note-web1").as_deref(), bench.read("note-web2")), (Some("staging"), None));

    let (summary, _) = succeeds(&rig, "playbook.run playbook=site host=web1 environment=staging").await;
    assert_eq!(summary, "site changed something on 0 of 1 hosts");
    let (summary, _) = succeeds(&rig, "playbook.run playbook=site environment=staging").await;
    assert_eq!(summary, "site changed something on 1 of 2 hosts");
    assert_eq!(bench.read("note-web2").as_deref(), Some("staging"));
}

#[tokio::test]
async fn failures_say_which_host() {
    let Some(bench) = bench() else { return };
    let rig = bench.rig();
    let outcome = rig.run("playbook.run playbook=deep/bad").await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    let said = "`ansible` ran `deep/bad`, and it failed on some hosts: web2 : ok=0 changed=0 unreachable=0 failed=1";
    assert!(outcome.summary.starts_with(said), "{}", outcome.summary);
    assert!(outcome.summary.contains("non-zero return code"), "{}", outcome.summary);
    assert_eq!(bench.read("deep/other").as_deref(), Some("x"), "the other host went on");

    bench.write("far", "away ansible_host=127.0.0.1 ansible_port=1 ansible_ssh_timeout=2\n");
    let far = self::bench().unwrap().with("SAYSO_ANSIBLE_INVENTORY", bench.path().join("far").display());
    let told = far.rig().told("playbook.run playbook=site").await;
    assert!(told.starts_with("failed: `ansible` ran `site`, and it did not reach on some hosts: away"), "{told}");

    bench.write("nobody.yml", "- hosts: nobody\n  tasks: []\n");
    let told = rig.told("playbook.run playbook=nobody").await;
    assert_eq!(told, "failed: `ansible` matched no host, and did nothing");
    let plan = rig.plan("playbook.run playbook=nosuch").await.unwrap();
    let said = rig.planner.preview(&plan).await.unwrap_err().to_string();
    assert!(said.contains("cannot read `nosuch`: ERROR! the playbook: nosuch.yml could not be found"), "{said}");
}

#[tokio::test]
async fn names_stay_names() {
    let Some(bench) = bench() else { return };
    let rig = bench.rig();
    for parameter in ["playbook", "host", "environment"] {
        let line = if parameter == "playbook" { "playbook.run" } else { "playbook.run playbook=site" };
        refuses_hostile(&rig, line, parameter).await;
    }
    for host in ["all", "web", "nosuch"] {
        let said = rig.refusal(&format!("playbook.run playbook=site host={host}")).await;
        assert_eq!(said, format!("the inventory of `ansible` has no host `{host}`"));
    }
    // A group of the same name would be meant as well.
    bench.write("hosts", "web1 ansible_connection=local\n[web]\nweb1\n[web1]\nweb1\nweb2 ansible_connection=local\n");
    for line in ["playbook.run playbook=site host=web1", "host.reboot host=web1"] {
        assert_eq!(rig.refusal(line).await, "the inventory of `ansible` has no host `web1`");
    }
    refuses_hostile(&rig, "host.reboot", "host").await;
    // What would be a template to Ansible gets nowhere near it.
    let pipe = "{{ lookup('pipe', 'touch pwned') }}";
    let line = format!("playbook.run playbook=site environment={}", sayso::domain::quote(pipe));
    if let Ok(command) = sayso::domain::parse_typed(&line, &crate::common::CATALOGUE.intents) {
        let planned = rig.planner.plan(&command, &crate::common::alice()).await;
        assert!(planned.unwrap_err().to_string().contains("knows no `environment` of the form"));
    }
    assert_eq!(bench.read("pwned"), None);
}

/// A connection to this machine as if it were another one. What would reboot it is noted, and not done; services are told
/// as a machine with systemd tells them.
const ELSEWHERE: &str = r#"
DOCUMENTATION = """
name: elsewhere
short_description: another machine
description: runs here what it is told, but for a reboot
options: {}
"""
import json, os
from ansible.plugins.connection.local import Connection as Local

HERE = os.path.dirname(__file__)

def unit(name, state):
    return name, {"name": name, "source": "systemd", "state": state, "status": "enabled"}

class Connection(Local):
    transport = "elsewhere"

    def exec_command(self, cmd, in_data=None, sudoable=True):
        noted = os.path.join(HERE, "rebooted")
        if "shutdown" in cmd:
            with open(noted, "a") as note:
                note.write(cmd)
            return (1, b"", b"not permitted") if os.path.exists(os.path.join(HERE, "forbidden")) else (0, b"", b"")
        if "boot_id" in cmd:
            back = os.path.exists(noted) and not os.path.exists(os.path.join(HERE, "stuck"))
            return 0, b"after" if back else b"before", b""
        if "AnsiballZ_service_facts.py" in cmd and "python" in cmd:
            units = dict([unit("ssh.service", "running"), unit("getty@tty1.service", "stopped"), unit("cron.service", "running")])
            return 0, json.dumps({"ansible_facts": {"services": units}}).encode(), b""
        return super().exec_command(cmd, in_data, sudoable)
"#;

#[tokio::test]
async fn a_host_is_rebooted() {
    let Some(bench) = bench() else { return };
    if !["/sbin", "/usr/sbin", "/bin", "/usr/bin"].iter().any(|folder| Path::new(folder).join("shutdown").exists()) {
        eprintln!("skipped: Ansible looks for a program `shutdown`, and there is none");
        return;
    }
    bench.write("plugins/elsewhere.py", ELSEWHERE);
    bench.write(
        "hosts",
        "web1 ansible_connection=elsewhere ansible_user=root\nhere ansible_connection=local ansible_user=root\n",
    );
    let settings = "[defaults]\ninventory = hosts\ninterpreter_python = auto_silent\nconnection_plugins = plugins\n";
    bench.write("ansible.cfg", settings);
    let rig = bench.rig();
    let shown = previewed(&rig, "host.reboot host=web1").await.shown;
    assert_eq!(shown.as_deref(), Some("2 services run on web1: cron, ssh"));
    assert_eq!(bench.read("plugins/rebooted"), None, "looking reboots nothing");
    let (summary, _) = succeeds(&rig, "host.reboot host=web1").await;
    assert!(summary.starts_with("web1 was rebooted, and is back after "), "{summary}");
    let noted = bench.read("plugins/rebooted").unwrap();
    assert!(noted.contains("shutdown -r 0 \"Reboot initiated by Ansible\""), "{noted}");

    bench.write("plugins/forbidden", "");
    let told = rig.told("host.reboot host=web1").await;
    assert!(told.starts_with("failed: `ansible` did not reboot `web1`: Reboot command failed."), "{told}");
    std::fs::remove_file(bench.path().join("plugins/forbidden")).unwrap();
    bench.write("plugins/stuck", "");
    let bench = bench.configured("integrations.ansible.reboot_timeout = 1");
    let hasty = bench.rig();
    let told = hasty.told("host.reboot host=web1").await;
    let said = "failed: `ansible` told `web1` to reboot, and it did not come back as it should: Timed out waiting for last boot time check";
    assert!(told.starts_with(said), "{told}");
    // Ansible itself keeps the machine that it runs on.
    let told = rig.told("host.reboot host=here").await;
    let said = "failed: `ansible` did not reboot `here`: Running ansible.builtin.reboot with local connection would reboot the control node.";
    assert_eq!(told, said);
    bench.write("hosts", "away ansible_host=127.0.0.1 ansible_port=1 ansible_ssh_timeout=2\n");
    let plan = rig.plan("host.reboot host=away").await.unwrap();
    let said = rig.planner.preview(&plan).await.unwrap_err().to_string();
    assert!(said.contains("cannot say what runs on `away`: Failed to connect to the host via ssh"), "{said}");
}
