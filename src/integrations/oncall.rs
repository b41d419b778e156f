//! Who is on call, asked of the system that knows: what a role of the moment is decided by.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::error::ActionError;
use super::perform::{MAX_PAGES, Selected};
use super::plan::Planner;
use super::registry::{Integration, Registry, Standing};
use super::scope::Circumstances;
use super::secret::Wanted;
use super::stop::Stop;
use crate::catalogue::manifest::OnCallRead;
use crate::domain::{Actor, OnCallUnknown, Rota};

/// How long a system may take to answer: a person waits for it.
const LIMIT: Duration = Duration::from_secs(4);

/// Asks who is on call by the schedules of the configuration, and tells it to the rota.
#[derive(Debug)]
pub struct OnCallDesk {
    planner: Arc<Planner>,
    schedules: BTreeSet<String>,
    rota: Arc<Rota>,
    /// One at a time asks: who comes second finds the answer there.
    turn: Mutex<()>,
}

impl OnCallDesk {
    /// A desk for these schedules.
    pub fn new(planner: Arc<Planner>, schedules: BTreeSet<String>, rota: Arc<Rota>) -> Self {
        Self { planner, schedules, rota, turn: Mutex::default() }
    }

    /// Sees to it that the rota knows who is on call as it is now, or was a moment ago; or why that cannot be found out.
    /// Takes a few seconds at most.
    pub async fn look_up(&self) {
        let _turn = self.turn.lock().await;
        let clock = &self.planner.clock;
        let before = clock.now();
        let unknown = self.schedules.iter().filter(|schedule| !self.rota.is_told(schedule, before));
        join_all(unknown.map(|schedule| async move {
            let who = self.planner.who_is_on_call(schedule).await;
            if let Err(OnCallUnknown(reason)) = &who {
                tracing::warn!(schedule, reason, "who is on call cannot be found out");
            }
            // An answer is as old as its question; that there was none is known only now.
            let at = if who.is_ok() { before } else { clock.now() };
            self.rota.tell(schedule, who, at);
        }))
        .await;
    }
}

impl Registry {
    /// The one system that knows who is on call: where several do, the one that `oncall.show` is bound to.
    fn knows_who_is_on_call(&self) -> Result<(Arc<Integration>, &OnCallRead), OnCallUnknown> {
        let all: Vec<_> = self
            .integrations()
            .filter(|integration| integration.standing == Standing::Enabled)
            .filter_map(|integration| {
                Some((integration.manifest.name.as_str(), integration.manifest.on_call.as_ref()?))
            })
            .collect();
        let bound = self.bound_alone("oncall.show");
        let mut meant = all.iter().filter(|(name, _)| all.len() == 1 || bound.contains(name));
        let found = match (meant.next(), meant.next()) {
            (Some((name, read)), None) => self.shared(name).map(|integration| (integration.usable(), *read)),
            _ => None,
        };
        found.ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|(name, _)| format!("`{name}`")).collect();
            OnCallUnknown(match names.as_slice() {
                [] => "no system that knows is enabled and ready".to_owned(),
                names => format!("{} know; bind `oncall.show` to one of them", names.join(" and ")),
            })
        })
    }
}

impl Planner {
    /// Who is on call by a schedule, by the ids of the system that knows, each behind its name: `pagerduty:PT23IWX`.
    pub async fn who_is_on_call(&self, schedule: &str) -> Result<BTreeSet<Actor>, OnCallUnknown> {
        let registry = self.registry();
        let (integration, read) = registry.knows_who_is_on_call()?;
        // Every request ends in time; so does what lies between several.
        match tokio::time::timeout(LIMIT + Duration::from_secs(1), self.asked(&integration, read, schedule)).await {
            Ok(asked) => asked.map_err(|error| OnCallUnknown(self.redactor.clean(&error.to_string()))),
            Err(_) => Err(OnCallUnknown(format!("`{}` did not answer in time", integration.manifest.name))),
        }
    }

    async fn asked(
        &self,
        integration: &Integration,
        read: &OnCallRead,
        schedule: &str,
    ) -> Result<BTreeSet<Actor>, ActionError> {
        let templates = &self.templates;
        let name = integration.manifest.name.as_str();
        let stop = Stop::never();
        let performer = self.unasked(integration, LIMIT, &stop);
        let unreadable = |error| performer.unreadable(&error);
        let odd = |reason: String| ActionError::Unreadable { integration: name.to_owned(), reason };
        integration.refresh(Wanted::Current, &self.redactor).await?;
        let views = self.views_of(integration, None, &Circumstances::looking(self.clock.now())).map_err(unreadable)?;
        let views = views.with("schedule", &schedule.into());
        let answer = performer.run(&read.step, &views).await?;
        // That there is no list does not say that there is nobody.
        let list = templates.evaluate(&read.select.items, &views.after(&answer).sent).map_err(unreadable)?;
        if !matches!(list, Some(Json::Array(_))) {
            return Err(odd("expected a list of who is on call".to_owned()));
        }
        let selected = performer.select(&read.select, &read.step, &answer, &views, MAX_PAGES).await?;
        let Selected { items, unread_after } = selected;
        if let Some(read) = unread_after {
            return Err(odd(format!("there are more than the {read} that were read")));
        }
        let mut who = BTreeSet::new();
        for item in &items {
            let scope = views.sent.clone().with("item", item);
            let id = templates.value(&read.id, &scope).map_err(unreadable)?;
            let id = id.as_ref().and_then(Json::as_str).and_then(|id| Actor::new(name, id).ok());
            // Somebody is on call of whom we cannot tell who it is.
            who.insert(id.ok_or_else(|| odd("somebody is on call, and named by no id".to_owned()))?);
        }
        Ok(who)
    }
}
