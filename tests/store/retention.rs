//! Retention: what may go, what stays, and that the rest is proven whole.

use jiff::{SignedDuration, Timestamp};
use sayso::audit::{AuditLog as _, Ledger as _, Pruned, Pruning, Search, examine_log, prune, verify_log};
use sayso::domain::{Notebook as _, OutcomeStatus, ProposalId};
use sayso::proposal::{Event, Proposal, State, step};
use sayso::store::Store;
use sqlx::Connection as _;

use super::support::*;

fn days(days: i64) -> Timestamp {
    noon() + SignedDuration::from_hours(24 * days)
}

async fn remove(store: &impl Store, before: Timestamp) -> Option<Pruned> {
    prune(store, before, None, days(30), Pruning::Meant).await.unwrap()
}

/// A change that ran and was done.
async fn done(store: &impl Store) -> Proposal {
    let proposal = running(store).await;
    let good = outcome(OutcomeStatus::Succeeded);
    store.close_execution(proposal.draft().execution, &good, noon(), ended(&proposal, &good)).await.unwrap();
    happens(store, proposal, Event::Ended(good)).await
}

async fn rows(store: &impl Store) -> Vec<u64> {
    store.rows(0, 100).await.unwrap().iter().map(|row| row.sequence).collect()
}

async fn is_there(store: &impl Store, id: ProposalId) -> bool {
    store.load(id, &intents()).await.unwrap().is_some()
}

pub async fn what_is_old_goes_and_the_rest_is_proven(place: &impl Place) {
    let store = place.open().await;
    let old = done(&store).await;
    assert_eq!(rows(&store).await, [1, 2, 3, 4]);
    let early = store.head().await.unwrap();
    // Seconds after noon.
    store.append(remark(3_600)).await.unwrap();
    store.append(remark(7_200)).await.unwrap();
    let late = store.head().await.unwrap();
    store.write("old", "a card", noon()).await.unwrap();
    store.write("young", "a card", after(60)).await.unwrap();

    assert_eq!(remove(&store, noon()).await, None, "nothing is older than the first");
    let rehearsed = prune(&store, after(30), None, days(30), Pruning::Rehearsed).await.unwrap().unwrap();
    assert_eq!((rehearsed.last, rehearsed.rows, rehearsed.proposals), (early, 4, 1));
    assert_eq!((store.head().await.unwrap(), is_there(&store, old.id()).await), (late, true));

    assert_eq!(remove(&store, after(30)).await, Some(rehearsed));
    assert_eq!(rows(&store).await, [5, 6, 7]);
    assert!(!is_there(&store, old.id()).await);
    assert_eq!(store.outcome(old.draft().execution).await.unwrap(), None);
    assert_eq!(store.read("old").await.unwrap(), None);
    assert_eq!(store.read("young").await.unwrap().as_deref(), Some("a card"));
    let verified = examine_log(&store, [early, late]).await.unwrap();
    assert_eq!((verified.rows(), verified.beginning, verified.agreeing), (3, early, 2));
    let removal = verified.removal.unwrap();
    assert_eq!((removal.told, removal.last, removal.at, removal.by), (7, early, days(30), None));

    // And again; a row that only tells of removals is not worth another one.
    assert_eq!(remove(&store, after(90)).await.unwrap().rows, 1);
    assert_eq!(remove(&store, days(40)).await.unwrap().rows, 3, "with the rows that told of removals");
    assert_eq!(remove(&store, days(40)).await, None);
    assert_eq!(verify_log(&store, Some(late)).await.unwrap().sequence, 9);
    store.close().await;
    let store = place.open().await;
    assert_eq!(rows(&store).await, [9]);
    store.append(remark(1)).await.unwrap();
    verify_log(&store, None).await.unwrap();
}

pub async fn what_has_not_ended_stays_with_all_that_follows(place: &impl Place) {
    let store = place.open().await;
    let first = done(&store).await;
    let waiting = pending(&store).await;
    let second = done(&store).await;
    let pruned = remove(&store, days(10)).await.unwrap();
    assert_eq!((pruned.last.sequence, pruned.proposals), (4, 1));
    assert!(!is_there(&store, first.id()).await);
    assert!(is_there(&store, waiting.id()).await && is_there(&store, second.id()).await);
    assert_eq!(remove(&store, days(10)).await, None);

    let expired = perform(&store, step(waiting, Event::Ticked, &policy(), after(15))).await;
    assert_eq!(expired.state(), State::Expired);
    assert_eq!(remove(&store, days(40)).await.unwrap().proposals, 2);
    let left = store.search(&Search::default()).await.unwrap();
    assert!(left.iter().all(|entry| entry.event.proposal.is_none()), "{left:?}");
}

pub async fn a_proposal_of_which_a_row_is_left_stays(place: &impl Place) {
    let store = place.open().await;
    let proposal = pending(&store).await;
    let expired = perform(&store, step(proposal, Event::Ticked, &policy(), days(20))).await;
    let pruned = remove(&store, days(10)).await.unwrap();
    assert_eq!((pruned.rows, pruned.proposals), (1, 0));
    assert!(is_there(&store, expired.id()).await);
    assert_eq!(remove(&store, days(25)).await.unwrap().proposals, 1);
}

/// Statements that somebody else sends to the file; whether they were let through.
async fn sql(place: &File, statement: &'static str) -> Result<(), String> {
    let path = place.path();
    let mut connection = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn nothing_else_is_removed() {
    let place = File::new();
    let store = place.open().await;
    let old = done(&store).await;
    store.append(remark(7_200)).await.unwrap();
    for statement in ["DELETE FROM audit_events WHERE sequence = 1", "DELETE FROM executions", "DELETE FROM proposals"]
    {
        assert!(sql(&place, statement).await.is_err(), "{statement}");
    }
    remove(&store, after(60)).await.unwrap();
    assert!(!is_there(&store, old.id()).await);
    assert!(sql(&place, "DELETE FROM audit_events WHERE sequence = 5").await.is_err());

    // Whoever takes more away than the row says, or forges a row that says so, is found.
    sql(&place, "DROP TRIGGER audit_events_stay; DELETE FROM audit_events WHERE sequence = 5").await.unwrap();
    let broken = verify_log(&store, None).await.unwrap_err().to_string();
    assert_eq!(broken, "the audit trail is broken: row 1 is missing");
    // And nothing is removed from such a record.
    let refused = prune(&store, days(40), None, days(40), Pruning::Meant).await.unwrap_err().to_string();
    assert_eq!(refused, format!("nothing is removed from a record that is not whole: {broken}"));
}
