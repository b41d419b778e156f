//! What runs on this machine.

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System, UpdateKind, Users};

use super::unseen;
use crate::domain::Command;
use crate::integrations::builtin::BuiltinError;

/// How many processes are listed when nobody says how many.
const DEFAULT_LIMIT: usize = 10;
/// The most that are listed.
const MAX_LIMIT: usize = 100;

/// By what processes are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// The share of one processor core, over a fifth of a second.
    Cpu,
    /// Resident memory.
    Memory,
}

/// `{sort, processes: [{pid, name, user, cpu, memory, started, state, command}]}`, the largest first.
pub(super) fn processes(command: &Command) -> Result<Json, BuiltinError> {
    let sort = match command.argument("sort").map(|sort| sort.as_str()) {
        Some("memory") => Sort::Memory,
        _ => Sort::Cpu,
    };
    let limit = command.argument("limit").and_then(|limit| limit.as_str().parse().ok()).unwrap_or(DEFAULT_LIMIT);
    let name = if sort == Sort::Cpu { "cpu" } else { "memory" };
    Ok(json!({ "sort": name, "processes": top(sort, limit.clamp(1, MAX_LIMIT))? }))
}

/// The largest processes.
pub(super) fn top(sort: Sort, limit: usize) -> Result<Vec<Json>, BuiltinError> {
    let mut system = System::new_with_specifics(RefreshKind::nothing()).map_err(unseen)?;
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, wanted());
    // Whatever they are sorted by: a load that was not measured would be shown as none.
    #[expect(clippy::disallowed_methods, reason = "on a blocking thread: the load is measured between two looks")]
    std::thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, ProcessRefreshKind::nothing().with_cpu());
    let mut all: Vec<&Process> =
        system.processes().values().filter(|process| process.thread_kind().is_none()).collect();
    all.sort_by(|a, b| match sort {
        Sort::Cpu => b.cpu_usage().total_cmp(&a.cpu_usage()).then(b.memory().cmp(&a.memory())),
        Sort::Memory => b.memory().cmp(&a.memory()),
    });
    let users = Users::new_with_refreshed_list().ok();
    Ok(all.into_iter().take(limit).map(|process| described(process, users.as_ref())).collect())
}

/// One process, if it is there.
pub(super) fn one(pid: u32) -> Result<Option<Json>, BuiltinError> {
    let mut system = System::new_with_specifics(RefreshKind::nothing()).map_err(unseen)?;
    let pid = Pid::from_u32(pid);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, wanted());
    let users = Users::new_with_refreshed_list().ok();
    Ok(system.process(pid).map(|process| described(process, users.as_ref())))
}

fn wanted() -> ProcessRefreshKind {
    ProcessRefreshKind::nothing()
        .with_cpu()
        .with_memory()
        .with_user(UpdateKind::OnlyIfNotSet)
        .with_cmd(UpdateKind::OnlyIfNotSet)
}

fn described(process: &Process, users: Option<&Users>) -> Json {
    let user = process.user_id().map(|id| match users.and_then(|users| users.get_user_by_id(id)) {
        Some(user) => user.name().to_owned(),
        None => id.to_string(),
    });
    let started = i64::try_from(process.start_time()).ok().and_then(|started| Timestamp::from_second(started).ok());
    let words: Vec<_> = process.cmd().iter().map(|word| word.to_string_lossy()).collect();
    json!({
        "pid": process.pid().as_u32(),
        "name": process.name().to_string_lossy(),
        "user": user,
        "cpu": f64::from(process.cpu_usage()) / 100.0,
        "memory": process.memory(),
        "started": started.map(|started| started.to_string()),
        "state": process.status().to_string().to_lowercase(),
        "command": words.join(" "),
    })
}
