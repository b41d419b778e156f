//! The log of incidents of our own, from the command to what a person reads, and to whom it gives way.

use std::sync::Arc;

use sayso::domain::{ExecutionId, IncidentKey, IncidentLog, People, ProposalId, Stamp};
use sayso::integrations::{Builtins, Standing, incident_builtins};
use sayso::store::Sqlite;

use crate::common::{Parts, Rig, alice, approve, command};

/// A log in a file that goes with the folder.
struct Notebook {
    _folder: tempfile::TempDir,
    log: Arc<dyn IncidentLog>,
}

impl Notebook {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Sqlite::open(&folder.path().join("sayso.db"), Sqlite::PATIENCE).await.unwrap();
        Self { _folder: folder, log: Arc::new(log) }
    }

    fn builtins(&self) -> Builtins {
        let mut people = People::default();
        people.add("alice-weber", vec![alice()]);
        let mut builtins = Builtins::default();
        for (name, builtin) in incident_builtins(&self.log, &people) {
            builtins.register(name, builtin);
        }
        builtins
    }

    fn rig(&self) -> Rig {
        Parts { shipped: &["incidents"], builtins: self.builtins(), ..Parts::default() }.rig()
    }

    /// Somebody else does it meanwhile.
    async fn resolve(&self, key: &str) {
        let at = "2026-11-22T03:04:05Z".parse().unwrap();
        let stamp = Stamp { by: "console:ada".parse().unwrap(), at, execution: ExecutionId::random() };
        self.log.resolve_incident(key.parse::<IncidentKey>().unwrap(), &stamp).await.unwrap();
    }
}

#[tokio::test]
async fn an_incident_is_told_from_its_opening_to_its_end() {
    let notebook = Notebook::new().await;
    let rig = notebook.rig();
    assert_eq!(rig.told("incident.list").await, "succeeded: no open incidents");
    let open = "incident.open title=\"Payments fail\" severity=sev1 service=checkout";
    assert_eq!(rig.preview(open).await.unwrap(), "opens an incident of sev1; no other is open");
    assert_eq!(rig.told(open).await, "succeeded: INC-1 is open: Payments fail, sev1, checkout");
    assert_eq!(
        rig.preview("incident.open title=slow").await.unwrap(),
        "opens an incident; open already: INC-1 (Payments fail)"
    );
    assert_eq!(rig.told("incident.open title=\"Search is slow\"").await, "succeeded: INC-2 is open: Search is slow");
    let update = "incident.update incident=inc-1 message=\"traffic moved to the other site\"";
    let preview = rig.preview(update).await.unwrap();
    assert!(preview.starts_with("INC-1: Payments fail, sev1, open since "), "{preview}");
    assert_eq!(rig.told(update).await, "succeeded: INC-1 has an update: Payments fail");
    let listed = rig.run("incident.list").await;
    assert_eq!(listed.summary, "2 open incidents");
    let listed = listed.output.unwrap();
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["INCIDENT", "SEV", "SINCE", "WHAT"]);
    assert!(lines[1].starts_with("INC-1     sev1  ") && lines[1].ends_with("  Payments fail"), "{listed}");
    assert!(lines[2].starts_with("INC-2           ") && lines[2].ends_with("  Search is slow"), "{listed}");
    assert!(lines[3].starts_with("INC-1, checkout, "), "{listed}");
    assert!(lines[3].ends_with(": traffic moved to the other site (alice-weber)"), "{listed}");
    assert_eq!(lines.len(), 4, "{listed}");
    assert_eq!(rig.told("incident.list severity=sev1").await, "succeeded: 1 open incident of sev1");
    assert_eq!(rig.told("incident.list severity=sev2").await, "succeeded: no open incidents of sev2");

    let preview = rig.preview("incident.resolve incident=INC-1").await.unwrap();
    assert!(preview.contains(", by alice-weber; the latest of 1 updates, "), "{preview}");
    assert_eq!(rig.told("incident.resolve incident=INC-1").await, "succeeded: INC-1 is resolved: Payments fail");
    assert_eq!(rig.told("incident.list").await, "succeeded: 1 open incident");
    let resolved = rig.run("incident.list state=resolved").await;
    assert_eq!(resolved.summary, "1 resolved incident");
    assert!(resolved.output.unwrap().starts_with("INCIDENT  SEV   RESOLVED  "));
}

#[tokio::test]
async fn what_is_unknown_or_over_is_refused_before_anybody_is_asked() {
    let notebook = Notebook::new().await;
    let rig = notebook.rig();
    rig.run("incident.open title=slow").await;
    for intent in ["incident.resolve incident={}", "incident.update incident={} message=more"] {
        let about = |key| intent.replace("{}", key);
        assert_eq!(
            rig.refusal(&about("INC-7")).await,
            "`incidents` has no `INC-7`; `incident.list` shows what is open"
        );
        assert_eq!(rig.refusal(&about("OPS-1")).await, "`incidents` knows no `incident` of the form `OPS-1`");
    }
    // Approved, and resolved by somebody else before it runs.
    let (resolve, update) = (
        rig.approved("incident.resolve incident=INC-1").await,
        rig.approved("incident.update incident=INC-1 message=more").await,
    );
    notebook.resolve("INC-1").await;
    let said = "`incidents` has `INC-1` as resolved, by console:ada at 2026-11-22 03:04 UTC";
    for approved in [resolve, update] {
        let outcome = rig.execute(approved).await;
        assert_eq!(
            format!("{}: {}", outcome.status.as_str(), outcome.summary),
            format!("failed: {said}; nothing was done")
        );
    }
    assert_eq!(rig.refusal("incident.resolve incident=INC-1").await, said);
    assert_eq!(notebook.log.incident("INC-1".parse().unwrap()).await.unwrap().updates, 0);
}

/// The program ended after the incident was written and before the row was closed; whoever runs it again finds it there.
#[tokio::test]
async fn an_execution_that_comes_twice_opens_one_incident() {
    let notebook = Notebook::new().await;
    let line = "incident.open title=slow";
    let (proposal, execution) = (ProposalId::random(), ExecutionId::random());
    for _ in 0..2 {
        // A ledger that has forgotten.
        let rig = notebook.rig();
        let digest = rig.plan(line).await.unwrap().digest;
        let outcome = rig.execute(approve(&command(line), digest, (proposal, execution))).await;
        assert_eq!(outcome.summary, "INC-1 is open: slow");
    }
}

#[tokio::test]
async fn it_gives_way_to_a_system_that_keeps_incidents() {
    let notebook = Notebook::new().await;
    let token = |variable| vec![(variable, "s3cret-t0ken".to_owned()), ("PAGERDUTY_FROM", "a@b.example".to_owned())];
    let shipped = &["incidents", "pagerduty", "opsgenie"];
    let parts = || Parts { shipped, builtins: notebook.builtins(), ..Parts::default() };
    let standing = |rig: &Rig| rig.planner.registry().get("incidents").unwrap().standing.clone();

    let alone = parts().rig();
    assert_eq!(standing(&alone), Standing::Enabled);
    assert_eq!(alone.plan("incident.open title=slow").await.unwrap().integration, "incidents");

    // All of it, also where the other one can do a part of it only: its INC-1 is another.
    let rig = Parts { env: token("OPSGENIE_KEY"), ..parts() }.rig();
    assert_eq!(standing(&rig), Standing::GivesWay { to: vec!["`opsgenie`".to_owned()] });
    let refusal = rig.refusal("incident.open title=slow").await;
    assert!(
        refusal.contains("`incidents` could, but gives way to `opsgenie`, unless `[bindings]` names it"),
        "{refusal}"
    );

    // Also to one that is not ready yet: nobody expects their incidents here meanwhile.
    let rig = Parts { env: vec![("PAGERDUTY_TOKEN", "s3cret-t0ken".to_owned())], ..parts() }.rig();
    assert_eq!(standing(&rig), Standing::GivesWay { to: vec!["`pagerduty`".to_owned()] });

    // A binding brings it back, for what it says and for nothing else.
    let config = "[bindings]\n\"incident.open\" = \"incidents\"\n\"incident.list\" = \"incidents\"";
    let rig = Parts { env: token("PAGERDUTY_TOKEN"), config, ..parts() }.rig();
    assert_eq!(standing(&rig), Standing::Enabled);
    assert_eq!(rig.plan("incident.open title=slow").await.unwrap().integration, "incidents");
    let config = "[bindings]\n\"incident.open\" = \"incidents\"";
    let rig = Parts { env: token("PAGERDUTY_TOKEN"), config, ..parts() }.rig();
    let refusal = rig.refusal("incident.list").await;
    assert!(refusal.contains("`incidents`") && refusal.contains("`pagerduty`"), "{refusal}");

    // And so does naming it among those that are enabled.
    let config = "[integrations]\nenabled = [\"incidents\", \"pagerduty\"]";
    let rig = Parts { env: token("PAGERDUTY_TOKEN"), config, ..parts() }.rig();
    assert_eq!(standing(&rig), Standing::Enabled);
}
