//! What comes in from a chat and what goes out to it, free of any platform.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Actor, ActorPattern, ConversationId, Digest, Effect, MessageId, ParameterName, ProposalCode, ProposalId};

/// Something a person did in a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatEvent {
    /// A fresh message, addressed to the bot. Edits, bots and webhooks never become one.
    Said {
        /// Handled once under this id.
        id: MessageId,
        /// Who said it.
        actor: Actor,
        /// As it came; see [`super::clean`].
        text: String,
        /// When it reached us.
        at: Timestamp,
    },
    /// A choice on a card.
    Pressed {
        /// Handled once under this id.
        id: MessageId,
        /// Who pressed.
        actor: Actor,
        /// The proposal the card belongs to.
        proposal: ProposalId,
        /// What was chosen.
        choice: ChoiceKind,
        /// [`Card::digest`] of the card it was chosen on.
        shown: Digest,
        /// Why, where it came with a form that asks for it.
        reason: Option<String>,
        /// When it reached us.
        at: Timestamp,
    },
    /// Somebody wants to edit a proposal, and asks for its form.
    Opened {
        /// Handled once under this id.
        id: MessageId,
        /// Who asks.
        actor: Actor,
        /// The proposal.
        proposal: ProposalId,
        /// When it reached us.
        at: Timestamp,
    },
    /// The form of a proposal's arguments came back.
    Filled {
        /// Handled once under this id.
        id: MessageId,
        /// Who filled it in.
        actor: Actor,
        /// The proposal.
        proposal: ProposalId,
        /// What stands in its fields; an empty one means that the parameter is left out. Parameters that the form did not
        /// show stay as they are.
        fields: Vec<(ParameterName, String)>,
        /// When it reached us.
        at: Timestamp,
    },
}

impl ChatEvent {
    /// Where it happened.
    pub fn conversation(&self) -> &ConversationId {
        match self {
            Self::Said { id, .. } | Self::Pressed { id, .. } | Self::Opened { id, .. } | Self::Filled { id, .. } => {
                &id.conversation
            }
        }
    }

    /// What a reply to it answers.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Said { id, actor, .. }
            | Self::Pressed { id, actor, .. }
            | Self::Opened { id, actor, .. }
            | Self::Filled { id, actor, .. } => Cause { event: id.clone(), actor: actor.clone() },
        }
    }

    /// What kind of event it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Said { .. } => "said",
            Self::Pressed { .. } => "pressed",
            Self::Opened { .. } => "opened",
            Self::Filled { .. } => "filled",
        }
    }

    /// When it reached us.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Said { at, .. } | Self::Pressed { at, .. } | Self::Opened { at, .. } | Self::Filled { at, .. } => *at,
        }
    }
}

/// What a reply answers: an event, and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The event's id.
    pub event: MessageId,
    /// Who said it, or pressed.
    pub actor: Actor,
}

/// What a person can decide about a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChoiceKind {
    /// The requester says yes to their own proposal.
    Confirm,
    /// An authorised other says yes.
    Approve,
    /// Somebody says no.
    Reject,
    /// The requester takes it back; while it runs, stops it.
    Cancel,
    /// Somebody who may lets it run in an emergency, without the yeses it would need.
    #[serde(rename = "break-glass")]
    BreakGlass,
}

impl ChoiceKind {
    /// The word on the button, and the word to type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Cancel => "cancel",
            Self::BreakGlass => "break-glass",
        }
    }
}

/// How a reply is meant; adapters choose colour or sign by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// An answer or a remark.
    Plain,
    /// Something went as wished.
    Good,
    /// Something needs attention.
    Warning,
    /// Something failed or was refused.
    Bad,
}

/// One thing to say. Neutral: each platform has a renderer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A few sentences, and perhaps output shown letter by letter.
    Text {
        /// How it is meant.
        tone: Tone,
        /// What is said.
        text: String,
        /// Preformatted output, if any: untrusted, already sanitised and redacted.
        output: Option<String>,
    },
    /// A question with numbered answers; an answer is sent back as if it had been said.
    Question {
        /// What is asked.
        text: String,
        /// Possible answers; may be empty (then the answer is free).
        options: Vec<String>,
    },
    /// A proposal's card.
    Card(Box<Card>),
    /// A card that was shown, as it stands now: for platforms that can change what they have shown. It says nothing that is
    /// not said otherwise.
    Standing(Box<Card>),
    /// Something to fill in, for the one who is answered.
    Form(Box<Form>),
    /// Progress of long work; a later one replaces an earlier one.
    Progress(String),
}

impl Reply {
    /// A plain sentence.
    pub fn text(tone: Tone, text: impl Into<String>) -> Self {
        Self::Text { tone, text: text.into(), output: None }
    }
}

/// A reply on its way to a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Where to.
    pub conversation: ConversationId,
    /// What it answers, if it was not said of our own accord.
    pub answers: Option<Cause>,
    /// Whether it concerns nobody but the one who is answered; shown to them alone where the platform can do that.
    pub private: bool,
    /// What.
    pub reply: Reply,
}

/// Something to fill in about a proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// The proposal.
    pub proposal: ProposalId,
    /// `Restart a service`.
    pub title: String,
    /// What it asks for.
    pub asked: Asked,
    /// What is said where no form can be shown: how to do it in words.
    pub instead: String,
}

/// What a form asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// The arguments, in the order of the intent's parameters. It comes back as [`ChatEvent::Filled`].
    Arguments(Vec<Field>),
    /// Why. It comes back as [`ChatEvent::Pressed`], the same choice with a reason.
    Reason {
        /// What was chosen without one.
        choice: ChoiceKind,
        /// [`Card::digest`] of the card.
        shown: Digest,
    },
}

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The parameter.
    pub name: ParameterName,
    /// Its value now; empty if it has none.
    pub value: String,
    /// Whether it cannot be left out.
    pub required: bool,
}

/// What a proposal shows: exactly what will run, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The proposal.
    pub proposal: ProposalId,
    /// Its short code.
    pub code: ProposalCode,
    /// What a yes on this card says yes to.
    pub digest: Digest,
    /// `Restart a service`.
    pub summary: String,
    /// The typed form.
    pub command: String,
    /// What it does to the world.
    pub effect: Effect,
    /// The integration and the exact call: `systemctl restart -- nginx`.
    pub runs: String,
    /// What the preview read, if the action has one.
    pub preview: Option<String>,
    /// Remarks: values the catalogue does not know, how values were found, why somebody else must approve.
    pub notes: Vec<String>,
    /// Who asked.
    pub requester: Actor,
    /// Who else may say yes; none where nobody else has to.
    pub approvers: Vec<Approvers>,
    /// Until when it can be decided.
    pub expires: Timestamp,
    /// What has been decided, and what became of it; none while nobody has said anything.
    pub standing: Option<String>,
    /// What can be chosen, in order.
    pub choices: Vec<Choice>,
    /// Whether the requester can change its arguments.
    pub editable: bool,
}

/// People who may say yes to a proposal: a role, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvers {
    /// The name of the role.
    pub role: String,
    /// Those who have it and may.
    pub members: Vec<ActorPattern>,
    /// Whether they are to be told at once that somebody waits for them.
    pub pinged: bool,
}

/// `operator (discord:role:41771983423143937, discord:80351110224678912)`; at most five are named.
impl std::fmt::Display for Approvers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const NAMED: usize = 5;
        let named: Vec<String> = self.members.iter().take(NAMED).map(ToString::to_string).collect();
        let more = self.members.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        write!(f, "{} ({}{more})", self.role, named.join(", "))
    }
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What it does.
    pub kind: ChoiceKind,
    /// What it says.
    pub label: String,
}
