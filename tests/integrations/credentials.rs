//! Credentials: from a file, from a program, per role; rotated while everything goes on.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::any;

use crate::common::{Parts, Rig, alice, approve, command};
use sayso::domain::{Actor, ExecutionId, ProposalId};

/// A system that takes one token, and remembers all that it was shown.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(String, Vec<String>)>>);

impl Gate {
    async fn start() -> (Self, String) {
        let gate = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(any(enter)).with_state(gate.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (gate, address)
    }

    fn takes(&self, token: &str) {
        self.0.lock().unwrap().0 = token.to_owned();
    }

    /// What it was shown since it was asked last.
    fn shown(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }
}

async fn enter(State(gate): State<Gate>, request: Request) -> (StatusCode, String) {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("nothing");
    let token = header.trim_start_matches("Bearer ").to_owned();
    let mut kept = gate.0.lock().unwrap();
    kept.1.push(token.clone());
    if kept.0.is_empty() || kept.0 == token {
        (StatusCode::OK, "welcome".to_owned())
    } else {
        (StatusCode::UNAUTHORIZED, format!("`{token}` is not welcome"))
    }
}

fn manifest(url: &str) -> String {
    format!(
        r#"
summary = "A system"
requires = {{ always = true }}
[connection]
url = "{url}"
token = {{ secret = "X_TOKEN", optional = true }}
headers = {{ Authorization = "{{{{ 'Bearer ' ~ connection.token if connection.token }}}}" }}
[actions.read]
implements = "metric.query"
http.path = "/{{{{ expression }}}}"
[actions.change]
implements = "cache.flush"
http = {{ method = "POST", path = "/{{{{ service }}}}" }}
"#
    )
}

fn rig(url: &str, config: &str) -> Rig {
    Parts { manifests: vec![("x", manifest(url))], config, ..Parts::default() }.rig()
}

fn faults(config: &str) -> Vec<String> {
    Parts { manifests: vec![("x", manifest("http://127.0.0.1:9"))], config, ..Parts::default() }.planner().1
}

/// A file for us alone.
fn write(path: &Path, text: &str, mode: u32) {
    // Not written over: a mounted secret is another file each time.
    let _ = std::fs::remove_file(path);
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changed() {
    let (gate, url) = Gate::start().await;
    let folder = tempfile::tempdir().unwrap();
    // As Kubernetes mounts it: a link to a file in a folder that a link leads to, which is replaced.
    let (data, token) = (folder.path().join("..data"), folder.path().join("token"));
    for (version, text) in [("1", "first-s3cret\n"), ("2", "second-s3cret\n")] {
        std::fs::create_dir(folder.path().join(version)).unwrap();
        write(&folder.path().join(version).join("token"), text, 0o400);
    }
    symlink("1", &data).unwrap();
    symlink("..data/token", &token).unwrap();
    let config = format!("[integrations.x]\ntoken = {{ secret_file = {token:?} }}\n");
    let rig = rig(&url, &config);
    let approved = rig.approved("cache.flush service=web").await;
    assert_eq!(rig.told("metric.query expression=up").await, "succeeded: answered by `x`");
    assert_eq!(gate.shown(), ["first-s3cret"]);
    std::fs::remove_file(&data).unwrap();
    symlink("2", &data).unwrap();
    assert_eq!(rig.told("metric.query expression=up").await, "succeeded: answered by `x`");
    // What was approved before stays approved: the secret's name is in it, and not the secret.
    assert_eq!(rig.execute(approved).await.summary, "done by `x`");
    assert_eq!(gate.shown(), ["second-s3cret", "second-s3cret"]);

    // The old one stays known as a secret.
    assert!(rig.refusal("metric.query expression=first-s3cret").await.starts_with("an argument looks like"));
    // A file that others may read is not used, and neither is what it held before.
    write(&folder.path().join("2/token"), "third-s3cret", 0o440);
    let said = format!(
        "failed: `x` cannot be reached: the secret `token` cannot be had: `{}` can be read by others (mode 440); run \
         `chmod 600` on it",
        token.display()
    );
    assert_eq!(rig.told("metric.query expression=up").await, said);
    assert_eq!(gate.shown(), [""; 0]);
    write(&folder.path().join("2/token"), "third-s3cret", 0o600);
    assert_eq!(rig.told("metric.query expression=up").await, "succeeded: answered by `x`");
}

/// A program that tells the token in a file, and counts how often it was asked.
fn teller(folder: &Path) -> String {
    let (token, asked) = (folder.join("token"), folder.join("asked"));
    let script = format!("#!/bin/sh\necho x >> {}\ncat {}\necho oops-s3cret >&2\n", asked.display(), token.display());
    let program = folder.join("teller");
    write(&program, &script, 0o700);
    format!("[integrations.x]\ntoken = {{ secret_command = [{:?}] }}\n", program)
}

fn times(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("asked")).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn a_program_is_asked_once_for_many() {
    let (gate, url) = Gate::start().await;
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("token"), "told-s3cret\n", 0o600);
    let rig = rig(&url, &teller(folder.path()));
    let plan = rig.plan("cache.flush service=web").await.unwrap();
    assert_eq!(times(folder.path()), 0, "a plan needs no secret");
    for _ in 0..3 {
        assert_eq!(rig.told("metric.query expression=up").await, "succeeded: answered by `x`");
    }
    assert_eq!((times(folder.path()), gate.shown().len()), (1, 3));
    assert_eq!(rig.plan("cache.flush service=web").await.unwrap().digest, plan.digest, "asked or not");
    // What is not taken is told without it.
    gate.takes("another-s3cret");
    let told = rig.told("metric.query expression=up").await;
    assert_eq!(told, "failed: `x` answered 401 Unauthorized: `[redacted]` is not welcome");
}

#[tokio::test]
async fn what_is_not_taken_is_asked_for_once_more() {
    let (gate, url) = Gate::start().await;
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("token"), "told-s3cret\n", 0o600);
    let rig = rig(&url, &teller(folder.path()));
    assert_eq!(rig.told("metric.query expression=up").await, "succeeded: answered by `x`");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    write(&folder.path().join("token"), "other-s3cret\n", 0o600);
    gate.takes("other-s3cret");
    // A change as well: what was refused for its credentials was not done.
    assert_eq!(rig.told("cache.flush service=web").await, "succeeded: done by `x`");
    assert_eq!(
        (times(folder.path()), gate.shown()),
        (2, ["told-s3cret", "told-s3cret", "other-s3cret"].map(str::to_owned).to_vec())
    );
}

#[tokio::test]
async fn a_program_that_tells_nothing_stops_the_action() {
    let (gate, url) = Gate::start().await;
    for (argv, reason) in [
        (r#"["false"]"#, "`false` ended with exit code 1"),
        (r#"["true"]"#, "`true` said nothing"),
        (
            r#"["/does/not/exist"]"#,
            "`/does/not/exist` cannot be reached: `/does/not/exist` cannot be started: No such file or directory (os error 2)",
        ),
        (r#"["head", "-c", "100000", "/dev/zero"]"#, "`head` said more than 65536 bytes"),
    ] {
        let rig = rig(&url, &format!("[integrations.x]\ntoken = {{ secret_command = {argv} }}\n"));
        let said = format!("failed: `x` cannot be reached: the secret `token` cannot be had: {reason}");
        assert_eq!(rig.told("metric.query expression=up").await, said);
    }
    assert_eq!(gate.shown(), [""; 0]);
}

const ROLES: &str =
    "[roles]\nsre = [\"console:alice\", \"console:bob\"]\nlead = [\"console:alice\"]\nadmin = [\"console:root\"]\n";

async fn as_whom(rig: &Rig, gate: &Gate, who: &str) -> String {
    let who: Actor = who.parse().unwrap();
    match rig.planner.plan(&command("metric.query expression=up"), &who).await {
        Err(error) => error.to_string(),
        Ok(plan) => {
            let ids = (ProposalId::random(), ExecutionId::random());
            // The requester of what tests approve is alice.
            if who == alice() {
                rig.execute(approve(&command("metric.query expression=up"), plan.digest, ids)).await;
            }
            format!("{} {}", plan.via, gate.shown().join(" "))
        }
    }
}

#[tokio::test]
async fn each_role_has_its_own() {
    let (gate, url) = Gate::start().await;
    let folder = tempfile::tempdir().unwrap();
    let config = |more: &str| {
        let mut text =
            format!("{ROLES}[integrations.x]\ntoken = {{ secret_file = \"{0}/base\" }}\n", folder.path().display());
        for role in ["sre", "lead"] {
            let file = folder.path().join(role);
            write(&file, &format!("{role}-s3cret"), 0o600);
            text.push_str(&format!("[integrations.x.as.{role}]\ntoken = {{ secret_file = {file:?} }}\n"));
        }
        text + more
    };
    // What everybody would use does not even exist.
    let own = rig(&url, &config(""));
    // Alice has two of the roles: the first in the file counts, and neither the alphabet nor her rank.
    assert_eq!(as_whom(&own, &gate, "console:alice").await, "x as sre sre-s3cret");
    assert_eq!(as_whom(&own, &gate, "console:bob").await, "x as sre ");
    let none = "`x` acts with the credentials of whoever asks, and you have none of these roles: `sre`, `lead`";
    assert_eq!(as_whom(&own, &gate, "console:root").await, none);
    assert_eq!(as_whom(&own, &gate, "discord:alice").await, none);

    write(&folder.path().join("base"), "base-s3cret", 0o600);
    let open = rig(&url, &config("[integrations.x.as.\"*\"]\n"));
    assert_eq!(as_whom(&open, &gate, "console:root").await, "x ");
    assert_eq!(as_whom(&open, &gate, "console:bob").await, "x as sre ");

    // The approval of one is none of another: with whose credentials it runs is part of it.
    let plan = |rig: Rig, who: &'static str| async move {
        rig.planner.plan(&command("cache.flush service=web"), &who.parse().unwrap()).await.unwrap().digest
    };
    let digests = [plan(own, "console:bob").await, plan(open, "console:root").await];
    assert_ne!(digests[0], digests[1]);
}

#[test]
fn faults_of_the_configuration_are_told() {
    for (config, said) in [
        (
            "token = { secret_file = \"token\" }",
            "`integrations.x.token`: `secret_file`: expected an absolute path, such as `/run/secrets/token`",
        ),
        ("token = { secret_command = [\"sh\", \"-c\", \"echo x\"] }", "`integrations.x.token`: `secret_command`: "),
        ("token = { secret_command = [] }", "`integrations.x.token`: `secret_command`: expected a program"),
        (
            "token = { secret_command = [\"vault\", \"{{ service }}\"] }",
            "`integrations.x.token`: `secret_command`: `{{ service }}`: nothing can be computed here",
        ),
        ("as.nobody.token = { secret = \"T\" }", "`integrations.x.as.nobody`: there is no such role"),
        ("as.operator.url = \"http://elsewhere\"", "`integrations.x.as.operator.url`: the manifest has no such value"),
        ("as.operator = 1", "`integrations.x.as.operator`: expected a table"),
    ] {
        let found = faults(&format!("[roles]\noperator = []\n[integrations.x]\n{config}\n"));
        assert!(found.iter().any(|fault| fault.contains(said)), "{config}: {found:?}");
    }
}

#[test]
fn a_value_that_everybody_sees_becomes_no_secret() {
    let manifest = "summary = \"A program\"\nrequires = { always = true }\n[settings]\nname = \"x\"\n\
                    [actions.list]\nimplements = \"alert.list\"\nprocess.argv = [\"echo\", \"{{ settings.name }}\"]\n";
    for place in ["integrations.x", "integrations.x.as.sre"] {
        let config = format!("{ROLES}[{place}]\nname = {{ secret = \"T\", optional = true }}\n");
        let manifests = vec![("x", manifest.to_owned())];
        let found = Parts { manifests, config: &config, ..Parts::default() }.planner().1;
        let said = format!(
            "error: sayso.toml: `{place}`: `settings.name` cannot be a secret: it would be seen by everybody in the list of \
             processes"
        );
        assert_eq!(found, [said]);
    }
}

/// Nothing that can be printed for whoever looks for a fault holds a secret.
#[tokio::test]
async fn nothing_prints_a_secret() {
    let (_, url) = Gate::start().await;
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("token"), "file-s3cret", 0o600);
    let config = format!("[integrations.x]\ntoken = {{ secret_file = \"{}/token\" }}\n", folder.path().display());
    let manifest = manifest("X").replace("url = \"X\"", "url = { env = \"X_URL\" }");
    let with_password = url.replace("http://", "http://bot:address-s3cret@");
    let env = vec![("X_URL", with_password)];
    let rig = Parts { manifests: vec![("x", manifest)], config: &config, env, ..Parts::default() }.rig();
    let plan = rig.plan("metric.query expression=up").await.unwrap();
    let printed = format!("{plan:#?} {:#?} {:#?} {:#?}", rig.planner.registry(), rig.planner, rig.executor);
    assert!(printed.contains("metric.query") && !printed.contains("s3cret"), "{printed}");
    assert!(!plan.runs.contains("s3cret"), "{}", plan.runs);
    assert_eq!(rig.told("metric.query expression=up").await, "succeeded: answered by `x`");
}

#[tokio::test]
async fn an_argument_that_holds_a_secret_is_no_command() {
    let (gate, url) = Gate::start().await;
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("token"), "known-s3cret", 0o600);
    let config = format!("[integrations.x]\ntoken = {{ secret_file = \"{}/token\" }}\n", folder.path().display());
    let rig = rig(&url, &config);
    for value in ["password=hunter2", "x-known-s3cret-y", "postgres://a:b@c/d"] {
        let said = rig.refusal(&format!("metric.query expression=\"{value}\"")).await;
        assert_eq!(
            said,
            "an argument looks like a password or a token; what is asked for is kept and shown, so leave it out: the \
             system's own credentials belong in the configuration"
        );
    }
    assert_eq!(rig.told("metric.query expression=secret").await, "succeeded: answered by `x`");
    assert_eq!(gate.shown(), ["known-s3cret"]);
}
