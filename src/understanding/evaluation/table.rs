//! Tables of public sets: a header, and rows that are split on tabs alone; there is no quoting.

/// A table as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<'a> {
    header: Vec<&'a str>,
    /// The rows with their lines, from 1; each is as wide as the header.
    pub rows: Vec<(usize, Vec<&'a str>)>,
}

/// Why a table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Not even a header.
    #[error("empty, expected a header and rows")]
    NoHeader,
    /// The header lacks a column.
    #[error("line 1: no column `{missing}`, found `{}`", .found.join("`, `"))]
    NoColumn {
        /// The column.
        missing: &'static str,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// A row is wider or narrower than the header.
    #[error("line {line}: expected {expected} columns, found {found}")]
    Columns {
        /// The line, from 1.
        line: usize,
        /// As many as the header has.
        expected: usize,
        /// As many as the row has.
        found: usize,
    },
}

impl<'a> Table<'a> {
    /// Reads a table whose first line names the columns; empty lines are no rows.
    pub fn read(content: &'a str) -> Result<Self, TableError> {
        let mut lines = content.lines().enumerate();
        let header: Vec<&str> = lines.next().ok_or(TableError::NoHeader)?.1.split('\t').collect();
        let rows = lines.filter(|(_, line)| !line.is_empty()).map(|(index, line)| {
            let (cells, line) = (line.split('\t').collect::<Vec<_>>(), index + 1);
            let (expected, found) = (header.len(), cells.len());
            if expected == found { Ok((line, cells)) } else { Err(TableError::Columns { line, expected, found }) }
        });
        Ok(Self { rows: rows.collect::<Result<_, _>>()?, header })
    }

    /// Where a column stands.
    pub fn column(&self, name: &'static str) -> Result<usize, TableError> {
        let found = || self.header.iter().map(|name| (*name).to_owned()).collect();
        let at = self.header.iter().position(|other| *other == name);
        at.ok_or_else(|| TableError::NoColumn { missing: name, found: found() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_split_on_tabs_alone() {
        let table = Table::read("a\tb\n\"x\ty\"\n\n, \t;\n").unwrap();
        assert_eq!(table.rows, [(2, vec!["\"x", "y\""]), (4, vec![", ", ";"])]);
        assert_eq!((table.column("a"), table.column("b")), (Ok(0), Ok(1)));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(Table::read("").unwrap_err().to_string(), "empty, expected a header and rows");
        assert_eq!(Table::read("a\tb\nx\n").unwrap_err().to_string(), "line 2: expected 2 columns, found 1");
        let missing = Table::read("a\tb\n").unwrap().column("c").unwrap_err();
        assert_eq!(missing.to_string(), "line 1: no column `c`, found `a`, `b`");
    }
}
