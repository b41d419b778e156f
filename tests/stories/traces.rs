//! Spans, from a message to its outcome, as a collector of OpenTelemetry gets them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use crate::harness::{Chat, Home, Platform};

/// A collector: whatever is POSTed to it, with its headers.
pub struct Collector {
    port: u16,
    posts: Arc<Mutex<Vec<(String, String)>>>,
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let posts = Arc::<Mutex<Vec<_>>>::default();
        let kept = Arc::clone(&posts);
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| take(stream, &kept)));
        Self { port, posts }
    }

    /// `[log]`, with its address.
    pub fn log(&self) -> String {
        format!("[log]\ntraces = \"http://127.0.0.1:{}/v1/traces\"\n", self.port)
    }

    /// All that came until now: head and body of each request.
    pub fn posts(&self) -> Vec<(String, String)> {
        self.posts.lock().unwrap().clone()
    }

    fn spans(&self) -> Vec<Span> {
        let bodies = self.posts().into_iter().map(|(_, body)| serde_json::from_str::<Json>(&body).unwrap());
        let mut spans: Vec<Span> = bodies.flat_map(|body| spans_of(&body)).collect();
        spans.sort_by_key(|span| span.begins);
        spans
    }
}

fn take(stream: TcpStream, posts: &Mutex<Vec<(String, String)>>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_ok() {
        posts.lock().unwrap().push((head, String::from_utf8(body).unwrap()));
    }
    let _ = reader.into_inner().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
}

/// What matters of a span.
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    begins: u64,
    attributes: BTreeMap<String, String>,
}

fn spans_of(body: &Json) -> Vec<Span> {
    let below = |value: &Json, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let scopes = below(body, "resourceSpans").into_iter().flat_map(|resource| below(&resource, "scopeSpans"));
    let spans = scopes.flat_map(|scope| below(&scope, "spans"));
    let span = |span: Json| Span {
        trace: text(&span["traceId"]),
        id: text(&span["spanId"]),
        parent: text(&span["parentSpanId"]),
        name: text(&span["name"]),
        begins: text(&span["startTimeUnixNano"]).parse().unwrap(),
        attributes: below(&span, "attributes")
            .iter()
            .map(|pair| (text(&pair["key"]), text(&pair["value"]["stringValue"])))
            .collect(),
    };
    spans.map(span).collect()
}

/// The names below each other, each with what it says of itself.
fn tree(spans: &[Span], parent: &str, depth: usize, told: &mut String) {
    for span in spans.iter().filter(|span| span.parent == parent) {
        let said = span.attributes.iter().filter(|(key, _)| {
            ["platform", "event", "outcome", "intent", "integration", "state", "status"].contains(&key.as_str())
        });
        let said: String = said.map(|(key, value)| format!(" {key}={value}")).collect();
        told.push_str(&format!("{}{}{said}\n", "  ".repeat(depth), span.name));
        tree(spans, &span.id, depth + 1, told);
    }
}

#[test]
fn a_message_is_traced_to_its_outcome_without_a_word_of_it() {
    let (platform, collector) = (Platform::start(), Collector::start());
    let home = platform.home(&format!("{}traces_token = {{ secret = \"TRACES\" }}\n", collector.log()));
    let mut start = home.program(&[]);
    start.env("TRACES", "t0ken-of-the-collector");
    let mut chat = Chat::start(start);
    chat.ask("pls restart web, it hangs on the zebra", "└");
    chat.say("yes");
    let (_, stream) = platform.request();
    Platform::done(stream);
    chat.hear("web was restarted");
    chat.leave();

    let spans = collector.spans();
    let mut told = String::new();
    tree(&spans, "", 0, &mut told);
    insta::assert_snapshot!(told, @r"
    turn event=said platform=console
      understand intent=service.restart outcome=command
      plan intent=service.restart
      preview
      decide state=pending
      save
    turn event=said platform=console
      understand outcome=confirm
      decide state=approved
      save
      plan intent=service.restart
      preview
      decide state=executing
      save
      execute intent=service.restart status=succeeded
        call integration=platform
      decide state=succeeded
      save
    ");
    // What became of it is found by the proposal: a yes is a turn of its own.
    let of = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let proposals: Vec<_> = of("decide").iter().map(|span| span.attributes["proposal"].clone()).collect();
    assert!(proposals.windows(2).all(|pair| pair[0] == pair[1]), "{proposals:?}");
    assert_eq!(of("execute")[0].attributes["proposal"], proposals[0]);
    let traces: std::collections::BTreeSet<_> = of("turn").iter().map(|span| span.trace.clone()).collect();
    assert_eq!(traces.len(), 2);
    for (head, body) in collector.posts() {
        assert!(head.starts_with("post /v1/traces ") && head.contains("authorization: bearer t0ken-of-the-collector"));
        assert!(!body.contains("zebra") && !body.contains("t0ken"), "{body}");
    }
}

#[test]
fn a_collector_that_is_not_there_costs_a_warning_and_nothing_else() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::with(&format!("[log]\ntraces = \"http://{closed}/v1/traces\"\n"));
    let ended = home.run(&[], "how full is the disk?\n");
    assert_eq!(ended.code, Some(0));
    assert!(ended.out.contains("% full"), "{}", ended.out);
    assert!(ended.err.contains("spans do not arrive"), "{}", ended.err);
    let home = Home::with("[log]\ntraces_token = { secret = \"T\" }\n");
    assert!(home.run(&[], "").err.contains("`log.traces_token` is for `log.traces`, an address"));
    let home =
        Home::with(&format!("[log]\ntraces = \"http://{closed}/\"\ntraces_token = {{ secret = \"T_NOT_SET\" }}\n"));
    let ended = home.run(&[], "");
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (Some(1), "error: `log.traces_token` cannot be used: `T_NOT_SET` is not set\n")
    );
}
