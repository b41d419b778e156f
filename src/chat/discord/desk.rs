//! What leaves: each conversation in its order, none waiting for another, and nothing lost while Discord is away.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use serenity::builder::CreateAttachment;
use serenity::http::Http;
use serenity::model::id::{ChannelId, MessageId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::patience::{Refused, persist};
use super::render::{Body, render};
use super::slots::{Kind, Said, Slot, Slots};
use crate::domain::{Card, Clock, Counted, Notebook, Outgoing, ProposalId, Reply, Tally, Tone};

/// How many replies may wait in one conversation.
const WAITING: usize = 256;
/// In how many conversations replies may wait.
const LANES: usize = 1_024;
/// How long a conversation's lane stays open after its last reply.
const IDLE: Duration = Duration::from_secs(60);
/// How often progress is shown: five changes in five seconds are what Discord lets pass in a channel, with other things to
/// say there, too.
const PROGRESS: Duration = Duration::from_secs(2);
/// Of how many pieces of work a lane remembers where their progress is.
const PROGRESSES: usize = 64;

/// Files as Discord's library wants them.
pub(super) fn attachments(files: &[(String, Vec<u8>)]) -> Vec<CreateAttachment> {
    files.iter().map(|(name, content)| CreateAttachment::bytes(content.clone(), name.clone())).collect()
}

/// The way out.
pub(super) struct Desk {
    pub(super) http: Arc<Http>,
    pub(super) slots: Slots,
    notebook: Arc<dyn Notebook>,
    clock: Arc<dyn Clock>,
    tally: Arc<dyn Tally>,
    lanes: Mutex<HashMap<ChannelId, mpsc::Sender<Outgoing>>>,
    working: Mutex<JoinSet<()>>,
}

/// What a lane remembers of what it has shown.
#[derive(Default)]
struct Shown {
    /// The message that was answered last: an answer of several messages refers to it once.
    answered: Option<String>,
    /// The message that shows the progress of an event's work, and since when.
    progress: BTreeMap<String, (MessageId, Instant)>,
    /// The last progress of an event's work, if it came too soon after the one before.
    late: BTreeMap<String, Body>,
}

impl Shown {
    /// How long until a progress that came too soon can be shown; none if there is none.
    fn due(&self) -> Option<Duration> {
        let waits = |event| {
            self.progress.get(event).map_or(Duration::ZERO, |(_, since)| PROGRESS.saturating_sub(since.elapsed()))
        };
        self.late.keys().map(waits).min()
    }
}

impl Desk {
    /// A desk with nothing on it.
    pub(super) fn new(
        http: Arc<Http>,
        notebook: Arc<dyn Notebook>,
        clock: Arc<dyn Clock>,
        tally: Arc<dyn Tally>,
    ) -> Self {
        let (lanes, working) = (Mutex::default(), Mutex::default());
        Self { http, slots: Slots::default(), notebook, clock, tally, lanes, working }
    }

    /// Takes a reply to be delivered, now or when Discord is there again. Never waits.
    pub(super) fn take(self: &Arc<Self>, outgoing: Outgoing) {
        let Some(channel) = channel(&outgoing.conversation.channel) else {
            return self.lose(&outgoing, "its conversation is none of Discord's");
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let outgoing = match lanes.get(&channel) {
            None => outgoing,
            Some(lane) => match lane.try_send(outgoing) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Closed(outgoing)) => outgoing,
                Err(mpsc::error::TrySendError::Full(outgoing)) => {
                    return self.lose(&outgoing, "too much waits in its conversation");
                }
            },
        };
        lanes.retain(|_, lane| !lane.is_closed());
        if lanes.len() >= LANES {
            return self.lose(&outgoing, "replies wait in too many conversations");
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        // The first always has room.
        let _ = sender.try_send(outgoing);
        lanes.insert(channel, sender);
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        while working.try_join_next().is_some() {}
        working.spawn(Arc::clone(self).lane(channel, receiver));
    }

    /// Waits until everything is delivered, at most so long.
    pub(super) async fn clear(&self, grace: Duration) {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut working = std::mem::take(&mut *self.working.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while working.join_next().await.is_some() {} };
        if timeout(grace, all).await.is_err() {
            tracing::warn!(conversations = working.len(), "replies could not be delivered before the end");
        }
    }

    fn lose(&self, outgoing: &Outgoing, why: &str) {
        if !matches!(outgoing.reply, Reply::Progress(_) | Reply::Standing(_)) {
            self.tally.count(Counted::ReplyLost);
            tracing::error!(conversation = %outgoing.conversation, why, "a reply is lost");
        }
    }

    async fn lane(self: Arc<Self>, channel: ChannelId, mut waiting: mpsc::Receiver<Outgoing>) {
        let mut shown = Shown::default();
        loop {
            let outgoing = match timeout(shown.due().unwrap_or(IDLE), waiting.recv()).await {
                Ok(Some(outgoing)) => outgoing,
                Ok(None) => return,
                Err(_) if !shown.late.is_empty() => {
                    self.catch_up(channel, &mut shown).await;
                    continue;
                }
                Err(_) => {
                    // What came in at this moment is still delivered.
                    waiting.close();
                    continue;
                }
            };
            if let Err(refused) = self.deliver(channel, &mut shown, &outgoing).await {
                self.lose(&outgoing, &refused.to_string());
            }
        }
    }

    async fn deliver(&self, channel: ChannelId, shown: &mut Shown, outgoing: &Outgoing) -> Result<(), Refused> {
        let event = outgoing.answers.as_ref().map(|cause| cause.event.message.as_str());
        let slot = event.and_then(|event| self.slots.get(event));
        let asked = outgoing.answers.as_ref().and_then(|cause| cause.actor.id().parse().ok());
        let body = render(&outgoing.reply, asked);
        if !matches!(outgoing.reply, Reply::Progress(_)) {
            // What comes after it says more than how far it was.
            shown.late.remove(event.unwrap_or_default());
        }
        match &outgoing.reply {
            Reply::Form(form) => {
                let opened = match &slot {
                    Some(slot) => slot.open(&self.http, &body).await,
                    None => false,
                };
                if !opened {
                    let body = render(&Reply::text(Tone::Warning, form.instead.as_str()), asked);
                    self.say(channel, shown, outgoing, slot.as_deref(), &body).await?;
                }
            }
            Reply::Standing(card) => self.update(channel, card, slot.as_deref(), &body).await?,
            Reply::Progress(_) => self.progress(channel, shown, event, &body).await?,
            Reply::Text { .. } | Reply::Question { .. } => {
                self.say(channel, shown, outgoing, slot.as_deref(), &body).await?;
            }
            Reply::Card(card) => {
                let said = self.say(channel, shown, outgoing, slot.as_deref(), &body).await?;
                let message = said.message(&self.http).await?;
                self.replace(card, channel, message).await;
            }
        }
        Ok(())
    }

    /// In answer to the interaction, where that is the way to say it, else in a message.
    async fn say<'s>(
        &self,
        channel: ChannelId,
        shown: &mut Shown,
        outgoing: &Outgoing,
        slot: Option<&'s Slot>,
        body: &Body,
    ) -> Result<Said<'s>, Refused> {
        let mut said = None;
        if let Some(slot) = slot {
            // Whatever a token is not good for any more is said without it.
            said = slot.answer(&self.http, body, outgoing.private).await.unwrap_or_default();
        }
        let said = match said {
            Some(said) => said,
            None => {
                let event = outgoing.answers.as_ref().map(|cause| cause.event.message.as_str());
                let about = event.filter(|event| slot.is_none() && shown.answered.as_deref() != Some(*event));
                let message = self.post(channel, body, about).await?;
                shown.answered = event.map(str::to_owned);
                Said::As(message)
            }
        };
        if let Some(slot) = slot.filter(|slot| slot.kind != Kind::Command) {
            slot.defer(&self.http).await;
        }
        Ok(said)
    }

    /// A message, once, however often it has to be sent.
    async fn post(&self, channel: ChannelId, body: &Body, about: Option<&str>) -> Result<MessageId, Refused> {
        let mut json = body.json.clone();
        json["nonce"] = Uuid::new_v4().simple().to_string()[..25].into();
        json["enforce_nonce"] = true.into();
        if let Some(about) = about {
            json["message_reference"] = json!({ "message_id": about, "fail_if_not_exists": false });
        }
        let request = || self.http.send_message(channel, attachments(&body.files), &json);
        persist("a message", request).await.map(|message| message.id)
    }

    async fn edit(&self, channel: ChannelId, message: MessageId, body: &Body) -> Result<(), Refused> {
        let request = || self.http.edit_message(channel, message, &body.json, attachments(&body.files));
        match persist("a change", request).await {
            Ok(_) => Ok(()),
            // Somebody has deleted it: it needs no change any more.
            Err(refused) if refused.status == Some(404) => Ok(()),
            Err(refused) => Err(refused),
        }
    }

    /// What a card's message shows from now on. On the message that was pressed, at once.
    async fn update(&self, channel: ChannelId, card: &Card, slot: Option<&Slot>, body: &Body) -> Result<(), Refused> {
        let pressed = slot.and_then(Slot::pressed);
        // Whoever pressed a card shows where it is, even if nobody came to write that down.
        let known = self.where_is(card.proposal).await.or_else(|| pressed.map(|message| (channel, message)));
        if let (Some(slot), Some((_, message))) = (slot, known)
            && pressed == Some(message)
            && slot.update(&self.http, body).await
        {
            return Ok(());
        }
        match known {
            Some((channel, message)) => self.edit(channel, message, body).await,
            None => Ok(()),
        }
    }

    /// Remembers the message of a card; an older one of the same proposal loses its buttons.
    async fn replace(&self, card: &Card, channel: ChannelId, message: MessageId) {
        if let Some((channel, older)) = self.where_is(card.proposal).await.filter(|(_, older)| *older != message) {
            let body =
                Body { json: json!({ "components": [], "allowed_mentions": { "parse": [] } }), files: Vec::new() };
            if let Err(refused) = self.edit(channel, older, &body).await {
                tracing::warn!(%refused, "the buttons of an older card stay");
            }
        }
        let written = self.notebook.write(&key(card.proposal), &format!("{channel}/{message}"), self.clock.now()).await;
        if let Err(error) = written {
            tracing::error!(error = &error as &dyn std::error::Error, "where a card is could not be written down");
        }
    }

    /// The message of a proposal's card.
    async fn where_is(&self, proposal: ProposalId) -> Option<(ChannelId, MessageId)> {
        let place = self.notebook.read(&key(proposal)).await.unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "where a card is could not be read");
            None
        })?;
        let (channel, message) = place.split_once('/')?;
        Some((self::channel(channel)?, message.parse::<u64>().ok().filter(|id| *id > 0).map(MessageId::new)?))
    }

    /// Shows what came too soon and can be shown by now.
    async fn catch_up(&self, channel: ChannelId, shown: &mut Shown) {
        for (event, body) in std::mem::take(&mut shown.late) {
            // Progress that cannot be shown is no loss; one that still comes too soon is kept again.
            let _ = self.progress(channel, shown, Some(&event), &body).await;
        }
    }

    /// A later progress takes the place of an earlier one; one that comes too soon is shown a little later, if none follows.
    async fn progress(
        &self,
        channel: ChannelId,
        shown: &mut Shown,
        event: Option<&str>,
        body: &Body,
    ) -> Result<(), Refused> {
        let event = event.unwrap_or_default().to_owned();
        shown.late.remove(&event);
        match shown.progress.get(&event) {
            Some((_, since)) if since.elapsed() < PROGRESS => _ = shown.late.insert(event, body.clone()),
            Some((message, _)) => {
                let message = *message;
                self.edit(channel, message, body).await?;
                shown.progress.insert(event, (message, Instant::now()));
            }
            None => {
                // Of work that has long ended nobody asks any more.
                if shown.progress.len() >= PROGRESSES {
                    shown.progress.clear();
                }
                let message = self.post(channel, body, None).await?;
                shown.progress.insert(event, (message, Instant::now()));
            }
        }
        Ok(())
    }
}

fn key(proposal: ProposalId) -> String {
    format!("discord/card/{proposal}")
}

/// The channel of that id.
pub(super) fn channel(id: &str) -> Option<ChannelId> {
    id.parse::<u64>().ok().filter(|id| *id > 0).map(ChannelId::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_too_soon_is_due_when_its_time_has_come() {
        let mut shown = Shown::default();
        let event = || "m1".to_owned();
        shown.progress.insert(event(), (MessageId::new(7), Instant::now()));
        assert_eq!(shown.due(), None, "what was shown is shown");
        shown.late.insert(event(), Body { json: serde_json::Value::Null, files: Vec::new() });
        assert!(shown.due().is_some_and(|due| due > PROGRESS / 2 && due <= PROGRESS));
        // Of whose message nothing is remembered waits for nothing.
        shown.progress.clear();
        assert_eq!(shown.due(), Some(Duration::ZERO));
    }
}
