//! `[chat.discord]`: the bot on Discord. Without it, nothing is said there.

use std::num::NonZeroU64;

use super::sections::Discord;
use super::server::{read_secret, required};
use crate::catalogue::Item;

/// All of `[chat.discord]`; none if something of it cannot be read, which is noted.
pub(super) fn read_discord(item: &Item<'_>) -> Option<Discord> {
    let mut table = item.table()?;
    let token = required(item, table.get("token"), "token = { secret = \"DISCORD_TOKEN\" }");
    let guilds = table.get("guilds").map(|guilds| read_ids(&guilds)).unwrap_or_default();
    let listen = table.get("listen").map(|listen| read_ids(&listen)).unwrap_or_default();
    let proxy = table.get("proxy").and_then(|proxy| {
        proxy.parse(|text| {
            let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
            match host.filter(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' '])) {
                Some(_) => Ok(text.to_owned()),
                None => Err(format!("expected `http://` or `https://` and a host, found `{text}`")),
            }
        })
    });
    table.finish();
    let token = token.and_then(|token| read_secret(&token, "DISCORD_TOKEN"));
    Some(Discord { token: token?, guilds, listen, proxy })
}

/// Discord's ids: numbers, in quotation marks because they are longer than TOML's numbers need be.
fn read_ids(item: &Item<'_>) -> Vec<NonZeroU64> {
    let ids = item.list().unwrap_or_default();
    let read = |id: &Item<'_>| {
        id.parse(|text| {
            text.parse()
                .map_err(|_| format!("expected an id of Discord such as `\"80351110224678912\"`, found `{text}`"))
        })
    };
    ids.iter().filter_map(read).collect()
}
