//! What can be wrong with a SQLite file, what the store says about it, and that tampering is found.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use sayso::audit::{AuditLog, Head, Ledger, WhenHalted, verify_log};
use sayso::domain::{ExecutionId, IncidentLog as _, NewIncident, Stamp};
use sayso::proposal::ProposalStore;
use sayso::store::{Sqlite, Store as _, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use super::support::*;

const IMPATIENT: Duration = Duration::from_millis(100);

async fn refusal(path: &Path) -> String {
    match Sqlite::open(path, IMPATIENT).await {
        Ok(_) => panic!("the store was opened"),
        Err(error) => error.to_string(),
    }
}

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path).create_if_missing(true)).await.unwrap()
}

#[tokio::test]
async fn file_and_folder_are_for_this_user_alone() {
    let place = File::new();
    let store = place.open().await;
    pending(&store).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.folder()), 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(place.folder()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
        files += 1;
    }
    assert_eq!(files, 4, "the file, its log, the log's index, and the owner's lock");
    store.close().await;
    let left: Vec<_> = std::fs::read_dir(place.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["sayso.db"]);
}

#[tokio::test]
async fn a_file_that_is_something_else_is_left_alone() {
    let place = File::new();
    std::fs::create_dir(place.folder()).unwrap();
    let expected =
        format!("`{}` is not a store of Sayso; name another path, or move the file away", place.path().display());

    let garbage = "all work and no play\n".repeat(500);
    std::fs::write(place.path(), &garbage).unwrap();
    assert_eq!(refusal(&place.path()).await, expected);
    assert_eq!(std::fs::read_to_string(place.path()).unwrap(), garbage);

    std::fs::remove_file(place.path()).unwrap();
    let mut other = raw(&place.path()).await;
    other.execute("CREATE TABLE bookmarks (url TEXT)").await.unwrap();
    other.close().await.unwrap();
    assert_eq!(refusal(&place.path()).await, expected);
}

#[tokio::test]
async fn a_path_that_cannot_be_a_file_is_told() {
    let place = File::new();
    std::fs::create_dir_all(place.path()).unwrap();
    assert_eq!(
        refusal(&place.path()).await,
        format!(
            "the store `{}` cannot be opened; it must be a file that this user may read and write, in a folder that they may write to",
            place.path().display()
        )
    );
    let below = File::new();
    std::fs::write(below.folder(), "a file").unwrap();
    assert_eq!(
        refusal(&below.path()).await,
        format!(
            "the store `{}` cannot be created; make its folder writable for this user, or name another path",
            below.path().display()
        )
    );
}

#[tokio::test]
async fn a_newer_schema_is_told() {
    let place = File::new();
    place.open().await.close().await;
    let mut later = raw(&place.path()).await;
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9, '', TRUE, x'00', 0)";
    later.execute(insert).await.unwrap();
    assert_eq!(
        refusal(&place.path()).await,
        format!(
            "the store `{}` was written by a newer Sayso (schema 9, this one knows 8); use that one",
            place.path().display()
        )
    );
    later.execute("DELETE FROM _sqlx_migrations WHERE version = 9").await.unwrap();
    later.execute("UPDATE _sqlx_migrations SET checksum = x'00'").await.unwrap();
    assert_eq!(
        refusal(&place.path()).await,
        format!(
            "the store `{}` has another schema 1 than this Sayso; use the one that wrote it",
            place.path().display()
        )
    );
}

#[tokio::test]
async fn a_locked_store_is_told_and_nothing_is_written() {
    let place = File::new();
    let store = Sqlite::open(&place.path(), IMPATIENT).await.unwrap();
    let proposal = executing(&store).await;
    let mut other = raw(&place.path()).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let locked = format!(
        "the store `{}` has been locked for more than 100 ms; stop the other process that uses it, or wait until it is done",
        place.path().display()
    );
    assert_eq!(refusal(&place.path()).await, locked);
    let error = store
        .open_execution(proposal.draft().execution, proposal.id(), None, WhenHalted::Refuse, started(&proposal))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), format!("the audit trail cannot be written: {locked}"));
    let error = store.save(&proposal, &[]).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the store cannot be used: {locked}"));
    // Reading goes on.
    assert_eq!(store.load(proposal.id(), &intents()).await.unwrap(), Some(proposal.clone()));
    other.execute("ROLLBACK").await.unwrap();
    store
        .open_execution(proposal.draft().execution, proposal.id(), None, WhenHalted::Refuse, started(&proposal))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_damaged_store_is_told_and_nothing_is_written() {
    let place = File::new();
    let store = place.open().await;
    for number in 0..200 {
        store.append(remark(number)).await.unwrap();
    }
    store.close().await;
    // Everything behind the first page, which says what the file is, becomes garbage.
    let mut content = std::fs::read(place.path()).unwrap();
    content[4_096..].fill(0xa5);
    std::fs::write(place.path(), content).unwrap();
    let damaged = format!(
        "the store `{}` is damaged; keep the file, and go back to a backup or start with a new one",
        place.path().display()
    );
    assert_eq!(refusal(&place.path()).await, damaged);
}

/// Root may write everywhere, so there the test runs again as nobody.
#[tokio::test]
async fn a_read_only_store_is_told() {
    if rustix::process::geteuid().is_root() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let copy = folder.path().join("store-tests");
        std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        let status = std::process::Command::new(copy)
            .args(["faults::a_read_only_store_is_told", "--exact", "--nocapture"])
            .current_dir("/")
            .uid(65_534)
            .gid(65_534)
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let place = File::new();
    let store = place.open().await;
    pending(&store).await;
    store.close().await;
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(&place.path(), 0o400);
    let file = refusal(&place.path()).await;
    mode(&place.folder(), 0o500);
    let folder = refusal(&place.path()).await;
    mode(&place.path(), 0o000);
    let unreadable = refusal(&place.path()).await;
    mode(&place.folder(), 0o700);
    let path = place.path();
    assert_eq!(
        file,
        format!("the store `{}` is read-only; make the file and its folder writable for this user", path.display())
    );
    assert_eq!(folder, file);
    assert_eq!(
        unreadable,
        format!(
            "the store `{}` cannot be opened; it must be a file that this user may read and write, in a folder that they may write to",
            path.display()
        )
    );
}

#[tokio::test]
async fn the_schema_itself_refuses_what_must_never_happen() {
    let place = File::new();
    let store = place.open().await;
    let done = running(&store).await;
    let good = outcome(sayso::domain::OutcomeStatus::Succeeded);
    store.close_execution(done.draft().execution, &good, noon(), ended(&done, &good)).await.unwrap();
    happens(&store, done, sayso::proposal::Event::Ended(good)).await;
    let about = NewIncident { title: "it is slow".to_owned(), severity: None, service: None };
    let stamp = Stamp { by: "console:mira".parse().unwrap(), at: noon(), execution: ExecutionId::random() };
    store.open_incident(&about, &stamp).await.unwrap();
    let mut raw = raw(&place.path()).await;
    for (statement, refusal) in [
        ("UPDATE audit_events SET event = '{}' WHERE sequence = 1", "audit events are never altered"),
        (
            "DELETE FROM audit_events WHERE sequence = 1",
            "audit events are never removed, but from the beginning on and where a later one says so",
        ),
        (
            "INSERT OR REPLACE INTO audit_events (sequence, previous, event, hash) VALUES (1, '', '{}', '')",
            "audit events are appended, one after the other",
        ),
        (
            "INSERT INTO audit_events (sequence, previous, event, hash) VALUES (99, '', '{}', '')",
            "audit events are appended, one after the other",
        ),
        ("UPDATE executions SET outcome = '{}'", "an execution is closed once, and nothing else about it changes"),
        ("DELETE FROM executions", "executions stay as long as they are on record"),
        ("UPDATE proposals SET state = 'pending'", "a proposal that has come to its end stays there"),
        ("DELETE FROM incidents", "incidents are never removed: their numbers are not used again"),
    ] {
        let error = raw.execute(statement).await.unwrap_err();
        assert!(error.to_string().ends_with(refusal), "{statement}: {error}");
    }
}

/// Does something to the file behind the store's back, and says what verification finds.
async fn tampered(statements: &[&'static str], known: Option<Head>) -> String {
    let place = File::new();
    let store = place.open().await;
    for number in 0..5 {
        store.append(remark(number)).await.unwrap();
    }
    let head = verify_log(&store, None).await.unwrap();
    let mut raw = raw(&place.path()).await;
    for trigger in ["audit_events_unaltered", "audit_events_stay", "audit_events_follow"] {
        raw.execute(sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}"))).await.unwrap();
    }
    for statement in statements {
        raw.execute(*statement).await.unwrap();
    }
    let known = known.map(|_| head);
    verify_log(&store, known).await.unwrap_err().to_string()
}

#[tokio::test]
async fn tampering_of_every_kind_is_found() {
    const ALTER: &str = "UPDATE audit_events SET event = replace(event, 'number 2', 'number 7') WHERE sequence = 3";
    const REMOVE: &str = "DELETE FROM audit_events WHERE sequence = 3";
    const SWAP: &[&str] = &[
        "UPDATE audit_events SET sequence = -2 WHERE sequence = 2",
        "UPDATE audit_events SET sequence = 2 WHERE sequence = 4",
        "UPDATE audit_events SET sequence = 4 WHERE sequence = -2",
    ];
    const RENUMBER: &[&str] = &[
        REMOVE,
        "UPDATE audit_events SET sequence = 3 WHERE sequence = 4",
        "UPDATE audit_events SET sequence = 4 WHERE sequence = 5",
    ];
    const INSERT: &str = "INSERT INTO audit_events (sequence, previous, event, hash)
        SELECT 6, previous, event, hash FROM audit_events WHERE sequence = 5";
    const TRUNCATE: &str = "DELETE FROM audit_events WHERE sequence > 3";
    let any = Some(Head::genesis());
    for (statements, known, found) in [
        (&[ALTER][..], None, "row 3 was altered"),
        (&[REMOVE], None, "row 3 is missing"),
        (SWAP, None, "row 2 stands in another row's place"),
        (RENUMBER, None, "row 3 stands in another row's place"),
        (&[INSERT], None, "row 6 stands in another row's place"),
        (&["DELETE FROM audit_events WHERE sequence = 1"], None, "row 1 is missing"),
        (&[TRUNCATE], any, "row 4 and all rows after it were cut off"),
        (&["DELETE FROM audit_events"], any, "row 1 and all rows after it were cut off"),
    ] {
        assert_eq!(tampered(statements, known).await, format!("the audit trail is broken: {found}"), "{statements:?}");
    }
}

#[tokio::test]
async fn a_broken_head_stops_every_act() {
    let place = File::new();
    let store = place.open().await;
    store.append(remark(1)).await.unwrap();
    let mut raw = raw(&place.path()).await;
    raw.execute("DROP TRIGGER audit_events_unaltered").await.unwrap();
    raw.execute("UPDATE audit_events SET hash = 'garbage'").await.unwrap();
    assert!(store.head().await.is_err());
    let error = store.append(remark(2)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the audit trail cannot be written: the store `{}` is damaged; keep the file, and go back to a backup or start with a new one",
            place.path().display()
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_can_start_at_once() {
    for _ in 0..10 {
        let place = File::new();
        let opened: [Result<Sqlite, StoreError>; 2] = {
            let (path, other) = (place.path(), place.path());
            let one = tokio::spawn(async move { Sqlite::open(&path, Duration::from_secs(10)).await });
            let two = tokio::spawn(async move { Sqlite::open(&other, Duration::from_secs(10)).await });
            [one.await.unwrap(), two.await.unwrap()]
        };
        for store in opened {
            store.unwrap().append(remark(1)).await.unwrap();
        }
    }
}
