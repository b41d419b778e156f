//! What is wrong in a policy file, with its place.

use std::fmt;

use cedar_policy::ffi::DetailedError;

/// One fault in one policy file: `policies/team.cedar:12:5: unexpected token …`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyFault {
    /// The file, as it was given.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PolicyFault {}

impl PolicyFault {
    /// A fault at a byte of the text.
    pub(super) fn at(file: &str, text: &str, offset: usize, message: &str) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.to_owned(),
            hint: None,
        }
    }

    pub(super) fn with_hint(self, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..self }
    }

    /// Cedar's own words, at the place that it names.
    pub(super) fn of_cedar<'e, E>(file: &str, text: &str, error: &'e E) -> Self
    where
        DetailedError: From<&'e E>,
    {
        Self::of_cedar_at(file, text, 0, error)
    }

    /// Cedar's own words, at the place that it names, else at the given one.
    pub(super) fn of_cedar_at<'e, E>(file: &str, text: &str, otherwise: usize, error: &'e E) -> Self
    where
        DetailedError: From<&'e E>,
    {
        let error = DetailedError::from(error);
        let label = error.source_locations.first();
        let offset = label.map_or(otherwise, |label| label.loc.start);
        let fault = Self::at(file, text, offset, &error.message);
        match error.help.or_else(|| label.and_then(|label| label.label.clone())) {
            Some(hint) => fault.with_hint(&hint),
            None => fault,
        }
    }

    /// The built-in schema cannot be read.
    pub(super) fn of_schema(file: &str, error: &dyn std::error::Error) -> Self {
        Self { file: file.to_owned(), line: 1, column: 1, message: error.to_string(), hint: None }
    }
}
