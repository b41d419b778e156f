//! What people do: talk, press, choose, fill in and type commands. What Discord's client does not let them do panics.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value as Json, json};

use super::Discord;
use super::callbacks::{COMMAND, COMPLETION, COMPONENT, MODAL};
use super::shapes::UPLOAD;
use super::state::{Deal, Posted, State, base64, flake, now};
use super::view::{Interaction, Message};

impl Discord {
    /// Somebody says something: the message's id. `<@ID>` and `<@&ID>` mention.
    pub(crate) fn say(&self, channel: u64, user: u64, text: &str) -> u64 {
        self.say_with(channel, user, text, |_| ())
    }

    /// The same, with a change to the message before it is kept and told, as `MESSAGE_CREATE` would carry it.
    pub(crate) fn say_with(&self, channel: u64, user: u64, text: &str, change: impl FnOnce(&mut Json)) -> u64 {
        assert!(text.chars().count() <= 4000, "nobody can send so long a message");
        let (id, mut json) = self.shared.look(|state| {
            let (id, mut json) = state.blank_message(channel, user);
            json["content"] = json!(text);
            state.mention(&mut json, &Json::Null);
            if let Some(guild) = state.guild_of(channel) {
                json["guild_id"] = flake(guild);
                json["member"] = state.partial_member_json(user);
            }
            (id, json)
        });
        // Nothing is locked here: the change may ask the server.
        change(&mut json);
        self.shared.change(|state| state.keep(id, Posted { channel, json, files: Vec::new(), ephemeral_for: None }));
        id
    }

    /// Somebody edits what they said.
    pub(crate) fn edit(&self, channel: u64, message: u64, text: &str) {
        self.shared.change(|state| {
            let mut posted =
                state.messages.get(&message).filter(|posted| posted.channel == channel).cloned().expect("a message");
            posted.json["content"] = json!(text);
            posted.json["edited_timestamp"] = json!(now());
            state.mention(&mut posted.json, &Json::Null);
            state.messages.insert(message, posted);
            state.dispatch_message("MESSAGE_UPDATE", message);
        });
    }

    /// Somebody presses a button.
    pub(crate) fn press(&self, user: u64, message: u64, custom_id: &str) -> Interaction {
        let shown = self.seen_by(user, message);
        let button = shown.part(custom_id).unwrap_or_else(|| panic!("no button `{custom_id}` on\n{shown}"));
        assert!(button["type"] == 2 && button["disabled"] != true, "`{custom_id}` cannot be pressed on\n{shown}");
        let data = json!({"component_type": 2, "custom_id": custom_id, "id": button["id"]});
        self.interact(COMPONENT, shown.channel, user, Some(message), data)
    }

    /// Somebody chooses from a menu.
    pub(crate) fn select(&self, user: u64, message: u64, custom_id: &str, values: &[&str]) -> Interaction {
        let shown = self.seen_by(user, message);
        let menu = shown.part(custom_id).unwrap_or_else(|| panic!("no menu `{custom_id}` on\n{shown}"));
        assert!(menu["type"] == 3 && menu["disabled"] != true, "`{custom_id}` cannot be chosen from on\n{shown}");
        let offered = |value: &&&str| {
            menu["options"].as_array().is_some_and(|all| all.iter().any(|one| one["value"] == ***value))
        };
        if let Some(unknown) = values.iter().find(|value| !offered(value)) {
            panic!("`{unknown}` is not offered by `{custom_id}` on\n{shown}");
        }
        let bound = |name: &str| menu[name].as_u64().unwrap_or(1);
        let count = u64::try_from(values.len()).expect("few");
        let bounds = bound("min_values")..=bound("max_values");
        assert!(bounds.contains(&count), "`{custom_id}` takes {bounds:?} values, not {count}");
        let data = json!({"component_type": 3, "custom_id": custom_id, "values": values, "id": menu["id"]});
        self.interact(COMPONENT, shown.channel, user, Some(message), data)
    }

    /// Somebody fills in a modal and sends it. `modal` is what the bot answered.
    pub(crate) fn submit(&self, user: u64, modal: &Json, values: &[(&str, &str)]) -> Interaction {
        let opened = self.shared.look(|state| {
            let opens = |deal: &&Deal| deal.user == user && deal.answer.as_ref() == Some(modal);
            state.deals.values().rev().find(opens).map(|deal| (deal.channel, deal.message))
        });
        let (channel, message) = opened.unwrap_or_else(|| panic!("nobody answered {user} with this modal: {modal}"));
        let data = &modal["data"];
        let rows = data["components"].as_array().cloned().unwrap_or_default();
        let mut left: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        let filled = rows.iter().map(|row| {
            let input = &row["components"][0];
            let (input, is_label) = if input.is_null() { (&row["component"], true) } else { (input, false) };
            let name = input["custom_id"].as_str().unwrap_or_default();
            left.retain(|one| *one != name);
            let given = values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            // What a person leaves alone stays as it was filled in.
            let value = given.or(input["value"].as_str()).unwrap_or_default();
            let length = u64::try_from(value.chars().count()).expect("short");
            let least = input["min_length"].as_u64().unwrap_or(0).max(u64::from(input["required"] != false));
            let allowed = least..=input["max_length"].as_u64().unwrap_or(4000);
            assert!(
                allowed.contains(&length) || (length == 0 && input["required"] == false),
                "`{name}` takes {allowed:?} characters: {value:?}"
            );
            let input = json!({"type": 4, "custom_id": name, "value": value});
            if is_label { json!({"type": 18, "component": input}) } else { json!({"type": 1, "components": [input]}) }
        });
        let filled: Vec<Json> = filled.collect();
        assert!(left.is_empty(), "the modal has no {left:?}: {modal}");
        let data = json!({"custom_id": data["custom_id"], "components": filled});
        self.interact(MODAL, channel, user, message, data)
    }

    /// Somebody sends a slash command; `path` is its name and those of what is below it.
    pub(crate) fn slash(&self, channel: u64, user: u64, path: &[&str], options: &[(&str, Json)]) -> Interaction {
        let data = self.shared.look(|state| state.typed(channel, path, options, None));
        let data = data.unwrap_or_else(|wrong| panic!("/{} cannot be sent: {wrong}", path.join(" ")));
        self.interact(COMMAND, channel, user, None, data)
    }

    /// Somebody is typing a slash command, and is at `focused`: what the bot proposes.
    pub(crate) fn complete(
        &self,
        channel: u64,
        user: u64,
        path: &[&str],
        options: &[(&str, Json)],
        focused: &str,
    ) -> Vec<Json> {
        let data = self.shared.look(|state| state.typed(channel, path, options, Some(focused)));
        let data = data.unwrap_or_else(|wrong| panic!("/{} cannot be completed: {wrong}", path.join(" ")));
        let interaction = self.interact(COMPLETION, channel, user, None, data);
        let answer = self.wait(&format!("proposals for `{focused}` in three seconds"), |discord| {
            assert!(!interaction.late(), "no proposals for `{focused}` in three seconds");
            interaction.answer(discord)
        });
        answer["data"]["choices"].as_array().cloned().unwrap_or_default()
    }

    /// Delivers an interaction once more.
    pub(crate) fn again(&self, interaction: &Interaction) {
        self.shared.change(|state| {
            let event = state.deals[&interaction.id].event.clone();
            state.dispatch("INTERACTION_CREATE", 0, &event);
        });
    }

    /// Ends the life of an interaction's token; that is a quarter of an hour, otherwise.
    pub(crate) fn expire(&self, interaction: &Interaction) {
        self.shared.change(|state| state.deals.get_mut(&interaction.id).expect("known").expired = true);
    }

    /// A message that somebody can see.
    fn seen_by(&self, user: u64, message: u64) -> Message {
        let found = self.shared.look(|state| state.messages.get(&message).map(|posted| Message::new(message, posted)));
        let shown = found.unwrap_or_else(|| panic!("there is no message {message}"));
        assert!(shown.ephemeral_for.is_none_or(|only| only == user), "{user} cannot see\n{shown}");
        shown
    }

    fn interact(&self, kind: u64, channel: u64, user: u64, message: Option<u64>, data: Json) -> Interaction {
        let (id, token) = self.shared.change(|state| state.begin(kind, channel, user, message, data));
        Interaction::new(id, token, Arc::clone(&self.shared))
    }
}

impl State {
    /// Begins an interaction, and tells the bot of it.
    fn begin(&mut self, kind: u64, channel: u64, user: u64, message: Option<u64>, data: Json) -> (u64, String) {
        let id = self.new_id();
        // As long as the real ones are.
        let token = base64(&format!("interaction:{id}:{}", "k9".repeat(60)));
        let guild = self.guild_of(channel);
        let owner = guild.map_or_else(|| json!("0"), flake);
        let mut event = json!({
            "id": flake(id), "application_id": flake(self.bot), "type": kind, "data": data, "token": token, "version": 1,
            "channel_id": flake(channel), "channel": self.partial_channel_json(channel), "locale": "en-US",
            "app_permissions": "2251800082120385", "entitlements": [], "entitlement_sku_ids": [],
            "authorizing_integration_owners": {"0": owner}, "context": u64::from(guild.is_none()),
            "attachment_size_limit": UPLOAD,
        });
        match guild {
            Some(guild) => {
                event["guild_id"] = flake(guild);
                event["guild"] = json!({"id": flake(guild), "locale": "en-US", "features": []});
                event["guild_locale"] = json!("en-US");
                event["member"] = self.acting_member_json(user);
            }
            None => event["user"] = self.user_json(user),
        }
        if let Some(message) = message.filter(|message| self.messages.contains_key(message)) {
            let mut json = self.messages[&message].json.clone();
            json.as_object_mut().expect("a message").shift_remove("guild_id");
            event["message"] = json;
        }
        self.dispatch("INTERACTION_CREATE", 0, &event);
        let deal = Deal {
            token: token.clone(),
            kind,
            event,
            channel,
            user,
            message,
            asked: Instant::now(),
            answer: None,
            missed: false,
            original: None,
            followups: Vec::new(),
            expired: false,
        };
        self.deals.insert(id, deal);
        (id, token)
    }
}
