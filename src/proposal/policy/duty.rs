//! Roles of the moment: whoever is on call has them. What a policy says is asked for what is known of that; and where it is
//! not known, for all that it could be: only what holds in any case is let through.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::permission::{Decision, Query};
use super::super::roles::Roles;
use crate::domain::{Actor, ActorPattern, OnCall, People, Rota};

/// How many pairs of a role and a person are tried both ways. Beyond that, it counts as mattering.
const MOST: usize = 6;

/// The roles of the moment, each with its schedule, and what was told of who has them.
#[derive(Debug, Default)]
pub(super) struct Duty {
    schedules: BTreeMap<String, String>,
    rota: Arc<Rota>,
}

impl Duty {
    pub(super) fn new(schedules: BTreeMap<String, String>, rota: Arc<Rota>) -> Self {
        Self { schedules, rota }
    }

    /// Whether there are no such roles.
    pub(super) fn is_empty(&self) -> bool {
        self.schedules.is_empty()
    }

    /// What the version of a policy depends on: not on who is on call, which is asked anew for each decision.
    pub(super) fn definition(&self) -> String {
        format!("{:?}", self.schedules)
    }

    /// Whether everything was told lately, be it that it cannot be found out.
    pub(super) fn is_told(&self, now: Timestamp) -> bool {
        self.schedules.values().all(|schedule| self.rota.is_told(schedule, now))
    }

    /// Who is on call, as a role's members: the accounts of those whom `[people]` knows; none if it is not known.
    pub(super) fn members(&self, role: &str, people: &People, now: Timestamp) -> Vec<ActorPattern> {
        let told = self.schedules.get(role).and_then(|schedule| self.rota.on_call(schedule, now).ok());
        let who = told.map(|told| told.who).unwrap_or_default();
        let accounts = who.iter().filter_map(|id| people.accounts(people.called(id)?)).flatten();
        accounts.filter_map(|account| account.to_string().parse().ok()).collect()
    }

    /// The answer to a question, `answer` being what the rules say under some roles.
    pub(super) fn decide(
        &self,
        query: &Query<'_>,
        roles: &Roles,
        people: &People,
        answer: impl Fn(&Roles) -> Decision,
    ) -> Decision {
        let concerned = concerned(query);
        let (mut known, mut pairs, mut told, mut unknown) = (roles.clone(), Vec::new(), Vec::new(), None);
        for (role, schedule) in &self.schedules {
            let standing = self.rota.on_call(schedule, query.now);
            for actor in &concerned {
                match &standing {
                    Ok(on_call) if is_on_call(actor, on_call, people) => known = known.with(role, actor),
                    _ => {}
                }
                pairs.push((role.as_str(), *actor, standing.is_ok()));
            }
            match standing {
                Ok(on_call) => told.push(said(schedule, &on_call, people)),
                Err(error) => unknown = unknown.or(Some(error)),
            }
        }
        let decision = answer(&known);
        // Whether the answer is the same whoever of those concerned has these roles.
        let matters = |roles: &Roles, open: &[(&str, &Actor)]| {
            open.len() > MOST
                || (1_u32..1 << open.len()).any(|world| {
                    let there = open.iter().enumerate().filter(|(place, _)| world & (1 << place) != 0);
                    let roles = there.fold(roles.clone(), |roles, (_, (role, actor))| roles.with(role, actor));
                    answer(&roles).allowed != decision.allowed
                })
        };
        let open = |which: fn(bool) -> bool| -> Vec<(&str, &Actor)> {
            pairs.iter().filter(|(.., known)| which(*known)).map(|(role, actor, _)| (*role, *actor)).collect()
        };
        if let Some(unknown) = unknown.filter(|_| matters(&known, &open(|known| !known))) {
            return Decision { allowed: false, errors: vec![unknown.to_string()], ..decision };
        }
        let nobody = answer(roles).allowed != decision.allowed;
        if !told.is_empty() && (nobody || matters(roles, &open(|known| known))) {
            return Decision { on_call: Some(told.join("; ")), ..decision };
        }
        decision
    }
}

/// Those whose roles count in a question, each once.
fn concerned<'q>(query: &Query<'q>) -> Vec<&'q Actor> {
    let mut concerned = vec![query.actor];
    for actor in query.yeses.iter().chain([query.requester]) {
        if !concerned.contains(&actor) {
            concerned.push(actor);
        }
    }
    concerned
}

fn is_on_call(actor: &Actor, on_call: &OnCall, people: &People) -> bool {
    people.name(actor).is_some_and(|name| on_call.who.iter().any(|id| people.called(id) == Some(name)))
}

/// ``on call by `PI7DH85`: mira, pagerduty:PT4KHLK, asked at 12:00:03 UTC``
fn said(schedule: &str, on_call: &OnCall, people: &People) -> String {
    let who = on_call.who.iter().map(|id| people.called(id).map_or_else(|| id.to_string(), str::to_owned));
    let who = who.collect::<Vec<_>>().join(", ");
    let who = if who.is_empty() { "nobody" } else { &who };
    format!("on call by `{schedule}`: {who}, asked at {}", on_call.asked.strftime("%H:%M:%S UTC"))
}

#[cfg(test)]
mod tests;
