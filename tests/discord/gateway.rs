//! The gateway: what a bot is told, what it misses and catches up on, and how it is turned away.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value as Json, json};
use serenity::all::{Event, GatewayIntents, MessageType, RoleId};
use serenity::gateway::GatewayError;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::bot::{Bot, usual};
use crate::server::Discord;

#[test]
fn a_bot_is_told_of_the_guild() {
    let discord = Discord::start();
    let role = discord.add_role("operators");
    let thread = discord.add_thread(discord.channel());
    let bot = Bot::start(&discord);
    let ready =
        bot.next("ready", |event| if let Event::Ready(event) = event { Some(event.ready.clone()) } else { None });
    assert_eq!(ready.user.id.get(), discord.bot());
    assert_eq!(ready.application.id.get(), discord.bot());
    assert!(ready.resume_gateway_url.starts_with("ws://127.0.0.1:"));
    let guild =
        bot.next("guild", |event| if let Event::GuildCreate(event) = event { Some(event.guild.clone()) } else { None });
    assert_eq!(guild.id.get(), discord.guild());
    assert_eq!(guild.roles[&role.into()].name, "operators");
    assert!(guild.channels.contains_key(&discord.channel().into()));
    assert_eq!(guild.threads[0].id.get(), thread);
    assert!(guild.members.contains_key(&discord.bot().into()));
    assert_eq!(discord.gateway_intents(), Some(usual().bits()));

    let later = discord.add_channel();
    let told =
        bot.next(
            "channel",
            |event| if let Event::ChannelCreate(event) = event { Some(event.channel.id.get()) } else { None },
        );
    assert_eq!(told, later);
    let thread = discord.add_thread(later);
    let told = bot
        .next("thread", |event| if let Event::ThreadCreate(event) = event { Some(event.thread.clone()) } else { None });
    assert_eq!((told.id.get(), told.parent_id.map(|parent| parent.get())), (thread, Some(later)));
}

#[test]
fn people_are_heard() {
    let discord = Discord::start();
    let role = discord.add_role("operators");
    let alice = discord.add_member("alice", &[role]);
    let bot = Bot::start(&discord);
    let id = discord.say(discord.channel(), alice, &format!("<@{}> and <@&{role}>: hello", discord.bot()));
    let heard = bot.heard(id);
    assert_eq!((heard.author.id.get(), heard.author.name.as_str()), (alice, "alice"));
    assert_eq!(heard.guild_id.unwrap().get(), discord.guild());
    assert_eq!(heard.member.as_ref().unwrap().roles, [RoleId::new(role)]);
    assert_eq!(heard.mentions[0].id.get(), discord.bot());
    assert_eq!(heard.mention_roles, [RoleId::new(role)]);
    assert!(heard.timestamp.unix_timestamp() > 1_700_000_000);
    assert_eq!(heard.id.created_at().unix_timestamp(), heard.timestamp.unix_timestamp());

    discord.edit(discord.channel(), id, "something else");
    let edited =
        bot.next("edit", |event| if let Event::MessageUpdate(event) = event { Some(event.clone()) } else { None });
    assert_eq!(edited.content.as_deref(), Some("something else"));
    assert!(edited.edited_timestamp.is_some() && discord.messages(discord.channel())[0].edited);

    let relayed = discord.say_with(discord.channel(), alice, "from elsewhere", |message| {
        message["webhook_id"] = json!("77");
        let url = "http://127.0.0.1/a.txt";
        message["attachments"] = json!([{"id": "5", "filename": "a.txt", "size": 3, "url": url, "proxy_url": url}]);
        message["type"] = json!(19);
        message["message_reference"] =
            json!({"message_id": id.to_string(), "channel_id": discord.channel().to_string()});
    });
    let heard = bot.heard(relayed);
    assert_eq!(heard.webhook_id.unwrap().get(), 77);
    assert_eq!((heard.kind, heard.attachments.len()), (MessageType::InlineReply, 1));
    assert_eq!(heard.message_reference.unwrap().message_id.unwrap().get(), id);

    let direct = discord.direct(alice);
    assert_eq!(direct, discord.direct(alice));
    let heard = bot.heard(discord.say(direct, alice, "just between us"));
    assert_eq!((heard.channel_id.get(), heard.guild_id, heard.content.as_str()), (direct, None, "just between us"));
}

#[test]
fn intents_decide_what_is_heard() {
    let discord = Discord::start();
    let alice = discord.add_member("alice", &[]);
    let bot = Bot::new(&discord);
    bot.connect(GatewayIntents::GUILD_MESSAGES);
    discord.wait_connected();
    let direct = discord.direct(alice);
    discord.say(direct, alice, "not asked for");
    let hidden = discord.say(discord.channel(), alice, "secret");
    let text = format!("<@{}> for you", discord.bot());
    let shown = discord.say(discord.channel(), alice, &text);
    assert_eq!((bot.heard(hidden).content, bot.heard(shown).content), (String::new(), text));
    assert_eq!(bot.unheard(), [0; 0]);
}

#[test]
fn the_content_of_messages_can_be_forbidden() {
    let discord = Discord::start();
    discord.forbid_message_content();
    let alice = discord.add_member("alice", &[]);
    let bot = Bot::new(&discord);
    let flags = bot.run(bot.http.get_current_application_info()).unwrap().flags.unwrap();
    assert_eq!(flags.bits() & (0b11 << 18), 0);
    let error = bot.connect_in_vain(usual());
    assert!(matches!(error, serenity::Error::Gateway(GatewayError::DisallowedGatewayIntents)), "{error:?}");
    bot.connect(usual() - GatewayIntents::MESSAGE_CONTENT);
    discord.wait_connected();
    let direct = discord.direct(alice);
    let hidden = discord.say(discord.channel(), alice, "secret");
    let shown = discord.say(direct, alice, "for you");
    assert_eq!((bot.heard(hidden).content.as_str(), bot.heard(shown).content.as_str()), ("", "for you"));
}

/// What was said while the bot was away comes, and comes once.
fn catches_up(break_off: impl Fn(&Discord), renewed: bool) {
    let discord = Discord::start();
    let alice = discord.add_member("alice", &[]);
    let bot = Bot::start(&discord);
    let say = |text: &str| discord.say(discord.channel(), alice, text);
    bot.heard(say("one"));
    break_off(&discord);
    if renewed {
        discord.wait_connected();
        let count = |event: &Event| matches!(event, Event::Ready(_)).then_some(());
        bot.next("the first ready", count);
        bot.next("the second ready", count);
    }
    let missed = [say("two"), say("three")];
    discord.wait_connected();
    let last = say("four");
    missed.into_iter().chain([last]).for_each(|id| assert_eq!(bot.heard(id).id.get(), id));
    assert_eq!(bot.unheard(), [0; 0]);
}

#[test]
fn a_session_outlives_a_cut() {
    catches_up(Discord::cut, false);
}

#[test]
fn a_session_outlives_a_reconnect() {
    catches_up(Discord::reconnect, false);
}

#[test]
fn a_session_is_taken_up_again() {
    catches_up(|discord| discord.invalidate(true), false);
}

#[test]
fn a_session_that_is_over_is_replaced() {
    catches_up(|discord| discord.invalidate(false), true);
}

#[test]
fn while_it_is_down_nobody_gets_in() {
    let discord = Discord::start();
    let alice = discord.add_member("alice", &[]);
    let bot = Bot::start(&discord);
    discord.down(true);
    discord.cut();
    let error = bot.run(bot.http.get_current_user()).unwrap_err();
    assert_eq!(status(&error), 503);
    discord.say(discord.channel(), alice, "while you were away");
    let mut socket = Raw::try_connect(&discord.socket());
    assert!(socket.is_none(), "the gateway takes connections");
    discord.down(false);
    socket = Raw::try_connect(&discord.socket());
    assert!(socket.is_some());
    // Serenity gives its session up when a resume fails, and begins a new one.
    discord.wait_connected();
    assert!(bot.run(bot.http.get_current_user()).is_ok());
}

fn status(error: &serenity::Error) -> u16 {
    match error {
        serenity::Error::Http(error) => error.status_code().unwrap().as_u16(),
        other => panic!("expected an answer of REST, found {other:?}"),
    }
}

/// A client that says what the test says.
struct Raw {
    runtime: tokio::runtime::Runtime,
    socket: tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>,
}

impl Raw {
    fn try_connect(url: &str) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(url.trim_start_matches("ws://")).await.unwrap();
            tokio_tungstenite::client_async(format!("{url}/?v=10&encoding=json"), stream).await
        });
        Some(Self { socket: socket.ok()?.0, runtime })
    }

    fn say(&mut self, payload: &Json) {
        self.runtime.block_on(self.socket.send(Frame::Text(payload.to_string()))).unwrap();
    }

    /// The next payload, or the code of a close frame.
    fn hear(&mut self) -> Result<Json, u16> {
        match self.runtime.block_on(self.socket.next()).unwrap().unwrap() {
            Frame::Text(text) => Ok(serde_json::from_str(&text).unwrap()),
            Frame::Close(frame) => Err(frame.unwrap().code.into()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_gateway_keeps_its_protocol() {
    let discord = Discord::start();
    let properties = json!({"os": "linux", "browser": "x", "device": "x"});
    let identify = |token: &str| json!({"op": 2, "d": {"token": token, "intents": 1, "properties": properties}});
    let with = |key: &str, value: Json| {
        let mut payload = identify(discord.token());
        payload["d"][key] = value;
        payload
    };
    for (payload, code) in [
        (json!({"op": 3, "d": {}}), 4003),
        (json!({"op": 77}), 4001),
        (json!("nonsense"), 4002),
        (identify("MTIz.wrong.token"), 4004),
        (with("shard", json!([1, 1])), 4010),
        (with("intents", json!(1 << 30)), 4013),
        (json!({"op": 6, "d": {"token": "x", "session_id": "x", "seq": 1}}), 4004),
    ] {
        let mut raw = Raw::try_connect(&discord.socket()).unwrap();
        assert_eq!(raw.hear().unwrap()["op"], 10);
        raw.say(&payload);
        assert_eq!(raw.hear(), Err(code), "{payload}");
    }
    let mut raw = Raw::try_connect(&discord.socket()).unwrap();
    assert_eq!(raw.hear().unwrap()["d"]["heartbeat_interval"], 41_250);
    raw.say(&json!({"op": 1, "d": null}));
    assert_eq!(raw.hear().unwrap()["op"], 11);
    raw.say(&json!({"op": 6, "d": {"token": discord.token(), "session_id": "x", "seq": 1}}));
    let invalid = raw.hear().unwrap();
    assert_eq!((&invalid["op"], &invalid["d"]), (&json!(9), &json!(false)));
    raw.say(&identify(discord.token()));
    let ready = raw.hear().unwrap();
    assert_eq!((ready["t"].as_str(), &ready["s"]), (Some("READY"), &json!(1)));
    assert_eq!(raw.hear().unwrap()["t"], "GUILD_CREATE");
    raw.say(&identify(discord.token()));
    assert_eq!(raw.hear(), Err(4005));

    // Taken up again after the first event: the second comes once more.
    let mut raw = Raw::try_connect(&discord.socket()).unwrap();
    raw.hear().unwrap();
    raw.say(&json!({"op": 6, "d": {"token": discord.token(), "session_id": ready["d"]["session_id"], "seq": 1}}));
    assert_eq!(raw.hear().unwrap()["t"], "GUILD_CREATE");
    assert_eq!(raw.hear().unwrap()["t"], "RESUMED");
}
