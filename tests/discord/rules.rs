//! What Discord refuses is refused here, and told at the end: else a test against this server would prove little.

use serde_json::{Value as Json, json};
use serenity::http::HttpError;

use crate::bot::Bot;
use crate::server::Discord;

/// The places and codes that an answer complains of.
fn faults<T: std::fmt::Debug>(answer: serenity::Result<T>) -> Vec<(String, String)> {
    match answer {
        Ok(_) => Vec::new(),
        Err(serenity::Error::Http(HttpError::UnsuccessfulRequest(answer))) => {
            assert_eq!((answer.status_code.as_u16(), answer.error.code), (400, 50035), "{answer:?}");
            answer.error.errors.into_iter().map(|error| (error.path, error.code)).collect()
        }
        Err(other) => panic!("expected a refusal, found {other:?}"),
    }
}

/// A body is refused for that place and code, which is told; an empty code means that it is taken.
fn judged(discord: &Discord, body: &Json, place: &str, code: &str, answer: Vec<(String, String)>) {
    let short: String = body.to_string().chars().take(200).collect();
    let told = discord.violations();
    if code.is_empty() {
        assert!(answer.is_empty() && told.is_empty(), "{short}: refused with {answer:?}, {told:?}");
        return;
    }
    assert!(
        answer.contains(&(place.to_owned(), code.to_owned())),
        "{short}: expected {code} at `{place}`, found {answer:?}"
    );
    assert!(told.iter().any(|one| one.contains(code) && one.contains(place)), "{told:?}");
}

fn with_mentions(mut body: Json) -> Json {
    body["allowed_mentions"] = json!({"parse": []});
    body
}

fn embed(embed: Json) -> Json {
    json!({"embeds": [embed]})
}

fn rows(rows: &[Json]) -> Json {
    let rows: Vec<Json> = rows.iter().map(|parts| json!({"type": 1, "components": parts})).collect();
    json!({"embeds": [{"title": "x"}], "components": rows})
}

fn buttons(ids: std::ops::Range<usize>) -> Json {
    ids.map(|id| json!({"type": 2, "style": 1, "label": "x", "custom_id": id.to_string()})).collect()
}

fn menu(change: impl FnOnce(&mut Json)) -> Json {
    let mut menu = json!({"type": 3, "custom_id": "m", "options": [{"label": "a", "value": "a"}]});
    change(&mut menu);
    rows(&[json!([menu])])
}

fn long(characters: usize) -> String {
    // Characters, and neither bytes nor code units, are what counts.
    "é".repeat(characters)
}

#[test]
fn messages_keep_their_limits() {
    const LENGTH: &str = "BASE_TYPE_BAD_LENGTH";
    let discord = Discord::start();
    let bot = Bot::new(&discord);
    let options =
        |count: usize| -> Json { (0..count).map(|n| json!({"label": "x", "value": n.to_string()})).collect() };
    let fields = |count: usize| -> Json { (0..count).map(|_| json!({"name": "x", "value": "y"})).collect() };
    let url = json!({"type": 2, "style": 5, "label": "x", "custom_id": "x"});
    for (body, place, code) in [
        (with_mentions(json!({"content": long(2000)})), "", ""),
        (with_mentions(json!({"content": long(2001)})), "content", LENGTH),
        (json!({"content": "to whom?"}), "allowed_mentions", "HOUSE_RULE"),
        (json!({"embeds": (0..11).map(|_| json!({"title": "x"})).collect::<Json>()}), "embeds", LENGTH),
        (embed(json!({"title": long(256), "description": long(4096), "footer": {"text": long(1648)}})), "", ""),
        (embed(json!({"title": long(257)})), "embeds.0.title", LENGTH),
        (embed(json!({"description": long(4097)})), "embeds.0.description", LENGTH),
        (embed(json!({"footer": {"text": long(2049)}})), "embeds.0.footer.text", LENGTH),
        (embed(json!({"fields": fields(25)})), "", ""),
        (embed(json!({"fields": fields(26)})), "embeds.0.fields", LENGTH),
        (embed(json!({"fields": [{"name": "x", "value": ""}]})), "embeds.0.fields.0.value", LENGTH),
        (embed(json!({"fields": [{"name": long(257), "value": "y"}]})), "embeds.0.fields.0.name", LENGTH),
        (embed(json!({"fields": [{"name": "x", "value": long(1025)}]})), "embeds.0.fields.0.value", LENGTH),
        (
            json!({"embeds": [{"description": long(4000)}, {"description": long(2001)}]}),
            "embeds",
            "MAX_EMBED_SIZE_EXCEEDED",
        ),
        (rows(&[buttons(0..5), buttons(5..10), buttons(10..15), buttons(15..20), buttons(20..25)]), "", ""),
        (rows(&[buttons(0..6)]), "components.0.components", LENGTH),
        (rows(&(0..6).map(|n| buttons(n..n + 1)).collect::<Vec<_>>()), "components", LENGTH),
        (
            rows(&[buttons(0..2), buttons(1..3)]),
            "components.1.components.0.custom_id",
            "COMPONENT_CUSTOM_ID_DUPLICATED",
        ),
        (
            rows(&[json!([{"type": 2, "style": 1, "label": long(81), "custom_id": "x"}])]),
            "components.0.components.0.label",
            LENGTH,
        ),
        (
            rows(&[json!([{"type": 2, "style": 1, "label": "x", "custom_id": long(101)}])]),
            "components.0.components.0.custom_id",
            LENGTH,
        ),
        (
            rows(&[json!([{"type": 2, "style": 1, "label": "x"}])]),
            "components.0.components.0",
            "BUTTON_COMPONENT_INVALID",
        ),
        (rows(&[json!([url])]), "components.0.components.0", "BUTTON_COMPONENT_INVALID"),
        (menu(|menu| menu["options"] = options(25)), "", ""),
        (menu(|menu| menu["options"] = options(26)), "components.0.components.0.options", LENGTH),
        (menu(|menu| menu["options"] = options(0)), "components.0.components.0.options", LENGTH),
        (menu(|menu| menu["placeholder"] = json!(long(151))), "components.0.components.0.placeholder", LENGTH),
        (
            menu(|menu| menu["options"][0]["description"] = json!(long(101))),
            "components.0.components.0.options.0.description",
            LENGTH,
        ),
        (
            menu(|menu| menu["options"] = json!([{"label": "a", "value": "a"}, {"label": "b", "value": "a"}])),
            "components.0.components.0.options.1.value",
            "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
        ),
        (
            rows(&[json!([buttons(0..1)[0], {"type": 3, "custom_id": "m", "options": options(1)}])]),
            "components.0",
            "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
        ),
        (
            json!({"embeds": [{"title": "x"}], "attachments": [{"id": 0, "filename": "a"}]}),
            "attachments",
            "ATTACHMENT_NOT_FOUND",
        ),
    ] {
        let answer = bot.run(bot.http.send_message(discord.channel().into(), Vec::new(), &body));
        judged(&discord, &body, place, code, faults(answer));
    }
    let big = serenity::all::CreateAttachment::bytes(vec![0; (10 << 20) + 1], "big.bin");
    let answer = bot.run(bot.http.send_message(discord.channel().into(), vec![big], &json!({})));
    judged(&discord, &json!("big.bin"), "files", "FILE_TOO_LARGE", faults(answer));
    // An edit is held against the same.
    let sent =
        bot.run(bot.http.send_message(discord.channel().into(), Vec::new(), &embed(json!({"title": "x"})))).unwrap();
    let body = json!({"content": "to whom?"});
    let answer = bot.run(bot.http.edit_message(discord.channel().into(), sent.id, &body, Vec::new()));
    judged(&discord, &body, "allowed_mentions", "HOUSE_RULE", faults(answer));
}

#[test]
fn what_the_description_does_not_know_is_refused() {
    let discord = Discord::start();
    if !discord.is_described() {
        return;
    }
    let bot = Bot::new(&discord);
    for (body, place) in [
        (json!({"embeds": "none"}), "embeds"),
        (json!({"embeds": [{"title": "x", "color": "red"}]}), "embeds.0.color"),
        (with_mentions(json!({"content": 5})), "content"),
        (with_mentions(json!({"content": "x", "tts": "no"})), "tts"),
        (json!({"content": "x", "allowed_mentions": {"parse": ["people"]}}), "allowed_mentions.parse.0"),
        (rows(&[json!([{"type": 99, "custom_id": "x"}])]), "components.0.components.0"),
        (rows(&[json!([{"type": 2, "style": 9, "label": "x", "custom_id": "x"}])]), "components.0.components.0.style"),
    ] {
        let answer = bot.run(bot.http.send_message(discord.channel().into(), Vec::new(), &body));
        judged(&discord, &body, place, "SCHEMA", faults(answer));
    }
    // Neither are paths, methods and parameters.
    let asks = |path: &str, method: reqwest::Method| {
        bot.run(async {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let url = format!("{}/api/v10/{path}", discord.url());
            let request = reqwest::Client::new().request(method, url);
            request.header("authorization", format!("Bot {}", discord.token())).send().await.unwrap().status().as_u16()
        })
    };
    let channel = discord.channel();
    for (path, method) in [
        ("channels".to_owned(), reqwest::Method::GET),
        (format!("channels/{channel}/messages"), reqwest::Method::PUT),
        (format!("channels/{channel}/messages?limit=1000"), reqwest::Method::GET),
        (format!("channels/{channel}/messages?colour=red"), reqwest::Method::GET),
        ("channels/general/messages".to_owned(), reqwest::Method::GET),
    ] {
        assert_eq!(asks(&path, method), 400, "{path}");
        assert_eq!(discord.violations().len(), 1, "{path}");
    }
    assert_eq!(asks(&format!("channels/{channel}/messages?limit=100"), reqwest::Method::GET), 200);
    // What Discord could answer and this server cannot is told too.
    assert_eq!(asks(&format!("guilds/{}/bans", discord.guild()), reqwest::Method::GET), 501);
    assert_eq!(discord.violations().len(), 1);
}

#[test]
fn commands_keep_their_limits() {
    let discord = Discord::start();
    let bot = Bot::new(&discord);
    let named = |name: &str| json!({"name": name, "description": "x", "type": 1});
    let with = |options: Json| json!([{"name": "a", "description": "x", "type": 1, "options": options}]);
    let option =
        |name: &str, required: bool| json!({"type": 3, "name": name, "description": "x", "required": required});
    let choices = |count: usize, length: usize| -> Json {
        let choices: Json = (0..count).map(|n| json!({"name": long(length), "value": n.to_string()})).collect();
        json!([{"type": 3, "name": "o", "description": "x", "choices": choices}])
    };
    let many = |count: usize| -> Json { (0..count).map(|n| named(&format!("c{n}"))).collect() };
    let huge = |n: u64| {
        let mut option = choices(25, 90)[0].take();
        option["name"] = json!(format!("o{n}"));
        option
    };
    for (body, place, code) in [
        (many(100), "", ""),
        (many(101), "", "APPLICATION_COMMANDS_LIMIT"),
        (json!([named("größe-1_x")]), "", ""),
        (json!([named("Restart")]), "0.name", "APPLICATION_COMMAND_INVALID_NAME"),
        (json!([named("service.restart")]), "0.name", "APPLICATION_COMMAND_INVALID_NAME"),
        (json!([named("a"), named("a")]), "1.name", "APPLICATION_COMMANDS_DUPLICATE_NAME"),
        (json!([{"name": "a", "type": 1}]), "0.description", "BASE_TYPE_REQUIRED"),
        (json!([{"name": "a", "description": long(101), "type": 1}]), "0.description", "BASE_TYPE_BAD_LENGTH"),
        (with((0..26).map(|n| option(&format!("o{n}"), false)).collect()), "0.options", "BASE_TYPE_BAD_LENGTH"),
        (
            with(json!([option("a", false), option("b", true)])),
            "0.options",
            "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
        ),
        (
            with(json!([option("a", true), option("a", false)])),
            "0.options.1.name",
            "APPLICATION_COMMAND_OPTIONS_NAME_INVALID",
        ),
        (with(json!([option("A b", true)])), "0.options.0.name", "APPLICATION_COMMAND_INVALID_NAME"),
        (with(choices(25, 100)), "", ""),
        (with(choices(26, 1)), "0.options.0.choices", "BASE_TYPE_BAD_LENGTH"),
        (with(choices(1, 101)), "0.options.0.choices.0.name", "BASE_TYPE_BAD_LENGTH"),
        (with((0..4).map(huge).collect()), "0", "APPLICATION_COMMAND_TOO_LARGE"),
        (
            with(json!([{"type": 1, "name": "a", "description": "x"}, option("b", false)])),
            "0.options",
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
        ),
    ] {
        let answer = bot.run(bot.http.create_guild_commands(discord.guild().into(), &body));
        judged(&discord, &body, place, code, faults(answer));
    }
    bot.run(bot.http.create_guild_commands(discord.guild().into(), &many(100))).unwrap();
    let (one_more, known) = (named("more"), named("c7"));
    judged(&discord, &known, "", "", faults(bot.run(bot.http.create_guild_command(discord.guild().into(), &known))));
    let answer = bot.run(bot.http.create_guild_command(discord.guild().into(), &one_more));
    judged(&discord, &one_more, "", "APPLICATION_COMMANDS_LIMIT", faults(answer));
}

#[test]
fn answers_keep_their_limits() {
    let discord = Discord::start();
    let alice = discord.add_member("alice", &[]);
    let bot = Bot::start(&discord);
    let body = rows(&[buttons(0..1)]);
    let card = bot.run(bot.http.send_message(discord.channel().into(), Vec::new(), &body)).unwrap();
    let input = |change: fn(&mut Json)| {
        let mut input = json!({"type": 4, "style": 1, "label": "x", "custom_id": "i"});
        change(&mut input);
        json!({"type": 1, "components": [input]})
    };
    let modal = |title: usize, rows: &[Json]| {
        let data = json!({"title": long(title), "custom_id": "m", "components": rows});
        json!({"type": 9, "data": data})
    };
    let message = |data: Json| json!({"type": 4, "data": data});
    let interaction = discord.press(alice, card.id.get(), "0");
    let press = bot.next_press();
    for (body, place, code) in [
        (message(json!({"content": "to whom?"})), "data.allowed_mentions", "HOUSE_RULE"),
        (message(with_mentions(json!({"content": long(2001)}))), "data.content", "BASE_TYPE_BAD_LENGTH"),
        (modal(46, &[input(|_| ())]), "data.title", "BASE_TYPE_BAD_LENGTH"),
        (modal(1, &[]), "data.components", "BASE_TYPE_BAD_LENGTH"),
        (modal(1, &vec![input(|_| ()); 6]), "data.components", "BASE_TYPE_BAD_LENGTH"),
        (
            modal(1, &vec![input(|_| ()); 2]),
            "data.components.1.components.0.custom_id",
            "COMPONENT_CUSTOM_ID_DUPLICATED",
        ),
        (
            modal(1, &[input(|input| input["label"] = json!(long(46)))]),
            "data.components.0.components.0.label",
            "BASE_TYPE_BAD_LENGTH",
        ),
        (
            modal(1, &[input(|input| input["value"] = json!(long(4001)))]),
            "data.components.0.components.0.value",
            "BASE_TYPE_BAD_LENGTH",
        ),
        (json!({"type": 8, "data": {"choices": []}}), "type", "INTERACTION_CALLBACK_TYPE_INVALID"),
    ] {
        let answer = bot.run(bot.http.create_interaction_response(press.id, &press.token, &body, Vec::new()));
        let found = faults(answer);
        assert!(
            found.contains(&(place.to_owned(), code.to_owned())),
            "{body}: expected {code} at `{place}`, found {found:?}"
        );
        assert!(!discord.violations().is_empty());
    }
    assert!(interaction.answer(&discord).is_none(), "a refused answer is none");
    let choices: Json = (0..26).map(|n| json!({"name": "x", "value": n.to_string()})).collect();
    let body = json!({"type": 8, "data": {"choices": choices}});
    let found = faults(bot.run(bot.http.create_interaction_response(press.id, &press.token, &body, Vec::new())));
    assert!(found.iter().any(|(place, _)| place == "data.choices"), "{found:?}");
    let taken = modal(45, &[input(|input| input["label"] = json!(long(45)))]);
    bot.run(bot.http.create_interaction_response(press.id, &press.token, &taken, Vec::new())).unwrap();
    let body = json!({"content": "to whom?"});
    let found = faults(bot.run(bot.http.create_followup_message(&press.token, &body, Vec::new())));
    assert_eq!(found, [("allowed_mentions".to_owned(), "HOUSE_RULE".to_owned())]);
    discord.violations();
}

#[test]
#[should_panic(expected = "content is sent without `allowed_mentions`")]
fn what_nobody_took_is_told_in_the_end() {
    let discord = Discord::start();
    let bot = Bot::new(&discord);
    let _ = bot.run(bot.http.send_message(discord.channel().into(), Vec::new(), &json!({"content": "to whom?"})));
}
