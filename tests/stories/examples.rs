//! A close look at the examples, and at what an edit does to those that were there.

use std::process::Command;

use crate::harness::{FEW_INTENTS, Home};
use crate::live::ONLY_ITSELF;

/// Written in a hurry: few examples, one sentence with other values, and a value that is two things.
const BURN: &str = r#"summary = "Burn papers"
effect = "destructive"
examples = [
  "burn the [red](environment) papers in the [attic](host)",
  "burn the [blue](environment) papers in the [cellar](host)",
  "burn the [green](environment) papers in the [attic](host)",
  "burn the [grey](environment) papers in the [cellar](host)",
  "set fire to [red](host)",
  "all papers of [blue](environment:marine) shall go up in flames",
]
[parameters.environment]
type = "environment"
[parameters.host]
type = "host"
"#;

#[test]
fn what_misleads_is_told() {
    let home = Home::small(ONLY_ITSELF);
    home.write("intents/papers.burn.toml", BURN);
    home.write("intents/none.txt", "lunch?\nburn the yellow papers in the hall\nsee you tomorrow\n");
    let plain = home.run(&["check"], "");
    assert_eq!(plain.code, Some(0), "{}", plain.err);
    assert_eq!(plain.out.lines().count(), 1);

    let ended = home.run(&["check", "--examples"], "");
    assert_eq!((ended.code, &ended.err), (Some(0), &plain.err));
    assert!(ended.out.starts_with(&plain.out));
    for told in [
        "warning: intents/none.txt:2: `burn the yellow papers in the hall` is no command, and reads as the destructive \
         `papers.burn` (",
        "warning: intents/papers.burn.toml:4: `papers.burn` has 6 examples, and learns well from 20 at least\n",
        "warning: intents/papers.burn.toml:5: 50 % of the examples of `papers.burn` repeat another one with other values; \
         `burn the blue papers in the cellar` is the first\n",
        "warning: intents/papers.burn.toml:8: `red` is marked as host=red here, and as environment=red at \
         intents/papers.burn.toml:4\n",
        "warning: intents/papers.burn.toml:9: `blue` is marked as environment=marine here, and as environment=blue at \
         intents/papers.burn.toml:5\n",
    ] {
        assert!(ended.out.contains(told), "{told}\n{}", ended.out);
    }
}

/// `git`, as nobody in particular.
fn git(home: &Home, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=n", "-c", "user.email=n@example.com"]).args(arguments).current_dir(home.path(""));
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn an_edit_that_steals_from_other_intents_is_stopped() {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("skipped: there is no git here");
        return;
    }
    let home = Home::small(ONLY_ITSELF);
    git(&home, &["init", "-q"]);
    git(&home, &["add", "intents"]);
    git(&home, &["commit", "-qm", "Begin"]);

    let same = home.run(&["check", "--against", "HEAD"], "");
    assert_eq!(same.code, Some(0), "{}", same.err);
    assert!(same.out.ends_with(" examples compared: 0 dangerous, 0 stolen, 0 lost, 0 mended\n"), "{}", same.out);

    // What people say to see the proposals shall also burn papers.
    let list = FEW_INTENTS[2].1.lines().skip(3).take_while(|line| *line != "]");
    let taken: Vec<_> = list.map(|line| line.replacen("  \"", "  \"hey ", 1)).collect();
    let burn = format!("summary = \"Burn papers\"\neffect = \"destructive\"\nexamples = [\n{}\n]\n", taken.join("\n"));
    home.write("intents/papers.burn.toml", &burn);
    let stolen = home.run(&["check", "--against", "HEAD"], "");
    assert_eq!(stolen.code, Some(1), "{}", stolen.out);
    assert!(stolen.out.contains("is `proposal.list` and reads as `papers.burn` (destructive) now; right with "));
    assert!(stolen.out.contains("error: intents/proposal.list.toml:"), "{}", stolen.out);
    let tolerated = home.run(&["check", "--against", "HEAD", "--tolerance", "1000"], "");
    assert_eq!(tolerated.code, Some(0), "{}", tolerated.out);

    for (revision, told) in [
        ("no-such", "error: `git rev-parse --verify --end-of-options no-such^{commit}` failed: fatal: "),
        ("--output=x", "error: `git rev-parse --verify --end-of-options --output=x^{commit}` failed: fatal: "),
    ] {
        let ended = home.run(&["check", &format!("--against={revision}")], "");
        assert_eq!(ended.code, Some(1));
        assert!(ended.err.contains(told), "{}", ended.err);
    }
    assert!(!home.path("x").exists() && !home.path("intents/x").exists());
}
