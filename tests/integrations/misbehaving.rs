//! Systems that are down, slow, answer garbage or without end: what ships says so, within the timeout; and the bounds that
//! the configuration sets.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use futures_util::future::join_all;

use crate::common::{Parts, Rig};
use crate::server::{always, nobody};
use sayso::integrations::Limits;

/// Time for answers, and little room for them.
const SMALL: Limits = Limits { output_bytes: 64 * 1024, timeout: Duration::from_secs(60) };
/// For systems that never answer.
const SHORT: Limits = Limits { timeout: Duration::from_secs(1), ..SMALL };

/// A manifest that ships, at an address.
fn shipped(name: &str, address: std::net::SocketAddr, limits: Limits) -> Rig {
    let config = format!("integrations = {{ enabled = [\"{name}\"], {name} = {{ url = \"http://{address}\" }} }}");
    Parts { shipped: &[name], config: &config, limits, ..Parts::default() }.rig()
}

/// What is told of a command: before it is planned, or after it ran.
async fn told(rig: &Rig, line: &str) -> String {
    match rig.plan(line).await {
        Ok(_) => rig.told(line).await,
        Err(error) => format!("not planned: {error}"),
    }
}

#[tokio::test]
async fn what_ships_says_what_is_wrong_with_its_system() {
    let mut wrong = String::new();
    let form = "answered in an unexpected form: expected JSON, found";
    for (path, said) in [
        ("/garbage", format!("{form} other text")),
        ("/empty", format!("{form} nothing")),
        ("/html", format!("{form} an HTML page")),
        ("/endless", format!("{form} more than is kept")),
        ("/500", "answered 500 Internal Server Error: password=[redacted] is wrong".to_owned()),
        ("/404", "answered 404 Not Found: no such thing".to_owned()),
        ("/slow", "gave no answer within 1 s".to_owned()),
        ("/drip", "gave no answer within 1 s".to_owned()),
    ] {
        let address = always(path).await;
        let limits = if said.contains("within") { SHORT } else { SMALL };
        let lines = [
            ("prometheus", "metric.query expression=up", "failed: "),
            ("prometheus", "metric.show metric=latency", "failed: "),
            ("prometheus", "alert.list", "failed: "),
            ("alertmanager", "alert.list", "failed: "),
            ("alertmanager", "alert.unsilence alert=HighErrorRate", "not planned: "),
            ("docker", "container.list", "failed: "),
            ("docker", "service.status service=web", "not planned: "),
            ("docker", "service.restart service=web", "not planned: "),
        ];
        // At once: those that are slow are slow together.
        let told = join_all(lines.map(async |(name, line, _)| told(&shipped(name, address, limits), line).await)).await;
        for ((name, line, before), told) in lines.into_iter().zip(told) {
            if told != format!("{before}`{name}` {said}") {
                wrong += &format!("{line} at {path}: {told}\n");
            }
        }
    }
    assert_eq!(wrong, "");
}

/// Monitoring that wants a name and a password, at an address.
fn monitoring(name: &str, address: std::net::SocketAddr, limits: Limits) -> Rig {
    let values = format!("url = \"http://{address}\", user = \"sayso\", password = \"pass-word\"");
    let config = format!("integrations = {{ enabled = [\"{name}\"], {name} = {{ {values} }} }}");
    Parts { shipped: &[name], config: &config, limits, ..Parts::default() }.rig()
}

#[tokio::test]
async fn monitoring_says_what_is_wrong_with_it() {
    let mut wrong = String::new();
    let form = "answered in an unexpected form: expected JSON, found";
    for (path, said) in [
        ("/garbage", format!("{form} other text")),
        ("/empty", format!("{form} nothing")),
        ("/html", format!("{form} an HTML page")),
        ("/big", format!("{form} more than is kept")),
        ("/wrong", "answered 200 OK: [1,\"two\",null]".to_owned()),
        ("/500", "answered 500 Internal Server Error: password=[redacted] is wrong".to_owned()),
        ("/slow", "gave no answer within 1 s".to_owned()),
        ("/drip", "gave no answer within 1 s".to_owned()),
    ] {
        let address = always(path).await;
        let limits = if said.contains("within") { SHORT } else { SMALL };
        let lines = [
            ("icinga", "alert.list", "failed: "),
            ("icinga", "service.status service=web", "failed: "),
            ("icinga", "alert.acknowledge alert=web", "not planned: "),
            ("icinga", "alert.unsilence alert=web", "not planned: "),
            ("nagios", "alert.list", "failed: "),
            ("nagios", "alert.silence alert=web duration=PT1H", "not planned: "),
            ("nagios", "alert.unsilence alert=web", "not planned: "),
            ("zabbix", "alert.list", "not planned: "),
            ("zabbix", "alert.silence alert=web duration=PT1H", "not planned: "),
            ("zabbix", "metric.show metric=cpu host=web", "not planned: "),
        ];
        let told = lines.map(async |(name, line, _)| told(&monitoring(name, address, limits), line).await);
        for ((name, line, before), told) in lines.into_iter().zip(join_all(told).await) {
            // What Zabbix gives back instead of a session is told as what came of logging in, unless it refuses.
            let expected = match name == "zabbix" && !said.starts_with("answered 500") && path != "/wrong" {
                true => format!("{before}`{name}` cannot be reached: logging in failed: `{name}` {said}"),
                false => format!("{before}`{name}` {said}"),
            };
            if told != expected {
                wrong += &format!("{line} at {path}: {told}\n");
            }
        }
    }
    assert_eq!(wrong, "");
}

#[tokio::test]
async fn what_ships_says_that_its_system_is_down() {
    let address = nobody().await;
    for (name, line, before) in [
        ("prometheus", "metric.query expression=up", "failed: "),
        ("alertmanager", "alert.silence alert=HighErrorRate duration=PT1H", "failed: "),
        ("alertmanager", "alert.unsilence alert=HighErrorRate", "not planned: "),
        ("docker", "container.logs container=web", "failed: "),
        ("docker", "service.stop service=web", "not planned: "),
    ] {
        let told = told(&shipped(name, address, SMALL), line).await;
        assert_eq!(told, format!("{before}`{name}` cannot be reached: Connection refused (os error 111)"), "{line}");
    }
}

#[tokio::test]
async fn a_preview_that_fails_says_why() {
    for (path, said) in [
        ("/slow", "`alertmanager` gave no answer within 1 s"),
        ("/500", "`alertmanager` answered 500 Internal Server Error: password=[redacted] is wrong"),
        ("/garbage", "`alertmanager` answered 200 OK:  \u{fffd}\u{fffd}{{{  \u{ff20}everyone"),
        ("/empty", "`alertmanager` answered 200 OK"),
    ] {
        let rig = shipped("alertmanager", always(path).await, SHORT);
        let plan = rig.plan("alert.silence alert=HighErrorRate duration=PT1H").await.unwrap();
        assert_eq!(rig.planner.preview(&plan).await.unwrap_err().to_string(), said);
    }
}

/// A manifest that asks for a minute, with a program and a system.
fn patient(folder: &tempfile::TempDir, script: &str, address: std::net::SocketAddr, limits: Limits) -> Rig {
    let path = folder.path().join("script");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = path.display();
    let manifest = format!(
        r#"
summary = "A system"
requires = {{ always = true }}
connection.url = "http://{address}"
[actions.read]
implements = "metric.query"
process.argv = ["{path}", "{{{{ expression }}}}"]
timeout = "1m"
[actions.change]
implements = "cache.flush"
http = {{ method = "POST", path = "/{{{{ service }}}}" }}
timeout = "1m"
"#
    );
    Parts { manifests: vec![("x", manifest)], limits, ..Parts::default() }.rig()
}

#[tokio::test]
async fn no_manifest_takes_longer_than_the_configuration_allows() {
    let folder = tempfile::tempdir().unwrap();
    let rig = patient(&folder, "sleep 60", always("/slow").await, SHORT);
    assert_eq!(rig.plan("cache.flush service=a").await.unwrap().timeout, Duration::from_secs(1));
    assert_eq!(rig.told("metric.query expression=x").await, "failed: `x` gave no answer within 1 s");
    let told = rig.told("cache.flush service=a").await;
    assert_eq!(told, "unknown: `x` gave no answer within 1 s; whether it took effect is unknown");
    // The other way round, the manifest's own holds.
    let rig = patient(&folder, "true", nobody().await, Limits::default());
    assert_eq!(rig.plan("cache.flush service=a").await.unwrap().timeout, Duration::from_secs(60));
}

#[tokio::test]
async fn no_answer_is_kept_beyond_what_the_configuration_allows() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { output_bytes: 1_000, ..SMALL };
    let note = "\n… (the answer was longer than what is kept)";
    let script = "head -c 1000 /dev/zero | tr '\\0' a; echo end; head -c 5000 /dev/zero >&2";
    let rig = patient(&folder, script, always("/endless").await, limits);
    let output = rig.run("metric.query expression=x").await.output.unwrap();
    assert_eq!(output, "a".repeat(1_000) + note);
    let output = rig.run("cache.flush service=a").await.output.unwrap();
    assert_eq!(output, "x".repeat(1_000) + note);
    // Exactly as much as is allowed is not too much.
    let rig = patient(&folder, "head -c 1000 /dev/zero | tr '\\0' a", nobody().await, limits);
    assert_eq!(rig.run("metric.query expression=x").await.output.unwrap(), "a".repeat(1_000));
}

#[tokio::test]
async fn a_program_without_end_or_sense_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    for (script, said) in [
        ("yes", "failed: `x` gave no answer within 1 s"),
        ("yes >&2", "failed: `x` gave no answer within 1 s"),
        ("printf 'a\\000\\377\\033[31mb'", "succeeded: answered by `x`"),
        ("printf '\\377\\376' >&2; exit 1", "failed: `x` ended with exit code 1: \u{fffd}\u{fffd}"),
    ] {
        let rig = patient(&folder, script, nobody().await, SHORT);
        assert_eq!(rig.told("metric.query expression=x").await, said, "{script}");
    }
    let rig = patient(&folder, "printf 'a\\000\\377\\033[31mb'", nobody().await, SHORT);
    assert_eq!(rig.run("metric.query expression=x").await.output.as_deref(), Some("a \u{fffd}b"));
}
