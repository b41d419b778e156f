//! `sayso policy explain|test`: what the policy says to a command, without asking for it.

mod cases;
mod duty;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use self::duty::Supposing;
use super::assembly::{self, Data};
use super::{Failure, print};
use crate::assistant::touches_production;
use crate::domain::{
    Actor, ActorPattern, Clock as _, Command, ConversationId, Effect, Memberships, SystemClock, parse_typed,
};
use crate::proposal::{Permissions as _, PolicyAction, Query, Target, Verdict, WhoMay};

/// What to ask the policy.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommands {
    /// What would become of a command, and which rule decides
    Explain(Explained),
    /// Hold the policy against a table of expectations; exit status 1 where one is not met
    Test {
        /// A TOML file of `[[case]]` tables; docs/policies.md tells their keys
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// A command, and the circumstances.
#[derive(Debug, clap::Args)]
pub(super) struct Explained {
    /// In its typed form: `deploy.start service=web version=1.4.2 environment=production`
    command: String,
    /// Who asks for it: `discord:80351110224678912`
    #[arg(long = "as", value_name = "PLATFORM:ID")]
    actor: Actor,
    /// Where; without it, `main` on the person's platform
    #[arg(long = "in", value_name = "PLATFORM:CHANNEL")]
    conversation: Option<ConversationId>,
    /// When; without it, now
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// Why it is wanted, as the requester would say
    #[arg(long)]
    reason: Option<String>,
    /// Who has said yes already; may be given several times
    #[arg(long = "yes", value_name = "PLATFORM:ID")]
    yeses: Vec<Actor>,
    /// Who is on call, as roles of the moment have it: a name of `[people]`, or `nobody`; may be given several times
    #[arg(long = "on-call", value_name = "NAME")]
    on_call: Vec<String>,
    /// It acts upon the machine that Sayso runs on
    #[arg(long)]
    local: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: Option<&Path>, what: Subcommands) -> Result<(), Failure> {
    let data = assembly::load(config)?;
    let supposing = Supposing::new(&data)?;
    match what {
        Subcommands::Explain(explained) => explain(&data, &supposing, &explained),
        Subcommands::Test { files } => cases::test(&data, &supposing, &files),
    }
}

/// What a question is about; the query borrows from it.
struct Asked {
    command: Command,
    target: Target,
    actor: Actor,
    conversation: ConversationId,
    now: Timestamp,
    yeses: Vec<Actor>,
    reason: Option<String>,
    broken_glass: bool,
}

impl Asked {
    fn query(&self, action: PolicyAction) -> Query<'_> {
        Query {
            action,
            actor: &self.actor,
            requester: &self.actor,
            subject: (&self.command).into(),
            target: &self.target,
            conversation: &self.conversation,
            now: self.now,
            yeses: &self.yeses,
            reason: self.reason.as_deref(),
            broken_glass: self.broken_glass,
        }
    }
}

/// What the command acts upon, as far as that can be said without the system: its arguments.
fn target(data: &Data, command: &Command, local: bool) -> Target {
    let values: Vec<&str> = command.arguments().iter().map(|(_, value)| value.as_str()).collect();
    let name = if local { "this machine".to_owned() } else { values.join(" in ") };
    Target { name, local, production: touches_production(command, &data.config.entities) }
}

fn main_of(actor: &Actor) -> ConversationId {
    ConversationId { platform: actor.platform().to_owned(), channel: "main".to_owned() }
}

fn explain(data: &Data, supposing: &Supposing, explained: &Explained) -> Result<(), Failure> {
    let command = parse_typed(&explained.command, &data.catalogue.intents).map_err(|error| Failure::of(&error))?;
    let asked = Asked {
        target: target(data, &command, explained.local),
        command,
        actor: explained.actor.clone(),
        conversation: explained.conversation.clone().unwrap_or_else(|| main_of(&explained.actor)),
        now: explained.at.unwrap_or_else(|| SystemClock.now()),
        yeses: explained.yeses.clone(),
        reason: explained.reason.clone(),
        broken_glass: false,
    };
    let on_call: Vec<String> = explained.on_call.iter().filter(|name| *name != "nobody").cloned().collect();
    let supposed = (!explained.on_call.is_empty()).then_some(on_call.as_slice());
    supposing.suppose(supposed, "--on-call NAME", asked.now).map_err(Failure::Said)?;
    let policy = &supposing.policy;
    let verdict = policy.verdict(&asked.query(PolicyAction::Propose));
    let decisions: Vec<_> = PolicyAction::ALL
        .into_iter()
        .filter(|action| *action != PolicyAction::Run || asked.command.effect() == Effect::Read)
        // Nobody approves their own, so that would say nothing.
        .filter(|action| *action != PolicyAction::Approve)
        .map(|action| (action, policy.decide(&asked.query(action))))
        .collect();
    if explained.json {
        let answers = decisions.iter().map(|(action, decision)| {
            (action.as_str().to_owned(), json!({ "allowed": decision.allowed, "rule": decision.reason() }))
        });
        print(json!({
            "command": asked.command.to_string(),
            "as": asked.actor.to_string(),
            "in": asked.conversation.to_string(),
            "at": asked.now.to_string(),
            "effect": asked.command.effect().as_str(),
            "production": asked.target.production,
            "outcome": outcome(&verdict),
            "verdict": verdict.to_string(),
            "answers": answers.collect::<serde_json::Map<_, _>>(),
        }));
        return Ok(());
    }
    let zone = &data.config.time.zone;
    let when = asked.now.to_zoned(zone.clone()).strftime("%A %Y-%m-%d %H:%M %Q").to_string();
    // Who is in which group is known where people talk, and not here.
    let memberships = Memberships::default();
    let is_on_call = data.config.people.name(&asked.actor).is_some_and(|name| on_call.iter().any(|one| one == name));
    let has = |role: &str, patterns: &[ActorPattern]| {
        patterns.iter().any(|pattern| pattern.matches(&asked.actor, &memberships))
            || (is_on_call && data.config.on_call.contains_key(role))
    };
    let roles = data.config.roles.iter().filter(|(name, patterns)| has(name, patterns));
    let roles: Vec<&str> = roles.map(|(name, _)| name.as_str()).collect();
    let roles = if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") };
    let production = if asked.target.production { ", touches production" } else { "" };
    print(format_args!("{}", asked.command));
    print(format_args!(
        "  {}{production}; by {} ({roles}) in {}",
        asked.command.effect(),
        asked.actor,
        asked.conversation
    ));
    print(format_args!("  {when}"));
    print("");
    for (action, decision) in &decisions {
        let answer = if decision.allowed { "yes" } else { "no" };
        print(format_args!("{:<12} {answer:<4} {}", action.as_str(), decision.reason()));
    }
    print("");
    print(says(&verdict));
    Ok(())
}

/// In one word, as tables of expectations have it.
fn outcome(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allow { .. } => "run",
        Verdict::Confirm { needs, .. } if needs.held.is_some() => "held",
        Verdict::Confirm { needs, .. } if needs.reason => "reason",
        Verdict::Confirm { by: WhoMay::Requester, .. } => "confirm",
        Verdict::Confirm { by: WhoMay::Another, .. } => "approve",
        Verdict::Deny { .. } => "deny",
    }
}

/// What would become of it, in a few sentences.
fn says(verdict: &Verdict) -> String {
    let (by, needs) = match verdict {
        Verdict::Allow { rule } => return format!("It would run at once ({rule})."),
        Verdict::Deny { reason } => return format!("It would be denied ({reason})."),
        Verdict::Confirm { by, needs, .. } => (by, needs),
    };
    let mut says = match by {
        WhoMay::Requester => "It would be shown first; their own yes counts.".to_owned(),
        WhoMay::Another => "It would be shown first, and somebody else has to approve it.".to_owned(),
    };
    let approvers: Vec<String> = needs.approvers.iter().map(ToString::to_string).collect();
    match by {
        WhoMay::Another if approvers.is_empty() => says.push_str(" Nobody has a role that may."),
        _ if approvers.is_empty() => {}
        _ => says.push_str(&format!(" Those who may: {}.", approvers.join(", "))),
    }
    if needs.reason {
        says.push_str(" They have to say why.");
    }
    if let Some(rule) = &needs.held {
        says.push_str(&format!(" With one yes it would still be held back ({rule})."));
    }
    if needs.glass {
        says.push_str(" In an emergency they may break the glass.");
    }
    says
}
