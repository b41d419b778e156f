//! What people see: asked in words or by a slash, a card, a press, and what became of it.

use std::io::Write as _;

use serde_json::json;

use crate::harness::{FEW_INTENTS, HOST, Home, Platform, SAYSO, Sleeper};
use crate::story::{Story, WEBHOOK, button, shown};

#[test]
fn asked_by_name_it_answers_and_talk_among_people_is_left_alone() {
    let story = Story::begin();
    let discord = &story.discord;
    discord.say(discord.channel(), story.alice, "how full is the disk?");
    discord.say_with(discord.channel(), story.alice, "how full is the disk?", |message| {
        message["author"]["bot"] = true.into();
    });
    let edited = story.ask(story.alice, "good morning");
    discord.edit(discord.channel(), edited, &format!("<@{}> how full is the disk?", discord.bot()));
    let asked = story.ask(story.alice, "how full is the disk?");
    let answer = story.hear(0, "% full");
    assert_eq!(answer.reference, Some(asked), "nothing before it was answered");
    assert!(answer.mentions.is_empty() && !answer.mentions_everyone);
    // A direct message, a channel in which everything is meant for it, and its thread need no name.
    let thread = discord.add_thread(story.ops);
    for channel in [discord.direct(story.alice), story.ops, thread] {
        let asked = discord.say(channel, story.alice, "how full is the disk?");
        assert_eq!(story.hear_in(channel, asked, "% full").reference, Some(asked));
    }
}

#[test]
fn a_card_is_pressed_and_shows_what_became_of_it() {
    let story = Story::begin();
    let mut sleeper = Sleeper::start();
    story.ask(story.alice, &format!("pls kill {} its stuck", sleeper.pid()));
    let card = story.hear(0, "Kill a process · destructive");
    let text = shown(&card);
    for part in ["process.kill pid=", "now: ```", "sleep", &format!("asked by: <@{}>", story.alice), "until: <t:"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // What cannot be undone needs somebody else's yes; whoever's does not count is told alone.
    story.press(story.alice, &card, "approve");
    assert!(shown(&story.whisper(story.alice, "nobody approves their own proposal")).contains("does not count"));
    assert!(sleeper.is_alive());
    let press = story.press(story.bob, &card, "approve");
    story.hear(card.id, "has ended");
    assert!(!sleeper.is_alive());
    let after = story.becomes(&card, &format!("standing: done, yes from <@{}>", story.bob));
    assert!(after.buttons().is_empty(), "{}", shown(&after));
    // The same press once more, as a network may bring it.
    story.discord.again(&press);
    let trail = story.home.trail();
    assert_eq!(trail.iter().filter(|kind| *kind == "execution_started").count(), 1, "{trail:?}");
}

#[test]
fn slash_commands_are_the_catalogue_and_are_registered_once() {
    let mut story = Story::begin();
    let guild = story.discord.guild();
    let commands = story.discord.commands(Some(guild));
    let service = commands.iter().find(|command| command["name"] == "service").unwrap();
    let verbs = service["options"].as_array().unwrap();
    let restart = verbs.iter().find(|verb| verb["name"] == "restart").unwrap();
    assert_eq!(
        (&restart["options"][0]["name"], &restart["options"][0]["required"], &restart["options"][0]["autocomplete"]),
        (&json!("service"), &json!(true), &json!(true))
    );
    let channel = story.discord.channel();
    let slash = story.discord.slash(channel, story.alice, &["host", "disk"], &[("path", json!("/"))]);
    let answer = story.answer(&slash);
    assert_eq!(answer["type"], 4);
    assert!(answer["data"]["content"].as_str().unwrap().contains("% full"), "{answer}");
    story.crash();
    let puts = story.discord.requests().iter().filter(|request| request.method == "PUT").count();
    assert_eq!(puts, 1, "nothing has changed");
}

#[test]
fn edited_intents_are_registered_anew() {
    let story =
        Story::with(|configuration| Home::small(&format!("{configuration}\n[integrations]\nenabled = [\"sayso\"]\n")));
    let guild = story.discord.guild();
    let described = || {
        let commands = story.discord.commands(Some(guild));
        let proposal = commands.into_iter().find(|command| command["name"] == "proposal").unwrap();
        proposal["options"][0]["description"].as_str().unwrap().to_owned()
    };
    let (before, list) = (described(), FEW_INTENTS[2].1);
    let summary = list.lines().find(|line| line.starts_with("summary")).unwrap();
    assert_eq!(before, format!("{} (read)", summary.split('"').nth(1).unwrap()));
    story.home.write("intents/proposal.list.toml", "a file that somebody is about to write");
    story.discord.wait("a complaint", |_| story.log().contains("intents/proposal.list.toml").then_some(()));
    assert_eq!(described(), before);
    let named_here: Vec<_> = list.lines().filter(|line| !line.contains("](intent")).collect();
    let edited = named_here.join("\n").replace(summary, "summary = \"What nobody has decided\"");
    story.home.write("intents/proposal.list.toml", &edited);
    story.discord.wait("other commands", |_| (described() == "What nobody has decided (read)").then_some(()));
    let slash = story.discord.slash(story.discord.channel(), story.alice, &["proposal", "list"], &[]);
    assert!(story.answer(&slash)["data"]["content"].as_str().unwrap().contains("Nothing waits for a decision."));
    let registrations = story.discord.requests().iter().filter(|request| request.method == "PUT").count();
    assert_eq!(registrations, 2);
}

#[test]
fn names_are_completed_for_those_who_may_ask() {
    let platform = Platform::start();
    let story = Story::serving(&platform);
    let channel = story.discord.channel();
    let complete = |user: u64, typed: &str| {
        let options = [("service", json!(typed))];
        story.discord.complete(channel, user, &["service", "restart"], &options, "service")
    };
    assert_eq!(complete(story.alice, "che"), [json!({ "name": "checkout", "value": "checkout" })]);
    assert_eq!(complete(story.alice, "check-"), [json!({ "name": "checkout (check-out)", "value": "checkout" })]);
    assert_eq!(complete(story.alice, "").len(), 2);
    let stranger = story.discord.add_member("mallory", &[]);
    assert_eq!(complete(stranger, ""), Vec::<serde_json::Value>::new());
}

#[test]
fn what_is_missing_is_asked_and_an_answer_is_pressed() {
    let platform = Platform::start();
    let story = Story::serving(&platform);
    story.ask(story.alice, "restart it");
    let question = story.hear(0, "Which service");
    // The question is alice's.
    let other = story.press(story.bob, &question, "web");
    assert!(story.answer(&other)["data"]["content"].as_str().unwrap().contains("That question was for"));
    story.press(story.alice, &question, "web");
    let card = story.hear(question.id, "service.restart service=web");
    story.press(story.alice, &card, "confirm");
    let (line, stream) = platform.request();
    assert!(line.starts_with("POST /services/web/restart"), "{line}");
    Platform::done(stream);
    story.hear(card.id, "web was restarted");
}

#[test]
fn a_form_edits_what_is_proposed_and_the_old_card_is_void() {
    let platform = Platform::start();
    let story = Story::serving(&platform);
    story.ask(story.alice, "service.restart service=web");
    let card = story.hear(0, "service.restart service=web");
    let old = button(&card, "confirm");
    let edit = story.press(story.alice, &card, "edit");
    let form = story.answer(&edit);
    assert_eq!(form["type"], 9);
    let modal = &form["data"];
    assert_eq!(modal["components"][0]["components"][0]["value"], "web");
    story.discord.submit(story.alice, &form, &[("service", "checkout"), ("environment", ""), ("host", "")]);
    let new = story.hear(card.id, "service.restart service=checkout");
    let before = story.discord.wait("an old card without buttons", |discord| {
        discord.messages(card.channel).into_iter().find(|other| other.id == card.id && other.buttons().is_empty())
    });
    assert_ne!((before.id, old), (new.id, button(&new, "confirm")));
    story.press(story.alice, &new, "confirm");
    let (line, stream) = platform.request();
    assert!(line.starts_with("POST /services/checkout/restart"), "{line}");
    Platform::done(stream);
    story.hear(new.id, "checkout was restarted");
    story.becomes(&new, "standing: done");
}

#[test]
fn long_output_is_whole_in_a_file() {
    let story = Story::with(|configuration| {
        let enabled = "[integrations]\nenabled = [\"host\", \"sayso\", \"many\"]\n";
        let home = Home::bare(&format!("{configuration}\n{enabled}"));
        home.write("integrations/host.toml", HOST);
        home.write("integrations/sayso.toml", SAYSO);
        let manifest = "summary = \"Many\"\n[actions.list]\nimplements = \"service.list\"\n\
            parameters.environment = { ignored = true }\nprocess.argv = [\"seq\", \"1\", \"500\"]\n\
            summary = \"many\"\nreply = \"{{ stdout }}\"\n";
        home.write("integrations/many.toml", manifest);
        home
    });
    story.ask(story.alice, "service.list");
    let answer = story.hear(0, "500 lines, whole in the file");
    let (name, content) = &answer.files[0];
    assert_eq!((name.as_str(), content.split(|byte| *byte == b'\n').nth(499)), ("output.txt", Some(b"500".as_slice())));
}

#[test]
fn roles_are_those_of_discord_at_the_moment() {
    let story = Story::begin();
    let mut sleeper = Sleeper::start();
    let stranger = story.discord.add_member("mallory", &[]);
    let asked = story.ask(stranger, &format!("process.kill pid={}", sleeper.pid()));
    story.hear(asked, "denied by policy");
    let asked = story.ask(story.alice, &format!("process.kill pid={}", sleeper.pid()));
    let card = story.hear(asked, "Kill a process");
    let still = story.discord.add_member("trent", &[]);
    story.press(still, &card, "approve");
    story.whisper(still, "does not permit it");
    story.discord.set_roles(stranger, &[story.operators]);
    // Whoever asked is asked about once more at the moment of running, though they say nothing themselves.
    story.discord.set_roles(story.alice, &[]);
    story.press(stranger, &card, "approve");
    story.hear(card.id, "has 1 yes; it needs more");
    assert!(sleeper.is_alive());
}

#[test]
fn roles_that_cannot_be_looked_up_do_not_count() {
    let mut sleeper = Sleeper::start();
    let story = Story::begin();
    let line = format!("process.kill pid={}", sleeper.pid());
    let asked = story.ask(story.alice, &line);
    let card = story.hear(asked, "Kill a process");
    story.discord.withhold_members(true);
    story.press(story.bob, &card, "approve");
    story.whisper(story.bob, &format!("What roles `discord:{}` has cannot be found out", story.alice));
    story.hear(card.id, "has 1 yes; it needs more");
    // Nor do those that were known before, where nothing else tells of them.
    let direct = story.discord.direct(story.bob);
    let asked = story.discord.say(direct, story.bob, &line);
    story.hear_in(direct, asked, "cannot be found out");
    story.hear_in(direct, asked, "denied by policy");
    assert!(sleeper.is_alive());
    story.discord.withhold_members(false);
    story.press(story.bob, &card, "approve");
    story.hear(card.id, "has ended");
    assert!(!sleeper.is_alive());
}

#[test]
fn a_direct_message_counts_with_the_roles_of_the_guild() {
    let mut story = Story::begin();
    let sleeper = Sleeper::start();
    let direct = story.discord.direct(story.alice);
    story.crash();
    let asked = story.discord.say(direct, story.alice, &format!("process.kill pid={}", sleeper.pid()));
    story.hear_in(direct, asked, "Kill a process");
}

#[test]
fn what_runs_can_be_stopped_on_its_card() {
    let platform = Platform::start();
    let story = Story::serving(&platform);
    story.ask(story.alice, "restart web");
    let card = story.hear(0, "service.restart service=web");
    story.press(story.alice, &card, "confirm");
    let (_, stream) = platform.request();
    let running = story.becomes(&card, "standing: running");
    story.press(story.alice, &running, "stop it");
    story.hear(card.id, "is being stopped");
    drop(stream);
    assert!(story.becomes(&card, "standing: unknown").buttons().is_empty());
}

#[test]
fn what_is_said_mentions_nobody() {
    let story = Story::begin();
    let asked = story.ask(story.alice, "service.restart service=\"@everyone **x** <@1>\"");
    let answer = story.discord.wait("an answer", |discord| {
        let mut messages = discord.messages(discord.channel()).into_iter();
        messages.find(|message| message.id > asked && message.author == discord.bot())
    });
    assert!(answer.mentions.is_empty() && !answer.mentions_everyone, "{}", shown(&answer));
}

#[test]
fn a_reason_is_asked_for_by_a_form() {
    let platform = Platform::start();
    let story = Story::with(|configuration| {
        let home = platform.home(configuration);
        home.write("policies/default.cedar", include_str!("../../policies/default.cedar"));
        home.write(
            "policies/team.cedar",
            "@id(\"say-why\")\nforbid (principal, action in [Action::\"confirm\", Action::\"approve\"], resource) unless { \
             context has reason };",
        );
        home
    });
    story.ask(story.alice, "restart web");
    let card = story.hear(0, "service.restart service=web");
    let form = story.answer(&story.press(story.alice, &card, "confirm"));
    assert_eq!((&form["type"], &form["data"]["title"]), (&json!(9), &json!("confirm: why?")));
    assert!(!platform.is_asked());
    // Blanks are no reason, and a form cannot answer a form: then it is said.
    story.discord.submit(story.alice, &form, &[("reason", "  ")]);
    story.whisper(story.alice, "a reason is needed (say-why)");
    story.discord.submit(story.alice, &form, &[("reason", "it leaks memory")]);
    let (line, stream) = platform.request();
    assert!(line.starts_with("POST /services/web/restart"), "{line}");
    Platform::done(stream);
    story.hear(card.id, "web was restarted");
    story.becomes(&card, "standing: done");
    let events = story.home.audit(&["list"]);
    assert!(events.iter().any(|event| event["kind"] == "reason_given" && event["reason"] == "it leaks memory"));
}

#[test]
fn a_card_names_who_may_approve_and_pings_them_where_the_policy_wants_it() {
    let platform = Platform::start();
    let mut lead = 0;
    let story = Story::with(|configuration| {
        lead = configuration.split("discord:role:").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        let home = platform.home(configuration);
        home.write("policies/default.cedar", include_str!("../../policies/default.cedar"));
        home.write(
            "policies/team.cedar",
            "@id(\"say-so-at-once\") @ping\npermit (principal in Role::\"operator\", action == Action::\"approve\", \
             resource) when { resource.production };",
        );
        home
    });
    let asked = story.ask(story.alice, "restart web in prod");
    let card = story.hear(asked, "service.restart service=web environment=production");
    assert!(shown(&card).contains(&format!("approvers: operator (<@&{lead}>)")), "{}", shown(&card));
    assert_eq!((card.mentions.as_slice(), card.mentions_everyone), (&[lead][..], false));
    story.press(story.bob, &card, "approve");
    let (line, stream) = platform.request();
    assert!(line.starts_with("POST /services/web/restart"), "{line}");
    Platform::done(stream);
    story.hear(card.id, "web was restarted");
    // What waits for nobody else pings nobody.
    let asked = story.ask(story.alice, "restart web in staging");
    assert!(story.hear(asked, "environment=staging").mentions.is_empty());
}

#[test]
fn an_alert_is_told_in_its_channel_and_anybody_may_take_its_step() {
    let platform = Platform::start();
    let story = Story::with(|configuration| {
        let ops = configuration.split("listen = [\"").nth(1).unwrap().split('"').next().unwrap();
        platform.home(&format!(
            "{configuration}\n[server]\nlisten = \"127.0.0.1:0\"\n[server.webhooks.main]\nkind = \"alertmanager\"\ntoken = {{ \
             secret = \"SAYSO_WEBHOOK_TOKEN\" }}\nconversation = \"discord:{ops}\"\n"
        ))
    });
    let log = story.discord.wait("the start to be said", |_| {
        Some(story.log()).filter(|log| log.contains("Listening on Discord as sayso"))
    });
    let address = log.split("Listening on http://").nth(1).unwrap().split_whitespace().next().unwrap();
    let body = json!({
        "receiver": "sayso", "status": "firing", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093", "version": "4", "groupKey": "{}", "truncatedAlerts": 0,
        "alerts": [{
            "status": "firing", "labels": { "alertname": "HighErrorRate", "service": "check-out", "severity": "critical" },
            "annotations": { "summary": "12 % of @everyone's requests fail" }, "startsAt": "2026-11-21T07:52:26.739Z",
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus:9090/graph", "fingerprint": "f1",
        }],
    });
    let body = body.to_string();
    let mut stream = std::net::TcpStream::connect(address.trim_end_matches('.')).unwrap();
    write!(
        stream,
        "POST /webhooks/main HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {WEBHOOK}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let told = story.hear_in(story.ops, 0, "`HighErrorRate` is firing");
    assert!(told.mentions.is_empty() && !told.mentions_everyone, "{}", shown(&told));
    let question = story.hear_in(story.ops, told.id - 1, "suggests these. Pick one");
    let (menu, options) = question.menus().remove(0);
    let step = options.iter().find(|(_, value)| value.starts_with("deploy.rollback")).unwrap().1.clone();
    story.discord.select(story.bob, question.id, &menu, &[&step]);
    let card = story.hear_in(story.ops, question.id, "from the runbook `high-error-rate.md`");
    assert!(shown(&card).contains(&format!("asked by: <@{}>", story.bob)), "{}", shown(&card));
    assert!(!platform.is_asked(), "nothing runs before the yes");
    story.press(story.bob, &card, "confirm");
    let (line, stream) = platform.request();
    assert!(line.starts_with("POST /services/checkout/rollback"), "{line}");
    Platform::done(stream);
    story.hear_in(story.ops, card.id, "checkout was rolled back");
}
