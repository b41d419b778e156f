//! webhook, with hooks that check our signature.

use std::net::TcpListener;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::tool::{Bench, is_there, refuses_hostile, succeeds};

const SECRET: &str = "shared-with-the-hooks-8f2a";

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it with these hooks; its port.
async fn serve(bench: &Bench, hooks: &serde_json::Value) -> (Server, u16) {
    let file = bench.write("hooks.json", &hooks.to_string());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut program = Process::new("webhook");
    program.arg("-hooks").arg(file).args(["-ip", "127.0.0.1", "-port", &port.to_string()]);
    let server = Server(program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let until = Instant::now() + Duration::from_secs(30);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < until, "webhook does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (server, port)
}

#[tokio::test]
async fn a_hook_is_run_for_whoever_signs() {
    if !is_there("webhook", "webhook") {
        return;
    }
    let bench = Bench::of("webhook");
    let ran = bench.path().join("ran").display().to_string();
    let script = |name: &str, text: &str| {
        let path = bench.write(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        path.display().to_string()
    };
    let hook = |id: &str, command: String, secret: &str, tells: bool| {
        json!({
            "id": id, "execute-command": command, "http-methods": ["POST"],
            "include-command-output-in-response": tells, "include-command-output-in-response-on-error": tells,
            "pass-arguments-to-command": [{"source": "payload", "name": "environment"}],
            "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": secret,
                "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}},
        })
    };
    let good = script("good", &format!("echo \"deployed to $1\" | tee -a {ran}"));
    let bad = script("bad", "echo 'no space left on device'; exit 3");
    let hooks = json!([
        hook("deploy-docs", good.clone(), SECRET, true),
        hook("quiet", good.clone(), SECRET, false),
        hook("fails", bad, SECRET, true),
        hook("others", good, "another-secret", true),
    ]);
    let (_server, port) = serve(&bench, &hooks).await;
    let bench = bench.with("WEBHOOK_URL", format!("http://127.0.0.1:{port}")).with("WEBHOOK_SECRET", SECRET);
    let rig = bench.rig();

    let plan = rig.plan("playbook.run playbook=deploy-docs environment=staging").await.unwrap();
    assert!(!plan.runs.contains(SECRET) && !plan.runs.contains("signature"), "{}", plan.runs);
    assert_eq!(bench.read("ran"), None);
    let (summary, output) = succeeds(&rig, "playbook.run playbook=deploy-docs environment=staging").await;
    assert_eq!((summary.as_str(), output.trim()), ("deploy-docs was run", "deployed to staging"));
    assert_eq!(bench.read("ran").as_deref(), Some("deployed to staging\n"));
    let (summary, _) = succeeds(&rig, "playbook.run playbook=quiet environment=staging").await;
    assert_eq!(summary, "quiet was started; what becomes of it is not told");

    for (line, told) in [
        ("playbook.run playbook=fails", "failed: `webhook` ran `fails`, which failed: no space left on device"),
        ("playbook.run playbook=nosuch", "failed: `webhook` has no hook `nosuch`"),
        (
            "playbook.run playbook=others",
            "failed: `webhook` did not take the request: its hook wants another secret, or something else that it does not get",
        ),
    ] {
        assert_eq!(rig.told(line).await, told);
    }
    let said = rig.refusal("playbook.run playbook=deploy-docs dry_run=true").await;
    assert_eq!(said, "`webhook` cannot take `dry_run` into account");
    refuses_hostile(&rig, "playbook.run", "playbook").await;
}
