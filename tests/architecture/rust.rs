//! Reads just enough Rust to know which paths a file names: tokens without comments and literals, what is test code,
//! `use` trees with their aliases, inline modules.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;

/// A word, a `::`, or one mark; literals are `"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path as it stands in the code, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPath {
    /// Whether it leads into this package. Then it begins with a room: `store::Sqlite`.
    pub(crate) inside: bool,
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

impl NamedPath {
    /// Whether the path is this one, or one below it. `candle_*` stands for every name that begins so.
    pub(crate) fn is_below(&self, prefix: &str) -> bool {
        let prefix: Vec<&str> = prefix.split("::").collect();
        self.segments.len() >= prefix.len()
            && prefix.iter().zip(&self.segments).all(|(wanted, found)| match wanted.strip_suffix('*') {
                Some(stem) => found.starts_with(stem),
                None => wanted == found,
            })
    }

    pub(crate) fn shown(&self) -> String {
        self.segments.join("::")
    }
}

/// The tokens of a file.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        let mut push = |text: &str| tokens.push(Token { text: text.to_owned(), line });
        match c {
            '\n' => line += 1,
            c if c.is_whitespace() => {}
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => line += skip_block_comment(&mut chars),
            '"' => {
                push("\"");
                line += skip_string(&mut chars);
            }
            '\'' => skip_char_or_lifetime(&mut chars),
            ':' if chars.next_if_eq(&':').is_some() => push("::"),
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                match (word.as_str(), chars.peek()) {
                    // Not raw: `r#type`. The word itself follows.
                    ("r" | "br" | "cr", Some('"' | '#')) => {
                        if let Some(lines) = skip_raw(&mut chars) {
                            push("\"");
                            line += lines;
                        }
                    }
                    ("b" | "c", Some('"' | '\'')) => {}
                    _ => push(&word),
                }
            }
            c => push(&c.to_string()),
        }
    }
    tokens
}

/// After `/`; how many lines it went down.
fn skip_block_comment(chars: &mut Peekable<Chars<'_>>) -> usize {
    let (mut depth, mut lines, mut before) = (0_usize, 0, '/');
    for c in chars.by_ref() {
        match (before, c) {
            ('/', '*') => (depth, before) = (depth + 1, ' '),
            ('*', '/') => (depth, before) = (depth - 1, ' '),
            _ => before = c,
        }
        lines += usize::from(c == '\n');
        if depth == 0 {
            break;
        }
    }
    lines
}

/// After the opening mark.
fn skip_string(chars: &mut Peekable<Chars<'_>>) -> usize {
    let mut lines = 0;
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => lines += usize::from(chars.next() == Some('\n')),
            c => lines += usize::from(c == '\n'),
        }
    }
    lines
}

/// After `r`; none if this is no raw string.
fn skip_raw(chars: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let mut marks = 0;
    while chars.next_if_eq(&'#').is_some() {
        marks += 1;
    }
    chars.next_if_eq(&'"')?;
    let mut lines = 0;
    while let Some(c) = chars.next() {
        lines += usize::from(c == '\n');
        if c == '"' && (0..marks).all(|_| chars.next_if_eq(&'#').is_some()) {
            break;
        }
    }
    Some(lines)
}

/// After `'`: `'a'`, `'\n'`, `'\''`, or the `'a` of a lifetime.
fn skip_char_or_lifetime(chars: &mut Peekable<Chars<'_>>) {
    if chars.next() == Some('\\') {
        chars.next();
        while chars.next().is_some_and(|c| c != '\'') {}
    } else if chars.next_if_eq(&'\'').is_none() {
        while chars.next_if(|c| c.is_alphanumeric() || *c == '_').is_some() {}
    }
}

/// The tokens that are no test code, and the names of the modules in files of their own that are: `#[cfg(test)] mod x;`.
pub(crate) fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let (mut kept, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        if text(at) != "#" || text(at + 1) != "[" {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut end = after_group(tokens, at + 1);
        let attribute: Vec<&str> = (at + 2..end).map(text).collect();
        if !matches!(&attribute[..], ["cfg", "(", "test", ..] | ["cfg", "(", "all", "(", "test", ..] | ["test", "]"]) {
            kept.extend_from_slice(&tokens[at..end]);
            at = end;
            continue;
        }
        while text(end) == "#" && text(end + 1) == "[" {
            end = after_group(tokens, end + 1);
        }
        // The item ends with `;` or with its block.
        let start = end;
        while end < tokens.len() && !matches!(text(end), ";" | "{" | "}") {
            end = if matches!(text(end), "(" | "[") { after_group(tokens, end) } else { end + 1 };
        }
        let words: Vec<&str> = (start..end).map(text).collect();
        if let (";", [.., "mod", name]) = (text(end), &words[..]) {
            modules.push((*name).to_owned());
        }
        at = match text(end) {
            "{" => after_group(tokens, end),
            ";" => end + 1,
            _ => end,
        };
    }
    (kept, modules)
}

/// The place behind the bracket that closes the one at `open`.
fn after_group(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// All paths that the tokens of a module name, in `use` declarations and in the open. `module` is the file's own path:
/// `["proposal", "policy"]`.
pub(crate) fn named_paths(tokens: &[Token], module: &[String]) -> Vec<NamedPath> {
    let mut reader = Reader { tokens, at: 0, module: module.to_vec(), aliases: HashMap::new(), found: Vec::new() };
    reader.read();
    reader.found
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    module: Vec<String>,
    /// What a name means here because of a `use`.
    aliases: HashMap<String, NamedPath>,
    found: Vec<NamedPath>,
}

impl Reader<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    fn is_word(&self, at: usize) -> bool {
        self.text(at).starts_with(|c: char| c.is_alphabetic() || c == '_')
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |token| token.line)
    }

    fn read(&mut self) {
        // The depths at which inline modules were opened.
        let (mut depth, mut opened) = (0_usize, Vec::new());
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                "use" if self.text(self.at + 1) != "<" => {
                    self.at += 1;
                    self.tree(Vec::new());
                }
                "mod" if self.is_word(self.at + 1) && self.text(self.at + 2) == "{" => {
                    self.module.push(self.text(self.at + 1).to_owned());
                    opened.push(depth);
                    self.at += 2;
                }
                "{" => {
                    depth += 1;
                    self.at += 1;
                }
                "}" => {
                    depth = depth.saturating_sub(1);
                    if opened.last() == Some(&depth) {
                        opened.pop();
                        self.module.pop();
                    }
                    self.at += 1;
                }
                _ if self.is_word(self.at) => self.path(),
                _ => self.at += 1,
            }
        }
    }

    /// A path in the open; a single word is none.
    fn path(&mut self) {
        let line = self.line();
        let mut segments = vec![self.text(self.at).to_owned()];
        // `<T as Trait>::name` and `Vec::<T>::new` go on from a type.
        let continues = self.at >= 2 && self.text(self.at - 1) == "::" && self.text(self.at - 2) == ">";
        while self.text(self.at + 1) == "::" && self.is_word(self.at + 2) {
            segments.push(self.text(self.at + 2).to_owned());
            self.at += 2;
        }
        self.at += 1;
        if segments.len() > 1 && !continues {
            let path = self.resolved(segments, line);
            self.found.push(path);
        }
    }

    /// A `use` tree, or a branch of one.
    fn tree(&mut self, mut segments: Vec<String>) {
        let line = self.line();
        self.at += usize::from(self.text(self.at) == "::");
        loop {
            match self.text(self.at) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(self.at), "}" | "") {
                        self.tree(segments.clone());
                        self.at += usize::from(self.text(self.at) == ",");
                    }
                    self.at += 1;
                    return;
                }
                "self" if !segments.is_empty() => {}
                "" | ";" | "}" | "," => break,
                word => segments.push(word.to_owned()),
            }
            self.at += 1;
            if self.text(self.at) != "::" {
                break;
            }
            self.at += 1;
        }
        let mut name = segments.last().cloned().unwrap_or_default();
        if self.text(self.at) == "as" {
            name = self.text(self.at + 1).to_owned();
            self.at += 2;
        }
        // Whatever else there may be belongs to nothing that is valid.
        while !matches!(self.text(self.at), "," | "}" | ";" | "") {
            self.at += 1;
        }
        let path = self.resolved(segments, line);
        if !matches!(name.as_str(), "*" | "_") {
            self.aliases.insert(name, path.clone());
        }
        self.found.push(path);
    }

    /// Where a path leads to.
    fn resolved(&self, segments: Vec<String>, line: usize) -> NamedPath {
        let first = segments.first().map(String::as_str).unwrap_or_default();
        let own = |module: &[String], skip: usize| {
            let segments = module.iter().chain(&segments[skip..]).cloned().collect();
            NamedPath { inside: true, segments, line }
        };
        match first {
            "crate" | "sayso" => own(&[], 1),
            "self" => own(&self.module, 1),
            "super" => {
                let ups = segments.iter().take_while(|segment| *segment == "super").count();
                own(&self.module[..self.module.len().saturating_sub(ups)], ups)
            }
            _ => match self.aliases.get(first) {
                Some(alias) => {
                    let segments = alias.segments.iter().chain(&segments[1..]).cloned().collect();
                    NamedPath { inside: alias.inside, segments, line }
                }
                None => NamedPath { inside: false, segments, line },
            },
        }
    }
}

#[test]
fn comments_and_literals_are_no_code() {
    let source = r##"a /* b /* c */ d */ e // f
        "g \" h" 'i' '\'' b'j' b"k" r#"l " m"# &'n o r#type p::q"##;
    let words: Vec<String> = tokens(source).into_iter().map(|token| token.text).collect();
    assert_eq!(words, ["a", "e", "\"", "\"", "\"", "&", "o", "type", "p", "::", "q"]);
    let lines: Vec<usize> = tokens("a\n/*\n*/ b\n\"\n\\\n\" c").iter().map(|token| token.line).collect();
    assert_eq!(lines, [1, 3, 4, 6]);
}

#[test]
fn test_code_is_left_out() {
    let source = "use a::b; #[cfg(test)] mod x; #[cfg(all(test, unix))] #[rustfmt::skip] pub(crate) mod y;
        #[cfg(test)] mod t { use c::d; fn f() { g::h() } } #[test] fn i(j: [u8; 2]) { k::l() }
        #[cfg(not(test))] fn m() { n::o() }";
    let (kept, modules) = without_tests(&tokens(source));
    assert_eq!(modules, ["x", "y"]);
    let paths: Vec<String> = named_paths(&kept, &[]).iter().map(NamedPath::shown).collect();
    assert_eq!(paths, ["a::b", "n::o"]);
}

#[test]
fn paths_are_found_and_resolved() {
    let module = ["proposal".to_owned(), "policy".to_owned()];
    for (source, expected) in [
        (
            "use crate::domain::{Actor, text::{self, clean as c}, ids::*};",
            "+domain::Actor +domain::text +domain::text::clean +domain::ids::*",
        ),
        ("pub(crate) use super::super::store::Sqlite;", "+store::Sqlite"),
        ("use self::question::Q; use super::roles;", "+proposal::policy::question::Q +proposal::roles"),
        ("mod inner { use super::roles; } fn f() { super::x::y() }", "+proposal::policy::roles +proposal::x::y"),
        ("use {std::fs, ::tokio::process};", "-std::fs -tokio::process"),
        ("use std::process as p; fn f() { p::Command::new() }", "-std::process -std::process::Command::new"),
        ("fn f(x: crate::store::Row) -> impl A + use<'_> { ::sqlx::query() }", "+store::Row -sqlx::query"),
        ("fn f() { <A as B>::c(); Vec::<u8>::new::d(); $crate::audit::e!() }", "+audit::e"),
        ("use crate as house; fn f() { house::store::g() }", "+ +store::g"),
        ("use crate::*;", "+*"),
    ] {
        let shown: Vec<String> = named_paths(&tokens(source), &module)
            .iter()
            .map(|path| format!("{}{}", if path.inside { '+' } else { '-' }, path.shown()))
            .collect();
        assert_eq!(shown.join(" "), expected, "{source}");
    }
}
