//! The renderer: neutral replies as the JSON that Discord gets.

use serde_json::{Value as Json, json};

use super::commands::{commands, faults};
use super::hearing::Hearing;
use super::render::render;
use crate::domain::{
    Approvers, Asked, Card, Choice, ChoiceKind, Digest, Effect, Field, Form, Intent, IntentName, Intents, Parameter,
    ProposalId, Reply, Tone, ValueType,
};
use serenity::model::channel::Message;
use serenity::model::id::{ChannelId, GuildId, UserId};

const PROPOSAL: &str = "6f9619ff-8b86-4011-b42d-00cf4fc964ff";

fn card() -> Card {
    let proposal: ProposalId = PROPOSAL.parse().unwrap();
    Card {
        proposal,
        code: proposal.code(),
        digest: Digest::of([b"card".as_slice()]),
        summary: "Restart a service".to_owned(),
        command: "service.restart service=checkout".to_owned(),
        effect: Effect::Change,
        runs: "docker: POST /v1.41/containers/checkout/restart".to_owned(),
        preview: Some("checkout runs since 3 days".to_owned()),
        notes: vec!["this touches production".to_owned()],
        requester: "discord:80351110224678912".parse().unwrap(),
        approvers: Vec::new(),
        expires: "2026-11-21T22:19:02Z".parse().unwrap(),
        standing: None,
        choices: vec![
            Choice { kind: ChoiceKind::Confirm, label: "confirm: run it".to_owned() },
            Choice { kind: ChoiceKind::Cancel, label: "cancel: do nothing".to_owned() },
        ],
        editable: true,
    }
}

fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap()
}

#[test]
fn a_card() {
    let body = render(&Reply::Card(Box::new(card())), None);
    assert!(body.files.is_empty());
    insta::assert_snapshot!("card", pretty(&body.json));
}

#[test]
fn those_who_are_waited_for_are_pinged_if_the_policy_wants_it_and_nobody_else() {
    let approvers = |role: &str, pinged, members: &[&str]| {
        let members = members.iter().map(|member| member.parse().unwrap()).collect();
        Approvers { role: role.to_owned(), members, pinged }
    };
    let leads = ["discord:role:41771983423143937", "discord:*", "discord:80351110224678913", "console:*"];
    let approvers = vec![approvers("lead", true, &leads), approvers("operator", false, &["discord:80351110224678914"])];
    let card = Card { approvers, ..card() };
    let body = render(&Reply::Card(Box::new(card.clone())), None).json;
    assert_eq!(body["content"], "<@&41771983423143937> <@80351110224678913>");
    assert_eq!(
        body["allowed_mentions"],
        json!({ "parse": [], "replied_user": false, "roles": ["41771983423143937"], "users": ["80351110224678913"] })
    );
    let fields = body["embeds"][0]["fields"].as_array().unwrap();
    let shown: Vec<_> =
        fields.iter().filter(|field| field["name"] == "approvers").map(|field| &field["value"]).collect();
    assert_eq!(
        shown,
        [
            r"lead (<@&41771983423143937>, discord:\*, <@80351110224678913>, console:\*)",
            "operator (<@80351110224678914>)"
        ]
    );
    let body = render(&Reply::Standing(Box::new(card)), None).json;
    assert_eq!((&body["content"], &body["allowed_mentions"]["parse"]), (&json!(""), &json!([])), "once is enough");
    assert!(body["allowed_mentions"].get("roles").is_none());
}

#[test]
fn a_card_that_was_decided_has_no_buttons() {
    let standing = Some("done, yes from discord:80351110224678912".to_owned());
    let card = Card { standing, choices: Vec::new(), editable: false, ..card() };
    let body = render(&Reply::Standing(Box::new(card)), None);
    assert_eq!(body.json["components"], json!([]));
    let fields = body.json["embeds"][0]["fields"].as_array().unwrap();
    let last = fields.last().unwrap();
    assert_eq!((&last["name"], &last["value"]), (&json!("standing"), &json!("done, yes from <@80351110224678912>")));
}

#[test]
fn a_card_that_is_too_long_is_whole_in_files() {
    let (command, runs) = ("x".repeat(3_000), "y".repeat(3_000));
    let notes = vec!["z".repeat(1_000); 30];
    let body = render(&Reply::Card(Box::new(Card { command: command.clone(), runs, notes, ..card() })), None);
    let embed = &body.json["embeds"][0];
    let fields = embed["fields"].as_array().unwrap();
    let length = |text: &Json| text.as_str().unwrap().chars().count();
    assert!(fields.len() <= 25 && fields.iter().all(|field| length(&field["value"]) <= 1_024));
    let all: usize = fields.iter().map(|field| length(&field["name"]) + length(&field["value"])).sum();
    assert!(all + length(&embed["title"]) + length(&embed["footer"]["text"]) <= 6_000);
    let names: Vec<&str> = body.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["command.txt", "runs.txt", "card.txt"]);
    assert_eq!(body.files[0].1, command.as_bytes());
}

#[test]
fn sentences_and_outputs() {
    let text = |tone, text: &str, output: Option<&str>| {
        render(&Reply::Text { tone, text: text.to_owned(), output: output.map(str::to_owned) }, None)
    };
    let body = text(Tone::Bad, "it *failed*, @everyone", Some("a | b\n1 | 2"));
    insta::assert_snapshot!("text", pretty(&body.json));
    let long: String = (1..=100).map(|number| format!("line {number}\n")).collect();
    let body = text(Tone::Good, "done", Some(&long));
    let beginning: String = long.lines().take(25).map(|line| format!("{line}\n")).collect();
    assert_eq!(body.json["content"], format!("done\n```\n{beginning}```\n100 lines, whole in the file"));
    assert_eq!(body.files, [("output.txt".to_owned(), long.into_bytes())]);
    let body = text(Tone::Plain, &"word ".repeat(1_000), None);
    assert!(body.json["content"].as_str().unwrap().chars().count() <= 2_000);
    assert_eq!(body.files[0].1.len(), 5_000, "nothing is cut in silence");
}

#[test]
fn questions_have_buttons_or_a_menu() {
    let question = |options: &[&str]| {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        render(&Reply::Question { text: "Which service?".to_owned(), options }, Some(42)).json
    };
    assert_eq!(question(&[])["components"], json!([]));
    insta::assert_snapshot!("buttons", pretty(&question(&["checkout", "web"])));
    insta::assert_snapshot!(
        "menu",
        pretty(&question(&["service.restart service=web  Restart a service", "none of these"]))
    );
    let many: Vec<String> = (0..30).map(|number| format!("service-{number}")).collect();
    let many = question(&many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(many["components"][0]["components"][0]["options"].as_array().unwrap().len(), 25);
    assert!(many["content"].as_str().unwrap().ends_with("`service-28`\n`service-29`"), "the others can be typed");
}

#[test]
fn a_form() {
    let field =
        |name: &str, value: &str, required| Field { name: name.parse().unwrap(), value: value.to_owned(), required };
    let fields = vec![field("service", "checkout", true), field("dry_run", "", false)];
    let form = |title: &str, asked| {
        let (title, instead) = (title.to_owned(), String::new());
        let form = Form { proposal: PROPOSAL.parse().unwrap(), title, asked, instead };
        pretty(&render(&Reply::Form(Box::new(form)), None).json)
    };
    insta::assert_snapshot!("form", form("Restart a service", Asked::Arguments(fields)));
    let why = Asked::Reason { choice: ChoiceKind::BreakGlass, shown: Digest::of([]) };
    insta::assert_snapshot!("why", form("break-glass: why?", why));
}

fn intent(name: &str, parameters: Vec<Parameter>) -> Intent {
    let name: IntentName = name.parse().unwrap();
    Intent { name, summary: "Do it".to_owned(), effect: Effect::Change, parameters, one_of: Vec::new() }
}

fn parameter(name: &str, value_type: ValueType, required: bool) -> Parameter {
    let name = name.parse().unwrap();
    Parameter { name, value_type, required, ask: None, values: Vec::new(), implies: Vec::new(), whole_message: false }
}

#[test]
fn a_command_for_each_noun() {
    let entity = ValueType::Entity(crate::domain::EntityType::Service);
    let parameters = vec![
        parameter("replicas", ValueType::Integer, false),
        parameter("service", entity, true),
        parameter("dry_run", ValueType::Boolean, false),
    ];
    let intents: Intents =
        [intent("service.scale", parameters), intent("service.list", vec![]), intent("help.show", vec![])]
            .into_iter()
            .collect();
    assert_eq!(faults(&intents), [""; 0]);
    insta::assert_snapshot!("commands", pretty(&commands(&intents).into()));
}

#[test]
fn what_discord_would_refuse_is_said_before() {
    let many = (0..26).map(|number| parameter(&format!("p{number}"), ValueType::Text, false)).collect();
    let mut all = vec![intent("a.many", many), intent("a.a_verb_that_is_longer_than_thirty_two", vec![])];
    all.extend((0..101).map(|number| intent(&format!("noun{number}.do"), vec![])));
    all.extend((0..26).map(|number| intent(&format!("verbose.do{number}"), vec![])));
    let faults = faults(&all.into_iter().collect());
    assert_eq!(
        faults,
        [
            "Discord takes 100 commands, and the intents have 103 nouns",
            "Discord takes names of 32 characters, and `a_verb_that_is_longer_than_thirty_two` of `a.a_verb_that_is_longer_than_thirty_two` is longer",
            "Discord takes 25 options, and `a.many` has 26",
            "Discord takes 25 subcommands, and `verbose` has 26",
        ]
    );
}

/// A message as the gateway brings it.
fn message(change: impl FnOnce(&mut Json)) -> Message {
    let user = |id: &str| json!({ "id": id, "username": "somebody", "discriminator": "0", "global_name": null, "avatar": null });
    let mut json = json!({
        "id": "1", "channel_id": "10", "guild_id": "100", "author": user("7"), "content": "restart checkout",
        "timestamp": "2026-11-21T22:19:02Z", "edited_timestamp": null, "tts": false, "mention_everyone": false,
        "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "pinned": false, "type": 0,
    });
    change(&mut json);
    serde_json::from_value(json).unwrap()
}

#[test]
fn only_what_people_say_to_it_is_heard() {
    let hearing = Hearing::new(UserId::new(5), vec![GuildId::new(100)], [ChannelId::new(20)]);
    hearing.thread(ChannelId::new(21), Some(ChannelId::new(20)));
    hearing.thread(ChannelId::new(31), Some(ChannelId::new(30)));
    let said = |change: &dyn Fn(&mut Json)| hearing.heard(&message(change));
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(said(&|_| {}), None, "talk among people");
    assert_eq!(said(&|m| m["content"] = "<@5> restart checkout".into()), text("restart checkout"));
    assert_eq!(said(&|m| m["content"] = "hey <@!5>, restart checkout".into()), text("hey  , restart checkout"));
    assert_eq!(said(&|m| m["content"] = "<@5>".into()), None, "nothing is said");
    assert_eq!(said(&|m| m["guild_id"] = Json::Null), text("restart checkout"), "a direct message");
    assert_eq!(said(&|m| m["channel_id"] = "20".into()), text("restart checkout"));
    assert_eq!(said(&|m| m["channel_id"] = "21".into()), text("restart checkout"), "its thread");
    assert_eq!(said(&|m| m["channel_id"] = "31".into()), None, "the thread of another channel");
    let to = |id: &str| {
        let id = id.to_owned();
        move |m: &mut Json| {
            m["type"] = 19.into();
            let mut other = serde_json::to_value(message(|_| {})).unwrap();
            other["author"]["id"] = id.clone().into();
            m["referenced_message"] = other;
        }
    };
    assert_eq!(said(&to("5")), text("restart checkout"), "a reply to it");
    assert_eq!(said(&to("8")), None, "a reply to somebody else");
    assert_eq!(said(&|m| (to("8")(m), m["channel_id"] = "20".into()).1), None, "also where everything is heard");
    assert_eq!(
        said(&|m| (m["channel_id"] = "20".into(), m["content"] = "<@9> look".into()).1),
        None,
        "said to somebody else"
    );
    for nobody in [json!({ "bot": true }), json!({ "system": true }), json!({ "id": "5" })] {
        let change = |m: &mut Json| {
            m["guild_id"] = Json::Null;
            nobody.as_object().unwrap().iter().for_each(|(key, value)| m["author"][key] = value.clone());
        };
        assert_eq!(said(&change), None, "{nobody}");
    }
    assert_eq!(said(&|m| (m["content"] = "<@5> hi".into(), m["webhook_id"] = "9".into()).1), None);
    assert_eq!(said(&|m| (m["content"] = "<@5> hi".into(), m["guild_id"] = "101".into()).1), None, "another guild");
    assert_eq!(said(&|m| (m["content"] = "<@5> hi".into(), m["type"] = 7.into()).1), None, "somebody has joined");
}
