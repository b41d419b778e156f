//! What policy is asked, and what it answers. The machine knows policy by this interface alone.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{
    Actor, Approvers, Command, ConversationId, Digest, Effect, Intent, IntentName, ParameterName, Value,
};

/// The questions; `policies/schema.cedarschema` explains them.
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
    /// May they let it run in an emergency, without the yeses it would need?
    BreakGlass,
    /// May it run now, with the yeses it has?
    Execute,
}

impl PolicyAction {
    /// All of them, in the order in which a command meets them.
    pub const ALL: [Self; 6] =
        [Self::Run, Self::Propose, Self::Confirm, Self::Approve, Self::BreakGlass, Self::Execute];

    /// The word used in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Propose => "propose",
            Self::Confirm => "confirm",
            Self::Approve => "approve",
            Self::BreakGlass => "break_glass",
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

/// What policy is asked about: a command, or an intent whose arguments are not known yet.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The intent.
    pub intent: &'a IntentName,
    /// What it does to the world.
    pub effect: Effect,
    /// The arguments that are known.
    pub arguments: &'a [(ParameterName, Value)],
}

impl<'a> From<&'a Command> for Subject<'a> {
    fn from(command: &'a Command) -> Self {
        Self { intent: command.intent(), effect: command.effect(), arguments: command.arguments() }
    }
}

impl<'a> From<&'a Intent> for Subject<'a> {
    fn from(intent: &'a Intent) -> Self {
        Self { intent: &intent.name, effect: intent.effect, arguments: &[] }
    }
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
    pub subject: Subject<'a>,
    /// What it acts upon.
    pub target: &'a Target,
    /// Where it would be done.
    pub conversation: &'a ConversationId,
    /// When.
    pub now: Timestamp,
    /// The people who have said yes and still may, each once.
    pub yeses: &'a [Actor],
    /// Why it is wanted; for [`PolicyAction::BreakGlass`], why it cannot wait.
    pub reason: Option<&'a str>,
    /// Whether one of the yeses was given by breaking the glass.
    pub broken_glass: bool,
}

impl<'a> Query<'a> {
    /// Any reason at all: enough to see whether a missing one is what is wrong.
    pub const SOME_REASON: &'static str = "a reason";

    /// The same question, with a reason.
    pub fn because(self, reason: &'a str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// The same question, as if some reason had been given.
    pub fn with_some_reason(self) -> Self {
        self.because(Self::SOME_REASON)
    }
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
    /// Who was on call, where the answer depended on that.
    pub on_call: Option<String>,
}

impl Decision {
    /// What [`Decision::rule`] says where no rule permits, and none forbids.
    pub const NO_RULE: &str = "deny by default";

    /// Why, in a few words: what could not be evaluated, else the rule, and who was on call where that mattered.
    pub fn reason(&self) -> String {
        match &self.on_call {
            _ if !self.errors.is_empty() => self.errors.join("; "),
            Some(on_call) => format!("{} ({on_call})", self.rule),
            None => self.rule.clone(),
        }
    }

    /// Whether a rule forbids it, or could not be evaluated; not only that none permits it.
    pub fn is_forbidden(&self) -> bool {
        !self.allowed && (self.rule != Self::NO_RULE || !self.errors.is_empty())
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

/// What stands between a proposal and its running, beside the yes that is waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The requester has to say why.
    pub reason: bool,
    /// With the requester's yes, a rule would still hold it back: a freeze, or more yeses.
    pub held: Option<String>,
    /// The requester may let it run in an emergency, and say why.
    pub glass: bool,
    /// Who may say yes, where the requester's own is not enough.
    #[serde(default)]
    pub approvers: Vec<Approvers>,
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
        /// What else.
        #[serde(default)]
        needs: Needs,
        /// The rule that lets it be proposed.
        rule: String,
    },
    /// No.
    Deny {
        /// Why, in a few words: the rule, or what could not be evaluated.
        reason: String,
    },
}

impl Verdict {
    /// The rules that decided, and the one that holds it back.
    pub fn rules(&self) -> String {
        match self {
            Self::Allow { rule } => rule.clone(),
            Self::Deny { reason } => reason.clone(),
            Self::Confirm { rule, needs, .. } => match &needs.held {
                Some(held) => format!("{rule}; {held}"),
                None => rule.clone(),
            },
        }
    }
}

/// As the audit trail words it.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow { rule } => write!(f, "allow ({rule})"),
            Self::Confirm { by: WhoMay::Requester, rule, .. } => write!(f, "confirm by the requester ({rule})"),
            Self::Confirm { by: WhoMay::Another, rule, .. } => write!(f, "confirm by another ({rule})"),
            Self::Deny { reason } => write!(f, "deny ({reason})"),
        }
    }
}

/// Who may do what. Pure: the same question always has the same answer, until the version changes.
pub trait Permissions: Send + Sync {
    /// Answers one question; what cannot be evaluated is not allowed.
    fn decide(&self, query: &Query<'_>) -> Decision;

    /// Changes whenever any answer could: the digest of the rules, of who has which role and which accounts, and of the
    /// time zone.
    fn version(&self) -> Digest;

    /// Whether it was told lately who is on call, be it that it cannot be found out; always where nothing depends on it.
    fn knows_duty(&self, _: Timestamp) -> bool {
        true
    }

    /// Whether somebody may stop everything, and let it go on. No rule for commands can take the switch from them: a
    /// freeze must not freeze the brake.
    fn may_halt(&self, actor: &Actor) -> bool;

    /// Whether somebody could ask for such a command at all from this conversation, whatever it acts upon: what help tells
    /// them of.
    fn may_ask(&self, subject: Subject<'_>, actor: &Actor, conversation: &ConversationId, now: Timestamp) -> bool {
        let action = if subject.effect == Effect::Read { PolicyAction::Run } else { PolicyAction::Propose };
        // What it would act upon is not known yet: it is asked about everything that it could be.
        [(false, false), (true, false), (false, true), (true, true)].into_iter().any(|(local, production)| {
            let target = Target { name: String::new(), local, production };
            let query = Query {
                action,
                actor,
                requester: actor,
                subject,
                target: &target,
                conversation,
                now,
                yeses: &[],
                reason: None,
                broken_glass: false,
            };
            self.decide(&query).allowed
        })
    }

    /// Who but the requester could say yes to it, if they said why. The query's own action and actor do not matter.
    fn approvers(&self, _: &Query<'_>) -> Vec<Approvers> {
        Vec::new()
    }

    /// Whether two accounts are one person's.
    fn same_person(&self, one: &Actor, other: &Actor) -> bool {
        one == other
    }

    /// The answer to a new command of `query.requester`. Only a read can be let through without a person's yes, whatever
    /// the rules say. The query's own action, actor and yeses do not matter.
    fn verdict(&self, query: &Query<'_>) -> Verdict {
        let yes = std::slice::from_ref(query.requester);
        let ask = |action, yeses, reason| {
            self.decide(&Query { action, actor: query.requester, yeses, reason, broken_glass: false, ..*query })
        };
        let mut refused = None;
        if query.subject.effect == Effect::Read {
            let run = ask(PolicyAction::Run, &[], query.reason);
            if run.allowed {
                let execute = ask(PolicyAction::Execute, &[], query.reason);
                if execute.allowed {
                    return Verdict::Allow { rule: run.reason() };
                }
                refused = Some(execute);
            }
        }
        let propose = ask(PolicyAction::Propose, &[], query.reason);
        if !propose.allowed {
            return Verdict::Deny { reason: refused.unwrap_or(propose).reason() };
        }
        let confirm = |reason| ask(PolicyAction::Confirm, &[], reason).allowed;
        let on_call = propose.on_call.clone().or_else(|| ask(PolicyAction::Confirm, &[], query.reason).on_call);
        let rule = Decision { on_call, ..propose }.reason();
        let execute = ask(PolicyAction::Execute, yes, query.reason);
        let own = |reason| confirm(reason) && ask(PolicyAction::Execute, yes, reason).allowed;
        let now = own(query.reason);
        let reason = !now && query.reason.is_none() && own(Some(Query::SOME_REASON));
        let with_reason = if reason { Some(Query::SOME_REASON) } else { query.reason };
        let by = if now || reason || confirm(with_reason) { WhoMay::Requester } else { WhoMay::Another };
        let held = (!execute.allowed && !reason && execute.is_forbidden()).then(|| execute.reason());
        let glass = !now && !reason && ask(PolicyAction::BreakGlass, &[], Some(Query::SOME_REASON)).allowed;
        let own_is_enough = by == WhoMay::Requester && held.is_none();
        let approvers = if own_is_enough { Vec::new() } else { self.approvers(query) };
        Verdict::Confirm { by, needs: Needs { reason, held, glass, approvers }, rule }
    }
}
