//! Files that are missing, damaged, locked or not ours: refused, with the reason and the file's name.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::harness::{Ended, Home, Sleeper};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/minilm-l6-ops");
const OWN_MODEL: &str = "[model]\npath = \"model\"\n";

/// Refused at the start: nothing on standard output, the reason on standard error, status 1.
#[track_caller]
fn refused(ended: &Ended, reason: &str) {
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(1), "", reason));
}

/// Without the digests, which change with the model.
fn undigested(text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for word in &mut words {
        let digits = word.trim_end_matches([',', ';']);
        if digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            *word = word.replace(digits, "…");
        }
    }
    words.join(" ")
}

/// A home with a model of its own, of which one file is changed.
fn with_model(change: impl FnOnce(&Path)) -> Home {
    let home = Home::with(OWN_MODEL);
    let model = home.path("model");
    fs::create_dir(&model).unwrap();
    for file in ["manifest.toml", "model.safetensors", "tokenizer.json", "config.json"] {
        fs::copy(Path::new(MODEL).join(file), model.join(file)).unwrap();
    }
    change(&model);
    home
}

#[test]
fn a_model_that_is_not_there() {
    refused(
        &Home::with(OWN_MODEL).run(&["ask", "hi"], ""),
        "error: cannot read the model's `model/manifest.toml`; restore the folder, or make it anew with `sayso model \
         import`: No such file or directory (os error 2)\n",
    );
}

#[test]
fn a_model_with_a_file_missing() {
    for file in ["manifest.toml", "model.safetensors", "tokenizer.json", "config.json"] {
        let home = with_model(|model| fs::remove_file(model.join(file)).unwrap());
        refused(
            &home.run(&[], "how full is the disk?\n"),
            &format!(
                "error: cannot read the model's `model/{file}`; restore the folder, or make it anew with `sayso model \
                 import`: No such file or directory (os error 2)\n"
            ),
        );
    }
}

#[test]
fn a_model_with_one_byte_damaged() {
    for file in ["model.safetensors", "tokenizer.json", "config.json"] {
        let home = with_model(|model| {
            let mut bytes = fs::read(model.join(file)).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(model.join(file), bytes).unwrap();
        });
        let ended = home.run(&[], "how full is the disk?\n");
        let ended = Ended { err: undigested(&ended.err), ..ended };
        refused(
            &ended,
            &format!(
                "error: the model's `model/{file}` is damaged or was changed: expected sha256 …, found …; restore it, or make \
                 the folder anew with `sayso model import`\n"
            ),
        );
    }
}

#[test]
fn a_store_that_is_something_else() {
    let home = Home::new();
    let store = home.store().display().to_string();
    home.write("state/sayso.db", "this is a diary, not a database, and it is much longer than a header\n");
    let reason = format!("error: `{store}` is not a store of Sayso; name another path, or move the file away\n");
    refused(&home.run(&[], "how full is the disk?\n"), &reason);
    refused(&home.run(&["audit", "verify"], ""), &reason);
    assert!(fs::read_to_string(home.store()).unwrap().starts_with("this is a diary"), "it is left as it was");
}

#[tokio::test]
async fn a_store_that_is_damaged() {
    let home = Home::new();
    home.pipe(&["host.uptime"]);
    drop(sql(&home.store(), &["PRAGMA wal_checkpoint(TRUNCATE)"]).await);
    let mut bytes = fs::read(home.store()).unwrap();
    // The first page, behind the header that tells what the file is.
    bytes[100..4096].fill(0xa5);
    fs::write(home.store(), &bytes).unwrap();
    let store = home.store().display().to_string();
    refused(
        &home.run(&[], "how full is the disk?\n"),
        &format!(
            "error: the store `{store}` is damaged; keep the file, and go back to a backup or start with a new one: error \
             returned from database: (code: 11) database disk image is malformed\n"
        ),
    );
    assert_eq!(fs::read(home.store()).unwrap(), bytes, "it is left as it was");
}

#[test]
fn a_store_that_may_only_be_read() {
    let home = Home::new();
    home.pipe(&["host.uptime"]);
    if rustix::process::getuid().is_root() {
        // Nothing is read-only for root but a folder's flag that not every file system has.
        eprintln!("skipped: root may write everywhere");
        return;
    }
    for (path, mode) in [(home.store(), 0o400), (home.path("state"), 0o500)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let ended = home.run(&[], "how full is the disk?\n");
    fs::set_permissions(home.path("state"), fs::Permissions::from_mode(0o700)).unwrap();
    let store = home.store().display().to_string();
    refused(
        &ended,
        &format!("error: the store `{store}` is read-only; make the file and its folder writable for this user\n"),
    );
}

/// Runs SQL in a store, as somebody who goes around the program.
async fn sql(path: &Path, statements: &[&str]) -> sqlx::SqliteConnection {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe(*statement)).execute(&mut connection).await.unwrap();
    }
    connection
}

#[tokio::test]
async fn a_store_that_somebody_holds() {
    let home = Home::new();
    home.pipe(&["host.uptime"]);
    let held = sql(&home.store(), &["BEGIN IMMEDIATE"]).await;
    let ended = home.run(&[], "how full is the disk?\n");
    drop(held);
    let store = home.store().display().to_string();
    refused(
        &ended,
        &format!(
            "error: the store `{store}` has been locked for more than 5000 ms; stop the other process that uses it, or wait \
             until it is done: error returned from database: (code: 5) database is locked\n"
        ),
    );
}

#[tokio::test]
async fn a_store_that_is_taken_while_it_talks_refuses_to_act() {
    let mut sleeper = Sleeper::start();
    let home = Home::new();
    let mut chat = home.chat();
    chat.ask(format!("process.kill pid={}", sleeper.pid()), "└");
    let held = sql(&home.store(), &["BEGIN IMMEDIATE"]).await;
    let said = chat.ask("1", "I did nothing: ");
    assert!(said.contains("has been locked for more than 5000 ms"), "{said}");
    assert!(sleeper.is_alive(), "no row, no act");
    drop(held);
    // It goes on as soon as it can.
    chat.ask("yes", "has ended");
    assert!(!sleeper.is_alive());
    chat.leave();
    home.assert_whole(4);
}

#[tokio::test]
async fn a_record_that_was_tampered_with() {
    let home = Home::new();
    home.pipe(&["host.uptime", "host.load"]);
    home.assert_whole(6);
    let head = home.audit(&["verify"])[0]["head"].as_str().unwrap().to_owned();

    drop(
        sql(
            &home.store(),
            &[
                "DROP TRIGGER audit_events_unaltered",
                "UPDATE audit_events SET event = replace(event, 'host.uptime', 'host.reboot') WHERE sequence = 2",
            ],
        )
        .await,
    );
    let ended = home.run(&["audit", "verify"], "");
    refused(&ended, "error: the audit trail is broken: row 2 was altered\n");
    let ended = home.run(&["audit", "verify", "--json"], "");
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), "{\"whole\":false,\"row\":2,\"fault\":\"was altered\"}\n"));

    drop(sql(&home.store(), &["DROP TRIGGER audit_events_stay", "DELETE FROM audit_events WHERE sequence < 3"]).await);
    refused(&home.run(&["audit", "verify"], ""), "error: the audit trail is broken: row 1 is missing\n");

    // A record that was cut short is whole in itself; only its end, kept elsewhere, tells.
    drop(sql(&home.store(), &["DELETE FROM audit_events"]).await);
    home.assert_whole(0);
    refused(
        &home.run(&["audit", "verify", "--head", &head], ""),
        "error: the audit trail is broken: row 1 and all rows after it were cut off\n",
    );
}

#[test]
fn a_configuration_with_faults_tells_all_of_them() {
    let home = Home::bare("[caht]\n[limits]\ntimeout = \"soon\"\n[integrations]\nenabled = [\"hots\"]\n");
    for arguments in [&["check"][..], &["ask", "hi"], &[], &["audit", "list"], &["understand", "hi"]] {
        let ended = home.run(arguments, "");
        assert_eq!(ended.code, Some(1));
        assert_eq!(
            ended.err,
            "error: sayso.toml:1:2: unknown key `caht`\n  hint: did you mean `chat`?\n\
             error: sayso.toml:3:11: `limits.timeout`: expected an ISO 8601 duration such as `PT2H`, found `soon`\n"
        );
    }
}
