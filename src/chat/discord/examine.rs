//! Who we are on Discord, and what is missing there: each fault with its remedy.

use serenity::http::Http;
use serenity::model::application::ApplicationFlags;
use serenity::model::channel::{Channel, GuildChannel};
use serenity::model::id::{ApplicationId, ChannelId, UserId};
use serenity::model::permissions::Permissions;

use super::DiscordError;
use super::patience::{Refused, persist};

/// All that the bot needs, and no more.
const LEAST: Permissions = Permissions::VIEW_CHANNEL
    .union(Permissions::SEND_MESSAGES)
    .union(Permissions::SEND_MESSAGES_IN_THREADS)
    .union(Permissions::EMBED_LINKS)
    .union(Permissions::ATTACH_FILES)
    .union(Permissions::READ_MESSAGE_HISTORY);

/// The bot's own account.
pub(super) struct Account {
    pub(super) me: UserId,
    pub(super) application: ApplicationId,
    /// Whether it may read what is said without its name.
    pub(super) reads: bool,
}

/// Waits until Discord says who we are.
pub(super) async fn account(http: &Http) -> Result<Account, DiscordError> {
    let refused = |refused: Refused| match refused.status {
        Some(401) => DiscordError::Token,
        _ => DiscordError::Refused(refused.to_string()),
    };
    let me = persist("who we are", || http.get_current_user()).await.map_err(refused)?.id;
    let application = persist("our application", || http.get_current_application_info()).await.map_err(refused)?;
    http.set_application_id(application.id);
    let flags = application.flags.unwrap_or(ApplicationFlags::empty());
    let reading = ApplicationFlags::GATEWAY_MESSAGE_CONTENT | ApplicationFlags::GATEWAY_MESSAGE_CONTENT_LIMITED;
    Ok(Account { me, application: application.id, reads: flags.intersects(reading) })
}

/// The address at which somebody lets the bot into a guild, with the least permissions.
pub(super) fn invitation(application: ApplicationId) -> String {
    format!(
        "https://discord.com/oauth2/authorize?client_id={application}&scope=bot+applications.commands&permissions={}",
        LEAST.bits()
    )
}

/// What keeps the bot from a channel, in one sentence; none if nothing does.
pub(super) async fn fault_of(http: &Http, me: UserId, channel: ChannelId) -> Option<String> {
    let channel = match persist("a channel", || http.get_channel(channel)).await {
        Ok(Channel::Guild(channel)) => channel,
        Ok(_) => return Some(format!("`{channel}` is no channel of a guild; name one in `[chat.discord]`")),
        Err(refused) => return Some(format!("the channel `{channel}` cannot be seen: {refused}")),
    };
    match missing(http, me, &channel).await {
        Ok(missing) if missing.is_empty() => None,
        Ok(missing) => Some(format!(
            "the bot lacks permissions in #{}: {}; give them to its role there, or follow the link of `sayso discord invite`",
            channel.name,
            missing.get_permission_names().join(", ")
        )),
        Err(refused) => Some(format!("the permissions in #{} cannot be read: {refused}", channel.name)),
    }
}

async fn missing(http: &Http, me: UserId, channel: &GuildChannel) -> Result<Permissions, Refused> {
    let guild = persist("a guild", || http.get_guild(channel.guild_id)).await?;
    let member = persist("our membership", || http.get_member(channel.guild_id, me)).await?;
    Ok(LEAST.difference(guild.user_permissions_in(channel, &member)))
}
