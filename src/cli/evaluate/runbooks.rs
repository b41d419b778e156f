//! `sayso eval --runbooks FOLDER --alerts FILE`: whether the text of an alert finds the page that its authors wrote for it.

use std::path::Path;

use super::{Failure, assembly, content, print};
use crate::cli::assembly::Data;
use crate::embedding::Kept;
use crate::retrieval::recall::{By, RANKS, Recall, pages};
use crate::retrieval::{Document, Passages};
use crate::understanding::evaluation::{Table, TableError};

/// A summary or a description, with the page to find.
struct Query {
    place: String,
    text: String,
    page: String,
}

/// Searches for every summary and every description.
pub(super) fn run(data: &Data, folder: &Path, alerts: &Path, faults: bool) -> Result<(), Failure> {
    let mut files = Vec::new();
    collect(folder, folder, &mut files)?;
    files.sort();
    let queries = queries(alerts)?;
    if let Some(query) = queries.iter().find(|query| files.binary_search_by(|(name, _)| name.cmp(&query.page)).is_err())
    {
        return Err(Failure::Said(format!("{}: no page `{}` in {}", query.place, query.page, folder.display())));
    }
    let embedder = assembly::embedder(data)?;
    let cache = assembly::cache().map(|cache| cache.join("eval").join("runbooks"));
    let documents: Vec<Document<'_>> = files.iter().map(|(name, content)| document(name, content)).collect();
    let passages = Passages::build(&documents, &embedder, cache.as_deref()).map_err(|error| Failure::of(&error))?;
    let texts: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
    let mut kept = Kept::open(cache.as_deref(), "alerts", &embedder);
    let vectors = kept.sentences(&texts).map_err(|error| Failure::of(&error))?;
    kept.save();

    print(format_args!("{} texts of alerts, {} pages", queries.len(), files.len()));
    print(format_args!("{:<10}{}", "by", RANKS.map(|rank| format!("{:>10}", format!("recall@{rank}"))).concat()));
    for by in By::ALL {
        let mut recall = Recall::default();
        for (query, vector) in queries.iter().zip(&vectors) {
            let found = pages(&passages, by, vector, &query.text);
            recall.add(&query.page, &found);
            if faults && by == By::Both && found.first() != Some(&query.page) {
                let first = found.first().map_or("nothing", String::as_str);
                print(format_args!(
                    "{}: {}\n    expected {}\n    got      {first}",
                    query.place, query.text, query.page
                ));
            }
        }
        let shares = recall.shares().map(|share| format!("{:8.1} %", 100.0 * share));
        print(format_args!("{:<10}{}", by.as_str(), shares.concat()));
    }
    Ok(())
}

/// The Markdown files below a folder, by their path in it.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Said(format!("{}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.strip_prefix(root).unwrap_or(&path).components();
            let name: Vec<_> = name.map(|part| part.as_os_str().to_string_lossy()).collect();
            files.push((name.join("/"), content(&path)?));
        }
    }
    Ok(())
}

/// A page without its front matter; its title is its first heading.
fn document<'a>(name: &'a str, content: &'a str) -> Document<'a> {
    let body = content.strip_prefix("---").and_then(|rest| rest.split_once("\n---")).map_or(content, |(_, body)| body);
    let title = body.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(name).trim();
    Document { name, title, symptoms: &[], alerts: &[], body, first_line: 1 }
}

/// What an alert says of itself, where it has a page; never its name, which is the page's as well.
fn queries(file: &Path) -> Result<Vec<Query>, Failure> {
    let failed = |error: TableError| Failure::Said(format!("{}: {error}", file.display()));
    let text = content(file)?;
    let table = Table::read(&text).map_err(failed)?;
    let said = [table.column("summary").map_err(failed)?, table.column("description").map_err(failed)?];
    let page = table.column("page_file").map_err(failed)?;
    let mut queries = Vec::new();
    for (line, cells) in table.rows.iter().filter(|(_, cells)| !cells[page].is_empty()) {
        let texts = said.iter().map(|column| without_values(cells[*column])).filter(|text| !text.is_empty());
        let place = format!("{}:{line}", file.display());
        queries.extend(texts.map(|text| Query { place: place.clone(), text, page: cells[page].to_owned() }));
    }
    if queries.is_empty() {
        return Err(Failure::Said(format!("{}: no row has a text and a page", file.display())));
    }
    Ok(queries)
}

/// Without the places where Prometheus fills in values: `{{ $labels.pod }}`.
fn without_values(text: &str) -> String {
    let parts = text.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, after)| after));
    parts.collect::<String>().trim().to_owned()
}
