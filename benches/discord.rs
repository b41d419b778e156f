//! Discord: from a gateway event to the first thing that people see, and what talk costs that is not for the bot. The program
//! runs as it is, against the local Discord of the tests.
//!
//! ```text
//! cargo bench --bench discord -- [MESSAGES] [TALK]
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used)] // A bench that fails may panic.

#[path = "../tests/stories/harness.rs"]
mod harness;
#[path = "../tests/discord/server/mod.rs"]
mod server;
#[path = "../tests/discord/story.rs"]
mod story;

use std::time::{Duration, Instant};

use story::Story;

/// How many people are in the guild.
const MEMBERS: usize = 5_000;

/// CPU time of a process so far, user and system, in seconds.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / 100.0 // `USER_HZ` is 100 on every Linux that we know.
}

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let (messages, talk) = (numbers.next().unwrap_or(200), numbers.next().unwrap_or(10_000));
    let story = Story::begin();
    let discord = &story.discord;
    let people: Vec<u64> = (0..MEMBERS).map(|n| discord.add_member(&format!("p{n}"), &[])).collect();
    let mut reactions: Vec<Duration> = (0..messages)
        .map(|number| {
            let channel = discord.direct(people[number % people.len()]);
            let began = Instant::now();
            let asked = discord.say(channel, people[number % people.len()], "how full is the disk?");
            story.hear_in(channel, asked, "% full");
            began.elapsed()
        })
        .collect();
    reactions.sort();
    let at = |part: f64| reactions[((reactions.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "event to first visible reaction, {messages} direct messages: p50 {:.1} ms, p99 {:.1} ms",
        at(0.5),
        at(0.99)
    );

    let (before, began) = (cpu(story.pid()), Instant::now());
    for number in 0..talk {
        discord.say(
            discord.channel(),
            people[number % people.len()],
            "did anybody see why the build is red since this morning?",
        );
    }
    let asked = story.ask(story.alice, "how full is the disk?");
    story.hear(asked, "% full");
    let (spent, took) = (cpu(story.pid()) - before, began.elapsed().as_secs_f64());
    println!("{talk} messages that are not for it: {spent:.2} s of one core, within {took:.1} s");
    println!("in an hour of such talk: {:.3} % of one core", 100.0 * spent / 3_600.0);
}
