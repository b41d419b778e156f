//! What policy is asked, and what it answers. The machine knows policy by this interface alone.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Actor, Command, ConversationId, Digest, Effect};

/// The five questions; `policies/schema.cedarschema` explains them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyAction {
    /// May this read be answered at once?
    Run,
    /// May this be put before people?
    Propose,
    /// May the requester say yes to their own?
    Confirm,
    /// May somebody else say yes?
    Approve,
    /// May it run now, with the yeses it has?
    Execute,
}

impl PolicyAction {
    /// All of them, in the order in which a command meets them.
    pub const ALL: [Self; 5] = [Self::Run, Self::Propose, Self::Confirm, Self::Approve, Self::Execute];

    /// The word used in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Propose => "propose",
            Self::Confirm => "confirm",
            Self::Approve => "approve",
            Self::Execute => "execute",
        }
    }
}

/// What a command acts upon, as the integration resolved it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `this machine`, `checkout in staging`.
    pub name: String,
    /// It is the machine that Sayso itself runs on.
    pub local: bool,
    /// It touches an environment that the configuration counts as production. In doubt: true.
    pub production: bool,
}

/// One question to policy.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// What would be done.
    pub action: PolicyAction,
    /// By whom.
    pub actor: &'a Actor,
    /// Who asked for the command.
    pub requester: &'a Actor,
    /// The command.
    pub command: &'a Command,
    /// What it acts upon.
    pub target: &'a Target,
    /// Where it would be done.
    pub conversation: &'a ConversationId,
    /// When.
    pub now: Timestamp,
    /// How many people have said yes and still may.
    pub approvals: usize,
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// The rules that decided, by their `@id`, else by `file:line`; [`Decision::NO_RULE`] where none did.
    pub rule: String,
    /// What could not be evaluated. If there is anything here, it is not allowed.
    pub errors: Vec<String>,
}

impl Decision {
    /// What [`Decision::rule`] says where no rule permits, and none forbids.
    pub const NO_RULE: &str = "deny by default";

    /// Why not, in a few words: what could not be evaluated, else the rule.
    pub fn reason(&self) -> String {
        if self.errors.is_empty() { self.rule.clone() } else { self.errors.join("; ") }
    }
}

/// Whose yes a proposal waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhoMay {
    /// The requester's own is enough; somebody else's may be, too.
    Requester,
    /// Somebody else's.
    Another,
}

/// Policy's answer to a new command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Verdict {
    /// Run it at once: it only looks.
    Allow {
        /// The rule that says so.
        rule: String,
    },
    /// Ask people.
    Confirm {
        /// Whose yes it needs.
        by: WhoMay,
        /// The rule that lets it be proposed.
        rule: String,
    },
    /// No.
    Deny {
        /// Why, in a few words: the rule, or what could not be evaluated.
        reason: String,
    },
}

/// As the audit trail words it.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow { rule } => write!(f, "allow ({rule})"),
            Self::Confirm { by: WhoMay::Requester, rule } => write!(f, "confirm by the requester ({rule})"),
            Self::Confirm { by: WhoMay::Another, rule } => write!(f, "confirm by another ({rule})"),
            Self::Deny { reason } => write!(f, "deny ({reason})"),
        }
    }
}

/// Who may do what. Pure: the same question always has the same answer, until the version changes.
pub trait Permissions: Send + Sync {
    /// Answers one question; what cannot be evaluated is not allowed.
    fn decide(&self, query: &Query<'_>) -> Decision;

    /// Changes whenever any answer could: the digest of the rules, of who has which role, and of the time zone.
    fn version(&self) -> Digest;

    /// The answer to a new command of `query.requester`. Only a read can be let through without a person's yes, whatever
    /// the rules say. The query's own action, actor and approvals do not matter.
    fn verdict(&self, query: &Query<'_>) -> Verdict {
        let ask = |action, approvals| self.decide(&Query { action, actor: query.requester, approvals, ..*query });
        let mut refused = None;
        if query.command.effect() == Effect::Read {
            let run = ask(PolicyAction::Run, 0);
            if run.allowed {
                let execute = ask(PolicyAction::Execute, 0);
                if execute.allowed {
                    return Verdict::Allow { rule: run.rule };
                }
                refused = Some(execute);
            }
        }
        let propose = ask(PolicyAction::Propose, 0);
        if propose.allowed {
            let own = ask(PolicyAction::Confirm, 0).allowed && ask(PolicyAction::Execute, 1).allowed;
            let by = if own { WhoMay::Requester } else { WhoMay::Another };
            return Verdict::Confirm { by, rule: propose.rule };
        }
        Verdict::Deny { reason: refused.unwrap_or(propose).reason() }
    }
}
