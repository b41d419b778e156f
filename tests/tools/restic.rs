//! restic, with a repository in a folder.

use std::process::Command as Process;

use crate::tool::{Bench, is_there, previewed, refuses_hostile, succeeds};

#[tokio::test]
async fn a_backup_is_made_listed_and_can_be_restored() {
    if !is_there("restic", "restic") {
        return;
    }
    let bench = Bench::of("restic");
    let repository = bench.path().join("repository").display().to_string();
    let restic = |arguments: &[&str]| {
        let mut restic = Process::new("restic");
        restic.args(arguments).env("RESTIC_REPOSITORY", &repository).env("RESTIC_PASSWORD", "of-the-repository");
        let output = restic.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    restic(&["init"]);
    bench.write("data/orders/dump.sql", "create table orders ();");
    let folder = bench.path().join("data").display().to_string();
    let bench = bench
        .with("RESTIC_REPOSITORY", &repository)
        .with("RESTIC_PASSWORD", "of-the-repository")
        .with("SAYSO_RESTIC_FOLDER", folder);
    let rig = bench.rig();
    assert_eq!(succeeds(&rig, "backup.list").await.0, "there is no backup");
    let shown = previewed(&rig, "backup.start database=orders").await.shown;
    assert_eq!(shown.as_deref(), Some("there is no snapshot of orders yet"));
    let runs = rig.plan("backup.start database=orders").await.unwrap().runs;
    assert!(!runs.contains("of-the-repository"), "{runs}");

    let (summary, _) = succeeds(&rig, "backup.start database=orders").await;
    assert!(
        summary.starts_with("orders is saved as ") && summary.contains(": 1 new and 0 changed files, "),
        "{summary}"
    );
    let id = summary.trim_start_matches("orders is saved as ").split(':').next().unwrap();
    assert_eq!(
        restic(&["dump", id, &format!("{}/data/orders/dump.sql", bench.path().display())]),
        "create table orders ();"
    );
    let (summary, output) = succeeds(&rig, "backup.list database=orders").await;
    assert!(summary.starts_with("1 backups of orders, the last "), "{summary}");
    assert!(output.contains(id) && output.contains("orders"), "{output}");
    assert_eq!(succeeds(&rig, "backup.list database=users").await.0, "there is no backup of users");

    let told = rig.told("backup.start database=nosuch").await;
    assert!(told.starts_with("failed: `restic` did not save `nosuch`: "), "{told}");
    assert!(told.contains("Fatal: all target directories/files do not exist"), "{told}");
    refuses_hostile(&rig, "backup.start", "database").await;
    refuses_hostile(&rig, "backup.list", "database").await;

    let wrong = Bench::of("restic").with("RESTIC_REPOSITORY", &repository).with("RESTIC_PASSWORD", "another-one");
    let told = wrong.with("SAYSO_RESTIC_FOLDER", "/").rig().told("backup.list").await;
    assert!(told.starts_with("failed: `restic` cannot read the repository: Fatal: wrong password"), "{told}");
}
