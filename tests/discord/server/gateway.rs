//! The gateway: sessions that number and keep their events, and connections that come and go.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Value as Json, json};
use tokio_tungstenite::tungstenite::Message;

use super::state::{State, unflake};

/// What a bot asks to be told of. Source: docs.discord.com/developers/events/gateway, "List of Intents".
pub(super) mod intents {
    pub(crate) const GUILDS: u64 = 1;
    pub(crate) const GUILD_MEMBERS: u64 = 1 << 1;
    pub(crate) const GUILD_MESSAGES: u64 = 1 << 9;
    pub(crate) const DIRECT_MESSAGES: u64 = 1 << 12;
    pub(crate) const MESSAGE_CONTENT: u64 = 1 << 15;
    /// All that there are: 17 to 19, 22 and 23 have no meaning.
    pub(super) const ALL: u64 = 0x1_FFFF | (0b11 << 20) | (0b11 << 24);
}

/// How often a client has to give a sign of life, in milliseconds; that of Discord.
const HEARTBEAT: u64 = 41_250;

/// What a connection has to do next.
#[derive(Debug)]
pub(super) enum Due {
    Send(Message),
    /// A close frame with code and reason.
    Close(u16, &'static str),
    /// The end of the connection, without a word.
    Cut,
}

/// A session: it outlives its connections.
struct Session {
    intents: u64,
    /// Its number, and of how many.
    shard: (u64, u64),
    /// Whether its client takes compressed payloads; it says so once.
    compress: bool,
    /// The event of sequence 1 and all that followed.
    events: Vec<Json>,
    /// The connection that it is heard on.
    connection: Option<u64>,
}

#[derive(Default)]
struct Connection {
    due: VecDeque<Due>,
    session: Option<String>,
    /// The sequence of the last event that went out on it.
    sent: usize,
}

/// The sessions and connections that there are.
#[derive(Default)]
pub(super) struct Gateway {
    opened: u64,
    connections: BTreeMap<u64, Connection>,
    sessions: BTreeMap<String, Session>,
    /// As the last bot identified.
    pub(super) intents: Option<u64>,
    /// What happened, for the message of a test that waits in vain.
    pub(super) log: Vec<String>,
}

impl Gateway {
    /// A connection begins.
    pub(super) fn open(&mut self) -> u64 {
        self.opened += 1;
        let hello = json!({"op": 10, "d": {"heartbeat_interval": HEARTBEAT, "_trace": []}, "s": null, "t": null});
        let due = VecDeque::from([Due::Send(Message::Text(hello.to_string()))]);
        self.connections.insert(self.opened, Connection { due, ..Connection::default() });
        self.log.push(format!("connection {} opened", self.opened));
        self.opened
    }

    /// A connection has ended. A client that says farewell (1000, 1001) gives its session up.
    pub(super) fn closed(&mut self, connection: u64, code: Option<u16>) {
        self.log.push(format!("connection {connection} ended, close code {code:?}"));
        self.connections.remove(&connection);
        if matches!(code, Some(1000 | 1001)) {
            self.sessions.retain(|_, session| session.connection != Some(connection));
        }
        for session in self.sessions.values_mut().filter(|session| session.connection == Some(connection)) {
            session.connection = None;
        }
    }

    /// How many shards hear us.
    pub(super) fn heard_by(&self) -> usize {
        self.sessions.values().filter(|session| session.connection.is_some()).count()
    }

    /// All that has to go out on a connection now.
    pub(super) fn due(&mut self, id: u64) -> Vec<Due> {
        let Some(connection) = self.connections.get_mut(&id) else { return vec![Due::Cut] };
        let mut due: Vec<Due> = connection.due.drain(..).collect();
        let Some(session) = connection.session.as_ref().and_then(|name| self.sessions.get(name)) else { return due };
        if session.connection == Some(id) {
            for (index, event) in session.events.iter().enumerate().skip(connection.sent) {
                // Every other one is compressed: a client that asks for it has to take both.
                let message = match session.compress && index % 2 == 0 {
                    true => Message::Binary(compressed(event)),
                    false => Message::Text(event.to_string()),
                };
                due.push(Due::Send(message));
            }
            connection.sent = session.events.len();
        }
        due
    }

    /// Has every connection do something; `ends` the sessions too, so that they cannot be taken up again. From now on
    /// nobody hears us, until a bot comes back.
    pub(super) fn order(&mut self, order: impl Fn() -> Due, ends: bool) {
        for connection in self.connections.values_mut() {
            connection.due.push_back(order());
        }
        for session in self.sessions.values_mut() {
            session.connection = None;
        }
        if ends {
            self.sessions.clear();
        }
    }

    /// Tells the sessions of its shard of an event; `view` is what one with those intents is told.
    pub(super) fn dispatch(&mut self, name: &str, view: impl Fn(u64) -> Option<Json>) {
        for session in self.sessions.values_mut() {
            if let Some(data) = view(session.intents).filter(|data| session.is_of(unflake(&data["guild_id"]))) {
                session.push(name, data);
            }
        }
    }

    fn reply(&mut self, connection: u64, due: Due) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.due.push_back(due);
        }
    }
}

/// The shard that a guild's events go to; those of no guild go to the first.
/// Source: docs.discord.com/developers/events/gateway, "Sharding".
pub(super) fn shard_of(guild: Option<u64>, shards: u64) -> u64 {
    guild.map_or(0, |guild| (guild >> 22) % shards)
}

impl Session {
    fn is_of(&self, guild: Option<u64>) -> bool {
        shard_of(guild, self.shard.1) == self.shard.0
    }

    fn push(&mut self, name: &str, data: Json) {
        self.events.push(json!({"op": 0, "t": name, "s": self.events.len() + 1, "d": data}));
    }
}

impl State {
    /// What a client said on a connection.
    pub(super) fn heard(&mut self, connection: u64, text: &str) {
        let said: Json = serde_json::from_str(text).unwrap_or_default();
        let known = self.gateway.connections.get(&connection).is_some_and(|found| found.session.is_some());
        let answer = match said["op"].as_u64() {
            Some(1) => Some(Due::Send(Message::Text(json!({"op": 11, "d": null, "s": null, "t": null}).to_string()))),
            Some(2 | 6) if known => Some(Due::Close(4005, "Already authenticated.")),
            Some(2) => self.identify(connection, &said["d"]),
            Some(6) => self.resume(connection, &said["d"]),
            Some(3 | 4 | 8) if known => None,
            Some(3 | 4 | 8) => Some(Due::Close(4003, "Not authenticated.")),
            Some(_) => Some(Due::Close(4001, "Unknown opcode.")),
            None => Some(Due::Close(4002, "Error while decoding payload.")),
        };
        if let Some(due) = answer {
            self.gateway.reply(connection, due);
        }
    }

    fn is_bot(&self, given: &Json) -> bool {
        given.as_str().is_some_and(|token| token.trim_start_matches("Bot ") == self.token)
    }

    /// A new session, or why there is none.
    fn identify(&mut self, id: u64, asked: &Json) -> Option<Due> {
        let intents = asked["intents"].as_u64();
        self.gateway
            .log
            .push(format!("connection {id} identifies with intents {intents:?} as shard {}", asked["shard"]));
        self.gateway.intents = intents.or(self.gateway.intents);
        if !self.is_bot(&asked["token"]) {
            return Some(Due::Close(4004, "Authentication failed."));
        }
        let Some(intents) = intents.filter(|_| asked["properties"].is_object()) else {
            return Some(Due::Close(4002, "Error while decoding payload."));
        };
        let shard = (asked["shard"][0].as_u64().unwrap_or(0), asked["shard"][1].as_u64().unwrap_or(1));
        if shard.0 >= shard.1 {
            return Some(Due::Close(4010, "Invalid shard."));
        }
        if intents & !intents::ALL != 0 {
            return Some(Due::Close(4013, "Invalid intent(s)."));
        }
        if self.faults.content_forbidden && intents & intents::MESSAGE_CONTENT != 0 {
            return Some(Due::Close(4014, "Disallowed intent(s)."));
        }
        let name = format!("{:032x}", u128::from(self.new_id()) << 64 | u128::from(id));
        let compress = asked["compress"] == true;
        let mut session = Session { intents, shard, compress, events: Vec::new(), connection: Some(id) };
        let guild = session.is_of(Some(self.guild)).then(|| json!({"id": self.guild.to_string(), "unavailable": true}));
        let unavailable: Vec<_> = guild.into_iter().collect();
        session.push(
            "READY",
            json!({"v": 10, "user": self.user_json(self.bot), "guilds": unavailable, "session_id": name,
                "session_type": "normal", "resume_gateway_url": self.socket, "shard": [shard.0, shard.1],
                "application": self.application_json(true), "private_channels": [], "relationships": [],
                "user_settings": {}, "_trace": []}),
        );
        if intents & intents::GUILDS != 0 && session.is_of(Some(self.guild)) {
            session.push("GUILD_CREATE", self.guild_event_json());
        }
        // Nobody comes back to a session after a new one has begun.
        self.gateway.sessions.retain(|_, session| session.connection.is_some() || session.shard != shard);
        self.gateway.sessions.insert(name.clone(), session);
        self.gateway.connections.get_mut(&id)?.session = Some(name);
        None
    }

    /// Takes a session up again where it was left; what it missed goes out after this.
    fn resume(&mut self, id: u64, asked: &Json) -> Option<Due> {
        if !self.is_bot(&asked["token"]) {
            return Some(Due::Close(4004, "Authentication failed."));
        }
        let name = asked["session_id"].as_str().unwrap_or_default();
        let seen = asked["seq"].as_u64().and_then(|seen| usize::try_from(seen).ok());
        let session = self.gateway.sessions.get_mut(name);
        let Some((session, seen)) = session.zip(seen).filter(|(session, seen)| *seen <= session.events.len()) else {
            self.gateway.log.push(format!("connection {id} cannot resume"));
            return Some(Due::Send(Message::Text(json!({"op": 9, "d": false, "s": null, "t": null}).to_string())));
        };
        self.gateway.log.push(format!("connection {id} resumes after {seen} of {}", session.events.len()));
        session.push("RESUMED", json!({"_trace": []}));
        session.connection = Some(id);
        let connection = self.gateway.connections.get_mut(&id)?;
        connection.sent = seen;
        connection.session = Some(name.to_owned());
        None
    }
}

fn compressed(event: &Json) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(event.to_string().as_bytes()).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}
