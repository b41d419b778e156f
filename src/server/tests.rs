//! Every answer, from a real port.

use std::sync::atomic::AtomicBool;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const TOKEN: &str = "a-token-of-the-tests";

/// Ready as long as it says so.
struct Switch(AtomicBool);

#[async_trait]
impl Readiness for Switch {
    async fn check(&self) -> Result<(), String> {
        if self.0.load(Ordering::Relaxed) { Ok(()) } else { Err("the store is gone".to_owned()) }
    }
}

struct Rig {
    server: Server,
    ready: Arc<Switch>,
    alerts: mpsc::Receiver<Alerted>,
}

impl Rig {
    async fn start(room: usize) -> Self {
        let (sender, alerts) = mpsc::channel(room);
        let ready = Arc::new(Switch(AtomicBool::new(true)));
        let webhook = Webhook {
            kind: WebhookKind::Alertmanager,
            token: Secret::new(TOKEN.to_owned()),
            conversation: "console:main".parse().unwrap(),
        };
        let parts = Parts {
            webhooks: BTreeMap::from([("main".to_owned(), webhook)]),
            alerts: sender,
            metrics: Arc::default(),
            readiness: Arc::clone(&ready) as Arc<dyn Readiness>,
        };
        let server = Server::start("127.0.0.1:0".parse().unwrap(), parts).await.unwrap();
        Self { server, ready, alerts }
    }

    /// What is answered to these bytes.
    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.server.address()).await.unwrap();
        // Whoever is refused may not be read to the end.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// The status and the body.
    async fn ask(&self, request: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let request = format!("{request} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        let answer = self.raw(request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        format!("{} {body}", head.split(' ').nth(1).unwrap())
    }

    async fn post(&self, token: &str, kind: &str, body: &str) -> String {
        let headers = format!("authorization: Bearer {token}\r\ncontent-type: {kind}\r\n");
        self.ask("POST /webhooks/main", &headers, body).await
    }
}

const JSON: &str = "application/json";

fn payload(alerts: &str) -> String {
    format!("{{\"version\": \"4\", \"alerts\": [{alerts}]}}")
}

const ALERT: &str = "{\"status\": \"firing\", \"labels\": {\"alertname\": \"A\"}, \"startsAt\": \"2026-11-21T07:00:00Z\", \
                     \"fingerprint\": \"f\"}";

#[tokio::test]
async fn every_refusal_is_told_apart() {
    let rig = Rig::start(1).await;
    for (request, expected) in [
        ("GET /healthz", "200 ok\n"),
        ("GET /readyz", "200 ready\n"),
        (
            "GET /",
            "404 {\"error\":\"expected `/healthz`, `/readyz`, `/metrics` or `/webhooks/<name>`, found another path\"}",
        ),
        (
            "POST /healthz",
            "405 {\"error\":\"expected POST to a webhook and GET to everything else, found another method\"}",
        ),
        (
            "GET /webhooks/main",
            "405 {\"error\":\"expected POST to a webhook and GET to everything else, found another method\"}",
        ),
        (
            "POST /webhooks/other",
            "404 {\"error\":\"no webhook has this name; `[server.webhooks.<name>]` in the configuration makes one\"}",
        ),
        (
            "POST /webhooks/%ff",
            "404 {\"error\":\"no webhook has this name; `[server.webhooks.<name>]` in the configuration makes one\"}",
        ),
    ] {
        assert_eq!(rig.ask(request, "", "").await, expected, "{request}");
    }

    let unknown = "401 {\"error\":\"expected `Authorization: Bearer …` with the token of this webhook\"}";
    for token in ["", "wrong", "a-token-of-the-test", "a-token-of-the-testss"] {
        assert_eq!(rig.post(token, JSON, &payload(ALERT)).await, unknown, "{token}");
    }
    for headers in ["", "authorization: Basic YS10b2tlbg==\r\n", "authorization: a-token-of-the-tests\r\n"] {
        assert_eq!(rig.ask("POST /webhooks/main", headers, "{}").await, unknown, "{headers}");
    }

    let too_large = "413 {\"error\":\"expected a body of at most 1048576 bytes, found more\"}";
    let garbage = "422 {\"error\":\"the body is no payload of Alertmanager: expected value at line 1 column 1\"}";
    for (kind, body, expected) in [
        ("text/plain", payload(ALERT), "415 {\"error\":\"expected `Content-Type: application/json`\"}"),
        (JSON, " ".repeat(1024 * 1024 + 1), too_large),
        (JSON, "<xml/>".to_owned(), garbage),
        (
            JSON,
            "{\"version\": \"3\"}".to_owned(),
            "422 {\"error\":\"expected version `4` of Alertmanager's payload, found `3`\"}",
        ),
        ("application/json; charset=utf-8", payload(ALERT), "202 {\"alerts\":1}"),
        // Nobody has taken the one before out of the channel.
        (JSON, payload(ALERT), "503 {\"error\":\"too many alerts wait to be told; come again\"}"),
    ] {
        assert_eq!(rig.post(TOKEN, kind, &body).await, expected);
    }
}

#[tokio::test]
async fn what_comes_in_goes_out_and_is_counted() {
    let mut rig = Rig::start(2).await;
    assert_eq!(rig.post(TOKEN, JSON, &payload(&format!("{ALERT}, {ALERT}"))).await, "202 {\"alerts\":2}");
    let alerted = rig.alerts.recv().await.unwrap();
    assert_eq!((alerted.conversation.to_string(), alerted.alerts.len()), ("console:main".to_owned(), 2));
    let metrics = rig.ask("GET /metrics", "", "").await;
    assert!(metrics.contains("sayso_alerts_total{webhook=\"main\",status=\"firing\"} 2\n"), "{metrics}");

    rig.ready.0.store(false, Ordering::Relaxed);
    assert_eq!(rig.ask("GET /readyz", "", "").await, "503 {\"error\":\"the store is gone\"}");
    assert_eq!(rig.ask("GET /healthz", "", "").await, "200 ok\n");

    rig.ready.0.store(true, Ordering::Relaxed);
    rig.server.close();
    assert_eq!(rig.ask("GET /readyz", "", "").await, "503 {\"error\":\"shutting down\"}");
    assert_eq!(rig.post(TOKEN, JSON, &payload(ALERT)).await, "503 {\"error\":\"shutting down\"}");
    let again = format!(
        "POST /webhooks/main HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nauthorization: bearer {TOKEN}\r\n\r\n{{}}"
    );
    let answer = rig.raw(again.as_bytes()).await;
    assert!(answer.contains("\r\nretry-after: 5\r\n") && answer.contains("\r\nconnection: close\r\n"), "{answer}");

    let address = rig.server.address();
    rig.server.stop().await;
    assert_eq!(rig.alerts.recv().await, None);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_caller_that_dawdles_costs_one_turn_and_not_the_server() {
    let rig = Rig::start(1).await;
    let begin = format!(
        "POST /webhooks/main HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\ncontent-type: {JSON}\r\nauthorization: Bearer \
         {TOKEN}\r\n\r\n"
    );
    let mut dawdling = Vec::new();
    for _ in 0..WEBHOOKS {
        let mut stream = TcpStream::connect(rig.server.address()).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        dawdling.push(stream);
    }
    let busy = "503 {\"error\":\"too many webhooks at once; come again\"}";
    while rig.post(TOKEN, JSON, "{}").await != busy {}
    assert_eq!(rig.ask("GET /healthz", "", "").await, "200 ok\n");
    drop(dawdling);
    while rig.post(TOKEN, JSON, &payload(ALERT)).await == busy {}
}

/// The two limits in time of one caller, at once, since both are waited for.
#[tokio::test]
async fn a_caller_that_never_ends_is_ended() {
    let rig = Rig::start(1).await;
    let head = format!("authorization: Bearer {TOKEN}\r\ncontent-type: {JSON}\r\n");
    let body = async {
        let begun = std::time::Instant::now();
        let request = format!("POST /webhooks/main HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n{head}\r\n{{\"ver");
        let answer = rig.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.ends_with("{\"error\":\"expected the whole body within 10 s\"}"), "{answer}");
        assert!(begun.elapsed() < CONNECTION);
    };
    let connection = async {
        let begun = std::time::Instant::now();
        let mut stream = TcpStream::connect(rig.server.address()).await.unwrap();
        // A byte now and then, and never a whole head.
        let mut ended = [0];
        loop {
            let _ = stream.write_all(b"G").await;
            match timeout(Duration::from_secs(1), stream.read(&mut ended)).await {
                Ok(read) => break assert!(!matches!(read, Ok(1..)), "something was answered"),
                Err(_) => assert!(begun.elapsed() < CONNECTION * 2, "it goes on for ever"),
            }
        }
        assert!(begun.elapsed() >= CONNECTION / 2, "it ended for another reason");
    };
    tokio::join!(body, connection);
    assert_eq!(rig.ask("GET /healthz", "", "").await, "200 ok\n");
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() {
    let rig = Rig::start(1).await;
    let address = rig.server.address();
    let (alerts, _) = mpsc::channel(1);
    let readiness = Arc::clone(&rig.ready) as Arc<dyn Readiness>;
    let parts = Parts { webhooks: BTreeMap::new(), alerts, metrics: Arc::default(), readiness };
    let error = Server::start(address, parts).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("cannot listen on `{address}`; name a free port of this machine in `[server]`")
    );
}
