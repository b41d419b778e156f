//! A command: an intent's name and its validated arguments. The one value that everything downstream works on.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Effect, Intent, IntentName, Intents, ParameterName, Value, ValueError, quote};

/// Arguments by parameter, not yet checked for completeness.
pub type Arguments = BTreeMap<ParameterName, Value>;

/// Why arguments do not make a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No intent has the name.
    #[error("unknown intent `{0}`")]
    UnknownIntent(String),
    /// The intent has no such parameter.
    #[error("`{intent}` has no parameter `{parameter}`")]
    UnknownParameter {
        /// The intent.
        intent: IntentName,
        /// What was given.
        parameter: String,
    },
    /// Required parameters without a value, in the intent's order.
    #[error("`{intent}` needs {}", .missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))]
    Missing {
        /// The intent.
        intent: IntentName,
        /// What is missing.
        missing: Vec<ParameterName>,
    },
    /// A value that its parameter cannot hold.
    #[error("invalid value for `{parameter}`: {source}")]
    Invalid {
        /// The parameter.
        parameter: ParameterName,
        /// Why.
        source: ValueError,
    },
}

/// A typed, valid request. It can only be made by checking arguments against a declared intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    intent: IntentName,
    effect: Effect,
    /// In the order in which the intent declares them.
    arguments: Vec<(ParameterName, Value)>,
}

/// A command as it is stored: texts only. [`Command::restore`] checks it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredCommand {
    intent: String,
    arguments: Vec<(String, String)>,
}

impl Command {
    /// Checks arguments against the intent: every name declared, every value valid, nothing required missing. What
    /// follows from an argument is filled in.
    pub fn new(intent: &Intent, arguments: &Arguments) -> Result<Self, CommandError> {
        let parse = |name: &ParameterName, text: &str| {
            let parameter = intent.parameter(name.as_str()).ok_or_else(|| CommandError::UnknownParameter {
                intent: intent.name.clone(),
                parameter: name.to_string(),
            })?;
            parameter.parse(text).map_err(|source| CommandError::Invalid { parameter: name.clone(), source })
        };
        for (name, value) in arguments {
            parse(name, value.as_str())?;
        }
        let missing = intent.missing(|name| arguments.contains_key(name));
        if !missing.is_empty() {
            return Err(CommandError::Missing { intent: intent.name.clone(), missing });
        }
        let mut given = arguments.clone();
        for (name, text) in intent.implied(|name| arguments.contains_key(name)) {
            given.insert(name.clone(), parse(name, text)?);
        }
        let arguments = intent.parameters.iter().filter_map(|parameter| given.remove_entry(&parameter.name)).collect();
        Ok(Self { intent: intent.name.clone(), effect: intent.effect, arguments })
    }

    /// The intent's name.
    pub fn intent(&self) -> &IntentName {
        &self.intent
    }

    /// The intent's declared effect.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The arguments, in the intent's order.
    pub fn arguments(&self) -> &[(ParameterName, Value)] {
        &self.arguments
    }

    /// The value of a parameter.
    pub fn argument(&self, name: &str) -> Option<&Value> {
        self.arguments.iter().find(|(parameter, _)| parameter.as_str() == name).map(|(_, value)| value)
    }

    /// The arguments as a map.
    pub fn to_arguments(&self) -> Arguments {
        self.arguments.iter().cloned().collect()
    }

    /// The stored form, JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let arguments =
            self.arguments.iter().map(|(name, value)| (name.to_string(), value.as_str().to_owned())).collect();
        // A struct of strings always serialises.
        serde_json::to_value(StoredCommand { intent: self.intent.to_string(), arguments }).unwrap_or_default()
    }

    /// Reads the stored form and checks it again against the intents of today.
    pub fn restore(json: &serde_json::Value, intents: &Intents) -> Result<Self, CommandError> {
        let stored: StoredCommand = serde_json::from_value(json.clone())
            .map_err(|_| CommandError::UnknownIntent("(unreadable stored command)".to_owned()))?;
        let intent = intents.get(&stored.intent).ok_or_else(|| CommandError::UnknownIntent(stored.intent.clone()))?;
        let mut arguments = Arguments::new();
        for (name, text) in stored.arguments {
            let parameter = intent.parameter(&name).ok_or_else(|| CommandError::UnknownParameter {
                intent: intent.name.clone(),
                parameter: name.clone(),
            })?;
            let value = parameter
                .parse(&text)
                .map_err(|source| CommandError::Invalid { parameter: parameter.name.clone(), source })?;
            arguments.insert(parameter.name.clone(), value);
        }
        Self::new(intent, &arguments)
    }
}

/// The typed form: `service.restart service=checkout environment=staging`.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.intent)?;
        for (name, value) in &self.arguments {
            write!(f, " {name}={}", quote(value.as_str()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Effect, EnumValue, Parameter, ValueType};

    /// `flag.set`, whose percentage says that the flag is on.
    fn flag_set() -> Intent {
        let parameter = |name: &str, value_type, required| Parameter {
            name: name.parse().unwrap(),
            value_type,
            required,
            ask: None,
            values: Vec::new(),
            implies: Vec::new(),
            whole_message: false,
        };
        let word = |word: &str| EnumValue { canonical: word.to_owned(), words: Vec::new() };
        let state = Parameter { values: vec![word("on"), word("off")], ..parameter("state", ValueType::Enum, true) };
        let implies = vec![("state".parse().unwrap(), "on".to_owned())];
        let percentage = Parameter { implies, ..parameter("percentage", ValueType::Percentage, false) };
        Intent {
            name: "flag.set".parse().unwrap(),
            summary: "Set a flag".to_owned(),
            effect: Effect::Change,
            parameters: vec![parameter("flag", ValueType::Name, true), state, percentage],
            one_of: Vec::new(),
        }
    }

    #[test]
    fn what_follows_from_an_argument_is_not_missing() {
        let intents: Intents = [flag_set()].into_iter().collect();
        for (line, command) in [
            ("flag.set flag=x percentage=10%", Ok("flag.set flag=x state=on percentage=10")),
            ("flag.set percentage=10 state=off flag=x", Ok("flag.set flag=x state=off percentage=10")),
            ("flag.set flag=x", Err("`flag.set` needs `state`")),
            ("flag.set percentage=10", Err("`flag.set` needs `flag`")),
        ] {
            let parsed = crate::domain::parse_typed(line, &intents);
            let parsed = parsed.map(|command| command.to_string()).map_err(|error| error.to_string());
            assert_eq!(parsed, command.map(str::to_owned).map_err(str::to_owned), "{line}");
        }
    }
}
