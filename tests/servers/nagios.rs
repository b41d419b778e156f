//! Nagios: commands that are taken without a word, and what its state says afterwards; read back with requests of our own.

use std::process::Command as Process;
use std::time::Duration;

use serde_json::{Value as Json, json};

use sayso::integrations::Limits;

use crate::common::{Parts, Rig};
use crate::{Server, client, succeeds};

fn parts<'a>(server: &Server, user: &str, password: &str) -> Parts<'a> {
    let env = vec![
        ("NAGIOS_URL", server.var("NAGIOS_URL")),
        ("NAGIOS_USER", user.to_owned()),
        ("NAGIOS_PASSWORD", password.to_owned()),
    ];
    Parts { shipped: &["nagios"], env, ..Parts::default() }
}

fn rig(server: &Server, password: &str, config: &str) -> Rig {
    Parts { config, ..parts(server, "nagiosadmin", password) }.rig()
}

/// What Nagios says of itself.
async fn state(server: &Server, query: &str) -> Json {
    let client = client().tls_certs_only([]).build().unwrap();
    let url = format!("{}/statusjson.cgi?formatoptions=enumerate&details=true&query={query}", server.var("NAGIOS_URL"));
    let text = client.get(&url).basic_auth("nagiosadmin", Some("pw")).send().await.unwrap().text().await.unwrap();
    serde_json::from_str::<Json>(&text).unwrap_or_else(|error| panic!("{url}: {error}: {text}"))["data"].clone()
}

async fn downtimes(server: &Server) -> Vec<Json> {
    state(server, "downtimelist").await["downtimelist"].as_object().unwrap().values().cloned().collect()
}

#[tokio::test]
async fn nagios() {
    let Some(server) = Server::up("nagios", &[("NAGIOS_PORT", "19581")]) else { return };
    let ours = rig(&server, "pw", "");
    reads(&ours).await;
    acknowledgement(&ours, &server).await;
    silences(&ours, &server).await;
    another_zone(&server).await;
    onlooker(&server).await;
    refused(&ours, &server).await;
}

async fn reads(rig: &Rig) {
    let (summary, output) = succeeds(rig, "alert.list").await;
    assert_eq!(summary, "1 problem, 1 of them not acknowledged");
    assert!(output.contains("db1/disk  critical") && output.contains("full"), "{output}");
    for (line, summary) in [
        ("alert.list severity=critical service=db1", "1 problem, 1 of them not acknowledged"),
        ("alert.list severity=warning", "no problem"),
        ("alert.list service=http", "no problem"),
        ("service.status service=http", "all 1 checks of http are well"),
        ("service.status service=DB1", "1 of 3 checks of DB1 is not well"),
        ("service.status service=checkout", "Nagios has no check and no host for checkout"),
    ] {
        assert_eq!(succeeds(rig, line).await.0, summary, "{line}");
    }
    let said = "`nagios` has no setting that says which `environment` it serves";
    assert_eq!(rig.refusal("alert.list environment=staging").await, said);
}

async fn acknowledgement(rig: &Rig, server: &Server) {
    let line = "alert.acknowledge alert=db1/disk";
    let preview = rig.preview(line).await.unwrap();
    assert!(preview.starts_with("db1/disk is critical since ") && preview.ends_with(": full"), "{preview}");
    let plan = rig.plan(line).await.unwrap();
    assert!(plan.runs.contains("nagFormId=%3Cform%3E"), "{}", plan.runs);
    let late = rig.approved("alert.acknowledge alert=disk").await;
    assert_eq!(succeeds(rig, line).await.0, "db1/disk is acknowledged until it recovers");
    let disk = &state(server, "servicelist").await["servicelist"]["db1"]["disk"];
    assert_eq!(
        (&disk["problem_has_been_acknowledged"], &disk["acknowledgement_type"]),
        (&json!(true), &json!("sticky"))
    );
    let comments = state(server, "commentlist").await["commentlist"].clone();
    let comment = comments["1"]["comment_data"].as_str().unwrap();
    assert!(comment.starts_with("acknowledged by console:alice through Sayso, "), "{comment}");
    let said =
        "Nagios has no problem called `disk` that is not acknowledged (`alert.list` shows all); nothing was done";
    assert_eq!(rig.execute(late).await.summary, said);
    for name in ["http", "nosuch", "nosuch/disk"] {
        let said = format!("Nagios has no problem called `{name}` that is not acknowledged (`alert.list` shows all)");
        assert_eq!(rig.refusal(&format!("alert.acknowledge alert={name}")).await, said);
    }
}

async fn silences(rig: &Rig, server: &Server) {
    // What would be two commands in the file that Nagios reads is one comment.
    let line = "alert.silence alert=disk duration=PT2H reason=\"a; b\\n[0] SHUTDOWN_PROGRAM <i>&amp;\"";
    assert_eq!(rig.preview(line).await.unwrap(), "db1/disk, critical now: full");
    let plan = rig.plan(line).await.unwrap();
    assert!(plan.runs.contains("end_time=%3Cnow%3E+%2B+PT2H"), "{}", plan.runs);
    assert_eq!(rig.planner.preview(&plan).await.unwrap().undo.as_deref(), Some("alert.unsilence alert=disk"));
    let (summary, _) = succeeds(rig, line).await;
    assert!(summary.starts_with("disk is silent until "), "{summary}");
    let [downtime] = &downtimes(server).await[..] else { panic!("expected one downtime") };
    assert_eq!((&downtime["host_name"], &downtime["service_description"]), (&json!("db1"), &json!("disk")));
    let lasts = downtime["end_time"].as_i64().unwrap() - downtime["start_time"].as_i64().unwrap();
    assert_eq!(lasts, 7_200_000);
    let begins = downtime["start_time"].as_i64().unwrap() / 1000;
    assert!(jiff::Timestamp::now().as_second().abs_diff(begins) < 60, "{downtime}");
    let comment = downtime["comment"].as_str().unwrap();
    assert!(
        comment.starts_with("a  b [0] SHUTDOWN_PROGRAM ") && comment.contains("console:alice through Sayso"),
        "{comment}"
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(succeeds(rig, "alert.list").await.0, "no problem", "what is silent is not told");

    // A host with all its checks, and back again.
    let line = "alert.silence alert=db1 duration=PT1H";
    assert_eq!(
        rig.preview(line).await.unwrap(),
        "db1/disk, critical now: full\ndb1/http, ok now: fine\ndb1, up now: fine"
    );
    let summary = succeeds(rig, line).await.0;
    assert!(summary.starts_with("db1 is silent until ") && summary.ends_with(", 3 downtimes"), "{summary}");
    assert_eq!(downtimes(server).await.len(), 4);
    assert_eq!(succeeds(rig, "alert.unsilence alert=db1/disk").await.0, "2 downtimes of db1/disk ended");
    let preview = rig.preview("alert.unsilence alert=db1").await.unwrap();
    assert!(preview.lines().count() == 2 && preview.contains("no reason given (console:alice"), "{preview}");
    assert_eq!(succeeds(rig, "alert.unsilence alert=db1").await.0, "2 downtimes of db1 ended");
    assert!(downtimes(server).await.is_empty());
    assert_eq!(rig.refusal("alert.unsilence alert=db1").await, "no downtime of `db1` is in force");
    let said = "Nagios has no check and no host called `nosuch`";
    assert_eq!(rig.refusal("alert.silence alert=nosuch duration=PT1H").await, said);
    let said = "`nagios` refuses it: The host 'nosuch' could not be found.";
    assert_eq!(rig.refusal("alert.silence alert=nosuch/disk duration=PT1H").await, said);
}

/// A server whose clock shows other hours than the configuration thinks: the downtime is not where it was to be, and is not
/// told to be there.
async fn another_zone(server: &Server) {
    let elsewhere = rig(server, "pw", "[integrations.nagios]\ntimezone = \"Pacific/Auckland\"");
    let outcome = elsewhere.run("alert.silence alert=http duration=PT1H").await;
    assert_eq!(outcome.status.as_str(), "failed", "{}", outcome.summary);
    assert!(outcome.summary.contains("must be those of the server"), "{}", outcome.summary);
    let wrong = rig(server, "pw", "[integrations.nagios]\ntime_format = \"%Y-%m-%d %H:%M:%S\"");
    let told = wrong.told("alert.silence alert=http duration=PT1H").await;
    assert_eq!(told, "failed: `nagios` refuses it: Start or end time not valid");
}

/// Whoever may see everything and command nothing.
async fn onlooker(server: &Server) {
    let folder = server.folder.path();
    let cgi = folder.join("nagios/cgi.cfg");
    let rights = std::fs::read_to_string(&cgi).unwrap();
    let seeing = |kind: &str| format!("authorized_for_all_{kind}=nagiosadmin");
    let rights = ["services", "hosts"]
        .map(seeing)
        .iter()
        .fold(rights, |rights, right| rights.replace(&format!("{right}\n"), &format!("{right},viewer\n")));
    std::fs::write(&cgi, rights).unwrap();
    let users = "/:nagiosadmin:pw\n/:viewer:viewer-pw\n";
    std::fs::write(folder.join("nagios/httpd.conf"), users).unwrap();
    let pid = std::fs::read_to_string(folder.join("nagios_http.pid")).unwrap();
    Process::new("kill").args(["-HUP", pid.trim()]).status().unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let viewer = parts(server, "viewer", "viewer-pw").rig();
    assert!(succeeds(&viewer, "service.status service=disk").await.1.contains("critical"));
    let told = viewer.told("alert.silence alert=http duration=PT1H").await;
    let said = "failed: `nagios` refuses it: Sorry, but you are not authorized to commit the specified command.";
    assert_eq!(told, said);
}

async fn refused(ours: &Rig, server: &Server) {
    let wrong = rig(server, "wrong-password", "");
    let said = "`nagios` does not know `nagiosadmin` by this password";
    assert_eq!(wrong.refusal("alert.silence alert=disk duration=PT1H").await, said);
    assert_eq!(wrong.told("alert.list").await, format!("failed: {said}"));

    // The programs of the web server still answer, and nobody carries out what they take.
    let folder = server.folder.path();
    let pid = std::fs::read_to_string(folder.join("nagios.pid")).unwrap();
    let stopped = Process::new("kill").args(["-STOP", pid.trim()]).status().unwrap();
    assert!(stopped.success());
    let limits = Limits { timeout: Duration::from_secs(3), ..Limits::default() };
    let hasty = Parts { limits, ..parts(server, "nagiosadmin", "pw") }.rig();
    let told = hasty.told("alert.silence alert=http duration=PT1H").await;
    let said = "unknown: `nagios` does not show it as done after 3 s; seen last: the downtime of db1/http is not there yet; \
                whether it took effect is unknown";
    assert_eq!(told, said);
    Process::new("kill").args(["-CONT", pid.trim()]).status().unwrap();
    succeeds(ours, "service.status service=http").await;
}
