//! The typed form of a command: `service.restart service=checkout environment="blue green"`.

use super::{Arguments, Command, CommandError, IntentName, Intents, nearest};

/// Why a line is not a valid typed command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypedFormError {
    /// No intent has the name.
    #[error("unknown intent `{found}`{}", hint(.did_you_mean))]
    UnknownIntent {
        /// What was written.
        found: String,
        /// The nearest name.
        did_you_mean: Option<String>,
    },
    /// The intent has no such parameter.
    #[error("`{intent}` has no parameter `{found}`{}", hint(.did_you_mean))]
    UnknownParameter {
        /// The intent.
        intent: IntentName,
        /// What was written.
        found: String,
        /// The nearest name.
        did_you_mean: Option<String>,
    },
    /// A parameter given twice.
    #[error("`{0}` is given twice")]
    Duplicate(String),
    /// A word that is no `parameter=value`.
    #[error("expected `parameter=value`, found `{0}`")]
    NotAnArgument(String),
    /// A quotation mark without its partner.
    #[error("a quotation mark is not closed")]
    Unclosed,
    /// The arguments do not make a command.
    #[error(transparent)]
    Command(#[from] CommandError),
}

fn hint(did_you_mean: &Option<String>) -> String {
    did_you_mean.as_ref().map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

/// Whether a line is meant as a typed command: its first word has the form of an intent's name, and whatever follows
/// begins like an argument. Whether it is valid is for [`parse_typed`] to say.
pub fn looks_typed(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let Some(first) = words.next() else { return false };
    first.parse::<IntentName>().is_ok() && words.next().is_none_or(|word| word.contains('='))
}

/// Reads a typed command.
pub fn parse_typed(line: &str, intents: &Intents) -> Result<Command, TypedFormError> {
    let words = typed_words(line)?;
    let name = words.first().map(String::as_str).unwrap_or_default();
    let intent = intents.get(name).ok_or_else(|| TypedFormError::UnknownIntent {
        found: name.to_owned(),
        did_you_mean: nearest(name, intents.iter().map(|intent| intent.name.as_str())),
    })?;
    let mut arguments = Arguments::new();
    for word in &words[1..] {
        let (name, text) = word.split_once('=').ok_or_else(|| TypedFormError::NotAnArgument(word.clone()))?;
        let parameter = intent.parameter(name).ok_or_else(|| TypedFormError::UnknownParameter {
            intent: intent.name.clone(),
            found: name.to_owned(),
            did_you_mean: nearest(name, intent.parameters.iter().map(|parameter| parameter.name.as_str())),
        })?;
        let value = parameter
            .parse(text)
            .map_err(|source| CommandError::Invalid { parameter: parameter.name.clone(), source })?;
        if arguments.insert(parameter.name.clone(), value).is_some() {
            return Err(TypedFormError::Duplicate(name.to_owned()));
        }
    }
    Ok(Command::new(intent, &arguments)?)
}

/// A value as the typed form writes it: bare where it can stand bare, else in quotation marks with `\"` and `\\`.
pub fn quote(text: &str) -> String {
    let bare = !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c == '"' || c == '\\');
    if bare {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// The words of a typed command, unquoted: white space separates, quotation marks group, a backslash inside them
/// protects.
pub fn typed_words(line: &str) -> Result<Vec<String>, TypedFormError> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut started = false;
    let mut quoted = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                started = true;
            }
            '\\' if quoted => match chars.next() {
                Some('n') => word.push('\n'),
                Some(protected) => word.push(protected),
                None => return Err(TypedFormError::Unclosed),
            },
            c if c.is_whitespace() && !quoted => {
                if started {
                    words.push(std::mem::take(&mut word));
                }
                started = false;
            }
            c => {
                word.push(c);
                started = true;
            }
        }
    }
    if quoted {
        return Err(TypedFormError::Unclosed);
    }
    if started {
        words.push(word);
    }
    Ok(words)
}
