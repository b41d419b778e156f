//! `sayso eval --dataset FILE`: a public set, learned from some of its splits and measured on others.

use std::path::Path;

use super::{Arguments, Failure, assembly, content, print};
use crate::cli::assembly::Data;
use crate::understanding::evaluation::dataset::{Dataset, DatasetError};
use crate::understanding::evaluation::learned::{Learned, folder};
use crate::understanding::evaluation::scores::Scores;

/// Learns and measures.
pub(super) fn run(data: &Data, file: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let failed = |error: DatasetError| Failure::Said(format!("{}: {error}", file.display()));
    let text = content(file)?;
    let json = file.extension().is_some_and(|extension| extension == "jsonl");
    let set = if json { Dataset::from_jsonl(&text) } else { Dataset::from_tsv(&text) }.map_err(failed)?;
    let learn = set.rows(&arguments.train).map_err(failed)?;
    let measure = set.rows(&arguments.test).map_err(failed)?;
    let embedder = assembly::embedder(data)?;
    let cache = assembly::cache();
    let kept = |splits: &[String]| cache.as_deref().map(|cache| folder(cache, file, splits));
    eprintln!("learning from {} rows, to read {} …", learn.len(), measure.len());
    let said = |error| Failure::Said(format!("{}: {error}", file.display()));
    let learned = Learned::from_rows(&learn, &embedder, kept(&arguments.train).as_deref()).map_err(said)?;
    let readings = learned.read(&measure, kept(&arguments.test).as_deref()).map_err(said)?;
    let splits = |splits: &[String]| splits.join(" and ");
    print(format_args!(
        "{}: learned {}, measured {}",
        file.display(),
        splits(&arguments.train),
        splits(&arguments.test)
    ));
    let scores = Scores::new(&measure, &readings, learned.knows_out_of_scope());
    print(&scores);
    print(format_args!("\n{}", scores.reliability));
    if arguments.faults {
        for (row, reading) in measure.iter().zip(&readings).filter(|(row, reading)| row.intent != reading.intent) {
            print(format_args!(
                "{}\n    expected {}\n    got      {} ({:.2})",
                row.text,
                row.intent,
                reading.intent,
                reading.confidence()
            ));
        }
    }
    Ok(())
}
