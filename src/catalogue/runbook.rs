//! `runbooks/**/*.md`: front matter, then Markdown with the field's headings and `sayso` blocks.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::front_matter::{FrontMatter, read_front_matter};
use super::step::{KnownIntents, StepTemplate, read_step};
use super::{Diagnostic, SourceFile};
use crate::domain::Digest;

/// The headings that people know from other runbooks.
const HEADINGS: [&str; 4] = ["Meaning", "Impact", "Diagnosis", "Mitigation"];

/// What to do when something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runbook {
    /// Its path below `runbooks/`: `high-error-rate.md`.
    pub name: String,
    /// What is wrong, in a few words.
    pub title: String,
    /// How people describe it.
    pub symptoms: Vec<String>,
    /// The alerts that lead to it.
    pub alerts: Vec<String>,
    /// The Markdown below the front matter.
    pub body: String,
    /// The line of the file on which the body begins, from 1.
    pub first_line: usize,
    /// The commands it suggests, in order.
    pub steps: Vec<StepTemplate>,
    /// The digest of the whole file.
    pub digest: Digest,
}

/// Reads a runbook; every fault becomes a diagnostic, and does not hide the next.
pub(super) fn read_runbook(file: &SourceFile, known: &KnownIntents<'_>, diagnostics: &mut Vec<Diagnostic>) -> Runbook {
    let (front, body_start) = match split_front_matter(&file.text) {
        Some((yaml, body_start)) => (read_front_matter(&file.path, yaml, 2, diagnostics), body_start),
        None => {
            let fault = Diagnostic::error(&file.path, "expected front matter between two lines `---`").on_line(1);
            diagnostics.push(fault.hint("begin the file with `---`, `title: …`, `---`"));
            (FrontMatter::default(), 0)
        }
    };
    let FrontMatter { title, symptoms, alerts } = front;
    let body = &file.text[body_start..];
    let first_line = line_of(&file.text, body_start);
    let outline = Outline::read(body);
    for heading in HEADINGS {
        if !outline.headings.iter().any(|found| found.eq_ignore_ascii_case(heading)) {
            let fault = Diagnostic::warning(&file.path, format!("the heading `{heading}` is missing"));
            diagnostics.push(fault.hint(format!("add a section `## {heading}`")));
        }
    }
    let steps = outline
        .step_lines
        .iter()
        .filter_map(|(offset, text)| {
            read_step(&file.path, line_of(body, *offset) + first_line - 1, text, known, diagnostics)
        })
        .collect();
    Runbook {
        name: file.name().to_owned(),
        title,
        symptoms,
        alerts,
        body: body.to_owned(),
        first_line,
        steps,
        digest: Digest::of_file(file.text.as_bytes()),
    }
}

/// The YAML between the first line and the next `---`, and where the body begins, in bytes.
fn split_front_matter(text: &str) -> Option<(&str, usize)> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().filter(|line| line.trim_end() == "---")?;
    let mut end = first.len();
    for line in lines {
        if line.trim_end() == "---" {
            return Some((&text[first.len()..end], end + line.len()));
        }
        end += line.len();
    }
    None
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// What of a body matters here.
#[derive(Default)]
struct Outline {
    headings: Vec<String>,
    /// The lines of all `sayso` blocks that are not empty, each with its place in the body, in bytes.
    step_lines: Vec<(usize, String)>,
}

impl Outline {
    fn read(body: &str) -> Self {
        let mut outline = Self::default();
        let mut heading: Option<String> = None;
        let mut in_steps = false;
        for (event, range) in Parser::new(body).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => outline.headings.extend(heading.take()),
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    in_steps = info.split_whitespace().next() == Some("sayso");
                }
                Event::End(TagEnd::CodeBlock) => in_steps = false,
                Event::Text(text) | Event::Code(text) if heading.is_some() => {
                    heading.as_mut().into_iter().for_each(|heading| heading.push_str(&text));
                }
                Event::Text(text) if in_steps => {
                    let mut offset = range.start;
                    for line in text.split_inclusive('\n') {
                        if !line.trim().is_empty() {
                            outline.step_lines.push((offset, line.trim().to_owned()));
                        }
                        offset += line.len();
                    }
                }
                _ => {}
            }
        }
        outline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_ends_where_it_says() {
        for (text, found) in [
            ("---\ntitle: x\n---\nbody", Some(("title: x\n", 17))),
            ("---\r\ntitle: x\r\n---\r\nbody", Some(("title: x\r\n", 20))),
            ("---\n---\n", Some(("", 8))),
            ("---\ntitle: x\n", None),
            ("title: x\n", None),
            ("", None),
        ] {
            assert_eq!(split_front_matter(text), found, "{text:?}");
        }
    }

    #[test]
    fn steps_know_their_place() {
        let body = "## Diagnosis\n\n1. Look.\n\n   ```sayso\n   host.disk host=<host>\n\n   host.load\n   ```\n\n~~~ sayso\nhost.uptime\n~~~\n```\nhost.reboot\n```\n";
        let found: Vec<_> =
            Outline::read(body).step_lines.into_iter().map(|(offset, text)| (line_of(body, offset), text)).collect();
        let expected = [(6, "host.disk host=<host>"), (8, "host.load"), (12, "host.uptime")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
    }
}
