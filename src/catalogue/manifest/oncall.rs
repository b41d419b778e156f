//! `[oncall]`: how a system is asked who is on call by one schedule, and by which id its answer names them.

use super::read::{READING_KINDS, expression, required, step, template};
use super::{Call, Computed, Manifest, Select, Step, Template};
use crate::catalogue::{Diagnostic, Item, Severity};

/// What its texts see beside the answer: they are for no command.
const SEEN: &[&str] = &["schedule", "connection", "settings", "machine", "now", "login", "page", "item"];
/// What a text sees of an answer.
const ANSWER: &[&str] =
    &["body", "status", "headers", "cookies", "lines", "exit_code", "stdout", "stderr", "truncated"];

/// How a system is asked who is on call.
#[derive(Debug, Clone, PartialEq)]
pub struct OnCallRead {
    /// The request; it sees the id of the `schedule`.
    pub step: Step,
    /// The elements of the answer that are meant, one for each who is on call.
    pub select: Select,
    /// The id of whom an `item` means.
    pub id: Template,
}

/// Reads `[oncall]`.
pub(super) fn on_call(item: &Item<'_>) -> Option<OnCallRead> {
    let mut table = item.table()?;
    let items = required(item, "`[oncall]`", "items", table.get("items")).and_then(|item| expression(&item));
    let next = table.get("next").and_then(|item| expression(&item));
    let filter = table.get("where").and_then(|item| expression(&item));
    let id = required(item, "`[oncall]`", "id", table.get("id")).and_then(|item| template(&item));
    let step = step("`[oncall]`", READING_KINDS, item, &mut table);
    table.finish();
    Some(OnCallRead { step: step?, select: Select { items: items?, next, filter, keep: None }, id: id? })
}

impl OnCallRead {
    /// Its texts, and whether each can speak of an answer.
    fn texts(&self) -> Vec<(&dyn Computed, bool)> {
        let Step { call, success, failure, .. } = &self.step;
        let mut texts: Vec<(&dyn Computed, bool)> = call.leaves().into_iter().map(|leaf| (leaf, false)).collect();
        texts.extend(success.iter().map(|text| (text as &dyn Computed, true)));
        texts.extend(failure.iter().map(|text| (text as &dyn Computed, true)));
        let Select { items, next, filter, .. } = &self.select;
        texts.extend([(items as &dyn Computed, true), (&self.id, true)]);
        texts.extend(next.iter().chain(filter).map(|text| (text as &dyn Computed, true)));
        texts
    }

    /// Names that nothing stands for, and a request that would ask of every schedule alike.
    pub(super) fn faults(&self, manifest: &Manifest) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        let mut fault = |line, column, message| {
            let file = manifest.file.clone();
            let (line, column) = (Some(line), Some(column));
            faults.push(Diagnostic { file, line, column, severity: Severity::Error, message, hint: None });
        };
        for (text, answers) in self.texts() {
            for name in text.names() {
                let root = name.split('.').next().unwrap_or(name);
                let known = SEEN.contains(&root) || (answers && ANSWER.contains(&root));
                if !known {
                    let place = text.place();
                    fault(place.line, place.column, format!("`{name}` is not known when it is asked who is on call"));
                }
            }
        }
        let asks = |(text, _): &(&dyn Computed, bool)| text.names().contains("schedule");
        if !self.texts().iter().any(asks) {
            let place = self.select.items.place();
            fault(place.line, place.column, "`[oncall]` asks the same of each `schedule`".to_owned());
        }
        if matches!(self.step.call, Call::Http(_)) && manifest.connection.is_none() {
            let place = self.select.items.place();
            fault(place.line, place.column, "`[oncall]` needs a `[connection]`".to_owned());
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "summary = \"x\"\n[connection]\nurl = \"http://x\"\n[actions.show]\nimplements = \"oncall.show\"\n\
        http.path = \"/\"\n[oncall]\n";

    fn faults(on_call: &str) -> String {
        let mut found = Vec::new();
        Manifest::parse("integrations/x.toml", &format!("{HEAD}{on_call}"), &mut found);
        found.iter().map(|fault| fault.message.clone() + "\n").collect()
    }

    #[test]
    fn what_asks_who_is_on_call_asks_of_a_schedule_and_finds_ids() {
        let items = "items = \"body.oncalls\"\nid = \"{{ item.id }}\"\n";
        assert_eq!(faults(&format!("http.path = \"/schedules/{{{{ schedule }}}}\"\n{items}")), "");
        assert_eq!(faults(&format!("http.path = \"/oncalls\"\n{items}where = \"item.schedule == schedule\"\n")), "");
        assert_eq!(
            faults(&format!("http.path = \"/oncalls\"\n{items}")),
            "`[oncall]` asks the same of each `schedule`\n"
        );
        assert_eq!(
            faults(&format!("http.path = \"/schedules/{{{{ schedule }}}}/{{{{ team }}}}\"\n{items}")),
            "`team` is not known when it is asked who is on call\n"
        );
        assert_eq!(
            faults("keep = \"x\"\n"),
            "`[oncall]` needs `items`\n`[oncall]` needs `id`\n`[oncall]`: expected exactly one of `http`, `process`\nunknown key \
             `keep` in `[oncall]`\n"
        );
    }
}
