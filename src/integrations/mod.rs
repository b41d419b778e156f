//! The one place that acts: manifests, executors, templates, redaction.
//!
//! [`Registry`] puts manifests, configuration and machine together; [`Planner`] turns a command into a [`Plan`];
//! [`Executor`] performs it. Nothing else in the program sends a request or starts a process.

mod act;
mod answer;
mod bindings;
mod builtin;
mod credentials;
mod error;
mod executor;
mod files;
mod filters;
mod git;
mod host;
mod http;
mod incidents;
mod known;
mod kubeconfig;
mod limits;
mod lists;
mod lock;
mod login;
mod make;
mod network;
mod oncall;
mod perform;
mod plan;
mod post;
mod preview;
mod process;
mod redact;
mod registry;
mod request;
mod reshape;
mod scope;
mod secret;
mod settings;
mod sign;
mod stop;
mod strays;
mod suitable;
mod template;
#[cfg(test)]
mod testing;
mod tls;
mod token;
mod trial;

#[doc(hidden)]
pub use answer::read_answer;
pub use builtin::{Builtin, BuiltinError, Builtins, Progress, RunContext};
pub use error::{ActionError, PlanError};
pub use executor::Executor;
pub use git::{GitError, files_at};
pub use incidents::incident_builtins;
pub use limits::Limits;
pub use lists::{ListState, Lists};
pub use oncall::OnCallDesk;
pub use plan::{Plan, Planner};
pub use post::{Post, PostError};
pub use preview::Previewed;
pub use redact::Redactor;
pub use registry::{Config, Integration, Registry, Standing};
pub use request::RequestError;
pub use settings::{Surroundings, Variables};
pub use template::TemplateError;
pub use trial::Trial;
