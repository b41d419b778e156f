//! The law of the house, read from the sources: which room may use which, where each library lives, and what no room
//! does. `ARCHITECTURE.md` says why. Beside each law stands a test that breaks it, so that we know it can fail.

#[path = "architecture/house.rs"]
mod house;
#[path = "architecture/promises.rs"]
mod promises;
#[path = "architecture/rust.rs"]
mod rust;

use std::collections::BTreeSet;
use std::fs;

use house::{Source, house, package};
use rust::{NamedPath, Token};

/// What a room may use of the others.
enum MayUse {
    /// These rooms, or parts of rooms, and nothing else.
    Only(&'static [&'static str]),
    /// Every room that stands above it in the table.
    AllAbove,
}

use MayUse::{AllAbove, Only};

/// The rooms. `ARCHITECTURE.md` has the same table, and a test compares the two.
const ROOMS: &[(&str, MayUse)] = &[
    ("domain", Only(&[])),
    ("catalogue", Only(&["domain"])),
    ("embedding", Only(&["domain"])),
    ("retrieval", Only(&["domain", "embedding"])),
    ("understanding", Only(&["domain", "catalogue", "embedding", "retrieval"])),
    ("audit", Only(&["domain"])),
    ("proposal", Only(&["domain", "audit::AuditEvent", "audit::Fact"])),
    ("integrations", Only(&["domain", "catalogue", "proposal::approval", "audit"])),
    ("store", Only(&["domain", "proposal", "audit"])),
    ("assistant", AllAbove),
    ("chat", Only(&["domain"])),
    ("server", Only(&["domain"])),
    ("config", AllAbove),
    ("cli", AllAbove),
];

/// Where a library may be named. A room's `mod.rs` hides it from all others.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("candle_*", &["embedding"]),
    ("tokenizers", &["embedding"]),
    ("safetensors", &["embedding"]),
    ("hnsw_rs", &["retrieval"]),
    ("cedar_policy", &["proposal/policy"]),
    ("reqwest", &["integrations"]),
    ("hickory_resolver", &["integrations/network"]),
    ("x509_parser", &["integrations/network"]),
    ("tokio_rustls", &["integrations/network"]),
    ("rustls_native_certs", &["integrations/network"]),
    ("tokio::process", &["integrations"]),
    ("sysinfo", &["integrations"]),
    ("listeners", &["integrations"]),
    ("minijinja", &["integrations", "catalogue/manifest", "cli/evaluate"]),
    ("sqlx", &["store"]),
    ("rustyline", &["chat"]),
    ("axum", &["server"]),
    ("hyper", &["server"]),
    ("hyper_util", &["server"]),
    ("prometheus_client", &["server"]),
    ("subtle", &["server"]),
    ("serenity", &["chat/discord"]),
    ("clap", &["cli"]),
    ("opentelemetry*", &["cli/traces"]),
    ("tracing_opentelemetry", &["cli/traces"]),
];

/// Why nobody asks the machine for the time.
const TIME: &str = "take the time from a `domain::Clock`, so that it can stand still";

/// What may be named in one place only, or nowhere, and why.
const RESERVED: &[(&str, &[&str], &str)] = &[
    ("std::process::Command", &[], "processes are started by `integrations`, through `tokio::process`"),
    ("jiff::Timestamp::now", &["domain/clock"], TIME),
    ("jiff::Zoned::now", &["domain/clock"], TIME),
    ("std::time::SystemTime::now", &["domain/clock"], TIME),
    ("std::sync::mpsc::channel", &[], "every queue is bounded; use `sync_channel`"),
    ("tokio::sync::mpsc::unbounded_channel", &[], "every queue is bounded; use `channel`"),
];

/// What `proposal` never touches, being pure: `(proposal, event, policy, now) -> (proposal, deeds)`.
const IMPURE: &[&str] =
    &["tokio", "rand", "std::fs", "std::net", "std::env", "std::thread", "std::time::Instant", "std::sync::mpsc"];

/// The longest file, in lines.
const MAX_LINES: usize = 500;

/// What a room may use, as prefixes of paths.
fn allowed(room: &str) -> Option<Vec<&'static str>> {
    let at = ROOMS.iter().position(|(name, _)| *name == room)?;
    Some(match &ROOMS[at].1 {
        Only(rooms) => rooms.to_vec(),
        AllAbove => ROOMS[..at].iter().map(|(name, _)| *name).collect(),
    })
}

fn wrong_arrows(source: &Source) -> Vec<String> {
    let Some(room) = source.room() else { return Vec::new() };
    let Some(allowed) = allowed(room) else {
        return vec![source.fault(1, &format!("`{room}` is no room; add it to the table here and in ARCHITECTURE.md"))];
    };
    let judge = |path: NamedPath| {
        if !path.inside {
            return None;
        }
        let wrong = match path.segments.first().map(String::as_str) {
            None | Some("*") => format!("`{room}` must not import the whole package"),
            Some(first) if first == room || allowed.iter().any(|prefix| path.is_below(prefix)) => return None,
            Some(_) => {
                let may = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
                format!("`{room}` must not use `{}`; it may use {may}", path.shown())
            }
        };
        Some(source.fault(path.line, &wrong))
    };
    source.paths().into_iter().filter_map(judge).collect()
}

fn strayed_libraries(source: &Source) -> Vec<String> {
    let judge = |path: NamedPath| {
        let (library, homes) = LIBRARIES.iter().find(|(library, _)| !path.inside && path.is_below(library))?;
        let message = format!("`{}`: `{library}` belongs in {}", path.shown(), homes.join(", "));
        (!source.stands_in(homes)).then(|| source.fault(path.line, &message))
    };
    source.paths().into_iter().filter_map(judge).collect()
}

fn reserved(source: &Source) -> Vec<String> {
    let judge = |path: NamedPath| {
        let (name, homes, why) = RESERVED.iter().find(|(name, _, _)| !path.inside && path.is_below(name))?;
        (!source.stands_in(homes)).then(|| source.fault(path.line, &format!("`{name}`: {why}")))
    };
    source.paths().into_iter().filter_map(judge).collect()
}

fn impurities(source: &Source) -> Vec<String> {
    if source.room() != Some("proposal") {
        return Vec::new();
    }
    let impure = |path: &NamedPath| !path.inside && IMPURE.iter().any(|name| path.is_below(name));
    let touched = source.paths().into_iter().filter(impure);
    let mut faults: Vec<_> =
        touched.map(|path| source.fault(path.line, &format!("`{}`: `proposal` is pure", path.shown()))).collect();
    // What keeps proposals is an interface; `store` implements it.
    if !source.stands_in(&["proposal/storage"]) {
        let waits = |token: &Token| matches!(token.text.as_str(), "async" | "await");
        let waiting = source.code().into_iter().filter(waits);
        faults.extend(waiting.map(|token| source.fault(token.line, "`proposal` is pure, and waits for nothing")));
    }
    faults
}

fn forged_approvals(source: &Source) -> Vec<String> {
    let mints = |path: &NamedPath| path.segments.ends_with(&["Approved".to_owned(), "mint".to_owned()]);
    if source.stands_in(&["proposal/machine"]) {
        return Vec::new();
    }
    let message = "only `proposal::machine` lets a command through";
    source.paths().iter().filter(|path| mints(path)).map(|path| source.fault(path.line, message)).collect()
}

fn prints(source: &Source) -> Vec<String> {
    if source.stands_in(&["chat", "cli"]) {
        return Vec::new();
    }
    let code = source.code();
    let prints = |pair: &&[Token]| {
        matches!(pair[0].text.as_str(), "print" | "println" | "eprint" | "eprintln") && pair[1].text == "!"
    };
    let message = |pair: &[Token]| format!("`{}!`: only `chat` and `cli` print; use `tracing`", pair[0].text);
    code.windows(2).filter(prints).map(|pair| source.fault(pair[0].line, &message(pair))).collect()
}

fn untitled(source: &Source) -> Vec<String> {
    let titled = source.text.lines().next().is_some_and(|line| line.len() > 4 && line.starts_with("//! "));
    if titled { Vec::new() } else { vec![source.fault(1, "the first line must say what the file is: `//! …`")] }
}

fn too_long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let message = format!("{lines} lines; at most {MAX_LINES}, one idea a file");
    if lines > MAX_LINES { vec![source.fault(MAX_LINES + 1, &message)] } else { Vec::new() }
}

/// The table of rooms in `ARCHITECTURE.md` against ours: its rows are ``| `room` | what lives there | may use |``.
fn differing_table(document: &str) -> Vec<String> {
    let code = |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut faults = Vec::new();
    let mut told = Vec::new();
    for (index, line) in document.lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", name, _, may_use, ""] = cells[..] else { continue };
        let Some(name) = code(name).pop() else { continue };
        let Some((_, expected)) = ROOMS.iter().find(|(room, _)| *room == name) else { continue };
        let agrees = match expected {
            AllAbove => may_use == "all above",
            Only([]) => may_use == "nothing",
            Only(rooms) => code(may_use) == *rooms,
        };
        if !agrees {
            faults.push(format!("ARCHITECTURE.md:{}: says that `{name}` may use {may_use}", index + 1));
        }
        told.push(name);
    }
    if told.iter().map(String::as_str).ne(ROOMS.iter().map(|(room, _)| *room)) {
        let rooms: Vec<_> = ROOMS.iter().map(|(room, _)| *room).collect();
        faults.push(format!(
            "ARCHITECTURE.md: expected a row for each of {}, found {}",
            rooms.join(", "),
            told.join(", ")
        ));
    }
    faults
}

/// Libraries of `Cargo.toml` that `ARCHITECTURE.md` gives no reason for, and reasons without a library.
fn unexplained_libraries(manifest: &str, document: &str) -> Vec<String> {
    let mut listed = false;
    let mut libraries = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            listed = line == "[dependencies]" || (line.starts_with("[target.") && line.ends_with(".dependencies]"));
        } else if let (true, Some((name, _))) = (listed, line.split_once('=')) {
            libraries.insert(name.trim());
        }
    }
    let chapter =
        document.split("\n## ").find(|chapter| chapter.starts_with("Why these libraries")).unwrap_or_default();
    let cells = chapter.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let explained: BTreeSet<&str> =
        cells.flat_map(|cell| cell.split(['`', ',', ' '])).filter(|name| !name.is_empty()).collect();
    let missing =
        libraries.difference(&explained).map(|library| format!("ARCHITECTURE.md: say why `{library}` is here"));
    let stale =
        explained.difference(&libraries).map(|library| format!("ARCHITECTURE.md: `{library}` is not in Cargo.toml"));
    missing.chain(stale).collect()
}

/// Holds a law against every file; says all that breaks it.
#[track_caller]
fn hold(law: fn(&Source) -> Vec<String>) {
    let sources = house().unwrap_or_else(|error| panic!("src/ cannot be read: {error}"));
    assert!(sources.len() > ROOMS.len(), "only {} files in src/", sources.len());
    let faults: Vec<String> = sources.iter().flat_map(law).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// What a law says of a file with that text: `line: message`, one a line; nothing where it is kept.
fn judged(law: fn(&Source) -> Vec<String>, path: &str, text: &str) -> String {
    law(&Source::new(path, text)).join("\n").replace(&format!("src/{path}:"), "")
}

#[test]
fn arrows_point_one_way() {
    hold(wrong_arrows);
    for (path, text, fault) in [
        ("domain.rs", "fn f() { crate::audit::f() }", "1: `domain` must not use `audit::f`; it may use nothing"),
        ("chat/a.rs", "//! x\n\nuse crate::store::S;", "3: `chat` must not use `store::S`; it may use domain"),
        ("audit/mod.rs", "use super::proposal::P;", "1: `audit` must not use `proposal::P`; it may use domain"),
        (
            "retrieval/a.rs",
            "use crate::{domain::Digest, catalogue};",
            "1: `retrieval` must not use `catalogue`; it may use domain, embedding",
        ),
        (
            "proposal/a.rs",
            "use crate::audit::{Fact, Ledger};",
            "1: `proposal` must not use `audit::Ledger`; it may use domain, audit::AuditEvent, audit::Fact",
        ),
        (
            "integrations/a.rs",
            "use crate::proposal::{approval::Approved, step};",
            "1: `integrations` must not use `proposal::step`; it may use domain, catalogue, proposal::approval, audit",
        ),
        ("store/a.rs", "use crate as c;", "1: `store` must not import the whole package"),
        ("store/a.rs", "use crate::*;", "1: `store` must not import the whole package"),
        ("utils/a.rs", "", "1: `utils` is no room; add it to the table here and in ARCHITECTURE.md"),
    ] {
        assert_eq!(judged(wrong_arrows, path, text), fault, "{path}: {text}");
    }
    assert!(!judged(wrong_arrows, "assistant/a.rs", "use crate::config::Config;").is_empty());
    for (path, text) in [
        ("domain/ids.rs", "use super::Actor; use crate::domain::Command; use std::store::X;"),
        ("domain/ids.rs", "//! [`crate::store`]\n#[cfg(test)]\nmod tests { use crate::store::Sqlite; }"),
        ("assistant/a.rs", "use crate::store::Sqlite;"),
        ("cli/a.rs", "use crate::config::Config;"),
        ("main.rs", "fn main() { sayso::cli::main() }"),
    ] {
        assert_eq!(judged(wrong_arrows, path, text), "", "{path}: {text}");
    }
}

#[test]
fn libraries_stay_in_their_rooms() {
    hold(strayed_libraries);
    for (path, text, fault) in [
        ("understanding/a.rs", "use candle_nn::X;", "1: `candle_nn::X`: `candle_*` belongs in embedding"),
        ("chat/a.rs", "#[derive(sqlx::FromRow)]\nstruct A;", "1: `sqlx::FromRow`: `sqlx` belongs in store"),
        (
            "proposal/machine.rs",
            "use cedar_policy::Policy;",
            "1: `cedar_policy::Policy`: `cedar_policy` belongs in proposal/policy",
        ),
        (
            "chat/a.rs",
            "use tokio::process; fn f() { process::Command::new() }",
            "1: `tokio::process`: `tokio::process` belongs in integrations\n\
             1: `tokio::process::Command::new`: `tokio::process` belongs in integrations",
        ),
        (
            "catalogue/manifests.rs",
            "use minijinja::Value;",
            "1: `minijinja::Value`: `minijinja` belongs in integrations, catalogue/manifest, cli/evaluate",
        ),
    ] {
        assert_eq!(judged(strayed_libraries, path, text), fault, "{path}: {text}");
    }
    for (path, text) in [
        ("embedding/a.rs", "use candle_core::Tensor;"),
        ("proposal/policy.rs", "use cedar_policy::Policy;"),
        ("proposal/policy/a.rs", "use cedar_policy::Policy;"),
        ("catalogue/manifest/a.rs", "use minijinja::Environment;"),
    ] {
        assert_eq!(judged(strayed_libraries, path, text), "", "{path}: {text}");
    }
    for (library, _) in LIBRARIES {
        let text = format!("use {}::X;", library.replace('*', "core"));
        assert_ne!(judged(strayed_libraries, "domain/a.rs", &text), "", "{library}");
    }
}

#[test]
fn time_queues_and_processes_come_from_where_they_should() {
    hold(reserved);
    let time = "use jiff::Timestamp; fn f() { Timestamp::now() }";
    assert_eq!(judged(reserved, "domain/clock.rs", time), "");
    let fault = "1: `jiff::Timestamp::now`: take the time from a `domain::Clock`, so that it can stand still";
    assert_eq!(judged(reserved, "store/a.rs", time), fault);
    let queues = "use tokio::sync::mpsc; fn f() { mpsc::channel(1); mpsc::unbounded_channel() }";
    let fault = "1: `tokio::sync::mpsc::unbounded_channel`: every queue is bounded; use `channel`";
    assert_eq!(judged(reserved, "chat/a.rs", queues), fault);
    let fault = "1: `std::process::Command`: processes are started by `integrations`, through `tokio::process`";
    for text in ["use std::process::{self, Command};", "use std::process as p; fn f() { p::Command::new(\"ls\") }"] {
        assert_eq!(judged(reserved, "integrations/a.rs", text), fault, "{text}");
    }
    assert_eq!(judged(reserved, "store/a.rs", "fn f() { std::process::id() }"), "");
    for (name, _, _) in RESERVED {
        assert_ne!(judged(reserved, "domain/a.rs", &format!("fn f() {{ {name}() }}")), "", "{name}");
    }
}

#[test]
fn proposals_are_pure() {
    hold(impurities);
    for (path, text, fault) in [
        ("proposal/machine.rs", "use std::fs;", "1: `std::fs`: `proposal` is pure"),
        ("proposal/machine.rs", "async fn f() {}", "1: `proposal` is pure, and waits for nothing"),
        ("proposal/storage.rs", "async fn f() { tokio::spawn() }", "1: `tokio::spawn`: `proposal` is pure"),
        ("store/a.rs", "async fn f() { tokio::spawn() }", ""),
    ] {
        assert_eq!(judged(impurities, path, text), fault, "{path}: {text}");
    }
    for name in IMPURE {
        assert_ne!(judged(impurities, "proposal/a.rs", &format!("use {name}::X;")), "", "{name}");
    }
}

#[test]
fn approvals_are_minted_in_one_place() {
    hold(forged_approvals);
    let text = "use super::approval::Approved; fn f() { Approved::mint() }";
    assert_eq!(judged(forged_approvals, "proposal/machine.rs", text), "");
    let fault = "1: only `proposal::machine` lets a command through";
    assert_eq!(judged(forged_approvals, "proposal/draft.rs", text), fault);
}

#[test]
fn only_chat_and_cli_print() {
    hold(prints);
    let text = "fn f() {\n eprintln!(\"println!\") }";
    let fault = "2: `eprintln!`: only `chat` and `cli` print; use `tracing`";
    for (path, fault) in [("cli/a.rs", ""), ("chat.rs", ""), ("chats/a.rs", fault), ("store/a.rs", fault)] {
        assert_eq!(judged(prints, path, text), fault, "{path}");
    }
}

#[test]
fn every_file_says_what_it_is() {
    hold(untitled);
    assert_eq!(judged(untitled, "store/a.rs", "//! Rows.\n"), "");
    for text in ["", "use x;\n", "\n//! Rows.\n", "//!\n", "// Rows.\n"] {
        let fault = "1: the first line must say what the file is: `//! …`";
        assert_eq!(judged(untitled, "store/a.rs", text), fault, "{text}");
    }
}

#[test]
fn no_file_is_too_long() {
    hold(too_long);
    assert_eq!(judged(too_long, "store/a.rs", &"\n".repeat(500)), "");
    let fault = "501: 501 lines; at most 500, one idea a file";
    assert_eq!(judged(too_long, "store/a.rs", &"\n".repeat(501)), fault);
}

#[test]
fn the_picture_shows_every_room() {
    let document = fs::read_to_string(package().join("ARCHITECTURE.md")).unwrap_or_default();
    assert_eq!(differing_table(&document).join("\n"), "");
    for (from, to, faults) in [
        ("| `chat` |", "| chat |", 1),
        ("| `audit` |", "| `domain` |", 2),
        ("`proposal::approval`", "`proposal`", 1),
        ("| nothing |", "| `audit` |", 1),
        ("| all above |", "| |", 1),
    ] {
        assert_eq!(differing_table(&document.replacen(from, to, 1)).len(), faults, "{to}");
    }
}

#[test]
fn every_library_has_a_reason() {
    let read = |name: &str| fs::read_to_string(package().join(name)).unwrap_or_default();
    let (manifest, document) = (read("Cargo.toml"), read("ARCHITECTURE.md"));
    assert_eq!(unexplained_libraries(&manifest, &document).join("\n"), "");
    let more = manifest.replacen("[dependencies]\n", "[dependencies]\nleft-pad = \"1\"\n", 1);
    assert_eq!(unexplained_libraries(&more, &document), ["ARCHITECTURE.md: say why `left-pad` is here"]);
    let fewer = manifest.replacen("\njiff = ", "\nserde = ", 1);
    assert_eq!(unexplained_libraries(&fewer, &document), ["ARCHITECTURE.md: `jiff` is not in Cargo.toml"]);
}

#[test]
fn every_room_is_there() {
    let sources = house().unwrap_or_else(|error| panic!("src/ cannot be read: {error}"));
    let there: BTreeSet<&str> = sources.iter().filter_map(Source::room).collect();
    assert_eq!(there, ROOMS.iter().map(|(room, _)| *room).collect());
}
