//! The order of the gateway. Serenity brings each event in a task of its own, and tasks have no order: "restart web" and the
//! "yes" behind it may change places when a resumed connection brings both at once. Collectors are called by the connection
//! itself, one event after the other, so what people do is heard there; the task finds it heard already.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serenity::all::{
    ConnectionStage, Context, Event, EventHandler, Guild, GuildChannel, Interaction, Message, Ready, ResumedEvent,
    ShardStageUpdateEvent,
};
use serenity::async_trait;
use serenity::gateway::CollectorCallback;

use super::handler::Handler;

/// What the connections bring, in their order.
pub(super) struct InOrder {
    handler: Arc<Handler>,
    heard: Arc<Heard>,
    collectors: AtomicU64,
}

/// What was heard and whose task is still to come: by the event's id, and which collector heard it.
#[derive(Default)]
struct Heard(Mutex<HashMap<u64, u64>>);

impl Heard {
    /// Notes that this collector hears an event; the one that has heard it before, if any.
    fn by(&self, id: u64, collector: u64) -> Option<u64> {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = heard.get(&id).copied();
        heard.entry(id).or_insert(collector);
        before
    }

    /// Whether an event was heard; asked once, by its task.
    fn already(&self, id: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).is_some()
    }
}

impl InOrder {
    /// What is heard goes to this handler.
    pub(super) fn new(handler: Arc<Handler>) -> Self {
        Self { handler, heard: Arc::default(), collectors: AtomicU64::default() }
    }

    /// A collector for a connection. A second one on the same connection finds everything heard, and goes.
    fn collector(&self) -> CollectorCallback {
        let number = self.collectors.fetch_add(1, Ordering::Relaxed);
        let (handler, heard) = (Arc::clone(&self.handler), Arc::clone(&self.heard));
        CollectorCallback(Box::new(move |event| {
            let id = match event {
                Event::MessageCreate(event) => event.message.id.get(),
                Event::InteractionCreate(event) => event.interaction.id().get(),
                Event::GuildCreate(event) => {
                    handler.guild(&event.guild);
                    return true;
                }
                Event::ThreadCreate(event) => {
                    handler.thread(&event.thread);
                    return true;
                }
                _ => return true,
            };
            match (heard.by(id, number), event) {
                // Brought again before its task came; heard once all the same.
                (Some(before), _) => return before == number,
                (None, Event::MessageCreate(event)) => handler.said(&event.message),
                (None, Event::InteractionCreate(event)) => handler.interaction(&event.interaction),
                (None, _) => {}
            }
            true
        }))
    }
}

#[async_trait]
impl EventHandler for InOrder {
    async fn shard_stage_update(&self, context: Context, update: ShardStageUpdateEvent) {
        // The first that is told of a connection. What it brings until then is heard as its tasks come.
        if update.new == ConnectionStage::Connected {
            context.shard.add_collector(self.collector());
        }
    }

    async fn message(&self, _: Context, message: Message) {
        if !self.heard.already(message.id.get()) {
            self.handler.said(&message);
        }
    }

    async fn interaction_create(&self, _: Context, interaction: Interaction) {
        if !self.heard.already(interaction.id().get()) {
            self.handler.interaction(&interaction);
        }
    }

    async fn guild_create(&self, _: Context, guild: Guild, _: Option<bool>) {
        self.handler.guild(&guild);
    }

    async fn thread_create(&self, _: Context, thread: GuildChannel) {
        self.handler.thread(&thread);
    }

    async fn ready(&self, _: Context, ready: Ready) {
        self.handler.ready(&ready);
    }

    async fn resume(&self, _: Context, _: ResumedEvent) {
        tracing::info!("Discord listens again, and has told what was missed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_heard_once_and_a_collector_too_many_knows_it() {
        let heard = Heard::default();
        assert_eq!(heard.by(7, 0), None);
        assert_eq!(heard.by(7, 1), Some(0), "another has heard it");
        assert_eq!(heard.by(7, 0), Some(0), "brought again");
        assert!(heard.already(7));
        assert!(!heard.already(7));
        assert_eq!(heard.by(7, 1), None);
    }
}
