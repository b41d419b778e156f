//! What the tests of this room share.

use jiff::Timestamp;

use super::{Draft, Facts, Plan, Provenance, Target};
use crate::domain::{
    Command, ConversationId, Digest, Effect, EntityType, ExecutionId, Intent, Intents, Parameter, ProposalId,
    ValueType, parse_typed,
};

/// Noon of a Wednesday.
pub(super) fn noon() -> Timestamp {
    "2026-11-18T12:00:00Z".parse().unwrap()
}

/// A handful of intents of each effect.
pub(super) fn intents() -> Intents {
    let parameter = |name: &str, value_type| Parameter {
        name: name.parse().unwrap(),
        value_type,
        required: false,
        ask: None,
        values: Vec::new(),
        implies: Vec::new(),
        whole_message: false,
    };
    [
        ("host.disk", Effect::Read),
        ("service.restart", Effect::Change),
        ("deploy.promote", Effect::Change),
        ("process.kill", Effect::Destructive),
        ("cache.flush", Effect::Destructive),
    ]
    .into_iter()
    .map(|(name, effect)| Intent {
        name: name.parse().unwrap(),
        summary: name.to_owned(),
        effect,
        parameters: vec![
            parameter("service", ValueType::Entity(EntityType::Service)),
            parameter("environment", ValueType::Entity(EntityType::Environment)),
            parameter("from", ValueType::Entity(EntityType::Environment)),
            parameter("to", ValueType::Entity(EntityType::Environment)),
            parameter("host", ValueType::Entity(EntityType::Host)),
            parameter("pid", ValueType::Integer),
        ],
        one_of: Vec::new(),
    })
    .collect()
}

pub(super) fn command(line: &str) -> Command {
    parse_typed(line, &intents()).unwrap()
}

/// `console:main`.
pub(super) fn conversation(text: &str) -> ConversationId {
    let (platform, channel) = text.split_once(':').unwrap();
    ConversationId { platform: platform.to_owned(), channel: channel.to_owned() }
}

/// Like the caller's resolution: an environment called `production` is production, a command without environment and
/// host is about this machine.
pub(super) fn target(command: &Command) -> Target {
    let local = !["environment", "host", "from", "to"].iter().any(|name| command.argument(name).is_some());
    let production = ["environment", "from", "to"]
        .iter()
        .any(|name| command.argument(name).is_some_and(|value| value.as_str() == "production"));
    Target { name: if local { "this machine" } else { "elsewhere" }.to_owned(), local, production }
}

pub(super) fn plan(command: &Command) -> Plan {
    let runs = format!("run {command}");
    Plan { digest: Digest::of([runs.as_bytes()]), runs, preview: None, facts: Facts::new(), undo: None, system: None }
}

/// Expires a quarter of an hour after noon.
pub(super) fn draft(requester: &str, line: &str) -> Draft {
    let command = command(line);
    Draft {
        id: ProposalId::random(),
        execution: ExecutionId::random(),
        conversation: conversation("console:main"),
        message: None,
        requester: requester.parse().unwrap(),
        shown: command.to_string(),
        target: target(&command),
        plan: plan(&command),
        reason: None,
        provenance: Provenance::default(),
        expires: noon() + jiff::SignedDuration::from_mins(15),
        command,
    }
}
