//! A local Discord: REST and gateway, with people who talk and press, and faults to order.
//!
//! A bot sees nothing else of Discord: `HttpBuilder::proxy` leads its REST here (with its own rate limiter switched off,
//! for that one goes to discord.com past the proxy), and the gateway's address comes from REST. Each request is held
//! against Discord's own description of its API and against its limits; what breaks them is answered as Discord answers
//! it, and makes the test fail in the end.
#![allow(dead_code)] // Each test program uses a part of it.
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

mod callbacks;
mod commands;
mod description;
mod faults;
mod gateway;
mod limits;
mod messages;
mod people;
mod refusal;
mod rest;
mod routes;
mod shapes;
mod socket;
mod state;
mod view;

use std::fmt::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

use gateway::intents;
use state::{Channel, Person, Place, Shared, State, flake};
#[allow(unused_imports)] // Named by those who keep them.
pub(crate) use view::{Interaction, Message, Request};

/// How long a test waits for what has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How often something is looked at that changes by itself, such as a deadline that goes by.
const GLANCE: Duration = Duration::from_millis(250);

/// The server. It ends when this is dropped, and panics then of what was wrong with the bot's requests.
pub(crate) struct Discord {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    url: String,
    token: String,
    bot: u64,
    guild: u64,
    channel: u64,
}

impl Discord {
    /// Starts it, with a guild and a text channel.
    pub(crate) fn start() -> Self {
        let listen = || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.set_nonblocking(true).expect("a socket that does not block");
            let address = listener.local_addr().expect("an address");
            (listener, address)
        };
        let ((rest, rest_address), (gateway, gateway_address)) = (listen(), listen());
        let url = format!("http://{rest_address}");
        let mut state = State::new(url.clone(), format!("ws://{gateway_address}"));
        let (token, bot, guild) = (state.token.clone(), state.bot, state.guild);
        let channel = state.new_id();
        state.places.insert(channel, Place { kind: Channel::Text, name: "general".to_owned() });
        let shared = Arc::new(Shared::new(state));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let (for_rest, for_gateway) = (Arc::clone(&shared), Arc::clone(&shared));
        runtime.spawn(async move {
            rest::serve(tokio::net::TcpListener::from_std(rest).expect("a listener"), for_rest).await;
        });
        runtime.spawn(async move {
            socket::serve(tokio::net::TcpListener::from_std(gateway).expect("a listener"), for_gateway).await;
        });
        Self { shared, runtime: Some(runtime), url, token, bot, guild, channel }
    }

    /// Where REST is: `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Where the gateway is: `ws://127.0.0.1:PORT`.
    pub(crate) fn socket(&self) -> String {
        self.shared.look(|state| state.socket.clone())
    }

    /// The only bot token that is good here.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The bot's user, and its application.
    pub(crate) fn bot(&self) -> u64 {
        self.bot
    }

    pub(crate) fn guild(&self) -> u64 {
        self.guild
    }

    /// A text channel of the guild.
    pub(crate) fn channel(&self) -> u64 {
        self.channel
    }

    /// One more text channel.
    pub(crate) fn add_channel(&self) -> u64 {
        self.shared.change(|state| {
            let id = state.new_id();
            let name = format!("channel-{}", state.places.len());
            state.places.insert(id, Place { kind: Channel::Text, name });
            let told = state.channel_json(id);
            state.dispatch("CHANNEL_CREATE", intents::GUILDS, &told);
            id
        })
    }

    /// A thread below a text channel, opened by the guild's owner.
    pub(crate) fn add_thread(&self, parent: u64) -> u64 {
        self.shared.change(|state| {
            let (id, owner) = (state.new_id(), state.owner);
            state.open_thread(id, parent, owner, 1440, "thread".to_owned());
            id
        })
    }

    /// The direct channel between the bot and somebody.
    pub(crate) fn direct(&self, user: u64) -> u64 {
        self.shared.change(|state| state.direct(user))
    }

    pub(crate) fn add_role(&self, name: &str) -> u64 {
        self.shared.change(|state| {
            let id = state.new_id();
            state.roles.insert(id, name.to_owned());
            let told = json!({"guild_id": flake(state.guild), "role": state.role_json(id)});
            state.dispatch("GUILD_ROLE_CREATE", intents::GUILDS, &told);
            id
        })
    }

    pub(crate) fn add_member(&self, name: &str, roles: &[u64]) -> u64 {
        self.shared.change(|state| {
            let id = state.new_id();
            state.people.insert(id, Person { name: name.to_owned(), roles: roles.to_vec(), bot: false });
            state.tell_member("GUILD_MEMBER_ADD", id);
            id
        })
    }

    /// Gives somebody these roles, and takes all others.
    pub(crate) fn set_roles(&self, user: u64, roles: &[u64]) {
        self.shared.change(|state| {
            state.people.get_mut(&user).expect("a member").roles = roles.to_vec();
            state.tell_member("GUILD_MEMBER_UPDATE", user);
        });
    }

    /// From now on a bot is to come with so many shards that its guild is on another than direct messages are.
    pub(crate) fn shard(&self) {
        self.shared.change(|state| {
            let guild = Some(state.guild);
            state.shards =
                (2..).find(|shards| gateway::shard_of(guild, *shards) != 0).expect("a number that divides not");
        });
    }

    /// Waits until a bot is connected with all its shards; what it missed is on its way then.
    pub(crate) fn wait_connected(&self) {
        self.wait("a bot that is connected", |discord| {
            discord.shared.look(|state| state.are_all_connected().then_some(()))
        });
    }

    /// Waits until nobody is connected: what is said from then on is for whoever comes.
    pub(crate) fn wait_gone(&self) {
        self.wait("a bot that is gone", |discord| {
            discord.shared.look(|state| (state.gateway.heard_by() == 0).then_some(()))
        });
    }

    /// The messages of a channel as they stand now, in order: people's and the bot's.
    pub(crate) fn messages(&self, channel: u64) -> Vec<Message> {
        self.shared.look(|state| state.messages_of(channel).map(|(id, posted)| Message::new(id, posted)).collect())
    }

    /// All that the bot asked for, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.look(|state| state.requests.clone())
    }

    /// The commands that are registered: for all places, or for a guild.
    pub(crate) fn commands(&self, guild: Option<u64>) -> Vec<Json> {
        self.shared.look(|state| state.commands.get(&guild).cloned().unwrap_or_default())
    }

    /// Whether requests are held against Discord's own description too, which not every machine has.
    pub(crate) fn is_described(&self) -> bool {
        description::DESCRIPTION.is_some()
    }

    /// Takes what was wrong with the bot's requests until now; else the end of the server panics of it.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.shared.change(|state| std::mem::take(&mut state.violations))
    }

    /// Takes where this server's own answers were not as Discord describes its: a fault of the server, not of the bot.
    pub(crate) fn deviations(&self) -> Vec<String> {
        self.shared.change(|state| std::mem::take(&mut state.deviations))
    }

    /// Looks at each change, until there is something to see. Panics after [`PATIENCE`], with all that there is.
    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            let version = self.shared.version();
            if let Some(seen) = look(self) {
                return seen;
            }
            assert!(Instant::now() < until, "waited in vain for {what}\n{}", self.transcript());
            self.shared.wait_beyond(version, until.min(Instant::now() + GLANCE));
        }
    }

    /// All that was said, asked and told.
    fn transcript(&self) -> String {
        self.shared.look(|state| {
            let mut text = String::new();
            for (id, place) in &state.places {
                let _ = writeln!(text, "channel {id} {} ({:?})", place.name, place.kind);
                for (id, posted) in state.messages_of(*id) {
                    let _ = write!(text, "{}", Message::new(id, posted));
                }
            }
            for request in &state.requests {
                let _ = writeln!(text, "{} {} -> {}", request.method, request.path, request.status);
            }
            for line in state.gateway.log.iter().chain(&state.violations) {
                let _ = writeln!(text, "{line}");
            }
            text
        })
    }
}

impl State {
    fn are_all_connected(&self) -> bool {
        self.gateway.heard_by() as u64 >= self.shards
    }

    fn tell_member(&mut self, event: &str, user: u64) {
        let mut told = self.member_json(user);
        told["guild_id"] = flake(self.guild);
        self.dispatch(event, intents::GUILD_MEMBERS, &told);
    }
}

impl Drop for Discord {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let violations = self.violations();
        if !std::thread::panicking() {
            assert!(violations.is_empty(), "the bot broke Discord's rules:\n{}", violations.join("\n"));
        }
    }
}
