//! pgBackRest, with the PostgreSQL that the script among the servers starts: a backup is restored, and holds what was in it.

use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output};

use crate::tool::{Bench, is_there, previewed, refuses_hostile, succeeds};

/// Programs as the user `postgres`, who may enter the test's folder.
const AS_POSTGRES: &[&str] = &[
    "--reuid",
    "postgres",
    "--regid",
    "postgres",
    "--init-groups",
    "--inh-caps",
    "+dac_override",
    "--ambient-caps",
    "+dac_override",
    "--",
];

fn as_postgres(program: impl AsRef<Path>, arguments: &[&str]) -> Output {
    Process::new("setpriv").args(AS_POSTGRES).arg(program.as_ref()).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A PostgreSQL that ends with the test.
struct Postgres {
    script: PathBuf,
    folder: tempfile::TempDir,
    sockets: String,
}

const PORT: &str = "15467";

impl Postgres {
    fn up() -> Option<Self> {
        let Some(scripts) = std::env::var_os("SAYSO_SERVERS") else {
            eprintln!("skipped: SAYSO_SERVERS does not name the folder with the scripts that start servers");
            return None;
        };
        let script = Path::new(&scripts).join("postgres.sh");
        let folder = tempfile::Builder::new().prefix("s").tempdir_in("/tmp").unwrap();
        let mut postgres = Self { script, folder, sockets: String::new() };
        let output = postgres.script("up");
        if !output.status.success() {
            eprintln!("skipped: PostgreSQL does not start: {}", String::from_utf8_lossy(&output.stderr));
            return None;
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        postgres.sockets = text.lines().find_map(|line| line.strip_prefix("POSTGRES_SOCKET_DIR=")).unwrap().to_owned();
        Some(postgres)
    }

    fn script(&self, verb: &str) -> Output {
        let mut script = Process::new("bash");
        script.arg(&self.script).arg(verb).arg(self.folder.path()).env("POSTGRES_PORT", PORT).output().unwrap()
    }

    fn query(&self, query: &str) -> String {
        let to = ["-h", &self.sockets, "-p", PORT, "-U", "postgres", "-Atqc", query];
        said(&Process::new("psql").args(to).output().unwrap())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.script("down");
    }
}

#[tokio::test]
async fn a_database_is_saved_and_can_be_restored() {
    let Some(postgres) = Postgres::up() else { return };
    if !is_there("pgbackrest", "pgbackrest") {
        return;
    }
    if !as_postgres("true", &[]).status.success() {
        eprintln!("skipped: programs cannot be run as `postgres` here");
        return;
    }
    let bench = Bench::of("pgbackrest");
    let here = bench.path().display().to_string();
    let data = postgres.folder.path().join("postgres/data").display().to_string();
    let settings = format!(
        "[global]\nrepo1-path={here}/repo\nrepo1-retention-full=2\nlog-path={here}/log\nlock-path={here}/lock\nstart-fast=y\n\
         [orders]\npg1-path={data}\npg1-port={PORT}\npg1-socket-path={}\npg1-user=postgres\n",
        postgres.sockets
    );
    let settings = bench.write("pgbackrest.conf", &settings).display().to_string();
    let wrapper =
        bench.write("pgbackrest", &format!("#!/bin/sh\nexec setpriv {} pgbackrest \"$@\"\n", AS_POSTGRES.join(" ")));
    std::fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for folder in ["repo", "log", "lock", "restored"] {
        let folder = bench.path().join(folder);
        std::fs::create_dir(&folder).unwrap();
        said(&Process::new("chown").arg("postgres:postgres").arg(&folder).output().unwrap());
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    }
    let archive = format!("pgbackrest --config={settings} --stanza=orders archive-push %p");
    postgres.query("alter system set archive_mode = on");
    postgres.query(&format!("alter system set archive_command = '{archive}'"));
    postgres.query("create table orders as select 7 as amount");
    assert!(postgres.script("down").status.success() && postgres.script("up").status.success());
    let bench = bench.with("SAYSO_PGBACKREST", "yes").with("PGBACKREST_CONFIG", &settings);
    let bench = bench.instead("pgbackrest", &wrapper.display().to_string());
    let rig = bench.rig();

    assert_eq!(succeeds(&rig, "backup.list").await.0, "there is no backup");
    let told = rig.told("backup.list database=orders").await;
    assert_eq!(told, "failed: `pgbackrest` has no stanza `orders`: missing stanza path");
    said(&as_postgres("pgbackrest", &["--config", &settings, "--stanza=orders", "stanza-create"]));
    let shown = previewed(&rig, "backup.start database=orders").await.shown;
    assert_eq!(shown.as_deref(), Some("there is no backup of orders yet"));

    let (summary, _) = succeeds(&rig, "backup.start database=orders").await;
    assert!(summary.starts_with("orders is saved as ") && summary.contains("F, full, "), "{summary}");
    postgres.query("insert into orders values (8)");
    let (summary, _) = succeeds(&rig, "backup.start database=orders").await;
    assert!(summary.contains("I, incr, "), "{summary}");
    let label = summary.trim_start_matches("orders is saved as ").split(',').next().unwrap();
    let (summary, output) = succeeds(&rig, "backup.list database=orders").await;
    assert!(summary.starts_with("2 backups of orders, the last "), "{summary}");
    let rows: Vec<_> = output.lines().collect();
    assert!(rows.len() == 3 && rows[1].contains(label) && rows[2].contains("full"), "the newest first: {output}");
    let shown = previewed(&rig, "backup.start database=orders").await.shown.unwrap();
    assert!(shown.starts_with("2 backups of orders, the last, incr, "), "{shown}");

    let restored = bench.path().join("restored").display().to_string();
    let to = ["--config", &settings, "--stanza=orders", "--type=immediate", "--target-action=promote"];
    let set = format!("--set={label}");
    let into = format!("--pg1-path={restored}");
    said(&as_postgres("pgbackrest", &[&to[..], &[&set, &into, "restore"]].concat()));
    let programs = Process::new("sh").arg("-c").arg("ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1").output();
    let programs = PathBuf::from(said(&programs.unwrap()));
    let alone =
        format!("-c listen_addresses='' -c unix_socket_directories={} -p 15468 -c archive_mode=off", postgres.sockets);
    let ctl = programs.join("pg_ctl");
    let log = format!("{restored}/log.txt");
    let mut start = Process::new("setpriv");
    start.args(AS_POSTGRES).arg(&ctl).args(["-D", &restored, "-l", &log, "-w", "-o", &alone, "start"]);
    assert!(start.stdout(std::process::Stdio::null()).status().unwrap().success());
    let query = ["-h", &postgres.sockets, "-p", "15468", "-U", "postgres", "-Atqc", "select sum(amount) from orders"];
    let sum = Process::new("psql").args(query).output().unwrap();
    as_postgres(&ctl, &["-D", &restored, "-m", "immediate", "stop"]);
    assert_eq!(said(&sum), "15");

    let told = rig.told("backup.start database=nosuch").await;
    assert!(told.starts_with("failed: `pgbackrest` did not save `nosuch`: ERROR: [037]: "), "{told}");
    refuses_hostile(&rig, "backup.start", "database").await;
    refuses_hostile(&rig, "backup.list", "database").await;
    let bench = bench.with("PGBACKREST_CONFIG", "/does/not/exist");
    let told = bench.rig().told("backup.list").await;
    assert!(told.starts_with("failed: `pgbackrest` cannot read the repository: ERROR: [055]"), "{told}");
}
