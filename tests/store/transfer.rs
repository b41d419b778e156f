//! Moving a store: everything arrives as it was, the chain whole, or nothing does.

use std::time::Duration;

use sayso::audit::{AuditLog as _, Fact, Halt, Ledger as _, Pruning, prune, verify_log};
use sayso::domain::{ExecutionId, IncidentLog as _, IncidentUpdate, MessageId, NewIncident, OutcomeStatus, Stamp};
use sayso::proposal::ProposalStore as _;
use sayso::store::{ConversationStore as _, MessageLog as _, Miss, MissKind, MissLog as _, Store, move_store, recover};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use super::postgres::Database;
use super::support::*;

/// Something in every table.
async fn fill(store: &impl Store) {
    pending(store).await;
    approved(store).await;
    running(store).await;
    let done = running(store).await;
    let good = outcome(OutcomeStatus::Succeeded);
    store.close_execution(done.draft().execution, &good, noon(), ended(&done, &good)).await.unwrap();
    happens(store, done, sayso::proposal::Event::Ended(good)).await;
    for number in 0..50 {
        let message = MessageId { conversation: conversation("main"), message: number.to_string() };
        assert!(store.first_time(&message).await.unwrap());
    }
    let halt = Halt { by: "console:mira".parse().unwrap(), since: noon(), reason: Some("moving".to_owned()) };
    let said = sayso::audit::AuditEvent { fact: Fact::Halted { reason: halt.reason.clone() }, ..remark(1) };
    store.halt(&halt, said).await.unwrap();
    store.put(&conversation("main"), &json!({ "said": "\u{1f980}\0" })).await.unwrap();
    store.write("chat/card", "1/2", noon()).await.unwrap();
    let stamp = || Stamp { by: halt.by.clone(), at: noon(), execution: ExecutionId::random() };
    let about = |severity: Option<&str>| NewIncident {
        title: "it is slow".to_owned(),
        severity: severity.map(ToOwned::to_owned),
        service: None,
    };
    let first = store.open_incident(&about(Some("sev2")), &stamp()).await.unwrap();
    store.open_incident(&about(None), &stamp()).await.unwrap();
    let update = IncidentUpdate { stamp: stamp(), text: "moving".to_owned() };
    store.update_incident(first, &update).await.unwrap();
    store.resolve_incident(first, &stamp()).await.unwrap();
    let miss = |text: &str| Miss {
        at: noon(),
        platform: "console".to_owned(),
        text: text.to_owned(),
        kind: MissKind::Ambiguous,
        best: vec![("service.status".parse().unwrap(), 0.1 + 0.2)],
        meant: Some("service.restart".parse().unwrap()),
    };
    store.keep(&miss("kick it")).await.unwrap();
    store.keep(&miss("bounce it")).await.unwrap();
    store.settle("kick it").await.unwrap();
}

/// Of each table of a SQLite file, how many rows it has.
async fn counts(file: &File) -> Vec<(String, i64)> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file.path());
    let mut raw = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let query =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('_sqlx_migrations', 'sqlite_sequence')";
    let tables: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut raw).await.unwrap();
    let mut counts = Vec::new();
    for table in tables {
        let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")));
        counts.push((table, count.fetch_one(&mut raw).await.unwrap()));
    }
    counts
}

#[tokio::test]
async fn everything_is_moved_there_and_back() {
    let (from, again) = (File::new(), File::new());
    let Some(through) = Database::make().await else { return };
    let source = from.open().await;
    fill(&source).await;
    let head = verify_log(&source, None).await.unwrap();
    let target = through.open().await;
    let moved = move_store(&source, &target).await.unwrap();
    assert_eq!(moved.head, head);
    assert_eq!(verify_log(&target, Some(head)).await.unwrap(), head);
    let unfinished = source.unfinished(&intents()).await.unwrap();
    assert_eq!(target.unfinished(&intents()).await.unwrap().proposals, unfinished.proposals);

    // The new store is one to work with: what the old one left is ended, and the chain goes on.
    source.close().await;
    target.close().await;
    let target = through.open().await;
    let back = again.open().await;
    move_store(&target, &back).await.unwrap();
    back.close().await;
    for (table, count) in counts(&from).await {
        assert!(count > 0, "`{table}` is not tested");
        let found = counts(&again).await.into_iter().find(|(name, _)| *name == table).unwrap().1;
        assert_eq!(found, count, "{table}");
    }
    assert_eq!(recover(&target, &intents(), &policy(), noon()).await.unwrap().proposals.len(), 3);
    assert!(
        !target.first_time(&MessageId { conversation: conversation("main"), message: "7".to_owned() }).await.unwrap()
    );
    assert!(verify_log(&target, Some(head)).await.unwrap().sequence > head.sequence);
    assert_eq!(target.misses(noon()).await.unwrap().len(), 1);
    // Numbers go on where they were.
    let stamp = Stamp { by: "console:mira".parse().unwrap(), at: noon(), execution: ExecutionId::random() };
    let about = NewIncident { title: "the next".to_owned(), severity: None, service: None };
    assert_eq!(target.open_incident(&about, &stamp).await.unwrap().to_string(), "INC-3");

    // Byte for byte: from PostgreSQL to a file of its own, and that compared with the first.
    let expected = rows(&from).await;
    assert_eq!(rows(&again).await, expected);
}

/// All rows of a file, as texts.
async fn rows(file: &File) -> Vec<String> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file.path());
    let mut raw = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let mut all = Vec::new();
    for query in [
        "SELECT json_array(id, platform, channel, code, state, revision, owner, created, expires, body) FROM proposals ORDER BY id",
        "SELECT json_array(id, proposal, opened, closed, outcome, target) FROM executions ORDER BY id",
        "SELECT json_array(sequence, previous, event, hash) FROM audit_events ORDER BY sequence",
        "SELECT json_array(one, actor, since, reason) FROM halt",
        "SELECT json_array(platform, channel, message, handled) FROM messages ORDER BY message",
        "SELECT json_array(platform, channel, state) FROM conversations ORDER BY channel",
        "SELECT json_array(key, value, at) FROM notes ORDER BY key",
        "SELECT json_array(number, title, severity, service, opened, opened_by, opened_in, resolved, resolved_by, resolved_in) FROM incidents ORDER BY number",
        "SELECT json_array(incident, place, made, made_by, made_in, text) FROM incident_updates ORDER BY incident, place",
        "SELECT json_array(at, platform, text, kind, best, meant, settled) FROM misses ORDER BY id",
    ] {
        let found = raw.fetch_all(query).await.unwrap();
        all.extend(found.iter().map(|row| row.get::<String, _>(0)));
    }
    all
}

#[tokio::test]
async fn what_is_in_use_not_empty_or_broken_is_not_moved() {
    let Some(to) = Database::make().await else { return };
    let from = File::new();
    let source = from.open().await;
    fill(&source).await;
    let target = to.open().await;

    let busy = from.open().await;
    let error = move_store(&source, &target).await.unwrap_err().to_string();
    let in_use = |which| {
        format!("the store to move {which} is in use; stop every Sayso that uses it, wait ten seconds, and try again")
    };
    assert_eq!(error, in_use("from"));
    busy.close().await;
    let busy = to.open_for(Duration::from_secs(1)).await;
    assert_eq!(move_store(&source, &target).await.unwrap_err().to_string(), in_use("to"));
    drop(busy);
    tokio::time::sleep(Duration::from_millis(1_200)).await;

    target.put(&conversation("main"), &json!({})).await.unwrap();
    let error = move_store(&source, &target).await.unwrap_err().to_string();
    assert_eq!(error, "the store to move to is not empty: `conversations` has rows; name an empty one");
    to.raw().await.execute("DELETE FROM conversations").await.unwrap();

    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(from.path());
    let mut raw = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    raw.execute("DROP TRIGGER audit_events_unaltered").await.unwrap();
    raw.execute("UPDATE audit_events SET event = '{}' WHERE sequence = 3").await.unwrap();
    let error = move_store(&source, &target).await.unwrap_err().to_string();
    assert_eq!(error, "the audit trail is broken: row 3 was altered in the store to move from; nothing was moved");
    assert_eq!(target.head().await.unwrap().sequence, 0);
    assert_eq!(target.unfinished(&intents()).await.unwrap().proposals, []);
}

/// In the middle of it, the server ends the connection: what was put there is gone.
#[tokio::test]
async fn what_breaks_off_leaves_nothing() {
    let Some(to) = Database::make().await else { return };
    let from = File::new();
    let source = from.open().await;
    fill(&source).await;
    let target = to.open().await;
    // The table that is filled last refuses.
    to.raw().await.execute("ALTER TABLE misses ADD CONSTRAINT nothing CHECK (FALSE)").await.unwrap();
    assert!(move_store(&source, &target).await.unwrap_err().to_string().ends_with("failed; nothing was moved"));
    assert_eq!(target.head().await.unwrap().sequence, 0);
    assert_eq!(target.unfinished(&intents()).await.unwrap().proposals, []);
    to.raw().await.execute("ALTER TABLE misses DROP CONSTRAINT nothing").await.unwrap();
    move_store(&source, &target).await.unwrap();
}

#[tokio::test]
async fn a_record_whose_beginning_was_removed_is_moved() {
    let Some(through) = Database::make().await else { return };
    let (from, to) = (File::new(), File::new());
    let (source, between, target) = (from.open().await, through.open().await, to.open().await);
    // Seconds after noon.
    for number in [0, 1, 7_200, 7_201] {
        source.append(remark(number)).await.unwrap();
    }
    let pruned = prune(&source, after(60), None, after(180), Pruning::Meant).await.unwrap().unwrap();
    assert_eq!(pruned.rows, 2);
    let head = verify_log(&source, None).await.unwrap();
    assert_eq!(move_store(&source, &between).await.unwrap().head, head);
    assert_eq!(move_store(&between, &target).await.unwrap().head, head);
    assert_eq!(verify_log(&target, Some(head)).await.unwrap(), head);
    target.append(remark(1)).await.unwrap();
    verify_log(&target, Some(head)).await.unwrap();
}
