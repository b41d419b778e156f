//! What comes in: messages, presses, commands, forms. Each becomes one event for the assistant.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::json;
use serenity::all::{
    ActionRowComponent, ButtonKind, CommandInteraction, ComponentInteraction, ComponentInteractionDataKind, Guild,
    GuildChannel, Interaction, Member, Message, ModalInteraction, PartialMember, Ready, ShardId,
};
use serenity::model::id::{ChannelId, GuildId, InteractionId, RoleId, UserId};
use tokio::sync::{Semaphore, watch};

use super::Line;
use super::commands;
use super::desk::Desk;
use super::hearing::Hearing;
use super::ids::CustomId;
use super::slots::{EPHEMERAL, Kind};
use crate::domain::{
    Actor, Asking, Assistance, ChatEvent, Clock, ConversationId, Directory as _, MessageId, Outgoing, ParameterName,
    Reply, Tone,
};

/// How many events may be under way. What comes beyond is not heard: the assistant refuses far earlier.
pub(super) const UNDER_WAY: usize = 2_048;

/// A press that is nobody's, or somebody else's.
#[derive(Debug, thiserror::Error)]
enum Misplaced {
    #[error("That question was for <@{0}>. Ask me yourself, and I answer you.")]
    NotYours(u64),
    #[error("I do not know that button any more. Ask me again.")]
    Unknown,
}

/// The handler of all shards.
pub(super) struct Handler {
    pub(super) hearing: OnceLock<Hearing>,
    pub(super) line: Line,
    pub(super) desk: Arc<Desk>,
    pub(super) assistance: Arc<dyn Assistance>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) under_way: Arc<Semaphore>,
    /// Into how many guilds each shard was let.
    pub(super) shards: Mutex<BTreeMap<ShardId, usize>>,
    /// As whom it was let in, and into how many guilds, once all shards are.
    pub(super) listening: watch::Sender<Option<(String, usize)>>,
}

/// An actor, or a conversation, of Discord.
fn actor(user: UserId) -> Option<Actor> {
    Actor::new(super::PLATFORM, &user.to_string()).ok()
}

fn conversation(channel: ChannelId) -> ConversationId {
    ConversationId { platform: super::PLATFORM.to_owned(), channel: channel.to_string() }
}

/// Who did something, and where.
struct Place {
    id: MessageId,
    actor: Actor,
}

impl Handler {
    /// Hands an event over, and sees to it in a task of its own. What is said in no guild does not tell of its author's roles.
    fn hand_over(&self, event: ChatEvent, guild: Option<GuildId>) {
        let Ok(room) = Arc::clone(&self.under_way).try_acquire_owned() else {
            tracing::warn!(conversation = %event.conversation(), "too much is under way, an event is not heard");
            return;
        };
        let (cause, conversation) = (event.cause(), event.conversation().clone());
        let (desk, line) = (Arc::clone(&self.desk), self.line.clone());
        // Heard here, in the order of the gateway: tasks have none.
        let handling = Arc::clone(&self.assistance).hear(event);
        tokio::spawn(async move {
            if guild.is_none()
                && let Err(unknown) = line.look_up(&cause.actor).await
            {
                let reply = Reply::text(Tone::Warning, unknown.to_string());
                desk.take(Outgoing { conversation, answers: None, private: false, reply });
            }
            handling.await;
            drop(room);
        });
    }

    /// What an event says of its author's roles.
    fn learn(&self, actor: &Actor, guild: Option<GuildId>, roles: &[RoleId]) {
        if guild.is_some_and(|_| self.is_home(guild)) {
            self.line.memberships.set(actor, roles.iter().map(ToString::to_string));
        }
    }

    fn is_home(&self, guild: Option<GuildId>) -> bool {
        self.hearing.get().is_some_and(|hearing| hearing.is_home(guild))
    }

    fn place(
        &self,
        interaction: InteractionId,
        channel: ChannelId,
        user: UserId,
        member: Option<&Member>,
    ) -> Option<Place> {
        let actor = actor(user)?;
        if let Some(member) = member {
            self.learn(&actor, Some(member.guild_id), &member.roles);
        }
        let id = MessageId { conversation: conversation(channel), message: interaction.to_string() };
        Some(Place { id, actor })
    }

    /// A message.
    pub(super) fn said(&self, message: &Message) {
        let Some(text) = self.hearing.get().and_then(|hearing| hearing.heard(message)) else { return };
        let Some(actor) = actor(message.author.id) else { return };
        if let Some(PartialMember { roles, .. }) = message.member.as_deref() {
            self.learn(&actor, message.guild_id, roles);
        }
        let id = MessageId { conversation: conversation(message.channel_id), message: message.id.to_string() };
        self.hand_over(ChatEvent::Said { id, actor, text, at: self.clock.now() }, message.guild_id);
    }

    /// A command, a press, a form, or somebody typing a value.
    pub(super) fn interaction(self: &Arc<Self>, interaction: &Interaction) {
        match interaction {
            Interaction::Command(command) => self.command(command),
            Interaction::Autocomplete(command) => {
                tokio::spawn(Arc::clone(self).complete(command.clone()));
            }
            Interaction::Component(component) => self.component(component),
            Interaction::Modal(modal) => self.form(modal),
            _ => {}
        }
    }

    /// The threads of a guild.
    pub(super) fn guild(&self, guild: &Guild) {
        guild.threads.iter().for_each(|thread| self.thread(thread));
    }

    /// A new thread.
    pub(super) fn thread(&self, thread: &GuildChannel) {
        if let Some(hearing) = self.hearing.get() {
            hearing.thread(thread.id, thread.parent_id);
        }
    }

    /// Discord has let us in.
    pub(super) fn ready(&self, ready: &Ready) {
        tracing::info!(guilds = ready.guilds.len(), shard = ?ready.shard, "Discord listens");
        let (shard, all) = ready.shard.map_or((ShardId(0), 1), |shard| (shard.id, shard.total));
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        shards.insert(shard, ready.guilds.len());
        if shards.len() >= all as usize {
            self.listening.send_replace(Some((ready.user.tag(), shards.values().sum())));
        }
    }

    fn command(&self, command: &CommandInteraction) {
        let place = self.place(command.id, command.channel_id, command.user.id, command.member.as_deref());
        let Some(Place { id, actor }) = place.filter(|_| self.is_home(command.guild_id)) else { return };
        let Some(text) = commands::typed(&command.data.name, &command.data.options) else { return };
        self.desk.slots.open(&self.desk.http, command.id, &command.token, Kind::Command);
        self.hand_over(ChatEvent::Said { id, actor, text, at: self.clock.now() }, command.guild_id);
    }

    async fn complete(self: Arc<Self>, command: CommandInteraction) {
        let place = self.place(command.id, command.channel_id, command.user.id, command.member.as_deref());
        let Some(Place { id, actor }) = place.filter(|_| self.is_home(command.guild_id)) else { return };
        if command.guild_id.is_none() {
            // Whose roles are not known is offered nothing.
            let _ = self.line.look_up(&actor).await;
        }
        let typing = commands::typing(&command.data.name, &command.data.options);
        let suggestions = typing.and_then(|(intent, name, typed)| {
            let parameter: ParameterName = name.parse().ok()?;
            let asking = Asking { actor: &actor, conversation: &id.conversation, typed };
            Some(self.assistance.suggest(&asking, &intent, &parameter, commands::OFFERED))
        });
        let choices: Vec<_> = suggestions
            .unwrap_or_default()
            .into_iter()
            .filter(|suggestion| suggestion.name.chars().count() <= 100)
            .map(|suggestion| {
                let label = match &suggestion.alias {
                    Some(alias) => format!("{} ({alias})", suggestion.name),
                    None => suggestion.name.clone(),
                };
                json!({ "name": super::text::shortened(&label, 100), "value": suggestion.name })
            })
            .collect();
        self.respond(command.id, &command.token, json!({ "type": 8, "data": { "choices": choices } }));
    }

    fn component(&self, component: &ComponentInteraction) {
        let place = self.place(component.id, component.channel_id, component.user.id, component.member.as_ref());
        let Some(Place { id, actor }) = place.filter(|_| self.is_home(component.guild_id)) else { return };
        let at = self.clock.now();
        let (event, kind) = match CustomId::read(&component.data.custom_id) {
            Some(CustomId::Choose(choice, proposal, shown)) => {
                let event = ChatEvent::Pressed { id, actor, proposal, choice, shown, reason: None, at };
                (event, Kind::Component(Some(component.message.id)))
            }
            Some(CustomId::Edit(proposal)) => (ChatEvent::Opened { id, actor, proposal, at }, Kind::WantsForm),
            Some(CustomId::Answer(Some(asked), _)) if asked != component.user.id.get() => {
                return self.misplaced(component, Misplaced::NotYours(asked));
            }
            Some(CustomId::Answer(..)) => match answer(component) {
                Some(text) => (ChatEvent::Said { id, actor, text, at }, Kind::Component(None)),
                None => return self.misplaced(component, Misplaced::Unknown),
            },
            Some(CustomId::Form(_) | CustomId::Reason(..)) | None => {
                return self.misplaced(component, Misplaced::Unknown);
            }
        };
        self.desk.slots.open(&self.desk.http, component.id, &component.token, kind);
        self.hand_over(event, component.guild_id);
    }

    fn form(&self, modal: &ModalInteraction) {
        let place = self.place(modal.id, modal.channel_id, modal.user.id, modal.member.as_ref());
        let Some(Place { id, actor }) = place.filter(|_| self.is_home(modal.guild_id)) else { return };
        let inputs = modal.data.components.iter().flat_map(|row| &row.components);
        let mut inputs = inputs.filter_map(|input| match input {
            ActionRowComponent::InputText(input) => {
                Some((input.custom_id.as_str(), input.value.clone().unwrap_or_default()))
            }
            _ => None,
        });
        let at = self.clock.now();
        let event = match CustomId::read(&modal.data.custom_id) {
            Some(CustomId::Form(proposal)) => {
                let fields = inputs.filter_map(|(name, value)| Some((name.parse().ok()?, value))).collect();
                ChatEvent::Filled { id, actor, proposal, fields, at }
            }
            Some(CustomId::Reason(choice, proposal, shown)) => {
                let reason = inputs.next().map(|(_, reason)| reason);
                ChatEvent::Pressed { id, actor, proposal, choice, shown, reason, at }
            }
            _ => return,
        };
        let message = modal.message.as_ref().map(|message| message.id);
        self.desk.slots.open(&self.desk.http, modal.id, &modal.token, Kind::Form(message));
        self.hand_over(event, modal.guild_id);
    }

    fn misplaced(&self, component: &ComponentInteraction, misplaced: Misplaced) {
        let data = json!({ "content": misplaced.to_string(), "flags": EPHEMERAL, "allowed_mentions": { "parse": [] } });
        self.respond(component.id, &component.token, json!({ "type": 4, "data": data }));
    }

    fn respond(&self, id: InteractionId, token: &str, response: serde_json::Value) {
        let (http, token) = (Arc::clone(&self.desk.http), token.to_owned());
        tokio::spawn(async move {
            // Too late is too late: whoever waits for it has gone on.
            if let Err(error) = http.create_interaction_response(id, &token, &response, Vec::new()).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "an interaction could not be answered");
            }
        });
    }
}

/// What an answer says: the label of the button, or the value of the menu, which stand in our own message.
fn answer(component: &ComponentInteraction) -> Option<String> {
    match &component.data.kind {
        ComponentInteractionDataKind::StringSelect { values } => values.first().cloned(),
        ComponentInteractionDataKind::Button => {
            let mut buttons = component.message.components.iter().flat_map(|row| &row.components);
            buttons.find_map(|other| match other {
                ActionRowComponent::Button(button) => match &button.data {
                    ButtonKind::NonLink { custom_id, .. } if *custom_id == component.data.custom_id => {
                        button.label.clone()
                    }
                    _ => None,
                },
                _ => None,
            })
        }
        _ => None,
    }
}
