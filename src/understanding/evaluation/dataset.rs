//! Public sets of labelled messages: tables (`split`, `intent`, `text`, split on tabs alone) and JSON lines with slots.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;

use super::table::{Table, TableError};

/// The label of messages that are none of a set's intents.
pub const OUT_OF_SCOPE: &str = "oos";

/// A message with its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which part of the set it belongs to: `train`, `test`.
    pub split: String,
    /// Its intent, or [`OUT_OF_SCOPE`].
    pub intent: String,
    /// The message.
    pub text: String,
    /// Where its values stand, in bytes, and of which slot they are; in the text's order.
    pub slots: Vec<(Range<usize>, String)>,
}

impl Row {
    /// Whether it is none of the set's intents.
    pub fn is_out_of_scope(&self) -> bool {
        self.intent == OUT_OF_SCOPE
    }
}

/// A set as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    rows: Vec<Row>,
}

/// Why a set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// It is no table, or lacks a column.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A row says nothing.
    #[error("line {line}: `{column}` is empty")]
    Empty {
        /// The line, from 1.
        line: usize,
        /// The column.
        column: &'static str,
    },
    /// Not JSON of the expected shape.
    #[error("line {line}: {reason}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// What serde says.
        reason: String,
    },
    /// A slot beyond the text's end, or empty, or within another.
    #[error("line {line}: slot `{slot}` has no place of its own in the text")]
    Slot {
        /// The line, from 1.
        line: usize,
        /// The slot.
        slot: String,
    },
    /// No row is of that split.
    #[error("no rows of split `{split}`, found {}", listed(.found))]
    NoSplit {
        /// The split that was asked for.
        split: String,
        /// The splits that are there.
        found: Vec<String>,
    },
    /// All rows are out of scope.
    #[error("no intents in {}: every row is out of scope", listed(.0))]
    NoIntents(Vec<String>),
    /// Nothing was learned about an intent that is measured.
    #[error("intent `{0}` is measured and was never learned")]
    NeverLearned(String),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { format!("`{}`", names.join("`, `")) }
}

impl Dataset {
    /// Reads a table whose first line names the columns; there is no quoting. Columns beside the three are left alone.
    pub fn from_tsv(content: &str) -> Result<Self, DatasetError> {
        let table = Table::read(content)?;
        let (split, intent, text) = (table.column("split")?, table.column("intent")?, table.column("text")?);
        let rows = table.rows.into_iter().map(|(line, cells)| {
            let cell = |at: usize, column| match cells[at].trim() {
                "" => Err(DatasetError::Empty { line, column }),
                _ => Ok(cells[at].to_owned()),
            };
            let (split, intent, text) = (cell(split, "split")?, cell(intent, "intent")?, cell(text, "text")?);
            Ok(Row { split, intent, text, slots: Vec::new() })
        });
        Ok(Self { rows: rows.collect::<Result<_, DatasetError>>()? })
    }

    /// Reads JSON lines: `{"split", "intent", "text", "entities": [[start, end, slot], …]}`, with places in characters.
    pub fn from_jsonl(content: &str) -> Result<Self, DatasetError> {
        #[derive(Deserialize)]
        struct Line {
            split: String,
            intent: String,
            text: String,
            #[serde(default)]
            entities: Vec<(usize, usize, String)>,
        }
        let lines = content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let rows = lines.map(|(index, text)| {
            let line = index + 1;
            let Line { split, intent, text, entities } =
                serde_json::from_str(text).map_err(|error| DatasetError::Json { line, reason: error.to_string() })?;
            for (column, cell) in [("split", &split), ("intent", &intent), ("text", &text)] {
                if cell.trim().is_empty() {
                    return Err(DatasetError::Empty { line, column });
                }
            }
            let mut slots = Vec::with_capacity(entities.len());
            for (start, end, slot) in entities {
                let place = in_bytes(&text, start, end);
                let before = slots.last().map_or(0, |(span, _): &(Range<usize>, String)| span.end);
                match place.filter(|span| span.start >= before) {
                    Some(span) => slots.push((span, slot)),
                    None => return Err(DatasetError::Slot { line, slot }),
                }
            }
            Ok(Row { split, intent, text, slots })
        });
        Ok(Self { rows: rows.collect::<Result<_, DatasetError>>()? })
    }

    /// The rows of some splits, in the set's order.
    pub fn rows(&self, splits: &[String]) -> Result<Vec<&Row>, DatasetError> {
        let known: BTreeSet<&str> = self.rows.iter().map(|row| row.split.as_str()).collect();
        if let Some(split) = splits.iter().find(|split| !known.contains(split.as_str())) {
            let found = known.into_iter().map(str::to_owned).collect();
            return Err(DatasetError::NoSplit { split: split.clone(), found });
        }
        Ok(self.rows.iter().filter(|row| splits.contains(&row.split)).collect())
    }
}

/// A stretch of characters as bytes, without the white space at its ends; none if nothing is left.
fn in_bytes(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let at = |character: usize| {
        let ends = std::iter::once(text.len());
        text.char_indices().map(|(at, _)| at).chain(ends).nth(character)
    };
    let (start, end) = (at(start)?, at(end)?);
    let written = text.get(start..end)?;
    let inner = written.trim();
    let lead = written.len() - written.trim_start().len();
    (!inner.is_empty()).then(|| start + lead..start + lead + inner.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn tables_are_split_on_tabs_alone() {
        let set =
            Dataset::from_tsv("text\tsplit\tintent\nsay \"hi\tsplit 1\tgreet\n\nit's, fine\ttest\toos\n").unwrap();
        let rows = set.rows(&names(&["test", "split 1"])).unwrap();
        let shown: Vec<_> = rows.iter().map(|row| (row.text.as_str(), row.is_out_of_scope())).collect();
        assert_eq!(shown, [("say \"hi", false), ("it's, fine", true)]);
    }

    #[test]
    fn slots_are_counted_in_characters() {
        let line =
            r#"{"split":"a","intent":"Play","text":"play Größe now","entities":[[5,11,"track"],[11,14,"when"]]}"#;
        let set = Dataset::from_jsonl(line).unwrap();
        let row = set.rows(&names(&["a"])).unwrap()[0];
        let slots: Vec<_> = row.slots.iter().map(|(span, slot)| (&row.text[span.clone()], slot.as_str())).collect();
        assert_eq!(slots, [("Größe", "track"), ("now", "when")]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let head = "split\tintent\ttext\n";
        let tsv = |rest: &str| Dataset::from_tsv(&format!("{head}{rest}")).unwrap_err().to_string();
        let missing = Dataset::from_tsv("split\tlabel\ttext\n").unwrap_err();
        assert_eq!(missing.to_string(), "line 1: no column `intent`, found `split`, `label`, `text`");
        assert_eq!(tsv("train\tpay\tsend it\nx\ty"), "line 3: expected 3 columns, found 2");
        assert_eq!(tsv("train\t\tsend it\n"), "line 2: `intent` is empty");
        let jsonl = |entities: &str| {
            let line = format!(r#"{{"split":"a","intent":"b","text":"cd ef","entities":{entities}}}"#);
            Dataset::from_jsonl(&line).unwrap_err().to_string()
        };
        assert_eq!(jsonl("[[0,9,\"s\"]]"), "line 1: slot `s` has no place of its own in the text");
        assert_eq!(jsonl("[[0,2,\"s\"],[1,5,\"t\"]]"), "line 1: slot `t` has no place of its own in the text");
        assert!(jsonl("7").starts_with("line 1: invalid type: integer `7`"), "{}", jsonl("7"));
        let set = Dataset::from_tsv(&format!("{head}train\tpay\tsend it\n")).unwrap();
        assert_eq!(
            set.rows(&names(&["train", "test"])).unwrap_err().to_string(),
            "no rows of split `test`, found `train`"
        );
        let set = Dataset::from_tsv(head).unwrap();
        assert_eq!(set.rows(&names(&["test"])).unwrap_err().to_string(), "no rows of split `test`, found none");
    }
}
