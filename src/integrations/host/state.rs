//! Disks, memory, load, uptime.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use sysinfo::{CpuRefreshKind, Disk, Disks, MemoryRefreshKind, RefreshKind, System};

use super::processes::{Sort, top};
use super::{ratio, unseen};
use crate::domain::Command;
use crate::integrations::builtin::BuiltinError;

/// File systems that hold nobody's files: memory, images, and the layers of containers.
const NO_DISKS: &[&str] = &["tmpfs", "devtmpfs", "squashfs", "overlay", "ramfs", "efivarfs", "iso9660"];
/// How many processes are named beside the memory.
const EATERS: usize = 5;

/// `{disks: [{mount, device, filesystem, total, used, available, used_ratio}], fullest: …}`, bytes; with `path`, the one
/// disk it lies on.
pub(super) fn disk(command: &Command) -> Result<Json, BuiltinError> {
    let disks = Disks::new_with_refreshed_list().map_err(unseen)?;
    let mut shown: Vec<&Disk> = match command.argument("path") {
        Some(path) => vec![holding(&disks, path.as_str())?],
        None => worth_showing(&disks),
    };
    shown.sort_by_key(|disk| disk.mount_point());
    let shown: Vec<Json> = shown.into_iter().map(described).collect();
    let fullest = shown.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
    let Some(fullest) = fullest else { return Err(BuiltinError::Refused("sees no disk".to_owned())) };
    Ok(json!({ "fullest": fullest, "disks": shown }))
}

fn share(disk: &Json) -> f64 {
    disk["used_ratio"].as_f64().unwrap_or_default()
}

/// The disk on whose mount point the path lies; the longest mount point that is a part of it.
fn holding<'d>(disks: &'d Disks, path: &str) -> Result<&'d Disk, BuiltinError> {
    let real = Path::new(path)
        .canonicalize()
        .map_err(|error| BuiltinError::Refused(format!("cannot look at `{path}`: {error}")))?;
    let holding = disks.iter().filter(|disk| real.starts_with(disk.mount_point()) && disk.total_space() > 0);
    let deepest = holding.max_by_key(|disk| disk.mount_point().components().count());
    deepest.ok_or_else(|| BuiltinError::Refused(format!("does not know on which disk `{path}` lies")))
}

/// Each disk once, at its shortest mount point, without those that are none; all of them if nothing else is left.
fn worth_showing(disks: &Disks) -> Vec<&Disk> {
    let is_disk = |disk: &&Disk| {
        let filesystem = disk.file_system().to_string_lossy();
        disk.mount_point() == Path::new("/") || !NO_DISKS.contains(&filesystem.as_ref())
    };
    let mut by_device: BTreeMap<_, &Disk> = BTreeMap::new();
    for disk in disks.iter().filter(|disk| disk.total_space() > 0).filter(is_disk) {
        let shortest = by_device.entry((disk.name(), disk.total_space())).or_insert(disk);
        if disk.mount_point().as_os_str().len() < shortest.mount_point().as_os_str().len() {
            *shortest = disk;
        }
    }
    let shown: Vec<&Disk> = by_device.into_values().collect();
    if shown.is_empty() { disks.iter().filter(|disk| disk.total_space() > 0).collect() } else { shown }
}

fn described(disk: &Disk) -> Json {
    let (total, available) = (disk.total_space(), disk.available_space());
    let used = total.saturating_sub(available);
    json!({
        "mount": disk.mount_point().to_string_lossy(),
        "device": disk.name().to_string_lossy(),
        "filesystem": disk.file_system().to_string_lossy(),
        "total": total,
        "used": used,
        "available": available,
        "used_ratio": ratio(used, total),
    })
}

/// `{total, used, available, used_ratio, swap_total, swap_used, processes}`, bytes.
pub(super) fn memory(_: &Command) -> Result<Json, BuiltinError> {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::everything());
    let system = System::new_with_specifics(memory).map_err(unseen)?;
    let (total, available) = (system.total_memory(), system.available_memory());
    let used = total.saturating_sub(available);
    Ok(json!({
        "total": total,
        "used": used,
        "available": available,
        "used_ratio": ratio(used, total),
        "swap_total": system.total_swap(),
        "swap_used": system.used_swap(),
        "processes": top(Sort::Memory, EATERS)?,
    }))
}

/// `{one, five, fifteen, cores, cpu}`: load averages, and the share of the processors in use over a fifth of a second.
pub(super) fn load(_: &Command) -> Result<Json, BuiltinError> {
    let load = System::load_average().map_err(unseen)?;
    let cpu = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing().with_usage());
    let mut system = System::new_with_specifics(cpu).map_err(unseen)?;
    #[expect(clippy::disallowed_methods, reason = "on a blocking thread: the load is measured between two looks")]
    std::thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
    system.refresh_cpu_usage();
    Ok(json!({
        "one": load.one,
        "five": load.five,
        "fifteen": load.fifteen,
        "cores": system.cpus().len(),
        "cpu": f64::from(system.global_cpu_usage()) / 100.0,
    }))
}

/// `{seconds, since, name, system}`.
pub(super) fn uptime(_: &Command) -> Result<Json, BuiltinError> {
    let seconds = System::uptime().map_err(unseen)?;
    let since = System::boot_time().ok().and_then(|boot| i64::try_from(boot).ok());
    let since = since.and_then(|boot| Timestamp::from_second(boot).ok());
    Ok(json!({
        "seconds": seconds,
        "since": since.map(|since| since.to_string()),
        "name": System::host_name().ok(),
        "system": System::long_os_version().ok(),
    }))
}
