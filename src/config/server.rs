//! `[server]`: where machines are listened to, and the webhooks. No port is opened without it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::catalogue::{Item, suggestion};
use crate::chat::console::Console;
use crate::chat::discord;
use crate::domain::ConversationId;
use crate::server::WebhookKind;

/// Where machines are listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The address; port 0 means any that is free.
    pub listen: SocketAddr,
    /// `[server.webhooks.<name>]`: each is a path.
    pub webhooks: BTreeMap<String, Webhook>,
}

/// A door for one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Who calls.
    pub kind: WebhookKind,
    /// The variable that holds the token which the caller must know.
    pub token: String,
    /// Where it is told.
    pub conversation: ConversationId,
}

/// All of `[server]`; none if something of it cannot be read, which is noted.
pub(super) fn read_server(item: &Item<'_>) -> Option<Server> {
    let mut table = item.table()?;
    let listen = required(item, table.get("listen"), "listen = \"127.0.0.1:8770\"");
    let listen = listen.and_then(|listen| {
        listen.parse(|text| {
            let expected = |_| format!("expected an address and a port such as `127.0.0.1:8770`, found `{text}`");
            text.parse().map_err(expected)
        })
    });
    let webhooks = table.get("webhooks").and_then(|webhooks| webhooks.table());
    table.finish();
    let webhooks = webhooks.map(|mut webhooks| webhooks.rest()).unwrap_or_default();
    let webhooks = webhooks.into_iter().filter_map(|(name, webhook)| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        if name.text.is_empty() || !name.text.chars().all(fits) {
            let message =
                format!("invalid name of a webhook `{}`, expected a lower-case word: it is a path", name.text);
            webhook.document().error(name.span.start, message, None);
        }
        Some((name.text.to_owned(), read_webhook(&webhook)?))
    });
    let webhooks = webhooks.collect();
    Some(Server { listen: listen?, webhooks })
}

/// `[server.webhooks.main]`
fn read_webhook(item: &Item<'_>) -> Option<Webhook> {
    let mut table = item.table()?;
    let kind = required(item, table.get("kind"), "kind = \"alertmanager\"");
    let token = required(item, table.get("token"), "token = { secret = \"SAYSO_WEBHOOK_TOKEN\" }");
    let conversation = required(item, table.get("conversation"), "conversation = \"console:main\"");
    table.finish();
    let kind = kind.and_then(|kind| kind.word(&[("alertmanager", WebhookKind::Alertmanager)]));
    let token = token.and_then(|token| read_secret(&token, "SAYSO_WEBHOOK_TOKEN"));
    let conversation = conversation.and_then(|conversation| read_conversation(&conversation));
    Some(Webhook { kind: kind?, token: token?, conversation: conversation? })
}

/// `{ secret = "SAYSO_WEBHOOK_TOKEN" }`: the name of a variable, such as the example. What is written in its place may be
/// the secret itself, and is not repeated.
pub(super) fn read_secret(item: &Item<'_>, example: &str) -> Option<String> {
    let mut table = item.table()?;
    let variable = required(item, table.get("secret"), &format!("secret = \"{example}\""));
    table.finish();
    variable?.parse(|name| {
        let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let is_name = !name.is_empty() && name.chars().all(fits);
        if is_name { Ok(name.to_owned()) } else { Err("expected the name of an environment variable, such as `TOKEN`") }
    })
}

/// A conversation that somebody can hear: that of the console, or a channel of Discord.
pub(super) fn read_conversation(item: &Item<'_>) -> Option<ConversationId> {
    let written = item.string()?;
    let conversation = item.parse(str::parse::<ConversationId>)?;
    let known = Console::conversation();
    let of_discord =
        conversation.platform == discord::PLATFORM && conversation.channel.parse::<u64>().is_ok_and(|id| id > 0);
    if conversation != known && !of_discord {
        let message = format!("`{}`: nobody hears what is said in `{conversation}`", item.path());
        let hint = suggestion(written.text, [known.to_string().as_str()].into_iter());
        item.document().error(item.span.start, message, hint);
        return None;
    }
    Some(conversation)
}

/// A key that has no default.
pub(super) fn required<'d>(owner: &Item<'_>, item: Option<Item<'d>>, example: &str) -> Option<Item<'d>> {
    if item.is_none() {
        let name = example.split(' ').next().unwrap_or_default();
        let message = format!("`{}` has no `{name}`", owner.path());
        owner.document().error(owner.key_span.start, message, Some(format!("write `{example}`")));
    }
    item
}
