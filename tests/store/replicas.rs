//! Several replicas on one PostgreSQL: who sees to what, and what becomes of one that falls silent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso::audit::{Ledger as _, LedgerError, Search, WhenHalted, verify_log};
use sayso::domain::{ChoiceKind, MessageId, OutcomeStatus};
use sayso::proposal::{Event, ProposalStore as _, ProposalStoreError, State, Trace, step};
use sayso::store::{MessageLog as _, Postgres, Recovery as _, Replicas as _, Store as _, recover};
use sqlx::Executor as _;

use super::postgres::Database;
use super::support::*;

const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_them_is_on_duty() {
    let Some(place) = Database::make().await else { return };
    let (one, other, third) = (place.open_for(SHORT).await, place.open_for(LONG).await, place.open().await);
    let waiting = pending(&other).await;
    assert_eq!(one.due(after(14)).await.unwrap(), [], "its time is not over");
    // Who asked first has it, whoever saved the proposal.
    for _ in 0..3 {
        one.renew().await.unwrap();
        assert_eq!(other.due(after(15)).await.unwrap(), []);
        assert_eq!(one.due(after(15)).await.unwrap(), [waiting.id()]);
    }
    // It falls silent.
    tokio::time::sleep(SHORT + Duration::from_millis(100)).await;
    assert_eq!(one.due(after(15)).await.unwrap(), [], "who was silent for too long does nothing");
    assert_eq!(other.due(after(15)).await.unwrap(), [waiting.id()]);
    one.renew().await.unwrap();
    assert_eq!(one.due(after(15)).await.unwrap(), [], "what was taken over stays so");
    // It says goodbye.
    other.close().await;
    one.renew().await.unwrap();
    let found = [one.due(after(15)).await.unwrap(), third.due(after(15)).await.unwrap()].concat();
    assert_eq!(found, [waiting.id()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_silent_for_too_long_opens_nothing() {
    let Some(place) = Database::make().await else { return };
    let one = place.open_for(SHORT).await;
    let proposal = executing(&one).await;
    tokio::time::sleep(SHORT + Duration::from_millis(100)).await;
    let (execution, id) = (proposal.draft().execution, proposal.id());
    let error =
        one.open_execution(execution, id, None, WhenHalted::Refuse, started(&proposal)).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "the audit trail cannot be written: this process was not heard of for more than 2000 ms, and others that share \
             the store `{}` may have taken over; ask again",
            place.shown()
        )
    );
    assert!(
        one.probe().await.unwrap_err().to_string().starts_with("this process was not heard of for more than 2000 ms")
    );
    // Heard of again, and nobody has taken it over.
    one.renew().await.unwrap();
    one.probe().await.unwrap();
    one.open_execution(execution, id, None, WhenHalted::Refuse, started(&proposal)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_over_is_done_by_nobody_else() {
    let Some(place) = Database::make().await else { return };
    let (one, other) = (place.open_for(SHORT).await, place.open_for(LONG).await);
    let handed_over = executing(&one).await;
    let open = running(&one).await;
    assert!(!other.any_adrift().await.unwrap());
    tokio::time::sleep(SHORT + Duration::from_millis(100)).await;
    assert!(other.any_adrift().await.unwrap());
    // Taken over, and not yet brought to an end: already then the first one can do nothing.
    assert_eq!(other.remains(handed_over.id()).await.unwrap().unwrap().trace, Trace::NotOpened);
    one.renew().await.unwrap();
    let (execution, id) = (handed_over.draft().execution, handed_over.id());
    let error = one.open_execution(execution, id, None, WhenHalted::Refuse, started(&handed_over)).await.unwrap_err();
    assert!(matches!(error, LedgerError::Elsewhere(found) if found == id), "{error}");
    // What was interrupted here is brought to its end by the next look.
    assert!(other.any_adrift().await.unwrap());
    let told = recover(&other, &intents(), &policy(), noon()).await.unwrap();
    assert_eq!(told.proposals.len(), 1, "the open one belongs to one who lives again");
    assert_eq!(told.proposals[0].proposal.state(), State::Failed);
    assert!(!other.any_adrift().await.unwrap());
    let error = one.open_execution(execution, id, None, WhenHalted::Refuse, started(&handed_over)).await.unwrap_err();
    assert!(matches!(error, LedgerError::NotApproved(_)), "{error}");

    // An open one is unknown; that it was done comes too late to be believed.
    tokio::time::sleep(SHORT + Duration::from_millis(100)).await;
    let told = recover(&other, &intents(), &policy(), noon()).await.unwrap();
    assert_eq!(told.proposals[0].proposal.state(), State::Unknown);
    let good = outcome(OutcomeStatus::Succeeded);
    let late = one.close_execution(open.draft().execution, &good, noon(), ended(&open, &good)).await.unwrap_err();
    assert!(matches!(late, LedgerError::NotOpen(_)), "{late}");
    let (succeeded, _) = step(open.clone(), Event::Ended(good), &policy(), noon());
    assert!(matches!(one.save(&succeeded, &[]).await, Err(ProposalStoreError::Conflict(_))));
    assert_eq!(one.load(open.id(), &intents()).await.unwrap().unwrap().state(), State::Unknown);
    verify_log(&one, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_taken_over_by_one() {
    let Some(place) = Database::make().await else { return };
    let gone = place.open().await;
    let mut left = BTreeSet::new();
    for _ in 0..10 {
        left.insert(pending(&gone).await.id());
        left.insert(executing(&gone).await.id());
        left.insert(running(&gone).await.id());
    }
    gone.close().await;
    let mut told = Vec::new();
    let replicas = [place.open().await, place.open().await, place.open().await].map(Arc::new);
    let recovering = replicas.clone().map(|store| {
        tokio::spawn(async move { recover(&*store, &intents(), &policy(), noon()).await.unwrap().proposals })
    });
    for recovered in recovering {
        told.extend(recovered.await.unwrap().into_iter().map(|recovered| recovered.proposal.id()));
    }
    assert_eq!(told.len(), left.len());
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), left);
    for store in replicas {
        assert!(!store.any_adrift().await.unwrap());
    }
}

/// The end of an execution cannot be saved: nobody is busy with it, and nobody who is gone has left it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_in_the_dark_is_brought_to_its_end() {
    let Some(place) = Database::make().await else { return };
    let store = Postgres::open(&place.url(), Duration::from_millis(500), LONG).await.unwrap();
    let proposal = running(&store).await;
    let good = outcome(OutcomeStatus::Succeeded);
    store.close_execution(proposal.draft().execution, &good, noon(), ended(&proposal, &good)).await.unwrap();
    let mut raw = place.raw().await;
    raw.execute("BEGIN; LOCK TABLE proposals IN EXCLUSIVE MODE").await.unwrap();
    let (done, _) = step(proposal.clone(), Event::Ended(good), &policy(), noon());
    assert!(store.save(&done, &[]).await.is_err());
    raw.execute("ROLLBACK").await.unwrap();
    assert!(store.any_adrift().await.unwrap());
    let told = recover(&store, &intents(), &policy(), noon()).await.unwrap();
    assert_eq!(told.proposals[0].proposal.state(), State::Succeeded);
    assert!(!store.any_adrift().await.unwrap());
    assert!(recover(&store, &intents(), &policy(), noon()).await.unwrap().proposals.is_empty());
}

/// The end of the proposal was saved, and that of its execution could not be: whoever takes over closes the row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_stayed_open_is_closed_by_another() {
    let Some(place) = Database::make().await else { return };
    let (gone, other) = (place.open().await, place.open().await);
    let proposal = running(&gone).await;
    happens(&gone, proposal.clone(), Event::Ended(outcome(OutcomeStatus::Succeeded))).await;
    assert!(!other.any_adrift().await.unwrap());
    gone.close().await;
    assert!(other.any_adrift().await.unwrap());
    recover(&other, &intents(), &policy(), noon()).await.unwrap();
    assert!(!other.any_adrift().await.unwrap());
    let mut raw = place.raw().await;
    let open = sqlx::query("SELECT id FROM executions WHERE closed IS NULL").fetch_all(&mut raw).await.unwrap();
    assert_eq!(open.len(), 0);
}

/// What was asked of one is heard by the one that it is about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_heard_wherever_it_runs() {
    let Some(place) = Database::make().await else { return };
    let (one, other) = (place.open().await, place.open().await);
    let (proposal, alone) = (running(&one).await, running(&one).await);
    let [execution, not_meant] = [&proposal, &alone].map(|proposal| proposal.draft().execution);
    assert_eq!(one.to_be_stopped(&[execution, not_meant]).await.unwrap(), []);
    let Event::Pressed { actor, shown, conversation, .. } = confirm(&proposal) else { unreachable!() };
    let stop = Event::Pressed { actor, choice: ChoiceKind::Cancel, shown, conversation, reason: None };
    happens(&other, proposal, stop).await;
    assert_eq!(one.to_be_stopped(&[not_meant, execution]).await.unwrap(), [execution]);
    assert_eq!(one.to_be_stopped(&[not_meant]).await.unwrap(), []);
    assert_eq!(one.to_be_stopped(&[]).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_at_once_do_everything_once() {
    const MESSAGES: usize = 40;
    let Some(place) = Database::make().await else { return };
    let replicas = [place.open().await, place.open().await, place.open().await].map(Arc::new);
    let effects = Arc::new(std::sync::Mutex::new(Vec::new()));
    // Each hears every message, as replicas in one chat do.
    let talking = replicas.clone().map(|store| {
        let effects = effects.clone();
        tokio::spawn(async move {
            let mut handled = 0;
            for number in 0..MESSAGES {
                let message = MessageId { conversation: conversation("main"), message: number.to_string() };
                if !store.first_time(&message).await.unwrap() {
                    continue;
                }
                handled += 1;
                let proposal = running(&*store).await;
                effects.lock().unwrap().push(proposal.id());
                let good = outcome(OutcomeStatus::Succeeded);
                let event = ended(&proposal, &good);
                store.close_execution(proposal.draft().execution, &good, noon(), event).await.unwrap();
                happens(&*store, proposal, Event::Ended(good)).await;
            }
            handled
        })
    });
    let mut handled = 0;
    for talk in talking {
        handled += talk.await.unwrap();
    }
    assert_eq!(handled, MESSAGES);
    let effects = effects.lock().unwrap().clone();
    assert_eq!(effects.len(), MESSAGES);
    assert_eq!(effects.iter().copied().collect::<BTreeSet<_>>().len(), MESSAGES);
    let store = &replicas[0];
    assert_eq!(store.unfinished(&intents()).await.unwrap().proposals, []);
    verify_log(&**store, None).await.unwrap();
    let intent = Some("service.restart".parse().unwrap());
    let events =
        sayso::audit::AuditLog::search(&**store, &Search { intent, limit: 10_000, ..Search::default() }).await.unwrap();
    assert_eq!(events.len(), MESSAGES * 4, "created, confirmed, started, ended");
}

/// By the times that the program has: what somebody leaves who is gone without a word is taken over within ten seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_ten_seconds_another_takes_over() {
    let Some(place) = Database::make().await else { return };
    let gone = place.open_for(Postgres::LEASE).await;
    let open = running(&gone).await;
    // Its last sign of life.
    gone.renew().await.unwrap();
    let begun = Instant::now();
    let store = place.open_for(Postgres::LEASE).await;
    while !store.any_adrift().await.unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(9));
        // As often as `assistant::watch` looks.
        tokio::time::sleep(Duration::from_secs(1)).await;
        store.renew().await.unwrap();
    }
    let told = recover(&store, &intents(), &policy(), noon()).await.unwrap();
    assert_eq!(told.proposals[0].proposal.id(), open.id());
    assert!(begun.elapsed() >= Postgres::LEASE && begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
