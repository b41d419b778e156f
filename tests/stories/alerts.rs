//! Alerts that come in over HTTP: told once, with what helps; what somebody picks is theirs, and nothing runs by itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{Chat, Home, Platform};

const TOKEN: &str = "not-for-the-chat-4711";

const SERVER: &str = r#"
[server]
listen = "127.0.0.1:0"
[server.webhooks.main]
kind = "alertmanager"
token = { secret = "SAYSO_WEBHOOK_TOKEN" }
conversation = "console:main"
"#;

/// A conversation beside a server, and its address.
fn serving(home: &Home, arguments: &[&str]) -> (Chat, String) {
    let mut command = home.program(arguments);
    command.env("SAYSO_WEBHOOK_TOKEN", TOKEN);
    let mut chat = Chat::start(command);
    let said = chat.hear("Listening on http://");
    let address = said.trim_end().trim_end_matches('.').rsplit('/').next().unwrap().to_owned();
    (chat, address)
}

/// The status, and the body.
fn ask(address: &str, request: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let length = body.len();
    // Whoever is refused may not be read to the end.
    let _ = write!(stream, "{request} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn get(address: &str, path: &str) -> (u16, String) {
    ask(address, &format!("GET {path}"), "", "")
}

fn post(address: &str, token: &str, body: &str) -> (u16, String) {
    let headers = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    ask(address, "POST /webhooks/main", &headers, body)
}

fn alert(status: &str, name: &str, labels: &str, summary: &str, fingerprint: &str) -> String {
    format!(
        r#"{{"status": "{status}", "labels": {{"alertname": "{name}", {labels}}},
            "annotations": {{"summary": "{summary}", "description": "VALUE = 0.12\n  LABELS = map[]"}},
            "startsAt": "2026-11-21T07:52:26.739Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph?g0.expr=x", "fingerprint": "{fingerprint}"}}"#
    )
}

/// What Alertmanager makes of alerts.
fn payload(alerts: &[String]) -> String {
    format!(
        r#"{{"receiver": "sayso", "status": "firing", "alerts": [{}], "groupLabels": {{"alertname": "HighErrorRate"}},
            "commonLabels": {{}}, "commonAnnotations": {{}}, "externalURL": "http://alertmanager:9093", "version": "4",
            "groupKey": "{{}}:{{alertname=\"HighErrorRate\"}}", "truncatedAlerts": 0}}"#,
        alerts.join(", ")
    )
}

const LABELS: &str = r#""service": "check-out", "env": "staging", "severity": "critical""#;

#[test]
fn an_alert_brings_its_runbook_and_a_person_takes_the_step() {
    let platform = Platform::start();
    let home = platform.home(SERVER);
    let (mut chat, address) = serving(&home, &[]);
    let body = payload(&[alert("firing", "HighErrorRate", LABELS, "12 % of @everyone's requests fail", "f1")]);
    assert_eq!(post(&address, TOKEN, &body), (202, "{\"alerts\":1}".to_owned()));

    let said = chat.hear("deploy.rollback service=checkout environment=staging  (");
    for part in [
        "`HighErrorRate` is firing (env=staging, service=check-out, severity=critical): 12 % of ＠everyone's requests fail.\n",
        "  │ VALUE = 0.12 LABELS = map[]\n",
        "  │ Elevated 5xx after a release: Diagnosis\n",
        "  │   in high-error-rate.md:",
        "`high-error-rate.md` suggests these. Pick one; what changes something is shown first and waits for a yes.\n",
        "1 audit.search ",
        "2 deploy.rollback service=checkout environment=staging  (roll a service back",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!said.contains('┌'), "nobody has asked for a card: {said}");

    let card = chat.ask("2", "└");
    assert!(card.contains("│ command   deploy.rollback service=checkout environment=staging\n"), "{card}");
    assert!(card.contains("│ note      from the runbook `high-error-rate.md`\n"), "{card}");
    assert!(!platform.is_asked(), "nothing runs before the yes");
    chat.say("1");
    let (request, stream) = platform.request();
    assert_eq!(request, "POST /services/checkout/rollback HTTP/1.1");
    Platform::done(stream);
    chat.hear("checkout was rolled back");
    chat.leave();

    let created = home.audit(&["search", "--intent", "deploy.rollback"]);
    assert_eq!(created[0]["runbook"][0], "high-error-rate.md");
    assert!(created[0]["said"].is_null() && created[0]["actor"].as_str().unwrap().starts_with("console:"));
    home.assert_whole(4);
}

#[test]
fn an_alert_is_told_once_and_after_a_restart_not_again() {
    let home = Platform::start().home(SERVER);
    let firing = alert("firing", "HighErrorRate", LABELS, "it fails", "f1");
    let resolved = alert("resolved", "HighErrorRate", LABELS, "it fails", "f1");
    let (mut chat, address) = serving(&home, &[]);
    for _ in 0..3 {
        assert_eq!(post(&address, TOKEN, &payload(&[firing.clone(), firing.clone()])).0, 202);
    }
    assert_eq!(post(&address, TOKEN, &payload(&[firing.clone(), resolved])).0, 202);
    let said = chat.hear("is resolved (");
    assert_eq!(said.matches("is firing").count(), 1, "{said}");
    chat.leave();

    let (mut chat, address) = serving(&home, &[]);
    // A label that names something nobody lists: no step would be the step that is meant.
    let other = alert("firing", "HighErrorRate", r#""service": "kettle""#, "it fails", "f2");
    let another = alert("firing", "HighErrorRate", r#""app": "web""#, "it fails", "f3");
    assert_eq!(post(&address, TOKEN, &payload(&[firing, other, another])).0, 202);
    let said = chat.hear("(app=web)");
    assert!(said.starts_with("`HighErrorRate` is firing (service=kettle): it fails.\n"), "{said}");
    assert!(said.contains("in high-error-rate.md:") && !said.contains("suggests these"), "{said}");
    let said = chat.hear("deploy.rollback service=web");
    assert!(said.contains("  │ Its runbook is `high-error-rate.md`, as above.\n"), "{said}");
    assert!(!said.contains("Diagnosis"), "{said}");

    let storm: Vec<_> =
        (0..40).map(|i| alert("firing", &format!("Storm{}", i % 2), LABELS, "wind", &format!("s{i}"))).collect();
    assert_eq!(post(&address, TOKEN, &payload(&storm)).0, 202);
    let said = chat.hear("more came with these");
    assert_eq!(said.matches("is firing (").count(), 5, "{said}");
    let end = "35 more came with these: 17 × `Storm0` firing, 18 × `Storm1` firing.\n";
    assert!(said.ends_with(end), "{said}");
    assert_eq!(chat.leave(), "");
    home.assert_whole(0);
}

#[test]
fn an_alert_that_no_runbook_names_finds_the_nearest_or_says_so() {
    let home = Home::with(SERVER);
    let (mut chat, address) = serving(&home, &[]);
    let instance = r#""instance": "db1:9100""#;
    let near = alert("firing", "OurDiskRule", instance, "file system / is almost full, no space left on device", "f1");
    let far = alert("firing", "Kettle", instance, "tea time in the kitchen", "f2");
    assert_eq!(post(&address, TOKEN, &payload(&[near, far])).0, 202);
    let said = chat.hear("I have no runbook for this.");
    assert!(said.contains("  │   in disk-full.md:"), "{said}");
    assert!(said.contains("\n`Kettle` is firing (instance=db1:9100): tea time in the kitchen.\n"), "{said}");
    chat.leave();
}

#[test]
fn who_does_not_know_the_token_or_sends_garbage_is_refused() {
    let home = Home::with(SERVER);
    let (chat, address) = serving(&home, &[]);
    let firing = payload(&[alert("firing", "HighErrorRate", LABELS, "it fails", "f1")]);
    let refused = |error: &str| format!("{{\"error\":\"{error}\"}}");
    assert_eq!(
        post(&address, "not-for-the-chat-4712", &firing),
        (401, refused("expected `Authorization: Bearer …` with the token of this webhook"))
    );
    assert_eq!(
        post(&address, TOKEN, &" ".repeat(1024 * 1024 + 1)),
        (413, refused("expected a body of at most 1048576 bytes, found more"))
    );
    assert_eq!(
        post(&address, TOKEN, "\u{1b}[2J"),
        (422, refused("the body is no payload of Alertmanager: expected value at line 1 column 1"))
    );
    assert_eq!(chat.leave(), "");
    home.assert_whole(0);

    let ended = home.run(&[], "");
    let said = "error: the webhook `main` has no token: `SAYSO_WEBHOOK_TOKEN` is not set\n";
    assert_eq!((ended.code, ended.err.as_str(), ended.out.as_str()), (Some(1), said, ""));
    let ended = Home::new().run(&["serve"], "");
    let said = "error: nothing to serve: expected `[server]` with `listen`, or `[chat.discord]` with `token`, in `sayso.toml`; \
        see docs/server.md and docs/discord.md\n";
    assert_eq!((ended.code, ended.err.as_str()), (Some(1), said));
}

#[test]
fn what_happened_is_counted_and_what_is_gone_is_said() {
    let home = Home::with(SERVER);
    let (mut chat, address) = serving(&home, &[]);
    chat.ask("how full is the disk?", "% full, ");
    chat.ask("lunch?", "`help.show` lists");
    let firing = payload(&[alert("firing", "HighErrorRate", LABELS, "it fails", "f1")]);
    assert_eq!(post(&address, TOKEN, &firing).0, 202);
    chat.hear("is firing");

    let (status, metrics) = get(&address, "/metrics");
    assert_eq!(status, 200);
    for line in [
        "sayso_messages_total{outcome=\"command\"} 1",
        "sayso_messages_total{outcome=\"none\"} 1",
        "sayso_understanding_seconds_count 2",
        "sayso_proposals_total{event=\"created\"} 1",
        "sayso_executions_total{integration=\"host\",status=\"succeeded\"} 1",
        "sayso_alerts_total{webhook=\"main\",status=\"firing\"} 1",
        "sayso_presses_refused_total 0",
        "sayso_replies_lost_total 0",
        "sayso_encoder_overloads_total 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
    }
    // Each line is a comment, or a name with labels and a number.
    for line in metrics.lines().filter(|line| !line.starts_with("# ")) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = name.split_once('{').map_or((name, ""), |(name, labels)| (name, labels));
        assert!(name.starts_with("sayso_") && (labels.is_empty() || labels.ends_with("\"}")), "{line}");
        value.parse::<f64>().unwrap();
    }
    assert!(metrics.ends_with("# EOF\n"));

    assert_eq!(get(&address, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(&address, "/readyz"), (200, "ready\n".to_owned()));
    std::fs::rename(home.store(), home.path("elsewhere.db")).unwrap();
    let (status, said) = get(&address, "/readyz");
    let expected = "is not there any more; stop Sayso before you move it\"}";
    assert!(status == 503 && said.starts_with("{\"error\":\"the store `") && said.ends_with(expected), "{said}");
    assert_eq!(get(&address, "/healthz").0, 200);
}

#[test]
fn without_a_chat_it_serves_until_it_is_told_to_end() {
    let home = Home::with(&format!("[log]\nlevel = \"info\"\n{SERVER}"));
    let mut command = home.program(&["serve"]);
    let log = std::fs::File::create(home.path("log")).unwrap();
    command.env("SAYSO_WEBHOOK_TOKEN", TOKEN);
    let mut serving = Chat::logging(command, log);
    let said = serving.hear("Listening on http://");
    let address = said.trim_end().trim_end_matches('.').rsplit('/').next().unwrap();
    let firing = payload(&[alert("firing", "HighErrorRate", LABELS, "the password=hunter2 leaked", "f1")]);
    assert_eq!(post(address, TOKEN, &firing).0, 202);
    assert_eq!(post(address, "not-for-the-chat-4712", &firing).0, 401);
    assert_eq!(serving.terminate(), Some(0));
    let log = std::fs::read_to_string(home.path("log")).unwrap();
    assert!(log.contains("`HighErrorRate` is firing") && log.contains("password=[redacted]"), "{log}");
    assert!(log.contains("a webhook was refused") && !log.contains("not-for-the-chat"), "{log}");
}
