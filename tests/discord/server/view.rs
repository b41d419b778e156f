//! What a test sees of the server: messages, interactions and requests.

use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use super::Discord;
use super::messages::LOADING;
use super::state::{DEADLINE, Posted, Shared, unflake};

/// A request of the bot.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the version: `/api/v10/channels/1/messages`.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// Of a form, its `payload_json`; null where there was none.
    pub(crate) body: Json,
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// What it was answered with.
    pub(crate) status: u16,
}

/// A message as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) channel: u64,
    pub(crate) author: u64,
    pub(crate) content: String,
    pub(crate) embeds: Vec<Json>,
    pub(crate) components: Vec<Json>,
    /// The names and bytes of the bot's files.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) flags: u64,
    /// Who alone can see it.
    pub(crate) ephemeral_for: Option<u64>,
    /// The message that it replies to.
    pub(crate) reference: Option<u64>,
    pub(crate) edited: bool,
    /// The users and roles whom it pings.
    pub(crate) mentions: Vec<u64>,
    pub(crate) mentions_everyone: bool,
    /// All of it, as the API has it.
    pub(crate) json: Json,
}

impl Message {
    pub(super) fn new(id: u64, posted: &Posted) -> Self {
        let json = posted.json.clone();
        let list = |name: &str| json[name].as_array().cloned().unwrap_or_default();
        let users = list("mentions").into_iter().filter_map(|user| unflake(&user["id"]));
        Self {
            id,
            channel: posted.channel,
            author: unflake(&json["author"]["id"]).unwrap_or_default(),
            content: json["content"].as_str().unwrap_or_default().to_owned(),
            embeds: list("embeds"),
            components: list("components"),
            files: posted.files.clone(),
            flags: json["flags"].as_u64().unwrap_or_default(),
            ephemeral_for: posted.ephemeral_for,
            reference: unflake(&json["message_reference"]["message_id"]),
            edited: !json["edited_timestamp"].is_null(),
            mentions: users.chain(list("mention_roles").iter().filter_map(unflake)).collect(),
            mentions_everyone: json["mention_everyone"] == true,
            json,
        }
    }

    /// Whether the bot has only said so far that it will answer.
    pub(crate) fn is_loading(&self) -> bool {
        self.flags & LOADING != 0
    }

    /// What stands in its rows.
    fn parts(&self) -> impl Iterator<Item = &Json> {
        self.components.iter().filter_map(|row| row["components"].as_array()).flatten()
    }

    /// Label, custom id and whether it is disabled, of each button that can be pressed; links are left out.
    pub(crate) fn buttons(&self) -> Vec<(String, String, bool)> {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let buttons = self.parts().filter(|part| part["type"] == 2 && part["custom_id"].is_string());
        buttons.map(|part| (text(&part["label"]), text(&part["custom_id"]), part["disabled"] == true)).collect()
    }

    /// The custom id of each menu, with labels and values of what it offers.
    pub(crate) fn menus(&self) -> Vec<(String, Vec<(String, String)>)> {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let menus = self.parts().filter(|part| part["type"] == 3);
        let offered = |menu: &Json| {
            let options = menu["options"].as_array().into_iter().flatten();
            options.map(|option| (text(&option["label"]), text(&option["value"]))).collect()
        };
        menus.map(|menu| (text(&menu["custom_id"]), offered(menu))).collect()
    }

    /// The part with a custom id.
    pub(super) fn part(&self, custom_id: &str) -> Option<&Json> {
        self.parts().find(|part| part["custom_id"] == custom_id)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "    {} by {}", self.id, self.json["author"]["username"].as_str().unwrap_or("a webhook"))?;
        if let Some(user) = self.ephemeral_for {
            write!(f, ", only for {user}")?;
        }
        if let Some(reference) = self.reference {
            write!(f, ", in reply to {reference}")?;
        }
        writeln!(f, ": {:?}", self.content)?;
        for embed in &self.embeds {
            writeln!(f, "        embed {embed}")?;
        }
        for (label, custom_id, disabled) in self.buttons() {
            writeln!(f, "        [{label}] {custom_id}{}", if disabled { ", disabled" } else { "" })?;
        }
        for (custom_id, offered) in self.menus() {
            writeln!(f, "        menu {custom_id}: {offered:?}")?;
        }
        for (name, bytes) in &self.files {
            writeln!(f, "        file {name}, {} bytes", bytes.len())?;
        }
        Ok(())
    }
}

/// An interaction that somebody began.
#[derive(Clone)]
pub(crate) struct Interaction {
    pub(crate) id: u64,
    pub(crate) token: String,
    shared: Arc<Shared>,
}

impl Interaction {
    pub(super) fn new(id: u64, token: String, shared: Arc<Shared>) -> Self {
        Self { id, token, shared }
    }

    /// The bot's first answer, with `type` and `data`; `None` as long as there is none.
    pub(crate) fn answer(&self, discord: &Discord) -> Option<Json> {
        discord.shared.look(|state| state.deals[&self.id].answer.clone())
    }

    /// Whether the deadline of three seconds went by without an answer.
    pub(crate) fn late(&self) -> bool {
        self.shared.look(|state| {
            let deal = &state.deals[&self.id];
            deal.missed || (deal.answer.is_none() && deal.asked.elapsed() > DEADLINE)
        })
    }

    /// What was sent with its token after the first answer, as it stands now: a deferred answer once it is there, and the
    /// messages that followed.
    pub(crate) fn followups(&self) -> Vec<Message> {
        self.shared.look(|state| {
            let deal = &state.deals[&self.id];
            let deferred = deal.answer.as_ref().is_some_and(|answer| answer["type"] == 5);
            let ids = deal.original.filter(|_| deferred).into_iter().chain(deal.followups.iter().copied());
            let messages = ids.filter_map(|id| Some(Message::new(id, state.messages.get(&id)?)));
            messages.filter(|message| !message.is_loading()).collect()
        })
    }
}

impl fmt::Debug for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interaction").field("id", &self.id).finish_non_exhaustive()
    }
}
