//! Interactions: pressed, chosen, filled in and typed; answered in time, once, and followed up as long as the token lives.

use serde_json::{Value as Json, json};
use serenity::all::{
    ActionRowComponent, AutocompleteChoice, ChannelId, CommandOptionType, CreateActionRow, CreateAttachment,
    CreateAutocompleteResponse, CreateButton, CreateCommand, CreateCommandOption, CreateInputText,
    CreateInteractionResponse, CreateInteractionResponseFollowup, CreateInteractionResponseMessage, CreateMessage,
    CreateModal, CreateSelectMenu, CreateSelectMenuKind, CreateSelectMenuOption, EditInteractionResponse, GuildId,
    InputTextStyle, ResolvedOption, ResolvedValue,
};

use crate::bot::Bot;
use crate::rest::{nobody, refused};
use crate::server::Discord;

/// A guild with somebody in it, a bot, and a card with a button and a menu.
struct Scene {
    discord: Discord,
    bot: Bot,
    alice: u64,
    role: u64,
    card: u64,
}

impl Scene {
    fn set() -> Self {
        let discord = Discord::start();
        let role = discord.add_role("operators");
        let alice = discord.add_member("alice", &[role]);
        let bot = Bot::start(&discord);
        let card = Self::post_card(&bot, discord.channel());
        Self { discord, bot, alice, role, card }
    }

    fn post_card(bot: &Bot, channel: u64) -> u64 {
        let options = vec![CreateSelectMenuOption::new("One", "1"), CreateSelectMenuOption::new("Two", "2")];
        let rows = vec![
            CreateActionRow::Buttons(vec![
                CreateButton::new("go").label("Go"),
                CreateButton::new("no").label("No").disabled(true),
            ]),
            CreateActionRow::SelectMenu(CreateSelectMenu::new("which", CreateSelectMenuKind::String { options })),
        ];
        let message = CreateMessage::new().content("a card").allowed_mentions(nobody()).components(rows);
        bot.run(ChannelId::new(channel).send_message(&bot.http, message)).unwrap().id.get()
    }

    fn done(self) {
        assert_eq!(self.discord.deviations(), [""; 0]);
    }
}

fn text(text: &str) -> CreateInteractionResponseMessage {
    CreateInteractionResponseMessage::new().content(text).allowed_mentions(nobody())
}

fn more(text: &str) -> CreateInteractionResponseFollowup {
    CreateInteractionResponseFollowup::new().content(text).allowed_mentions(nobody())
}

#[test]
fn a_press_is_answered_for_one_pair_of_eyes() {
    let scene = Scene::set();
    let Scene { discord, bot, alice, card, .. } = &scene;
    let interaction = discord.press(*alice, *card, "go");
    let press = bot.next_press();
    assert_eq!(
        (press.id.get(), press.token.as_str(), press.data.custom_id.as_str()),
        (interaction.id, interaction.token.as_str(), "go")
    );
    assert_eq!(
        (press.user.id.get(), press.message.id.get(), press.channel_id.get()),
        (*alice, *card, discord.channel())
    );
    assert_eq!(press.member.as_ref().unwrap().roles, [serenity::all::RoleId::new(scene.role)]);
    assert_eq!(press.guild_id.unwrap().get(), discord.guild());
    assert!(interaction.answer(discord).is_none());
    bot.run(async {
        let answer = CreateInteractionResponse::Message(text("for you").ephemeral(true));
        press.create_response(&bot.http, answer.clone()).await.unwrap();
        assert_eq!(refused(press.create_response(&bot.http, answer).await), (400, 40060));
        let original = press.get_response(&bot.http).await.unwrap();
        assert_eq!(original.content, "for you");
        // Nobody sees it by the channel.
        assert_eq!(refused(bot.http.get_message(press.channel_id, original.id).await), (404, 10008));
        press
            .edit_response(&bot.http, EditInteractionResponse::new().content("still").allowed_mentions(nobody()))
            .await
            .unwrap();
        let followed = press.create_followup(&bot.http, more("and more").ephemeral(true)).await.unwrap();
        press.edit_followup(&bot.http, followed.id, more("and less")).await.unwrap();
        assert_eq!(press.get_followup(&bot.http, followed.id).await.unwrap().content, "and less");
        let gone = press.create_followup(&bot.http, more("a slip")).await.unwrap();
        press.delete_followup(&bot.http, gone.id).await.unwrap();
        assert_eq!(refused(press.get_followup(&bot.http, gone.id).await), (404, 10008));
    });
    let answer = interaction.answer(discord).unwrap();
    assert_eq!((&answer["type"], &answer["data"]["content"]), (&json!(4), &json!("for you")));
    assert!(!interaction.late());
    let seen = discord.messages(discord.channel());
    let contents: Vec<_> = seen.iter().map(|message| (message.content.as_str(), message.ephemeral_for)).collect();
    assert_eq!(contents, [("a card", None), ("still", Some(*alice)), ("and less", Some(*alice))]);
    assert_eq!(
        interaction.followups().iter().map(|message| message.content.as_str()).collect::<Vec<_>>(),
        ["and less"]
    );

    discord.expire(&interaction);
    assert_eq!(refused(bot.run(press.create_followup(&bot.http, more("too late")))), (401, 50027));
    assert_eq!(refused(bot.run(press.get_response(&bot.http))), (401, 50027));
    scene.done();
}

#[test]
fn an_answer_can_take_its_time() {
    let scene = Scene::set();
    let Scene { discord, bot, alice, card, .. } = &scene;
    let interaction = discord.press(*alice, *card, "go");
    let press = bot.next_press();
    bot.run(press.defer_ephemeral(&bot.http)).unwrap();
    assert_eq!(interaction.answer(discord).unwrap()["type"], 5);
    assert!(discord.messages(discord.channel()).last().unwrap().is_loading());
    assert!(interaction.followups().is_empty());
    // The first follow-up takes the place of what was promised, and is seen by nobody else, whatever it says.
    bot.run(press.create_followup(&bot.http, more("here"))).unwrap();
    let file = CreateAttachment::bytes(b"abc".to_vec(), "log.txt");
    bot.run(press.create_followup(&bot.http, more("and there").add_file(file))).unwrap();
    assert_eq!(interaction.followups()[1].files, [("log.txt".to_owned(), b"abc".to_vec())]);
    let seen: Vec<_> =
        interaction.followups().iter().map(|message| (message.content.clone(), message.ephemeral_for)).collect();
    assert_eq!(seen, [("here".to_owned(), Some(*alice)), ("and there".to_owned(), None)]);

    // In a direct channel there is a user and no member.
    let direct = discord.direct(*alice);
    discord.press(*alice, Scene::post_card(bot, direct), "go");
    let press = bot.next_press();
    assert_eq!((press.user.id.get(), press.guild_id, press.member.is_none()), (*alice, None, true));

    // An update of the card itself, at once and later.
    discord.press(*alice, *card, "go");
    let press = bot.next_press();
    bot.run(
        press.create_response(&bot.http, CreateInteractionResponse::UpdateMessage(text("pressed").components(vec![]))),
    )
    .unwrap();
    let shown = discord.messages(discord.channel()).remove(0);
    assert!(shown.content == "pressed" && shown.buttons().is_empty() && shown.edited);
    let card = Scene::post_card(bot, discord.channel());
    discord.press(*alice, card, "go");
    let press = bot.next_press();
    bot.run(press.create_response(&bot.http, CreateInteractionResponse::Acknowledge)).unwrap();
    bot.run(press.edit_response(&bot.http, EditInteractionResponse::new().content("later").allowed_mentions(nobody())))
        .unwrap();
    assert_eq!(discord.messages(discord.channel()).iter().find(|message| message.id == card).unwrap().content, "later");
    scene.done();
}

#[test]
fn nobody_waits_for_more_than_three_seconds() {
    let scene = Scene::set();
    let Scene { discord, bot, alice, card, .. } = &scene;
    let interaction = discord.press(*alice, *card, "go");
    let press = bot.next_press();
    assert!(!interaction.late());
    discord.wait("the deadline", |_| interaction.late().then_some(()));
    let answer = CreateInteractionResponse::Message(text("sorry"));
    assert_eq!(refused(bot.run(press.create_response(&bot.http, answer))), (404, 10062));
    assert!(interaction.late() && interaction.answer(discord).is_none());
    // Without an answer, the token is good for nothing.
    assert_eq!(refused(bot.run(press.create_followup(&bot.http, more("sorry")))), (404, 10015));
    scene.done();
}

#[test]
fn the_same_press_can_come_twice() {
    let scene = Scene::set();
    let interaction = scene.discord.press(scene.alice, scene.card, "go");
    let first = scene.bot.next_press();
    scene.discord.again(&interaction);
    let second = scene.bot.next_press();
    assert_eq!((first.id, &first.token), (second.id, &second.token));
    scene.bot.run(first.create_response(&scene.bot.http, CreateInteractionResponse::Acknowledge)).unwrap();
    assert_eq!(refused(scene.bot.run(second.defer(&scene.bot.http))), (400, 40060));
    scene.done();
}

#[test]
fn a_choice_opens_a_modal() {
    let scene = Scene::set();
    let Scene { discord, bot, alice, card, .. } = &scene;
    let chosen = discord.select(*alice, *card, "which", &["2"]);
    let choice = bot.next_press();
    assert!(
        matches!(&choice.data.kind, serenity::all::ComponentInteractionDataKind::StringSelect { values } if *values == ["2"])
    );
    let inputs = vec![
        CreateActionRow::InputText(
            CreateInputText::new(InputTextStyle::Short, "Reason", "reason").min_length(3).max_length(20),
        ),
        CreateActionRow::InputText(
            CreateInputText::new(InputTextStyle::Paragraph, "Note", "note").required(false).value("none"),
        ),
    ];
    let modal = CreateModal::new("why", "Why?").components(inputs);
    bot.run(choice.create_response(&bot.http, CreateInteractionResponse::Modal(modal))).unwrap();
    let modal = chosen.answer(discord).unwrap();
    let sent = discord.submit(*alice, &modal, &[("reason", "because")]);
    let filled = bot.next_modal();
    assert_eq!((filled.id.get(), filled.data.custom_id.as_str()), (sent.id, "why"));
    assert_eq!(filled.message.as_ref().unwrap().id.get(), *card);
    let values = filled.data.components.iter().map(|row| match &row.components[0] {
        ActionRowComponent::InputText(input) => (input.custom_id.as_str(), input.value.as_deref().unwrap()),
        other => panic!("{other:?}"),
    });
    let values: Vec<_> = values.collect();
    assert_eq!(values, [("reason", "because"), ("note", "none")]);
    bot.run(filled.create_response(&bot.http, CreateInteractionResponse::UpdateMessage(text("thanks")))).unwrap();
    assert_eq!(discord.messages(discord.channel())[0].content, "thanks");
    scene.done();
}

/// `/service restart name [count] [by] [hard]`, with proposals for the name.
fn service() -> CreateCommand {
    let option = CreateCommandOption::new;
    let restart = option(CommandOptionType::SubCommand, "restart", "Restarts one")
        .add_sub_option(option(CommandOptionType::String, "name", "Which").required(true).set_autocomplete(true))
        .add_sub_option(option(CommandOptionType::Integer, "count", "How often").min_int_value(1).max_int_value(3))
        .add_sub_option(option(CommandOptionType::User, "by", "For whom"))
        .add_sub_option(option(CommandOptionType::String, "how", "How").add_string_choice("Hard", "hard"));
    CreateCommand::new("service").description("Services").add_option(restart)
}

fn with_commands() -> Scene {
    let scene = Scene::set();
    let guild = GuildId::new(scene.discord.guild());
    let made = scene.bot.run(guild.set_commands(&scene.bot.http, vec![service()])).unwrap();
    assert_eq!((made[0].name.as_str(), made[0].options.len()), ("service", 1));
    scene
}

#[test]
fn commands_are_typed() {
    let scene = with_commands();
    let Scene { discord, bot, alice, .. } = &scene;
    assert_eq!(discord.commands(Some(discord.guild()))[0]["name"], "service");
    assert!(discord.commands(None).is_empty());
    let by = json!(alice.to_string());
    let options = [("name", json!("checkout")), ("count", json!(2)), ("by", by), ("how", json!("hard"))];
    discord.slash(discord.channel(), *alice, &["service", "restart"], &options);
    let command = bot.next_command();
    assert_eq!((command.data.name.as_str(), command.user.id.get()), ("service", *alice));
    let typed = command.data.options();
    let [ResolvedOption { name: "restart", value: ResolvedValue::SubCommand(values), .. }] = &typed[..] else {
        panic!("{typed:?}")
    };
    assert!(matches!(values[0].value, ResolvedValue::String("checkout")));
    assert!(matches!(values[1].value, ResolvedValue::Integer(2)));
    assert!(matches!(values[2].value, ResolvedValue::User(user, Some(_)) if user.name == "alice"));
    bot.run(command.create_response(&bot.http, CreateInteractionResponse::Message(text("done")))).unwrap();
    assert_eq!(discord.messages(discord.channel()).last().unwrap().content, "done");

    // Of all places, and in a direct channel too.
    bot.run(async {
        let global =
            serenity::all::Command::create_global_command(&bot.http, CreateCommand::new("ping").description("Ping"))
                .await
                .unwrap();
        let again =
            serenity::all::Command::create_global_command(&bot.http, CreateCommand::new("ping").description("Pong"))
                .await
                .unwrap();
        assert_eq!((global.id, again.description.as_str()), (again.id, "Pong"));
        assert_eq!(serenity::all::Command::get_global_commands(&bot.http).await.unwrap().len(), 1);
        assert_eq!(GuildId::new(discord.guild()).get_commands(&bot.http).await.unwrap().len(), 1);
    });
    let direct = discord.direct(*alice);
    discord.slash(direct, *alice, &["ping"], &[]);
    let command = bot.next_command();
    assert_eq!((command.guild_id, command.member.is_none(), command.user.id.get()), (None, true, *alice));
    scene.done();
}

#[test]
fn options_are_completed() {
    let scene = with_commands();
    let Scene { discord, bot, alice, .. } = &scene;
    let choices: Vec<Json> = std::thread::scope(|scope| {
        let person = scope.spawn(|| {
            discord.complete(discord.channel(), *alice, &["service", "restart"], &[("name", json!("che"))], "name")
        });
        let asked = bot.next_completion();
        assert_eq!(asked.data.autocomplete().map(|option| (option.name, option.value)), Some(("name", "che")));
        let proposals =
            CreateAutocompleteResponse::new().set_choices(vec![AutocompleteChoice::new("Checkout", "checkout")]);
        bot.run(asked.create_response(&bot.http, CreateInteractionResponse::Autocomplete(proposals))).unwrap();
        person.join().unwrap()
    });
    assert_eq!(choices, [json!({"name": "Checkout", "value": "checkout"})]);
    scene.done();
}

/// What a person does that Discord's client does not let them do.
fn impossible(deed: impl FnOnce() -> crate::server::Interaction + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(deed).expect_err("it was possible");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn people_can_do_only_what_they_are_offered() {
    let scene = with_commands();
    let bob = scene.discord.add_member("bob", &[]);
    let Scene { discord, alice, card, .. } = &scene;
    let channel = discord.channel();
    let slash = |path: &[&str], options: &[(&str, Json)]| {
        impossible(std::panic::AssertUnwindSafe(|| discord.slash(channel, *alice, path, options)))
    };
    let name = || ("name", json!("x"));
    for (wrong, told) in [
        (slash(&["services"], &[]), "there is no command `services` here; registered are \"service\""),
        (slash(&["service"], &[]), "`service` is not complete"),
        (slash(&["service", "stop"], &[]), "there is no `stop`"),
        (slash(&["service", "restart"], &[]), "\"name\" is required"),
        (slash(&["service", "restart"], &[name(), ("where", json!("x"))]), "there is no option `where`"),
        (
            slash(&["service", "restart"], &[name(), ("count", json!("2"))]),
            "`count`: expected a whole number, found \"2\"",
        ),
        (slash(&["service", "restart"], &[name(), ("count", json!(4))]), "`count`: expected max_value 3, found 4"),
        (
            slash(&["service", "restart"], &[name(), ("how", json!("soft"))]),
            "`how`: expected one of \"hard\", found \"soft\"",
        ),
        (slash(&["service", "restart"], &[name(), ("by", json!("12"))]), "`by`: expected a user's id, found \"12\""),
    ] {
        assert!(wrong.contains(told), "{wrong}");
    }
    let press = |user: u64, message: u64, id: &'static str| {
        impossible(std::panic::AssertUnwindSafe(move || discord.press(user, message, id)))
    };
    assert!(press(*alice, *card, "nope").starts_with("no button `nope`"));
    assert!(press(*alice, *card, "no").starts_with("`no` cannot be pressed"));
    assert!(press(*alice, 5, "go").starts_with("there is no message 5"));
    let select =
        |values: &[&str]| impossible(std::panic::AssertUnwindSafe(|| discord.select(*alice, *card, "which", values)));
    assert!(select(&["3"]).starts_with("`3` is not offered"));
    assert!(select(&["1", "2"]).contains("takes 1..=1 values, not 2"));

    // What is for Alice's eyes Bob cannot press.
    discord.press(*alice, *card, "go");
    let seen = scene.bot.next_press();
    let button = vec![CreateActionRow::Buttons(vec![CreateButton::new("mine").label("Mine")])];
    let answer = CreateInteractionResponse::Message(text("yours").components(button).ephemeral(true));
    scene.bot.run(seen.create_response(&scene.bot.http, answer)).unwrap();
    let hidden = discord.messages(channel).pop().unwrap().id;
    assert!(press(bob, hidden, "mine").contains("cannot see"));
    discord.press(*alice, hidden, "mine");
    scene.done();
}
