//! Adding an example to a file that a person has written: everything that stands there stays as it is, to the byte.

use super::Diagnostic;
use super::fields::Document;

/// The text of an intent's file with one more line at the end of its `examples`. `file` is its name in diagnostics.
pub fn with_example(file: &str, text: &str, example: &str) -> Result<String, Vec<Diagnostic>> {
    let document = Document::parse(file, text)?;
    let Some(examples) = document.root().get("examples") else {
        document.error_in_file("`examples` is missing", None);
        return Err(document.into_faults());
    };
    let (span, items) = (examples.span.clone(), examples.list());
    let Some(items) = items else { return Err(document.into_faults()) };
    let (start, end) = items.last().map_or((span.start + 1, span.start + 1), |last| (last.span.start, last.span.end));
    // Behind the last example: a comma or none, comments, and white space before the bracket.
    let (tail, rest) = (&text[end..span.end - 1], &text[span.end - 1..]);
    let (kept, space) = tail.split_at(tail.trim_end().len());
    let has_comma = tail.lines().any(|line| line.split('#').next().is_some_and(|code| code.contains(',')));
    let comma = if items.is_empty() || has_comma { "" } else { "," };
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let indent: String = text[line_start..].chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    let before = match (items.is_empty(), text[span.start..start].contains('\n') || kept.contains('#')) {
        (true, _) => String::new(),
        (false, true) => format!("{newline}{indent}"),
        (false, false) => " ".to_owned(),
    };
    let quoted = toml::Value::String(example.to_owned());
    let after = if space.contains('\n') { "," } else { "" };
    Ok(format!("{}{comma}{kept}{before}{quoted}{after}{space}{rest}", &text[..end]))
}

/// The text of `none.txt` with one more line.
pub fn with_line(text: &str, line: &str) -> String {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
    format!("{text}{end}{line}{newline}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_added_and_nothing_else_changes() {
        for (text, expected) in [
            ("examples = [\n  \"a\",\n  'b',\n]\n# end\n", "examples = [\n  \"a\",\n  'b',\n  \"new\",\n]\n# end\n"),
            ("examples = [\n\t\"a\"\n]", "examples = [\n\t\"a\",\n\t\"new\",\n]"),
            (
                "examples = [\n  \"a\", # one, or two\n  # more\n]\nx = 1\n",
                "examples = [\n  \"a\", # one, or two\n  # more\n  \"new\",\n]\nx = 1\n",
            ),
            ("examples = [\n  \"a\" # one, two\n]\n", "examples = [\n  \"a\", # one, two\n  \"new\",\n]\n"),
            ("a = 1\r\nexamples = [\r\n  \"a\",\r\n]\r\n", "a = 1\r\nexamples = [\r\n  \"a\",\r\n  \"new\",\r\n]\r\n"),
            ("examples = [\"a\", \"b\"]\n", "examples = [\"a\", \"b\", \"new\"]\n"),
            ("examples = [\"a\",\n  \"b\"]\n", "examples = [\"a\",\n  \"b\",\n  \"new\"]\n"),
            ("examples = []\n", "examples = [\"new\"]\n"),
        ] {
            assert_eq!(with_example("x", text, "new").unwrap(), expected);
        }
    }

    #[test]
    fn what_needs_it_is_quoted() {
        let added = |example| with_example("x", "examples = [\"a\"]\n", example).unwrap();
        for example in ["say \"hi\"", r"C:\dir \[a\]", "it's", "both \" and '", "tab\there", "é ＠"] {
            let table: toml::Table = added(example).parse().unwrap();
            assert_eq!(table["examples"].as_array().unwrap()[1].as_str(), Some(example), "{}", added(example));
            assert_eq!(added(example).lines().count(), 1);
        }
    }

    #[test]
    fn a_file_without_examples_is_refused() {
        for (text, fault) in [
            ("a = 1\n", "error: x: `examples` is missing"),
            ("examples = 1\n", "error: x:1:12: `examples`: expected a list, found `1`"),
            ("examples = [\n", "error: x:1:13: broken TOML: unclosed array, expected `]`"),
        ] {
            let faults = with_example("x", text, "new").unwrap_err();
            assert!(faults.iter().any(|found| found.to_string() == fault), "{faults:?}");
        }
    }

    #[test]
    fn a_line_is_added_behind_the_last() {
        for (text, expected) in
            [("", "new\n"), ("a\n", "a\nnew\n"), ("# c\na", "# c\na\nnew\n"), ("a\r\nb", "a\r\nb\r\nnew\r\n")]
        {
            assert_eq!(with_line(text, "new"), expected);
        }
    }
}
