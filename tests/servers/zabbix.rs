//! Zabbix: problems, acknowledgements, maintenance and values, read back through its API with calls of our own; logging in,
//! and being logged out.

use std::process::Command as Process;

use serde_json::{Value as Json, json};

use crate::common::{Parts, Rig};
use crate::{Server, client, succeeds};

const DATABASE_PORT: &str = "19533";

/// A rig with these credentials.
fn rig(url: &str, env: &[(&'static str, &str)]) -> Rig {
    let mut all = vec![("ZABBIX_URL", url.to_owned())];
    all.extend(env.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let config = "[integrations.zabbix.items]\nerror_rate = \"app.errors\"";
    Parts { shipped: &["zabbix"], env: all, config, ..Parts::default() }.rig()
}

/// Asks the server itself.
struct Plain {
    url: String,
    session: String,
}

impl Plain {
    async fn of(url: &str) -> Self {
        let plain = Self { url: format!("{url}/api_jsonrpc.php"), session: String::new() };
        let session = plain.call("user.login", json!({"username": "Admin", "password": "zabbix"})).await;
        Self { session: session.as_str().unwrap().to_owned(), ..plain }
    }

    async fn call(&self, method: &str, params: Json) -> Json {
        let client = client().tls_certs_only([]).build().unwrap();
        let mut body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        if !self.session.is_empty() {
            body["auth"] = self.session.clone().into();
        }
        let request = client.post(&self.url).header("content-type", "application/json").body(body.to_string());
        let text = request.send().await.unwrap().text().await.unwrap();
        let answer: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method}: {error}: {text}"));
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The problem that the script makes.
    async fn problem(&self) -> Json {
        let params = json!({"output": "extend", "selectAcknowledges": "extend", "search": {"name": "too many"}});
        self.call("problem.get", params).await[0].clone()
    }

    async fn maintenance(&self) -> Vec<Json> {
        let params =
            json!({"output": "extend", "selectHosts": "extend", "selectTags": "extend", "selectTimeperiods": "extend"});
        self.call("maintenance.get", params).await.as_array().unwrap().clone()
    }
}

/// What the database says.
fn sql(statement: &str) -> String {
    let output = Process::new("psql")
        .args(["-h", "127.0.0.1", "-p", DATABASE_PORT, "-U", "zabbix", "-At", "-c", statement, "zabbix"])
        .env("PGPASSWORD", "z")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn zabbix() {
    let ports = [("ZABBIX_PORT", "19580"), ("ZABBIX_TRAPPER_PORT", "19551"), ("ZABBIX_POSTGRES_PORT", DATABASE_PORT)];
    let Some(server) = Server::up("zabbix", &ports) else { return };
    let url = server.var("ZABBIX_URL").replace("/api_jsonrpc.php", "");
    let plain = Plain::of(&url).await;
    let admin = json!({"username": "sayso", "passwd": "Op-3rator-pass", "roleid": "3", "usrgrps": [{"usrgrpid": "7"}]});
    plain.call("user.create", admin).await;
    let admin = rig(&url, &[("ZABBIX_USER", "sayso"), ("ZABBIX_PASSWORD", "Op-3rator-pass")]);
    sessions(&admin).await;
    assert_eq!(crate::listed(&admin).await, ["zabbix hosts: Zabbix server db1"]);
    assert_eq!(crate::tried(&admin, "zabbix").await, "answers health");
    reads(&admin, &plain).await;
    acknowledgement(&admin, &plain).await;
    strangers(&url, &plain).await;
    // Last: within a minute at most Zabbix begins what it was told here, and then holds back db1's problem.
    maintenance(&admin, &plain).await;
}

/// One login for everything, and another one when that has come to its end, also in the middle of a change.
async fn sessions(rig: &Rig) {
    let before: u32 = sql("select count(*) from sessions").parse().unwrap();
    for _ in 0..3 {
        succeeds(rig, "alert.list service=db1").await;
    }
    let after = || sql("select count(*) from sessions").parse::<u32>().unwrap() - before;
    assert_eq!(after(), 1);
    let plan = rig.plan("alert.list").await.unwrap();
    assert!(plan.runs.contains(r#""auth":"<session>""#), "{}", plan.runs);
    let session = sql("select sessionid from sessions order by lastaccess desc, sessionid limit 1");
    // Not db1: what Zabbix has begun, at any minute, holds back a problem until the next one.
    let approved = rig.approved("alert.silence alert=\"Zabbix server\" duration=PT1H").await;
    sql("update sessions set status = 1");
    let outcome = rig.execute(approved).await;
    assert_eq!(outcome.status.as_str(), "succeeded", "{}", outcome.summary);
    assert_eq!(after(), 2);
    succeeds(rig, "alert.unsilence alert=\"Zabbix server\"").await;
    assert_eq!(after(), 2);
    assert!(!format!("{:?}{:?}", rig.log(), rig.ledger.events.lock().unwrap()).contains(&session));
    // The sessions of this test's own calls go on.
    sql("update sessions set status = 0");
}

async fn reads(rig: &Rig, plain: &Plain) {
    let (summary, output) = succeeds(rig, "alert.list service=db1").await;
    assert_eq!(summary, "1 problem, 1 of them not acknowledged");
    let id = plain.problem().await["eventid"].as_str().unwrap().to_owned();
    assert!(output.lines().nth(1).unwrap().starts_with(&id) && output.contains("db1: too many errors"), "{output}");
    assert!(output.contains("  high  "), "{output}");
    for (line, summary) in [
        ("alert.list severity=critical", "1 problem, 1 of them not acknowledged"),
        ("alert.list severity=info service=db1", "no problem"),
        ("alert.list environment=production", "no problem"),
        ("service.status service=db1", "db1 has 1 open problem on db1"),
        ("metric.show metric=error_rate host=db1", "error rate of db1 is 7"),
        ("metric.show metric=error_rate service=db1 window=PT5M", "error rate of db1 is 7"),
    ] {
        assert_eq!(succeeds(rig, line).await.0, summary, "{line}");
    }
    let (_, output) = succeeds(rig, "metric.show metric=error_rate host=db1").await;
    assert!(output.contains("between 7 and 7 in the last 1 h, "), "{output}");
    for (line, said) in [
        (
            "service.status service=nosuch",
            "Zabbix has no host called `nosuch`, and none with the tag `service: nosuch`",
        ),
        ("metric.show metric=cpu host=db1", "Zabbix has no item `system.cpu.util` on a host called `db1`"),
        ("metric.show metric=error_rate host=db2", "Zabbix has no item `app.errors` on a host called `db2`"),
        ("metric.show metric=error_rate", "Zabbix measures hosts; say of which one"),
        (
            "metric.show metric=latency host=db1",
            "`zabbix` serves only `cpu` or `error_rate` or `memory` or `saturation` as `metric`, not `latency`",
        ),
    ] {
        assert_eq!(rig.refusal(line).await, said, "{line}");
    }
    // A host of which the tag says what it is for, and where.
    let host = plain.call("host.get", json!({"filter": {"host": ["db1"]}})).await[0]["hostid"].clone();
    let tags = json!([{"tag": "service", "value": "checkout"}, {"tag": "environment", "value": "staging"}]);
    plain.call("host.update", json!({"hostid": host, "tags": tags})).await;
    assert_eq!(succeeds(rig, "service.status service=checkout").await.0, "checkout has 1 open problem on db1");
}

async fn acknowledgement(rig: &Rig, plain: &Plain) {
    let line = "alert.acknowledge alert=\"DB1: too many errors\"";
    let preview = rig.preview(line).await.unwrap();
    assert!(preview.starts_with("db1: too many errors on db1, high since "), "{preview}");
    let approved = rig.approved("alert.acknowledge alert=db1").await;
    assert_eq!(succeeds(rig, line).await.0, "db1: too many errors is acknowledged");
    let problem = plain.problem().await;
    assert_eq!(problem["acknowledged"], "1");
    let message = problem["acknowledges"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("console:alice through Sayso, "), "{message}");
    let said = "Zabbix has no problem called `db1` that is open and not acknowledged (`alert.list` shows all); nothing was done";
    assert_eq!(rig.execute(approved).await.summary, said);
    let id = problem["eventid"].as_str().unwrap();
    let said =
        format!("Zabbix has no problem called `{id}` that is open and not acknowledged (`alert.list` shows all)");
    assert_eq!(rig.refusal(&format!("alert.acknowledge alert={id}")).await, said);
}

async fn maintenance(rig: &Rig, plain: &Plain) {
    let line = r#"alert.silence alert=db1 duration=PT2H reason="new disks, \"soon\"""#;
    let preview = rig.preview(line).await.unwrap();
    assert_eq!(preview, "all of db1; 1 problem on it now: db1: too many errors");
    let plan = rig.plan(line).await.unwrap();
    assert_eq!(rig.planner.preview(&plan).await.unwrap().undo.as_deref(), Some("alert.unsilence alert=db1"));
    let (summary, _) = succeeds(rig, line).await;
    assert!(summary.starts_with("db1 is in maintenance until "), "{summary}");
    let [made] = &plain.maintenance().await[..] else { panic!("expected one maintenance") };
    assert_eq!((&made["hosts"][0]["host"], &made["tags"]), (&json!("db1"), &json!([])));
    assert_eq!(made["description"], "new disks, \"soon\" (console:alice)");
    let number = |value: &Json| value.as_str().unwrap().parse::<i64>().unwrap();
    assert_eq!(number(&made["timeperiods"][0]["period"]), 7_200);
    // Zabbix begins with the minute.
    assert!((number(&made["active_till"]) - number(&made["active_since"]) - 7_200).abs() <= 60, "{made}");

    let said = succeeds(rig, "alert.silence alert=db1 duration=PT1H service=checkout environment=staging").await.0;
    assert!(said.ends_with(", as far as checkout goes"), "{said}");
    let tags: Vec<_> = plain.maintenance().await.iter().map(|made| made["tags"].as_array().unwrap().len()).collect();
    assert_eq!(tags, [0, 2]);
    let preview = rig.preview("alert.unsilence alert=db1").await.unwrap();
    assert!(preview.lines().count() == 2 && preview.contains("new disks"), "{preview}");
    // One that is about another host as well is left alone.
    let hosts = plain.call("host.get", json!({"output": ["hostid"]})).await;
    let hosts: Vec<_> = hosts.as_array().unwrap().iter().map(|host| json!({"hostid": host["hostid"]})).collect();
    let now = jiff::Timestamp::now().as_second();
    let both = json!({"name": "both", "active_since": now, "active_till": now + 3_600, "hosts": hosts,
        "timeperiods": [{"timeperiod_type": 0, "start_date": now, "period": 3_600}]});
    plain.call("maintenance.create", both).await;
    assert_eq!(succeeds(rig, "alert.unsilence alert=db1").await.0, "2 maintenances of db1 ended");
    assert_eq!(plain.maintenance().await.len(), 1);
    assert_eq!(rig.refusal("alert.unsilence alert=db1").await, "no maintenance is about `db1` alone");
    let said = "Zabbix silences hosts, and none is called `db1: too many errors`";
    assert_eq!(rig.refusal("alert.silence alert=\"db1: too many errors\" duration=PT1H").await, said);
    // Shorter than Zabbix can: it says so within an answer that says that all is well.
    let told = rig.told("alert.silence alert=db1 duration=PT1M").await;
    assert!(told.starts_with("failed: `zabbix` refuses it: "), "{told}");
    assert_eq!(plain.maintenance().await.len(), 1);
}

/// Whoever may only look, whoever comes with a token, and whoever is nobody.
async fn strangers(url: &str, plain: &Plain) {
    let group = json!({"name": "watchers", "rights": [{"id": "2", "permission": 2}]});
    let group = plain.call("usergroup.create", group).await["usrgrpids"][0].clone();
    let watcher =
        json!({"username": "watcher", "passwd": "Watch-3r-pass", "roleid": "1", "usrgrps": [{"usrgrpid": group}]});
    plain.call("user.create", watcher).await;
    let watcher = rig(url, &[("ZABBIX_USER", "watcher"), ("ZABBIX_PASSWORD", "Watch-3r-pass")]);
    assert_eq!(succeeds(&watcher, "alert.list service=db1").await.0, "1 problem, 0 of them not acknowledged");
    let told = watcher.told("alert.silence alert=db1 duration=PT1H").await;
    assert_eq!(told, "failed: `zabbix` refuses it: No permissions to call \"maintenance.create\".");

    let token = plain.call("token.create", json!({"name": "sayso"})).await["tokenids"][0].clone();
    let token = plain.call("token.generate", json!([token])).await[0]["token"].as_str().unwrap().to_owned();
    let sessions = sql("select count(*) from sessions");
    let ours = rig(url, &[("ZABBIX_TOKEN", &token)]);
    assert_eq!(succeeds(&ours, "alert.list service=db1").await.0, "1 problem, 0 of them not acknowledged");
    let plan = ours.plan("alert.list").await.unwrap();
    assert!(plan.runs.contains(r#""auth":"<token>""#), "{}", plan.runs);
    assert_eq!(sql("select count(*) from sessions"), sessions, "a token needs no login");
    let bad = rig(url, &[("ZABBIX_TOKEN", &"0".repeat(64))]);
    let said = bad.refusal("alert.list").await;
    assert!(said.starts_with("`zabbix` refuses it: ") && said.contains("authori"), "{said}");

    let wrong = rig(url, &[("ZABBIX_USER", "Admin"), ("ZABBIX_PASSWORD", "not-this-one")]);
    let said = "`zabbix` does not let `Admin` in: Incorrect user name or password or account is temporarily blocked.";
    assert_eq!(wrong.refusal("alert.acknowledge alert=db1").await, said);
    let said = rig(url, &[]).refusal("alert.list").await;
    assert!(said.starts_with("`zabbix` does not let `nobody` in: "), "{said}");
}
