//! Whether a system answers: one harmless call that needs no argument, with nobody's request behind it.

use std::sync::Arc;
use std::time::Duration;

use super::plan::Planner;
use super::registry::Integration;
use super::scope::Circumstances;
use super::secret::Wanted;
use super::stop::Stop;
use crate::catalogue::manifest::Step;
use crate::domain::{Arguments, Command, Effect, Intents};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of trying a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// It answered; what it was asked: an intent such as `alert.list`, or its `health`.
    Answers(String),
    /// It did not, and why.
    Fails(String),
    /// It cannot be used, or has no call that needs no argument.
    Untried,
}

impl Planner {
    /// Makes the call that an enabled system's manifest has for its health, else the first read of it that needs no argument.
    /// Ten seconds at most. Where credentials are by role, with those of the first role that has any.
    pub async fn try_out(&self, name: &str, intents: &Intents) -> Trial {
        let registry = self.registry();
        let Some(integration) = registry.shared(name).map(Integration::usable) else { return Trial::Untried };
        let Some((asked, step, command)) = harmless(&integration, intents) else { return Trial::Untried };
        let stop = Stop::never();
        let reader = self.unasked(&integration, PATIENCE, &stop);
        let asking = async {
            integration.refresh(Wanted::Current, &self.redactor).await?;
            let views = self.views_of(&integration, command.as_ref(), &Circumstances::looking(self.clock.now()));
            let views = views.map_err(|error| reader.unreadable(&error))?;
            reader.run(step, &views).await
        };
        match asking.await {
            Ok(_) => Trial::Answers(asked),
            Err(error) => Trial::Fails(self.redactor.clean(&error.to_string())),
        }
    }
}

/// What is asked of the system, and the command behind it if there is one: its health, else a read that consists of one
/// call.
fn harmless<'i>(integration: &'i Arc<Integration>, intents: &Intents) -> Option<(String, &'i Step, Option<Command>)> {
    if let Some(step) = &integration.manifest.health {
        return Some(("health".to_owned(), step, None));
    }
    let mut plain = integration.manifest.actions.iter().filter(|action| {
        action.find.is_empty()
            && action.lookup.is_none()
            && action.before.is_none()
            && action.uses.is_empty()
            && action.builtin().is_none()
    });
    plain.find_map(|action| {
        let intent = intents.get(action.implements.as_str()).filter(|intent| intent.effect == Effect::Read)?;
        let command = Command::new(intent, &Arguments::new()).ok()?;
        Some((intent.name.to_string(), &action.step, Some(command)))
    })
}
