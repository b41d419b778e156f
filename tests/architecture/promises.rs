//! `docs/security.md` names, for each promise, the tests that try to break it: they must be there.

use std::fs;
use std::path::Path;

use super::house::package;

/// What is wrong with a table of promises, beside the code of all tests.
fn unproven(table: &str, code: &str) -> Vec<String> {
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells.len() == 7 && cells[1].parse::<u32>().is_ok())
        .collect();
    let mut faults = Vec::new();
    if rows.len() != 18 {
        faults.push(format!("expected a row for each of 18 promises, found {}", rows.len()));
    }
    for cells in &rows {
        let names: Vec<&str> = cells[4].split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            faults.push(format!("promise {}: expected the names of tests, found none", cells[1]));
        }
        let missing = names
            .iter()
            .filter(|name| !code.contains(&format!("fn {name}(")) && !code.contains(&format!("fn {name}<")));
        faults.extend(missing.map(|name| format!("promise {}: there is no test `{name}`", cells[1])));
    }
    faults
}

fn read(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path();
        if path.is_dir() {
            read(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap_or_default());
        }
    }
}

#[test]
fn every_promise_names_tests_that_are_there() {
    let mut code = String::new();
    ["src", "tests"].iter().for_each(|folder| read(&package().join(folder), &mut code));
    let table = fs::read_to_string(package().join("docs/security.md")).unwrap_or_default();
    assert_eq!(unproven(&table, &code).join("\n"), "");
    for (from, to, fault) in [
        ("`a_proposal_expires`", "`nobody_wrote_this`", "promise 4: there is no test `nobody_wrote_this`"),
        ("\n| 7 |", "\n| seven |", "expected a row for each of 18 promises, found 17"),
    ] {
        assert_eq!(unproven(&table.replacen(from, to, 1), &code), [fault]);
    }
}
