//! Users, members, roles, channels, the guild and the application, in the shapes that Discord gives them.

use serde_json::{Value as Json, json};

use super::gateway::intents;
use super::state::{Channel, State, flake, now};

/// What everybody may do: see, send, thread, attach, use commands.
const PERMISSIONS: &str = "2251800082120385";

/// The limit for uploads without any boost, in bytes.
/// Source: docs.discord.com/developers/reference, "Uploading Files".
pub(super) const UPLOAD: usize = 10 << 20;

/// Privileged intents of a bot in fewer than a hundred guilds: presences and members, and the content of messages.
/// Source: docs.discord.com/developers/resources/application, "Application Flags".
const LIMITED_PRESENCE_AND_MEMBERS: u64 = (1 << 13) | (1 << 15);
const LIMITED_MESSAGE_CONTENT: u64 = 1 << 19;

/// When people joined.
const JOINED: &str = "2026-01-05T09:30:00.000000+00:00";

impl State {
    pub(super) fn user_json(&self, user: u64) -> Json {
        let person = &self.people[&user];
        let mut json = json!({
            "id": flake(user), "username": person.name, "discriminator": "0", "global_name": person.name, "avatar": null,
            "public_flags": 0, "flags": 0, "banner": null, "accent_color": null, "avatar_decoration_data": null,
            "collectibles": null, "primary_guild": null, "clan": null,
        });
        if person.bot {
            json["bot"] = json!(true);
            json["discriminator"] = json!("4242");
            json["global_name"] = Json::Null;
        }
        json
    }

    /// The bot as it sees itself.
    pub(super) fn current_user_json(&self) -> Json {
        let mut json = self.user_json(self.bot);
        for (key, value) in [
            ("mfa_enabled", json!(false)),
            ("verified", json!(true)),
            ("locale", json!("en-US")),
            ("email", Json::Null),
        ] {
            json[key] = value;
        }
        json
    }

    /// A member, as in a message: without the user.
    pub(super) fn partial_member_json(&self, user: u64) -> Json {
        let roles: Vec<Json> = self.people[&user].roles.iter().map(|role| flake(*role)).collect();
        json!({
            "roles": roles, "joined_at": JOINED, "nick": null, "avatar": null, "banner": null, "premium_since": null,
            "deaf": false, "mute": false, "pending": false, "flags": 0, "communication_disabled_until": null,
        })
    }

    pub(super) fn member_json(&self, user: u64) -> Json {
        let mut json = self.partial_member_json(user);
        json["user"] = self.user_json(user);
        json
    }

    /// A member, as in an interaction: with permissions.
    pub(super) fn acting_member_json(&self, user: u64) -> Json {
        let mut json = self.member_json(user);
        json["permissions"] = json!(PERMISSIONS);
        json
    }

    pub(super) fn role_json(&self, role: u64) -> Json {
        let position = self.roles.keys().position(|known| *known == role);
        let permissions = if role == self.guild { PERMISSIONS } else { "0" };
        json!({
            "id": flake(role), "name": self.roles[&role], "color": 0, "hoist": false, "managed": false, "mentionable": false,
            "colors": {"primary_color": 0, "secondary_color": null, "tertiary_color": null},
            "permissions": permissions, "position": position, "flags": 0, "icon": null, "unicode_emoji": null,
            "description": null,
        })
    }

    pub(super) fn channel_json(&self, channel: u64) -> Json {
        let place = &self.places[&channel];
        let last = self.messages_of(channel).next_back().map(|(id, _)| flake(id));
        match place.kind {
            Channel::Text => json!({
                "id": flake(channel), "type": 0, "guild_id": flake(self.guild), "name": place.name, "position": 0,
                "flags": 0,
                "permission_overwrites": [], "nsfw": false, "topic": null, "parent_id": null, "last_message_id": last,
                "rate_limit_per_user": 0, "last_pin_timestamp": null, "default_auto_archive_duration": 1440,
            }),
            Channel::Thread { parent, owner, archive_after } => json!({
                "id": flake(channel), "type": 11, "guild_id": flake(self.guild), "name": place.name, "flags": 0,
                "parent_id": flake(parent), "owner_id": flake(owner), "last_message_id": last, "rate_limit_per_user": 0,
                "message_count": self.messages_of(channel).count(), "member_count": 2, "last_pin_timestamp": null,
                "total_message_sent": self.messages_of(channel).count(), "thread_metadata": {
                    "archived": false, "auto_archive_duration": archive_after, "archive_timestamp": now(),
                    "create_timestamp": now(), "locked": false,
                },
            }),
            Channel::Direct { user } => json!({
                "id": flake(channel), "type": 1, "last_message_id": last, "flags": 0, "recipients": [self.user_json(user)],
                "last_pin_timestamp": null,
            }),
        }
    }

    /// A channel, as in an interaction.
    pub(super) fn partial_channel_json(&self, channel: u64) -> Json {
        let mut json = self.channel_json(channel);
        if self.guild_of(channel).is_some() {
            json["permissions"] = json!(PERMISSIONS);
        }
        json
    }

    /// What the guild is everywhere.
    pub(super) fn guild_json(&self) -> Json {
        let roles: Vec<Json> = self.roles.keys().map(|role| self.role_json(*role)).collect();
        json!({
            "id": flake(self.guild), "name": "Harbour", "owner_id": flake(self.owner), "roles": roles, "emojis": [],
            "stickers": [], "features": [], "icon": null, "splash": null, "banner": null, "discovery_splash": null,
            "description": null, "home_header": null, "afk_channel_id": null, "afk_timeout": 300, "widget_enabled": false,
            "widget_channel_id": null, "verification_level": 1, "default_message_notifications": 1, "mfa_level": 0,
            "explicit_content_filter": 0, "nsfw": false, "nsfw_level": 0, "application_id": null, "region": "deprecated",
            "system_channel_id": null, "system_channel_flags": 0, "rules_channel_id": null, "vanity_url_code": null,
            "public_updates_channel_id": null, "safety_alerts_channel_id": null, "premium_tier": 0,
            "premium_subscription_count": 0, "premium_progress_bar_enabled": false, "preferred_locale": "en-US",
            "max_presences": null, "max_members": 500_000, "max_video_channel_users": 25,
            "max_stage_video_channel_users": 50, "incidents_data": null,
        })
    }

    /// The guild, as a new session is told of it: with its channels, its threads and a few members.
    pub(super) fn guild_event_json(&self) -> Json {
        let channels = |threads: bool| -> Vec<Json> {
            let wanted = self.places.iter().filter(|(_, place)| match place.kind {
                Channel::Text => !threads,
                Channel::Thread { .. } => threads,
                Channel::Direct { .. } => false,
            });
            wanted.map(|(id, _)| self.channel_json(*id)).collect()
        };
        let mut guild = self.guild_json();
        for (key, value) in [
            ("joined_at", json!(JOINED)),
            ("large", json!(false)),
            ("unavailable", json!(false)),
            ("member_count", json!(self.people.len())),
            ("members", json!([self.member_json(self.bot), self.member_json(self.owner)])),
            ("channels", json!(channels(false))),
            ("threads", json!(channels(true))),
        ] {
            guild[key] = value;
        }
        for empty in ["voice_states", "presences", "stage_instances", "guild_scheduled_events", "soundboard_sounds"] {
            guild[empty] = json!([]);
        }
        guild
    }

    /// The application, or the little of it that a new session is told.
    pub(super) fn application_json(&self, partial: bool) -> Json {
        let content = if self.faults.content_forbidden { 0 } else { LIMITED_MESSAGE_CONTENT };
        let (id, flags) = (flake(self.bot), LIMITED_PRESENCE_AND_MEMBERS | content);
        if partial {
            return json!({"id": id, "flags": flags});
        }
        let key = "a".repeat(64);
        json!({
            "id": id, "name": "sayso", "icon": null, "description": "", "summary": "", "type": null, "bot_public": false,
            "bot_require_code_grant": false, "verify_key": key, "flags": flags, "flags_new": flags.to_string(),
            "hook": true, "owner": self.user_json(self.owner), "bot": self.user_json(self.bot), "team": null, "tags": [],
            "redirect_uris": [], "rpc_origins": [], "interactions_endpoint_url": null, "explicit_content_filter": 0,
            "role_connections_verification_url": null, "approximate_guild_count": 1, "max_participants": 0,
            "approximate_user_install_count": 0, "approximate_user_authorization_count": 0, "event_webhooks_status": 1,
            "integration_types_config": {"0": {}}, "eligible_oauth2_scopes": [],
        })
    }

    /// A message as the gateway tells of it to a session with those intents; `None` where it is not told.
    pub(super) fn message_event(&self, message: u64, intents: u64) -> Option<Json> {
        let posted = &self.messages[&message];
        if posted.ephemeral_for.is_some() {
            return None;
        }
        let needed =
            if self.guild_of(posted.channel).is_some() { intents::GUILD_MESSAGES } else { intents::DIRECT_MESSAGES };
        let readable = intents & intents::MESSAGE_CONTENT != 0 && !self.faults.content_forbidden;
        (intents & needed != 0).then(|| self.as_readable(message, readable))
    }

    /// A message as REST gives it.
    pub(super) fn message_json(&self, message: u64) -> Json {
        let mut json = self.as_readable(message, !self.faults.content_forbidden);
        for only_in_events in ["guild_id", "member"] {
            json.as_object_mut().expect("a message").shift_remove(only_in_events);
        }
        json
    }

    /// Who may not read the content of messages gets it of its own, of direct ones, and of those that mention it.
    /// Source: docs.discord.com/developers/events/gateway, "Message Content Intent".
    fn as_readable(&self, message: u64, readable: bool) -> Json {
        let posted = &self.messages[&message];
        let mut json = posted.json.clone();
        let bot = flake(self.bot);
        let mentioned = json["mentions"].as_array().is_some_and(|users| users.iter().any(|user| user["id"] == bot));
        if !readable && !mentioned && json["author"]["id"] != bot && self.guild_of(posted.channel).is_some() {
            json["content"] = json!("");
            for list in ["embeds", "attachments", "components"] {
                json[list] = json!([]);
            }
        }
        json
    }

    pub(super) fn dispatch_message(&mut self, event: &str, message: u64) {
        let mut gateway = std::mem::take(&mut self.gateway);
        gateway.dispatch(event, |intents| self.message_event(message, intents));
        self.gateway = gateway;
    }

    /// Tells those who asked for any of `intents` of an event; 0 is for everybody.
    pub(super) fn dispatch(&mut self, event: &str, intents: u64, data: &Json) {
        self.gateway.dispatch(event, |asked| (intents == 0 || asked & intents != 0).then(|| data.clone()));
    }
}
