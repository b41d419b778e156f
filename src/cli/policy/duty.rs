//! Who is on call, as whoever asks supposes: no system is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::Failure;
use super::super::assembly::{self, Data};
use crate::domain::{Actor, OnCallUnknown, People, Rota};
use crate::proposal::Policy;

/// The platform of the ids by which people are on call here.
const SUPPOSED: &str = "supposed";

/// The policy, and the rota that it goes by.
pub(super) struct Supposing {
    pub(super) policy: Policy,
    rota: Arc<Rota>,
    schedules: BTreeSet<String>,
    people: People,
}

impl Supposing {
    pub(super) fn new(data: &Data) -> Result<Self, Failure> {
        let policy = assembly::policy(&data.config, &data.catalogue).map_err(|faults| {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            Failure::Told
        })?;
        let mut people = data.config.people.clone();
        for name in data.config.people.names() {
            if let Ok(id) = Actor::new(SUPPOSED, name) {
                people.add_on_call(name, id);
            }
        }
        let (rota, on_call) = (Arc::<Rota>::default(), data.config.on_call.clone());
        let schedules = on_call.values().cloned().collect();
        let policy = policy.with_people(people.clone()).with_duty(on_call, Arc::clone(&rota));
        Ok(Self { policy, rota, schedules, people })
    }

    /// From now on these are on call by every schedule; none: that is not known. `hint` is how to say it.
    pub(super) fn suppose(&self, names: Option<&[String]>, hint: &str, now: Timestamp) -> Result<(), String> {
        let who: Result<BTreeSet<Actor>, OnCallUnknown> = match names {
            Some(names) => Ok(names.iter().map(|name| self.id(name)).collect::<Result<_, _>>()?),
            None => Err(OnCallUnknown(format!("no system is asked here; say it with `{hint}`"))),
        };
        self.schedules.iter().for_each(|schedule| self.rota.tell(schedule, who.clone(), now));
        Ok(())
    }

    fn id(&self, name: &str) -> Result<Actor, String> {
        let id = Actor::new(SUPPOSED, name).ok().filter(|id| self.people.called(id).is_some());
        id.ok_or_else(|| format!("there is no `{name}` in `[people]`"))
    }
}
