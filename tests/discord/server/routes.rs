//! Who answers which request; and what is asked of the application, the guild, its people and its channels.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::gateway::intents;
use super::refusal::Refusal;
use super::rest::{Answer, Call};
use super::state::{Channel, Place, State, flake, unflake};

fn ok(body: Json) -> Answer {
    Ok((StatusCode::OK, body))
}

/// An id in a path; one that is none stands for nothing.
fn id(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}

impl State {
    /// Answers a request that is in order.
    pub(super) fn route(&mut self, call: &Call, segments: &[&str]) -> Answer {
        match (call.method(), segments) {
            ("GET", ["gateway"]) => ok(json!({"url": self.socket})),
            ("GET", ["gateway", "bot"]) => ok(json!({"url": self.socket, "shards": self.shards, "session_start_limit":
                {"total": 1000, "remaining": 999, "reset_after": 86_400_000, "max_concurrency": 1}})),
            ("GET", ["users", "@me"]) => ok(self.current_user_json()),
            ("GET", ["users", "@me", "guilds"]) => ok(json!([self.guild_in_list()])),
            ("GET", ["users", "@me", "guilds", guild, "member"]) if id(guild) == self.guild => {
                ok(self.member_json(self.bot))
            }
            ("POST", ["users", "@me", "channels"]) => self.open_direct(call),
            ("GET", ["users", user]) => self.get_user(id(user)),
            ("GET", ["applications" | "oauth2", .., "@me"]) => ok(self.application_json(false)),
            (method, ["applications", app, rest @ ..]) if id(app) == self.bot => {
                self.commands_route(method, rest, call)
            }
            ("GET", ["guilds", guild, rest @ ..]) => {
                if id(guild) == self.guild {
                    self.guild_route(rest, call)
                } else {
                    Err(Refusal::unknown("Guild"))
                }
            }
            (method, ["channels", channel, rest @ ..]) => match self.places.contains_key(&id(channel)) {
                true => self.channel_route(method, id(channel), rest, call),
                false => Err(Refusal::unknown("Channel")),
            },
            ("POST", ["interactions", interaction, token, "callback"]) => self.callback(id(interaction), token, call),
            (method, ["webhooks", app, token, rest @ ..]) => self.webhook_route(method, id(app), token, rest, call),
            _ => Err(self.unmade(call)),
        }
    }

    /// Discord would answer this, and we cannot: the test must not take that for an answer.
    pub(super) fn unmade(&mut self, call: &Call) -> Refusal {
        let message = format!("this server has no answer to {} {}", call.method(), call.path());
        self.violations.push(message.clone());
        Refusal::new(StatusCode::NOT_IMPLEMENTED, 0, &message)
    }

    fn guild_in_list(&self) -> Json {
        json!({"id": flake(self.guild), "name": "Harbour", "icon": null, "banner": null, "owner": false, "features": [],
            "permissions": "2251800082120385", "approximate_member_count": self.people.len(),
            "approximate_presence_count": self.people.len()})
    }

    fn get_user(&self, user: u64) -> Answer {
        if self.people.contains_key(&user) { ok(self.user_json(user)) } else { Err(Refusal::unknown("User")) }
    }

    fn open_direct(&mut self, call: &Call) -> Answer {
        let user = unflake(&call.body["recipient_id"]).unwrap_or_default();
        let person = self.people.get(&user).ok_or_else(|| Refusal::unknown("User"))?;
        if person.bot {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, 50007, "Cannot send messages to this user"));
        }
        let channel = self.direct(user);
        ok(self.channel_json(channel))
    }

    fn guild_route(&mut self, rest: &[&str], call: &Call) -> Answer {
        match rest {
            [] => ok(self.guild_json()),
            ["roles"] => ok(self.roles.keys().map(|role| self.role_json(*role)).collect()),
            ["roles", role] if self.roles.contains_key(&id(role)) => ok(self.role_json(id(role))),
            ["channels"] => {
                let texts = self.places.iter().filter(|(_, place)| matches!(place.kind, Channel::Text));
                ok(texts.map(|(channel, _)| self.channel_json(*channel)).collect())
            }
            ["threads", "active"] => {
                let threads = self.places.iter().filter(|(_, place)| matches!(place.kind, Channel::Thread { .. }));
                let threads: Vec<Json> = threads.map(|(channel, _)| self.channel_json(*channel)).collect();
                ok(json!({"threads": threads, "members": [], "has_more": false}))
            }
            ["members", _] if self.faults.members_withheld => {
                Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, 0, "503: Service Unavailable"))
            }
            ["members"] => ok(self.people.keys().map(|user| self.member_json(*user)).collect()),
            ["members", user] if self.people.contains_key(&id(user)) => ok(self.member_json(id(user))),
            ["members", _] => Err(Refusal::unknown("Member")),
            ["roles", _] => Err(Refusal::new(StatusCode::NOT_FOUND, 10011, "Unknown Role")),
            _ => Err(self.unmade(call)),
        }
    }

    fn channel_route(&mut self, method: &str, channel: u64, rest: &[&str], call: &Call) -> Answer {
        match (method, rest) {
            ("GET", []) => ok(self.channel_json(channel)),
            ("POST", ["typing"]) => Ok((StatusCode::NO_CONTENT, Json::Null)),
            ("GET", ["messages"]) => self.list_messages(channel, call),
            ("POST", ["messages"]) => self.create_message(channel, call),
            ("GET", ["messages", message]) => self.get_message(channel, id(message)),
            ("PATCH", ["messages", message]) => self.edit_message(channel, id(message), call),
            ("DELETE", ["messages", message]) => self.delete_message(channel, id(message)),
            ("POST", ["messages", message, "threads"]) => self.start_thread(channel, Some(id(message)), call),
            ("POST", ["threads"]) => self.start_thread(channel, None, call),
            _ => Err(self.unmade(call)),
        }
    }

    /// A thread of a message has its id.
    fn start_thread(&mut self, channel: u64, message: Option<u64>, call: &Call) -> Answer {
        let known = |message: u64| self.messages.get(&message).is_some_and(|posted| posted.channel == channel);
        if message.is_some_and(|message| !known(message)) {
            return Err(Refusal::unknown("Message"));
        }
        if !matches!(self.places[&channel].kind, Channel::Text) {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, 50024, "Cannot execute action on this channel type"));
        }
        if message.is_some_and(|message| self.places.contains_key(&message)) {
            let text = "A thread has already been created for this message";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, 160_004, text));
        }
        let thread = message.unwrap_or_else(|| self.new_id());
        let archive_after = call.body["auto_archive_duration"].as_u64().unwrap_or(1440);
        let name = call.body["name"].as_str().unwrap_or_default().to_owned();
        self.open_thread(thread, channel, self.bot, archive_after, name);
        if let Some(posted) = message.and_then(|message| self.messages.get_mut(&message)) {
            posted.json["flags"] = json!(posted.json["flags"].as_u64().unwrap_or(0) | (1 << 5)); // HAS_THREAD
        }
        Ok((StatusCode::CREATED, self.channel_json(thread)))
    }

    pub(super) fn open_thread(&mut self, thread: u64, parent: u64, owner: u64, archive_after: u64, name: String) {
        self.places.insert(thread, Place { kind: Channel::Thread { parent, owner, archive_after }, name });
        let mut told = self.channel_json(thread);
        told["newly_created"] = json!(true);
        self.dispatch("THREAD_CREATE", intents::GUILDS, &told);
    }
}
