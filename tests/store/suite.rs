//! What every kind of store promises.

use std::collections::BTreeSet;
use std::sync::Arc;

use sayso::audit::{
    AuditLog as _, Fact, Halt, Ledger, LedgerError, Named, Receipt, Search, WhenHalted, search_page, verify_log,
};
use sayso::domain::{Effect, Intent, IntentName, Intents, MessageId, Notebook as _, OutcomeStatus, ProposalId};
use sayso::proposal::{Event, Notice, Proposal, ProposalStore as _, ProposalStoreError, State, Trace, propose, step};
use sayso::store::{
    ConversationStore as _, MessageLog as _, Miss, MissKind, MissLog as _, Recovery as _, Store as _, recover,
};
use serde_json::json;

use super::support::*;

pub async fn a_proposal_comes_back_as_it_was(place: &impl Place) {
    let store = place.open().await;
    for proposal in [pending(&store).await, approved(&store).await, running(&store).await] {
        assert_eq!(store.load(proposal.id(), &intents()).await.unwrap(), Some(proposal));
    }
    assert_eq!(store.load(ProposalId::random(), &intents()).await.unwrap(), None);
}

pub async fn a_pending_proposal_survives_a_restart(place: &impl Place) {
    let store = place.open().await;
    let proposal = pending(&store).await;
    store.close().await;
    let store = place.open().await;
    let found = store.pending(proposal.conversation(), &intents()).await.unwrap();
    assert_eq!(found.proposals, [proposal.clone()]);
    let recovered = recover(&store, &intents(), &policy(), noon()).await.unwrap();
    assert_eq!(recovered.proposals.len(), 1);
    assert_eq!(recovered.proposals[0].wake, Some(proposal.expires()));
    assert_eq!(recovered.proposals[0].notices, []);
    // And the card that was shown before is still good.
    let press = confirm(&proposal);
    let proposal = store.load(proposal.id(), &intents()).await.unwrap().unwrap();
    assert_eq!(happens(&store, proposal, press).await.state(), State::Approved);
    verify_log(&store, None).await.unwrap();
}

pub async fn of_two_steps_from_the_same_state_one_is_saved(place: &impl Place) {
    let (one, other) = (place.open().await, place.open().await);
    let proposal = pending(&one).await;
    let cancel = Event::Pressed {
        reason: None,
        actor: proposal.requester().clone(),
        choice: sayso::domain::ChoiceKind::Cancel,
        shown: proposal.digest(),
        conversation: proposal.conversation().clone(),
    };
    let confirmed = happens(&one, proposal.clone(), confirm(&proposal)).await;
    let head = one.head().await.unwrap();
    let (cancelled, _) = step(proposal, cancel, &policy(), noon());
    let error = other.save(&cancelled, &[remark(1)]).await.unwrap_err();
    assert!(matches!(error, ProposalStoreError::Conflict(id) if id == cancelled.id()), "{error}");
    assert_eq!(other.head().await.unwrap(), head, "no event without its change");
    assert_eq!(other.load(cancelled.id(), &intents()).await.unwrap(), Some(confirmed));
    // Nor can a proposal be created twice.
    let (twin, _) =
        propose(sayso::proposal::Draft { id: cancelled.id(), ..draft("service.status") }, &policy(), noon());
    assert!(matches!(one.save(&twin, &[]).await, Err(ProposalStoreError::Conflict(_))));
}

pub async fn codes_find_proposals_of_their_conversation(place: &impl Place) {
    let store = place.open().await;
    let proposal = pending(&store).await;
    let found = store.by_code(proposal.conversation(), &proposal.code(), &intents()).await.unwrap();
    assert_eq!(found.proposals, [proposal.clone()]);
    let elsewhere = store.by_code(&conversation("other"), &proposal.code(), &intents()).await.unwrap();
    assert_eq!(elsewhere.proposals, []);
    // Also after its end, so that it can be said that it ended.
    let late = step(proposal, Event::Ticked, &policy(), after(15));
    let expired = perform(&store, late).await;
    let found = store.by_code(expired.conversation(), &expired.code(), &intents()).await.unwrap();
    assert_eq!(found.proposals, [expired]);
    assert_eq!(store.pending(&conversation("main"), &intents()).await.unwrap().proposals, []);
    assert_eq!(store.unfinished(&intents()).await.unwrap().proposals, []);
}

pub async fn an_execution_is_opened_by_one_of_many(place: &impl Place) {
    let (one, other) = (Arc::new(place.open().await), Arc::new(place.open().await));
    for _ in 0..10 {
        let proposal = executing(&*one).await;
        let attempts = [one.clone(), other.clone(), one.clone(), other.clone()].map(|store| {
            let proposal = proposal.clone();
            tokio::spawn(async move {
                store
                    .open_execution(
                        proposal.draft().execution,
                        proposal.id(),
                        None,
                        WhenHalted::Refuse,
                        started(&proposal),
                    )
                    .await
            })
        });
        let mut opened = 0;
        for attempt in attempts {
            match attempt.await.unwrap() {
                Ok(()) => opened += 1,
                // Who has saved it may open it, and that only once.
                Err(LedgerError::AlreadyOpened(id) | LedgerError::Elsewhere(id)) => assert_eq!(id, proposal.id()),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(opened, 1);
    }
    verify_log(&*one, None).await.unwrap();
}

pub async fn what_is_not_executing_is_never_opened(place: &impl Place) {
    let store = place.open().await;
    let (stranger, _) = propose(draft("service.restart service=web"), &policy(), noon());
    for proposal in [pending(&store).await, approved(&store).await, stranger] {
        let head = store.head().await.unwrap();
        let error = store
            .open_execution(proposal.draft().execution, proposal.id(), None, WhenHalted::Refuse, started(&proposal))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), format!("proposal `{}` is not approved for execution", proposal.id()));
        assert_eq!(store.head().await.unwrap(), head);
    }
}

pub async fn a_target_is_changed_by_one_process_at_a_time(place: &impl Place) {
    let (one, other) = (place.open().await, place.open().await);
    let (first, second) = (executing(&one).await, executing(&other).await);
    let open = async |store: &dyn Ledger, proposal: &Proposal, target| {
        let (execution, id) = (proposal.draft().execution, proposal.id());
        store.open_execution(execution, id, target, WhenHalted::Refuse, started(proposal)).await
    };
    open(&one, &first, Some("web")).await.unwrap();
    let head = other.head().await.unwrap();
    assert_eq!(
        open(&other, &second, Some("web")).await.unwrap_err().to_string(),
        format!("`service.restart service=web` is already running, started by {}", first.requester())
    );
    assert_eq!(other.head().await.unwrap(), head, "nothing is opened");
    // Something else, and what has no target; a process keeps its own executions apart.
    open(&one, &executing(&one).await, Some("web")).await.unwrap();
    open(&other, &executing(&other).await, Some("checkout")).await.unwrap();
    open(&other, &executing(&other).await, None).await.unwrap();
    // What somebody who is gone has left open is no obstacle.
    one.close().await;
    open(&other, &second, Some("web")).await.unwrap();
    verify_log(&other, None).await.unwrap();
}

pub async fn an_execution_is_closed_once(place: &impl Place) {
    let store = place.open().await;
    let proposal = running(&store).await;
    let (id, good) = (proposal.draft().execution, outcome(OutcomeStatus::Succeeded));
    store.close_execution(id, &good, noon(), ended(&proposal, &good)).await.unwrap();
    let head = store.head().await.unwrap();
    let error = store.close_execution(id, &good, noon(), ended(&proposal, &good)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("execution `{id}` is not open"));
    assert_eq!(store.head().await.unwrap(), head);
    let error =
        store.open_execution(id, proposal.id(), None, WhenHalted::Refuse, started(&proposal)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("proposal `{}` has already been executed", proposal.id()));
}

pub async fn while_everything_is_halted_nothing_is_opened(place: &impl Place) {
    let (store, replica) = (place.open().await, place.open().await);
    let halt = Halt { by: "console:mira".parse().unwrap(), since: noon(), reason: Some("an attack".to_owned()) };
    let said = |fact| sayso::audit::AuditEvent { fact, ..remark(1) };
    assert_eq!(store.lift(said(Fact::HaltLifted { reason: None })).await.unwrap(), None);
    assert_eq!(store.head().await.unwrap().sequence, 0, "nothing was lifted");
    let proposal = executing(&replica).await;
    store.halt(&halt, said(Fact::Halted { reason: halt.reason.clone() })).await.unwrap();
    assert_eq!(replica.halted().await.unwrap(), Some(halt.clone()));
    let open = async |when| {
        let id = proposal.draft().execution;
        replica.open_execution(id, proposal.id(), None, when, started(&proposal)).await
    };
    assert_eq!(
        open(WhenHalted::Refuse).await.unwrap_err().to_string(),
        "everything is halted by console:mira at 2026-11-18 12:00:00Z: an attack"
    );
    // It survives a restart.
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.halted().await.unwrap(), Some(halt.clone()));
    assert_eq!(store.lift(said(Fact::HaltLifted { reason: None })).await.unwrap(), Some(halt));
    open(WhenHalted::Refuse).await.unwrap();
    let answering = executing(&store).await;
    let halt = Halt { by: "console:ada".parse().unwrap(), since: noon(), reason: None };
    store.halt(&halt, said(Fact::Halted { reason: None })).await.unwrap();
    let id = answering.draft().execution;
    store.open_execution(id, answering.id(), None, WhenHalted::Answer, started(&answering)).await.unwrap();
    verify_log(&store, None).await.unwrap();
}

pub async fn a_note_stands_until_another_takes_its_place(place: &impl Place) {
    let store = place.open().await;
    let read = async |key: &str| store.read(key).await.unwrap();
    assert_eq!(read("card/1").await, None);
    store.write("card/1", "10/20", noon()).await.unwrap();
    store.write("card/2", "", noon()).await.unwrap();
    store.write("card/1", "10/21", noon()).await.unwrap();
    assert_eq!((read("card/1").await.as_deref(), read("card/2").await.as_deref()), (Some("10/21"), Some("")));
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.read("card/1").await.unwrap().as_deref(), Some("10/21"));
    store.close().await;
}

pub async fn a_message_is_handled_once(place: &impl Place) {
    let (one, other) = (Arc::new(place.open().await), Arc::new(place.open().await));
    let message =
        |channel: &str, message: &str| MessageId { conversation: conversation(channel), message: message.to_owned() };
    let attempts = [one.clone(), other.clone(), one.clone(), other.clone()].map(|store| {
        let message = message("main", "1");
        tokio::spawn(async move { store.first_time(&message).await.unwrap() })
    });
    let mut first = 0;
    for attempt in attempts {
        first += usize::from(attempt.await.unwrap());
    }
    assert_eq!(first, 1);
    assert!(one.first_time(&message("main", "2")).await.unwrap());
    assert!(one.first_time(&message("other", "1")).await.unwrap());
    one.close().await;
    other.close().await;
    assert!(!place.open().await.first_time(&message("main", "1")).await.unwrap());
}

pub async fn conversations_remember(place: &impl Place) {
    let store = place.open().await;
    assert_eq!(store.get(&conversation("main")).await.unwrap(), None);
    store.put(&conversation("main"), &json!({ "asked": ["service"] })).await.unwrap();
    store.put(&conversation("main"), &json!({ "asked": ["\u{1f980}\n\""] })).await.unwrap();
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.get(&conversation("main")).await.unwrap(), Some(json!({ "asked": ["\u{1f980}\n\""] })));
    assert_eq!(store.get(&conversation("other")).await.unwrap(), None);
}

pub async fn misses_are_kept_until_they_are_settled_or_old(place: &impl Place) {
    let restart: IntentName = "service.restart".parse().unwrap();
    let miss = |minutes: i64, text: &str, kind: MissKind| Miss {
        at: after(minutes),
        platform: "console".to_owned(),
        text: text.to_owned(),
        kind,
        best: vec![("service.status".parse().unwrap(), 1.0 / 3.0), (restart.clone(), 0.1 + 0.2)],
        meant: None,
    };
    let store = place.open().await;
    let said = [
        miss(0, "bounce \u{1f980}", MissKind::None),
        miss(60, "kick it", MissKind::Ambiguous),
        Miss { meant: Some(restart.clone()), ..miss(120, "look at \"web\"", MissKind::Corrected) },
        miss(180, "kick it", MissKind::None),
    ];
    let mut ids = Vec::new();
    for miss in &said {
        ids.push(store.keep(miss).await.unwrap());
    }
    store.meant(ids[1], &restart).await.unwrap();
    store.close().await;

    let store = place.open().await;
    let [first, mut second, third, fourth] = said;
    second.meant = Some(restart.clone());
    assert_eq!(store.misses(noon()).await.unwrap(), [first.clone(), second, third.clone(), fourth]);
    assert_eq!(store.misses(after(121)).await.unwrap().len(), 1);
    // What is settled stays so when it is said again.
    store.settle("kick it").await.unwrap();
    store.keep(&miss(240, "kick it", MissKind::None)).await.unwrap();
    assert_eq!(store.misses(noon()).await.unwrap(), [first, third.clone()]);
    // What is deleted takes its being settled along.
    assert_eq!(store.forget(after(120)).await.unwrap(), 2);
    assert_eq!(store.misses(noon()).await.unwrap(), [third]);
    assert_eq!(store.forget(after(300)).await.unwrap(), 3);
    store.meant(ids[1], &restart).await.unwrap();
    assert_eq!(store.misses(noon()).await.unwrap(), []);
}

pub async fn events_are_found(place: &impl Place) {
    let store = place.open().await;
    // More than any page.
    for number in 0..1_200 {
        store.append(remark(number)).await.unwrap();
    }
    let find = async |search: Search| -> Vec<u64> {
        let found = store.search(&search).await.unwrap();
        found.iter().map(|entry| entry.sequence).collect()
    };
    assert_eq!(find(Search { limit: 3, ..Search::default() }).await, [1_200, 1_199, 1_198]);
    assert_eq!(find(Search { limit: 5_000, ..Search::default() }).await.len(), 1_200);
    assert_eq!(find(Search { limit: 0, ..Search::default() }).await.len(), 0);
    let service = Some("web-7".to_owned());
    assert_eq!(find(Search { service, ..Search::default() }).await, [8]);
    let (by, intent) = (vec!["console:mira".parse().unwrap()], Some("service.restart".parse().unwrap()));
    assert_eq!(find(Search { by: by.clone(), limit: 2, ..Search::default() }).await, [1_199, 1_197]);
    assert_eq!(find(Search { by, intent, limit: 2, ..Search::default() }).await, [1_195, 1_189]);
    let by = ["discord:1", "console:ada"].map(|account| account.parse().unwrap()).to_vec();
    assert_eq!(find(Search { by, limit: 2, before: Some(1_198), ..Search::default() }).await, [1_196, 1_194]);
    let until = Some(remark(2).at);
    assert_eq!(find(Search { until, ..Search::default() }).await, [2, 1]);
    let page = search_page(&store, &Search { until, limit: 1, ..Search::default() }).await.unwrap();
    assert_eq!((page.entries[0].sequence, page.more), (2, 1));
    let since = Some(remark(1_198).at);
    assert_eq!(find(Search { since, ..Search::default() }).await, [1_200, 1_199]);
    let text = Some("NUMBER 99".to_owned());
    assert_eq!(find(Search { text, limit: 2, ..Search::default() }).await, [1_000, 999]);
    let head = verify_log(&store, None).await.unwrap();
    assert_eq!(head, store.head().await.unwrap());
    assert_eq!(head.sequence, 1_200);
}

pub async fn a_receipt_tells_all_of_one_proposal(place: &impl Place) {
    let store = place.open().await;
    let other = running(&store).await;
    let proposal = running(&store).await;
    let good = outcome(OutcomeStatus::Succeeded);
    store.close_execution(proposal.draft().execution, &good, noon(), ended(&proposal, &good)).await.unwrap();
    let (late, _) = step(proposal.clone(), Event::Ended(good.clone()), &policy(), noon());
    let late = happens(&store, late, confirm(&proposal)).await;

    let execution = proposal.draft().execution.to_string();
    for name in [proposal.id().to_string(), execution, proposal.code().to_string()] {
        let named: Named = name.parse().unwrap();
        let receipts = Receipt::find(&store, &named).await.unwrap();
        let [receipt] = &receipts[..] else { panic!("{name}: {receipts:?}") };
        assert_eq!((receipt.proposal, receipt.outcome.as_ref()), (late.id(), Some(&good)));
        let told: Vec<String> = receipt.entries.iter().map(|entry| format!("{:?}", entry.event.fact)).collect();
        let begin = ["ProposalCreated", "ProposalConfirmed", "ExecutionStarted", "ExecutionEnded", "PressRefused"];
        assert!(told.iter().zip(begin).all(|(fact, begin)| fact.starts_with(begin)), "{told:?}");
        assert_eq!(told.len(), begin.len());
    }
    let id = other.id().to_string().parse().unwrap();
    assert_eq!(Receipt::find(&store, &id).await.unwrap()[0].outcome, None);
    let nothing = ProposalId::random().to_string().parse().unwrap();
    assert_eq!(Receipt::find(&store, &nothing).await.unwrap(), []);
}

pub async fn many_writers_make_one_chain(place: &impl Place) {
    let stores = [Arc::new(place.open().await), Arc::new(place.open().await)];
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = stores[writer % 2].clone();
            tokio::spawn(async move {
                for number in 0..25 {
                    store.append(remark(writer * 100 + number)).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let head = verify_log(&*stores[0], None).await.unwrap();
    assert_eq!(head.sequence, 200);
    let all = stores[1].search(&Search { limit: 1_000, ..Search::default() }).await.unwrap();
    let different: BTreeSet<_> = all.iter().map(|entry| format!("{:?}", entry.event)).collect();
    assert_eq!(different.len(), 200);
}

/// The intents of another day: `service.restart` is gone, or does something worse.
fn changed_intents(effect: Option<Effect>) -> Intents {
    let change = |intent: &Arc<Intent>| match (intent.name.as_str(), effect) {
        ("service.restart", None) => None,
        ("service.restart", Some(effect)) => Some(Intent { effect, ..Intent::clone(intent) }),
        _ => Some(Intent::clone(intent)),
    };
    intents().iter().filter_map(change).collect()
}

pub async fn a_command_that_no_longer_fits_is_reported(place: &impl Place) {
    let store = place.open().await;
    let proposal = pending(&store).await;
    let read = perform(&store, propose(draft("service.status"), &policy(), noon())).await;
    let gone = changed_intents(None);
    let found = store.unfinished(&gone).await.unwrap();
    assert_eq!(found.proposals, [read], "the others are there all the same");
    assert_eq!(found.unusable.len(), 1);
    assert_eq!(found.unusable[0].id, proposal.id());
    assert_eq!(found.unusable[0].error.to_string(), "its command no longer fits: unknown intent `service.restart`");
    let error = store.load(proposal.id(), &gone).await.unwrap_err().to_string();
    assert!(error.ends_with("cannot be used any more: its command no longer fits: unknown intent `service.restart`"));
    // A confirmation of a change is none of something that cannot be undone.
    let worse = store.pending(proposal.conversation(), &changed_intents(Some(Effect::Destructive))).await.unwrap();
    assert!(worse.unusable[0].error.to_string().starts_with("it is no longer what was shown: expected digest `"));
}

pub async fn a_restart_puts_an_end_to_what_was_left(place: &impl Place) {
    let store = place.open().await;
    let waiting = pending(&store).await;
    let confirmed = approved(&store).await;
    let handed_over = executing(&store).await;
    let open = running(&store).await;
    let closed = running(&store).await;
    let good = outcome(OutcomeStatus::Succeeded);
    store.close_execution(closed.draft().execution, &good, noon(), ended(&closed, &good)).await.unwrap();
    store.close().await;

    let store = place.open().await;
    let recovered = recover(&store, &intents(), &policy(), noon()).await.unwrap();
    let told = |id| {
        let found = recovered.proposals.iter().find(|recovered| recovered.proposal.id() == id).unwrap();
        (found.proposal.state(), format!("{:?}", found.notices))
    };
    assert_eq!(told(waiting.id()), (State::Pending, "[]".to_owned()));
    assert_eq!(told(confirmed.id()), (State::Pending, "[Changed(Restarted)]".to_owned()));
    assert_eq!(told(handed_over.id()), (State::Failed, "[NeverBegan]".to_owned()));
    assert_eq!(told(open.id()), (State::Unknown, "[Interrupted]".to_owned()));
    assert_eq!(told(closed.id()), (State::Succeeded, format!("{:?}", [Notice::Finished(good)])));
    for recovered in &recovered.proposals {
        let stored = store.load(recovered.proposal.id(), &intents()).await.unwrap();
        assert_eq!(stored.as_ref(), Some(&recovered.proposal));
    }
    // What was left open is closed as unknown, on the record, once.
    let remains = store.search(&Search { text: Some("interrupted".to_owned()), ..Search::default() }).await.unwrap();
    let facts: Vec<_> = remains.iter().map(|entry| (entry.event.execution, entry.event.fact.clone())).collect();
    let ended = |status, summary: &str| Fact::ExecutionEnded { status, summary: summary.to_owned() };
    let unknown = ended(OutcomeStatus::Unknown, "interrupted while it ran; whether it was done is unknown");
    let nothing = ended(OutcomeStatus::Failed, "interrupted before it began; nothing was done");
    assert_eq!(facts.len(), 2, "{facts:?}");
    assert!(facts.contains(&(Some(open.draft().execution), unknown)));
    assert!(facts.contains(&(Some(handed_over.draft().execution), nothing)));
    let head = verify_log(&store, None).await.unwrap();
    store.close().await;

    // A second restart finds nothing but what waits for people.
    let store = place.open().await;
    let again = recover(&store, &intents(), &policy(), noon()).await.unwrap();
    let left: BTreeSet<_> = again.proposals.iter().map(|recovered| recovered.proposal.id()).collect();
    assert_eq!(left, BTreeSet::from([waiting.id(), confirmed.id()]));
    assert!(again.proposals.iter().all(|recovered| recovered.notices.is_empty()));
    assert_eq!(store.head().await.unwrap(), head);
    // Nothing of it can be opened again.
    for proposal in [handed_over, open, closed] {
        assert!(
            store
                .open_execution(proposal.draft().execution, proposal.id(), None, WhenHalted::Refuse, started(&proposal))
                .await
                .is_err()
        );
    }
}

pub async fn what_cannot_be_read_is_ended_too(place: &impl Place) {
    let store = place.open().await;
    let waiting = pending(&store).await;
    let handed_over = executing(&store).await;
    let open = running(&store).await;
    let closed = running(&store).await;
    let bad = outcome(OutcomeStatus::Failed);
    store.close_execution(closed.draft().execution, &bad, noon(), ended(&closed, &bad)).await.unwrap();
    store.close().await;

    let gone = changed_intents(None);
    let store = place.open().await;
    let recovered = recover(&store, &gone, &policy(), noon()).await.unwrap();
    assert_eq!(recovered.proposals.len(), 0);
    assert_eq!(recovered.unusable.len(), 4);
    for (proposal, state) in
        [(&waiting, State::Pending), (&handed_over, State::Failed), (&open, State::Unknown), (&closed, State::Failed)]
    {
        let stored = store.load(proposal.id(), &intents()).await.unwrap().unwrap();
        assert_eq!(stored.state(), state);
    }
    verify_log(&store, None).await.unwrap();
    store.close().await;

    let store = place.open().await;
    let late = recover(&store, &gone, &policy(), after(15)).await.unwrap();
    assert_eq!(late.unusable.len(), 1);
    let expired = store.load(waiting.id(), &intents()).await.unwrap().unwrap();
    assert_eq!(expired.state(), State::Expired);
}

pub async fn a_living_process_is_left_alone(place: &impl Place) {
    let busy = place.open().await;
    let proposals = [approved(&busy).await, executing(&busy).await, running(&busy).await];
    let other = place.open().await;
    let recovered = recover(&other, &intents(), &policy(), noon()).await.unwrap();
    assert_eq!(recovered.proposals.len(), 0);
    for proposal in &proposals {
        assert_eq!(other.load(proposal.id(), &intents()).await.unwrap().as_ref(), Some(proposal));
        assert_eq!(other.remains(proposal.id()).await.unwrap(), None);
    }
    busy.close().await;
    let remains = other.remains(proposals[2].id()).await.unwrap().unwrap();
    assert_eq!(remains.trace, Trace::Open);
    assert_eq!(recover(&other, &intents(), &policy(), noon()).await.unwrap().proposals.len(), 3);
}

pub async fn what_another_has_saved_is_not_opened(place: &impl Place) {
    let (one, other) = (place.open().await, place.open().await);
    let proposal = executing(&one).await;
    let head = one.head().await.unwrap();
    let error = other
        .open_execution(proposal.draft().execution, proposal.id(), None, WhenHalted::Refuse, started(&proposal))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), format!("proposal `{}` has been taken over by another process", proposal.id()));
    assert_eq!(one.head().await.unwrap(), head);
    one.open_execution(proposal.draft().execution, proposal.id(), None, WhenHalted::Refuse, started(&proposal))
        .await
        .unwrap();
}

/// What people say and what systems answer may hold any character.
pub async fn texts_may_hold_anything(place: &impl Place) {
    const HOSTILE: &str =
        "a\0b \\u0000 \\\\u0000 \u{feff}\u{202e}\u{1f980} '; DROP TABLE proposals; -- \"$1\" \u{1b}[2J";
    let store = place.open().await;
    let mut draft = draft("service.restart service=web");
    draft.provenance.said = Some(HOSTILE.to_owned());
    let proposal = perform(&store, propose(draft, &policy(), noon())).await;
    assert_eq!(store.load(proposal.id(), &intents()).await.unwrap().as_ref(), Some(&proposal));
    let fact = Fact::ProposalDenied { reason: HOSTILE.to_owned() };
    store.append(sayso::audit::AuditEvent { fact: fact.clone(), ..remark(0) }).await.unwrap();
    let by = vec!["console:mira".parse().unwrap()];
    let found = store.search(&Search { by, limit: 1, ..Search::default() }).await.unwrap();
    assert_eq!(found[0].event.fact, fact);
    store.put(&conversation("main"), &json!({ "said": HOSTILE })).await.unwrap();
    assert_eq!(store.get(&conversation("main")).await.unwrap(), Some(json!({ "said": HOSTILE })));
    let long = HOSTILE.repeat(1_000);
    let miss = Miss {
        at: noon(),
        platform: "console".to_owned(),
        text: long.clone(),
        kind: MissKind::None,
        best: Vec::new(),
        meant: None,
    };
    store.keep(&miss).await.unwrap();
    assert_eq!(store.misses(noon()).await.unwrap().len(), 1);
    store.settle(&long).await.unwrap();
    assert_eq!(store.misses(noon()).await.unwrap(), []);
    verify_log(&store, None).await.unwrap();
}
