//! Capistrano, with tasks that do on this machine what they would do on servers.

use crate::tool::{Bench, is_there, refuses_hostile, succeeds};

#[tokio::test]
async fn releases_are_deployed_and_taken_back() {
    if !is_there("cap", "capistrano") {
        return;
    }
    let bench = Bench::of("capistrano");
    let done = bench.path().join("done").display().to_string();
    bench.write("shop/Capfile", "require \"capistrano/setup\"\nrequire \"capistrano/deploy\"\n");
    bench.write("shop/config/deploy/staging.rb", "");
    bench.write(
        "shop/config/deploy.rb",
        &format!(
            "def note(text)\n  File.write(\"{done}\", text)\nend\n\
             [:deploy, 'deploy:rollback'].each {{ |name| Rake::Task[name].clear }}\n\
             task(:deploy) {{ note \"#{{fetch(:stage)}} #{{ENV.fetch('BRANCH')}}\" }}\n\
             task('deploy:rollback') {{ ENV['ROLLBACK_RELEASE'] == '20261122000000' ? raise('no such release') : \
             note(\"back #{{ENV.fetch('ROLLBACK_RELEASE', 'once')}}\") }}\n"
        ),
    );
    let folder = bench.path().display().to_string();
    let bench = bench.with("SAYSO_CAPISTRANO_FOLDER", folder);
    let rig = bench.rig();
    let (summary, _) = succeeds(&rig, "deploy.start service=shop version=v1.2 environment=staging").await;
    assert_eq!(summary, "v1.2 of shop is deployed to staging");
    assert_eq!(bench.read("done").as_deref(), Some("staging v1.2"));
    for (version, summary, done) in [
        ("", "shop is back at the release before", "back once"),
        (" version=previous", "shop is back at the release before", "back once"),
        (" version=20261121000000", "shop is back at release 20261121000000", "back 20261121000000"),
    ] {
        let line = format!("deploy.rollback service=shop environment=staging{version}");
        assert_eq!(succeeds(&rig, &line).await.0, summary);
        assert_eq!(bench.read("done").as_deref(), Some(done));
    }
    let told = rig.told("deploy.rollback service=shop version=20261122000000 environment=staging").await;
    assert!(told.starts_with("failed: `capistrano` did not roll `shop` back: "), "{told}");
    assert!(told.contains("no such release"), "{told}");
    let told = rig.told("deploy.start service=shop version=v1 environment=nosuch").await;
    assert!(told.starts_with("failed: `capistrano` did not deploy v1 of `shop`: Stage not set"), "{told}");
    refuses_hostile(&rig, "deploy.start version=v1 environment=staging", "service").await;
    refuses_hostile(&rig, "deploy.start version=v1 service=shop", "environment").await;
    for environment in ["deploy:check", "BRANCH=x"] {
        let line = format!("deploy.start service=shop version=v1 environment={environment}");
        let Ok(command) = sayso::domain::parse_typed(&line, &crate::common::CATALOGUE.intents) else { continue };
        assert!(rig.planner.plan(&command, &crate::common::alice()).await.is_err(), "{line}");
    }
}
