//! `sayso eval FILE...`: lines that say what is expected, against what is understood.

use super::{Arguments, Failure, assembly, content, print, report};
use crate::cli::assembly::Data;
use crate::understanding::conversation::replay;
use crate::understanding::evaluation::{Figures, Line, Tally};

/// How many confusions are shown, and how many lines of each.
const CONFUSIONS: usize = 15;
const LINES: usize = 4;
/// How many intents are shown one by one.
const INTENTS: usize = 20;

/// Measures all files together.
pub(super) fn run(data: &Data, arguments: &Arguments) -> Result<(), Failure> {
    let figures = measure(data, arguments)?;
    print(&figures);
    print(format_args!("\n{}", figures.reliability));
    intents(&figures);
    confusions(&figures);
    if arguments.faults {
        print("");
        figures.faults.iter().for_each(print);
    }
    if let Some(file) = &arguments.report {
        report::write(file, &arguments.files, &figures)?;
        print(format_args!("\nwritten to {}", file.display()));
    }
    Ok(())
}

fn measure(data: &Data, arguments: &Arguments) -> Result<Figures, Failure> {
    let understander = assembly::understander(data, &assembly::embedder(data)?)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    let mut figures = Figures::default();
    for file in &arguments.files {
        let text = content(file)?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("{}:{}", file.display(), index + 1);
            let line: Line = serde_json::from_str(line).map_err(|error| Failure::Said(format!("{place}: {error}")))?;
            let understood = runtime
                .block_on(replay(&understander, &line.texts(), arguments.now))
                .map_err(|error| Failure::of(&error))?;
            for (expected, seen) in line.expectations().into_iter().zip(&understood) {
                let Some(expected) = expected else {
                    return Err(Failure::Said(format!("{place}: nothing is expected of a turn")));
                };
                figures.add(&place, line.turns.is_some(), expected, seen, understander.intents());
            }
        }
    }
    Ok(figures)
}

/// The intents with the most faults one by one, those without in one line.
fn intents(figures: &Figures) {
    let tallies = figures.tallies();
    let (whole, faulty): (Vec<_>, Vec<_>) = tallies.iter().partition(|tally| tally.exact == tally.turns);
    print(format_args!("\n{:<28}{:>6}{:>12}{:>8}", "expected", "turns", "not exact", "other"));
    for tally in faulty.iter().take(INTENTS) {
        let (inexact, other) = (tally.turns - tally.exact, tally.turns - tally.chosen);
        print(format_args!("{:<28}{:>6}{inexact:>12}{other:>8}", tally.intent, tally.turns));
    }
    let turns = |tallies: &[&Tally]| tallies.iter().map(|tally| tally.turns).sum::<usize>();
    if let Some(rest) = faulty.get(INTENTS..).filter(|rest| !rest.is_empty()) {
        print(format_args!("{:<28}{:>6}", format!("{} more with a fault", rest.len()), turns(rest)));
    }
    print(format_args!("{:<28}{:>6}", format!("{} without a fault", whole.len()), turns(&whole)));
}

/// What is taken for what, with its lines; what matters most comes first.
fn confusions(figures: &Figures) {
    let confusions = figures.confusions();
    if !confusions.is_empty() {
        print("\nconfusions (expected → understood; ! would change something unasked)");
    }
    for confusion in confusions.iter().take(CONFUSIONS) {
        let mark = if confusion.changes() > 0 { '!' } else { ' ' };
        print(format_args!("{:>4} {mark} {} → {}", confusion.faults.len(), confusion.wanted, confusion.given));
        for fault in confusion.faults.iter().take(LINES) {
            print(format_args!("       {}: {}", fault.place, fault.text));
        }
        if confusion.faults.len() > LINES {
            print(format_args!("       and {} more", confusion.faults.len() - LINES));
        }
    }
    if confusions.len() > CONFUSIONS {
        print(format_args!("and {} more confusions; `--faults` shows all lines", confusions.len() - CONFUSIONS));
    }
}
