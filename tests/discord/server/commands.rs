//! Registered commands: the bot sets them, and people's slash commands are read by them.

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::refusal::Refusal;
use super::rest::{Answer, Call};
use super::state::{State, flake, unflake};

/// Types of options. Source: docs.discord.com/developers/interactions/application-commands, "Option Type".
const SUB_COMMAND: u64 = 1;
const GROUP: u64 = 2;

impl State {
    pub(super) fn commands_route(&mut self, method: &str, rest: &[&str], call: &Call) -> Answer {
        let (guild, rest) = match rest {
            ["guilds", guild, rest @ ..] => (guild.parse().ok(), rest),
            rest => (None, rest),
        };
        if guild.is_some_and(|guild: u64| guild != self.guild) {
            return Err(Refusal::missing_access());
        }
        let known = self.commands.get(&guild).cloned().unwrap_or_default();
        match (method, rest) {
            ("GET", ["commands"]) => Ok((StatusCode::OK, json!(known))),
            ("PUT", ["commands"]) => {
                let given = call.body.as_array().into_iter().flatten();
                let made: Vec<Json> = given.map(|one| self.registered(one, guild, &known)).collect();
                self.commands.insert(guild, made.clone());
                Ok((StatusCode::OK, json!(made)))
            }
            ("POST", ["commands"]) => {
                let made = self.registered(&call.body, guild, &known);
                let replaces = known.iter().any(|one| one["name"] == made["name"]);
                let list = self.commands.entry(guild).or_default();
                list.retain(|one| one["name"] != made["name"]);
                list.push(made.clone());
                Ok((if replaces { StatusCode::OK } else { StatusCode::CREATED }, made))
            }
            (_, ["commands", command]) => {
                let at = known.iter().position(|one| one["id"] == **command);
                let at = at.ok_or_else(|| Refusal::unknown("application command"))?;
                match method {
                    "GET" => Ok((StatusCode::OK, known[at].clone())),
                    "DELETE" => {
                        self.commands.entry(guild).or_default().remove(at);
                        Ok((StatusCode::NO_CONTENT, Json::Null))
                    }
                    _ => Err(self.unmade(call)),
                }
            }
            _ => Err(self.unmade(call)),
        }
    }

    /// A command as Discord keeps it; one of the same name keeps its id.
    fn registered(&mut self, given: &Json, guild: Option<u64>, known: &[Json]) -> Json {
        let same = known.iter().find(|one| one["name"] == given["name"]);
        let id = same.map_or_else(|| flake(self.new_id()), |one| one["id"].clone());
        let mut made = json!({
            "id": id, "application_id": flake(self.bot), "version": flake(self.new_id()), "type": 1, "description": "",
            "default_member_permissions": null, "nsfw": false, "name_localizations": null, "description_localizations": null,
        });
        match guild {
            Some(guild) => made["guild_id"] = flake(guild),
            None => (made["dm_permission"], made["contexts"]) = (json!(true), Json::Null),
        }
        made["integration_types"] = json!([0]);
        for (key, value) in given.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            made[key] = value.clone();
        }
        // Permissions are strings, whatever they were sent as.
        if let Some(number) = made["default_member_permissions"].as_u64() {
            made["default_member_permissions"] = flake(number);
        }
        made.get_mut("options").and_then(Json::as_array_mut).into_iter().flatten().for_each(tidy);
        made
    }

    /// The data of an interaction of somebody who types a command. Refuses what Discord's client does not let people send.
    ///
    /// `focused` is the option that is being typed: then nothing has to be complete.
    pub(super) fn typed(
        &self,
        channel: u64,
        path: &[&str],
        options: &[(&str, Json)],
        focused: Option<&str>,
    ) -> Result<Json, String> {
        let guild = self.guild_of(channel);
        let scopes = if guild.is_some() { vec![guild, None] } else { vec![None] };
        let found = scopes.iter().find_map(|scope| {
            let command = self.commands.get(scope)?.iter().find(|one| one["name"] == path[0] && one["type"] == 1)?;
            Some((*scope, command))
        });
        let (scope, command) = found.ok_or_else(|| {
            let known: Vec<_> = self.commands.values().flatten().map(|one| one["name"].to_string()).collect();
            format!("there is no command `{}` here; registered are {}", path[0], known.join(", "))
        })?;
        let context = u64::from(guild.is_none());
        let elsewhere =
            command["contexts"].as_array().is_some_and(|contexts| !contexts.iter().any(|one| *one == context));
        if elsewhere || (guild.is_none() && command["dm_permission"] == false) {
            return Err(format!("`{}` is not to be used in this place", path[0]));
        }
        // Down to the option that takes values; what was passed wraps what is found.
        let (mut at, mut passed) = (command, Vec::new());
        for name in &path[1..] {
            let inner = at["options"].as_array().into_iter().flatten();
            at = inner
                .filter(|one| is_branch(one))
                .find(|one| one["name"] == **name)
                .ok_or_else(|| format!("there is no `{name}`"))?;
            passed.push(at);
        }
        if at["options"].as_array().is_some_and(|inner| inner.iter().any(is_branch)) {
            return Err(format!("`{}` is not complete", path.join(" ")));
        }
        let declared = at["options"].as_array().map(Vec::as_slice).unwrap_or_default();
        let (mut values, mut resolved) = (Vec::new(), Map::new());
        for (name, value) in options {
            let option = declared
                .iter()
                .find(|one| one["name"] == **name)
                .ok_or_else(|| format!("there is no option `{name}`"))?;
            let is_focused = focused == Some(name);
            if is_focused && option["autocomplete"] != true {
                return Err(format!("`{name}` has no autocomplete"));
            }
            if !is_focused {
                self.fits(option, value).map_err(|wrong| format!("`{name}`: {wrong}, found {value}"))?;
                self.resolve(option, value, &mut resolved);
            }
            let mut given = json!({"name": name, "type": option["type"], "value": value});
            if is_focused {
                given["focused"] = json!(true);
            }
            values.push(given);
        }
        let given = |option: &Json| options.iter().any(|(name, _)| option["name"] == **name);
        if let Some(missing) = declared.iter().find(|one| focused.is_none() && one["required"] == true && !given(one)) {
            return Err(format!("{} is required", missing["name"]));
        }
        if focused.is_some_and(|focused| !options.iter().any(|(name, _)| *name == focused)) {
            return Err("the option in focus is not among the options".to_owned());
        }
        let wrap = |inner: Vec<Json>, branch: &&Json| {
            vec![json!({"name": branch["name"], "type": branch["type"], "options": inner})]
        };
        let values = passed.iter().rev().fold(values, wrap);
        let mut data = json!({"id": command["id"], "name": command["name"], "type": 1, "options": values});
        if !resolved.is_empty() {
            data["resolved"] = Json::Object(resolved);
        }
        if let Some(guild) = scope {
            data["guild_id"] = flake(guild);
        }
        Ok(data)
    }

    /// Whether people can give an option that value.
    fn fits(&self, option: &Json, value: &Json) -> Result<(), String> {
        let id = unflake(value).unwrap_or_default();
        let is_text = value.is_string();
        let (fits, what) = match option["type"].as_u64() {
            Some(3) => (is_text, "expected a text"),
            Some(4) => (value.is_i64() || value.is_u64(), "expected a whole number"),
            Some(5) => (value.is_boolean(), "expected true or false"),
            Some(6) => (is_text && self.people.contains_key(&id), "expected a user's id"),
            Some(7) => (is_text && self.places.contains_key(&id), "expected a channel's id"),
            Some(8) => (is_text && self.roles.contains_key(&id), "expected a role's id"),
            Some(9) => {
                (self.people.contains_key(&id) || self.roles.contains_key(&id), "expected a user's or a role's id")
            }
            Some(10) => (value.is_number(), "expected a number"),
            _ => (false, "this server cannot give such an option"),
        };
        if !fits {
            return Err(what.to_owned());
        }
        let choices = option["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !choices.is_empty() && !choices.iter().any(|choice| choice["value"] == *value) {
            let known: Vec<_> = choices.iter().map(|choice| choice["value"].to_string()).collect();
            return Err(format!("expected one of {}", known.join(", ")));
        }
        let length = value.as_str().map(|text| text.chars().count() as f64);
        for (bound, given, is_least) in [
            ("min_value", value.as_f64(), true),
            ("max_value", value.as_f64(), false),
            ("min_length", length, true),
            ("max_length", length, false),
        ] {
            let wrong = option[bound]
                .as_f64()
                .zip(given)
                .is_some_and(|(bound, given)| if is_least { given < bound } else { given > bound });
            if wrong {
                return Err(format!("expected {bound} {}", option[bound]));
            }
        }
        Ok(())
    }

    /// Adds what a value stands for.
    fn resolve(&self, option: &Json, value: &Json, resolved: &mut Map<String, Json>) {
        let Some(id) = unflake(value).filter(|_| matches!(option["type"].as_u64(), Some(6..=9))) else { return };
        let mut add = |list: &str, json: Json| {
            resolved.entry(list).or_insert_with(|| json!({}))[id.to_string()] = json;
        };
        if self.people.contains_key(&id) {
            add("users", self.user_json(id));
            let mut member = self.acting_member_json(id);
            member.as_object_mut().expect("a member").shift_remove("user");
            add("members", member);
        } else if self.roles.contains_key(&id) {
            add("roles", self.role_json(id));
        } else if self.places.contains_key(&id) {
            add("channels", self.partial_channel_json(id));
        }
    }
}

fn is_branch(option: &Json) -> bool {
    matches!(option["type"].as_u64(), Some(SUB_COMMAND | GROUP))
}

/// Options come back without what is null or false.
fn tidy(option: &mut Json) {
    if let Some(map) = option.as_object_mut() {
        map.retain(|key, value| !(value.is_null() || key == "required" && *value == false));
    }
    option.get_mut("options").and_then(Json::as_array_mut).into_iter().flatten().for_each(tidy);
}
