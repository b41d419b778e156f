//! What of a guild's talk is meant for the bot.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use serenity::model::channel::{Message, MessageType};
use serenity::model::id::{ChannelId, GuildId, UserId};

/// Of how many threads it is remembered that they belong to a channel in which everything is heard.
const THREADS: usize = 10_000;

/// Who listens, and where.
pub(super) struct Hearing {
    me: UserId,
    /// The only guilds in which anything is heard; none: all.
    guilds: Vec<GuildId>,
    /// Channels in which everything is meant.
    channels: HashSet<ChannelId>,
    /// Threads of these channels.
    threads: RwLock<HashSet<ChannelId>>,
}

impl Hearing {
    pub(super) fn new(me: UserId, guilds: Vec<GuildId>, channels: impl IntoIterator<Item = ChannelId>) -> Self {
        Self { me, guilds, channels: channels.into_iter().collect(), threads: RwLock::default() }
    }

    /// A thread was opened, or is there already.
    pub(super) fn thread(&self, thread: ChannelId, parent: Option<ChannelId>) {
        if parent.is_some_and(|parent| self.channels.contains(&parent)) {
            let mut threads = self.threads.write().unwrap_or_else(PoisonError::into_inner);
            if threads.len() < THREADS {
                threads.insert(thread);
            }
        }
    }

    /// Whether anything counts there.
    pub(super) fn is_home(&self, guild: Option<GuildId>) -> bool {
        guild.is_none_or(|guild| self.guilds.is_empty() || self.guilds.contains(&guild))
    }

    fn listens(&self, channel: ChannelId) -> bool {
        self.channels.contains(&channel)
            || self.threads.read().unwrap_or_else(PoisonError::into_inner).contains(&channel)
    }

    /// What is said to the bot by a message, if it is said to it: in a direct message, in a channel where everything is, by
    /// naming it, or in reply to it. Only people say something, and only fresh messages.
    pub(super) fn heard(&self, message: &Message) -> Option<String> {
        let fresh = matches!(message.kind, MessageType::Regular | MessageType::InlineReply);
        if !fresh || message.author.bot || message.author.system || message.webhook_id.is_some() {
            return None;
        }
        if message.author.id == self.me || !self.is_home(message.guild_id) {
            return None;
        }
        let named = [format!("<@{}>", self.me), format!("<@!{}>", self.me)];
        let is_named = named.iter().any(|name| message.content.contains(name.as_str()));
        let replied = message.referenced_message.as_ref().is_some_and(|other| other.author.id == self.me);
        if !(is_named || replied || message.guild_id.is_none() || self.listens(message.channel_id)) {
            return None;
        }
        // Somebody else's name first, or a reply to somebody else: it is said to them.
        let to_another = message.referenced_message.is_some() || message.content.trim_start().starts_with("<@");
        if !is_named && !replied && to_another {
            return None;
        }
        let mut text = message.content.clone();
        for name in &named {
            text = text.replace(name.as_str(), " ");
        }
        let text = text.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }
}
