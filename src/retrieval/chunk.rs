//! A runbook's Markdown, cut into passages: small enough to be about one thing, large enough to be read on its own.
//!
//! Headings are borders, and so is the end of a paragraph or of a list's item where a passage would grow beyond
//! [`PASSAGE_WORDS`]. Fenced `sayso` blocks are steps, not text: they are kept beside it, line by line.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use unicode_segmentation::UnicodeSegmentation;

/// How many words a passage has at most, unless a single sentence or code block has more. The encoder reads 256 word
/// pieces, some 180 words, of which the title and the headings take some.
pub const PASSAGE_WORDS: usize = 120;

/// The language of a fenced block that holds steps.
const STEPS: &str = "sayso";

/// A runbook as retrieval needs it.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// `high-error-rate.md`.
    pub name: &'a str,
    /// `Elevated 5xx after a release`.
    pub title: &'a str,
    /// What people say when they need it.
    pub symptoms: &'a [String],
    /// The alerts it is for: `HighErrorRate`.
    pub alerts: &'a [String],
    /// The Markdown after the front matter.
    pub body: &'a str,
    /// The line of the file on which the body begins, from 1.
    pub first_line: usize,
}

/// A passage of a runbook, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The runbook's name.
    pub runbook: String,
    /// The runbook's title.
    pub title: String,
    /// The headings above it, the outermost first; without a first heading that repeats the title.
    pub headings: Vec<String>,
    /// The line of the file on which it begins, from 1.
    pub line: usize,
    /// The Markdown. Empty where a section holds steps only.
    pub text: String,
    /// The steps that stand in it.
    pub steps: Vec<Step>,
}

impl Chunk {
    /// The section it stands in: `Mitigation`, `Mitigation › Roll back`; the title where there is no heading.
    pub fn section(&self) -> String {
        if self.headings.is_empty() { self.title.clone() } else { self.headings.join(" › ") }
    }

    /// Whether it is in a section that says what to do, and not what the matter is.
    pub(super) fn tells_what_to_do(&self) -> bool {
        let practical = |heading: &String| ["diagnosis", "mitigation"].contains(&heading.to_lowercase().as_str());
        self.headings.iter().any(practical)
    }
}

/// A line of a `sayso` block: a typed command, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `deploy.rollback service=<service>`.
    pub text: String,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// Cuts a runbook into passages, in order.
pub fn chunks(document: &Document<'_>) -> Vec<Chunk> {
    let outline = Outline::of(document);
    let mut cutter = Cutter { document, hidden: &outline.hidden, path: Vec::new(), open: None, chunks: Vec::new() };
    for block in outline.blocks {
        match block {
            Block::Heading { level, text } => cutter.heading(level, text),
            Block::Part(range) => cutter.part(range),
            Block::Steps(steps) => cutter.open.get_or_insert_default().steps.extend(steps),
        }
    }
    cutter.close();
    cutter.chunks
}

/// What a body consists of.
struct Outline {
    blocks: Vec<Block>,
    /// What is not text for people: `sayso` blocks and HTML.
    hidden: Vec<Range<usize>>,
}

enum Block {
    Heading {
        level: usize,
        text: String,
    },
    /// A piece of text that stays in one passage.
    Part(Range<usize>),
    Steps(Vec<Step>),
}

impl Outline {
    fn of(document: &Document<'_>) -> Self {
        let body = document.body;
        let (mut blocks, mut hidden) = (Vec::new(), Vec::new());
        // How deep the event is nested in blocks that are cut no further.
        let mut depth = 0;
        let mut heading: Option<String> = None;
        let mut steps: Option<Vec<Step>> = None;
        for (event, range) in Parser::new_ext(body, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) if depth == 0 => heading = Some(String::new()),
                Event::End(TagEnd::Heading(level)) if depth == 0 => {
                    let text = heading.take().unwrap_or_default();
                    blocks.push(Block::Heading { level: level as usize, text: text.trim().to_owned() });
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language)))
                    if language.split_whitespace().next() == Some(STEPS) =>
                {
                    hidden.push(range);
                    steps = Some(Vec::new());
                }
                Event::End(TagEnd::CodeBlock) if steps.is_some() => {
                    blocks.push(Block::Steps(steps.take().unwrap_or_default()));
                }
                // Lists are cut between their items.
                Event::Start(Tag::List(_)) | Event::End(TagEnd::List(_)) if depth == 0 => {}
                Event::Start(tag) => {
                    match tag {
                        _ if depth > 0 || heading.is_some() => {}
                        Tag::HtmlBlock => hidden.push(range),
                        Tag::Paragraph => blocks.extend(paragraph(body, range).into_iter().map(Block::Part)),
                        _ => blocks.push(Block::Part(range)),
                    }
                    depth += usize::from(heading.is_none());
                }
                Event::End(_) => depth -= usize::from(heading.is_none()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    } else if let Some(steps) = &mut steps {
                        steps.extend(step_lines(&text, document.first_line + newlines(&body[..range.start])));
                    }
                }
                _ => {}
            }
        }
        Self { blocks, hidden }
    }
}

/// A paragraph is one part; a long one is a part for each sentence.
fn paragraph(body: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let text = &body[range.clone()];
    if words(text) <= PASSAGE_WORDS {
        return vec![range];
    }
    let sentences = text.split_sentence_bound_indices();
    sentences.map(|(start, sentence)| range.start + start..range.start + start + sentence.len()).collect()
}

fn step_lines(text: &str, first_line: usize) -> impl Iterator<Item = Step> {
    let steps = text.lines().zip(first_line..).map(|(text, line)| Step { text: text.trim().to_owned(), line });
    steps.filter(|step| !step.text.is_empty())
}

/// Puts parts together until a passage is full.
struct Cutter<'a> {
    document: &'a Document<'a>,
    hidden: &'a [Range<usize>],
    /// The headings above, with their levels.
    path: Vec<(usize, String)>,
    open: Option<Open>,
    chunks: Vec<Chunk>,
}

/// The passage that is being put together.
#[derive(Default)]
struct Open {
    text: Option<Range<usize>>,
    words: usize,
    steps: Vec<Step>,
}

impl Cutter<'_> {
    fn heading(&mut self, level: usize, text: String) {
        self.close();
        self.path.retain(|(outer, _)| *outer < level);
        let repeats_title = self.path.is_empty() && text.eq_ignore_ascii_case(self.document.title.trim());
        if !repeats_title {
            self.path.push((level, text));
        }
    }

    fn part(&mut self, range: Range<usize>) {
        let words = words(&self.visible(&range));
        if self.open.as_ref().is_some_and(|open| open.words > 0 && open.words + words > PASSAGE_WORDS) {
            self.close();
        }
        let open = self.open.get_or_insert_default();
        let start = open.text.as_ref().map_or(range.start, |text| text.start);
        open.text = Some(start..range.end);
        open.words += words;
    }

    /// The passage is complete.
    fn close(&mut self) {
        let Some(Open { text, steps, .. }) = self.open.take() else { return };
        let visible = text.as_ref().map(|range| self.visible(range)).unwrap_or_default();
        let text_line = text.filter(|_| !visible.is_empty()).map(|range| {
            // A part may begin with what is hidden, or with an empty line.
            let first = visible.lines().next().unwrap_or_default();
            let start = self.document.body[range.clone()].find(first).map_or(range.start, |at| range.start + at);
            self.document.first_line + newlines(&self.document.body[..start])
        });
        let Some(line) = text_line.or_else(|| steps.first().map(|step| step.line)) else { return };
        self.chunks.push(Chunk {
            runbook: self.document.name.to_owned(),
            title: self.document.title.to_owned(),
            headings: self.path.iter().map(|(_, heading)| heading.clone()).collect(),
            line,
            text: visible,
            steps,
        });
    }

    /// The text for people, without the empty lines that hidden blocks leave behind.
    fn visible(&self, range: &Range<usize>) -> String {
        let mut text = String::new();
        let mut start = range.start;
        for hidden in self.hidden.iter().filter(|hidden| hidden.start < range.end && hidden.end > range.start) {
            text.push_str(&self.document.body[start..hidden.start.max(start)]);
            start = hidden.end.min(range.end);
        }
        text.push_str(&self.document.body[start..range.end]);
        let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.dedup_by(|next, before| next.is_empty() && before.is_empty());
        lines.join("\n").trim().to_owned()
    }
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

#[cfg(test)]
mod tests;
