//! The policy, asked for its reasons, and held against what a team expects of it.

use crate::harness::Home;

#[test]
fn the_policy_explains_itself() {
    let home = Home::with("[people.mira]\nids = [\"discord:1\"]\n[roles]\noperator = [\"mira\"]\n");
    let explain = |line: &str, who: &str| {
        let ended = home.run(&["policy", "explain", line, "--as", who, "--at", "2026-11-20T17:00:00Z"], "");
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
        ended.out
    };
    assert_eq!(
        explain("deploy.start service=web version=1.4.2 environment=production", "discord:1"),
        "deploy.start service=web version=1.4.2 environment=production\n  change, touches production; by discord:1 \
         (operator) in discord:main\n  Friday 2026-11-20 17:00 UTC\n\npropose      yes  operators-propose\nconfirm      no   \
         deny by default\nbreak_glass  no   deny by default\nexecute      no   deny by default\n\nIt would be shown first, \
         and somebody else has to approve it. Nobody has a role that may.\n"
    );
    let denied = explain("service.restart service=web", "discord:9");
    assert!(denied.ends_with("It would be denied (deny by default).\n"), "{denied}");
    let read = explain("host.disk", "discord:9");
    assert!(read.ends_with("It would run at once (anyone-runs-reads).\n"), "{read}");
}

#[test]
fn a_table_of_expectations_is_held_against_the_policy() {
    let home = Home::with("[roles]\noperator = [\"discord:1\", \"discord:2\"]\n");
    home.write(
        "cases.toml",
        "[[case]]\ncommand = \"service.restart service=web environment=production\"\nas = \"discord:1\"\nexpect = \
         \"approve\"\nrule = \"operators-propose\"\n\n[[case]]\ncommand = \"service.restart service=web \
         environment=production\"\nas = \"discord:1\"\nmay = \"approve\"\nwho = \"discord:2\"\nexpect = \"allow\"\n",
    );
    let ended = home.run(&["policy", "test", "cases.toml"], "");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "2 expectations, 2 met, 0 not met\n"), "{}", ended.err);
    home.write(
        "wrong.toml",
        "[[case]]\ncommand = \"service.restart service=web\"\nas = \"discord:9\"\nexpect = \"confirm\"\n\n[[case]]\ncommand \
         = \"host.disk\"\nas = \"discord:9\"\nexpect = \"run\"\nrule = \"nobody\"\n",
    );
    let ended = home.run(&["policy", "test", "wrong.toml"], "");
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.out, "2 expectations, 0 met, 2 not met\n");
    assert_eq!(
        ended.err,
        "wrong.toml:1: `service.restart service=web`: expected confirm, found deny (deny by default)\nwrong.toml:6: \
         `host.disk`: expected the rule `nobody` to decide, found anyone-runs-reads\n"
    );
    home.write("bad.toml", "[[case]]\ncommand = \"restart it\"\nas = \"mira\"\nexpect = \"maybe\"\n");
    let ended = home.run(&["policy", "test", "bad.toml"], "");
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("bad.toml:2:11: ") && ended.err.contains("bad.toml:3:6: "), "{}", ended.err);
}
