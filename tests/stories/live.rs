//! Data that is edited while the program runs.

use crate::harness::{FEW_INTENTS, Home, RUNBOOK};

/// Nothing to act upon.
pub const ONLY_ITSELF: &str = "[integrations]\nenabled = [\"sayso\"]\n";

fn with_example(text: &str, example: &str) -> String {
    text.replacen("examples = [", &format!("examples = [\n  \"{example}\","), 1)
}

#[test]
fn an_edit_takes_effect_and_a_broken_one_does_not() {
    let home = Home::small(ONLY_ITSELF);
    let mut chat = home.chat();
    chat.ask("which proposals are waiting for a decision?", "Nothing waits for a decision.");
    let before = chat.answer("zorp the paper mill");
    assert!(!before.contains("Nothing waits for a decision."), "{before}");

    let list = FEW_INTENTS[2].1;
    let taught = with_example(&with_example(list, "zorp the paper"), "zorp that paper mill");
    home.write("intents/proposal.list.toml", &taught);
    chat.hear("I have read the edited data: 4 intents, 1 runbook.");
    chat.ask("zorp the paper mill", "Nothing waits for a decision.");

    home.write("runbooks/fridge.md", &RUNBOOK.replace("kettle", "fridge"));
    chat.hear("I have read the edited data: 4 intents, 2 runbooks.");
    chat.ask("runbook.find question=\"the fridge is overflowing\"", "The fridge boils over: ");

    home.write("intents/proposal.list.toml", &taught.replace("[\n", "[[\n"));
    home.write("runbooks/kettle.md", "no front matter");
    let said = chat.hear("runbooks/kettle.md");
    assert!(
        said.contains("The edited data has errors; I go by what I read before.\nerror: intents/proposal.list.toml:")
    );
    chat.ask("zorp the paper mill", "Nothing waits for a decision.");
    chat.ask("runbook.find question=\"the kettle is overflowing\"", "The kettle boils over: ");

    home.write("intents/proposal.list.toml", &taught);
    home.write("runbooks/kettle.md", RUNBOOK);
    chat.hear("I have read the edited data: 4 intents, 2 runbooks.");
    chat.leave();

    // What was understood is on record with the digest of what it was understood by.
    let created = home.audit(&["list"]).into_iter().filter(|event| event["intent"] == "proposal.list");
    let models: Vec<_> = created.filter_map(|event| Some(event["model"].as_str()?.to_owned())).collect();
    let [before, after, kept] = &models[..] else { panic!("{models:?}") };
    assert!(before != after && after == kept);
}

#[test]
fn an_intent_that_an_integration_needs_is_not_lost() {
    let home = Home::small(ONLY_ITSELF);
    let mut chat = home.chat();
    chat.ask("proposal.list", "Nothing waits for a decision.");
    std::fs::remove_file(home.path("intents/proposal.list.toml")).unwrap();
    chat.hear("unknown intent `proposal.list`");
    chat.ask("proposal.list", "Nothing waits for a decision.");
    chat.leave();
}
