//! Text from outside: made harmless before anybody looks at it, and compared for "did you mean".

use unicode_segmentation::UnicodeSegmentation;

/// The longest message that is looked at, in bytes. Longer ones are refused with a word, not cut.
pub const MAX_MESSAGE_BYTES: usize = 4_000;

/// What a person said, without what they quoted or pasted: code blocks, inline code spans that are the whole of a
/// line, lines that start with `>`; control characters and terminal escapes are gone, white space is single.
pub fn clean(message: &str) -> String {
    // First, so that nothing invisible stands before the sign of a quotation or within a fence.
    let message = sanitise(message);
    let mut kept = Vec::new();
    let mut fenced = false;
    for line in message.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            // A fence that opens and closes on one line hides only itself.
            fenced = fenced != (trimmed.matches("```").count() % 2 == 1);
            continue;
        }
        if fenced || trimmed.starts_with('>') {
            continue;
        }
        kept.push(outside_code(trimmed));
    }
    kept.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The line without ```` ```…``` ```` in its middle.
fn outside_code(line: &str) -> String {
    line.split("```")
        .enumerate()
        .filter(|(index, _)| index % 2 == 0)
        .map(|(_, part)| part)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Text that can be shown anywhere: no control characters except line ends and tabs, no terminal escapes, no
/// direction overrides, no invisible joiners.
pub fn sanitise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\n' | '\t' => out.push(c),
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// After ESC: a control sequence, an operating system command up to its end, or one character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => skip_control_sequence(chars),
        Some(']' | 'P' | '_' | '^') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        _ => {}
    }
}

/// Up to the final byte, `@` to `~`.
fn skip_control_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    for c in chars.by_ref() {
        if ('@'..='~').contains(&c) {
            break;
        }
    }
}

/// The candidate nearest to what was written, if it is near enough to be a slip: at most one edit in three letters.
pub fn nearest<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let written = written.to_lowercase();
    let limit = (written.graphemes(true).count() / 3).max(1);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&written, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}
