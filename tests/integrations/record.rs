//! The order of deeds: row, effect, row; one at a time; only what was approved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use tokio::sync::{Notify, mpsc};

use crate::common::{Log, Parts, Rig, approve, command};
use crate::server::Server;
use sayso::domain::{Command, Digest, ExecutionId, OutcomeStatus, ProposalId};
use sayso::integrations::{Builtin, BuiltinError, Builtins, RunContext};

const MANIFEST: &str = r#"
summary = "A system"
requires = { always = true }
[actions.flush]
implements = "cache.flush"
builtin = "test"
reply = "{{ body.said }}"
[actions.flush.preview]
reply = "now {{ body.state }}"
[actions.list]
implements = "proposal.list"
builtin = "test"
"#;

/// Waits until it is let go, if it has to; its identity is a number that tests change.
#[derive(Default)]
struct Gate {
    identity: AtomicU64,
    wait: bool,
    go: Notify,
    log: Log,
}

#[async_trait]
impl Builtin for Gate {
    async fn identify(&self, _: &Command) -> Result<Json, BuiltinError> {
        Ok(json!(self.identity.load(Ordering::SeqCst)))
    }

    async fn preview(&self, _: &Command, identity: &Json) -> Result<Json, BuiltinError> {
        Ok(json!({ "state": identity }))
    }

    async fn run(&self, command: &Command, cx: &RunContext) -> Result<Json, BuiltinError> {
        self.log.lock().unwrap().push("effect".to_owned());
        cx.progress.tell("at it, password=hunter2");
        if self.wait {
            self.go.notified().await;
        }
        match command.argument("service").map(|service| service.as_str()) {
            Some("refuses") => Err(BuiltinError::Refused("will not".to_owned())),
            Some("unclear") => Err(BuiltinError::Unclear("lost sight of it".to_owned())),
            Some("panics") => panic!("a bug"),
            _ => Ok(json!({ "said": format!("for {}", cx.requester) })),
        }
    }
}

fn rig(gate: &Arc<Gate>) -> Rig {
    let mut builtins = Builtins::default();
    builtins.register("test", Arc::clone(gate) as Arc<dyn Builtin>);
    let parts = Parts { manifests: vec![("x", MANIFEST.to_owned())], builtins, ..Parts::default() };
    parts.rig()
}

#[tokio::test]
async fn the_row_is_there_before_the_effect() {
    let log = Log::default();
    let server = Server::start(log.clone()).await;
    let text = format!(
        "summary = \"x\"\nrequires = {{ always = true }}\n[connection]\nurl = \"http://{}\"\n[actions.a]\nimplements = \"cache.flush\"\nhttp = {{ method = \"POST\", path = \"/ok\", query = {{ s = \"{{{{ service }}}}\" }} }}",
        server.address
    );
    // One log for both, so that the order shows.
    let rig = Parts { manifests: vec![("x", text)], log: log.clone(), ..Parts::default() }.rig();
    assert_eq!(rig.told("cache.flush service=a").await, "succeeded: done by `x`");
    let started = format!("started POST http://{}/ok?s=a", server.address);
    assert_eq!(*log.lock().unwrap(), [started.as_str(), "effect", "ended succeeded"]);

    *rig.ledger.broken.lock().unwrap() = true;
    let told = rig.told("cache.flush service=a").await;
    assert_eq!(told, "failed: the audit trail cannot be written: the disk is full; nothing was done");
    assert_eq!(server.hits.count(), 1, "no row, no act");
}

#[tokio::test]
async fn a_proposal_runs_once() {
    let gate = Arc::new(Gate::default());
    let rig = rig(&gate);
    let digest = rig.plan("cache.flush service=a").await.unwrap().digest;
    let ids = (ProposalId::random(), ExecutionId::random());
    let approved = || approve(&command("cache.flush service=a"), digest, ids);
    assert_eq!(rig.execute(approved()).await.status, OutcomeStatus::Succeeded);
    let said = format!("proposal `{}` has already been executed; nothing was done", ids.0);
    assert_eq!(rig.execute(approved()).await.summary, said);
    assert_eq!(gate.log.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn only_what_was_approved_runs() {
    let gate = Arc::new(Gate::default());
    let rig = rig(&gate);
    assert_eq!(rig.preview("cache.flush service=a").await.as_deref(), Some("now 0"));
    let approved = rig.approved("cache.flush service=a").await;
    gate.identity.store(1, Ordering::SeqCst);
    let outcome = rig.execute(approved).await;
    let said = "what would run now is not what was approved; nothing was done, ask again";
    assert_eq!((outcome.status, outcome.summary.as_str()), (OutcomeStatus::Failed, said));
    // Another command under the same digest is another plan.
    let digest = rig.plan("cache.flush service=a").await.unwrap().digest;
    for (line, digest) in [("cache.flush service=b", digest), ("cache.flush service=a", Digest::of([b"x".as_slice()]))]
    {
        let approved = approve(&command(line), digest, (ProposalId::random(), ExecutionId::random()));
        assert_eq!(rig.execute(approved).await.summary, said);
    }
    assert!(gate.log.lock().unwrap().is_empty() && rig.log().is_empty());
}

#[tokio::test]
async fn endings_are_told_and_recorded() {
    let gate = Arc::new(Gate::default());
    let rig = rig(&gate);
    for (line, told) in [
        ("cache.flush service=a", "succeeded: done by `x`"),
        ("cache.flush service=refuses", "failed: `x` will not"),
        ("cache.flush service=unclear", "unknown: `x` broke off: lost sight of it; whether it took effect is unknown"),
    ] {
        assert_eq!(rig.told(line).await, told);
    }
    let panicked = rig.told("cache.flush service=panics").await;
    assert!(panicked.starts_with("unknown: the execution broke off: "), "{panicked}");
    assert_eq!(
        rig.log(),
        [
            "started cache.flush service=a",
            "ended succeeded",
            "started cache.flush service=refuses",
            "ended failed",
            "started cache.flush service=unclear",
            "ended unknown",
            "started cache.flush service=panics",
        ],
        "a row that a bug left open stays open: the next start reports it"
    );
}

#[tokio::test]
async fn progress_is_redacted() {
    let rig = rig(&Arc::new(Gate::default()));
    let (sender, mut progress) = mpsc::channel(4);
    let outcome = rig.executor.execute(rig.approved("cache.flush service=a").await, sender).await;
    assert_eq!(outcome.output.as_deref(), Some("for console:alice"));
    assert_eq!(progress.recv().await.as_deref(), Some("at it, password=[redacted]"));
}

#[tokio::test]
async fn the_second_waits_and_then_hears_who_is_first() {
    let gate = Arc::new(Gate { wait: true, ..Gate::default() });
    let rig = Arc::new(rig(&gate));
    let first = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.told("cache.flush service=a").await }
    });
    while gate.log.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let told = rig.told("cache.flush service=a").await;
    let (start, end) = told.split_once("console:alice").unwrap();
    assert_eq!(start, "failed: `cache.flush service=a` is already running, started by ");
    assert!(end.ends_with(" s ago; nothing was done"), "{end}");
    // Reads wait for nobody.
    gate.go.notify_one();
    assert_eq!(first.await.unwrap(), "succeeded: done by `x`");
}

#[tokio::test]
async fn another_target_does_not_wait() {
    let gate = Arc::new(Gate { wait: true, ..Gate::default() });
    let rig = Arc::new(rig(&gate));
    let lines = [
        "cache.flush service=a",
        "cache.flush service=b",
        "cache.flush service=a environment=staging",
        "proposal.list",
    ];
    let running: Vec<_> = lines
        .map(|line| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.run(line).await.status })
        })
        .into();
    while gate.log.lock().unwrap().len() < lines.len() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(rig.executor.stop_all(), lines.len());
    for (execution, line) in running.into_iter().zip(lines) {
        let status = if line == "proposal.list" { OutcomeStatus::Cancelled } else { OutcomeStatus::Unknown };
        assert_eq!(execution.await.unwrap(), status, "{line}");
    }
}
