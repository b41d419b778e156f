//! The HTTP server beside a chat, and `sayso serve`: the same without a console, and with Discord.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::assembly::{self, Running};
use super::audit::Housekeeping;
use super::chat::runtime;
use super::reload::Reload;
use super::{Failure, discord, print};
use crate::chat::console::Console;
use crate::chat::discord::{Discord, DiscordError, PLATFORM};
use crate::config;
use crate::domain::{Alerted, Directory, Memberships, Outgoing, Reply};
use crate::embedding::Embedder;
use crate::integrations::Surroundings;
use crate::server::{Parts, Readiness, Server, Webhook};
use crate::store::Store;

/// Deliveries that may wait to be told.
const ALERTS: usize = 64;
/// How long an end waits for alerts that came in to be told.
const GRACE: Duration = Duration::from_secs(5);

/// A running server, and what it brings on its way to the assistant.
pub(super) struct Serving {
    server: Server,
    telling: JoinHandle<()>,
}

impl Serving {
    /// Opens the port, and says which. Every webhook must have its token.
    pub(super) async fn start(
        configured: config::Server,
        running: &Running,
        embedder: Embedder,
    ) -> Result<Self, Failure> {
        let surroundings = Surroundings::here();
        let mut webhooks = BTreeMap::new();
        for (name, config::Webhook { kind, token, conversation }) in configured.webhooks {
            let lacking = |reason: String| Failure::Said(format!("the webhook `{name}` has no token: {reason}"));
            let secret = surroundings.secret(&token).map_err(lacking)?;
            let token = secret.ok_or_else(|| lacking(format!("`{token}` is not set")))?;
            running.assistant.parts().redactor.learn(&token);
            webhooks.insert(name, Webhook { kind, token, conversation });
        }
        let (alerts, mut incoming) = mpsc::channel::<Alerted>(ALERTS);
        let readiness = Arc::new(Ready { store: Arc::clone(&running.store), embedder });
        let parts = Parts { webhooks, alerts, metrics: Arc::clone(&running.metrics), readiness };
        let server = Server::start(configured.listen, parts).await.map_err(|error| Failure::of(&error))?;
        print(format_args!("Listening on http://{}.", server.address()));
        let assistant = Arc::clone(&running.assistant);
        let telling = tokio::spawn(async move {
            while let Some(alerted) = incoming.recv().await {
                assistant.alerted(alerted).await;
            }
        });
        Ok(Self { server, telling })
    }

    /// Takes no more alerts, lets the assistant come to its end, and stops; what came in is told. What is left to close is
    /// the store.
    #[must_use]
    pub(super) async fn shut_down(self, running: Running) -> Arc<dyn Store> {
        self.server.close();
        let store = running.shut_down().await;
        self.server.stop().await;
        let mut telling = self.telling;
        if timeout(GRACE, &mut telling).await.is_err() {
            telling.abort();
        }
        store
    }
}

/// What has to answer before the program can do its work.
struct Ready {
    store: Arc<dyn Store>,
    embedder: Embedder,
}

#[async_trait]
impl Readiness for Ready {
    async fn check(&self) -> Result<(), String> {
        self.store.probe().await.map_err(|error| error.to_string())?;
        self.embedder.encode(vec!["ready?".to_owned()]).await.map(drop).map_err(|error| error.to_string())
    }
}

/// Until the process is told to end.
pub(super) fn run(config: Option<&Path>) -> Result<(), Failure> {
    let data = assembly::load(config)?;
    let (server, on_discord) = (data.config.server.clone(), data.config.chat.discord.clone());
    if server.is_none() && on_discord.is_none() {
        let missing = "nothing to serve: expected `[server]` with `listen`, or `[chat.discord]` with `token`, in \
            `sayso.toml`; see docs/server.md and docs/discord.md";
        return Err(Failure::Said(missing.to_owned()));
    }
    let memberships = Arc::<Memberships>::default();
    let line = on_discord.map(|configured| discord::line(configured, &data.redactor, &memberships)).transpose()?;
    let embedder = assembly::embedder(&data)?;
    let understander = assembly::understander(&data, &embedder)?;
    let reload = Reload::new(&data, embedder.clone());
    let audit = data.config.audit.clone();
    runtime()?.block_on(async {
        let stopped = stopped()?;
        tokio::pin!(stopped);
        let directory = line.clone().map(|line| Arc::new(line) as Arc<dyn Directory>);
        let mut running = assembly::start_among(data, understander, memberships, directory).await?;
        let (_, silent) = mpsc::channel(1);
        let mut replies = std::mem::replace(&mut running.replies, silent);
        let serving = match server {
            Some(server) => Some(Serving::start(server, &running, embedder).await?),
            None => None,
        };
        let discord = line.map(|line| discord::adapter(line, &running));
        let housekeeping = Housekeeping::start(audit, &running)?;
        let watching = tokio::spawn(reload.watch(Arc::clone(&running.assistant), Console::conversation()));
        let listing = running.listing();
        let say = |outgoing: Outgoing| match &discord {
            Some(discord) if outgoing.conversation.platform == PLATFORM => discord.deliver(outgoing),
            _ => log(&outgoing),
        };
        let talking = talk(discord.as_ref());
        tokio::pin!(talking);
        let ended = loop {
            tokio::select! {
                Some(outgoing) = replies.recv() => say(outgoing),
                error = &mut talking => break Err(Failure::of(&error)),
                () = &mut stopped => break Ok(()),
            }
        };
        watching.abort();
        listing.abort();
        if let Some(discord) = &discord {
            discord.close().await;
        }
        let ending = async {
            match serving {
                Some(serving) => serving.shut_down(running).await,
                None => running.shut_down().await,
            }
        };
        tokio::pin!(ending);
        let store = loop {
            tokio::select! {
                Some(outgoing) = replies.recv() => say(outgoing),
                store = &mut ending => break store,
            }
        };
        while let Ok(outgoing) = replies.try_recv() {
            say(outgoing);
        }
        if let Some(discord) = &discord {
            discord.finish(GRACE).await;
        }
        housekeeping.finish().await;
        store.close().await;
        ended
    })
}

/// Talks on Discord for as long as it is polled, and says when it is heard there.
async fn talk(discord: Option<&Discord>) -> DiscordError {
    let Some(discord) = discord else { return std::future::pending().await };
    let tell = async {
        let (name, guilds) = discord.listening().await;
        let guilds = if guilds == 1 { "1 guild".to_owned() } else { format!("{guilds} guilds") };
        print(format_args!("Listening on Discord as {name}, in {guilds}."));
        std::future::pending().await
    };
    tokio::select! {
        error = discord.run() => error,
        never = tell => never,
    }
}

/// Nobody else listens.
fn log(Outgoing { conversation, reply, .. }: &Outgoing) {
    if !matches!(reply, Reply::Standing(_)) {
        tracing::info!(%conversation, ?reply, "said");
    }
}

/// Listens from now on; the future ends with Ctrl-C, or the signal by which a service is stopped.
#[cfg(unix)]
pub(super) fn stopped() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| Failure::of(&error))?;
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| Failure::of(&error))?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

#[cfg(not(unix))]
pub(super) fn stopped() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
