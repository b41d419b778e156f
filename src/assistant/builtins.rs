//! The assistant's own actions: help, runbook search, audit search, the list of proposals. Each answers with a text.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value as Json;

use super::judging::{Afterwards, decided};
use super::obey::has_say;
use super::{Newest, wording};
use crate::audit::{AuditLog, Ending, Fact, Search, search_page};
use crate::domain::{Actor, ActorError, Clock, Command, Intent, IntentName, People};
use crate::integrations::{Builtin, BuiltinError, RunContext};
use crate::proposal::{Permissions, Proposal, ProposalStore};
use crate::retrieval::Chunk;

/// How many passages an answer shows, and how many events a search.
const PASSAGES: usize = 2;
const EVENTS: usize = 30;

/// The actions that `integrations/sayso.toml` names, each under its name.
pub fn builtins(
    newest: &Newest,
    afterwards: &Arc<Afterwards>,
    proposals: &Arc<dyn ProposalStore>,
    log: &Arc<dyn AuditLog>,
    permissions: &Arc<dyn Permissions>,
    clock: &Arc<dyn Clock>,
    people: &People,
) -> Vec<(&'static str, Arc<dyn Builtin>)> {
    vec![
        ("sayso.help", Arc::new(Help(Arc::clone(newest), Arc::clone(afterwards), Arc::clone(permissions)))),
        ("sayso.runbook_find", Arc::new(RunbookFind(Arc::clone(newest)))),
        ("sayso.audit_search", Arc::new(AuditSearch(Arc::clone(log), Arc::clone(clock), people.clone()))),
        (
            "sayso.proposal_list",
            Arc::new(ProposalList {
                proposals: Arc::clone(proposals),
                newest: Arc::clone(newest),
                permissions: Arc::clone(permissions),
                afterwards: Arc::clone(afterwards),
            }),
        ),
    ]
}

fn unclear(error: &dyn std::fmt::Display) -> BuiltinError {
    BuiltinError::Refused(error.to_string())
}

fn value(command: &Command, name: &str) -> Option<String> {
    command.argument(name).map(ToString::to_string)
}

/// What this person can ask for here, or all of that which touches a topic.
struct Help(Newest, Arc<Afterwards>, Arc<dyn Permissions>);

#[async_trait]
impl Builtin for Help {
    fn answers_while_halted(&self) -> bool {
        true
    }

    async fn run(&self, command: &Command, cx: &RunContext) -> Result<Json, BuiltinError> {
        let topic = value(command, "topic").map(|topic| topic.to_lowercase());
        let about = |text: &str| {
            topic.as_ref().is_none_or(|topic| {
                topic.split_whitespace().any(|word| text.to_lowercase().contains(word.trim_end_matches('s')))
            })
        };
        let is_possible =
            |intent: &&Intent| self.1.possible.get().is_none_or(|possible| possible.contains(&intent.name));
        let knowledge = self.0.load_full();
        let matching = |permissions: &dyn Permissions| -> Vec<&Intent> {
            let all = knowledge.understander.intents().iter().map(AsRef::as_ref);
            all.filter(|intent: &&Intent| about(intent.name.as_str()) || about(&intent.summary))
                .filter(|intent| permissions.may_ask((*intent).into(), &cx.requester, &cx.conversation, cx.now))
                .collect()
        };
        let desk = self.1.desk.get().map(AsRef::as_ref);
        let matching = decided(self.2.as_ref(), desk, matching).await.into_iter();
        let (here, elsewhere): (Vec<&Intent>, Vec<&Intent>) = matching.partition(is_possible);
        let mut text = String::new();
        if let Some(topic) = topic.filter(|_| here.is_empty() && elsewhere.is_empty()) {
            return Ok(Json::String(format!("I can do nothing about `{topic}`. `help.show` lists what I can.")));
        }
        here.iter().for_each(|intent| describe(&mut text, intent));
        if !here.is_empty() {
            text.push_str("\nAsk in your own words. What changes something is shown first and waits for your yes.\n");
        }
        if command.argument("topic").is_some() && !elsewhere.is_empty() {
            text.push_str(if here.is_empty() { "" } else { "\n" });
            text.push_str("These need a system that is not connected here:\n");
            elsewhere.iter().for_each(|intent| describe(&mut text, intent));
        } else if !elsewhere.is_empty() {
            let nouns: BTreeSet<&str> =
                elsewhere.iter().filter_map(|intent| intent.name.as_str().split('.').next()).collect();
            let nouns = nouns.into_iter().collect::<Vec<_>>();
            let example = nouns.first().copied().unwrap_or_default();
            let _ = writeln!(text, "{} more need a system that is not connected here:", elsewhere.len());
            nouns.chunks(9).for_each(|nouns| {
                let _ = writeln!(text, "  {}", nouns.join(", "));
            });
            let _ = writeln!(text, "`help.show topic={example}` tells of them.");
        }
        Ok(Json::String(text))
    }
}

fn describe(text: &mut String, intent: &Intent) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:<22} {:<12} {}", intent.name.as_str(), intent.effect.as_str(), intent.summary);
}

/// The passages that answer a question, with where they stand.
struct RunbookFind(Newest);

#[async_trait]
impl Builtin for RunbookFind {
    fn answers_while_halted(&self) -> bool {
        true
    }

    async fn run(&self, command: &Command, _: &RunContext) -> Result<Json, BuiltinError> {
        let question = value(command, "question").unwrap_or_default();
        let knowledge = self.0.load_full();
        let hits = knowledge.understander.passages(&question, PASSAGES).await.map_err(|error| unclear(&error))?;
        let mut text = String::new();
        hits.iter().filter(|hit| hit.is_answer()).for_each(|hit| passage(&mut text, &hit.chunk));
        if text.is_empty() {
            text.push_str(&wording::no_runbook());
        }
        Ok(Json::String(text.trim_end().to_owned()))
    }
}

/// A passage with where it stands, and the steps in it.
pub(super) fn passage(text: &mut String, chunk: &Chunk) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}: {}\n  in {}:{}\n", chunk.title, chunk.section(), chunk.runbook, chunk.line);
    let _ = writeln!(text, "{}\n", chunk.text);
    for step in &chunk.steps {
        let _ = writeln!(text, "  step (line {}): {}", step.line, step.text);
    }
}

/// What was done through the bot, and the accounts of people.
struct AuditSearch(Arc<dyn AuditLog>, Arc<dyn Clock>, People);

#[async_trait]
impl Builtin for AuditSearch {
    fn answers_while_halted(&self) -> bool {
        true
    }

    async fn run(&self, command: &Command, cx: &RunContext) -> Result<Json, BuiltinError> {
        let since = command
            .argument("window")
            .and_then(crate::domain::Value::as_duration)
            .and_then(|window| self.1.now().checked_sub(window).ok());
        let by = value(command, "actor").map(|person| accounts(&self.2, &person, cx.requester.platform()));
        let search = Search {
            by: by.transpose().map_err(|error| unclear(&error))?.unwrap_or_default(),
            intent: value(command, "intent").and_then(|intent| intent.parse::<IntentName>().ok()),
            service: value(command, "service"),
            environment: value(command, "environment"),
            since,
            ending: value(command, "outcome").and_then(|outcome| outcome.parse::<Ending>().ok()),
            limit: EVENTS,
            ..Search::default()
        };
        let page = search_page(self.0.as_ref(), &search).await.map_err(|error| unclear(&error))?;
        let mut lines: Vec<String> = page.entries.iter().map(audit_line).collect();
        if lines.is_empty() {
            lines.push("Nothing on record.".to_owned());
        }
        lines.extend(super::more_events(&page));
        Ok(Json::String(lines.join("\n")))
    }
}

/// Whose accounts a name means: a person of the configuration, an account, or that id on the platform of who asks.
pub fn accounts(people: &People, name: &str, platform: &str) -> Result<Vec<Actor>, ActorError> {
    match people.accounts(name) {
        Some(accounts) if !accounts.is_empty() => Ok(accounts.to_vec()),
        _ => Ok(vec![name.parse().or_else(|_| Actor::new(platform, name))?]),
    }
}

/// One event as one line.
pub fn audit_line(entry: &crate::audit::Entry) -> String {
    let event = &entry.event;
    let what = match &event.fact {
        Fact::ProposalCreated { verdict, .. } => format!("proposed, {verdict}"),
        Fact::ProposalDenied { reason } => format!("denied: {reason}"),
        Fact::ProposalConfirmed => "confirmed".to_owned(),
        Fact::ProposalApproved => "approved".to_owned(),
        Fact::OnCallCounted { told } => told.clone(),
        Fact::ProposalRejected => "rejected".to_owned(),
        Fact::ProposalCancelled => "cancelled".to_owned(),
        Fact::ProposalEdited => "edited".to_owned(),
        Fact::ProposalReopened { reason } => format!("reopened: {reason}"),
        Fact::ProposalExpired => "expired".to_owned(),
        Fact::PressRefused { choice, reason } => format!("{choice} refused: {reason}"),
        Fact::ReasonGiven { reason } => format!("because: {reason}"),
        Fact::GlassBroken { reason } => format!("broke the glass: {reason}"),
        Fact::StopRequested => "asked to stop it".to_owned(),
        Fact::Halted { reason } => format!("halted everything{}", because(reason.as_deref())),
        Fact::HaltLifted { reason } => format!("lifted the halt{}", because(reason.as_deref())),
        Fact::HaltRefused => "tried to halt, or to lift the halt, and may not".to_owned(),
        Fact::ExecutionStarted { integration, runs, .. } => format!("started on {integration}: {runs}"),
        Fact::ExecutionEnded { status, summary } => format!("{}: {summary}", status.as_str()),
        Fact::RecordPruned { through, .. } => format!("rows up to {through} removed, being old enough"),
    };
    let who = event.actor.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let command = event.command.as_deref().unwrap_or("-");
    format!("{:>5}  {}  {who}  {command}  {what}", entry.sequence, event.at.strftime("%Y-%m-%d %H:%M:%SZ"))
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// What waits for a decision or runs: what was asked for in this conversation, and what this person has a say in.
struct ProposalList {
    proposals: Arc<dyn ProposalStore>,
    newest: Newest,
    permissions: Arc<dyn Permissions>,
    afterwards: Arc<Afterwards>,
}

#[async_trait]
impl Builtin for ProposalList {
    fn answers_while_halted(&self) -> bool {
        true
    }

    async fn run(&self, _: &Command, cx: &RunContext) -> Result<Json, BuiltinError> {
        let knowledge = self.newest.load_full();
        let found =
            self.proposals.unfinished(knowledge.understander.intents()).await.map_err(|error| unclear(&error))?;
        let seen = |permissions: &dyn Permissions| -> Vec<&Proposal> {
            // Itself is under way while it looks.
            let others = found.proposals.iter().filter(|proposal| proposal.id() != cx.proposal);
            let (who, here) = (&cx.requester, &cx.conversation);
            others
                .filter(|proposal| proposal.conversation() == here || has_say(permissions, proposal, who, here, cx.now))
                .collect()
        };
        let desk = self.afterwards.desk.get().map(AsRef::as_ref);
        let lines: Vec<String> = decided(self.permissions.as_ref(), desk, seen)
            .await
            .into_iter()
            .map(|proposal| {
                let until = proposal.expires().strftime("%H:%M UTC");
                format!(
                    "{}  {}  {}  by {}, until {until}",
                    proposal.code(),
                    proposal.state(),
                    proposal.command(),
                    proposal.requester()
                )
            })
            .collect();
        Ok(Json::String(if lines.is_empty() { "Nothing waits for a decision.".to_owned() } else { lines.join("\n") }))
    }
}
