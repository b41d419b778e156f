//! What goes wrong out there, and is not seen by anybody: restarts, cuts, limits, an absent Discord.

use std::process::Stdio;

use serde_json::json;
use sqlx::Connection as _;

use crate::harness::{Platform, Sleeper};
use crate::story::{Story, code, shown};

#[test]
fn a_card_from_before_a_crash_still_works() {
    let mut story = Story::begin();
    let mut sleeper = Sleeper::start();
    story.ask(story.alice, &format!("kill {}", sleeper.pid()));
    let card = story.hear(0, "Kill a process");
    story.crash();
    story.press(story.bob, &card, "approve");
    story.hear(card.id, "has ended");
    assert!(!sleeper.is_alive());
    assert!(story.becomes(&card, "standing: done").buttons().is_empty());
    assert_eq!(story.end(), Some(0));
}

#[test]
fn a_decision_in_words_after_a_crash_takes_the_buttons_away() {
    let mut story = Story::begin();
    let sleeper = Sleeper::start();
    story.ask(story.alice, &format!("kill {}", sleeper.pid()));
    let card = story.hear(0, "Kill a process");
    // Whatever is heard after the card was said after it was written down where the card is.
    let asked = story.ask(story.alice, "how full is the disk?");
    story.hear(asked, "% full");
    story.crash();
    let asked = story.ask(story.alice, "never mind");
    story.hear(asked, "is cancelled");
    assert!(story.becomes(&card, "standing: cancelled").buttons().is_empty());
}

#[test]
fn an_execution_goes_on_when_the_socket_is_cut_and_is_told_of() {
    let platform = Platform::start();
    let story = Story::serving(&platform);
    story.ask(story.alice, "restart web");
    let card = story.hear(0, "service.restart service=web");
    story.press(story.alice, &card, "confirm");
    let (_, stream) = platform.request();
    story.discord.cut();
    Platform::done(stream);
    story.hear(card.id, "web was restarted");
    story.discord.wait_connected();
    let asked = story.ask(story.alice, "how full is the disk?");
    story.hear(asked, "% full");
}

#[test]
fn an_absent_discord_loses_no_outcome() {
    let platform = Platform::start();
    let story = Story::serving(&platform);
    story.ask(story.alice, "restart web");
    let card = story.hear(0, "service.restart service=web");
    story.press(story.alice, &card, "confirm");
    let (_, stream) = platform.request();
    story.discord.down(true);
    Platform::done(stream);
    // It is tried, in vain.
    story.discord.wait("a request in vain", |discord| discord.requests().iter().any(|r| r.status == 503).then_some(()));
    story.discord.down(false);
    story.hear(card.id, "web was restarted");
    story.becomes(&card, "standing: done");
    story.discord.wait_connected();
}

#[test]
fn limits_are_waited_out_and_nothing_is_said_twice() {
    let story = Story::begin();
    story.discord.limit(3, 0.2);
    let asked = story.ask(story.alice, "how full is the disk?");
    story.hear(asked, "% full");
    let next = story.ask(story.alice, "help.show topic=nothing-like-it");
    story.hear(next, "nothing-like-it");
    let answers = story.discord.messages(story.discord.channel());
    assert_eq!(answers.iter().filter(|message| message.content.contains("% full")).count(), 1);
    assert!(story.discord.requests().iter().any(|request| request.status == 429));
}

#[test]
fn a_session_that_is_no_more_is_begun_anew() {
    let story = Story::begin();
    for trouble in [0, 1, 2] {
        match trouble {
            0 => story.discord.reconnect(),
            1 => story.discord.invalidate(true),
            _ => story.discord.invalidate(false),
        }
        let channel = story.discord.direct(story.alice);
        story.discord.wait_connected();
        let asked = story.discord.say(channel, story.alice, "how full is the disk?");
        story.hear_in(channel, asked, "% full");
    }
}

#[test]
fn what_takes_long_is_deferred_in_time_and_answered_once() {
    let platform = Platform::start();
    let story = Story::with(|configuration| {
        let home = platform.home(configuration);
        let manifest = std::fs::read_to_string(home.path("integrations/platform.toml")).unwrap();
        let slow =
            "[actions.restart.preview]\nhttp.path = \"/services/{{ service }}\"\nreply = \"it runs\"\nfacts = {}\n";
        home.write("integrations/platform.toml", &format!("{manifest}\n{slow}"));
        home
    });
    let channel = story.discord.channel();
    let options = [("service", json!("web"))];
    let slash = story.discord.slash(channel, story.alice, &["service", "restart"], &options);
    let (line, stream) = platform.request();
    assert!(line.starts_with("GET /services/web"), "{line}");
    assert_eq!(story.answer(&slash)["type"], 5, "before the preview is there");
    assert!(!slash.late());
    Platform::done(stream);
    let card = story.hear(0, "service.restart service=web");
    assert!(shown(&card).contains("[confirm"), "{}", shown(&card));
    assert!(!card.is_loading());
}

#[test]
fn a_store_that_is_slow_costs_no_answer() {
    let story = Story::begin();
    let channel = story.discord.channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let held = runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(story.home.store());
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
        connection
    });
    let slash = story.discord.slash(channel, story.alice, &["host", "disk"], &[("path", json!("/"))]);
    assert_eq!(story.answer(&slash)["type"], 5, "while nothing can be written");
    assert!(!slash.late());
    drop(held);
    let answer = story.hear(0, "% full");
    assert!(!answer.is_loading());
}

#[test]
fn several_shards_are_one_bot() {
    let mut story = Story::before(crate::harness::Home::with);
    story.discord.shard();
    story.start();
    story.discord.wait("the start to be said", |_| {
        let log = story.log();
        log.contains("Listening on Discord as sayso#4242, in 1 guild.").then_some(())
    });
    // The guild is on one of them, direct messages are on another.
    let mut sleeper = Sleeper::start();
    let asked = story.ask(story.alice, &format!("kill {}", sleeper.pid()));
    let card = story.hear(asked, "Kill a process");
    let direct = story.discord.direct(story.bob);
    story.discord.cut();
    story.discord.wait_connected();
    let asked = story.discord.say(direct, story.bob, &format!("approve {}", code(&card)));
    story.hear_in(direct, asked, "is told there");
    story.hear(card.id, "has ended");
    assert!(!sleeper.is_alive());
}

#[test]
fn without_the_right_to_read_it_hears_its_name() {
    let mut story = Story::before(crate::harness::Home::with);
    story.discord.forbid_message_content();
    story.start();
    assert!(story.log().contains("mention-only mode"), "{}", story.log());
    let asked = story.ask(story.alice, "how full is the disk?");
    story.hear(asked, "% full");
}

#[test]
fn a_wrong_token_is_said_and_ends_it() {
    let story = Story::before(crate::harness::Home::with);
    let mut program = story.program();
    program.env("DISCORD_TOKEN", format!("{}x", story.discord.token())).stderr(Stdio::piped());
    let ended = program.output().unwrap();
    let text = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{text}");
    assert!(text.contains("Discord does not know the token"), "{text}");
    assert!(!text.contains(story.discord.token()), "no token is printed");
}

#[test]
fn the_link_of_an_invitation_asks_for_the_least() {
    let story = Story::before(crate::harness::Home::with);
    let mut program = story.home.program(&["discord", "invite"]);
    let ended = program.env("DISCORD_TOKEN", story.discord.token()).output().unwrap();
    let text = String::from_utf8(ended.stdout).unwrap();
    let bot = story.discord.bot();
    let expected = format!(
        "https://discord.com/oauth2/authorize?client_id={bot}&scope=bot+applications.commands&permissions=274878024704\n"
    );
    assert_eq!(text, expected, "{}", String::from_utf8_lossy(&ended.stderr));
}
