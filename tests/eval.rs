//! `sayso eval` on sets of other people: what it measures, and what it says of files that it cannot use.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};
use std::process::Command;

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `sayso eval` beside the fixtures, with the cache that the stories use.
fn eval(arguments: &[&str]) -> Ended {
    let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join("eval");
    let output = Command::new(env!("CARGO_BIN_EXE_sayso"))
        .arg("eval")
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/eval"))
        .env("SAYSO_STATE", state)
        .env("SAYSO_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("learned"))
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn a_set_is_learned_and_measured() {
    let ended = eval(&["--dataset", "intents.tsv", "--train", "train,oos_train", "--test", "test,oos_test"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), "learning from 32 rows, to read 8 …\n"), "{}", ended.out);
    let out = lines(&ended.out);
    assert_eq!(out[0], "intents.tsv: learned train and oos_train, measured test and oos_test");
    assert_eq!(out[1], "accuracy             100.00 % (6/6 rows in scope)");
    assert_eq!(out[2], "out-of-scope AUROC     1.0000");
    assert_eq!(out[3], "out-of-scope recall  100.00 % (5 % of what is in scope turned away)");
    assert!(out[4].starts_with("calibration error      0."), "{}", out[4]);
    assert!(out[5].starts_with("decided, in scope    taken rightly "), "{}", out[5]);
    assert!(out[6].starts_with("decided, out of it   taken for an intent "), "{}", out[6]);
    assert_eq!((out[7], out[8]), ("", "calibration (█ right, │ stated)"));
    // What was encoded is kept, and changes nothing.
    let again = eval(&["--dataset", "intents.tsv", "--train", "train,oos_train", "--test", "test,oos_test"]);
    assert_eq!(again.out, ended.out);
}

#[test]
fn a_set_without_rows_out_of_scope_is_measured_without_them() {
    for test in ["test", "test,oos_test"] {
        let ended = eval(&["--dataset", "intents.tsv", "--test", test]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let out = lines(&ended.out);
        assert_eq!(out[1], "accuracy             100.00 % (6/6 rows in scope)");
        assert_eq!(out[2], "out of scope              – (no rows to learn it from, or none to measure)");
        assert!(!ended.out.contains("out of it"), "{}", ended.out);
    }
}

#[test]
fn slots_are_tagged() {
    let ended = eval(&["--dataset", "slots.jsonl", "--test", "validate", "--faults"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let out = lines(&ended.out);
    assert_eq!(out[1], "accuracy             100.00 % (2/2 rows in scope)");
    assert_eq!(out[3], "slot F1              100.00 % (by the tagger: 2 exact of 2, 2 found)");
}

#[test]
fn what_cannot_be_measured_is_said() {
    for (arguments, said) in [
        (&["no_intent_column.tsv"][..], "line 1: no column `intent`, found `split`, `label`, `text`"),
        (&["narrow_row.tsv"], "line 2: expected 3 columns, found 2"),
        (&["header_only.tsv"], "no rows of split `train`, found none"),
        (
            &["intents.tsv", "--test", "valid"],
            "no rows of split `valid`, found `oos_test`, `oos_train`, `test`, `train`",
        ),
        (&["intents.tsv", "--train", ""], "no rows of split ``, found `oos_test`, `oos_train`, `test`, `train`"),
        (&["absent.tsv"], "No such file or directory (os error 2)"),
    ] {
        let ended = eval(&[&["--dataset"], arguments].concat());
        let expected = format!("error: {}: {said}\n", arguments[0]);
        assert_eq!((ended.code, ended.out.as_str(), ended.err), (Some(1), "", expected));
    }
    // These are found when it is learned.
    for (arguments, said) in [
        (&["--train", "oos_train"][..], "no intents in `oos_train`: every row is out of scope"),
        (&["--test", "oos_test"], "no intents in `oos_test`: every row is out of scope"),
    ] {
        let ended = eval(&[&["--dataset", "intents.tsv"], arguments].concat());
        assert_eq!((ended.code, ended.err.lines().last()), (Some(1), Some(&*format!("error: intents.tsv: {said}"))));
    }
    for (arguments, said) in [
        (
            &["--chat", "no_text_column.tsv"][..],
            "no_text_column.tsv: line 1: no column `text`, found `channel`, `message`",
        ),
        (
            &["--runbooks", "pages", "--alerts", "chat.tsv"],
            "chat.tsv: line 1: no column `summary`, found `channel`, `text`",
        ),
        (&["--runbooks", "pages", "--alerts", "lost_page.tsv"], "lost_page.tsv:2: no page `net/gone.md` in pages"),
        (&["--runbooks", "absent", "--alerts", "alerts.tsv"], "absent: No such file or directory (os error 2)"),
    ] {
        let ended = eval(arguments);
        assert_eq!((ended.code, ended.out.as_str(), ended.err), (Some(1), "", format!("error: {said}\n")));
    }
}

#[test]
fn chatter_is_read_as_if_it_were_for_the_bot() {
    let ended = eval(&["--chat", "chat.tsv", "--faults"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let out = lines(&ended.out);
    assert_eq!(out[0], "became a change         0.00 % (0/3)");
    assert_eq!(out[1], "became any command     33.33 % (1/3)");
    assert_eq!(out[4], "chat.tsv:2: how full is the disk?");
    assert!(out[5].starts_with("    got host.disk ("), "{}", out[5]);
    let limited = eval(&["--chat", "chat.tsv", "--limit", "1"]);
    assert_eq!(lines(&limited.out)[1], "became any command    100.00 % (1/1)");
}

#[test]
fn alerts_look_for_their_pages() {
    let ended = eval(&["--runbooks", "pages", "--alerts", "alerts.tsv"]);
    let expected = "\
3 texts of alerts, 2 pages
by          recall@1  recall@3  recall@5
meaning      100.0 %   100.0 %   100.0 %
wording      100.0 %   100.0 %   100.0 %
both         100.0 %   100.0 %   100.0 %
";
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), expected), "{}", ended.err);
}

#[test]
fn lines_are_counted_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (file, page): (PathBuf, PathBuf) = (folder.path().join("lines.jsonl"), folder.path().join("page.html"));
    let content = "\
{\"text\": \"how full is the disk?\", \"outcome\": \"command\", \"intent\": \"host.disk\"}
{\"text\": \"how full is the disk\", \"outcome\": \"none\"}
{\"text\": \"<b>thanks</b>, that was it\", \"outcome\": \"command\", \"intent\": \"host.uptime\"}
";
    std::fs::write(&file, content).unwrap();
    let place = file.display().to_string();
    let ended = eval(&[&place, "--report", &page.display().to_string()]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let after = ended.out.split_once("calibration (").unwrap().1;
    let (_, after) = after.split_once("\n\n").unwrap();
    let expected = format!(
        "\
expected                     turns   not exact   other
host.uptime                      1           1       1
none                             1           1       1
1 without a fault                1

confusions (expected → understood; ! would change something unasked)
   1   host.uptime → none
       {place}:3: <b>thanks</b>, that was it
   1   none → host.disk
       {place}:2: how full is the disk

written to {}
",
        page.display()
    );
    assert_eq!(after, expected);
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("&lt;b&gt;thanks&lt;&#x2f;b&gt;") && !html.contains("<b>"), "{html}");
}
