//! Whether a system answers: one harmless read that needs no argument, with nobody's request behind it.

use std::sync::Arc;

use super::plan::Planner;
use super::registry::{Chosen, Integration, Standing};
use super::scope::Circumstances;
use super::secret::Wanted;
use super::stop::Stop;
use crate::domain::{Arguments, Command, Effect, Intents};

/// What came of trying a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// It answered; what it was asked, as an intent: `alert.list`.
    Answers(String),
    /// It did not, and why.
    Fails(String),
    /// It cannot be used, or has no read that needs no argument.
    Untried,
}

impl Planner {
    /// Makes the first read of an enabled system's manifest that needs no argument. Ten seconds at most. Where credentials
    /// are by role, with those of the first role that has any.
    pub async fn try_out(&self, name: &str, intents: &Intents) -> Trial {
        let registry = self.registry();
        let Some(integration) = registry.shared(name).map(usable) else { return Trial::Untried };
        let Some((chosen, command)) = harmless(&integration, intents) else { return Trial::Untried };
        let stop = Stop::never();
        let reader = self.reader(&chosen, &stop);
        let asked = async {
            chosen.refresh(Wanted::Current, &self.redactor).await?;
            let views = self.views(&chosen, &command, &Circumstances::looking(self.clock.now()));
            let views = views.map_err(|error| reader.unreadable(&error))?;
            reader.run(&chosen.action().step, &views).await
        };
        match asked.await {
            Ok(_) => Trial::Answers(command.intent().to_string()),
            Err(error) => Trial::Fails(self.redactor.clean(&error.to_string())),
        }
    }
}

/// The system with credentials that can be used.
pub(super) fn usable(integration: &Arc<Integration>) -> Arc<Integration> {
    let roles = integration.roles.iter();
    let mut others = roles.flat_map(|roles| roles.roles.iter().map(|role| &role.integration).chain(&roles.otherwise));
    Arc::clone(others.find(|other| other.standing == Standing::Enabled).unwrap_or(integration))
}

/// A read that consists of one call, and the command that asks for it.
fn harmless(integration: &Arc<Integration>, intents: &Intents) -> Option<(Chosen, Command)> {
    let actions = integration.manifest.actions.iter().enumerate();
    let mut plain = actions.filter(|(_, action)| {
        action.find.is_empty()
            && action.lookup.is_none()
            && action.before.is_none()
            && action.uses.is_empty()
            && action.builtin().is_none()
    });
    plain.find_map(|(index, action)| {
        let intent = intents.get(action.implements.as_str()).filter(|intent| intent.effect == Effect::Read)?;
        let command = Command::new(intent, &Arguments::new()).ok()?;
        Some((Chosen::at(Arc::clone(integration), index), command))
    })
}
