//! What is said about proposals: their cards, what becomes of them, and the kill switch.

use super::{plain, sentence, warning};
use crate::audit::Halt;
use crate::domain::{Actor, Asked, Card, Choice, ChoiceKind, Effect, Field, Form, Intents, OutcomeStatus, Reply, Tone};
use crate::proposal::{Notice, Proposal, Refusal, State, Verdict, WhoMay};

/// The card as it is now. `notes` are remarks that only a new card has.
pub(in crate::assistant) fn card(proposal: &Proposal, notes: &[String], intents: &Intents) -> Box<Card> {
    let draft = proposal.draft();
    let summary =
        intents.get(draft.command.intent().as_str()).map_or_else(String::new, |intent| intent.summary.clone());
    let mut notes = notes.to_vec();
    let mut approvers = Vec::new();
    if let Verdict::Confirm { by, needs, .. } = proposal.verdict() {
        let code = proposal.code();
        approvers.clone_from(&needs.approvers);
        match by {
            WhoMay::Another if approvers.is_empty() => {
                notes.push("somebody else has to approve this, and nobody has a role that may".to_owned());
            }
            WhoMay::Another => notes.push("somebody else has to approve this".to_owned()),
            WhoMay::Requester => {}
        }
        if needs.reason {
            notes.push(format!("a reason is needed: `confirm {code} because …`"));
        }
        if let Some(rule) = &needs.held {
            notes.push(format!("one yes is not enough now ({rule})"));
        }
        if needs.glass {
            notes.push(format!("in an emergency: `break-glass {code} because …`"));
        }
    }
    if let Some(reason) = &draft.reason {
        notes.push(format!("because {reason}"));
    }
    if let Some(undo) = &draft.plan.undo {
        notes.push(format!("can be taken back: `{undo}`"));
    }
    if draft.target.production {
        notes.push("this touches production".to_owned());
    }
    if let Some((runbook, _)) = &draft.provenance.runbook {
        notes.push(format!("from the runbook `{runbook}`"));
    }
    let choices = proposal.choices().iter().map(|kind| Choice {
        kind: *kind,
        label: match kind {
            ChoiceKind::Confirm => "confirm: run it".to_owned(),
            ChoiceKind::Approve => "approve: let it run".to_owned(),
            ChoiceKind::Reject => "reject".to_owned(),
            ChoiceKind::Cancel if proposal.state() == State::Executing => "stop it".to_owned(),
            ChoiceKind::Cancel => "cancel: do nothing".to_owned(),
            ChoiceKind::BreakGlass => "break the glass".to_owned(),
        },
    });
    Box::new(Card {
        proposal: proposal.id(),
        code: proposal.code(),
        digest: proposal.digest(),
        summary,
        command: draft.shown.clone(),
        effect: draft.command.effect(),
        runs: draft.plan.runs.clone(),
        preview: draft.plan.preview.clone(),
        notes,
        requester: proposal.requester().clone(),
        approvers,
        expires: proposal.expires(),
        standing: standing(proposal),
        choices: choices.collect(),
        editable: proposal.state() == State::Pending && !draft.command.arguments().is_empty(),
    })
}

/// What has been decided about a proposal, and what became of it.
fn standing(proposal: &Proposal) -> Option<String> {
    let yeses: Vec<String> = proposal.approvals().iter().map(|approval| approval.actor.to_string()).collect();
    let by = if yeses.is_empty() { String::new() } else { format!(", yes from {}", yeses.join(", ")) };
    Some(match proposal.state() {
        State::Pending if yeses.is_empty() => return None,
        State::Pending => format!("waits for more{by}"),
        State::Approved | State::Executing => format!("running{by}"),
        State::Succeeded => format!("done{by}"),
        State::Unknown => format!("unknown whether it took effect{by}"),
        state => format!("{state}{by}"),
    })
}

/// The form of a proposal's arguments.
pub(in crate::assistant) fn form(proposal: &Proposal, intents: &Intents) -> Option<Form> {
    let command = proposal.command();
    let intent = intents.get(command.intent().as_str())?;
    let value = |name| command.arguments().iter().find(|(known, _)| known == name).map(|(_, value)| value.to_string());
    let fields = intent.parameters.iter().map(|parameter| Field {
        name: parameter.name.clone(),
        value: value(&parameter.name).unwrap_or_default(),
        required: parameter.required,
    });
    Some(Form {
        proposal: proposal.id(),
        title: intent.summary.clone(),
        asked: Asked::Arguments(fields.collect()),
        instead: format!("Say what is to be different, or type it: `{}`", proposal.draft().shown),
    })
}

/// What a notice of the machine says.
pub(in crate::assistant) fn notice(
    proposal: &Proposal,
    notice: &Notice,
    notes: &[String],
    intents: &Intents,
) -> Vec<Reply> {
    let command = &proposal.draft().shown;
    let code = proposal.code();
    match notice {
        Notice::Asked => vec![Reply::Card(card(proposal, notes, intents))],
        Notice::Denied { reason } => {
            vec![Reply::text(Tone::Bad, format!("`{command}` is denied by policy: {reason}. Nothing was done."))]
        }
        Notice::Counted { approvals, rule } => {
            let yes = if *approvals == 1 { "1 yes" } else { &format!("{approvals} yeses") };
            vec![plain(format!("`{code}` has {yes}; it needs more ({rule})."))]
        }
        Notice::Changed(change) => vec![
            warning(format!("`{code}` has to be decided again: {change}. Earlier decisions are void.")),
            Reply::Card(card(proposal, notes, intents)),
        ],
        Notice::Reasoned => vec![Reply::Card(card(proposal, notes, intents))],
        Notice::GlassBroken { by, reason } => vec![Reply::text(
            Tone::Bad,
            format!(
                "{by} has broken the glass for `{code}` (`{command}`), asked for by {}: {reason}",
                proposal.requester()
            ),
        )],
        Notice::Stopping { by } => vec![warning(format!("`{code}` (`{command}`) is being stopped by {by}."))],
        // A read is answered, not announced.
        Notice::Started if proposal.command().effect() == Effect::Read => Vec::new(),
        Notice::Started => vec![Reply::Progress(format!("running `{command}` …"))],
        Notice::Finished(outcome) => {
            let (tone, text) = match outcome.status {
                OutcomeStatus::Succeeded => (Tone::Good, outcome.summary.clone()),
                OutcomeStatus::Failed => (Tone::Bad, format!("`{command}` failed: {}", outcome.summary)),
                OutcomeStatus::Unknown => (
                    Tone::Warning,
                    format!(
                        "I do not know whether `{command}` took effect: {}. I will not run it again by myself.",
                        outcome.summary
                    ),
                ),
                OutcomeStatus::Cancelled => (Tone::Warning, format!("`{command}` was cancelled: {}", outcome.summary)),
            };
            let undo = proposal.draft().plan.undo.as_ref().filter(|_| outcome.status == OutcomeStatus::Succeeded);
            let text = match undo {
                Some(undo) => format!("{} `undo {code}` takes it back: `{undo}`", sentence(&text)),
                None => text,
            };
            vec![Reply::Text { tone, text, output: outcome.output.clone() }]
        }
        Notice::Rejected { by } => vec![warning(format!("`{code}` was rejected by {by}. Nothing was done."))],
        Notice::Cancelled => vec![plain(format!("`{code}` is cancelled. Nothing was done."))],
        Notice::Expired => vec![warning(format!(
            "`{code}` (`{command}`) has expired. Nothing was done; ask again if it is still wanted."
        ))],
        Notice::Refused { refusal: refusal @ Refusal::ReasonMissing { choice, .. }, .. } => {
            let word = choice.as_str();
            vec![Reply::Form(Box::new(Form {
                proposal: proposal.id(),
                title: format!("{word}: why?"),
                asked: Asked::Reason { choice: *choice, shown: proposal.digest() },
                instead: format!(
                    "That does not count for `{code}`: {refusal}. Say it once more, and why: `{word} {code} because …`."
                ),
            }))]
        }
        Notice::Refused { refusal, .. } => vec![warning(format!("That does not count for `{code}`: {refusal}."))],
        Notice::Interrupted => vec![warning(format!(
            "I was interrupted while `{command}` ran: whether it took effect is unknown. Look before you ask again; I will not run it again by myself."
        ))],
        Notice::NeverBegan => {
            vec![warning(format!(
                "I was interrupted before `{command}` began: nothing was done. Ask again if it is still wanted."
            ))]
        }
    }
}

/// A decision about a proposal that was made in another conversation.
pub(in crate::assistant) fn told_elsewhere(proposal: &Proposal) -> Reply {
    plain(format!(
        "`{}` (`{}`) was asked for in {}; what becomes of it is told there.",
        proposal.code(),
        proposal.draft().shown,
        proposal.conversation()
    ))
}

pub(in crate::assistant) fn not_undone(proposal: &Proposal, state: State) -> Reply {
    let why = match state {
        State::Succeeded => "I know no command that takes it back".to_owned(),
        state => format!("it is {state}"),
    };
    warning(format!("`{}` (`{}`) cannot be taken back: {why}.", proposal.code(), proposal.draft().shown))
}

pub(in crate::assistant) fn nothing_to_undo() -> Reply {
    plain("You had nothing done here that I could take back.")
}

/// A remark on the card of a command that takes another back.
pub(in crate::assistant) fn takes_back(proposal: &Proposal) -> String {
    format!("this takes `{}` back (`{}`)", proposal.code(), proposal.draft().shown)
}

pub(in crate::assistant) fn halted(halt: &Halt, stopped: usize) -> Reply {
    let stopped = match stopped {
        0 => "Nothing was running".to_owned(),
        1 => "1 execution is being stopped".to_owned(),
        more => format!("{more} executions are being stopped"),
    };
    Reply::text(Tone::Bad, format!("Everything is {halt}. {stopped}; nothing runs until somebody says `lift`."))
}

pub(in crate::assistant) fn lifted(by: &Actor, halt: &Halt, reason: Option<&str>) -> Reply {
    let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let since = halt.since.strftime("%Y-%m-%d %H:%M:%SZ");
    warning(sentence(&format!("{by} has lifted the halt of {since}; things run again{why}")))
}

pub(in crate::assistant) fn not_halted() -> Reply {
    plain("Nothing is halted.")
}

pub(in crate::assistant) fn may_not_halt() -> Reply {
    warning("You have none of the roles that may do that (`[halt]` in the configuration). Nothing has changed.")
}
