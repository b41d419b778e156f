//! What was not understood comes back as lines to learn from, where somebody has switched that on.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::harness::{Home, Platform};

const KEEP: &str = "[learning]\nkeep_messages = true\n";

const CHATTER: &str = "we had pancakes for lunch";
const SECRET: &str = "AKIAIOSFODNN7EXAMPLE";

/// A home whose intents are files, the shipped ones.
fn keeping() -> Home {
    let home = Home::with(KEEP);
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("intents")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        home.write(&format!("intents/{name}"), &std::fs::read_to_string(&path).unwrap());
    }
    home
}

/// Whether a text stands in any file of the store.
fn is_stored(home: &Home, text: &str) -> bool {
    std::fs::read_dir(home.path("state")).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        path.is_file() && std::fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    })
}

fn groups(home: &Home) -> Vec<Json> {
    let ended = home.run(&["suggest", "--json"], "");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn nothing_is_kept_without_consent() {
    let home = Home::new();
    home.pipe(&[CHATTER, "wibble the sprocket"]);
    assert!(!is_stored(&home, "pancakes") && !is_stored(&home, "sprocket"));
    let ended = home.run(&["suggest"], "");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""));
    assert_eq!(
        ended.err,
        "no messages are kept here; `keep_messages = true` in `[learning]` of `sayso.toml` switches it on\n"
    );
}

#[test]
fn what_is_accepted_is_written_and_stays_away() {
    let home = keeping();
    home.pipe(&[
        CHATTER,
        CHATTER,
        &format!("{CHATTER} too"),
        &format!("the parrot says password=hunter2secret {SECRET}"),
        "wibble the sprocket",
        "dont restart the sprocket",
        &"what a long story ".repeat(20),
    ]);
    assert!(is_stored(&home, &format!("{CHATTER} too")));
    for text in [SECRET, "hunter2secret", "dont restart", "long story"] {
        assert!(!is_stored(&home, text), "{text}");
    }
    let found = groups(&home);
    let lines = found.iter().flat_map(|group| group["lines"].as_array().unwrap());
    let texts: Vec<_> = lines.map(|line| (line["text"].as_str().unwrap(), line["times"].as_u64().unwrap())).collect();
    assert_eq!(
        texts,
        [
            (CHATTER, 2),
            ("we had pancakes for lunch too", 1),
            ("the parrot says password=[redacted] [redacted]", 1),
            ("wibble the sprocket", 1)
        ]
    );
    assert_eq!((&found[0]["times"], &found[0]["lines"][0]["missed"][0]["kind"]), (&3.into(), &"none".into()));

    // Without a terminal it prints.
    let shown = home.run(&["suggest", "--limit", "1"], "").out;
    assert!(shown.starts_with("3 times, last on "), "{shown}");
    assert!(shown.contains(": not understood\n  perhaps no command\n  2 × we had pancakes for lunch\n"), "{shown}");
    assert!(shown.contains("\n    intents/none.txt  we had pancakes for lunch\n"), "{shown}");

    // What is an example of another intent is refused, and so is what would be a comment.
    let help = std::fs::read_to_string(home.path("intents/help.show.toml")).unwrap();
    let taken = help
        .lines()
        .skip_while(|line| !line.starts_with("examples"))
        .find(|line| line.starts_with("  \"") && !line.contains(['[', '\\']));
    let taken = taken.unwrap().trim_matches([' ', '"', ',']);
    let list = std::fs::read_to_string(home.path("intents/proposal.list.toml")).unwrap();
    let none = std::fs::read_to_string(home.path("intents/none.txt")).unwrap();
    let answers = format!(
        "what\ne {taken}\nproposal.list\ne # {CHATTER}\nn\ne {CHATTER}, again\nn\n\nd\n\
                           e wibble [the sprocket](environment)\nproposal.list\ne wibble the sprocket\nproposal.list\n"
    );
    let ended = home.run(&["suggest", "--review"], &answers);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for told in [
        "  `what` is no answer: a number or an intent's name accepts".to_owned(),
        format!("`{taken}` is also an example of `help.show`, at intents/help.show.toml:"),
        "  not written: `# we had pancakes for lunch` would not be read as a line of its own\n".to_owned(),
        "  written to intents/none.txt\n".to_owned(),
        "the annotation names no parameter: `environment`".to_owned(),
        "  written to intents/proposal.list.toml\n".to_owned(),
        "\n2 lines accepted, 1 dropped\n".to_owned(),
    ] {
        assert!(ended.out.contains(&told), "{told}\n{}", ended.out);
    }
    let now = std::fs::read_to_string(home.path("intents/proposal.list.toml")).unwrap();
    assert_eq!(now.replacen("  \"wibble the sprocket\",\n", "", 1), list);
    assert_ne!(now, list);
    assert_eq!(
        std::fs::read_to_string(home.path("intents/none.txt")).unwrap(),
        none + "we had pancakes for lunch, again\n"
    );
    assert_eq!(std::fs::read_to_string(home.path("intents/help.show.toml")).unwrap(), help);
    let checked = home.run(&["check"], "");
    assert_eq!((checked.code, checked.out.contains(": 0 errors, ")), (Some(0), true), "{}", checked.out);

    // What was skipped is still there, until all is deleted.
    assert!(is_stored(&home, &format!("{CHATTER} too")));
    assert_eq!(home.run(&["suggest", "--forget"], "").out, "5 kept messages deleted\n");
    assert!(!is_stored(&home, &format!("{CHATTER} too")));
    let ended = home.run(&["suggest"], "");
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("", "nothing to suggest\n"));
}

#[test]
fn a_correction_says_what_was_meant() {
    let platform = Platform::start();
    let home = platform.home(KEEP);
    let mut chat = home.chat();
    chat.ask("restart web in staging", "└");
    chat.ask("no", "is cancelled. Nothing was done.");
    chat.ask("how full is the disk?", " % full, ");
    // The same once more corrects nothing.
    chat.ask("how full is the disk?", " % full, ");
    chat.leave();
    let [group] = &groups(&home)[..] else { panic!("{:?}", groups(&home)) };
    let line = &group["lines"][0];
    assert_eq!(line["text"], "restart web in staging");
    assert_eq!(line["missed"], json!([{ "kind": "corrected", "understood": "service.restart" }]));
    assert_eq!((&line["meant"], &line["readings"][0]["intent"]), (&"host.disk".into(), &"host.disk".into()));
    assert_eq!(line["readings"][1]["example"], "restart [web](service) in [staging](environment)");

    // What is built in can only be shown.
    let ended = home.run(&["suggest", "--review"], "1\n");
    assert!(ended.out.contains(": taken for service.restart\n"), "{}", ended.out);
    assert!(ended.out.contains("\n  1 × restart web in staging  (then: host.disk)\n"), "{}", ended.out);
    assert_eq!(
        ended.err,
        "the intents are those built in: put a folder `intents` beside `sayso.toml` to accept lines\n"
    );
}

#[test]
fn what_is_typed_next_says_what_was_meant() {
    let platform = Platform::start();
    let home = platform.home(KEEP);
    // One that is not understood, whatever the model has learned by now, and reminds it of something.
    let unclear = ["wobble web a bit", "zorp web", "give web a bit of a kick", "frob web in staging"].map(|text| {
        let seen: Json = serde_json::from_str(&home.run(&["understand", "--json", text], "").out).unwrap();
        (text, seen)
    });
    let unclear = unclear.iter().find(|(_, seen)| {
        seen["intent"].is_null()
            && seen["cues"] == json!([])
            && seen["alternatives"][0]["confidence"].as_f64() > Some(0.05)
    });
    let (text, seen) = unclear.expect("a message that is not understood");
    let intent = seen["alternatives"][0]["intent"].as_str().unwrap();
    home.pipe(&[text, intent]);
    let found = groups(&home);
    assert_eq!((&found[0]["lines"][0]["text"], &found[0]["lines"][0]["meant"]), (&(*text).into(), &intent.into()));
}
