//! `sayso eval --report FILE.html`: one page that needs nothing beside it, for a phone as well.

use std::path::{Path, PathBuf};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};

use super::Failure;
use crate::understanding::evaluation::Figures;

const PAGE: &str = include_str!("report.html");

/// Writes the page.
pub(super) fn write(file: &Path, measured: &[PathBuf], figures: &Figures) -> Result<(), Failure> {
    let page = page(measured, figures).map_err(|error| Failure::of(&error))?;
    std::fs::write(file, page).map_err(|error| Failure::Said(format!("{}: {error}", file.display())))
}

fn page(measured: &[PathBuf], figures: &Figures) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    // Messages are anybody's words.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let files: Vec<String> = measured.iter().map(|file| file.display().to_string()).collect();
    let changes: Vec<usize> = figures.confusions().iter().map(|confusion| confusion.changes()).collect();
    environment.render_str(
        PAGE,
        context! {
            files,
            changes,
            figures => Serde(figures.table()),
            bins => Serde(figures.reliability.bins()),
            tallies => Serde(figures.tallies()),
            confusions => Serde(figures.confusions()),
            faults => Serde(&figures.faults),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Intents;
    use crate::understanding::Understanding;
    use crate::understanding::evaluation::Line;

    #[test]
    fn anybodys_words_stay_words() {
        let mut figures = Figures::default();
        let line: Line = serde_json::from_str(r#"{"text":"x","outcome":"command","intent":"host.disk"}"#).unwrap();
        let expected = line.expectations()[0].unwrap().clone();
        let text = "<script>alert(1)</script> & \"disk\"";
        let got = Understanding { confidence: 0.8, ..Understanding::nothing(text) };
        figures.add("a<b>.jsonl:1", false, &expected, &got, &Intents::default());
        let page = page(&[PathBuf::from("a<b>.jsonl")], &figures).unwrap();
        assert!(!page.contains("<script") && !page.contains("<b>.jsonl"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt; &amp; &quot;disk&quot;"), "{page}");
        // Nothing is fetched from anywhere.
        for outside in ["http://", "https://", "src=", "url(", "@import"] {
            assert!(!page.replace("http://www.w3.org/2000/svg", "").contains(outside), "{outside}");
        }
        assert!(
            page.contains("<meta name=\"viewport\"") && page.contains("<svg") && page.contains("host.disk"),
            "{page}"
        );
    }
}
