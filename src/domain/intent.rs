//! Intents: what can be asked for, with declared, typed parameters. Intents are data; see `intents/`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{IntentName, ParameterName, Value, ValueError, ValueType};

/// What carrying out an intent does to the world. The order is the order of care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Looks only.
    Read,
    /// Alters something, and can be undone.
    Change,
    /// Cannot be undone, or takes something away from its users.
    Destructive,
}

impl Effect {
    /// The word used in files and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Destructive => "destructive",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One value of an enumeration and the words people use for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumValue {
    /// The canonical lower-case word.
    pub canonical: String,
    /// Other words and short phrases, lower case.
    pub words: Vec<String>,
}

/// A declared parameter of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: ParameterName,
    /// The type of its values.
    pub value_type: ValueType,
    /// Whether a command without it is incomplete.
    pub required: bool,
    /// The question to a person when it is missing.
    pub ask: Option<String>,
    /// The values of an enumeration, in order; empty for every other type.
    pub values: Vec<EnumValue>,
    /// Values of other parameters that follow from this one being given: a percentage implies `state=on`.
    pub implies: Vec<(ParameterName, String)>,
    /// Free text that is always the whole message: a question to the runbooks.
    pub whole_message: bool,
}

impl Parameter {
    /// Reads a canonical value of this parameter.
    pub fn parse(&self, text: &str) -> Result<Value, ValueError> {
        let value = self.value_type.parse(text)?;
        if self.value_type == ValueType::Enum && !self.values.iter().any(|v| v.canonical == value.as_str()) {
            return Err(ValueError::NotOneOf {
                found: text.to_owned(),
                expected: self.values.iter().map(|v| v.canonical.clone()).collect(),
            });
        }
        Ok(value)
    }
}

/// The named purpose of an utterance, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// `noun.verb`.
    pub name: IntentName,
    /// What it does, in the imperative: `Restart a service`.
    pub summary: String,
    /// What it does to the world.
    pub effect: Effect,
    /// In the order of the file.
    pub parameters: Vec<Parameter>,
    /// Groups of parameters of which at least one is required (`team` or `person`).
    pub one_of: Vec<Vec<ParameterName>>,
}

impl Intent {
    /// The parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name.as_str() == name)
    }

    /// The parameters a command still needs, in order: required ones that are absent, and every member of a group of
    /// which none is present. What follows from one that is present is present as well.
    pub fn missing(&self, present: impl Fn(&ParameterName) -> bool) -> Vec<ParameterName> {
        let implied: Vec<&ParameterName> = self.implied(&present).map(|(name, _)| name).collect();
        let given = |name: &ParameterName| present(name) || implied.contains(&name);
        let in_empty_group =
            |name: &ParameterName| self.one_of.iter().any(|group| group.contains(name) && !group.iter().any(given));
        self.parameters
            .iter()
            .filter(|parameter| (parameter.required && !given(&parameter.name)) || in_empty_group(&parameter.name))
            .map(|parameter| parameter.name.clone())
            .collect()
    }

    /// The values that follow from parameters that are present, for those that are not.
    pub fn implied(&self, present: impl Fn(&ParameterName) -> bool) -> impl Iterator<Item = (&ParameterName, &str)> {
        let parameters = self.parameters.iter();
        let implied: Vec<_> = parameters
            .filter(|parameter| present(&parameter.name))
            .flat_map(|parameter| &parameter.implies)
            .filter(|(name, _)| !present(name))
            .map(|(name, value)| (name, value.as_str()))
            .collect();
        implied.into_iter()
    }
}

/// All intents, by name.
#[derive(Debug, Clone, Default)]
pub struct Intents(BTreeMap<IntentName, Arc<Intent>>);

impl Intents {
    /// The intent of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Intent>> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Intent>> {
        self.0.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Intent> for Intents {
    fn from_iter<I: IntoIterator<Item = Intent>>(intents: I) -> Self {
        Self(intents.into_iter().map(|intent| (intent.name.clone(), Arc::new(intent))).collect())
    }
}
