//! A store that is full, or held by somebody else, while it is needed: before a yes counts, and while something runs.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::harness::Home;
use crate::{home_with, worker};

/// A small disk of its own in a home, for the store.
struct Disk(PathBuf);

impl Disk {
    /// None without the right to mount one.
    fn mount(home: &Home) -> Option<Self> {
        let path = home.path("state");
        fs::create_dir_all(&path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"]).arg(&path).output();
        if mounted.is_ok_and(|done| done.status.success()) {
            return Some(Self(path));
        }
        eprintln!("skipped: this user may not mount a disk that can be filled");
        None
    }

    /// To the last byte.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        for size in [4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a program that failed may still be on it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn began(home: &Home) -> usize {
    fs::read_to_string(home.path("effects")).unwrap().matches("began").count()
}

/// Waits until so many attempts have begun.
fn until_began(home: &Home, count: usize) {
    let began_waiting = std::time::Instant::now();
    while began(home) < count {
        assert!(began_waiting.elapsed() < crate::PATIENCE);
        std::thread::yield_now();
    }
}

#[test]
fn a_full_disk_stops_every_act_and_hides_no_end() {
    let home = home_with(&worker("2"));
    let Some(disk) = Disk::mount(&home) else { return };
    let mut chat = home.chat();
    chat.ask("service.restart service=a", "└");
    disk.fill();
    let said = chat.ask("1", "I did nothing: ");
    assert!(said.contains("is full; free some space"), "{said}");
    let said = chat.ask("service.restart service=b", "I did nothing: ");
    assert!(said.contains("is full; free some space"), "{said}");
    assert_eq!(began(&home), 0, "no row, no act");
    disk.free();
    // It fills up while something runs: what was done is told, and that the record does not show it.
    chat.say("yes");
    until_began(&home, 1);
    disk.fill();
    let said = chat.hear("a was restarted");
    assert!(said.contains("a was restarted (not on the record: "), "{said}");
    disk.free();
    // It goes on, and the next start closes what is open, and repeats nothing.
    chat.ask("service.restart service=c", "└");
    chat.leave();
    let kinds = ["proposal_created", "proposal_confirmed", "execution_started", "proposal_created"];
    assert_eq!(home.trail(), kinds);
    home.chat().leave();
    assert_eq!(home.trail(), [&kinds[..], &["execution_ended"]].concat());
    assert_eq!(began(&home), 1);
    home.assert_whole(5);
}

#[tokio::test]
async fn a_store_that_is_held_while_something_runs_gets_its_end_later() {
    let home = home_with(&worker("0.5"));
    let mut chat = home.chat();
    chat.ask("service.restart service=a", "└");
    chat.say("1");
    until_began(&home, 1);
    let options = SqliteConnectOptions::new().filename(home.store()).busy_timeout(Duration::from_secs(10));
    let mut held = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut held).await.unwrap();
    // Longer than the store waits for a lock at a time.
    tokio::time::sleep(Duration::from_secs(7)).await;
    drop(held);
    chat.hear("\na was restarted\n");
    chat.leave();
    assert_eq!(home.trail(), ["proposal_created", "proposal_confirmed", "execution_started", "execution_ended"]);
    home.assert_whole(4);
}
