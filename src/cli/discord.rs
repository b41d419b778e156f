//! Discord beside the server, and `sayso discord`.

use std::path::Path;
use std::sync::Arc;

use super::assembly::{self, Running};
use super::chat::runtime;
use super::{Failure, print};
use crate::chat::discord::{Discord, Line, Parts, Settings};
use crate::config;
use crate::domain::Memberships;
use crate::integrations::{Redactor, Surroundings};

/// What can be done about Discord without being on it.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommands {
    /// Print the link by which somebody lets the bot into their guild, with the least permissions.
    Invite,
}

/// The line to Discord, with the token that the configuration names.
pub(super) fn line(
    configured: config::Discord,
    redactor: &Redactor,
    memberships: &Arc<Memberships>,
) -> Result<Line, Failure> {
    let config::Discord { token, guilds, listen, proxy } = configured;
    let lacking = |reason: String| Failure::Said(format!("`[chat.discord]` has no token: {reason}"));
    let secret = Surroundings::here().secret(&token).map_err(lacking)?;
    let token = secret.ok_or_else(|| lacking(format!("`{token}` is not set; docs/discord.md tells how to get one")))?;
    redactor.learn(&token);
    Ok(Line::new(Settings { token, guilds, listen, proxy }, Arc::clone(memberships)))
}

/// The adapter of a running assistant.
pub(super) fn adapter(line: Line, running: &Running) -> Discord {
    let parts = Parts {
        assistance: running.assistant.clone(),
        notebook: running.store.clone(),
        clock: Arc::clone(&running.clock),
        tally: running.metrics.clone(),
    };
    Discord::new(line, parts)
}

pub(super) fn run(config: Option<&Path>, subcommand: &Subcommands) -> Result<(), Failure> {
    let data = assembly::load(config)?;
    let configured = data.config.chat.discord.clone().ok_or_else(|| {
        Failure::Said(
            "not on Discord: expected `[chat.discord]` with `token` in `sayso.toml`; see docs/discord.md".to_owned(),
        )
    })?;
    let line = line(configured, &data.redactor, &Arc::default())?;
    match subcommand {
        Subcommands::Invite => {
            let link = runtime()?.block_on(line.invitation()).map_err(|error| Failure::of(&error))?;
            print(link);
            Ok(())
        }
    }
}
