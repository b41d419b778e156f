//! Examples: what people say, with the values of parameters marked. `restart [checkout](service)`,
//! `[half an hour](window:PT30M)`.

use std::ops::Range;

use crate::domain::{EntityType, IntentName, ParameterName, Value};

/// One message that teaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The intent it is an example of; none for the other kinds.
    pub intent: Option<IntentName>,
    /// The message without its annotations.
    pub text: String,
    /// The marked values, in the text's order; they do not overlap.
    pub annotations: Vec<Annotation>,
    /// Names that are marked in a line that is no command, with their type.
    pub names: Vec<(Range<usize>, EntityType)>,
    /// What it teaches.
    pub kind: ExampleKind,
    /// The file it stands in.
    pub file: String,
    /// The line it stands on, from 1.
    pub line: usize,
}

/// What an example teaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExampleKind {
    /// This is how people ask for the intent.
    Positive,
    /// This lies near the intent and must not be taken for it. It may well be another one's.
    NotThis(IntentName),
    /// This is no command at all.
    OutOfScope,
}

/// A value in an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
    /// The parameter it fills.
    pub parameter: ParameterName,
    /// Its canonical value. Only a date-time may have none: "tonight" depends on the day.
    pub value: Option<Value>,
}

/// An annotation as written, not yet held against an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnnotation {
    /// Where it stands in the stripped text, in bytes.
    pub span: Range<usize>,
    /// The parameter's name.
    pub parameter: String,
    /// The canonical value, if one is written.
    pub canonical: Option<String>,
    /// Where its `[` stands in the annotated text, in bytes.
    pub offset: usize,
}

/// Why an annotated text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct AnnotationError {
    /// What is wrong.
    pub fault: AnnotationFault,
    /// Where, in bytes of the annotated text.
    pub offset: usize,
}

/// What is wrong with an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationFault {
    /// `[checkout`
    #[error("a `[` is not closed")]
    Unclosed,
    /// `checkout]`
    #[error("a `]` has no `[` before it")]
    Unopened,
    /// `[[a](b)](c)`
    #[error("a `[` inside an annotation, and annotations do not nest")]
    Nested,
    /// `[checkout] now`
    #[error("expected `(parameter)` after `]`")]
    NoParameter,
    /// `[checkout](service`
    #[error("expected `)` after the parameter, found the end")]
    UnclosedParameter,
    /// `[](service)`, `[ checkout](service)`
    #[error("an annotation is empty, or begins or ends with white space")]
    LooseSpan,
}

impl AnnotationFault {
    /// What to do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Unclosed | Self::Unopened | Self::Nested | Self::NoParameter => {
                r"write `[span](parameter)`, or `\[` and `\]` (in single quotes) for brackets that are part of the text"
            }
            Self::UnclosedParameter => "write `[span](parameter)` or `[span](parameter:canonical value)`",
            Self::LooseSpan => "mark the value itself, as tightly as it stands",
        }
    }
}

/// Strips the annotations off a text. `\[`, `\]` and `\\` stand for the characters themselves, and so does `\)` within a
/// canonical value; any other backslash is a backslash.
pub fn parse_annotated(source: &str) -> Result<(String, Vec<RawAnnotation>), AnnotationError> {
    let mut text = String::with_capacity(source.len());
    let mut annotations = Vec::new();
    // Where the open `[` stands: in the source, and in the text.
    let mut open: Option<(usize, usize)> = None;
    let mut chars = source.char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        let failed = |fault| AnnotationError { fault, offset };
        match c {
            '\\' => text.push(chars.next_if(|(_, c)| matches!(c, '[' | ']' | '\\')).map_or('\\', |(_, c)| c)),
            '[' if open.is_some() => return Err(failed(AnnotationFault::Nested)),
            '[' => open = Some((offset, text.len())),
            ']' => {
                let (opened, start) = open.take().ok_or(failed(AnnotationFault::Unopened))?;
                chars.next_if(|(_, c)| *c == '(').ok_or(failed(AnnotationFault::NoParameter))?;
                let target = target(&mut chars).ok_or(failed(AnnotationFault::UnclosedParameter))?;
                let (parameter, canonical) = match target.split_once(':') {
                    Some((parameter, canonical)) => (parameter, Some(canonical.to_owned())),
                    None => (target.as_str(), None),
                };
                if text[start..].is_empty() || text[start..].trim() != &text[start..] {
                    return Err(AnnotationError { fault: AnnotationFault::LooseSpan, offset: opened });
                }
                annotations.push(RawAnnotation {
                    span: start..text.len(),
                    parameter: parameter.to_owned(),
                    canonical,
                    offset: opened,
                });
            }
            c => text.push(c),
        }
    }
    match open {
        Some((offset, _)) => Err(AnnotationError { fault: AnnotationFault::Unclosed, offset }),
        None => Ok((text, annotations)),
    }
}

/// A place to be marked in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// The parameter's name, or the type of a name.
    pub target: String,
    /// The canonical value, if it is to be written.
    pub canonical: Option<String>,
}

/// The inverse of [`parse_annotated`]: the text with its marks, which stand in its order and do not overlap.
pub fn annotate(text: &str, marks: &[Mark]) -> String {
    let mut source = String::with_capacity(text.len());
    let mut done = 0;
    for Mark { span, target, canonical } in marks {
        source += &escape(&text[done..span.start], &['\\', '[', ']']);
        let canonical = canonical.as_ref().map(|value| format!(":{}", escape(value, &['\\', ')']))).unwrap_or_default();
        source += &format!("[{}]({target}{canonical})", escape(&text[span.clone()], &['\\', '[', ']']));
        done = span.end;
    }
    source + &escape(&text[done..], &['\\', '[', ']'])
}

fn escape(text: &str, special: &[char]) -> String {
    text.chars().flat_map(|c| special.contains(&c).then_some('\\').into_iter().chain([c])).collect()
}

/// What stands up to the closing `)`.
fn target(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> Option<String> {
    let mut target = String::new();
    loop {
        match chars.next()?.1 {
            ')' => return Some(target),
            '\\' => target.push(chars.next_if(|(_, c)| matches!(c, ')' | '\\')).map_or('\\', |(_, c)| c)),
            c => target.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A piece of text; when it is annotated, with its parameter and perhaps its canonical value.
    type Part = (String, Option<(String, Option<String>)>);

    fn annotate_parts(parts: &[Part]) -> String {
        let mut text = String::new();
        let mut marks = Vec::new();
        for (piece, target) in parts {
            let span = text.len()..text.len() + piece.len();
            text.push_str(piece);
            if let Some((target, canonical)) = target {
                marks.push(Mark { span, target: target.clone(), canonical: canonical.clone() });
            }
        }
        annotate(&text, &marks)
    }

    fn part() -> impl Strategy<Value = Part> {
        let target = ("[a-z_]{1,8}", proptest::option::of(any::<String>()));
        prop_oneof![
            any::<String>().prop_map(|text| (text, None)),
            ("[\\[\\]()\\\\:a-zé]{1,6}", target).prop_map(|(text, target)| (text, Some(target))),
        ]
    }

    proptest! {
        #[test]
        fn stripping_undoes_annotating(parts in proptest::collection::vec(part(), 0..8)) {
            let (text, annotations) = parse_annotated(&annotate_parts(&parts)).unwrap();
            let plain: String = parts.iter().map(|(text, _)| text.as_str()).collect();
            prop_assert_eq!(&text, &plain);
            let found: Vec<_> = annotations
                .into_iter()
                .map(|found| (text[found.span].to_owned(), found.parameter, found.canonical))
                .collect();
            let marked: Vec<_> = parts
                .into_iter()
                .filter_map(|(text, target)| target.map(|(parameter, canonical)| (text, parameter, canonical)))
                .collect();
            prop_assert_eq!(found, marked);
        }

        #[test]
        fn any_text_gives_an_answer(source in "[\\[\\]()\\\\: aé]{0,24}") {
            match parse_annotated(&source) {
                Ok((text, annotations)) => {
                    for annotation in annotations {
                        prop_assert!(text.get(annotation.span).is_some_and(|span| !span.is_empty()));
                    }
                }
                Err(error) => prop_assert!(source.is_char_boundary(error.offset) && error.offset < source.len()),
            }
        }
    }

    #[test]
    fn faults_have_their_place() {
        for (source, fault, offset) in [
            ("restart [checkout", AnnotationFault::Unclosed, 8),
            ("restart checkout]", AnnotationFault::Unopened, 16),
            ("[a [b](c)](d)", AnnotationFault::Nested, 3),
            ("restart [checkout] now", AnnotationFault::NoParameter, 17),
            ("restart [checkout](service", AnnotationFault::UnclosedParameter, 17),
            ("restart [](service)", AnnotationFault::LooseSpan, 8),
            ("restart [checkout ](service)", AnnotationFault::LooseSpan, 8),
        ] {
            assert_eq!(parse_annotated(source), Err(AnnotationError { fault, offset }), "{source}");
        }
    }

    #[test]
    fn escapes_are_the_characters() {
        let (text, annotations) = parse_annotated(r"run [rate(x\[5m\])](expression) in C:\dir \\ \[a\]").unwrap();
        assert_eq!(text, r"run rate(x[5m]) in C:\dir \ [a]");
        assert_eq!(&text[annotations[0].span.clone()], "rate(x[5m])");
    }
}
