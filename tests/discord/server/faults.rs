//! What goes wrong at Discord, or with a bot's rights, when a test wants it to.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::Discord;
use super::gateway::Due;

impl Discord {
    /// Ends the gateway's connections without a close frame. Sessions can be resumed.
    pub(crate) fn cut(&self) {
        self.shared.change(|state| state.gateway.order(|| Due::Cut, false));
    }

    /// Tells the bot that its session is over (op 9), and whether it can take it up again.
    pub(crate) fn invalidate(&self, resumable: bool) {
        let payload = json!({"op": 9, "d": resumable, "s": null, "t": null}).to_string();
        self.shared.change(|state| state.gateway.order(|| Due::Send(Frame::Text(payload.clone())), !resumable));
    }

    /// Tells the bot to connect anew and to resume (op 7).
    pub(crate) fn reconnect(&self) {
        let payload = json!({"op": 7, "d": null, "s": null, "t": null}).to_string();
        self.shared.change(|state| state.gateway.order(|| Due::Send(Frame::Text(payload.clone())), false));
    }

    /// While it is down, REST answers 503 with a page in HTML, and the gateway takes no connection; those that are there
    /// stay, unless they are [`Self::cut`].
    pub(crate) fn down(&self, down: bool) {
        self.shared.change(|state| state.faults.down = down);
    }

    /// Answers the next so many requests with 429, those that answer interactions excepted. `retry_after` is in seconds;
    /// the header tells it in whole ones, rounded up, as Discord does.
    pub(crate) fn limit(&self, next: usize, retry_after: f64) {
        self.shared.change(|state| (state.faults.limited, state.faults.retry_after) = (next, retry_after));
    }

    /// Takes the bot's access to a channel: 403 with code 50001. It still hears what is said there.
    pub(crate) fn deny(&self, channel: u64) {
        self.shared.change(|state| state.faults.denied.insert(channel));
    }

    /// Answers whoever asks for a member with 503, or no longer.
    pub(crate) fn withhold_members(&self, withheld: bool) {
        self.shared.change(|state| state.faults.members_withheld = withheld);
    }

    /// Takes the privileged intent for the content of messages from the bot.
    pub(crate) fn forbid_message_content(&self) {
        self.shared.change(|state| state.faults.content_forbidden = true);
    }

    /// As the bot identified last, whether it was let in or not.
    pub(crate) fn gateway_intents(&self) -> Option<u64> {
        self.shared.look(|state| state.gateway.intents)
    }
}
