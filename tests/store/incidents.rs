//! The log of incidents: what every kind of store promises of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use sayso::domain::{ExecutionId, IncidentKey, IncidentLog, IncidentState, IncidentUpdate, NewIncident, Stamp};
use sayso::store::Store as _;

use super::support::*;

fn about(title: &str, severity: Option<&str>, service: Option<&str>) -> NewIncident {
    NewIncident {
        title: title.to_owned(),
        severity: severity.map(ToOwned::to_owned),
        service: service.map(ToOwned::to_owned),
    }
}

fn stamp(by: &str, minutes: i64) -> Stamp {
    Stamp { by: by.parse().unwrap(), at: after(minutes), execution: ExecutionId::random() }
}

fn key(text: &str) -> IncidentKey {
    text.parse().unwrap()
}

async fn keys(log: &impl IncidentLog, state: IncidentState, severity: Option<&str>) -> Vec<String> {
    let found = log.incidents(state, severity, 50).await.unwrap();
    found.iter().map(|incident| incident.key.to_string()).collect()
}

pub async fn an_incident_lives_from_its_opening_to_its_end(place: &impl Place) {
    let store = place.open().await;
    let (opened, told, resolved) = (stamp("console:mira", 0), stamp("console:ada", 5), stamp("console:mira", 9));
    let title = about("Payments \u{1f980} fail \"again\"", Some("sev1"), Some("checkout"));
    let made = store.open_incident(&title, &opened).await.unwrap();
    assert_eq!(made.to_string(), "INC-1");
    let update = |stamp: &Stamp, text: &str| IncidentUpdate { stamp: stamp.clone(), text: text.to_owned() };
    store.update_incident(made, &update(&stamp("console:mira", 3), "looking")).await.unwrap();
    store.update_incident(made, &update(&told, "traffic moved")).await.unwrap();
    store.close().await;
    let store = place.open().await;
    let found = store.incident(made).await.unwrap();
    assert_eq!((found.key, &found.about, &found.opened, &found.resolved), (made, &title, &opened, &None));
    assert_eq!((found.updates, found.latest), (2, Some(update(&told, "traffic moved"))));
    store.resolve_incident(made, &resolved).await.unwrap();
    let found = store.incident(made).await.unwrap();
    assert_eq!(found.resolved, Some(resolved));
    assert_eq!(
        found.still_open().unwrap_err().to_string(),
        "has `INC-1` as resolved, by console:mira at 2026-11-18 12:09 UTC"
    );
}

pub async fn the_worst_incident_comes_first_and_the_latest_end(place: &impl Place) {
    let store = place.open().await;
    let severities = [Some("sev3"), None, Some("sev1"), Some("sev2"), Some("sev1"), Some("sev4")];
    for (minutes, severity) in (0..).zip(severities) {
        store.open_incident(&about("it is slow", severity, None), &stamp("console:mira", minutes)).await.unwrap();
    }
    let open = IncidentState::Open;
    assert_eq!(keys(&store, open, None).await, ["INC-3", "INC-5", "INC-4", "INC-1", "INC-6", "INC-2"]);
    assert_eq!(keys(&store, open, Some("sev1")).await, ["INC-3", "INC-5"]);
    assert_eq!(store.incidents(open, None, 2).await.unwrap().len(), 2);
    for (incident, minutes) in [("INC-3", 30), ("INC-2", 20), ("INC-4", 40)] {
        store.resolve_incident(key(incident), &stamp("console:mira", minutes)).await.unwrap();
    }
    assert_eq!(keys(&store, open, None).await, ["INC-5", "INC-1", "INC-6"]);
    assert_eq!(keys(&store, IncidentState::Resolved, None).await, ["INC-4", "INC-3", "INC-2"]);
    assert_eq!(keys(&store, IncidentState::Resolved, Some("sev2")).await, ["INC-4"]);
}

pub async fn what_comes_twice_is_done_once(place: &impl Place) {
    let store = place.open().await;
    let (opened, told, resolved) = (stamp("console:mira", 0), stamp("console:mira", 1), stamp("console:mira", 2));
    let title = about("it is slow", None, None);
    for _ in 0..2 {
        assert_eq!(store.open_incident(&title, &opened).await.unwrap(), key("INC-1"));
    }
    let update = IncidentUpdate { stamp: told, text: "on it".to_owned() };
    store.update_incident(key("INC-1"), &update).await.unwrap();
    store.update_incident(key("INC-1"), &update).await.unwrap();
    assert_eq!(store.incident(key("INC-1")).await.unwrap().updates, 1);
    store.resolve_incident(key("INC-1"), &resolved).await.unwrap();
    store.resolve_incident(key("INC-1"), &resolved).await.unwrap();
    // Late, and done before.
    store.update_incident(key("INC-1"), &update).await.unwrap();
    // Another is not.
    let late = IncidentUpdate { stamp: stamp("console:ada", 3), text: "and?".to_owned() };
    let said = "has `INC-1` as resolved, by console:mira at 2026-11-18 12:02 UTC";
    assert_eq!(store.update_incident(key("INC-1"), &late).await.unwrap_err().to_string(), said);
    assert_eq!(store.resolve_incident(key("INC-1"), &late.stamp).await.unwrap_err().to_string(), said);
    let said = "has no `INC-2`; `incident.list` shows what is open";
    assert_eq!(store.update_incident(key("INC-2"), &late).await.unwrap_err().to_string(), said);
    assert_eq!(store.resolve_incident(key("INC-2"), &late.stamp).await.unwrap_err().to_string(), said);
    assert_eq!(store.incident(key("INC-2")).await.unwrap_err().to_string(), said);
    assert_eq!(store.incident(key("INC-1")).await.unwrap().updates, 1);
}

pub async fn numbers_follow_one_another_whoever_opens(place: &impl Place) {
    const EACH: i64 = 10;
    let (one, other) = (Arc::new(place.open().await), Arc::new(place.open().await));
    let writers = [one.clone(), other.clone(), one.clone(), other.clone()].map(|store| {
        tokio::spawn(async move {
            let mut made = Vec::new();
            for minutes in 0..EACH {
                let stamp = stamp("console:mira", minutes);
                let key = store.open_incident(&about("a storm", None, None), &stamp).await.unwrap();
                store
                    .update_incident(key, &IncidentUpdate { stamp: self::stamp("console:ada", 1), text: "x".into() })
                    .await
                    .unwrap();
                made.push(key.number());
            }
            assert!(made.is_sorted());
            made
        })
    });
    let mut all = BTreeSet::new();
    for writer in writers {
        all.extend(writer.await.unwrap());
    }
    assert_eq!(all, (1..=4 * EACH).collect());
    // One that is over is resolved by one of many.
    let attempts = [one.clone(), other.clone(), one, other].map(|store| {
        tokio::spawn(async move { store.resolve_incident(key("INC-7"), &stamp("console:mira", 60)).await.is_ok() })
    });
    let mut resolved = 0;
    for attempt in attempts {
        resolved += usize::from(attempt.await.unwrap());
    }
    assert_eq!(resolved, 1);
}
