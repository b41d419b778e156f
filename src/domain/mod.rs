//! The vocabulary every other room speaks: ids, actors, values, intents, commands, chat events, replies, alerts, the clock.
//!
//! Nothing here does IO, and nothing here knows any other room.

mod actor;
mod alert;
mod chat;
mod clock;
mod command;
mod entities;
mod ids;
mod incident;
mod intent;
mod listed;
mod memberships;
mod outcome;
mod people;
mod platform;
mod rota;
mod secret;
mod tally;
mod text;
mod typed;
mod value;

pub use actor::{Actor, ActorError, ActorPattern, Covered};
pub use alert::{Alert, AlertStatus, Alerted};
pub use chat::{Approvers, Asked, Card, Cause, ChatEvent, Choice, ChoiceKind, Field, Form, Outgoing, Reply, Tone};
pub use clock::{Clock, FixedClock, SystemClock};
pub use command::{Arguments, Command, CommandError};
pub use entities::{Entities, PRODUCTION, name_key};
pub use ids::{
    ConversationId, Digest, ExecutionId, IntentName, MessageId, NameError, ParameterName, ProposalCode, ProposalId,
};
pub use incident::{
    Incident, IncidentError, IncidentKey, IncidentKeyError, IncidentLog, IncidentState, IncidentUpdate, NewIncident,
    Stamp,
};
pub use intent::{Effect, EnumValue, Intent, Intents, Parameter};
pub use listed::{Listed, UnfitName};
pub use memberships::Memberships;
pub use outcome::{Outcome, OutcomeStatus};
pub use people::People;
pub use platform::{Asking, Assistance, Directory, GroupsUnknown, Handling, Notebook, NotebookError, Suggestion};
pub use rota::{OnCall, OnCallUnknown, Rota};
pub use secret::Secret;
pub use tally::{Counted, Tally};
pub use text::{MAX_MESSAGE_BYTES, clean, nearest, sanitise};
pub use typed::{TypedFormError, looks_typed, parse_typed, quote, typed_words};
pub use value::{EntityType, Value, ValueError, ValueType};
