//! The same stories on every platform: what is said, what is shown, what is chosen, and what is on record.

use crate::harness::{Chat, Home, Platform};
use crate::server::Message;
use crate::story::{Story, shown};

/// A place to talk in, whichever it is.
trait Room {
    /// Somebody who may says something.
    fn say(&mut self, text: &str);
    /// Waits for something that holds this text, and was said after what was heard before.
    fn hear(&mut self, text: &str);
    /// Chooses on what was heard last: the choice that begins so.
    fn choose(&mut self, label: &str);
    /// `kill -9`, and up again.
    fn crash(&mut self);
    /// What is on record.
    fn trail(&self) -> Vec<String>;
}

/// The console: a pipe.
struct Console {
    home: Home,
    chat: Option<Chat>,
    heard: String,
}

impl Console {
    fn new(platform: &Platform) -> Self {
        let home = platform.home("");
        let chat = Some(home.chat());
        Self { home, chat, heard: String::new() }
    }

    fn chat(&mut self) -> &mut Chat {
        self.chat.as_mut().unwrap()
    }
}

impl Room for Console {
    fn say(&mut self, text: &str) {
        self.chat().say(text);
    }

    fn hear(&mut self, text: &str) {
        self.heard = self.chat().hear(text);
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

    fn crash(&mut self) {
        self.chat.take().unwrap().kill();
        self.chat = Some(self.home.chat());
        self.hear("└");
    }

    fn trail(&self) -> Vec<String> {
        self.home.trail()
    }
}

/// Discord: a channel in which everything is meant for the bot.
struct Guild {
    story: Story,
    heard: Option<Message>,
    after: u64,
}

impl Guild {
    fn new(platform: &Platform) -> Self {
        Self { story: Story::serving(platform), heard: None, after: 0 }
    }
}

impl Room for Guild {
    fn say(&mut self, text: &str) {
        self.story.discord.say(self.story.ops, self.story.alice, text);
    }

    fn hear(&mut self, text: &str) {
        let heard = self.story.hear_in(self.story.ops, self.after, text);
        self.after = heard.id;
        self.heard = Some(heard);
    }

    fn choose(&mut self, label: &str) {
        let heard = self.heard.as_ref().unwrap();
        assert!(shown(heard).contains(&format!("[{label}")), "no `{label}` on {}", shown(heard));
        self.story.press(self.story.alice, heard, label);
    }

    fn crash(&mut self) {
        self.story.crash();
    }

    fn trail(&self) -> Vec<String> {
        self.story.home.trail()
    }
}

/// Each story once for each platform.
macro_rules! everywhere {
    ($($story:ident),* $(,)?) => {
        mod console {
            $(#[test]
            fn $story() {
                let platform = super::Platform::start();
                super::$story(&mut super::Console::new(&platform), &platform);
            })*
        }
        mod discord {
            $(#[test]
            fn $story() {
                let platform = super::Platform::start();
                super::$story(&mut super::Guild::new(&platform), &platform);
            })*
        }
    };
}

everywhere!(
    a_question_is_answered,
    a_change_waits_for_a_yes,
    a_no_does_nothing,
    a_yes_in_words_counts,
    what_is_missing_is_asked_for,
    a_correction_makes_another_card,
    a_card_outlives_a_crash,
    a_halt_stops_everything,
);

fn served(platform: &Platform, path: &str) {
    let (line, stream) = platform.request();
    assert_eq!(line, format!("POST {path} HTTP/1.1"));
    Platform::done(stream);
}

fn a_question_is_answered(room: &mut impl Room, _: &Platform) {
    room.say("hw full is teh disk");
    room.hear("% full");
    assert!(room.trail().iter().all(|kind| !kind.contains("confirmed")));
}

fn a_change_waits_for_a_yes(room: &mut impl Room, platform: &Platform) {
    room.say("pls restart the check-out");
    room.hear("service.restart service=checkout");
    assert!(!platform.is_asked());
    room.choose("confirm");
    served(platform, "/services/checkout/restart");
    room.hear("checkout was restarted");
    let trail = room.trail();
    for kind in ["proposal_created", "proposal_confirmed", "execution_started", "execution_ended"] {
        assert_eq!(trail.iter().filter(|other| *other == kind).count(), 1, "{kind} in {trail:?}");
    }
}

fn a_no_does_nothing(room: &mut impl Room, platform: &Platform) {
    room.say("restart web");
    room.hear("service.restart service=web");
    room.choose("cancel");
    room.hear("is cancelled");
    assert!(!platform.is_asked());
    assert!(!room.trail().contains(&"execution_started".to_owned()));
}

fn a_yes_in_words_counts(room: &mut impl Room, platform: &Platform) {
    room.say("restart web");
    room.hear("service.restart service=web");
    room.say("yes");
    served(platform, "/services/web/restart");
    room.hear("web was restarted");
}

fn what_is_missing_is_asked_for(room: &mut impl Room, _: &Platform) {
    room.say("restart it");
    room.hear("Which service");
    room.choose("web");
    room.hear("service.restart service=web");
}

fn a_correction_makes_another_card(room: &mut impl Room, platform: &Platform) {
    room.say("restart web");
    room.hear("service.restart service=web");
    room.say("no, checkout");
    room.hear("has to be decided again");
    room.hear("service.restart service=checkout");
    room.choose("confirm");
    served(platform, "/services/checkout/restart");
    room.hear("checkout was restarted");
}

fn a_card_outlives_a_crash(room: &mut impl Room, platform: &Platform) {
    room.say("restart web");
    room.hear("service.restart service=web");
    room.crash();
    room.choose("confirm");
    served(platform, "/services/web/restart");
    room.hear("web was restarted");
}

fn a_halt_stops_everything(room: &mut impl Room, platform: &Platform) {
    room.say("halt: a drill");
    room.hear("Everything is halted");
    room.say("restart web");
    room.hear("service.restart service=web");
    room.choose("confirm");
    room.hear("halted");
    assert!(!platform.is_asked());
    room.say("lift");
    room.hear("has lifted the halt");
}
