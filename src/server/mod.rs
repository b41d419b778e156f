//! HTTP for machines: health, metrics, webhooks. It knows `domain` alone; what comes in goes out by a bounded channel.
//!
//! One request a connection, each with an end in time, and a number of them that is never passed: a client that is slow,
//! or many at once, cost a wait and no more. docs/server.md tells what each path answers.

mod alertmanager;
mod metrics;
mod routes;
#[cfg(test)]
mod tests;

pub use metrics::Metrics;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::domain::{Alerted, ConversationId, Secret};

/// How many connections are served at once; the next one waits to be accepted.
const CONNECTIONS: usize = 128;
/// How many webhooks are read at once; the next one is told to come again.
const WEBHOOKS: usize = 8;
/// How long a connection may last, from the first byte of the request to the last of the answer.
const CONNECTION: Duration = Duration::from_secs(30);
/// How long a stop waits for requests that are being answered.
const GRACE: Duration = Duration::from_secs(5);
/// After a connection could not be accepted: so that a lack of file handles does not become a loop.
const PAUSE: Duration = Duration::from_millis(100);

/// Whose payload a webhook understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookKind {
    /// Prometheus' Alertmanager, version 4 of its payload.
    Alertmanager,
}

/// A door for one caller.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Who calls.
    pub kind: WebhookKind,
    /// What the caller must know.
    pub token: Secret,
    /// Where it is told.
    pub conversation: ConversationId,
}

/// Says whether the rest of the program can do its work.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Why not, for people, if it cannot.
    async fn check(&self) -> Result<(), String>;
}

/// What the server is made of.
pub struct Parts {
    /// By the name in the path.
    pub webhooks: BTreeMap<String, Webhook>,
    /// Where alerts go. When it is full, callers are told to come again.
    pub alerts: mpsc::Sender<Alerted>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Asked by `/readyz`.
    pub readiness: Arc<dyn Readiness>,
}

/// What all requests share.
struct Shared {
    parts: Parts,
    turns: Semaphore,
    closing: AtomicBool,
}

/// Nobody can be served there.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{listen}`; name a free port of this machine in `[server]`")]
pub struct ListenError {
    listen: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Server {
    /// Opens the port and begins to answer.
    pub async fn start(listen: SocketAddr, parts: Parts) -> Result<Self, ListenError> {
        let opened = async {
            let listener = TcpListener::bind(listen).await?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = opened.await.map_err(|source| ListenError { listen, source })?;
        let shared = Arc::new(Shared { parts, turns: Semaphore::new(WEBHOOKS), closing: AtomicBool::new(false) });
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared), stopped));
        Ok(Self { address, shared, stop, serving })
    }

    /// Where it listens; the port is the one that was found if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more alerts, and says that it is not ready; still tells so to whoever asks.
    pub fn close(&self) {
        self.shared.closing.store(true, Ordering::Relaxed);
    }

    /// Closes the port, and waits a moment for what is being answered. The alerts' channel ends.
    pub async fn stop(self) {
        self.close();
        let _ = self.stop.send(());
        // It ends in time by itself; a panic of its own is on the log already.
        let _ = self.serving.await;
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let service = TowerToHyperService::new(routes::router(shared));
    let mut http = hyper::server::conn::http1::Builder::new();
    // The end in time is that of the connection.
    http.keep_alive(false).header_read_timeout(None);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let connection = http.serve_connection(TokioIo::new(stream), service.clone());
                    // What goes wrong on the way is the client's to notice.
                    connections.spawn(async move { drop(timeout(CONNECTION, connection).await) });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}
