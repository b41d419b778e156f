//! Whether an alert's text finds its runbook: the alerts and runbooks of prometheus-operator, whose authors linked them.
//!
//! Skips, saying so, without the shared data (`SAYSO_DATA`) or the model.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use sayso::embedding::{Embedder, Int8Encoder, ModelSource};
use sayso::retrieval::{Document, Passages};

/// The runbooks' names, below the folder, and contents.
fn runbooks(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            runbooks(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Without the front matter.
fn body(content: &str) -> &str {
    let body = content.strip_prefix("---").and_then(|rest| rest.split_once("\n---"));
    body.map_or(content, |(_, body)| body)
}

/// The summary and the description of each alert, without the places of values, with the runbook's name.
fn alerts(root: &Path) -> Vec<(String, String)> {
    let table = std::fs::read_to_string(root.join("alert_runbook.tsv")).unwrap();
    let mut alerts = Vec::new();
    for line in table.lines().skip(1) {
        let [_, _, _, summary, description, _, page] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        let without_values = |text: &str| {
            let parts = text.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, after)| after));
            parts.collect::<String>()
        };
        if page.starts_with("prometheus-operator/") {
            let texts = [without_values(summary), without_values(description)];
            alerts.extend(texts.into_iter().filter(|text| text.len() > 5).map(|text| (text, page.to_owned())));
        }
    }
    alerts
}

#[test]
fn the_text_of_an_alert_finds_its_runbook() {
    let model = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/minilm-l6-ops");
    let Some(data) = std::env::var_os("SAYSO_DATA").map(PathBuf::from).filter(|_| model.exists()) else {
        eprintln!("skipped: SAYSO_DATA is not set, or there is no model in {}", model.display());
        return;
    };
    let root = data.join("runbooks");
    let mut pages = Vec::new();
    runbooks(&root, &root.join("prometheus-operator"), &mut pages);
    pages.sort();
    let documents: Vec<_> = pages
        .iter()
        .map(|(name, content)| {
            let title = content.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(name).trim();
            Document { name, title, symptoms: &[], alerts: &[], body: body(content), first_line: 1 }
        })
        .collect();
    let encoder = Int8Encoder::load(&ModelSource::Folder(model)).expect("the shipped model loads");
    let embedder = Embedder::start(Box::new(encoder), NonZeroUsize::MIN).unwrap();
    let passages = Passages::build(&documents, &embedder, None).unwrap();

    let alerts = alerts(&root);
    assert!(alerts.len() > 200, "{} texts only", alerts.len());
    let texts: Vec<&str> = alerts.iter().map(|(text, _)| text.as_str()).collect();
    let vectors = embedder.encode_blocking(&texts).unwrap();
    let (mut first, mut among_three) = (0, 0);
    for ((text, page), encoded) in alerts.iter().zip(&vectors) {
        let mut found: Vec<String> = Vec::new();
        for hit in passages.search(&encoded.sentence, text, 20) {
            if !found.contains(&hit.chunk.runbook) {
                found.push(hit.chunk.runbook.clone());
            }
        }
        first += usize::from(found.first() == Some(page));
        among_three += usize::from(found.iter().take(3).any(|name| name == page));
    }
    let share = |count: usize| count as f64 / alerts.len() as f64;
    println!("{} texts: first {:.3}, among three {:.3}", alerts.len(), share(first), share(among_three));
    assert!(share(first) >= 0.70, "recall@1 is {}", share(first));
    assert!(share(among_three) >= 0.92, "recall@3 is {}", share(among_three));
}
