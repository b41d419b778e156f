//! The configuration, and its defaults.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::audit::Audit;
use super::names::Mention;
use super::server::Server;
use super::state::{NoStateFolder, state_folder};
use super::store::Store;
use crate::domain::{ActorPattern, ConversationId, Entities, IntentName, MAX_MESSAGE_BYTES, People};
use crate::embedding::Precision;

/// All of `sayso.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[chat]`
    pub chat: Chat,
    /// `[entities.<type>]`, and every name of `[people]` as a `person`.
    pub entities: Entities,
    /// `[people.<name>]`: the accounts of each person.
    pub people: People,
    /// `[roles]`, with people's names replaced by their accounts.
    pub roles: BTreeMap<String, Vec<ActorPattern>>,
    /// The roles of the moment, `[roles.<name>] oncall`: each with the schedule by which somebody has it. In
    /// [`Config::roles`] nobody has them.
    pub on_call: BTreeMap<String, String>,
    /// `[halt]`: the roles that may stop everything, and let it go on.
    pub halters: Vec<String>,
    /// `[bindings]`: the integration that carries out an intent when several could.
    pub bindings: BTreeMap<IntentName, String>,
    /// `[integrations]`
    pub integrations: Integrations,
    /// `[store]`
    pub store: Store,
    /// `[audit]`
    pub audit: Audit,
    /// `[model]`
    pub model: Model,
    /// `[time]`
    pub time: Time,
    /// `[proposal]`
    pub proposal: Proposal,
    /// `[limits]`
    pub limits: Limits,
    /// `[learning]`
    pub learning: Learning,
    /// `[log]`
    pub log: Log,
    /// `[server]`; none: no port is opened.
    pub server: Option<Server>,
    /// Names that only mean something beside the data files; see [`Config::check_names`].
    pub(super) mentions: Vec<Mention>,
}

/// How it appears in chats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// The name it answers to, one word.
    pub name: String,
    /// Conversations that hear of a halt and of broken glass, wherever it happened.
    pub announce: Vec<ConversationId>,
    /// `[chat.discord]`; none: it is not on Discord.
    pub discord: Option<Discord>,
}

/// How it is on Discord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discord {
    /// The variable that holds the bot's token.
    pub token: String,
    /// The guilds in which it is heard and its commands are registered; none: everywhere.
    pub guilds: Vec<NonZeroU64>,
    /// Channels in which everything that is said is meant for it.
    pub listen: Vec<NonZeroU64>,
    /// Where requests go in place of Discord's own address.
    pub proxy: Option<String>,
}

/// The systems it acts upon.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Integrations {
    /// The ones to use; none: those that are found to be there.
    pub enabled: Option<Vec<String>>,
    /// `[integrations.<name>]`: what to put in the place of a manifest's connection and settings.
    pub settings: BTreeMap<String, toml::Table>,
}

/// What understands messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Model {
    /// The folder of another encoder in the same layout; none: the one that comes with the program.
    pub path: Option<PathBuf>,
    /// How exactly it computes.
    pub precision: Precision,
}

/// How times are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// The zone of times that name none.
    pub zone: TimeZone,
}

/// How long people have to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// From the last change of a proposal.
    pub expires_after: Duration,
}

/// What is too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest message that is looked at, in bytes.
    pub message_bytes: usize,
    /// How many messages one person may send within a minute.
    pub messages_per_minute: u32,
    /// How much of a system's answer is kept, in bytes.
    pub output_bytes: usize,
    /// The longest an action may take, whatever its manifest says.
    pub timeout: Duration,
}

/// What is kept to learn from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learning {
    /// Whether messages that were not understood or were corrected are kept.
    pub keep_messages: bool,
    /// How long.
    pub keep_for: Duration,
}

/// What is told to whoever runs the program, on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
    pub level: tracing::level_filters::LevelFilter,
    /// How it is written.
    pub format: LogFormat,
    /// Where traces are exported to, as OTLP over HTTP; none: nowhere.
    pub traces: Option<String>,
    /// The variable that holds the token for that address; none: it wants none.
    pub traces_token: Option<String>,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        // The pattern is a constant, and a test reads it.
        let console = "console:*".parse().into_iter().collect();
        let systems = crate::integrations::Limits::default();
        Self {
            chat: Chat { name: "sayso".to_owned(), announce: Vec::new(), discord: None },
            entities: Entities::default(),
            people: People::default(),
            roles: BTreeMap::from([("operator".to_owned(), console)]),
            on_call: BTreeMap::new(),
            halters: vec!["operator".to_owned()],
            bindings: BTreeMap::new(),
            integrations: Integrations::default(),
            store: Store::default(),
            audit: Audit::default(),
            model: Model::default(),
            time: Time { zone: TimeZone::UTC },
            proposal: Proposal { expires_after: Duration::from_secs(15 * 60) },
            limits: Limits {
                message_bytes: MAX_MESSAGE_BYTES,
                messages_per_minute: 30,
                output_bytes: systems.output_bytes,
                timeout: systems.timeout,
            },
            learning: Learning { keep_messages: false, keep_for: Duration::from_hours(90 * 24) },
            log: Log {
                level: tracing::level_filters::LevelFilter::WARN,
                format: LogFormat::Text,
                traces: None,
                traces_token: None,
            },
            server: None,
            mentions: Vec::new(),
        }
    }
}

impl Config {
    /// The database's file, where it is one. Its folder may not exist yet.
    pub fn store_path(&self) -> Result<Option<PathBuf>, NoStateFolder> {
        match &self.store {
            Store::File(Some(path)) => Ok(Some(path.clone())),
            Store::File(None) => Ok(Some(state_folder()?.join("sayso.db"))),
            Store::Postgres(_) => Ok(None),
        }
    }
}
