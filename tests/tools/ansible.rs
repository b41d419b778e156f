//! Ansible, on hosts that are all this machine.

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
    // What would be a template to Ansible gets nowhere near it.
    let pipe = "{{ lookup('pipe', 'touch pwned') }}";
    let line = format!("playbook.run playbook=site environment={}", sayso::domain::quote(pipe));
    if let Ok(command) = sayso::domain::parse_typed(&line, &crate::common::CATALOGUE.intents) {
        let planned = rig.planner.plan(&command, &crate::common::alice()).await;
        assert!(planned.unwrap_err().to_string().contains("knows no `environment` of the form"));
    }
    assert_eq!(bench.read("pwned"), None);
}
