//! Incidents that Sayso keeps itself: opened, listed, updated and resolved by talking.

use super::{Room, everywhere};
use crate::harness::Home;

everywhere!(an_incident_is_kept_from_its_opening_to_its_end, what_is_resolved_is_not_resolved_again);

/// A machine with nothing but this log.
fn home(configuration: &str) -> Home {
    Home::bare(&format!(
        "{configuration}\n[integrations]\nenabled = [\"host\", \"sayso\", \"incidents\"]\n\n[entities.service]\ncheckout = []\n"
    ))
}

fn an_incident_is_kept_from_its_opening_to_its_end<R: Room>() {
    let mut room = R::enter(home);
    room.ask("incident.list", "no open incidents");
    let card = room.ask("incident.open title=\"Payments fail\" severity=sev1 service=checkout", "Open an incident");
    assert!(card.contains("opens an incident of sev1; no other is open"), "{card}");
    room.choose("confirm");
    room.hear("INC-1 is open: Payments fail, sev1, checkout");
    // A restart forgets nothing.
    room.kill();
    room.start();
    room.ask("incident.list", "1 open incident");
    let card = room.ask("incident.update incident=INC-1 message=\"traffic moved\"", "Post an update to an incident");
    assert!(card.contains("INC-1: Payments fail, sev1, open since "), "{card}");
    room.choose("confirm");
    room.hear("INC-1 has an update: Payments fail");
    let listed = room.answer("which incidents are open");
    assert!(listed.contains("Payments fail") && listed.contains("traffic moved"), "{listed}");
    let card = room.ask("incident.resolve incident=INC-1", "Resolve an incident");
    assert!(card.contains("the latest of 1 updates"), "{card}");
    room.choose("confirm");
    room.hear("INC-1 is resolved: Payments fail");
    room.ask("incident.list", "no open incidents");
}

fn what_is_resolved_is_not_resolved_again<R: Room>() {
    let mut room = R::enter(home);
    room.ask("incident.resolve incident=INC-1", "has no `INC-1`; `incident.list` shows what is open");
    room.ask("incident.open title=slow", "Open an incident");
    room.choose("confirm");
    room.hear("INC-1 is open: slow");
    room.ask("incident.resolve incident=INC-1", "Resolve an incident");
    room.choose("confirm");
    room.hear("INC-1 is resolved: slow");
    room.ask("incident.resolve incident=INC-1", "has `INC-1` as resolved, by ");
    let kinds = room.trail();
    assert_eq!(kinds.iter().filter(|kind| *kind == "execution_started").count(), 2, "{kinds:?}");
}
