//! The assistant, as adapters see it.

use std::sync::Arc;

use super::Assistant;
use crate::domain::{
    Asking, Assistance, ChatEvent, Handling, IntentName, Intents, ParameterName, Suggestion, ValueType,
};

impl Assistance for Assistant {
    fn hear(self: Arc<Self>, event: ChatEvent) -> Handling {
        let heard = Self::hear(&self, event);
        Box::pin(async move { self.attend(heard).await })
    }

    fn intents(&self) -> Intents {
        self.parts.newest.load().understander.intents().clone()
    }

    fn suggest(
        &self,
        who: &Asking<'_>,
        intent: &IntentName,
        parameter: &ParameterName,
        limit: usize,
    ) -> Vec<Suggestion> {
        let knowledge = self.parts.newest.load();
        let understander = &knowledge.understander;
        let Some(intent) = understander.intents().get(intent.as_str()) else { return Vec::new() };
        let may_ask =
            self.parts.permissions.may_ask(intent.as_ref().into(), who.actor, who.conversation, self.parts.clock.now());
        let Some(parameter) = intent.parameter(parameter.as_str()).filter(|_| may_ask) else { return Vec::new() };
        let names: Vec<(&str, &str)> = match parameter.value_type {
            ValueType::Entity(entity) => understander.entities().names(entity).collect(),
            ValueType::Enum => {
                let all = parameter.values.iter();
                all.map(|value| (value.canonical.as_str(), value.canonical.as_str())).collect()
            }
            _ => Vec::new(),
        };
        matching(&names, who.typed, limit)
    }
}

/// The names, canonical and called, that go with what was typed: those that begin so before those that hold it. Each thing
/// once.
fn matching(names: &[(&str, &str)], typed: &str, limit: usize) -> Vec<Suggestion> {
    let typed = typed.trim().to_lowercase();
    let holding = |begins: bool| {
        let typed = &typed;
        names.iter().filter(move |(_, called)| {
            let called = called.to_lowercase();
            called.starts_with(typed) == begins && called.contains(typed)
        })
    };
    let mut found: Vec<Suggestion> = Vec::new();
    for (name, called) in holding(true).chain(holding(false)) {
        if found.len() < limit && found.iter().all(|other| other.name != *name) {
            let alias = (name != called).then(|| (*called).to_owned());
            found.push(Suggestion { name: (*name).to_owned(), alias });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_begin_so_come_first_and_each_thing_once() {
        let names =
            [("checkout", "checkout"), ("checkout", "check-out"), ("search-api", "search-api"), ("web", "the shop")];
        let found = |typed: &str, limit| -> Vec<String> {
            let suggestions = matching(&names, typed, limit).into_iter();
            suggestions
                .map(|s| format!("{}{}", s.name, s.alias.map(|alias| format!(" ({alias})")).unwrap_or_default()))
                .collect()
        };
        assert_eq!(found("ch", 25), ["checkout", "search-api"]);
        assert_eq!(found("CHECK-", 25), ["checkout (check-out)"]);
        assert_eq!(found("shop", 25), ["web (the shop)"]);
        assert_eq!(found("", 2), ["checkout", "search-api"]);
        assert_eq!(found("nothing", 25), [""; 0]);
    }
}
