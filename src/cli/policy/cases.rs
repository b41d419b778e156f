//! A table of expectations, and the policy held against it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::super::assembly::Data;
use super::super::{Failure, print};
use super::{Asked, Supposing, main_of, outcome, target};
use crate::catalogue::{Diagnostic, Document, Item};
use crate::domain::{Actor, Clock as _, ConversationId, SystemClock, parse_typed};
use crate::proposal::{Permissions as _, PolicyAction};

/// What can become of a command.
const OUTCOMES: [(&str, &str); 6] = [
    ("run", "run"),
    ("confirm", "confirm"),
    ("approve", "approve"),
    ("reason", "reason"),
    ("held", "held"),
    ("deny", "deny"),
];

/// One row of the table.
struct Case {
    /// Where it stands: `cases.toml:12`.
    place: String,
    asked: Asked,
    /// Who is on call, if that was said.
    on_call: Option<Vec<String>>,
    expected: Expected,
    /// The rule that must have decided, by its `@id`.
    rule: Option<String>,
}

enum Expected {
    /// What becomes of the command.
    Outcome(&'static str),
    /// Whether one question is answered with yes.
    Answer(PolicyAction, Actor, bool),
}

/// Reads the files, asks the policy, and tells each expectation that is not met.
pub(super) fn test(data: &Data, supposing: &Supposing, files: &[PathBuf]) -> Result<(), Failure> {
    let mut cases = Vec::new();
    let mut faults = Vec::new();
    for file in files {
        match read(data, file) {
            Ok(read) => cases.extend(read),
            Err(found) => faults.extend(found),
        }
    }
    if !faults.is_empty() {
        faults.iter().for_each(|fault| eprintln!("{fault}"));
        return Err(Failure::Told);
    }
    let unmet = cases.iter().filter(|case| !case.holds(supposing)).count();
    print(format_args!("{} expectations, {} met, {unmet} not met", cases.len(), cases.len() - unmet));
    if unmet == 0 { Ok(()) } else { Err(Failure::Told) }
}

impl Case {
    /// Whether it is as expected; if not, that is told.
    fn holds(&self, supposing: &Supposing) -> bool {
        let policy = &supposing.policy;
        if let Err(error) = supposing.suppose(self.on_call.as_deref(), "on_call", self.asked.now) {
            eprintln!("{}: {error}", self.place);
            return false;
        }
        let (expected, found, rule) = match &self.expected {
            Expected::Outcome(expected) => {
                let verdict = policy.verdict(&self.asked.query(PolicyAction::Propose));
                ((*expected).to_owned(), outcome(&verdict).to_owned(), verdict.rules())
            }
            Expected::Answer(action, actor, allowed) => {
                let query = crate::proposal::Query { actor, ..self.asked.query(*action) };
                let decision = policy.decide(&query);
                let word = |allowed| format!("{} {}", action.as_str(), if allowed { "allowed" } else { "denied" });
                (word(*allowed), word(decision.allowed), decision.reason())
            }
        };
        let names_rule = self.rule.as_ref().is_none_or(|wanted| rule.contains(wanted.as_str()));
        if expected != found {
            eprintln!("{}: `{}`: expected {expected}, found {found} ({rule})", self.place, self.asked.command);
        } else if !names_rule {
            let wanted = self.rule.as_deref().unwrap_or_default();
            eprintln!("{}: `{}`: expected the rule `{wanted}` to decide, found {rule}", self.place, self.asked.command);
        }
        expected == found && names_rule
    }
}

fn read(data: &Data, file: &Path) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| vec![Diagnostic::error(&name, format!("cannot be read: {error}"))])?;
    let document = Document::parse(&name, &text)?;
    let mut root = document.root();
    let rows = root.get("case").and_then(|cases| cases.list()).unwrap_or_default();
    let cases: Vec<Case> = rows.iter().filter_map(|row| case(data, &name, row)).collect();
    root.finish();
    if rows.is_empty() {
        document.error_in_file("expected at least one `[[case]]`", None);
    }
    let faults = document.into_faults();
    if faults.is_empty() { Ok(cases) } else { Err(faults) }
}

fn case(data: &Data, file: &str, row: &Item<'_>) -> Option<Case> {
    let mut table = row.table()?;
    let mut needed = |key: &'static str| {
        let found = table.get(key);
        if found.is_none() {
            row.document().error(row.span.start, format!("the case needs `{key}`"), None);
        }
        found
    };
    let (command, actor, expect) = (needed("command"), needed("as"), needed("expect"));
    let command = command.and_then(|item| item.parse(|text| parse_typed(text, &data.catalogue.intents)));
    let actor = actor.and_then(|item| item.parse(str::parse::<Actor>));
    let conversation = table.get("in").and_then(|item| item.parse(str::parse::<ConversationId>));
    let now = table.get("at").and_then(|item| item.parse(str::parse::<Timestamp>));
    let reason = table.get("reason").and_then(|item| item.string()).map(|text| text.text.to_owned());
    let yeses = table.get("yeses").and_then(|item| item.list()).unwrap_or_default();
    let yeses = yeses.iter().filter_map(|item| item.parse(str::parse::<Actor>)).collect();
    let on_call = table.get("on_call").and_then(|item| item.list());
    let named = |item: &Item<'_>| item.string().map(|name| name.text.to_owned());
    let on_call = on_call.map(|names| names.iter().filter_map(named).collect());
    let broken_glass = table.get("broken_glass").and_then(|item| item.boolean()).unwrap_or(false);
    let local = table.get("local").and_then(|item| item.boolean()).unwrap_or(false);
    let rule = table.get("rule").and_then(|item| item.string()).map(|text| text.text.to_owned());
    let actions = PolicyAction::ALL.map(|action| (action.as_str(), action));
    let question = table.get("may").and_then(|item| item.word(&actions));
    let who = table.get("who").and_then(|item| item.parse(str::parse::<Actor>));
    table.finish();
    let (command, actor) = (command?, actor?);
    let expected = match question {
        None => Expected::Outcome(expect?.word(&OUTCOMES)?),
        Some(action) => {
            let allowed = expect?.word(&[("allow", true), ("deny", false)])?;
            Expected::Answer(action, who.unwrap_or_else(|| actor.clone()), allowed)
        }
    };
    let asked = Asked {
        target: target(data, &command, local),
        command,
        conversation: conversation.unwrap_or_else(|| main_of(&actor)),
        actor,
        now: now.unwrap_or_else(|| SystemClock.now()),
        yeses,
        reason,
        broken_glass,
    };
    Some(Case { place: format!("{file}:{}", row.document().line(row.span.start)), asked, on_call, expected, rule })
}
