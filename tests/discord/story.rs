//! The program as a bot on a Discord of its own, with people to talk to it.
#![allow(dead_code)] // Each program uses a part of it.

use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

use crate::harness::{Home, Platform};
use crate::server::{Discord, Interaction, Message};

/// What an alert has to bring along.
pub(crate) const WEBHOOK: &str = "not-for-the-chat-4711";

/// A bot that runs, and the people around it.
pub(crate) struct Story {
    pub(crate) discord: Discord,
    pub(crate) home: Home,
    pub(crate) alice: u64,
    pub(crate) bob: u64,
    /// What alice and bob have.
    pub(crate) operators: u64,
    /// A channel in which everything is meant for the bot.
    pub(crate) ops: u64,
    bot: Option<Child>,
}

impl Story {
    /// Where only this machine can be acted upon.
    pub(crate) fn begin() -> Self {
        Self::with(Home::with)
    }

    /// Where services can be restarted.
    pub(crate) fn serving(platform: &Platform) -> Self {
        Self::with(|configuration| platform.home(configuration))
    }

    /// With a home made of a configuration.
    pub(crate) fn with(home: impl FnOnce(&str) -> Home) -> Self {
        let mut story = Self::before(home);
        story.start();
        story
    }

    /// Before the bot was started.
    pub(crate) fn before(home: impl FnOnce(&str) -> Home) -> Self {
        let discord = Discord::start();
        let operators = discord.add_role("operators");
        let (alice, bob) = (discord.add_member("alice", &[operators]), discord.add_member("bob", &[operators]));
        let ops = discord.add_channel();
        let home = home(&format!(
            "[chat.discord]\ntoken = {{ secret = \"DISCORD_TOKEN\" }}\nguilds = [\"{}\"]\nlisten = [\"{ops}\"]\n\
             proxy = \"{}\"\n[roles]\noperator = [\"discord:role:{operators}\"]\n[log]\nlevel = \"info\"\n",
            discord.guild(),
            discord.url()
        ));
        Self { discord, home, alice, bob, operators, ops, bot: None }
    }

    /// The program, about to be started.
    pub(crate) fn program(&self) -> Command {
        let mut command = self.home.program(&["serve"]);
        command.env("DISCORD_TOKEN", self.discord.token()).env("SAYSO_WEBHOOK_TOKEN", WEBHOOK).stdin(Stdio::null());
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.home.path("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        command
    }

    pub(crate) fn start(&mut self) {
        self.bot = Some(self.program().spawn().unwrap());
        self.discord.wait_connected();
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.bot.as_ref().unwrap().id()
    }

    /// What it has logged until now.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.home.path("log")).unwrap_or_default()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut bot = self.bot.take().unwrap();
        bot.kill().unwrap();
        bot.wait().unwrap();
        // Else the session of the dead one would be taken for that of a new one.
        self.discord.wait_gone();
    }

    /// `kill -9`, and up again.
    pub(crate) fn crash(&mut self) {
        self.kill();
        self.start();
    }

    /// `kill`; the exit status.
    pub(crate) fn end(&mut self) -> Option<i32> {
        let mut bot = self.bot.take().unwrap();
        let pid = rustix::process::Pid::from_child(&bot);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        bot.wait().unwrap().code()
    }

    /// Somebody names the bot in the general channel.
    pub(crate) fn ask(&self, user: u64, text: &str) -> u64 {
        self.discord.say(self.discord.channel(), user, &format!("<@{}> {text}", self.discord.bot()))
    }

    /// The first message of the bot, after another one, that holds a text somewhere.
    pub(crate) fn hear_in(&self, channel: u64, after: u64, text: &str) -> Message {
        let bot = self.discord.bot();
        self.discord.wait(text, |discord| {
            let mut messages = discord.messages(channel).into_iter();
            messages.find(|message| message.id > after && message.author == bot && shown(message).contains(text))
        })
    }

    /// The same, in the general channel.
    pub(crate) fn hear(&self, after: u64, text: &str) -> Message {
        self.hear_in(self.discord.channel(), after, text)
    }

    /// Presses the button that begins so.
    pub(crate) fn press(&self, user: u64, message: &Message, label: &str) -> Interaction {
        self.discord.press(user, message.id, &button(message, label))
    }

    /// Waits for what an interaction is answered.
    pub(crate) fn answer(&self, interaction: &Interaction) -> Json {
        self.discord.wait("an answer to an interaction", |discord| interaction.answer(discord))
    }

    /// Waits for a message that only this person sees.
    pub(crate) fn whisper(&self, user: u64, text: &str) -> Message {
        self.discord.wait(text, |discord| {
            let mut messages = discord.messages(discord.channel()).into_iter();
            messages.find(|message| message.ephemeral_for == Some(user) && shown(message).contains(text))
        })
    }

    /// How a message stands once it holds a text.
    pub(crate) fn becomes(&self, message: &Message, text: &str) -> Message {
        self.discord.wait(text, |discord| {
            let mut messages = discord.messages(message.channel).into_iter();
            messages.find(|other| other.id == message.id && shown(other).contains(text))
        })
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if let Some(mut bot) = self.bot.take() {
            let _ = bot.kill();
            let _ = bot.wait();
        }
        if std::thread::panicking() {
            eprintln!("the bot has logged:\n{}", self.log());
        }
    }
}

/// All that a message shows: content, embeds, labels, names of files.
pub(crate) fn shown(message: &Message) -> String {
    let mut text = message.content.clone();
    for embed in &message.embeds {
        text.push_str(&format!("\n{}\n", embed["title"].as_str().unwrap_or_default()));
        for field in embed["fields"].as_array().into_iter().flatten() {
            let part = |key: &str| field[key].as_str().unwrap_or_default().to_owned();
            text.push_str(&format!("{}: {}\n", part("name"), part("value")));
        }
    }
    for (label, _, _) in message.buttons() {
        text.push_str(&format!("[{label}]"));
    }
    for (name, _) in &message.files {
        text.push_str(&format!("<{name}>"));
    }
    text
}

/// The code of the proposal on a card.
pub(crate) fn code(card: &Message) -> &str {
    card.embeds[0]["footer"]["text"].as_str().unwrap()
}

/// The `custom_id` of the button that begins so.
pub(crate) fn button(message: &Message, label: &str) -> String {
    let mut buttons = message.buttons().into_iter();
    let found = buttons.find(|(text, _, disabled)| text.starts_with(label) && !disabled);
    found.unwrap_or_else(|| panic!("no button `{label}` on {}", shown(message))).1
}
