//! Whose credentials an action uses: the same for everybody, or those of a role of whoever asked. Never greater ones than
//! that person's: who has none of the roles is refused.

use std::sync::Arc;

use super::error::{ActionError, PlanError};
use super::redact::Redactor;
use super::registry::{Chosen, Integration, Standing};
use super::secret::Wanted;
use super::token::Host;
use crate::domain::{Actor, ActorPattern, Memberships};

/// The word in a role's place that says: whoever has none of these roles.
pub(super) const OTHERWISE: &str = "*";

/// An integration as those who have a role use it.
#[derive(Debug, Clone)]
pub(super) struct Role {
    /// `operator`
    pub(super) name: String,
    /// Who has it.
    pub(super) members: Vec<ActorPattern>,
    /// With the role's credentials.
    pub(super) integration: Arc<Integration>,
}

/// `[integrations.<name>.as.<role>]`, in the file's order.
#[derive(Debug, Clone)]
pub(super) struct Roles {
    pub(super) roles: Vec<Role>,
    /// `[integrations.<name>.as."*"]`
    pub(super) otherwise: Option<Arc<Integration>>,
    pub(super) memberships: Arc<Memberships>,
}

impl Roles {
    /// Whether anybody can use the integration.
    pub(super) fn are_ready(&self) -> bool {
        let all = self.roles.iter().map(|role| &role.integration).chain(&self.otherwise);
        all.into_iter().any(|integration| integration.standing == Standing::Enabled)
    }
}

impl Chosen {
    /// The same action with the credentials that the person acts with: of the first of their roles in the file's order.
    pub(super) fn acting_for(self, actor: &Actor) -> Result<Self, PlanError> {
        let Some(Roles { roles, otherwise, memberships }) = &self.integration.roles else { return Ok(self) };
        let first = roles.iter().find(|role| role.members.iter().any(|pattern| pattern.matches(actor, memberships)));
        let Some(integration) = first.map(|role| &role.integration).or(otherwise.as_ref()) else {
            let roles = roles.iter().map(|role| role.name.clone()).collect();
            return Err(PlanError::NoCredentials { integration: self.name().to_owned(), roles });
        };
        match &integration.standing {
            Standing::Enabled => Ok(self.of(Arc::clone(integration))),
            Standing::Lacking(lacking) => {
                let reason = lacking.join(", ");
                Err(ActionError::NotSent { integration: self.name().to_owned(), reason }.into())
            }
            // Those with a role's credentials stand where all of them stand, and this one was chosen.
            Standing::TurnedOff | Standing::NotEnabled { .. } | Standing::GivesWay { .. } => {
                Ok(self.of(Arc::clone(integration)))
            }
        }
    }

    /// The integration, and whose credentials it uses: `platform`, `platform as operator`.
    pub(super) fn via(&self) -> String {
        match &self.integration.credentials {
            Some(role) => format!("{} as {role}", self.name()),
            None => self.name().to_owned(),
        }
    }
}

impl Integration {
    /// Looks whether secrets are other ones by now; whether any is.
    pub(super) async fn refresh(&self, wanted: Wanted, redactor: &Redactor) -> Result<bool, ActionError> {
        let mut changed = false;
        let limit = self.limits.timeout;
        let host = Host { endpoint: self.endpoint.as_ref(), ca: self.tls.ca.as_ref(), limit };
        for (name, secret) in self.connection.secrets().into_iter().chain(self.settings.secrets()) {
            changed |= secret.refresh(wanted, host, redactor).await.map_err(|reason| ActionError::NotSent {
                integration: self.name().to_owned(),
                reason: redactor.clean(&format!("the secret `{name}` cannot be had: {reason}")),
            })?;
        }
        Ok(changed)
    }

    /// The same with credentials that can be used where they are by role: those of the first role that has any.
    pub(super) fn usable(self: &Arc<Self>) -> Arc<Self> {
        let roles = self.roles.iter();
        let mut others =
            roles.flat_map(|roles| roles.roles.iter().map(|role| &role.integration).chain(&roles.otherwise));
        Arc::clone(others.find(|other| other.standing == Standing::Enabled).unwrap_or(self))
    }
}
