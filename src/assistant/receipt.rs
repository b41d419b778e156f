//! The wording of the record: a receipt for people, and how many events more there are.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::audit::{AuditEvent, Entry, Fact, Page, Receipt};

/// What happened to one proposal, from what was said to what came back.
pub fn receipt(receipt: &Receipt) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut line = |name: &str, what: String| {
        let _ = writeln!(text, "{name:<11}{what}");
    };
    let first = receipt.entries.first();
    line("proposal", format!("{}  {}", receipt.proposal.code(), receipt.proposal));
    if let Some(event) = first.map(|entry| &entry.event) {
        if let Fact::ProposalCreated { .. } = &event.fact {
            let place = event.conversation.as_ref().map(|place| format!(" in {place}")).unwrap_or_default();
            line("asked by", format!("{}{place}, {}", who(event), moment(event.at)));
        } else {
            line("asked by", "not on record any more: the beginning was removed, being old enough".to_owned());
        }
        created(event, &mut line);
    }
    text.push('\n');
    let day = first.map(|entry| entry.event.at.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    for Entry { sequence, event } in &receipt.entries {
        let at = moment(event.at);
        let at = at.strip_prefix(&day).map_or(at.as_str(), str::trim_start);
        let _ = writeln!(text, "{sequence:>5}  {at}  {}", happened(event));
    }
    if let Some(outcome) = &receipt.outcome {
        let _ = writeln!(text, "\ncame back  {}: {}", outcome.status.as_str(), outcome.summary);
        outcome.output.iter().flat_map(|output| output.lines()).for_each(|line| {
            let _ = writeln!(text, "    {line}");
        });
    }
    text
}

/// What the first event tells of how it came about.
fn created(event: &AuditEvent, line: &mut impl FnMut(&str, String)) {
    let Fact::ProposalCreated { message, said, model, confidence, runner_up, runbook, verdict } = &event.fact else {
        return;
    };
    let percent = |probability: f64| format!("{:.0} %", probability * 100.0);
    match (said, message) {
        (Some(said), _) => line("said", format!("{said:?}")),
        (None, Some(_)) => line("said", "the command itself, in its typed form".to_owned()),
        (None, None) => line("said", "nothing: it was picked from what was offered".to_owned()),
    }
    let surely = confidence.map(|confidence| format!(", {} sure", percent(confidence))).unwrap_or_default();
    line("understood", format!("{}{surely}", event.command.as_deref().unwrap_or("-")));
    if let Some((intent, probability)) = runner_up {
        line("runner-up", format!("{intent}, {}", percent(*probability)));
    }
    if let Some(model) = model {
        line("model", model.short());
    }
    if let Some((runbook, revision)) = runbook {
        line("runbook", format!("{runbook} at {}", revision.short()));
    }
    line("rule", verdict.clone());
}

/// One step, with who did it.
fn happened(event: &AuditEvent) -> String {
    let by = who(event);
    // What a yes was bound to.
    let shown = event.digest.map(|digest| format!(" (digest {})", digest.short())).unwrap_or_default();
    match &event.fact {
        Fact::ProposalCreated { .. } => format!("proposed{shown}"),
        Fact::ProposalDenied { reason } => format!("denied: {reason}"),
        Fact::ProposalConfirmed => format!("confirmed by {by}{shown}"),
        Fact::ProposalApproved => format!("approved by {by}{shown}"),
        Fact::OnCallCounted { told } => told.clone(),
        Fact::ProposalRejected => format!("rejected by {by}"),
        Fact::ProposalCancelled => format!("cancelled by {by}"),
        Fact::ProposalEdited => {
            format!("edited by {by}: {}{shown}", event.command.as_deref().unwrap_or("-"))
        }
        Fact::ProposalReopened { reason } => format!("reopened: {reason}{shown}"),
        Fact::ProposalExpired => "expired".to_owned(),
        Fact::PressRefused { choice, reason } => format!("{choice} by {by} refused: {reason}"),
        Fact::ExecutionStarted { approvers, integration, runs } => {
            let approvers: Vec<String> = approvers.iter().map(ToString::to_string).collect();
            let let_through = if approvers.is_empty() { "the rule alone".to_owned() } else { approvers.join(", ") };
            format!("started on {integration}, let through by {let_through}: {runs}")
        }
        Fact::ExecutionEnded { status, summary } => format!("{}: {summary}", status.as_str()),
        Fact::ReasonGiven { reason } => format!("{by} says why: {reason}"),
        Fact::GlassBroken { reason } => format!("glass broken by {by}: {reason}{shown}"),
        Fact::StopRequested => format!("{by} asks to stop it"),
        Fact::Halted { reason } => format!("everything halted by {by}: {}", reason.as_deref().unwrap_or("-")),
        Fact::HaltLifted { reason } => format!("halt lifted by {by}: {}", reason.as_deref().unwrap_or("-")),
        Fact::HaltRefused => format!("{by} may neither halt nor lift the halt"),
        Fact::RecordPruned { through, .. } => format!("rows up to {through} removed"),
    }
}

fn who(event: &AuditEvent) -> String {
    event.actor.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string)
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A receipt as one JSON object.
pub fn receipt_json(receipt: &Receipt) -> Json {
    json!({
        "proposal": receipt.proposal,
        "code": receipt.proposal.code(),
        "events": receipt.entries.iter().map(entry_json).collect::<Vec<_>>(),
        "outcome": receipt.outcome,
    })
}

/// An event's own fields, and its number.
pub fn entry_json(entry: &Entry) -> Json {
    let mut object = json!({ "sequence": entry.sequence });
    // An event is made of texts, numbers and lists.
    if let (Some(object), Ok(Json::Object(fields))) = (object.as_object_mut(), serde_json::to_value(&entry.event)) {
        object.extend(fields);
    }
    object
}

/// That there are earlier events, if there are.
pub fn more_events(page: &Page) -> Option<String> {
    let before = page.entries.last()?.sequence;
    let more = match page.more {
        0 => return None,
        Page::COUNTED.. => format!("at least {}", Page::COUNTED),
        more => more.to_string(),
    };
    Some(format!("… and {more} more before row {before}"))
}
