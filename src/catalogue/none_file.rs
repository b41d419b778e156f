//! `intents/none.txt`: lines that are no commands. One a line; a line that begins with `#` is a comment.
//!
//! A line may stand as it was written. Names may be marked with their type, `restarted [checkout](service)`, so that it is
//! the sentence that teaches and not the name.

use super::example::{Example, ExampleKind, parse_annotated};
use super::fields::suggestion;
use super::{Diagnostic, SourceFile};
use crate::domain::EntityType;

/// Reads the lines. A line whose brackets are no marks is taken as written; a mark of an unknown type is a fault.
pub(super) fn read_none(file: &SourceFile, diagnostics: &mut Vec<Diagnostic>) -> Vec<Example> {
    let lines = file.text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(line, written)| {
            let (text, marks) = parse_annotated(written).unwrap_or_else(|_| (written.to_owned(), Vec::new()));
            let mut names = Vec::new();
            for mark in marks {
                match EntityType::ALL.into_iter().find(|entity| entity.as_str() == mark.parameter) {
                    Some(entity) => names.push((mark.span, entity)),
                    None => {
                        let message = format!("unknown type of name `{}`", mark.parameter);
                        let fault = Diagnostic::error(&file.path, message).on_line(line);
                        let known = EntityType::ALL.iter().map(|entity| entity.as_str());
                        diagnostics.push(match suggestion(&mark.parameter, known) {
                            Some(hint) => fault.hint(hint),
                            None => fault,
                        });
                    }
                }
            }
            Example {
                intent: None,
                text,
                annotations: Vec::new(),
                names,
                kind: ExampleKind::OutOfScope,
                file: file.path.clone(),
                line,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_as_written_or_with_marked_names() {
        let text = "# reports\nrestarted [checkout](service) for [ines](person)\n\n[FIRING] it's down\n[x](servce) y\n";
        let file = SourceFile { path: "intents/none.txt".into(), text: text.into() };
        let mut diagnostics = Vec::new();
        let lines = read_none(&file, &mut diagnostics);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["restarted checkout for ines", "[FIRING] it's down", "x y"]);
        assert_eq!(lines[0].names, [(10..18, EntityType::Service), (23..27, EntityType::Person)]);
        assert_eq!((lines[1].line, lines[1].names.len()), (4, 0));
        let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["error: intents/none.txt:5: unknown type of name `servce`\n  hint: did you mean `service`?"]);
    }
}
