//! Interactions that wait for their answer: within three seconds, and with a token that lives a quarter of an hour.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use serenity::http::Http;
use serenity::model::id::{InteractionId, MessageId};
use tokio::time::Instant;

use super::patience::{Refused, persist};
use super::render::Body;

/// How long an answer is waited for before Discord is told that it takes longer. Discord itself waits three seconds.
const PROMPT: Duration = Duration::from_millis(1_000);
/// A form can only be the first answer, so that there is nothing to say before.
const PROMPT_FORM: Duration = Duration::from_millis(2_500);
/// How long a token is good for, with a minute to spare.
const TOKEN: Duration = Duration::from_secs(14 * 60);
/// How many are remembered at most.
const REMEMBERED: usize = 4_096;
/// `EPHEMERAL`: shown to one person.
pub(super) const EPHEMERAL: u64 = 1 << 6;

/// What was done to cause an interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A slash command: its first answer takes the place of "… is thinking".
    Command,
    /// A component of this message.
    Component(Option<MessageId>),
    /// A component that wants a form.
    WantsForm,
    /// A form that came from this message. It cannot be answered by another form.
    Form(Option<MessageId>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    Not,
    Deferred,
    Done,
}

/// One interaction.
pub(super) struct Slot {
    id: InteractionId,
    token: String,
    pub(super) kind: Kind,
    since: Instant,
    answered: tokio::sync::Mutex<Answered>,
}

impl Slot {
    fn is_alive(&self) -> bool {
        self.since.elapsed() < TOKEN
    }

    async fn respond(&self, http: &Http, kind: u8, data: Json, files: &[(String, Vec<u8>)]) -> bool {
        let response = if data.is_null() { json!({ "type": kind }) } else { json!({ "type": kind, "data": data }) };
        // Not tried again and again: in three seconds it is over, and what there is to say is said in a message.
        let request =
            http.create_interaction_response(self.id, &self.token, &response, super::desk::attachments(files));
        match tokio::time::timeout(PROMPT_FORM, request).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "an interaction could not be answered");
                false
            }
            Err(_) => false,
        }
    }

    /// Says that it takes longer, if nothing has been said.
    pub(super) async fn defer(&self, http: &Http) {
        let mut answered = self.answered.lock().await;
        if *answered == Answered::Not {
            let kind = if self.kind == Kind::Command { 5 } else { 6 };
            *answered =
                if self.respond(http, kind, Json::Null, &[]).await { Answered::Deferred } else { Answered::Done };
        }
    }

    /// The message that was pressed on.
    pub(super) fn pressed(&self) -> Option<MessageId> {
        match self.kind {
            Kind::Component(message) | Kind::Form(message) => message,
            Kind::Command | Kind::WantsForm => None,
        }
    }

    /// Opens a form. Whether it could be opened: only the first answer can be one, and to a component.
    pub(super) async fn open(&self, http: &Http, form: &Body) -> bool {
        let mut answered = self.answered.lock().await;
        if *answered != Answered::Not || !matches!(self.kind, Kind::Component(_) | Kind::WantsForm) {
            return false;
        }
        *answered = Answered::Done;
        self.respond(http, 9, form.json.clone(), &[]).await
    }

    /// The message that was pressed on, as it is now. Whether it could be shown that way.
    pub(super) async fn update(&self, http: &Http, body: &Body) -> bool {
        let mut answered = self.answered.lock().await;
        if *answered != Answered::Not {
            return false;
        }
        *answered = Answered::Done;
        self.respond(http, 7, body.json.clone(), &body.files).await
    }

    /// Answers, if this is the way to: a command is answered once, and whatever concerns one person alone is shown to them.
    /// Everything else is better said in a message, which needs no token. None if it is not said yet; else what asks for the
    /// message's id.
    pub(super) async fn answer(&self, http: &Http, body: &Body, private: bool) -> Result<Option<Said<'_>>, Refused> {
        let mut answered = self.answered.lock().await;
        let mut json = body.json.clone();
        if private {
            json["flags"] = (json["flags"].as_u64().unwrap_or_default() | EPHEMERAL).into();
        }
        let command = self.kind == Kind::Command;
        match *answered {
            Answered::Not if command || private => {
                *answered = Answered::Done;
                Ok(self.respond(http, 4, json, &body.files).await.then_some(Said::AsOriginalOf(self)))
            }
            Answered::Deferred if command && self.is_alive() => {
                *answered = Answered::Done;
                let request = || {
                    http.edit_original_interaction_response(
                        &self.token,
                        &body.json,
                        super::desk::attachments(&body.files),
                    )
                };
                persist("an answer", request).await.map(|message| Some(Said::As(message.id)))
            }
            Answered::Deferred | Answered::Done if private && self.is_alive() => {
                let request =
                    || http.create_followup_message(&self.token, &json, super::desk::attachments(&body.files));
                persist("an answer", request).await.map(|message| Some(Said::As(message.id)))
            }
            _ => Ok(None),
        }
    }
}

/// How something was said.
pub(super) enum Said<'a> {
    /// As this message.
    As(MessageId),
    /// As the first answer to this interaction: Discord tells the message only to whoever asks.
    AsOriginalOf(&'a Slot),
}

impl Said<'_> {
    /// The message in which it was said.
    pub(super) async fn message(self, http: &Http) -> Result<MessageId, Refused> {
        match self {
            Self::As(message) => Ok(message),
            Self::AsOriginalOf(slot) => {
                let original = persist("an answer", || http.get_original_interaction_response(&slot.token)).await?;
                Ok(original.id)
            }
        }
    }
}

/// All that wait, by the interaction's id.
#[derive(Default)]
pub(super) struct Slots(Mutex<HashMap<String, Arc<Slot>>>);

impl Slots {
    /// A new one, which is deferred unless it is answered in time.
    pub(super) fn open(&self, http: &Arc<Http>, id: InteractionId, token: &str, kind: Kind) {
        let slot = Arc::new(Slot {
            id,
            token: token.to_owned(),
            kind,
            since: Instant::now(),
            answered: tokio::sync::Mutex::new(Answered::Not),
        });
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= REMEMBERED {
            slots.retain(|_, slot| slot.is_alive());
        }
        // Without a slot it is answered by messages.
        if slots.len() < REMEMBERED {
            slots.insert(id.to_string(), Arc::clone(&slot));
        }
        drop(slots);
        let http = Arc::clone(http);
        let prompt = if kind == Kind::WantsForm { PROMPT_FORM } else { PROMPT };
        tokio::spawn(async move {
            tokio::time::sleep(prompt).await;
            slot.defer(&http).await;
        });
    }

    /// The one of that id.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}
