//! The real program, killed with `kill -9` at any moment of its start, of a turn and of an execution, again and again, under
//! load; and after each kill, what is left is looked at.
//!
//!     SAYSO_KILLS=300 cargo test --test crash -- --nocapture      more of it; `SAYSO_SEED=…` for the same moments again
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that fails may panic.

#[path = "../stories/harness.rs"]
mod harness;
mod remains;
mod stop;
mod store;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::{Chat, HOST, Home, SAYSO};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use remains::{Heard, Stage};

/// How many processes talk, and die, at once.
const LANES: u64 = 2;
/// How long a process lives at most once it has answered, in milliseconds.
const LIFE: u64 = 400;
/// For a start, and for everything that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker that takes so many seconds. Each attempt leaves a line when it begins and one when it is done, under the id of
/// its proposal.
fn worker(seconds: &str) -> String {
    format!("#!/bin/sh\necho \"began $1\" >> EFFECTS\nsleep {seconds}\necho \"done $1\" >> EFFECTS\n")
}

/// A home whose services are restarted by a small program.
fn home_with(script: &str) -> Home {
    let home = Home::bare(
        "[limits]\nmessages_per_minute = 10000\n[integrations]\nenabled = [\"host\", \"sayso\", \"worker\"]\n",
    );
    home.write("integrations/host.toml", HOST);
    home.write("integrations/sayso.toml", SAYSO);
    let worker = home.path("worker");
    home.write("worker", &script.replace("EFFECTS", &home.path("effects").display().to_string()));
    std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).unwrap();
    let worker = worker.display();
    home.write(
        "integrations/worker.toml",
        &format!(
            "summary = \"A worker\"\nlocal = true\nrequires = {{ always = true }}\n[actions.restart]\n\
             implements = \"service.restart\"\nparameters.environment = {{ ignored = true }}\n\
             process.argv = [\"{worker}\", \"{{{{ proposal }}}}\", \"--\", \"{{{{ service }}}}\"]\n\
             summary = \"{{{{ service }}}} was restarted\"\n"
        ),
    );
    home.write("effects", "");
    home
}

/// What all lanes share.
struct Trial {
    home: Home,
    heard: Mutex<Heard>,
    services: AtomicU64,
    ended: AtomicBool,
}

impl Trial {
    fn service(&self) -> String {
        format!("s{}", self.services.fetch_add(1, Ordering::Relaxed))
    }

    fn heard(&self, service: &str, stage: Stage) {
        self.heard.lock().unwrap().at(service, stage);
    }

    /// One process, from its start to its death; the stage of what it was at.
    fn life(&self, random: &mut StdRng) -> Stage {
        let born = Instant::now();
        let mut chat = Chat::start(self.home.program(&[]));
        // Some die while they start: as long as that takes, so long.
        let typical = self.heard.lock().unwrap().start;
        if random.random_bool(0.15) {
            let moment = Duration::from_millis(random.random_range(0..=typical.as_millis().max(1)) as u64);
            chat.listen("└", born + moment);
            self.bury(chat);
            return Stage::Starting;
        }
        let mut deadline = None;
        let until = |deadline: &Option<Instant>| deadline.unwrap_or_else(|| born + PATIENCE);
        let at = loop {
            let service = self.service();
            chat.try_say(format!("service.restart service={service}"));
            if chat.listen(&format!("service={service}\n"), until(&deadline)).is_none() {
                break Stage::Asked;
            }
            if deadline.is_none() {
                self.heard.lock().unwrap().start = born.elapsed();
                deadline = Some(Instant::now() + Duration::from_millis(random.random_range(0..LIFE)));
            }
            let Some(end) = chat.listen("└", until(&deadline)) else { break Stage::Asked };
            let code = end.rsplit_once('(').and_then(|(_, code)| code.split_once(')')).unwrap().0.to_owned();
            self.heard.lock().unwrap().card(&service, &code);
            // A yes by its number, or by the code; to an earlier card, too, and sometimes twice; or none.
            let old = self.heard.lock().unwrap().undecided(random.random_range(0..1_000));
            match random.random_range(0..10) {
                0 if until(&deadline) <= Instant::now() => break Stage::Shown,
                0 => continue,
                1 | 2 => chat.try_say(format!("yes {code}")),
                3 => old.iter().for_each(|code| chat.try_say(format!("yes {code}"))),
                _ => chat.try_say("1"),
            }
            if random.random_bool(0.3) {
                chat.try_say(format!("yes {code}"));
            }
            if chat.listen(&format!("\n{service} was restarted"), until(&deadline)).is_none() {
                break Stage::Confirmed;
            }
            self.heard(&service, Stage::Told);
        };
        assert!(deadline.is_some(), "it did not answer within {PATIENCE:?}");
        self.bury(chat);
        at
    }

    /// Kills, and hears what was said until then.
    fn bury(&self, chat: Chat) {
        let said = chat.kill_and_hear();
        for line in said.lines() {
            if let Some(service) = line.strip_suffix(" was restarted") {
                self.heard(service, Stage::Told);
            }
        }
    }

    /// Somebody who only looks, all the time, and is left alone.
    fn load(&self) {
        let mut chat = self.home.chat();
        while !self.ended.load(Ordering::Relaxed) {
            chat.ask("help.show topic=nothing-like-it", "I can do nothing about `nothing-like-it`");
            chat.ask("host.load", "load");
        }
        chat.leave();
    }
}

#[test]
fn no_kill_loses_repeats_or_feigns_anything() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = number("SAYSO_KILLS").unwrap_or(15);
    let seed = number("SAYSO_SEED").unwrap_or_else(rand::random);
    println!("SAYSO_SEED={seed} SAYSO_KILLS={kills}");
    let trial = Arc::new(Trial {
        home: home_with(&worker("0.03")),
        heard: Mutex::default(),
        services: AtomicU64::new(0),
        ended: AtomicBool::new(false),
    });
    // So that the store is there, and the model learned.
    trial.home.pipe(&["host.uptime"]);
    let began = Instant::now();
    let load = std::thread::spawn({
        let trial = Arc::clone(&trial);
        move || trial.load()
    });
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let trial = Arc::clone(&trial);
            let lives = kills / LANES + u64::from(lane < kills % LANES);
            let mut random = StdRng::seed_from_u64(seed.wrapping_add(lane));
            std::thread::spawn(move || {
                for _ in 0..lives {
                    let stage = trial.life(&mut random);
                    let mut heard = trial.heard.lock().unwrap();
                    *heard.deaths.entry(stage).or_default() += 1;
                    let known = heard.clone();
                    drop(heard);
                    remains::sound(&trial.home, &known, false);
                }
            })
        })
        .collect();
    let lanes: Vec<_> = lanes.into_iter().map(std::thread::JoinHandle::join).collect();
    trial.ended.store(true, Ordering::Relaxed);
    load.join().unwrap();
    lanes.into_iter().for_each(|lane| lane.unwrap());
    // The last start puts an end to all that was left open.
    trial.home.pipe(&["host.uptime"]);
    let heard = trial.heard.lock().unwrap().clone();
    let figures = remains::sound(&trial.home, &heard, true);
    println!("{kills} kills in {} s: {:?}", began.elapsed().as_secs(), heard.deaths);
    println!("{figures}");
}
