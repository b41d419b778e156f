//! Runbooks cut into passages: by heading, then by paragraph, each with its place.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A passage is about this long, in words; paragraphs are not broken.
const WORDS: usize = 120;

/// A document to be cut.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Its name: `high-error-rate.md`.
    pub name: &'a str,
    /// Its title.
    pub title: &'a str,
    /// What people say when they need it.
    pub symptoms: &'a [String],
    /// The names of the alerts it is for.
    pub alerts: &'a [String],
    /// Markdown, without front matter.
    pub body: &'a str,
    /// The file's line on which the body starts, from 1.
    pub first_line: usize,
}

/// A typed command that stands in a passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line as written, with its placeholders.
    pub text: String,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// A piece of a document with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The document's name.
    pub runbook: String,
    /// The document's title.
    pub title: String,
    /// The headings above it, outermost first.
    pub headings: Vec<String>,
    /// The first line of the passage in the file, from 1.
    pub line: usize,
    /// The prose, paragraphs separated by an empty line.
    pub text: String,
    /// The typed commands in it.
    pub steps: Vec<Step>,
}

impl Chunk {
    /// Where it stands: `Mitigation`, `Diagnosis › Database`.
    pub fn section(&self) -> String {
        self.headings.join(" › ")
    }
}

/// A block of a document while it is being cut.
enum Block {
    Heading(HeadingLevel, String),
    Prose(String, usize),
    Steps(Vec<Step>),
}

/// Cuts a document into passages, in order.
pub fn chunks(document: &Document<'_>) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut headings: Vec<(HeadingLevel, String)> = Vec::new();
    let mut fresh = true;
    for block in blocks(document) {
        match block {
            Block::Heading(level, text) => {
                headings.retain(|(above, _)| *above < level);
                headings.push((level, text));
                fresh = true;
            }
            Block::Prose(text, line) => {
                let full = |chunk: &Chunk| words(&chunk.text) > 0 && words(&chunk.text) + words(&text) > WORDS;
                match chunks.last_mut() {
                    Some(chunk) if !fresh && !full(chunk) => {
                        if !chunk.text.is_empty() {
                            chunk.text.push_str("\n\n");
                        }
                        chunk.text.push_str(&text);
                    }
                    _ => chunks.push(empty(document, &headings, line, text)),
                }
                fresh = false;
            }
            Block::Steps(steps) => {
                let line = steps.first().map_or(document.first_line, |step| step.line);
                match chunks.last_mut() {
                    Some(chunk) if !fresh => chunk.steps.extend(steps),
                    _ => {
                        let mut chunk = empty(document, &headings, line, String::new());
                        chunk.steps = steps;
                        chunks.push(chunk);
                    }
                }
                fresh = false;
            }
        }
    }
    chunks
}

fn empty(document: &Document<'_>, headings: &[(HeadingLevel, String)], line: usize, text: String) -> Chunk {
    Chunk {
        runbook: document.name.to_owned(),
        title: document.title.to_owned(),
        headings: headings.iter().map(|(_, heading)| heading.clone()).collect(),
        line,
        text,
        steps: Vec::new(),
    }
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn blocks(document: &Document<'_>) -> Vec<Block> {
    let line_of = |offset: usize| document.first_line + document.body[..offset].matches('\n').count();
    let mut blocks = Vec::new();
    let mut open: Option<Range<usize>> = None;
    let mut depth = 0_usize;
    let mut heading: Option<(HeadingLevel, String)> = None;
    let mut steps: Option<Vec<Step>> = None;
    for (event, span) in Parser::new_ext(document.body, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => heading = Some((level, String::new())),
            Event::End(TagEnd::Heading(_)) => {
                blocks.extend(heading.take().map(|(level, text)| Block::Heading(level, text)));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(tag))) if tag.trim() == "sayso" => {
                steps = Some(Vec::new())
            }
            Event::End(TagEnd::CodeBlock) if steps.is_some() => {
                blocks.extend(steps.take().filter(|steps| !steps.is_empty()).map(Block::Steps));
            }
            Event::Text(text) => {
                if let Some((_, heading)) = &mut heading {
                    heading.push_str(&text);
                } else if let Some(steps) = &mut steps {
                    let first = line_of(span.start);
                    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
                    steps.extend(lines.map(|(index, line)| Step { text: line.trim().to_owned(), line: first + index }));
                }
            }
            Event::Code(text) => {
                if let Some((_, heading)) = &mut heading {
                    heading.push_str(&text);
                }
            }
            // A list is one block: its items belong together. A `sayso` block inside a list ends it.
            Event::Start(Tag::Paragraph | Tag::List(_) | Tag::Table(_) | Tag::CodeBlock(_) | Tag::BlockQuote(_)) => {
                if depth == 0 {
                    open = Some(span);
                }
                depth += 1;
            }
            Event::End(
                TagEnd::Paragraph | TagEnd::List(_) | TagEnd::Table | TagEnd::CodeBlock | TagEnd::BlockQuote(_),
            ) => {
                depth = depth.saturating_sub(1);
                if depth == 0
                    && let Some(span) = open.take()
                {
                    let text = document.body[span.clone()].trim().to_owned();
                    blocks.push(Block::Prose(text, line_of(span.start)));
                }
            }
            _ => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "## Meaning\n\nErrors rise.\n\n## Diagnosis\n\n1. Look at the rate.\n2. Compare.\n\n```sayso\nmetric.show metric=error_rate service=<service>\n```\n\n## Mitigation\nRoll back.\n\n```sayso\ndeploy.rollback service=<service>\n```\n";

    #[test]
    fn passages_know_their_place_and_their_steps() {
        let document = Document { name: "x.md", title: "X", symptoms: &[], alerts: &[], body: BODY, first_line: 5 };
        let chunks = chunks(&document);
        let places: Vec<_> = chunks.iter().map(|chunk| (chunk.section(), chunk.line, chunk.steps.len())).collect();
        assert_eq!(places, [("Meaning".into(), 7, 0), ("Diagnosis".into(), 11, 1), ("Mitigation".into(), 19, 1)]);
        assert_eq!(
            chunks[1].steps[0],
            Step { text: "metric.show metric=error_rate service=<service>".into(), line: 15 }
        );
        assert_eq!(chunks[2].text, "Roll back.");
    }

    #[test]
    fn long_sections_are_cut_between_paragraphs() {
        let paragraph = "word ".repeat(70);
        let body = format!("## A\n{paragraph}\n\n{paragraph}\n\n{paragraph}\n");
        let document = Document { name: "x.md", title: "X", symptoms: &[], alerts: &[], body: &body, first_line: 1 };
        assert_eq!(chunks(&document).len(), 3);
    }
}
