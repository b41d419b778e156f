//! Policy: Cedar files, validated in strict mode against `policies/schema.cedarschema`. Deny by default, forbid beats
//! permit, and what cannot be evaluated denies.

mod duty;
mod fault;
mod question;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{Authorizer, Policy as Rule, PolicyId, PolicySet, Response, ValidationMode, Validator};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::duty::Duty;
pub use self::fault::PolicyFault;
use self::question::{Unaskable, Vocabulary};
use super::permission::{Decision, Permissions, PolicyAction, Query};
use super::roles::Roles;
use crate::domain::{
    Actor, ActorPattern, Approvers, ConversationId, Covered, Digest, Memberships, People, Rota, nearest,
};

/// How many brackets may stand within each other. Cedar's reader calls itself for each, and the stack has an end.
const MAX_DEPTH: usize = 50;
/// Of how many members of a role it is asked whether they may approve something.
const MAX_ASKED_ABOUT: usize = 20;
/// The words that rules can use: a contract of the code, hence built in.
const SCHEMA: &str = include_str!("../../policies/schema.cedarschema");

/// All rules, and who has which role.
pub struct Policy {
    rules: PolicySet,
    vocabulary: Vocabulary,
    roles: Roles,
    people: People,
    /// The roles of the moment.
    duty: Duty,
    /// The roles that may stop everything.
    halters: Vec<String>,
    zone: TimeZone,
    texts: Digest,
}

impl Policy {
    /// Reads policy files, given as (path, text), and checks them; all faults at once, in the order of the files. Hours
    /// and weekdays are those of UTC; see [`Policy::in_zone`].
    pub fn load(files: &[(String, String)], roles: &Roles) -> Result<Self, Vec<PolicyFault>> {
        let vocabulary =
            Vocabulary::read(SCHEMA).map_err(|error| vec![PolicyFault::of_schema("schema.cedarschema", &*error)])?;
        let mut loading = Loading { files, rules: PolicySet::new(), homes: BTreeMap::new(), faults: Vec::new() };
        for index in 0..files.len() {
            loading.read(index, roles);
        }
        loading.validate(&vocabulary);
        let Loading { rules, mut faults, .. } = loading;
        if !faults.is_empty() {
            let place = |fault: &PolicyFault| files.iter().position(|(path, _)| *path == fault.file);
            faults.sort_by_key(|fault| (place(fault), fault.line, fault.column));
            faults.dedup();
            return Err(faults);
        }
        let texts = Digest::of(
            std::iter::once(SCHEMA).chain(files.iter().flat_map(|(path, text)| [&**path, &**text])).map(str::as_bytes),
        );
        Ok(Self {
            rules,
            vocabulary,
            roles: roles.clone(),
            people: People::default(),
            duty: Duty::default(),
            halters: Vec::new(),
            zone: TimeZone::UTC,
            texts,
        })
    }

    /// The same rules, with hours and weekdays of a time zone.
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// The same rules, for people with several accounts.
    pub fn with_people(self, people: People) -> Self {
        Self { people, ..self }
    }

    /// What the rules say to a question.
    fn respond(&self, query: &Query<'_>, roles: &Roles) -> Result<Response, Unaskable> {
        let (request, entities) = self.vocabulary.ask(query, roles, &self.people, &self.zone)?;
        Ok(Authorizer::new().is_authorized(&request, &self.rules, &entities))
    }

    /// What a response means; a question that could not be asked is denied.
    fn answer(&self, response: Result<Response, Unaskable>) -> Decision {
        let response = match response {
            Ok(response) => response,
            Err(error) => {
                let rule = Decision::NO_RULE.to_owned();
                return Decision { allowed: false, rule, errors: vec![error.to_string()], on_call: None };
            }
        };
        let mut rules: Vec<String> = response.diagnostics().reason().map(|id| self.named(id)).collect();
        rules.sort();
        if rules.is_empty() {
            rules.push(Decision::NO_RULE.to_owned());
        }
        // Cedar leaves a rule that fails out of account. A forbid that fails must not let anything through.
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        Decision { allowed: lets_through(&response), rule: rules.join(", "), errors, on_call: None }
    }

    /// Whether somebody whom a role's pattern covers may say yes to what a query is about, and whether the rule that lets
    /// them wants them pinged; none if they may not. Of a group, somebody is asked about who is nobody in particular.
    fn may_approve(&self, query: &Query<'_>, role: &str, member: &ActorPattern) -> Option<bool> {
        let platform = member.platform();
        let actor = match member.covers() {
            Covered::One(one) => one.clone(),
            Covered::Group(_) | Covered::Everybody => Actor::new(platform, "somebody").ok()?,
        };
        if self.people.same(&actor, query.requester) {
            return None;
        }
        // Whoever talks elsewhere says it there.
        let conversation = match platform == query.conversation.platform {
            true => query.conversation.clone(),
            false => ConversationId { platform: platform.to_owned(), channel: query.conversation.channel.clone() },
        };
        let reason = query.reason.or(Some(Query::SOME_REASON));
        let asked =
            Query { action: PolicyAction::Approve, actor: &actor, conversation: &conversation, reason, ..*query };
        let response = self.respond(&asked, &self.roles.with(role, &actor)).ok()?;
        let pings = |id| self.rules.policy(id).is_some_and(|rule: &Rule| rule.annotation("ping").is_some());
        lets_through(&response).then(|| response.diagnostics().reason().any(pings))
    }

    /// The same rules, where these are in the groups of their platforms.
    pub fn among(self, memberships: Arc<Memberships>) -> Self {
        Self { roles: self.roles.among(memberships), ..self }
    }

    /// The same rules, with roles of the moment: each with the schedule by which somebody has it, as the rota tells.
    pub fn with_duty(self, schedules: BTreeMap<String, String>, rota: Arc<Rota>) -> Self {
        Self { duty: Duty::new(schedules, rota), ..self }
    }

    /// The same rules, where people of these roles may stop everything.
    pub fn with_halters(self, halters: Vec<String>) -> Self {
        Self { halters, ..self }
    }

    /// A rule by its name, with what its `@hint` says to people: `weekend-freeze: no production changes until Monday`.
    fn named(&self, id: &PolicyId) -> String {
        match self.rules.policy(id).and_then(|rule| rule.annotation("hint")) {
            Some(hint) if !hint.is_empty() => format!("{id}: {hint}"),
            _ => id.to_string(),
        }
    }
}

impl Permissions for Policy {
    fn decide(&self, query: &Query<'_>) -> Decision {
        let answer = |roles: &Roles| self.answer(self.respond(query, roles));
        match self.duty.is_empty() {
            true => answer(&self.roles),
            false => self.duty.decide(query, &self.roles, &self.people, answer),
        }
    }

    fn knows_duty(&self, now: Timestamp) -> bool {
        self.duty.is_told(now)
    }

    fn approvers(&self, query: &Query<'_>) -> Vec<Approvers> {
        let mut approvers = Vec::new();
        for (role, patterns) in self.roles.members() {
            let (mut members, mut pinged) = (Vec::new(), false);
            let on_call = self.duty.members(role, &self.people, query.now);
            for member in patterns.iter().chain(&on_call).take(MAX_ASKED_ABOUT) {
                if let Some(pings) = self.may_approve(query, role, member) {
                    members.push(member.clone());
                    pinged |= pings;
                }
            }
            if !members.is_empty() {
                approvers.push(Approvers { role: role.to_owned(), members, pinged });
            }
        }
        approvers
    }

    fn may_halt(&self, actor: &Actor) -> bool {
        self.roles.of(actor).any(|role| self.halters.iter().any(|halter| halter == role))
    }

    fn version(&self) -> Digest {
        let roles = serde_json::to_vec(&self.roles).unwrap_or_default(); // Maps of strings always serialise.
        let zone = format!("{:?}", self.zone);
        let people = format!("{:?}", self.people);
        let duty = self.duty.definition();
        Digest::of([self.texts.to_string().as_bytes(), &roles, zone.as_bytes(), people.as_bytes(), duty.as_bytes()])
    }

    fn same_person(&self, one: &Actor, other: &Actor) -> bool {
        self.people.same(one, other)
    }
}

/// Whether a response lets something through: what could not be evaluated does not.
fn lets_through(response: &Response) -> bool {
    response.decision() == cedar_policy::Decision::Allow && response.diagnostics().errors().next().is_none()
}

/// The state of loading.
struct Loading<'a> {
    files: &'a [(String, String)],
    rules: PolicySet,
    /// Each rule's file, as an index, and its place there, in bytes.
    homes: BTreeMap<PolicyId, (usize, usize)>,
    faults: Vec<PolicyFault>,
}

impl Loading<'_> {
    /// Reads one file: syntax, names, roles.
    fn read(&mut self, index: usize, roles: &Roles) {
        let (path, text) = &self.files[index];
        if let Some(at) = too_deep(text) {
            let message = format!("expected at most {MAX_DEPTH} brackets within each other, found more");
            self.faults.push(PolicyFault::at(path, text, at, &message).with_hint("split the policy, or its condition"));
            return;
        }
        let parsed: PolicySet = match text.parse() {
            Ok(parsed) => parsed,
            Err(errors) => {
                self.faults.extend(errors.iter().map(|error| PolicyFault::of_cedar(path, text, error)));
                return;
            }
        };
        for template in parsed.templates() {
            let at = text.find(&template.to_string()).unwrap_or_default();
            self.faults.push(
                PolicyFault::at(path, text, at, "expected a policy, found a template with `?principal` or `?resource`")
                    .with_hint("name the role or the command in the policy itself"),
            );
        }
        for rule in parsed.policies() {
            let at = text.find(&rule.to_string()).unwrap_or_default();
            self.check_roles(index, at, rule, roles);
            self.add(index, at, rule);
        }
    }

    /// A role that nobody can have is a slip: its permit lets nobody through, and its forbid stops nobody.
    fn check_roles(&mut self, index: usize, at: usize, rule: &Rule, roles: &Roles) {
        let (path, text) = &self.files[index];
        for literal in rule.entity_literals() {
            let name = literal.id().unescaped();
            if literal.type_name().basename() == "Role" && !roles.names().any(|role| role == name) {
                let offset = text[at..].find(&literal.to_string()).unwrap_or_default();
                let hint = match nearest(name, roles.names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add it to the configuration: `[roles]`, `{name} = []`"),
                };
                self.faults
                    .push(PolicyFault::at(path, text, at + offset, &format!("unknown role `{name}`")).with_hint(&hint));
            }
        }
    }

    /// Adds a rule under its `@id`, else under the place where it stands.
    fn add(&mut self, index: usize, at: usize, rule: &Rule) {
        let (path, text) = &self.files[index];
        let place = format!("{path}:{}", PolicyFault::at(path, text, at, "").line);
        let mut id = PolicyId::new(rule.annotation("id").unwrap_or(&place));
        if let Some((home, _)) = self.homes.get(&id) {
            let fault = PolicyFault::at(path, text, at, &format!("the policy `{id}` is there twice"));
            self.faults.push(fault.with_hint(&format!("`{}` has a policy of that name, too", self.files[*home].0)));
            id = PolicyId::new(&place); // To be validated all the same.
        }
        match self.rules.add(rule.new_id(id.clone())) {
            Ok(()) => drop(self.homes.insert(id, (index, at))),
            Err(error) => self.faults.push(PolicyFault::of_cedar_at(path, text, at, &error)),
        }
    }

    /// Checks every rule against the schema. Warnings count as faults: a rule that can never apply, or a name that looks
    /// like another, is no rule to rely on. Where there are errors, warnings only repeat them.
    fn validate(&mut self, vocabulary: &Vocabulary) {
        let checked = Validator::new(vocabulary.schema().clone()).validate(&self.rules, ValidationMode::Strict);
        let mut told = BTreeSet::new();
        for error in checked.validation_errors() {
            told.insert(error.policy_id());
            self.fault_of_rule(error.policy_id(), error);
        }
        for warning in checked.validation_warnings().filter(|warning| !told.contains(warning.policy_id())) {
            self.fault_of_rule(warning.policy_id(), warning);
        }
    }

    fn fault_of_rule<'e, E>(&mut self, id: &PolicyId, error: &'e E)
    where
        cedar_policy::ffi::DetailedError: From<&'e E>,
    {
        // The validator only knows rules that were added, and each of those has a home.
        if let Some((home, at)) = self.homes.get(id) {
            let (path, text) = &self.files[*home];
            self.faults.push(PolicyFault::of_cedar_at(path, text, *at, error));
        }
    }
}

/// Where brackets stand within too many others, in bytes. Those in texts and comments do not count.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '"' => {
                while let Some((_, c)) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => drop(chars.next()),
                        _ => {}
                    }
                }
            }
            '/' if chars.next_if(|(_, next)| *next == '/').is_some() => {
                while chars.next_if(|(_, c)| *c != '\n').is_some() {}
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Some(at);
        }
    }
    None
}
