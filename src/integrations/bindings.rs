//! Which integration is meant when several could do it: `[bindings]` of the configuration.

use std::collections::BTreeMap;

use crate::domain::{Command, IntentName, ParameterName};

/// A selector that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BindingError {
    /// No intent, and no pattern of one.
    #[error("expected an intent such as `service.restart`, `service.*` or `*`, found `{0}`")]
    Intent(String),
    /// No condition.
    #[error("expected `parameter=value`, found `{0}`")]
    Condition(String),
}

/// What a selector says of the intent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum IntentPattern {
    /// `*`
    Any,
    /// `service.*`
    Noun(String),
    /// `service.restart`
    Exactly(IntentName),
}

/// A command in the typed form, with patterns: `service.* environment=production service=legacy-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Selector {
    intent: IntentPattern,
    conditions: BTreeMap<ParameterName, String>,
}

/// All bindings. The most specific one that matches decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bindings(Vec<(Selector, String)>);

/// Where a command is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound<'b> {
    /// The integrations; several if bindings that are equally specific differ.
    pub(super) integrations: Vec<&'b str>,
    /// The parameters that decided: by them the integration was chosen, so that they have had their effect.
    pub(super) parameters: Vec<&'b str>,
}

impl Bindings {
    /// Reads `"service.* environment=production" = "kubernetes"`. Selectors that cannot be read are left out, and told.
    pub(super) fn parse(table: &BTreeMap<String, String>) -> (Self, Vec<(String, BindingError)>) {
        let mut bindings = Vec::new();
        let mut errors = Vec::new();
        for (text, integration) in table {
            match Selector::parse(text) {
                Ok(selector) => bindings.push((selector, integration.clone())),
                Err(error) => errors.push((text.clone(), error)),
            }
        }
        (Self(bindings), errors)
    }

    /// The integrations that are named.
    pub(super) fn integrations(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, integration)| integration.as_str())
    }

    /// Where an intent is bound to by its whole name and without conditions.
    pub(super) fn of_intent(&self, intent: &str) -> Vec<&str> {
        let named = |selector: &Selector| {
            selector.conditions.is_empty()
                && matches!(&selector.intent, IntentPattern::Exactly(name) if name.as_str() == intent)
        };
        self.0.iter().filter(|(selector, _)| named(selector)).map(|(_, name)| name.as_str()).collect()
    }

    /// Where the command is bound to, if anywhere.
    pub(super) fn find(&self, command: &Command) -> Option<Bound<'_>> {
        let matching: Vec<_> = self.0.iter().filter(|(selector, _)| selector.matches(command)).collect();
        let most = matching.iter().map(|(selector, _)| selector.weight()).max()?;
        let decisive: Vec<_> = matching.into_iter().filter(|(selector, _)| selector.weight() == most).collect();
        let mut integrations: Vec<_> = decisive.iter().map(|(_, integration)| integration.as_str()).collect();
        integrations.sort_unstable();
        integrations.dedup();
        let parameters =
            decisive.iter().flat_map(|(selector, _)| selector.conditions.keys().map(ParameterName::as_str)).collect();
        Some(Bound { integrations, parameters })
    }
}

impl Selector {
    fn parse(text: &str) -> Result<Self, BindingError> {
        let mut words = text.split_whitespace();
        let word = words.next().unwrap_or_default();
        let bad = || BindingError::Intent(word.to_owned());
        let intent = match word.strip_suffix(".*") {
            _ if word == "*" => IntentPattern::Any,
            Some(noun) => IntentPattern::Noun(noun.parse::<ParameterName>().map_err(|_| bad())?.into()),
            None => IntentPattern::Exactly(word.parse().map_err(|_| bad())?),
        };
        let conditions = words.map(|word| {
            let condition = word.split_once('=').filter(|(_, value)| !value.is_empty());
            let condition = condition.and_then(|(name, value)| Some((name.parse().ok()?, value.to_owned())));
            condition.ok_or_else(|| BindingError::Condition(word.to_owned()))
        });
        Ok(Self { intent, conditions: conditions.collect::<Result<_, _>>()? })
    }

    fn matches(&self, command: &Command) -> bool {
        let intent = match &self.intent {
            IntentPattern::Any => true,
            IntentPattern::Noun(noun) => {
                command.intent().as_str().split_once('.').is_some_and(|(command, _)| command == noun)
            }
            IntentPattern::Exactly(intent) => intent == command.intent(),
        };
        let holds = |(name, pattern): (&ParameterName, &String)| {
            command.argument(name.as_str()).is_some_and(|value| match pattern.strip_suffix('*') {
                Some(beginning) => value.as_str().starts_with(beginning),
                None => value.as_str() == pattern,
            })
        };
        intent && self.conditions.iter().all(holds)
    }

    /// More conditions weigh more than a more exact intent.
    fn weight(&self) -> (usize, u8) {
        let exactness = match self.intent {
            IntentPattern::Any => 0,
            IntentPattern::Noun(_) => 1,
            IntentPattern::Exactly(_) => 2,
        };
        (self.conditions.len(), exactness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrations::testing::command;

    fn bindings(entries: &[(&str, &str)]) -> Bindings {
        let table = entries.iter().map(|(selector, name)| ((*selector).to_owned(), (*name).to_owned())).collect();
        Bindings::parse(&table).0
    }

    #[test]
    fn the_most_specific_binding_decides() {
        let bindings = bindings(&[
            ("*", "a"),
            ("service.*", "b"),
            ("service.restart", "c"),
            ("service.* environment=production", "d"),
            ("service.restart service=legacy-* environment=production", "e"),
        ]);
        for (line, bound) in [
            ("host.disk", "a"),
            ("service.stop service=x", "b"),
            ("service.restart service=x", "c"),
            ("service.restart service=x environment=production", "d"),
            ("service.restart service=legacy-x environment=production", "e"),
        ] {
            assert_eq!(bindings.find(&command(line)).unwrap().integrations, [bound], "{line}");
        }
        let found =
            bindings.find(&command("service.stop service=x environment=production")).map(|b| b.parameters.len());
        assert_eq!(found, Some(1));
    }

    #[test]
    fn bindings_that_differ_are_both_told() {
        let bindings = bindings(&[("service.* service=x", "a"), ("service.* environment=staging", "b")]);
        let bound = bindings.find(&command("service.stop service=x environment=staging")).map(|b| b.integrations.len());
        assert_eq!(bound, Some(2));
        assert!(bindings.find(&command("host.disk")).is_none());
    }

    #[test]
    fn faults_are_named() {
        for (selector, said) in [
            ("restart", "expected an intent such as `service.restart`, `service.*` or `*`, found `restart`"),
            ("service.* production", "expected `parameter=value`, found `production`"),
        ] {
            assert_eq!(Selector::parse(selector).unwrap_err().to_string(), said);
        }
    }
}
