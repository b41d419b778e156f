//! Terraform, with the provider that is built in: real state, real plans, and nothing to fetch.

use std::process::Command as Process;

use crate::tool::{Bench, is_there, previewed, refuses_hostile, succeeds};
use sayso::domain::OutcomeStatus;

/// Its input is its only attribute that can change; when it is made, a file is.
fn main(name: &str) -> String {
    format!(
        r#"resource "terraform_data" "marker" {{
  input = "{name}"
  provisioner "local-exec" {{ command = "echo made >> made" }}
}}"#
    )
}

fn bench() -> Option<Bench> {
    if !is_there("terraform", "terraform") {
        return None;
    }
    let bench = Bench::of("terraform");
    bench.write("infra/network/main.tf", &main("one"));
    let folder = bench.path().join("infra");
    let workspace = folder.join("network");
    // A configuration of its own may be named where tests run.
    let init = Process::new("terraform")
        .args(["init", "-input=false"])
        .env_remove("TF_CLI_CONFIG_FILE")
        .current_dir(&workspace)
        .output();
    let init = init.unwrap();
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    Some(bench.with("SAYSO_TERRAFORM_FOLDER", folder.display()))
}

#[tokio::test]
async fn what_was_planned_is_what_is_applied() {
    let Some(bench) = bench() else { return };
    let rig = bench.rig();
    let said = "there is no plan of `network` to apply: ask for `infra.plan workspace=network` first";
    assert_eq!(rig.refusal("infra.apply workspace=network").await, said);

    let (summary, output) = succeeds(&rig, "infra.plan workspace=network").await;
    let said = "network: 1 to add, 0 to change, 0 to destroy. `infra.apply workspace=network` does exactly this";
    assert_eq!(summary, said);
    assert!(output.contains("# terraform_data.marker will be created") && output.ends_with("to destroy."), "{output}");
    assert_eq!(bench.read("infra/network/made"), None);

    let shown = previewed(&rig, "infra.apply workspace=network").await;
    let text = shown.shown.unwrap();
    assert!(text.starts_with("the plan ") && text.contains("made ") && text.contains("will be created"), "{text}");
    let (summary, _) = succeeds(&rig, "infra.apply workspace=network").await;
    assert_eq!(summary, "network: Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");
    assert_eq!(bench.read("infra/network/made").as_deref(), Some("made\n"));

    // It was applied once; the same plan again is stale, and nothing happens.
    let told = rig.told("infra.apply workspace=network").await;
    assert!(told.starts_with("failed: `terraform` did not apply all of `network`: "), "{told}");
    assert!(told.contains("Saved plan is stale"), "{told}");
    assert_eq!(bench.read("infra/network/made").as_deref(), Some("made\n"));
    let (summary, _) = succeeds(&rig, "infra.plan workspace=network").await;
    assert_eq!(summary, "network is as it should be, nothing to change");
}

#[tokio::test]
async fn another_plan_makes_a_yes_void() {
    let Some(bench) = bench() else { return };
    let rig = bench.rig();
    succeeds(&rig, "infra.plan workspace=network").await;
    let before = previewed(&rig, "infra.apply workspace=network").await;
    let approved = rig.approved("infra.apply workspace=network").await;
    // Somebody edits the folder and plans again: what was shown is not what would be done now.
    bench.write("infra/network/main.tf", &main("two"));
    succeeds(&rig, "infra.plan workspace=network").await;
    assert_ne!(previewed(&rig, "infra.apply workspace=network").await.facts, before.facts);
    let outcome = rig.execute(approved).await;
    assert_eq!(outcome.summary, "what would run now is not what was approved; nothing was done, ask again");
    // So does a file that was changed by hand.
    let approved = rig.approved("infra.apply workspace=network").await;
    let mut plan = std::fs::read(bench.path().join("files/terraform/plan/network")).unwrap();
    plan.push(0);
    std::fs::write(bench.path().join("files/terraform/plan/network"), plan).unwrap();
    let outcome = rig.execute(approved).await;
    assert_eq!(outcome.summary, "what would run now is not what was approved; nothing was done, ask again");
    assert_eq!(bench.read("infra/network/made"), None);
}

#[tokio::test]
async fn failures_are_told_and_names_stay_names() {
    let Some(bench) = bench() else { return };
    let rig = bench.rig();
    let told = rig.told("infra.plan workspace=nosuch").await;
    assert!(told.starts_with("failed: `terraform` cannot plan `nosuch`: Error handling -chdir option"), "{told}");
    bench.write("infra/network/main.tf", "resource \"terraform_data\" {");
    let told = rig.told("infra.plan workspace=network").await;
    assert!(told.starts_with("failed: `terraform` cannot plan `network`: "), "{told}");
    bench.write(
        "infra/network/main.tf",
        "resource \"terraform_data\" \"x\" {\n provisioner \"local-exec\" { command = \"exit 3\" }\n}",
    );
    succeeds(&rig, "infra.plan workspace=network").await;
    let outcome = rig.run("infra.apply workspace=network").await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    assert!(outcome.summary.contains("exit status 3"), "{}", outcome.summary);
    refuses_hostile(&rig, "infra.plan", "workspace").await;
    refuses_hostile(&rig, "infra.apply", "workspace").await;
}
