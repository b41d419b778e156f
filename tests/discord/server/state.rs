//! All that the server knows, behind one lock, and whom it wakes when it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::sync::watch;

use super::Request;
use super::gateway::Gateway;

/// How long a bot may take to answer an interaction.
/// Source: docs.discord.com/developers/interactions/receiving-and-responding, "Responding to an Interaction".
pub(super) const DEADLINE: std::time::Duration = std::time::Duration::from_secs(3);

/// The first second of 2015, from which snowflakes count, in milliseconds.
/// Source: docs.discord.com/developers/reference, "Snowflakes".
const EPOCH: i64 = 1_420_070_400_000;

/// The state, and those who wait for it to change.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    wake: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), changed: Condvar::new(), wake: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state. What it changes nobody is told of.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.lock())
    }

    /// Changes the state, and wakes everybody.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        state.version += 1;
        self.wake.send_replace(state.version);
        self.changed.notify_all();
        result
    }

    /// Who is told of each change.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }

    pub(super) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Waits until something is newer than `version`; `false` where nothing was until then.
    pub(super) fn wait_beyond(&self, version: u64, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(self.lock(), left, |state| state.version <= version);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// Where people talk.
#[derive(Debug, Clone)]
pub(super) enum Channel {
    Text,
    Thread { parent: u64, owner: u64, archive_after: u64 },
    Direct { user: u64 },
}

/// A channel, and its name; a direct one has none.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) kind: Channel,
    pub(super) name: String,
}

/// Somebody of the guild.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) roles: Vec<u64>,
    pub(super) bot: bool,
}

/// A message, as the API would give it, and what the API does not tell.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    pub(super) channel: u64,
    pub(super) json: Json,
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// Who alone can see it.
    pub(super) ephemeral_for: Option<u64>,
}

/// An interaction, from the press to the last message that its token was good for.
#[derive(Debug, Clone)]
pub(super) struct Deal {
    pub(super) token: String,
    pub(super) kind: u64,
    /// What was dispatched.
    pub(super) event: Json,
    pub(super) channel: u64,
    pub(super) user: u64,
    /// The message that was pressed, or on which the modal was opened.
    pub(super) message: Option<u64>,
    pub(super) asked: Instant,
    pub(super) answer: Option<Json>,
    /// Whether an answer came too late.
    pub(super) missed: bool,
    /// What `@original` stands for.
    pub(super) original: Option<u64>,
    /// Sent with the token, after the answer.
    pub(super) followups: Vec<u64>,
    pub(super) expired: bool,
}

/// What goes wrong, because a test wants it to.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) down: bool,
    pub(super) limited: usize,
    pub(super) retry_after: f64,
    pub(super) denied: BTreeSet<u64>,
    pub(super) content_forbidden: bool,
    pub(super) members_withheld: bool,
}

/// All that the server knows.
pub(super) struct State {
    version: u64,
    last_id: u64,
    /// Where REST answers.
    pub(super) url: String,
    /// Where the gateway is.
    pub(super) socket: String,
    pub(super) token: String,
    pub(super) bot: u64,
    pub(super) guild: u64,
    pub(super) owner: u64,
    pub(super) places: BTreeMap<u64, Place>,
    pub(super) roles: BTreeMap<u64, String>,
    pub(super) people: BTreeMap<u64, Person>,
    pub(super) messages: BTreeMap<u64, Posted>,
    pub(super) deals: BTreeMap<u64, Deal>,
    /// The registered commands, of all places (`None`) and of a guild.
    pub(super) commands: BTreeMap<Option<u64>, Vec<Json>>,
    pub(super) requests: Vec<Request>,
    pub(super) violations: Vec<String>,
    /// Where our own answers are not as Discord describes its.
    pub(super) deviations: Vec<String>,
    pub(super) gateway: Gateway,
    /// With how many connections a bot is to come.
    pub(super) shards: u64,
    pub(super) faults: Faults,
}

impl State {
    /// A guild with its owner, the bot and nobody else, and no channel.
    pub(super) fn new(url: String, socket: String) -> Self {
        let mut state = Self {
            version: 0,
            last_id: 0,
            url,
            socket,
            token: String::new(),
            bot: 0,
            guild: 0,
            owner: 0,
            places: BTreeMap::new(),
            roles: BTreeMap::new(),
            people: BTreeMap::new(),
            messages: BTreeMap::new(),
            deals: BTreeMap::new(),
            commands: BTreeMap::new(),
            requests: Vec::new(),
            violations: Vec::new(),
            deviations: Vec::new(),
            gateway: Gateway::default(),
            shards: 1,
            faults: Faults::default(),
        };
        state.guild = state.new_id();
        state.roles.insert(state.guild, "@everyone".to_owned());
        let role = state.new_id();
        state.roles.insert(role, "sayso".to_owned());
        state.owner = state.new_id();
        state.people.insert(state.owner, Person { name: "owner".to_owned(), roles: Vec::new(), bot: false });
        state.bot = state.new_id();
        state.people.insert(state.bot, Person { name: "sayso".to_owned(), roles: vec![role], bot: true });
        // The first part of a token is the bot's id; the others are a time and a signature.
        state.token = format!("{}.G4keDc.ZmFrZS1zaWduYXR1cmUtb2YtYS1sb2NhbC1zZXJ2ZXI", base64(&state.bot.to_string()));
        state
    }

    /// A snowflake: the time, and a number, later than all before it.
    pub(super) fn new_id(&mut self) -> u64 {
        let since = u64::try_from(Timestamp::now().as_millisecond() - EPOCH).expect("a time after 2015");
        self.last_id = (self.last_id + 1).max(since << 22);
        self.last_id
    }

    /// The messages of a channel, in order.
    pub(super) fn messages_of(&self, channel: u64) -> impl DoubleEndedIterator<Item = (u64, &Posted)> {
        self.messages.iter().filter(move |(_, posted)| posted.channel == channel).map(|(id, posted)| (*id, posted))
    }

    /// The guild that a channel is in; none for a direct one.
    pub(super) fn guild_of(&self, channel: u64) -> Option<u64> {
        match self.places.get(&channel)?.kind {
            Channel::Text | Channel::Thread { .. } => Some(self.guild),
            Channel::Direct { .. } => None,
        }
    }

    /// The direct channel with somebody; it is made where there is none.
    pub(super) fn direct(&mut self, user: u64) -> u64 {
        let with = |place: &Place| matches!(place.kind, Channel::Direct { user: known } if known == user);
        if let Some((id, _)) = self.places.iter().find(|(_, place)| with(place)) {
            return *id;
        }
        let id = self.new_id();
        self.places.insert(id, Place { kind: Channel::Direct { user }, name: String::new() });
        id
    }
}

/// A snowflake in JSON.
pub(super) fn flake(id: u64) -> Json {
    Json::String(id.to_string())
}

/// The snowflake of a JSON value, which clients may write as a number too.
pub(super) fn unflake(value: &Json) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Now, as Discord writes times.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// Base64 without padding, in the alphabet for URLs.
pub(super) fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let encode = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let sextet = move |place: usize| char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]);
        (0..=chunk.len()).map(sextet).collect::<String>()
    };
    text.as_bytes().chunks(3).map(encode).collect()
}
