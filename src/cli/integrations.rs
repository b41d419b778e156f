//! `sayso integrations`: what is enabled, what it lacks, what it lists, and whether it answers.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::assembly::{self, Data};
use super::chat::runtime;
use super::{Failure, print};
use crate::domain::{Clock, SystemClock};
use crate::integrations::{Builtins, Integration, ListState, Lists, Planner, Registry, Standing, Surroundings, Trial};

/// What to tell.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Make a harmless read of each that is enabled, and read what it lists; exit status 1 if one does not answer
    #[arg(long)]
    online: bool,
}

/// A system, and what came of trying it.
pub(super) struct Tried {
    pub(super) name: String,
    pub(super) trial: Trial,
}

/// The systems of the configuration. Our own built-ins that need a running assistant are always there, and left out.
fn planner(data: &Data) -> Planner {
    let surroundings = Surroundings::here();
    let configured = assembly::configured(&data.config, &Arc::default());
    let (manifests, builtins) = (data.catalogue.manifests.clone(), Builtins::of_this_machine());
    // What is wrong with the configuration is said by `sayso check`.
    let (registry, _) = Registry::new(manifests, &configured, builtins, &surroundings, &data.redactor);
    Planner::new(registry, surroundings, Arc::clone(&data.redactor), Arc::new(SystemClock))
}

/// Tries all that are enabled, at once.
pub(super) fn try_out(data: &Data) -> Result<Vec<Tried>, Failure> {
    let planner = planner(data);
    let registry = planner.registry();
    let enabled = registry.integrations().filter(|integration| integration.standing == Standing::Enabled);
    let tries = enabled.map(|integration| async {
        let name = integration.manifest.name.clone();
        Tried { trial: planner.try_out(&name, &data.catalogue.intents).await, name }
    });
    Ok(runtime()?.block_on(join_all(tries)))
}

/// What the enabled systems list: as it was read last, or as it is read now.
fn listed(planner: Planner, online: bool) -> Result<Vec<ListState>, Failure> {
    let lists = Lists::new(Arc::new(planner), assembly::lists_folder(), Arc::new(()));
    if online {
        runtime()?.block_on(lists.read_all());
    }
    Ok(lists.states())
}

/// Prints them: first those that can be used, then those that lack something, then those that are off.
pub(super) fn run(config: Option<&Path>, arguments: &Arguments) -> Result<(), Failure> {
    let data = assembly::load(config)?;
    let planner = planner(&data);
    let registry = planner.registry();
    let tried = if arguments.online { try_out(&data)? } else { Vec::new() };
    let states = listed(planner, arguments.online)?;
    let now = SystemClock.now();
    let mut lines: Vec<_> = registry.integrations().map(|integration| line(integration, &tried)).collect();
    lines.sort();
    let width = lines.iter().map(|(_, name, ..)| name.len()).max().unwrap_or_default();
    for (_, name, standing, what) in &lines {
        print(format_args!("{name:<width$}  {standing:<9}  {what}"));
        for state in states.iter().filter(|state| state.system == *name) {
            print(format_args!("{:width$}  {:9}  {}", "", "", names(state, now)));
        }
    }
    let failed = tried.iter().any(|tried| matches!(tried.trial, Trial::Fails(_)));
    if failed { Err(Failure::Told) } else { Ok(()) }
}

/// `services: 41, 2 min ago`
fn names(state: &ListState, now: Timestamp) -> String {
    let mut said = match state.read {
        None => format!("{}: not read yet", state.list),
        Some(read) => {
            let more = if state.more { " and more" } else { "" };
            format!("{}: {}{more}, {}", state.list, state.names, ago(now.duration_since(read)))
        }
    };
    if state.refused > 0 {
        said.push_str(&format!("; {} cannot be names", state.refused));
    }
    if let Some(fault) = &state.fault {
        said.push_str(&format!("; {fault}"));
    }
    said
}

fn ago(passed: SignedDuration) -> String {
    match passed.as_secs() {
        ..5 => "just now".to_owned(),
        seconds @ 5..120 => format!("{seconds} s ago"),
        seconds @ 120..7_200 => format!("{} min ago", seconds / 60),
        seconds => format!("{} h ago", seconds / 3_600),
    }
}

/// Its rank, its name, how it stands in a word, and the rest.
fn line(integration: &Integration, tried: &[Tried]) -> (u8, String, &'static str, String) {
    let name = integration.manifest.name.clone();
    let summary = integration.manifest.summary.clone();
    let tried = tried.iter().find(|tried| tried.name == name).map(|tried| &tried.trial);
    let (rank, standing, what) = match (&integration.standing, tried) {
        (Standing::Enabled, Some(Trial::Answers(asked))) => (0, "answers", format!("{summary}: `{asked}`")),
        (Standing::Enabled, Some(Trial::Fails(why))) => (0, "fails", why.clone()),
        (Standing::Enabled, Some(Trial::Untried)) => (0, "ready", format!("{summary}: nothing to try it with")),
        (Standing::Enabled, None) => (0, "ready", summary),
        (Standing::Lacking(lacking), _) => (1, "not ready", lacking.join(", ")),
        (Standing::NotEnabled { requires }, _) if requires.is_empty() => {
            (2, "off", "not enabled in the configuration".to_owned())
        }
        (Standing::NotEnabled { requires }, _) => (2, "off", format!("needs {}", requires.join(" or "))),
        (Standing::GivesWay { to }, _) => (2, "off", format!("gives way to {}", to.join(" and "))),
        (Standing::TurnedOff, _) => (2, "off", "not among those that the configuration enables".to_owned()),
    };
    (rank, name, standing, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_with_its_age() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let fresh = ListState {
            system: "x".to_owned(),
            list: "services".to_owned(),
            names: 41,
            refused: 0,
            more: false,
            read: Some(now),
            fault: None,
        };
        let aged = |seconds| Some(now - SignedDuration::from_secs(seconds));
        for (state, said) in [
            (fresh.clone(), "services: 41, just now"),
            (ListState { read: aged(130), ..fresh.clone() }, "services: 41, 2 min ago"),
            (ListState { read: aged(8_000), more: true, ..fresh.clone() }, "services: 41 and more, 2 h ago"),
            (
                ListState { read: aged(70), refused: 3, fault: Some("`x` is away".to_owned()), ..fresh.clone() },
                "services: 41, 70 s ago; 3 cannot be names; `x` is away",
            ),
            (ListState { read: None, names: 0, ..fresh.clone() }, "services: not read yet"),
        ] {
            assert_eq!(names(&state, now), said);
        }
    }
}
