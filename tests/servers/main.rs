//! The shipped manifests against the real servers: what they say is read back from the servers themselves.
//!
//! Runs where `SAYSO_SERVERS` names the folder with the scripts that start them, and says so where it does not. Each test has
//! ports of its own, so that all of them can run at once.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

#[path = "../common/mod.rs"]
mod common;
mod containers;
#[path = "../stories/harness.rs"]
mod harness;
mod icinga;
mod nagios;
mod prometheus;
mod redis;
mod words;
mod zabbix;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command as Process;
use std::sync::Arc;

use common::{CATALOGUE, Rig};
use sayso::domain::OutcomeStatus;
use sayso::integrations::{ListState, Lists, Trial};
use serde_json::Value as Json;

/// A server that a script started; stopped when it goes.
struct Server {
    script: PathBuf,
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Server {
    /// Starts it, or says why not.
    fn up(name: &str, environment: &[(&str, &str)]) -> Option<Self> {
        let Some(scripts) = std::env::var_os("SAYSO_SERVERS") else {
            eprintln!("skipped: SAYSO_SERVERS does not name the folder with the scripts that start servers");
            return None;
        };
        let script = PathBuf::from(scripts).join(format!("{name}.sh"));
        let folder = tempfile::Builder::new().prefix("s").tempdir_in("/tmp").unwrap();
        let mut command = Process::new("bash");
        let output =
            command.arg(&script).arg("up").arg(folder.path()).envs(environment.iter().copied()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let variables = text.lines().filter_map(|line| line.split_once('='));
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { script, folder, variables })
    }

    fn var(&self, name: &str) -> String {
        self.variables[name].clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Process::new("bash").arg(&self.script).arg("down").arg(self.folder.path()).output();
    }
}

/// A client that knows nothing of the layer under test.
fn client() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

/// What a server answers to a plain request.
async fn get(url: &str) -> Json {
    let client = client().tls_certs_only([]).build().unwrap();
    let text = client.get(url).send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url}: {error}: {text}"))
}

/// What the systems list, a line each.
async fn listed(rig: &Rig) -> Vec<String> {
    let lists = Lists::new(Arc::clone(&rig.planner), None, Arc::new(()));
    lists.read_all().await;
    let names = lists.listed();
    let line = |state: ListState| {
        assert_eq!((state.refused, state.more, state.fault), (0, false, None), "{} {}", state.system, state.list);
        let kind = state.list.trim_end_matches('s');
        let of_kind = names.names().iter().find(|(entity, _)| entity.as_str() == kind);
        let of_kind: Vec<_> = of_kind.into_iter().flat_map(|(_, names)| names.keys().cloned()).collect();
        format!("{} {}: {}", state.system, state.list, of_kind.join(" "))
    };
    lists.states().into_iter().map(line).collect()
}

/// What came of trying a system.
async fn tried(rig: &Rig, name: &str) -> String {
    match rig.planner.try_out(name, &CATALOGUE.intents).await {
        Trial::Answers(asked) => format!("answers {asked}"),
        Trial::Fails(why) => why,
        Trial::Untried => "untried".to_owned(),
    }
}

async fn succeeds(rig: &Rig, line: &str) -> (String, String) {
    let outcome = rig.run(line).await;
    assert_eq!(outcome.status, OutcomeStatus::Succeeded, "{line}: {}", outcome.summary);
    (outcome.summary, outcome.output.unwrap_or_default())
}
