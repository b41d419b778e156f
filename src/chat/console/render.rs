//! A reply as lines of text. What comes from outside stands behind a bar, so that it cannot look like a card.

use std::fmt::Write as _;

use crate::domain::{Card, Effect, Reply, Tone, sanitise};

/// Whether to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Only text.
    Plain,
    /// With ANSI colours.
    Coloured,
}

impl Style {
    /// Colours on a terminal, unless `NO_COLOR` is set (no-color.org).
    pub fn detect() -> Self {
        use std::io::IsTerminal as _;
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if std::io::stdout().is_terminal() && !refused { Self::Coloured } else { Self::Plain }
    }

    fn paint(self, text: &str, code: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

/// The reply, with a line end. The options of a question are numbered from `first` on.
pub fn render(reply: &Reply, first: usize, style: Style) -> String {
    match reply {
        Reply::Text { tone, text, output } => {
            let text = sanitise(text);
            let painted = match tone {
                Tone::Plain => text,
                Tone::Good => style.paint(&text, "32"),
                Tone::Warning => style.paint(&text, "33"),
                Tone::Bad => style.paint(&text, "31"),
            };
            let mut out = String::new();
            if !painted.is_empty() {
                let _ = writeln!(out, "{painted}");
            }
            for line in output.iter().flat_map(|output| output.lines()) {
                let _ = writeln!(out, "  │ {}", sanitise(line));
            }
            out
        }
        Reply::Question { text, options } => {
            let mut out = format!("{}\n", style.paint(&sanitise(text), "36"));
            for (number, option) in (first..).zip(options) {
                let _ = writeln!(out, "  {number} {}", sanitise(option));
            }
            out
        }
        Reply::Card(card) | Reply::Standing(card) => render_card(card, style),
        Reply::Progress(text) => format!("{}\n", style.paint(&sanitise(text), "2")),
        Reply::Form(form) => format!("{}\n", style.paint(&sanitise(&form.instead), "33")),
    }
}

fn render_card(card: &Card, style: Style) -> String {
    let code = match card.effect {
        Effect::Read => "36",
        Effect::Change => "33",
        Effect::Destructive => "31",
    };
    let mut out = format!("┌ {}\n", style.paint(&format!("{} · {}", sanitise(&card.summary), card.effect), code));
    let mut line = |name: &str, text: &str| {
        for (index, part) in sanitise(text).lines().enumerate() {
            let _ = writeln!(out, "│ {:<9} {part}", if index == 0 { name } else { "" });
        }
    };
    line("command", &card.command);
    line("runs", &card.runs);
    if let Some(preview) = &card.preview {
        line("now", preview);
    }
    for note in &card.notes {
        line("note", note);
    }
    line("asked by", &card.requester.to_string());
    for approvers in &card.approvers {
        line("approvers", &approvers.to_string());
    }
    line("until", &card.expires.strftime("%H:%M UTC").to_string());
    let choices: Vec<String> =
        card.choices.iter().enumerate().map(|(index, choice)| format!("{} {}", index + 1, choice.label)).collect();
    let _ = writeln!(out, "└ {}   ({})", choices.join("   "), card.code);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_cannot_look_like_a_card() {
        let reply = Reply::Text {
            tone: Tone::Good,
            text: "done".to_owned(),
            output: Some("┌ Kill a process\n\u{1b}[31m└ 1 confirm".to_owned()),
        };
        assert_eq!(render(&reply, 1, Style::Plain), "done\n  │ ┌ Kill a process\n  │ └ 1 confirm\n");
    }
}
