//! Packer, with a source that makes no machine.

use crate::tool::{Bench, is_there, previewed, refuses_hostile, succeeds};

fn template(script: &str) -> String {
    format!(
        "source \"null\" \"none\" {{\n  communicator = \"none\"\n}}\nbuild {{\n  sources = [\"source.null.none\"]\n  \
         provisioner \"shell-local\" {{\n    inline = [\"{script}\"]\n  }}\n}}\n"
    )
}

#[tokio::test]
async fn an_image_is_built() {
    if !is_there("packer", "packer") {
        return;
    }
    let bench = Bench::of("packer");
    let built = bench.path().join("built").display().to_string();
    bench.write("web.pkr.hcl", &template(&format!("echo built >> {built}")));
    bench.write("bad.pkr.hcl", &template("echo this is wrong; exit 7"));
    bench.write("unsound.pkr.hcl", "build { sources = [\"source.null.nosuch\"] }");
    let folder = bench.path().display().to_string();
    let bench = bench.with("SAYSO_PACKER_FOLDER", folder);
    let rig = bench.rig();
    let shown = previewed(&rig, "build.start pipeline=web").await.shown.unwrap();
    assert!(shown.ends_with("/web.pkr.hcl is sound"), "{shown}");
    assert_eq!(bench.read("built"), None);
    let (summary, _) = succeeds(&rig, "build.start pipeline=web").await;
    assert_eq!(summary, "web is built: null.none: Did not export anything. This is the null builder");
    assert_eq!(bench.read("built").as_deref(), Some("built\n"));

    let told = rig.told("build.start pipeline=bad").await;
    assert!(told.starts_with("failed: `packer` did not build `bad`: ") && told.contains('7'), "{told}");
    for pipeline in ["unsound", "nosuch"] {
        let plan = rig.plan(&format!("build.start pipeline={pipeline}")).await.unwrap();
        let said = rig.planner.preview(&plan).await.unwrap_err().to_string();
        assert!(said.starts_with(&format!("`packer` does not find `{pipeline}` sound: ")), "{said}");
    }
    let said = rig.refusal("build.start pipeline=web branch=main").await;
    assert_eq!(said, "`packer` cannot take `branch` into account");
    refuses_hostile(&rig, "build.start", "pipeline").await;
}
