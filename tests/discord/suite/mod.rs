//! The same stories on every platform: what is said, what is shown, what is chosen, and what is on record. A platform joins
//! with a [`Room`] of its own.

mod answers;
mod brakes;
mod decisions;
mod incidents;
mod messages;
mod restarts;

use crate::harness::{Chat, Home, Platform};
use crate::server::Message;
use crate::story::{Story, code, shown};

/// Nobody is slowed down.
const FAST: &str = "[limits]\nmessages_per_minute = 1000\n";

/// A place to talk in, whichever it is.
trait Room: Sized {
    /// The bot runs in a home that is made of the platform's own configuration, and somebody who may operate is there.
    fn enter(home: impl FnOnce(&str) -> Home) -> Self;
    /// The same, with somebody who may do nothing.
    fn enter_powerless(home: impl FnOnce(&str) -> Home) -> Self;
    /// The bot's home.
    fn home(&self) -> &Home;
    /// They say something.
    fn say(&mut self, text: &str);
    /// Waits for something that holds this text, and was said after what was heard before: all of it.
    fn hear(&mut self, text: &str) -> String;
    /// Chooses on what was heard last: the choice that begins so.
    fn choose(&mut self, label: &str);
    /// The code on the card that was heard last.
    fn code(&self) -> String;
    /// `kill -9`.
    fn kill(&mut self);
    /// Up again.
    fn start(&mut self);

    /// They say something, and this is heard.
    fn ask(&mut self, said: &str, heard: &str) -> String {
        self.say(said);
        self.hear(heard)
    }

    /// All that is said to something, found by something asked after it whose answer is known.
    fn answer(&mut self, said: &str) -> String;

    /// The kinds of all that is on record, in order.
    fn trail(&self) -> Vec<String> {
        self.home().trail()
    }
}

/// What is asked to find the end of an answer, and what is said to it.
const MARK: &str = "help.show topic=nothing-like-it";
const MARKED: &str = "I can do nothing about `nothing-like-it`";

/// The console: a pipe.
struct Console {
    home: Home,
    chat: Option<Chat>,
    heard: String,
}

impl Console {
    fn chat(&mut self) -> &mut Chat {
        self.chat.as_mut().unwrap()
    }
}

impl Room for Console {
    fn enter(home: impl FnOnce(&str) -> Home) -> Self {
        let home = home("");
        let chat = Some(home.chat());
        Self { home, chat, heard: String::new() }
    }

    fn enter_powerless(home: impl FnOnce(&str) -> Home) -> Self {
        Self::enter(|_| home("[roles]\nguest = [\"console:*\"]\noperator = []\n"))
    }

    fn home(&self) -> &Home {
        &self.home
    }

    fn say(&mut self, text: &str) {
        self.chat().say(text);
    }

    fn hear(&mut self, text: &str) -> String {
        let mut heard = self.chat().hear(text);
        // A card has an end of its own.
        if heard.matches('┌').count() > heard.matches('└').count() {
            heard.push_str(&self.chat().hear("└"));
        }
        self.heard.clone_from(&heard);
        heard
    }

    fn choose(&mut self, label: &str) {
        // The choices of a card stand on its last line, those of a question on one line each.
        while !self.heard.contains(&format!(" {label}")) {
            let more = self.chat().hear(&format!(" {label}"));
            self.heard.push_str(&more);
        }
        let before = &self.heard[..self.heard.rfind(&format!(" {label}")).unwrap()];
        let number = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap().to_owned();
        self.say(&number);
    }

    fn code(&self) -> String {
        self.heard.trim_end().rsplit('(').next().unwrap().trim_end_matches(')').to_owned()
    }

    fn kill(&mut self) {
        self.chat.take().unwrap().kill();
    }

    fn start(&mut self) {
        self.chat = Some(self.home.chat());
    }

    fn answer(&mut self, said: &str) -> String {
        self.chat().answer(said)
    }
}

/// Discord: a channel in which everything is meant for the bot.
struct Guild {
    story: Story,
    heard: Option<Message>,
    after: u64,
}

impl Room for Guild {
    fn enter(home: impl FnOnce(&str) -> Home) -> Self {
        Self { story: Story::with(home), heard: None, after: 0 }
    }

    fn enter_powerless(home: impl FnOnce(&str) -> Home) -> Self {
        let room = Self::enter(home);
        room.story.discord.set_roles(room.story.alice, &[]);
        room
    }

    fn home(&self) -> &Home {
        &self.story.home
    }

    fn say(&mut self, text: &str) {
        self.story.discord.say(self.story.ops, self.story.alice, text);
    }

    fn hear(&mut self, text: &str) -> String {
        let heard = self.story.hear_in(self.story.ops, self.after, text);
        self.after = heard.id;
        let text = shown(&heard);
        self.heard = Some(heard);
        text
    }

    fn choose(&mut self, label: &str) {
        let heard = self.heard.as_ref().unwrap();
        assert!(shown(heard).contains(&format!("[{label}")), "no `{label}` on {}", shown(heard));
        self.story.press(self.story.alice, heard, label);
    }

    fn code(&self) -> String {
        code(self.heard.as_ref().unwrap()).to_owned()
    }

    fn kill(&mut self) {
        self.story.kill();
    }

    fn start(&mut self) {
        self.story.start();
    }

    fn answer(&mut self, said: &str) -> String {
        let (before, bot) = (self.after, self.story.discord.bot());
        self.say(said);
        self.ask(MARK, MARKED);
        let messages = self.story.discord.messages(self.story.ops).into_iter();
        let answer = messages.filter(|m| m.author == bot && m.id > before && m.id < self.after);
        let whole = |message: Message| {
            let files = message.files.iter().map(|(_, content)| String::from_utf8_lossy(content).into_owned());
            shown(&message) + "\n" + &files.collect::<String>()
        };
        answer.map(whole).collect()
    }
}

/// Each story once for each platform.
macro_rules! everywhere {
    ($($story:ident),* $(,)?) => {
        mod console {
            $(#[test]
            fn $story() {
                super::$story::<crate::suite::Console>();
            })*
        }
        mod discord {
            $(#[test]
            fn $story() {
                super::$story::<crate::suite::Guild>();
            })*
        }
    };
}
use everywhere;

/// The next request to the platform is this one, and it is done.
fn served(platform: &Platform, path: &str) {
    let (line, stream) = platform.request();
    assert_eq!(line, format!("POST {path} HTTP/1.1"));
    Platform::done(stream);
}
