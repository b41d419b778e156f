//! Sentences for Discord: what they repeat is shown letter by letter, and mentions nobody.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;

/// What is written another way here: roles, accounts, conversations, times, addresses.
#[expect(clippy::expect_used, reason = "a literal that every test of this file reads")]
static KNOWN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x) \bdiscord:role:(?P<role>\d{5,20})\b
        | (?P<place>\bin\ )? \bdiscord:(?P<id>\d{5,20})\b
        | (?P<time>\b\d{4}-\d\d-\d\d[T\ ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z)
        | (?P<url>\bhttps?://[A-Za-z0-9\-._~:/?\#@!$&'+,;=%]+)",
    )
    .expect("a well-formed expression")
});

/// A sentence, with its spans of code as they are. Everything else that Discord would take for markup is shown as it is
/// written; accounts and times become what Discord shows each reader in their own way, and addresses stay whole.
pub(super) fn sentence(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let pieces: Vec<&str> = text.split('`').collect();
    let closed = (pieces.len() - 1) / 2 * 2;
    for (number, piece) in pieces.iter().enumerate() {
        if number > 0 {
            // One without another is no span, and a span of nothing would be the beginning of a longer one.
            let empty = if number % 2 == 1 { pieces[number] } else { pieces[number - 1] }.is_empty();
            out.push_str(if number > closed || empty { "\\`" } else { "`" });
        }
        if number % 2 == 1 && number <= closed { out.push_str(piece) } else { plain(piece, &mut out) }
    }
    out
}

fn plain(text: &str, out: &mut String) {
    let mut end = 0;
    for found in KNOWN.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        escape(&text[end..whole.start()], out);
        end = whole.end();
        let time = found.name("time").and_then(|time| time.as_str().replace(' ', "T").parse::<Timestamp>().ok());
        match (found.name("role"), found.name("id"), time, found.name("url")) {
            (Some(role), ..) => out.push_str(&format!("<@&{}>", role.as_str())),
            (_, Some(id), ..) if found.name("place").is_some() => out.push_str(&format!("in <#{}>", id.as_str())),
            (_, Some(id), ..) => out.push_str(&format!("<@{}>", id.as_str())),
            (_, _, Some(time), _) => out.push_str(&format!("<t:{}:f>", time.as_second())),
            (_, _, _, Some(url)) => out.push_str(url.as_str()),
            _ => escape(whole.as_str(), out),
        }
    }
    escape(&text[end..], out);
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '~' | '|' | '<' | '>' | '[' | ']' | '#') {
            out.push('\\');
        }
        out.push(c);
        if c == '@' {
            out.push('\u{200b}');
        }
    }
}

/// Output, letter by letter.
pub(super) fn block(text: &str) -> String {
    format!("```\n{}\n```", unfenced(text.trim_end()))
}

/// A text whose own fences are broken by what cannot be seen.
pub(super) fn unfenced(text: &str) -> String {
    text.replace("```", "`\u{200b}`\u{200b}`")
}

/// A text of at most so many characters; `…` says that there was more.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_shown_letter_by_letter() {
        for (text, expected) in [
            ("plain words, nothing more.", "plain words, nothing more."),
            ("**loud** _soft_ ~~gone~~ ||secret||", r"\*\*loud\*\* \_soft\_ \~\~gone\~\~ \|\|secret\|\|"),
            (
                "@everyone and <@1> in <#2>",
                "@\u{200b}everyone and \\<@\u{200b}1\\> in \\<#2\\>".replace('#', "\\#").as_str(),
            ),
            ("[click](https://evil.example/x)", r"\[click\](https://evil.example/x)"),
            ("# a headline\n> a quote", "\\# a headline\n\\> a quote"),
            ("`restart web_1` is a_b", r"`restart web_1` is a\_b"),
            ("one ` alone", r"one \` alone"),
            ("a ``b`` c", r"a \`\`b\`\` c"),
            ("see https://example.org/a_b?c=d_e now", "see https://example.org/a_b?c=d_e now"),
            (
                "asked by discord:80351110224678912 in discord:41771983423143937",
                "asked by <@80351110224678912> in <#41771983423143937>",
            ),
            ("operator (discord:role:41771983423143937, console:*)", r"operator (<@&41771983423143937>, console:\*)"),
            ("since 2026-11-21 22:19:02Z", "since <t:1795299542:f>"),
        ] {
            assert_eq!(sentence(text), expected, "{text}");
        }
    }

    #[test]
    fn output_stays_in_its_block() {
        assert_eq!(block("a\n```\n@everyone\n"), "```\na\n`\u{200b}`\u{200b}`\n@everyone\n```");
    }

    #[test]
    fn what_is_left_out_is_marked() {
        assert_eq!(shortened("four", 4), "four");
        assert_eq!(shortened("élève", 4), "élè…");
    }
}
