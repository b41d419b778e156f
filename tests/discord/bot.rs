//! A plain bot on serenity: it keeps what it is told, and does what the test says.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use serenity::all::{
    ClientBuilder, CommandInteraction, ComponentInteraction, Context, Event, GatewayIntents, Http, HttpBuilder,
    Interaction, Message, ModalInteraction, RawEventHandler,
};
use tokio::runtime::Runtime;

use crate::server::{Discord, PATIENCE};

/// What the bot was told and nobody has looked at yet.
#[derive(Default)]
struct Told {
    events: Mutex<Vec<Event>>,
    changed: Condvar,
}

struct Ear(Arc<Told>);

#[serenity::async_trait]
impl RawEventHandler for Ear {
    async fn raw_event(&self, _: Context, event: Event) {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.0.changed.notify_all();
    }
}

/// A bot, connected or about to be.
pub(crate) struct Bot {
    runtime: Runtime,
    pub(crate) http: Arc<Http>,
    told: Arc<Told>,
}

/// REST of a bot. Its own rate limiter would go past the proxy, to discord.com.
pub(crate) fn http(discord: &Discord, token: &str) -> Http {
    let http = HttpBuilder::new(token).proxy(discord.url()).ratelimiter_disabled(true).build();
    http.set_application_id(discord.bot().into());
    http
}

pub(crate) fn usual() -> GatewayIntents {
    GatewayIntents::GUILDS
        | GatewayIntents::GUILD_MESSAGES
        | GatewayIntents::DIRECT_MESSAGES
        | GatewayIntents::MESSAGE_CONTENT
}

impl Bot {
    /// A bot that is connected, with the usual intents.
    pub(crate) fn start(discord: &Discord) -> Self {
        let bot = Self::new(discord);
        bot.connect(usual());
        discord.wait_connected();
        bot
    }

    /// A bot without a gateway.
    pub(crate) fn new(discord: &Discord) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { runtime, http: Arc::new(http(discord, discord.token())), told: Arc::default() }
    }

    /// Connects in the background.
    pub(crate) fn connect(&self, intents: GatewayIntents) {
        let http = http_like(&self.http);
        let ear = Ear(Arc::clone(&self.told));
        self.runtime.spawn(async move {
            let mut client = ClientBuilder::new_with_http(http, intents).raw_event_handler(ear).await.unwrap();
            client.start().await
        });
    }

    /// How an attempt to connect ends.
    pub(crate) fn connect_in_vain(&self, intents: GatewayIntents) -> serenity::Error {
        let http = http_like(&self.http);
        self.run(async move {
            let mut client = ClientBuilder::new_with_http(http, intents).await.unwrap();
            client.start().await.unwrap_err()
        })
    }

    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.expect("an answer in time") })
    }

    /// Takes the first event that `look` sees something in, now or later.
    pub(crate) fn next<T>(&self, what: &str, mut look: impl FnMut(&Event) -> Option<T>) -> T {
        let mut found = None;
        let mut search = |events: &mut Vec<Event>| {
            let at = events.iter().position(|event| {
                found = look(event);
                found.is_some()
            });
            at.map(|at| events.remove(at)).is_none()
        };
        let events = self.told.events.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.changed.wait_timeout_while(events, PATIENCE, |events| search(events));
        let events = waited.unwrap_or_else(PoisonError::into_inner).0;
        found.unwrap_or_else(|| panic!("waited in vain for {what}; there is {events:?}"))
    }

    /// The message with that id. Serenity hands events on in any order.
    pub(crate) fn heard(&self, id: u64) -> Message {
        self.next("a message", |event| match event {
            Event::MessageCreate(event) if event.message.id.get() == id => Some(event.message.clone()),
            _ => None,
        })
    }

    /// The ids of all messages that it was told and nobody has looked at.
    pub(crate) fn unheard(&self) -> Vec<u64> {
        let events = self.told.events.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = events.iter().filter_map(|event| match event {
            Event::MessageCreate(event) => Some(event.message.id.get()),
            _ => None,
        });
        messages.collect()
    }

    fn next_interaction(&self) -> Interaction {
        self.next("an interaction", |event| match event {
            Event::InteractionCreate(event) => Some(event.interaction.clone()),
            _ => None,
        })
    }

    pub(crate) fn next_press(&self) -> ComponentInteraction {
        self.next_interaction().message_component().unwrap()
    }

    pub(crate) fn next_command(&self) -> CommandInteraction {
        self.next_interaction().command().unwrap()
    }

    pub(crate) fn next_completion(&self) -> CommandInteraction {
        self.next_interaction().autocomplete().unwrap()
    }

    pub(crate) fn next_modal(&self) -> ModalInteraction {
        self.next_interaction().modal_submit().unwrap()
    }
}

fn http_like(http: &Http) -> Http {
    let proxy = http.proxy.clone().unwrap();
    HttpBuilder::new(http.token()).proxy(proxy).ratelimiter_disabled(true).build()
}

impl Drop for Bot {
    fn drop(&mut self) {
        let events = self.told.events.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = events.iter().find(|event| matches!(event, Event::Unknown(_)));
        if !std::thread::panicking() {
            assert!(unknown.is_none(), "the bot does not understand {unknown:?}");
        }
    }
}
