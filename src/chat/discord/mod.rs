//! Discord, by serenity: messages, slash commands, cards with buttons, forms.
//!
//! ```text
//! gateway ──▶ order ──▶ handler ──ChatEvent──▶ assistant ──Outgoing──▶ desk ──▶ REST
//!                        │ hearing: is it for us?                       │ render: Reply → JSON
//!                        └ slots: answered within three seconds ◀───────┘ patience: until it is answered
//! ```

mod commands;
mod desk;
mod examine;
mod handler;
mod hearing;
mod ids;
mod order;
mod patience;
mod render;
mod slots;
#[cfg(test)]
mod tests;
mod text;

use std::convert::Infallible;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serenity::Client;
use serenity::all::{GatewayIntents, ShardManager};
use serenity::async_trait;
use serenity::http::{Http, HttpBuilder};
use serenity::model::id::{ChannelId, GuildId, UserId};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use self::desk::Desk;
use self::examine::{Account, account, fault_of};
use self::handler::Handler;
use self::hearing::Hearing;
use self::order::InOrder;
use self::patience::{Backoff, persist};
use crate::domain::{
    Actor, Assistance, Clock, Digest, Directory, GroupsUnknown, Memberships, Notebook, Outgoing, Secret, Tally,
};

pub use commands::faults;

/// The name of the platform in actors and conversations.
pub const PLATFORM: &str = "discord";

/// How long a lookup may take: somebody waits for what it decides.
const LOOKUP: Duration = Duration::from_secs(5);
/// How long an invitation may take: somebody waits before a terminal.
const INVITATION: Duration = Duration::from_secs(20);
/// How often it is seen whether the intents are others than those that are registered.
const LOOKING: Duration = Duration::from_secs(5);
/// A connection that held so long was a good one.
const STABLE: Duration = Duration::from_secs(60);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// `[chat.discord]`, with the token itself.
pub struct Settings {
    /// The bot's token.
    pub token: Secret,
    /// The guilds in which it is heard and its commands are registered; none: everywhere.
    pub guilds: Vec<NonZeroU64>,
    /// Channels in which everything is meant for it.
    pub listen: Vec<NonZeroU64>,
    /// Where requests go in place of `https://discord.com`: a proxy that limits rates for several processes.
    pub proxy: Option<String>,
}

impl Settings {
    fn http(&self) -> Http {
        let http = HttpBuilder::new(self.token.expose());
        match &self.proxy {
            // Serenity's own limiter goes past a proxy, which has one.
            Some(proxy) => http.proxy(proxy.as_str()).ratelimiter_disabled(true).build(),
            None => http.build(),
        }
    }
}

/// Why Discord cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiscordError {
    /// Nobody has that token.
    #[error("Discord does not know the token; make a new one under Bot at https://discord.com/developers/applications")]
    Token,
    /// It could not be asked.
    #[error("Discord does not answer; is `https://discord.com` reached from here, or `proxy` in `[chat.discord]`?")]
    Silent,
    /// Refused for another reason.
    #[error("{0}")]
    Refused(String),
}

/// What the adapter needs of the program.
pub struct Parts {
    /// Who understands and acts.
    pub assistance: Arc<dyn Assistance>,
    /// What is remembered across restarts.
    pub notebook: Arc<dyn Notebook>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Counts what is lost.
    pub tally: Arc<dyn Tally>,
}

/// A way to Discord's servers, before anything is said there.
#[derive(Clone)]
pub struct Line {
    http: Arc<Http>,
    settings: Arc<Settings>,
    guilds: Vec<GuildId>,
    memberships: Arc<Memberships>,
}

impl Line {
    /// A line with these settings.
    pub fn new(settings: Settings, memberships: Arc<Memberships>) -> Self {
        let guilds = settings.guilds.iter().copied().map(GuildId::from).collect();
        let http = Arc::new(settings.http());
        Self { http, settings: Arc::new(settings), guilds, memberships }
    }

    /// The address at which somebody lets the bot into a guild, with the least permissions.
    pub async fn invitation(&self) -> Result<String, DiscordError> {
        let account = timeout(INVITATION, account(&self.http)).await.map_err(|_| DiscordError::Silent)??;
        Ok(examine::invitation(account.application))
    }
}

#[async_trait]
impl Directory for Line {
    async fn look_up(&self, actor: &Actor) -> Result<(), GroupsUnknown> {
        let ours = actor.platform() == PLATFORM;
        let Some(user) = actor.id().parse::<NonZeroU64>().ok().filter(|_| ours).map(UserId::from) else {
            return Ok(());
        };
        let known = async {
            let guilds = match self.guilds.as_slice() {
                [] => {
                    let all = persist("the guilds", || self.http.get_guilds(None, None)).await?;
                    all.into_iter().map(|guild| guild.id).collect()
                }
                guilds => guilds.to_vec(),
            };
            let mut roles = Vec::new();
            for guild in guilds {
                match persist("somebody's roles", || self.http.get_member(guild, user)).await {
                    Ok(member) => roles.extend(member.roles.iter().map(ToString::to_string)),
                    // Not, or no longer, in this guild.
                    Err(refused) if refused.status == Some(404) => {}
                    Err(refused) => return Err(refused),
                }
            }
            Ok(roles)
        };
        match timeout(LOOKUP, known).await {
            Ok(Ok(roles)) => {
                self.memberships.set(actor, roles);
                return Ok(());
            }
            Ok(Err(refused)) => tracing::warn!(%actor, %refused, "roles cannot be looked up"),
            Err(_) => tracing::warn!(%actor, "roles cannot be looked up in time"),
        }
        self.memberships.forget(actor);
        Err(GroupsUnknown(actor.clone()))
    }
}

/// The adapter.
pub struct Discord {
    handler: Arc<Handler>,
    notebook: Arc<dyn Notebook>,
    shards: Mutex<Option<Arc<ShardManager>>>,
}

impl Discord {
    /// An adapter that takes replies from now on, and hears once it runs.
    pub fn new(line: Line, parts: Parts) -> Self {
        let Parts { assistance, notebook, clock, tally } = parts;
        let desk = Arc::new(Desk::new(Arc::clone(&line.http), Arc::clone(&notebook), Arc::clone(&clock), tally));
        let handler = Arc::new(Handler {
            hearing: OnceLock::new(),
            line,
            desk,
            assistance,
            clock,
            under_way: Arc::new(Semaphore::new(handler::UNDER_WAY)),
            shards: Mutex::default(),
            listening: watch::Sender::default(),
        });
        Self { handler, notebook, shards: Mutex::default() }
    }

    /// Delivers a reply, now or when Discord is there again. Never waits.
    pub fn deliver(&self, outgoing: Outgoing) {
        self.handler.desk.take(outgoing);
    }

    /// Finds out who we are, registers the commands where they have changed, and listens for as long as it is polled. Comes
    /// back only if Discord will never have us. What is wrong and can be mended without a restart is logged, with its remedy.
    pub async fn run(&self) -> DiscordError {
        let line = &self.handler.line;
        let Account { me, reads, .. } = match account(&line.http).await {
            Ok(account) => account,
            Err(error) => return error,
        };
        let listen = line.settings.listen.iter().copied().map(ChannelId::from);
        let _ = self.handler.hearing.set(Hearing::new(me, line.guilds.clone(), listen.clone()));
        let registered = self.register(None).await;
        if !reads {
            tracing::warn!(
                "mention-only mode: Discord shows us nothing but direct messages and what names us; for more, switch on \
                 Message Content Intent under Bot at https://discord.com/developers/applications"
            );
        }
        for channel in listen {
            if let Some(fault) = fault_of(&line.http, me, channel).await {
                tracing::error!("{fault}");
            }
        }
        let mut intents = GatewayIntents::GUILDS | GatewayIntents::GUILD_MESSAGES | GatewayIntents::DIRECT_MESSAGES;
        intents.set(GatewayIntents::MESSAGE_CONTENT, reads);
        tokio::select! {
            never = self.keep_registered(registered) => match never {},
            never = self.keep_connected(intents) => match never {},
        }
    }

    /// Registers the slash commands of the intents that there are now wherever others are registered, unless they are those;
    /// their digest.
    async fn register(&self, registered: Option<Digest>) -> Digest {
        let (line, clock) = (&self.handler.line, &self.handler.clock);
        let intents = self.handler.assistance.intents();
        let commands = commands::commands(&intents);
        let digest = commands::digest(&commands);
        if registered == Some(digest) {
            return digest;
        }
        let faults = faults(&intents);
        if !faults.is_empty() {
            faults.iter().for_each(|fault| tracing::error!("{fault}"));
            tracing::error!("the slash commands are not registered; everything can be said and typed");
            return digest;
        }
        let scopes: Vec<Option<GuildId>> = match line.guilds.as_slice() {
            [] => vec![None],
            guilds => guilds.iter().copied().map(Some).collect(),
        };
        for scope in scopes {
            let key = format!("discord/commands/{}", scope.map_or_else(|| "all".to_owned(), |guild| guild.to_string()));
            if self.notebook.read(&key).await.ok().flatten() == Some(digest.to_string()) {
                continue;
            }
            let registered = match scope {
                Some(guild) => {
                    persist("the slash commands", || line.http.create_guild_commands(guild, &commands)).await
                }
                None => persist("the slash commands", || line.http.create_global_commands(&commands)).await,
            };
            match registered {
                Ok(_) => {
                    if let Err(error) = self.notebook.write(&key, &digest.to_string(), clock.now()).await {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the commands will be registered again"
                        );
                    }
                }
                Err(refused) => tracing::error!(%refused, "the slash commands could not be registered"),
            }
        }
        digest
    }

    /// Intents may be edited while it runs.
    async fn keep_registered(&self, mut registered: Digest) -> Infallible {
        loop {
            tokio::time::sleep(LOOKING).await;
            registered = self.register(Some(registered)).await;
        }
    }

    async fn keep_connected(&self, intents: GatewayIntents) -> Infallible {
        let mut backoff = Backoff::default();
        loop {
            let began = Instant::now();
            let ended = self.connect(intents).await;
            let error = ended.as_ref().err().map(|error| error as &dyn std::error::Error);
            tracing::error!(error, "the connection to Discord has ended, trying again");
            if began.elapsed() > STABLE {
                backoff = Backoff::default();
            }
            backoff.wait().await;
        }
    }

    /// Waits until Discord has let us in; says as whom, and into how many guilds.
    pub async fn listening(&self) -> (String, usize) {
        let mut listening = self.handler.listening.subscribe();
        match listening.wait_for(Option::is_some).await.ok().and_then(|known| known.clone()) {
            Some(known) => known,
            // The handler lives as long as this does.
            None => std::future::pending().await,
        }
    }

    /// One client, to its end. Its shards resume and reconnect by themselves.
    async fn connect(&self, intents: GatewayIntents) -> Result<(), serenity::Error> {
        // A client has its own way to ask for the gateway's address.
        let builder = serenity::client::ClientBuilder::new_with_http(self.handler.line.settings.http(), intents);
        let mut client: Client = builder.event_handler(InOrder::new(Arc::clone(&self.handler))).await?;
        *self.shards.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&client.shard_manager));
        client.start_autosharded().await
    }

    /// Hears nothing more.
    pub async fn close(&self) {
        let shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(shards) = shards {
            // Where Discord does not answer, the end of the process says the same.
            let _ = timeout(GOODBYE, shards.shutdown_all()).await;
        }
    }

    /// Delivers what still waits, at most so long.
    pub async fn finish(&self, grace: Duration) {
        self.handler.desk.clear(grace).await;
    }
}
