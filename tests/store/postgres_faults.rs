//! What can be wrong with PostgreSQL, what the store says about it, and that tampering is refused or found.

use std::time::Duration;

use sayso::audit::{AuditLog as _, Head, Ledger as _, WhenHalted, verify_log};
use sayso::domain::{ExecutionId, IncidentLog as _, NewIncident, Stamp};
use sayso::proposal::ProposalStore as _;
use sayso::store::{Postgres, PostgresUrl, Store as _};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::postgres::{Database, server};
use super::support::*;

const IMPATIENT: Duration = Duration::from_millis(500);
const LEASE: Duration = Duration::from_secs(60);

/// What opening says, with its causes; never a password.
async fn refusal(url: &str) -> String {
    let url: PostgresUrl = url.parse().unwrap();
    let error = match Postgres::open(&url, IMPATIENT, LEASE).await {
        Ok(_) => panic!("the store was opened"),
        Err(error) => error,
    };
    let all = format!("{error:?} {error} {:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(!all.contains("hunter2"), "{all}");
    error.to_string()
}

#[tokio::test]
async fn nobody_there_is_told() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(
        refusal(&format!("postgres://ops:hunter2@{free}/sayso")).await,
        format!("no PostgreSQL server answers at `{free}`; start it, or name another one in `[store] url`")
    );
    // Somebody who never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    assert_eq!(
        refusal(&format!("postgres://ops:hunter2@{address}/sayso")).await,
        format!(
            "the store `postgres://ops@{address}/sayso` has not answered within 500 ms; look at the load of the server, and \
             at the network"
        )
    );
}

#[tokio::test]
async fn users_and_databases_that_are_not_there_are_told() {
    let Some(place) = Database::make().await else { return };
    let at = format!("127.0.0.1:{}", place.server.port);
    assert_eq!(
        refusal(&format!("postgres://nobody:hunter2@{at}/{}", place.name)).await,
        format!(
            "the PostgreSQL server at `{at}` refuses the user `nobody`; correct the name, the password, or its `pg_hba.conf`"
        )
    );
    assert_eq!(
        refusal(&format!("postgres://postgres:hunter2@{at}/nowhere")).await,
        format!(
            "the PostgreSQL server at `{at}` has no database `nowhere`; make it with `createdb --owner=postgres nowhere`"
        )
    );
    assert_eq!(
        refusal(&format!("postgres://postgres:hunter2@{at}/{}?sslmode=require", place.name)).await,
        format!(
            "no encrypted connection to `{at}` can be made; `sslmode` and `sslrootcert` of the url say what is asked for"
        )
    );
}

#[tokio::test]
async fn a_user_who_may_not_is_told() {
    let Some(place) = Database::make().await else { return };
    let guest = format!("g{}", place.name);
    let mut raw = place.raw().await;
    raw.execute(AssertSqlSafe(format!("CREATE ROLE {guest} LOGIN"))).await.unwrap();
    let url = place.server.url(&guest, &place.name);
    let told = format!("the user `{guest}` may not use the store `{url}`; make it the owner of the database");
    assert_eq!(refusal(&url).await, told);
    // Nor where the tables are there, and are somebody else's.
    place.open().await.close().await;
    assert_eq!(refusal(&url).await, told);
}

#[tokio::test]
async fn what_cannot_keep_promises_is_refused() {
    let Some(place) = Database::make().await else { return };
    let mut raw = place.server.raw("postgres").await;
    let name = &place.name;
    raw.execute(AssertSqlSafe(format!("ALTER DATABASE {name} SET default_transaction_read_only = on"))).await.unwrap();
    let read_only = format!("the store `{}` is read-only; name the server that takes changes", place.shown());
    assert_eq!(refusal(&place.shown()).await, read_only);

    let ascii = format!("a{name}");
    let create = format!("CREATE DATABASE {ascii} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    raw.execute(AssertSqlSafe(create)).await.unwrap();
    let url = place.server.url("postgres", &ascii);
    assert_eq!(refusal(&url).await, format!("the store `{url}` has `server_encoding` = `SQL_ASCII`, expected `UTF8`"));
}

#[tokio::test]
async fn a_database_of_somebody_else_is_left_alone() {
    let Some(place) = Database::make().await else { return };
    let mut raw = place.raw().await;
    raw.execute("CREATE TABLE bookmarks (url TEXT)").await.unwrap();
    assert_eq!(
        refusal(&place.shown()).await,
        format!("the database `{}` holds something else than a store of Sayso; make one for it alone", place.shown())
    );
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_newer_schema_is_told() {
    let Some(place) = Database::make().await else { return };
    place.open().await.close().await;
    let mut later = place.raw().await;
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (77, '', TRUE, '', 0)";
    later.execute(insert).await.unwrap();
    let known: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE version < 77")
        .fetch_one(&mut later)
        .await
        .unwrap();
    assert_eq!(
        refusal(&place.shown()).await,
        format!(
            "the store `{}` was written by a newer Sayso (schema 77, this one knows {known}); use that one",
            place.shown()
        )
    );
    later.execute("DELETE FROM _sqlx_migrations WHERE version = 77").await.unwrap();
    later.execute("UPDATE _sqlx_migrations SET checksum = ''").await.unwrap();
    assert_eq!(
        refusal(&place.shown()).await,
        format!("the store `{}` has another schema 1 than this Sayso; use the one that wrote it", place.shown())
    );
}

#[tokio::test]
async fn two_processes_can_start_at_once() {
    for _ in 0..5 {
        let Some(place) = Database::make().await else { return };
        let (one, other) = tokio::join!(place.open(), place.open());
        one.append(remark(1)).await.unwrap();
        other.append(remark(2)).await.unwrap();
    }
}

#[tokio::test]
async fn a_locked_store_is_told_and_nothing_is_written() {
    let Some(place) = Database::make().await else { return };
    let store = Postgres::open(&place.url(), IMPATIENT, LEASE).await.unwrap();
    let proposal = executing(&store).await;
    let mut other = place.raw().await;
    other.execute("BEGIN; LOCK TABLE audit_events IN EXCLUSIVE MODE").await.unwrap();
    let locked = format!(
        "the store `{}` has been locked for more than 500 ms; look who holds the lock in `pg_stat_activity`",
        place.shown()
    );
    let error = store
        .open_execution(proposal.draft().execution, proposal.id(), None, WhenHalted::Refuse, started(&proposal))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), format!("the audit trail cannot be written: {locked}"));
    let (next, _) = sayso::proposal::step(
        proposal.clone(),
        sayso::proposal::Event::Ended(outcome(sayso::domain::OutcomeStatus::Failed)),
        &policy(),
        noon(),
    );
    let error = store.save(&next, &[remark(1)]).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the store cannot be used: {locked}"));
    // Reading goes on.
    assert_eq!(store.load(proposal.id(), &intents()).await.unwrap(), Some(proposal.clone()));
    store.probe().await.unwrap();
    other.execute("ROLLBACK").await.unwrap();
    store
        .open_execution(proposal.draft().execution, proposal.id(), None, WhenHalted::Refuse, started(&proposal))
        .await
        .unwrap();
}

/// Somebody holds the lock of the chain, and is not heard of any more: the server ends that one, and the others go on.
#[tokio::test]
async fn who_falls_silent_in_a_transaction_does_not_stop_the_others() {
    let Some(place) = Database::make().await else { return };
    let store = Postgres::open(&place.url(), Duration::from_secs(2), LEASE).await.unwrap();
    store.append(remark(1)).await.unwrap();
    let mut silent = place.raw().await;
    // As a connection of ours is set.
    silent.execute("SET idle_in_transaction_session_timeout = '1200ms'").await.unwrap();
    silent.execute("BEGIN").await.unwrap();
    let lock = "SELECT pg_advisory_xact_lock(1398897011, 'audit_events'::regclass::oid::INT)";
    silent.execute(lock).await.unwrap();
    let begun = std::time::Instant::now();
    store.append(remark(2)).await.unwrap();
    assert!(begun.elapsed() > Duration::from_millis(500), "the lock is the one that was taken: {:?}", begun.elapsed());
    assert_eq!(verify_log(&store, None).await.unwrap().sequence, 2);
}

/// The server's own default is `off` where these tests run.
#[tokio::test]
async fn what_is_committed_is_on_disk() {
    let Some(place) = Database::make().await else { return };
    let mut raw = place.raw().await;
    let default: String = sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut raw).await.unwrap();
    assert_eq!(default, "off");
    let store = place.open().await;
    // A trigger tells how each of our transactions is set.
    raw.execute("CREATE TABLE witness (value TEXT)").await.unwrap();
    raw.execute(
        "CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO witness VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$",
    )
    .await
    .unwrap();
    raw.execute("CREATE TRIGGER witness BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION witness()")
        .await
        .unwrap();
    store.append(remark(1)).await.unwrap();
    let seen: Vec<String> = sqlx::query_scalar("SELECT value FROM witness").fetch_all(&mut raw).await.unwrap();
    assert_eq!(seen, ["on"]);
}

#[tokio::test]
async fn the_schema_itself_refuses_what_must_never_happen() {
    let Some(place) = Database::make().await else { return };
    let store = place.open().await;
    let done = running(&store).await;
    let good = outcome(sayso::domain::OutcomeStatus::Succeeded);
    store.close_execution(done.draft().execution, &good, noon(), ended(&done, &good)).await.unwrap();
    happens(&store, done, sayso::proposal::Event::Ended(good)).await;
    let about = NewIncident { title: "it is slow".to_owned(), severity: None, service: None };
    let stamp = Stamp { by: "console:mira".parse().unwrap(), at: noon(), execution: ExecutionId::random() };
    store.open_incident(&about, &stamp).await.unwrap();
    let mut raw = place.raw().await;
    for (statement, refusal) in [
        ("UPDATE audit_events SET event = '{}' WHERE sequence = 1", "audit events are never altered"),
        (
            "DELETE FROM audit_events WHERE sequence = 1",
            "audit events are never removed, but from the beginning on and where a later one says so",
        ),
        ("TRUNCATE audit_events", "audit events are never removed all at once"),
        (
            "INSERT INTO audit_events (sequence, previous, event, hash) VALUES (99, '', '{}', '')",
            "audit events are appended, one after the other",
        ),
        ("UPDATE executions SET outcome = '{}'", "an execution is closed once, and nothing else about it changes"),
        ("DELETE FROM executions", "executions stay as long as they are on record"),
        ("TRUNCATE executions", "executions are never removed all at once"),
        ("DELETE FROM proposals", "proposals stay as long as they are on record, or not at their end"),
        ("UPDATE proposals SET state = 'pending'", "a proposal that has come to its end stays there"),
        ("TRUNCATE incidents, incident_updates", "incidents are never removed: their numbers are not used again"),
        ("DELETE FROM incidents", "incidents are never removed: their numbers are not used again"),
        ("INSERT INTO duty VALUES (TRUE, 'b')", "duplicate key value violates unique constraint \"duty_pkey\""),
    ] {
        let error = raw.execute(statement).await.unwrap_err();
        let told = error.as_database_error().unwrap().message();
        assert_eq!(told, refusal, "{statement}");
    }
}

/// Does something to the tables behind the store's back, and says what verification finds.
async fn tampered(statements: &[&'static str], known: bool) -> Option<String> {
    let place = Database::make().await?;
    let store = place.open().await;
    for number in 0..5 {
        store.append(remark(number)).await.unwrap();
    }
    let head = verify_log(&store, None).await.unwrap();
    let mut raw = place.raw().await;
    raw.execute("ALTER TABLE audit_events DISABLE TRIGGER USER").await.unwrap();
    for statement in statements {
        raw.execute(*statement).await.unwrap();
    }
    Some(verify_log(&store, known.then_some(head)).await.unwrap_err().to_string())
}

#[tokio::test]
async fn tampering_of_every_kind_is_found() {
    if server().is_none() {
        return;
    }
    for (statements, known, found) in [
        (
            &["UPDATE audit_events SET event = replace(event, 'number 2', 'number 7') WHERE sequence = 3"][..],
            false,
            "row 3 was altered",
        ),
        (&["DELETE FROM audit_events WHERE sequence = 3"], false, "row 3 is missing"),
        (
            &[
                "UPDATE audit_events SET sequence = -2 WHERE sequence = 2",
                "UPDATE audit_events SET sequence = 2 WHERE sequence = 4",
                "UPDATE audit_events SET sequence = 4 WHERE sequence = -2",
            ],
            false,
            "row 2 stands in another row's place",
        ),
        (&["DELETE FROM audit_events WHERE sequence > 3"], true, "row 4 and all rows after it were cut off"),
    ] {
        let told = tampered(statements, known).await.unwrap();
        assert_eq!(told, format!("the audit trail is broken: {found}"), "{statements:?}");
    }
}

#[tokio::test]
async fn a_broken_head_stops_every_act() {
    let Some(place) = Database::make().await else { return };
    let store = place.open().await;
    store.append(remark(1)).await.unwrap();
    let mut raw = place.raw().await;
    raw.execute("ALTER TABLE audit_events DISABLE TRIGGER USER").await.unwrap();
    raw.execute("UPDATE audit_events SET hash = 'garbage'").await.unwrap();
    assert!(store.head().await.is_err());
    let error = store.append(remark(2)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the audit trail cannot be written: the store `{}` is damaged; keep a copy, and go back to a backup or start \
             with a new one",
            place.shown()
        )
    );
    assert_ne!(Head::genesis().sequence, 1);
}

/// The connections of a store are ended by the server, as when it is started anew: the next use makes others.
#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let Some(place) = Database::make().await else { return };
    let store = place.open().await;
    store.append(remark(1)).await.unwrap();
    let mut raw = place.server.raw("postgres").await;
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1")
        .bind(&place.name)
        .execute(&mut raw)
        .await
        .unwrap();
    store.append(remark(2)).await.unwrap();
    store.probe().await.unwrap();
    assert_eq!(verify_log(&store, None).await.unwrap().sequence, 2);
    raw.close().await.unwrap();
}
