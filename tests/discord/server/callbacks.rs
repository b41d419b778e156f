//! Answers to interactions, and the messages that go with their tokens.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::messages::{Circumstances, EPHEMERAL, LOADING};
use super::refusal::Refusal;
use super::rest::{Answer, Call};
use super::state::{DEADLINE, Deal, State, flake};

/// Kinds of interactions.
/// Source: docs.discord.com/developers/interactions/receiving-and-responding, "Interaction Type".
pub(super) const COMMAND: u64 = 2;
pub(super) const COMPONENT: u64 = 3;
pub(super) const COMPLETION: u64 = 4;
pub(super) const MODAL: u64 = 5;

/// Kinds of answers. Source: the same page, "Interaction Callback Type".
mod answers {
    pub(super) const MESSAGE: u64 = 4;
    pub(super) const DEFERRED_MESSAGE: u64 = 5;
    pub(super) const DEFERRED_UPDATE: u64 = 6;
    pub(super) const UPDATE: u64 = 7;
    pub(super) const CHOICES: u64 = 8;
    pub(super) const MODAL: u64 = 9;
}

/// Whether an interaction can be answered like that.
fn allows(deal: &Deal, answer: u64) -> bool {
    use answers::{CHOICES, DEFERRED_MESSAGE, DEFERRED_UPDATE, MESSAGE, MODAL as OPEN_MODAL, UPDATE};
    match answer {
        MESSAGE | DEFERRED_MESSAGE => deal.kind != COMPLETION,
        DEFERRED_UPDATE | UPDATE => deal.message.is_some(),
        CHOICES => deal.kind == COMPLETION,
        OPEN_MODAL => matches!(deal.kind, COMMAND | COMPONENT),
        _ => false,
    }
}

impl State {
    /// The first answer to an interaction, in three seconds, once.
    pub(super) fn callback(&mut self, id: u64, token: &str, call: &Call) -> Answer {
        let deal = self.deals.get_mut(&id).filter(|deal| deal.token == token);
        let deal = deal.ok_or_else(|| Refusal::unknown("interaction"))?;
        if deal.answer.is_some() {
            let text = "Interaction has already been acknowledged.";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, 40060, text));
        }
        if call.at.duration_since(deal.asked) > DEADLINE {
            deal.missed = true;
            return Err(Refusal::unknown("interaction"));
        }
        let kind = call.body["type"].as_u64().unwrap_or_default();
        if !allows(deal, kind) {
            let message = format!("an interaction of type {} cannot be answered with type {kind}", deal.kind);
            self.violations.push(message.clone());
            return Err(Refusal::invalid("type", "INTERACTION_CALLBACK_TYPE_INVALID", &message));
        }
        let deal = deal.clone();
        let original = self.carry_out(&deal, kind, call)?;
        let answered = self.deals.get_mut(&id).expect("found above");
        answered.answer = Some(call.body.clone());
        answered.original = original;
        if call.query("with_response") != Some("true") {
            return Ok((StatusCode::NO_CONTENT, Json::Null));
        }
        let mut told =
            json!({"interaction": {"id": flake(id), "type": deal.kind, "response_message_ephemeral": false}});
        if let Some(message) = original.filter(|_| kind != answers::DEFERRED_UPDATE) {
            let json = self.message_json(message);
            told["interaction"]["response_message_id"] = json["id"].clone();
            told["resource"] = json!({"type": kind, "message": json});
        }
        Ok((StatusCode::OK, told))
    }

    /// Does what an answer says: the message that `@original` stands for from now on.
    fn carry_out(&mut self, deal: &Deal, kind: u64, call: &Call) -> Result<Option<u64>, Refusal> {
        let data = &call.body["data"];
        match kind {
            answers::MESSAGE | answers::DEFERRED_MESSAGE => {
                let loading = kind == answers::DEFERRED_MESSAGE;
                let at = self.by_token(deal, data, loading);
                self.post(&at, data, &call.files).map(Some)
            }
            answers::UPDATE => {
                let message = deal.message.expect("allowed only then");
                self.amend(message, data, &call.files)?;
                Ok(Some(message))
            }
            answers::DEFERRED_UPDATE => Ok(deal.message),
            _ => Ok(None),
        }
    }

    fn by_token(&self, deal: &Deal, data: &Json, loading: bool) -> Circumstances {
        let hidden = data["flags"].as_u64().unwrap_or(0) & EPHEMERAL != 0;
        let kind = if deal.kind == COMMAND && deal.original.is_none() { 20 } else { 0 };
        Circumstances {
            channel: deal.channel,
            kind,
            ephemeral_for: hidden.then_some(deal.user),
            by_token: true,
            loading,
        }
    }

    /// What is done with an interaction's token after the first answer.
    pub(super) fn webhook_route(&mut self, method: &str, app: u64, token: &str, rest: &[&str], call: &Call) -> Answer {
        let unknown = || Refusal::new(StatusCode::NOT_FOUND, 10015, "Unknown Webhook");
        let (id, deal) = self.deals.iter().find(|(_, deal)| deal.token == token).ok_or_else(unknown)?;
        let (id, deal) = (*id, deal.clone());
        if app != self.bot || deal.answer.is_none() {
            return Err(unknown());
        }
        if deal.expired {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, 50027, "Invalid Webhook Token"));
        }
        let message = match rest {
            ["messages", "@original"] => deal.original,
            ["messages", message] => {
                let own = |id: &u64| deal.original == Some(*id) || deal.followups.contains(id);
                message.parse().ok().filter(own)
            }
            _ => None,
        };
        match (method, rest, message.filter(|message| self.messages.contains_key(message))) {
            ("POST", [], _) => self.follow_up(id, &deal, call),
            (_, ["messages", _], None) => Err(Refusal::unknown("Message")),
            ("GET", ["messages", _], Some(message)) => Ok((StatusCode::OK, self.message_json(message))),
            ("PATCH", ["messages", _], Some(message)) => {
                self.amend(message, &call.body, &call.files)?;
                Ok((StatusCode::OK, self.message_json(message)))
            }
            ("DELETE", ["messages", _], Some(message)) => {
                self.remove(message);
                Ok((StatusCode::NO_CONTENT, Json::Null))
            }
            _ => Err(self.unmade(call)),
        }
    }

    /// A follow-up; the first one after a deferred answer takes its place, and is seen by whom that was for.
    fn follow_up(&mut self, id: u64, deal: &Deal, call: &Call) -> Answer {
        let waits = |posted: &super::state::Posted| posted.json["flags"].as_u64().unwrap_or(0) & LOADING != 0;
        let loading = deal.original.filter(|original| self.messages.get(original).is_some_and(waits));
        let message = match loading {
            Some(original) => {
                self.amend(original, &call.body, &call.files)?;
                original
            }
            None => {
                let at = self.by_token(deal, &call.body, false);
                let message = self.post(&at, &call.body, &call.files)?;
                self.deals.get_mut(&id).expect("known").followups.push(message);
                message
            }
        };
        Ok((StatusCode::OK, self.message_json(message)))
    }
}
