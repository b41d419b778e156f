//! REST: what can be read, and what becomes of messages; who is turned away, and how.

use serde_json::{Value as Json, json};
use serenity::all::{
    AutoArchiveDuration, ChannelId, ChannelType, CreateActionRow, CreateAllowedMentions, CreateAttachment,
    CreateButton, CreateEmbed, CreateMessage, CreateSelectMenu, CreateSelectMenuKind, CreateSelectMenuOption,
    CreateThread, EditAttachments, EditMessage, GetMessages, GuildId, UserId,
};
use serenity::http::HttpError;

use crate::bot::{Bot, http};
use crate::server::Discord;

/// Status, code and message of a refusal.
pub(crate) fn refused<T: std::fmt::Debug>(answer: serenity::Result<T>) -> (u16, i64) {
    match answer.unwrap_err() {
        serenity::Error::Http(HttpError::UnsuccessfulRequest(answer)) => {
            (answer.status_code.as_u16(), i64::try_from(answer.error.code).unwrap())
        }
        other => panic!("expected a refusal, found {other:?}"),
    }
}

pub(crate) fn nobody() -> CreateAllowedMentions {
    CreateAllowedMentions::new()
}

fn said(text: &str) -> CreateMessage {
    CreateMessage::new().content(text).allowed_mentions(nobody())
}

#[test]
fn all_that_is_read_is_understood() {
    let discord = Discord::start();
    let role = discord.add_role("operators");
    let alice = discord.add_member("alice", &[role]);
    let (thread, direct) = (discord.add_thread(discord.channel()), discord.direct(alice));
    let bot = Bot::new(&discord);
    let (http, guild) = (&bot.http, GuildId::new(discord.guild()));
    bot.run(async {
        assert!(http.get_gateway().await.unwrap().url.starts_with("ws://"));
        assert_eq!(http.get_bot_gateway().await.unwrap().shards, 1);
        let own = http.get_current_user().await.unwrap();
        assert!(own.id.get() == discord.bot() && own.bot);
        let application = http.get_current_application_info().await.unwrap();
        assert!(application.id.get() == discord.bot() && application.flags.unwrap().bits() & (1 << 19) != 0);
        assert_eq!(http.get_guilds(None, None).await.unwrap()[0].id, guild);
        assert_eq!(http.get_guild(guild).await.unwrap().roles[&role.into()].name, "operators");
        assert_eq!(http.get_guild_roles(guild).await.unwrap().len(), 3);
        assert_eq!(http.get_member(guild, alice.into()).await.unwrap().roles, [serenity::all::RoleId::new(role)]);
        assert_eq!(http.get_user(alice.into()).await.unwrap().name, "alice");
        assert_eq!(http.get_channels(guild).await.unwrap().len(), 1);
        assert_eq!(http.get_guild_active_threads(guild).await.unwrap().threads[0].id.get(), thread);
        let kind = async |channel: u64| match http.get_channel(channel.into()).await.unwrap() {
            serenity::all::Channel::Guild(channel) => channel.kind,
            serenity::all::Channel::Private(channel) => channel.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(discord.channel()).await, ChannelType::Text);
        assert_eq!(kind(thread).await, ChannelType::PublicThread);
        assert_eq!(kind(direct).await, ChannelType::Private);
        assert_eq!(UserId::new(alice).create_dm_channel(http).await.unwrap().id.get(), direct);
        http.broadcast_typing(direct.into()).await.unwrap();
        assert_eq!(refused(http.get_member(guild, 1.into()).await), (404, 10007));
        assert_eq!(refused(http.get_guild(1.into()).await), (404, 10004));
        assert_eq!(refused(http.get_channel(1.into()).await), (404, 10003));
        assert_eq!(refused(http.get_user(1.into()).await), (404, 10013));
        assert_eq!(refused(http.get_message(direct.into(), 1.into()).await), (404, 10008));
    });
    discord.set_roles(alice, &[]);
    assert!(bot.run(http.get_member(guild, alice.into())).unwrap().roles.is_empty());
    assert_eq!(discord.deviations(), [""; 0]);
}

#[test]
fn messages_live() {
    let discord = Discord::start();
    let alice = discord.add_member("alice", &[]);
    let bot = Bot::start(&discord);
    let (http, channel) = (&bot.http, ChannelId::new(discord.channel()));
    let question = discord.say(discord.channel(), alice, "what is up?");
    let options =
        vec![CreateSelectMenuOption::new("One", "1").description("the first"), CreateSelectMenuOption::new("Two", "2")];
    let rows = vec![
        CreateActionRow::Buttons(vec![
            CreateButton::new("go").label("Go"),
            CreateButton::new("no").label("No").disabled(true),
            CreateButton::new_link("https://example.com/").label("Read"),
        ]),
        CreateActionRow::SelectMenu(
            CreateSelectMenu::new("which", CreateSelectMenuKind::String { options }).placeholder("Which?"),
        ),
    ];
    let embed = CreateEmbed::new().title("Title").description("Text").field("Name", "Value", true).colour(0xFF_0000);
    let created = bot.run(async {
        let message = said(&format!("<@{alice}> look"))
            .reference_message((channel, question.into()))
            .embed(embed)
            .components(rows)
            .add_file(CreateAttachment::bytes(b"abc".to_vec(), "log.txt"))
            .add_file(CreateAttachment::bytes(vec![0; 5], "zeros.bin"));
        channel.send_message(http, message).await.unwrap()
    });
    // The bot hears itself, as on Discord.
    assert_eq!(bot.heard(created.id.get()).author.id.get(), discord.bot());
    assert_eq!(created.embeds[0].fields[0].value, "Value");
    assert_eq!(created.attachments.iter().map(|file| file.size).collect::<Vec<_>>(), [3, 5]);
    assert_eq!(bot.run(created.attachments[0].download()).unwrap(), b"abc");
    let seen = discord.messages(discord.channel()).pop().unwrap();
    assert_eq!((seen.id, seen.author, seen.reference), (created.id.get(), discord.bot(), Some(question)));
    assert_eq!(seen.buttons(), [("Go".into(), "go".into(), false), ("No".into(), "no".into(), true)]);
    assert_eq!(seen.menus(), [("which".into(), vec![("One".into(), "1".into()), ("Two".into(), "2".into())])]);
    assert_eq!(seen.files, [("log.txt".into(), b"abc".to_vec()), ("zeros.bin".into(), vec![0; 5])]);
    assert_eq!((seen.mentions.clone(), seen.edited), (vec![], false), "nobody was allowed to be pinged");

    bot.run(async {
        let kept = EditAttachments::keep_all(&created).remove(created.attachments[1].id);
        let edit = EditMessage::new().content("later").allowed_mentions(nobody()).components(vec![]).attachments(kept);
        let edited = channel.edit_message(http, created.id, edit).await.unwrap();
        assert_eq!((edited.content.as_str(), edited.embeds.len(), edited.components.len()), ("later", 1, 0));
        assert!(edited.edited_timestamp.is_some());
        assert_eq!(http.get_message(channel, created.id).await.unwrap().content, "later");
        let second = channel.send_message(http, said("second")).await.unwrap();
        let listed = channel.messages(http, GetMessages::new().limit(2)).await.unwrap();
        assert_eq!(listed.iter().map(|message| message.id).collect::<Vec<_>>(), [second.id, created.id]);
        let listed = channel.messages(http, GetMessages::new().after(created.id)).await.unwrap();
        assert_eq!(listed.iter().map(|message| message.id).collect::<Vec<_>>(), [second.id]);
        let listed = channel.messages(http, GetMessages::new().before(created.id)).await.unwrap();
        assert_eq!(listed.iter().map(|message| message.id.get()).collect::<Vec<_>>(), [question]);
        channel.delete_message(http, second.id).await.unwrap();
        assert_eq!(refused(http.get_message(channel, second.id).await), (404, 10008));
        let edit = EditMessage::new().content("mine").allowed_mentions(nobody());
        assert_eq!(refused(channel.edit_message(http, question, edit).await), (403, 50005));
        assert_eq!(refused(channel.delete_message(http, question).await), (403, 50013));
        assert_eq!(refused(channel.send_message(http, CreateMessage::new()).await), (400, 50006));
        let reply = said("to nothing").reference_message((channel, 5.into()));
        assert_eq!(refused(channel.send_message(http, reply).await), (400, 50035));
    });
    let seen = discord.messages(discord.channel());
    assert_eq!(seen.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(), ["what is up?", "later"]);
    assert_eq!(seen[1].files, [("log.txt".into(), b"abc".to_vec())]);
    assert!(seen[1].edited);
    assert_eq!(discord.deviations(), [""; 0]);
}

#[test]
fn pings_are_those_that_were_allowed() {
    let discord = Discord::start();
    let role = discord.add_role("operators");
    let alice = discord.add_member("alice", &[role]);
    let bot = Bot::new(&discord);
    let text = format!("@everyone <@{alice}> <@&{role}>");
    let channel = ChannelId::new(discord.channel());
    let pinged = |allowed: CreateAllowedMentions| {
        let message = CreateMessage::new().content(&text).allowed_mentions(allowed);
        let id = bot.run(channel.send_message(&bot.http, message)).unwrap().id.get();
        let seen = discord.messages(discord.channel()).into_iter().find(|message| message.id == id).unwrap();
        (seen.mentions, seen.mentions_everyone)
    };
    assert_eq!(pinged(nobody()), (vec![], false));
    assert_eq!(pinged(nobody().users([alice])), (vec![alice], false));
    assert_eq!(pinged(nobody().all_users(true).all_roles(true).everyone(true)), (vec![alice, role], true));
}

#[test]
fn a_nonce_makes_a_retry_harmless() {
    let discord = Discord::start();
    let bot = Bot::new(&discord);
    let send = || {
        let message = said("once").nonce(serenity::all::Nonce::String("n-1".to_owned())).enforce_nonce(true);
        bot.run(ChannelId::new(discord.channel()).send_message(&bot.http, message)).unwrap().id
    };
    assert_eq!(send(), send());
    assert_eq!(discord.messages(discord.channel()).len(), 1);
}

#[test]
fn threads_are_opened() {
    let discord = Discord::start();
    let alice = discord.add_member("alice", &[]);
    let bot = Bot::new(&discord);
    let channel = ChannelId::new(discord.channel());
    let message = discord.say(discord.channel(), alice, "trouble");
    bot.run(async {
        let of_message = CreateThread::new("incident").auto_archive_duration(AutoArchiveDuration::OneDay);
        let thread = channel.create_thread_from_message(&bot.http, message, of_message.clone()).await.unwrap();
        assert_eq!((thread.id.get(), thread.kind), (message, ChannelType::PublicThread));
        assert_eq!(refused(channel.create_thread_from_message(&bot.http, message, of_message).await), (400, 160_004));
        let alone = CreateThread::new("alone").kind(ChannelType::PublicThread);
        let alone = channel.create_thread(&bot.http, alone).await.unwrap();
        alone.id.send_message(&bot.http, said("in here")).await.unwrap();
        thread.id.send_message(&bot.http, said("and here")).await.unwrap();
        assert_eq!(discord.messages(alone.id.get())[0].content, "in here");
        assert_eq!(discord.messages(thread.id.get())[0].content, "and here");
        let deep = CreateThread::new("deep").kind(ChannelType::PublicThread);
        assert_eq!(refused(thread.id.create_thread(&bot.http, deep).await), (400, 50024));
    });
    assert_eq!(discord.deviations(), [""; 0]);
}

#[test]
fn the_door_is_kept() {
    let discord = Discord::start();
    let bot = Bot::new(&discord);
    let channel = ChannelId::new(discord.channel());
    let stranger = http(&discord, "MTIz.wrong.token");
    assert_eq!(refused(bot.run(stranger.get_current_user())), (401, 0));

    discord.deny(discord.channel());
    assert_eq!(refused(bot.run(channel.send_message(&bot.http, said("let me in")))), (403, 50001));
    let other = ChannelId::new(discord.add_channel());
    bot.run(other.send_message(&bot.http, said("hello"))).unwrap();

    discord.limit(2, 0.25);
    let url = format!("{}/api/v10/users/@me", discord.url());
    let limited = get(&bot, &url, discord.token());
    assert_eq!((limited.0, &limited.2["retry_after"], &limited.2["global"]), (429, &json!(0.25), &json!(false)));
    assert_eq!(limited.1["retry-after"], "1");
    assert_eq!(limited.1["x-ratelimit-remaining"], "0");
    assert_eq!(limited.1["x-ratelimit-scope"], "user");
    assert_eq!(get(&bot, &url, discord.token()).0, 429);
    let free = get(&bot, &url, discord.token());
    assert_eq!(free.0, 200);
    for name in ["bucket", "limit", "remaining", "reset-after"] {
        assert!(free.1.contains_key(format!("x-ratelimit-{name}")), "{name}");
    }
    assert_eq!(get(&bot, &url.replace("v10", "v9"), discord.token()).0, 200);
    assert_eq!(get(&bot, &url.replace("v10", "v3"), discord.token()).0, 404);

    let statuses: Vec<u16> = discord.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [401, 403, 200, 429, 429, 200, 200, 404]);
    let request = &discord.requests()[1];
    assert_eq!((request.method.as_str(), request.body["content"].as_str()), ("POST", Some("let me in")));
    assert_eq!(request.path, format!("/api/v10/channels/{channel}/messages"));
}

fn get(bot: &Bot, url: &str, token: &str) -> (u16, reqwest::header::HeaderMap, Json) {
    bot.run(async {
        // Nothing here is encrypted, and the library wants to know how.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new().get(url).header("authorization", format!("Bot {token}"));
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    })
}
