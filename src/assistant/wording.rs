//! Every sentence for people, but for the `Display` of errors. One voice: short, plain, and what to do next.

mod proposals;

use std::collections::BTreeMap;

use crate::catalogue::Diagnostic;
use crate::domain::{
    AlertStatus, Command, CommandError, Effect, Entities, Intent, Intents, ParameterName, ProposalCode, Reply, Tone,
    TypedFormError, ValueType,
};
use crate::integrations::PlanError;
use crate::proposal::Proposal;
use crate::understanding::{Cue, How, Understanding};

pub(super) use self::proposals::*;
use super::TurnError;
use super::alert::Told;
use super::turn::Turn;

/// How many names are offered as answers to a question.
const OFFERED: usize = 6;
/// How many errors of edited data are shown.
const FAULTS: usize = 5;

fn plain(text: impl Into<String>) -> Reply {
    Reply::text(Tone::Plain, text)
}

fn warning(text: impl Into<String>) -> Reply {
    Reply::text(Tone::Warning, text)
}

/// The message without the bot's name in front: "sayso, …", "@sayso …", "hey sayso: …".
pub(super) fn unaddressed<'a>(text: &'a str, name: &str) -> &'a str {
    let trimmed = text.trim();
    let after_greeting = ["hey ", "hi ", "ok ", "hello "]
        .iter()
        .find_map(|greeting| {
            trimmed
                .get(..greeting.len())
                .filter(|start| start.eq_ignore_ascii_case(greeting))
                .map(|_| &trimmed[greeting.len()..])
        })
        .unwrap_or(trimmed);
    let bare = after_greeting.strip_prefix('@').unwrap_or(after_greeting);
    match bare.get(..name.len()) {
        Some(start) if start.eq_ignore_ascii_case(name) => {
            let rest = &bare[name.len()..];
            let ends = rest.chars().next().is_none_or(|c| !c.is_alphanumeric());
            // The name alone, or a command of the bot's own tool, is left as it is.
            if ends && !rest.trim().is_empty() {
                rest.trim_start_matches([',', ':', ' ', '!']).trim_start()
            } else {
                trimmed
            }
        }
        _ => trimmed,
    }
}

pub(super) fn turn_error(error: &TurnError) -> Reply {
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    Reply::text(
        Tone::Bad,
        match error {
            // Nobody knows how far it came.
            TurnError::Panicked(_) => format!("Something in me is wrong: {error}. Look before you ask again."),
            _ => format!("I did nothing: {error}{cause}."),
        },
    )
}

pub(super) fn loaded_again(intents: usize, runbooks: usize) -> Reply {
    let count = |of: &str, count: usize| format!("{count} {of}{}", if count == 1 { "" } else { "s" });
    plain(format!("I have read the edited data: {}, {}.", count("intent", intents), count("runbook", runbooks)))
}

pub(super) fn not_loaded(errors: &[&Diagnostic]) -> Reply {
    let shown = errors.iter().take(FAULTS).map(|error| format!("\n{error}")).collect::<String>();
    let more = errors.len().saturating_sub(FAULTS);
    let more = if more > 0 { format!("\n{more} more: `sayso check` tells them all") } else { String::new() };
    warning(format!("The edited data has errors; I go by what I read before.{shown}{more}"))
}

pub(super) fn too_long(bytes: usize, limit: usize) -> Reply {
    warning(format!("That message has {bytes} bytes; I read at most {limit}. Nothing was done."))
}

pub(super) fn too_many(limit: u32) -> Reply {
    warning(format!("That is more than {limit} messages in a minute. Nothing was done; try again in a moment."))
}

pub(super) fn too_much() -> Reply {
    warning("More is said here than I can read. The latest was not read, and nothing was done; try again in a moment.")
}

pub(super) fn no_such_proposal() -> Reply {
    warning("That proposal is gone. Ask again for what you need.")
}

pub(super) fn no_such_code(code: &ProposalCode) -> Reply {
    warning(format!("I know no proposal `{code}` here. `proposal.list` shows those that wait."))
}

pub(super) fn ambiguous_code(code: &ProposalCode) -> Reply {
    warning(format!("More than one proposal here has the code `{code}`; press the button on the card."))
}

pub(super) fn unusable(error: &dyn std::error::Error) -> Reply {
    warning(format!("A proposal from before cannot be used any more: {error}. Ask again if it is still wanted."))
}

pub(super) fn decided_meanwhile() -> Reply {
    warning("Somebody else decided at the same moment; theirs came first.")
}

pub(super) fn question_dropped() -> Reply {
    plain("All right, dropped. Nothing was done.")
}

pub(super) fn which_proposal(waiting: &[Proposal]) -> Reply {
    if waiting.is_empty() {
        return nothing_waits();
    }
    warning(format!("Several of yours wait. Say which: {}.", by_code(waiting)))
}

/// A yes after a question that it does not answer, while something waits for one.
pub(super) fn yes_to_what(waiting: &[Proposal]) -> Reply {
    warning(format!("I have asked you something since, and do not take that for a yes. Say {}.", by_code(waiting)))
}

/// How each is confirmed, whatever else was said.
fn by_code(waiting: &[Proposal]) -> String {
    let codes: Vec<_> = waiting.iter().map(|p| format!("`confirm {}` for `{}`", p.code(), p.command())).collect();
    codes.join(", ")
}

pub(super) fn mistyped(error: &TypedFormError) -> Reply {
    warning(sentence(&format!("That is no command: {error}")))
}

pub(super) fn invalid(error: &CommandError) -> Reply {
    warning(sentence(&format!("That is no command: {error}")))
}

/// With a full stop, unless it ends in something like one.
fn sentence(text: &str) -> String {
    if text.ends_with(['?', '!', '.', '…']) { text.to_owned() } else { format!("{text}.") }
}

/// A message that is nothing but a yes, a no or a number: said to a card or a question that is not there any more.
pub(super) fn is_bare_decision(text: &str) -> bool {
    const WORDS: [&str; 15] = [
        "y", "yes", "yep", "yeah", "ok", "okay", "sure", "confirm", "approve", "n", "no", "nope", "cancel", "reject",
        "stop",
    ];
    let text = text.trim_end_matches(['.', '!']).to_lowercase();
    WORDS.contains(&text.as_str()) || text.parse::<u32>().is_ok()
}

pub(super) fn nothing_waits() -> Reply {
    plain("Nothing waits for an answer. Nothing was done.")
}

pub(super) fn look_first(commands: &[String]) -> Reply {
    Reply::Text {
        tone: Tone::Plain,
        text: "The runbook looks at these first; type one to run it:".to_owned(),
        output: Some(commands.join("\n")),
    }
}

pub(super) fn next_step(runbook: &str, step: &str) -> Reply {
    plain(format!("The step that `{runbook}` suggests: {step}"))
}

pub(super) fn no_runbook() -> String {
    "I have no runbook for this.".to_owned()
}

pub(super) fn same_runbook(runbook: &str) -> String {
    format!("Its runbook is `{runbook}`, as above.")
}

/// An alert that fires, with a passage or what is said in its place; all of it clean.
pub(super) fn firing(told: &Told, passage: &str) -> Reply {
    let about = if told.labels.is_empty() { String::new() } else { format!(" ({})", told.labels) };
    let summary = if told.summary.is_empty() { String::new() } else { format!(": {}", told.summary) };
    let parts = [told.description.as_str(), passage];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let text = format!("`{}` is firing{about}{summary}", told.name);
    Reply::Text { tone: Tone::Warning, text: sentence(&text), output: Some(parts.join("\n\n")) }
}

pub(super) fn resolved(told: &Told) -> Reply {
    let about = if told.labels.is_empty() { String::new() } else { format!(" ({})", told.labels) };
    Reply::text(Tone::Good, format!("`{}` is resolved{about}.", told.name))
}

/// Alerts that came together with others, and of which no more is told than their names.
pub(super) fn more_alerts(names: &BTreeMap<(String, AlertStatus), usize>) -> Reply {
    let count: usize = names.values().sum();
    let told =
        names.iter().take(FAULTS).map(|((name, status), count)| format!("{count} × `{name}` {}", status.as_str()));
    let more = if names.len() > FAULTS { ", and others" } else { "" };
    warning(format!("{count} more came with these: {}{more}.", told.collect::<Vec<_>>().join(", ")))
}

/// The steps that an alert's runbook has; each is a command that whoever picks it gives.
pub(super) fn suggested(runbook: &str, commands: &[(String, &Intent)]) -> Reply {
    let option = |(command, intent): &(String, &Intent)| {
        let effect = if intent.effect == Effect::Read { String::new() } else { format!(", {}", intent.effect) };
        format!("{command}  ({}{effect})", lower_first(&intent.summary))
    };
    Reply::Question {
        text: format!(
            "`{runbook}` suggests these. Pick one; what changes something is shown first and waits for a yes."
        ),
        options: commands.iter().map(option).collect(),
    }
}

pub(super) fn not_plannable(command: &Command, error: &PlanError) -> Reply {
    if matches!(error, PlanError::HoldsSecret) {
        return warning(sentence(&format!("I cannot run this `{}`: {error}", command.intent())));
    }
    warning(sentence(&format!("I cannot run `{command}`: {error}")))
}

/// Several systems could do it.
pub(super) fn which_system(command: &Command, systems: Vec<String>) -> Reply {
    let text = format!("{} can do `{command}`. Which one?", listed(&systems));
    Reply::Question { text, options: systems }
}

/// `` `docker`, `swarm` and `systemd` ``
fn listed(names: &[String]) -> String {
    let mut names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
}

/// What to say to a message that is nothing for the bot, from somebody for whose decision something may wait.
pub(super) fn nothing(understanding: &Understanding, waiting: &[Proposal], intents: &Intents) -> Reply {
    let why = understanding.cues.first().map(|cue| match cue {
        Cue::Negated => "that reads as something not to do",
        Cue::Hypothetical => "that reads as a thought, not a request",
        Cue::Conditional => "that hangs on a condition, and I cannot wait for it",
        Cue::Past => "that reads as a report",
        Cue::Advice => "that reads as said to somebody else",
        Cue::Quoted => "that reads as a quotation",
        Cue::Scheduled => "that is for later, and I only do things now",
    });
    if let Some(why) = why {
        return plain(format!("I did nothing: {why}."));
    }
    let near: Vec<String> = understanding
        .alternatives
        .iter()
        .filter(|other| other.confidence >= 0.05)
        .take(2)
        .filter_map(|other| intents.get(other.intent.as_str()))
        .map(|intent| format!("{} (`{}`)", lower_first(&intent.summary), intent.name))
        .collect();
    if let ([], [waiting]) = (near.as_slice(), waiting) {
        let (code, command) = (waiting.code(), waiting.command());
        return plain(format!("That is neither a yes nor a no. `{code}` still waits for one (`{command}`)."));
    }
    if near.is_empty() {
        return plain("That is nothing I can do. `help.show` lists what is.");
    }
    plain(format!("I did nothing. The nearest I can do: {}. `help.show` lists the rest.", near.join(", or ")))
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Which of several is meant; each reading with the command it would be, as far as that is known.
pub(super) fn which(understanding: &Understanding, readings: &[(&Intent, String)]) -> Reply {
    if understanding.stages.several_commands {
        return warning("That is more than one command. One at a time, please: which first?");
    }
    if let Some(parameter) = &understanding.stages.several_values {
        return warning(format!("That names more than one {parameter}. One at a time, please: which first?"));
    }
    let options: Vec<String> =
        readings.iter().map(|(intent, command)| format!("{command}  ({})", lower_first(&intent.summary))).collect();
    Reply::Question {
        text: "I can read that in two ways. Which do you mean? Say it again in other words, or type the command."
            .to_owned(),
        options,
    }
}

impl Turn<'_> {
    /// The question for the first missing parameter, with known names as answers.
    pub(super) fn question(
        &self,
        intent: &Intent,
        missing: &[ParameterName],
        unsure: &[(ParameterName, Vec<String>)],
    ) -> Reply {
        if let Some((name, candidates)) = unsure.iter().find(|(name, _)| missing.contains(name)) {
            return Reply::Question { text: format!("Which {name} do you mean?"), options: candidates.clone() };
        }
        let group =
            intent.one_of.iter().find(|group| missing.iter().all(|name| group.contains(name)) && missing.len() > 1);
        let Some(parameter) = missing.first().and_then(|name| intent.parameter(name.as_str())) else {
            return plain("What exactly?");
        };
        let entities = self.knowledge.understander.entities();
        let options: Vec<String> = match parameter.value_type {
            ValueType::Entity(entity) => entities.canonicals(entity).map(str::to_owned).collect(),
            ValueType::Enum => parameter.values.iter().map(|value| value.canonical.clone()).collect(),
            _ => Vec::new(),
        };
        let text = match (group, &parameter.ask) {
            (Some(group), _) => {
                let names: Vec<_> = group.iter().map(|name| format!("which {name}")).collect();
                format!("{}: {}?", intent.summary, names.join(", or "))
            }
            (None, Some(ask)) => ask.clone(),
            (None, None) => format!("{}: which {}?", intent.summary, parameter.name),
        };
        Reply::Question { text, options: if options.len() <= OFFERED { options } else { Vec::new() } }
    }
}

/// Remarks for the card: how values came to be, where that is worth a look.
pub(super) fn notes(understanding: &Understanding, entities: &Entities) -> Vec<String> {
    let mut notes = Vec::new();
    for argument in &understanding.stages.arguments {
        if !understanding.arguments.contains_key(&argument.parameter) {
            continue;
        }
        let written = argument.span.as_ref().and_then(|span| understanding.text.get(span.clone())).unwrap_or_default();
        match argument.how {
            How::Mended => notes.push(format!("I read `{written}` as {} `{}`", argument.parameter, argument.value)),
            How::Tagged if matches!(argument.value.value_type(), ValueType::Entity(kind) if entities.canonicals(kind).next().is_some()) =>
            {
                notes.push(format!("I know no {} `{}`", argument.parameter, argument.value));
            }
            _ => {}
        }
    }
    if !understanding.stages.carried.is_empty() {
        notes.push(format!("taken from before: {}", understanding.stages.carried.join(", ")));
    }
    if understanding.confidence < 0.75 {
        notes.push(format!("I am {:.0} % sure that this is what you mean", understanding.confidence * 100.0));
    }
    notes
}

/// Every stage of an understanding, for people: `sayso understand TEXT`.
pub fn understanding(seen: &Understanding) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    line("message", seen.text.clone());
    let cues: Vec<String> = seen.cues.iter().map(|cue| format!("{cue:?}").to_lowercase()).collect();
    for (index, other) in seen.alternatives.iter().enumerate() {
        line(
            if index == 0 { "intents" } else { "" },
            format!("{:<22} {:>5.1} %", other.intent, other.confidence * 100.0),
        );
    }
    line("cues", if cues.is_empty() { "none".to_owned() } else { cues.join(", ") });
    for (index, argument) in seen.stages.arguments.iter().enumerate() {
        let written = argument.span.as_ref().and_then(|span| seen.text.get(span.clone())).unwrap_or("(not said)");
        let how = format!("{:?}", argument.how).to_lowercase();
        line(
            if index == 0 { "arguments" } else { "" },
            format!("{} = {}  from “{written}”, {how}", argument.parameter, argument.value),
        );
    }
    for (name, candidates) in &seen.stages.unsure {
        line("unsure", format!("{name}: {}", candidates.join(" or ")));
    }
    for (index, passage) in seen.runbooks.iter().enumerate() {
        line(
            if index == 0 { "runbooks" } else { "" },
            format!("{} › {}  {:.2}", passage.runbook, passage.section, passage.score),
        );
    }
    let missing: Vec<&str> = seen.missing.iter().map(|name| name.as_str()).collect();
    if !missing.is_empty() {
        line("missing", missing.join(", "));
    }
    let arguments: String = seen
        .arguments
        .iter()
        .map(|(name, value)| format!(" {name}={}", crate::domain::quote(value.as_str())))
        .collect();
    let intent = seen.intent.as_ref().map_or_else(String::new, |intent| format!(" {intent}{arguments}"));
    line(
        "outcome",
        format!(
            "{}{intent}  ({:.1} %, {:.1} ms)",
            format!("{:?}", seen.outcome).to_lowercase(),
            seen.confidence * 100.0,
            seen.micros as f64 / 1000.0
        ),
    );
    text
}
