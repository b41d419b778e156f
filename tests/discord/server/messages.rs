//! Messages: how the bot posts, edits, reads and deletes them.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::refusal::Refusal;
use super::rest::{Answer, Call};
use super::state::{Posted, State, flake, now, unflake};

/// Flags of a message. Source: docs.discord.com/developers/resources/message, "Message Flags".
pub(super) const EPHEMERAL: u64 = 1 << 6;
pub(super) const LOADING: u64 = 1 << 7;
const SUPPRESS_EMBEDS: u64 = 1 << 2;

/// What becomes of a message of the bot, besides its body.
pub(super) struct Circumstances {
    pub(super) channel: u64,
    /// Of the message's type: 0 for a plain one, 20 for the answer to a command.
    pub(super) kind: u64,
    pub(super) ephemeral_for: Option<u64>,
    /// Whether it came by an interaction's token.
    pub(super) by_token: bool,
    pub(super) loading: bool,
}

impl Circumstances {
    fn plain(channel: u64) -> Self {
        Self { channel, kind: 0, ephemeral_for: None, by_token: false, loading: false }
    }
}

impl State {
    /// The skeleton of a message.
    pub(super) fn blank_message(&mut self, channel: u64, author: u64) -> (u64, Json) {
        let id = self.new_id();
        let json = json!({
            "id": flake(id), "channel_id": flake(channel), "author": self.user_json(author), "content": "", "type": 0,
            "timestamp": now(), "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [],
            "mention_roles": [], "attachments": [], "embeds": [], "components": [], "pinned": false, "flags": 0,
        });
        (id, json)
    }

    /// Keeps a message, and tells of it.
    pub(super) fn keep(&mut self, id: u64, mut posted: Posted) {
        if let Some(guild) = self.guild_of(posted.channel) {
            posted.json["guild_id"] = flake(guild);
        }
        self.messages.insert(id, posted);
        self.dispatch_message("MESSAGE_CREATE", id);
    }

    /// Who is mentioned in a text, by an `allowed_mentions`; null allows all.
    pub(super) fn mention(&self, json: &mut Json, allowed: &Json) {
        let content = json["content"].as_str().unwrap_or_default().to_owned();
        let permits = |kind: &str, id: u64| {
            let listed =
                |list: &Json| list.as_array().is_some_and(|ids| ids.iter().any(|one| unflake(one) == Some(id)));
            allowed.is_null() || parses(allowed, kind) || listed(&allowed[kind])
        };
        let named = |forms: &[&str], id: u64| forms.iter().any(|form| content.contains(&format!("<{form}{id}>")));
        let users = self.people.keys().filter(|user| named(&["@", "@!"], **user) && permits("users", **user));
        let mut users: Vec<u64> = users.copied().collect();
        let replied = unflake(&json["referenced_message"]["author"]["id"]);
        let pings_author = allowed.is_null() || allowed["replied_user"] == true;
        users.extend(replied.filter(|user| pings_author && !users.contains(user)));
        json["mentions"] =
            users.iter().filter(|user| self.people.contains_key(user)).map(|user| self.user_json(*user)).collect();
        let roles = self.roles.keys().filter(|role| named(&["@&"], **role) && permits("roles", **role));
        json["mention_roles"] = roles.map(|role| flake(*role)).collect();
        let everyone = content.contains("@everyone") || content.contains("@here");
        json["mention_everyone"] = json!(everyone && (allowed.is_null() || parses(allowed, "everyone")));
    }

    /// Posts a message of the bot.
    pub(super) fn post(
        &mut self,
        at: &Circumstances,
        body: &Json,
        files: &[(String, Vec<u8>)],
    ) -> Result<u64, Refusal> {
        if let Some(known) = self.same_nonce(at.channel, body) {
            return Ok(known);
        }
        let (id, mut json) = self.blank_message(at.channel, self.bot);
        let mut flags = body["flags"].as_u64().unwrap_or(0) & !EPHEMERAL;
        flags |= if at.ephemeral_for.is_some() { EPHEMERAL } else { 0 };
        flags |= if at.loading { LOADING } else { 0 };
        json["type"] = json!(at.kind);
        json["flags"] = json!(flags);
        if at.by_token {
            (json["webhook_id"], json["application_id"]) = (flake(self.bot), flake(self.bot));
        }
        if !body["nonce"].is_null() {
            json["nonce"] = body["nonce"].clone();
        }
        self.refer(at.channel, &body["message_reference"], &mut json)?;
        let mut posted = Posted { channel: at.channel, json, files: Vec::new(), ephemeral_for: at.ephemeral_for };
        self.fill(&mut posted, body, files);
        if !at.loading && is_empty(&posted.json) {
            return Err(empty());
        }
        self.keep(id, posted);
        Ok(id)
    }

    /// A message that was sent with the same nonce before, where that is to be heeded.
    fn same_nonce(&self, channel: u64, body: &Json) -> Option<u64> {
        let nonce = &body["nonce"];
        let mut own = self.messages_of(channel).filter(|(_, posted)| posted.json["author"]["id"] == flake(self.bot));
        let enforced = body["enforce_nonce"] == true && !nonce.is_null();
        enforced.then(|| own.find(|(_, posted)| posted.json["nonce"] == *nonce).map(|(id, _)| id))?
    }

    /// Makes a message a reply.
    fn refer(&self, channel: u64, reference: &Json, json: &mut Json) -> Result<(), Refusal> {
        let Some(target) = unflake(&reference["message_id"]) else { return Ok(()) };
        let visible = |posted: &&Posted| posted.channel == channel && posted.ephemeral_for.is_none();
        if self.messages.get(&target).filter(visible).is_none() {
            let refused = Refusal::invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message");
            return if reference["fail_if_not_exists"] == false { Ok(()) } else { Err(refused) };
        }
        json["type"] = json!(19);
        json["message_reference"] = json!({"type": 0, "message_id": flake(target), "channel_id": flake(channel)});
        if let Some(guild) = self.guild_of(channel) {
            json["message_reference"]["guild_id"] = flake(guild);
        }
        json["referenced_message"] = self.message_json(target);
        Ok(())
    }

    /// Lays what a body says over a message; what it does not say stays.
    fn fill(&self, posted: &mut Posted, body: &Json, files: &[(String, Vec<u8>)]) {
        let json = &mut posted.json;
        if let Some(content) = body.get("content") {
            json["content"] = json!(content.as_str().unwrap_or_default());
            self.mention(json, &body["allowed_mentions"]);
        }
        if let Some(embeds) = body.get("embeds") {
            json["embeds"] = embeds.as_array().into_iter().flatten().map(embedded).collect();
        }
        if let Some(components) = body.get("components") {
            json["components"] = components.as_array().into_iter().flatten().map(numbered(&mut 0)).collect();
        }
        if let Some(flags) = body["flags"].as_u64() {
            let kept = json["flags"].as_u64().unwrap_or(0) & !SUPPRESS_EMBEDS;
            json["flags"] = json!(kept | (flags & SUPPRESS_EMBEDS));
        }
        self.attach(posted, body, files);
    }

    /// Files: those that `attachments` names stay, where it is there; new ones are added.
    fn attach(&self, posted: &mut Posted, body: &Json, files: &[(String, Vec<u8>)]) {
        let mut attachments: Vec<Json> = posted.json["attachments"].as_array().cloned().unwrap_or_default();
        let named = body["attachments"].as_array();
        if let Some(named) = named {
            let stays = |one: &Json| named.iter().any(|given| unflake(&given["id"]) == unflake(&one["id"]));
            let kept: Vec<bool> = attachments.iter().map(stays).collect();
            let mut keep = kept.iter();
            attachments.retain(|_| *keep.next().expect("one for each"));
            // People's attachments have no bytes here.
            let mut keep = kept.iter();
            posted.files.retain(|_| *keep.next().unwrap_or(&true));
        }
        for (index, (name, bytes)) in files.iter().enumerate() {
            let number = u64::try_from(index).expect("a small number");
            let described = named.and_then(|named| named.iter().find(|given| unflake(&given["id"]) == Some(number)));
            // Ids are those of the message, and one number more for each file.
            let id =
                unflake(&posted.json["id"]).unwrap_or_default() + 1 + u64::try_from(attachments.len()).expect("few");
            let url = format!("{}/attachments/{}/{id}/{name}", self.url, posted.channel);
            let mut attachment = json!({"id": flake(id), "filename": name, "size": bytes.len(), "url": url, "proxy_url": url,
                "content_type": "application/octet-stream"});
            if let Some(description) = described.and_then(|given| given["description"].as_str()) {
                attachment["description"] = json!(description);
            }
            attachments.push(attachment);
            posted.files.push((name.clone(), bytes.clone()));
        }
        posted.json["attachments"] = json!(attachments);
    }

    /// Edits a message of the bot.
    pub(super) fn amend(&mut self, id: u64, body: &Json, files: &[(String, Vec<u8>)]) -> Result<(), Refusal> {
        let mut posted = self.messages.get(&id).cloned().ok_or_else(|| Refusal::unknown("Message"))?;
        self.fill(&mut posted, body, files);
        if is_empty(&posted.json) {
            return Err(empty());
        }
        let flags = posted.json["flags"].as_u64().unwrap_or(0);
        posted.json["flags"] = json!(flags & !LOADING);
        posted.json["edited_timestamp"] = json!(now());
        self.messages.insert(id, posted);
        self.dispatch_message("MESSAGE_UPDATE", id);
        Ok(())
    }

    pub(super) fn remove(&mut self, id: u64) {
        let Some(posted) = self.messages.remove(&id) else { return };
        if posted.ephemeral_for.is_some() {
            return;
        }
        let guild = self.guild_of(posted.channel);
        let mut told = json!({"id": flake(id), "channel_id": flake(posted.channel)});
        if let Some(guild) = guild {
            told["guild_id"] = flake(guild);
        }
        use super::gateway::intents::{DIRECT_MESSAGES, GUILD_MESSAGES};
        self.dispatch("MESSAGE_DELETE", if guild.is_some() { GUILD_MESSAGES } else { DIRECT_MESSAGES }, &told);
    }

    /// A message that REST can see in a channel.
    fn visible(&self, channel: u64, message: u64) -> Result<&Posted, Refusal> {
        let here = |posted: &&Posted| posted.channel == channel && posted.ephemeral_for.is_none();
        self.messages.get(&message).filter(here).ok_or_else(|| Refusal::unknown("Message"))
    }

    pub(super) fn create_message(&mut self, channel: u64, call: &Call) -> Answer {
        let id = self.post(&Circumstances::plain(channel), &call.body, &call.files)?;
        Ok((StatusCode::OK, self.message_json(id)))
    }

    pub(super) fn edit_message(&mut self, channel: u64, message: u64, call: &Call) -> Answer {
        if self.visible(channel, message)?.json["author"]["id"] != flake(self.bot) {
            let code = 50005;
            return Err(Refusal::new(StatusCode::FORBIDDEN, code, "Cannot edit a message authored by another user"));
        }
        self.amend(message, &call.body, &call.files)?;
        Ok((StatusCode::OK, self.message_json(message)))
    }

    pub(super) fn delete_message(&mut self, channel: u64, message: u64) -> Answer {
        if self.visible(channel, message)?.json["author"]["id"] != flake(self.bot) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, 50013, "Missing Permissions"));
        }
        self.remove(message);
        Ok((StatusCode::NO_CONTENT, Json::Null))
    }

    pub(super) fn get_message(&self, channel: u64, message: u64) -> Answer {
        self.visible(channel, message)?;
        Ok((StatusCode::OK, self.message_json(message)))
    }

    /// The newest first, as many as asked for, before or after one.
    pub(super) fn list_messages(&self, channel: u64, call: &Call) -> Answer {
        let number = |name: &str| call.query(name).and_then(|text| text.parse::<u64>().ok());
        let limit = usize::try_from(number("limit").unwrap_or(50)).unwrap_or(50);
        let visible = self.messages_of(channel).filter(|(_, posted)| posted.ephemeral_for.is_none());
        let ids: Vec<u64> = visible.map(|(id, _)| id).collect();
        let mut wanted: Vec<u64> = match (number("around"), number("before"), number("after")) {
            (Some(middle), _, _) => {
                let at = ids.partition_point(|id| *id < middle);
                let from = at.saturating_sub(limit / 2);
                ids[from..].iter().take(limit).copied().collect()
            }
            (None, Some(before), _) => ids.iter().rev().filter(|id| **id < before).take(limit).copied().collect(),
            (None, None, Some(after)) => ids.iter().filter(|id| **id > after).take(limit).copied().collect(),
            (None, None, None) => ids.iter().rev().take(limit).copied().collect(),
        };
        wanted.sort_unstable_by(|one, other| other.cmp(one));
        Ok((StatusCode::OK, wanted.into_iter().map(|id| self.message_json(id)).collect()))
    }
}

fn parses(allowed: &Json, kind: &str) -> bool {
    allowed["parse"].as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind))
}

fn is_empty(json: &Json) -> bool {
    let empty = |list: &str| json[list].as_array().is_none_or(Vec::is_empty);
    json["content"] == "" && ["embeds", "attachments", "components"].into_iter().all(empty)
}

fn empty() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, 50006, "Cannot send an empty message")
}

/// An embed as it comes back.
fn embedded(embed: &Json) -> Json {
    let mut embed = embed.clone();
    embed["type"] = json!("rich");
    if let Some(map) = embed.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    for field in embed.get_mut("fields").and_then(Json::as_array_mut).into_iter().flatten() {
        if field["inline"].is_null() {
            field["inline"] = json!(false);
        }
    }
    embed
}

/// Components come back with numbers, in the order of reading, and with what goes without saying.
fn numbered(count: &mut u64) -> impl FnMut(&Json) -> Json + '_ {
    fn number(component: &Json, count: &mut u64) -> Json {
        let mut component = component.clone();
        *count += 1;
        if component["id"].is_null() {
            component["id"] = json!(*count);
        }
        let implied = match component["type"].as_u64() {
            Some(2) => json!({"disabled": false}),
            Some(3) => json!({"disabled": false, "min_values": 1, "max_values": 1}),
            _ => json!({}),
        };
        for (key, value) in implied.as_object().into_iter().flatten() {
            if component[key].is_null() {
                component[key] = value.clone();
            }
        }
        for inner in component.get_mut("components").and_then(Json::as_array_mut).into_iter().flatten() {
            *inner = number(inner, count);
        }
        if let Some(map) = component.as_object_mut() {
            map.retain(|_, value| !value.is_null());
        }
        component
    }
    |component| number(component, count)
}
