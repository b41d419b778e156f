//! A server that misbehaves in every way we know of.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, any};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::common::Log;

/// How often each thing was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hits(Arc<AtomicUsize>);

impl Hits {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Says what was asked.
async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let header =
        |name: &str| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let told = serde_json::json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": parts.uri.query(),
        "authorization": header("authorization"),
        "host": header("host"),
        "type": header("content-type"),
        "signature": header("x-signature"),
        "text": String::from_utf8_lossy(&body),
    });
    axum::Json(told).into_response()
}

/// Bytes without end.
fn endless() -> Body {
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    Body::from_stream(futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone())))
}

/// Everything that a system can answer and should not.
fn bad_answers() -> Vec<(&'static str, MethodRouter)> {
    let teapot = |status: StatusCode, text: &'static str| any(move || async move { (status, text) });
    vec![
        ("/garbage", any(|| async { Bytes::from_static(b"\x00\xff\xfe{{{ \x1b[31m @everyone") })),
        ("/empty", any(|| async { "" })),
        ("/wrong", any(|| async { axum::Json(serde_json::json!([1, "two", null])) })),
        ("/refused", any(|| async { axum::Json(serde_json::json!({"ok": false, "error": "quota is used up"})) })),
        ("/html", any(|| async { Html("<!DOCTYPE html><title>Log in</title>") })),
        ("/500", teapot(StatusCode::INTERNAL_SERVER_ERROR, r#"{"message": "password=hunter2 is wrong"}"#)),
        ("/404", teapot(StatusCode::NOT_FOUND, "no such thing\nsecond line")),
        ("/504", teapot(StatusCode::GATEWAY_TIMEOUT, "<html>gave up</html>")),
        ("/503", teapot(StatusCode::SERVICE_UNAVAILABLE, "come back later")),
        ("/slow", any(|| async { tokio::time::sleep(Duration::from_secs(60)).await })),
        (
            "/drip",
            any(|| async {
                let drops = futures_util::stream::unfold((), |()| async {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
                });
                Body::from_stream(drops)
            }),
        ),
        ("/endless", any(|| async { endless() })),
        ("/big", any(|| async { format!("{{\"ok\": true, \"text\": \"{}\"}}", "x".repeat(10 << 20)) })),
        ("/type", any(|| async { ([(header::CONTENT_TYPE, "application/json")], "not json") })),
    ]
}

/// The server's routes. `elsewhere` is where redirects point to; what has an effect writes to the log.
pub(crate) fn routes(hits: Hits, log: Log, elsewhere: SocketAddr) -> Router {
    let flaky = Hits::default();
    let polls = Hits::default();
    let counted = move |log: Log| {
        let hits = hits.clone();
        move || {
            let (hits, log) = (hits.clone(), log.clone());
            async move {
                hits.add();
                log.lock().unwrap().push("effect".to_owned());
                axum::Json(serde_json::json!({"ok": true, "id": "a b/c"}))
            }
        }
    };
    let bad = bad_answers().into_iter();
    bad.fold(Router::new(), |router, (path, answer)| router.route(path, answer))
        .route("/ok", any(counted(log)))
        .route("/away", any(move || async move { Redirect::temporary(&format!("http://{elsewhere}/echo")) }))
        .route("/near", any(|| async { Redirect::temporary("/echo") }))
        .route("/loop", any(|| async { Redirect::temporary("/loop") }))
        .route(
            "/flaky",
            any(move || {
                let count = flaky.add();
                async move {
                    if count % 3 < 2 {
                        return StatusCode::SERVICE_UNAVAILABLE.into_response();
                    }
                    axum::Json(serde_json::json!({"ok": true})).into_response()
                }
            }),
        )
        .route(
            "/job",
            any(move || {
                let count = polls.add();
                let state = ["queued", "running", "running", "done"][count.min(3)];
                async move { axum::Json(serde_json::json!({"ok": true, "state": state, "percent": count * 33})) }
            }),
        )
        .route(
            "/things",
            any(|| async {
                axum::Json(serde_json::json!([
                    {"id": "ok", "name": "one", "group": "g"}, {"id": "404", "name": "two", "group": "g"},
                    {"id": "ok", "name": "three", "group": "h"}]))
            }),
        )
        .fallback(echo)
}

/// A running server, and how often it was asked for `/ok`.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) elsewhere: Hits,
    other: SocketAddr,
    pub(crate) hits: Hits,
}

impl Server {
    /// Where redirects point to.
    pub(crate) fn elsewhere_address(&self) -> SocketAddr {
        self.other
    }

    /// Starts it on a free port.
    pub(crate) async fn start(log: Log) -> Self {
        let elsewhere = Hits::default();
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other_address = other.local_addr().unwrap();
        let counter = elsewhere.clone();
        let app = Router::new().fallback(any(move || {
            counter.add();
            async { "elsewhere" }
        }));
        tokio::spawn(async move { axum::serve(other, app).await.unwrap() });
        let hits = Hits::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = routes(hits.clone(), log, other_address);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, elsewhere, other: other_address, hits }
    }
}

/// Gives the bad answer of that path to whatever is asked.
pub(crate) async fn always(path: &str) -> SocketAddr {
    let (_, answer) = bad_answers().into_iter().find(|(bad, _)| *bad == path).expect("a bad answer");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback_service(answer);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// Reads the request, writes these bytes, and closes the connection.
pub(crate) async fn cutting(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

/// An address at which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
