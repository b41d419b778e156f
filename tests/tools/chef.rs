//! Chef's manifest, with a stand-in for `chef-client`: the program cannot be had here. The stand-in takes the options that
//! <https://docs.chef.io/ctl_chef_client/> lists, and says what Chef's own formatter `doc` says.

use crate::tool::{Bench, previewed, refuses_hostile, succeeds};
use sayso::domain::OutcomeStatus;

const CHEF: &str = r#"#!/bin/sh
why= list= environment=nowhere repo=
while [ $# -gt 0 ]; do
  case "$1" in
    --once | --no-color | --force-formatter) ;;
    --local-mode) repo=cookbooks ;;
    --why-run) why=yes ;;
    --format) [ "$2" = doc ] || exit 64; shift ;;
    --log_level) [ "$2" = fatal ] || exit 64; shift ;;
    --run-lock-timeout | --config) shift ;;
    --environment) environment=$2; shift ;;
    --override-runlist) list=$2; shift ;;
    *) echo "invalid option: $1" >&2; exit 1 ;;
  esac
  shift
done
echo "Starting Chef Infra Client, version 18.4.12"
line="================================================================================"
finished() {
  echo; echo "Running handlers:"; echo "Running handlers complete"
  if [ $why ]; then echo "Chef Infra Client finished, $1/2 resources would have been updated"
  else echo "Chef Infra Client finished, $1/2 resources updated in 02 seconds"; fi
}
[ "$repo" ] && [ ! -d cookbooks ] && { echo "no cookbooks here" >&2; exit 1; }
case "$list" in
  "recipe[note]" | "recipe[note::now]" | "recipe[kernel]")
    echo "Converging 2 resources"; echo "Recipe: note::default"
    echo "  * directory[/tmp] action create (up to date)"
    if [ "$(cat made 2>/dev/null)" = "$environment" ]; then
      echo "  * file[made] action create (up to date)"; finished 0
    else
      echo "  * file[made] action create"
      [ $why ] && would="Would "
      echo "    - ${would}update content in file made from none to 2cf24d"
      [ $why ] || printf %s "$environment" > made
      finished 1
    fi
    [ "$list" = "recipe[kernel]" ] && exit 35
    exit 0 ;;
  "recipe[bad]")
    if [ $why ]; then finished 1; exit 0; fi
    echo "Converging 2 resources"; echo "Recipe: bad::default"
    echo "  * file[other] action create"; echo "    - create new file other"; echo
    echo "  * package[git] action install"
    echo "    "; echo "    $line"
    echo "    Error executing action \`install\` on resource 'package[git]'"
    echo "    $line"; echo "    "; echo "    Chef::Exceptions::Package"; echo "    -------------------------"
    echo "    git has no candidate in the apt-cache"; echo "    "; echo "    Resource Declaration:"; echo "    ---------------------"
    echo "    # In cookbooks/bad/recipes/default.rb"; echo
    echo "Running handlers:"; echo "Running handlers complete"
    echo "Chef Infra Client failed. 1 resources updated in 02 seconds"
    exit 1 ;;
  *)
    echo "resolving cookbooks for run list: [...]"; echo; echo "$line"
    echo "Error Resolving Cookbooks for Run List:"; echo "$line"; echo
    echo "Missing Cookbooks:"; echo "------------------"; echo "The following cookbooks are required by the client but don't exist"; echo
    echo "Running handlers:"; echo "Running handlers complete"
    echo "Chef Infra Client failed. 0 resources updated in 01 seconds"
    exit 1 ;;
esac
"#;

#[tokio::test]
async fn a_recipe_is_converged() {
    let bench = Bench::of("chef").with("SAYSO_CHEF", "yes").configured("integrations.enabled = [\"chef\"]");
    let chef = bench.write("chef-client", CHEF);
    std::fs::set_permissions(&chef, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    bench.write("repo/cookbooks/note/metadata.rb", "name 'note'\n");
    let folder = bench.path().join("repo").display().to_string();
    let bench = bench.with("SAYSO_CHEF_FOLDER", folder).instead("chef-client", &chef.display().to_string());
    let rig = bench.rig();

    let shown = previewed(&rig, "playbook.run playbook=note").await.shown.unwrap();
    assert_eq!(shown.trim(), "would update content in file made from none to 2cf24d");
    assert_eq!(succeeds(&rig, "playbook.run playbook=note dry_run=true").await.0, "note would change 1 of 2 resources");
    assert_eq!(bench.read("repo/made"), None);
    let (summary, output) = succeeds(&rig, "playbook.run playbook=note::now environment=staging host=testhost").await;
    assert_eq!(summary, "note::now changed 1 of 2 resources");
    assert!(output.contains("* file[made] action create\n- update content in file made"), "{output}");
    assert_eq!(bench.read("repo/made").as_deref(), Some("staging"));
    let (summary, _) = succeeds(&rig, "playbook.run playbook=note environment=staging").await;
    assert_eq!(summary, "note changed 0 of 2 resources");
    let shown = previewed(&rig, "playbook.run playbook=note environment=staging").await.shown;
    assert_eq!(shown.as_deref(), Some("nothing would change"));
    let (summary, _) = succeeds(&rig, "playbook.run playbook=kernel environment=staging").await;
    assert_eq!(summary, "kernel changed 0 of 2 resources; the machine wants a reboot");

    let outcome = rig.run("playbook.run playbook=bad").await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    let said = "`chef` converged `bad` in part, 1 resources changed: Error executing action `install` on resource 'package[git]': git has no candidate in the apt-cache";
    assert_eq!(outcome.summary, said);
    let told = rig.told("playbook.run playbook=nosuch").await;
    let said = "failed: `chef` cannot converge `nosuch`: Error Resolving Cookbooks for Run List: The following cookbooks are required by the client but don't exist";
    assert_eq!(told, said);
    for (line, parameter) in [("playbook.run", "playbook"), ("playbook.run playbook=note", "environment")] {
        refuses_hostile(&rig, line, parameter).await;
    }
    for recipe in ["recipe[x]", "a,b", "a::b::c", "role[x]", "a@1"] {
        let line = format!("playbook.run playbook={}", sayso::domain::quote(recipe));
        let Ok(command) = sayso::domain::parse_typed(&line, &crate::common::CATALOGUE.intents) else { continue };
        assert!(rig.planner.plan(&command, &crate::common::alice()).await.is_err(), "{recipe}");
    }
}
