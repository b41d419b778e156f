//! Bad data files, each pinned to exactly what is said about it.
//!
//! `tests/fixtures/bad/<case>/` is a data folder, `<case>.stderr` beside it what `sayso check` says.
//! `SAYSO_BLESS=1 cargo test --test check` writes the answers anew; read the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use sayso::catalogue::{Catalogue, DataFolders, Diagnostic, ExampleKind, Folder, StepValue};

/// The data folders below a root; what is not there is empty.
fn beneath(root: &Path) -> DataFolders {
    let folder = |name: &str| match root.join(name) {
        path if path.is_dir() => Folder::Disk(path),
        _ => Folder::empty(),
    };
    DataFolders {
        intents: folder("intents"),
        runbooks: folder("runbooks"),
        integrations: folder("integrations"),
        policies: folder("policies"),
        models: None,
    }
}

fn shown(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect()
}

/// Whoever asks for something that the catalogue knows must be able to have it, by a system that ships.
#[test]
fn every_intent_is_carried_out_by_a_shipped_manifest() {
    let (catalogue, _) = Catalogue::load(&in_repository(""));
    let actions = || catalogue.manifests.iter().flat_map(|manifest| &manifest.actions);
    let carried_out = |intent: &str| actions().any(|action| action.implements.as_str() == intent);
    let missing: Vec<_> =
        catalogue.intents.iter().map(|intent| intent.name.as_str()).filter(|name| !carried_out(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

fn in_repository(path: &str) -> DataFolders {
    beneath(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
}

#[test]
fn good_data_is_read_as_written() {
    let (catalogue, diagnostics) = Catalogue::load(&in_repository("tests/fixtures/good"));
    assert_eq!(shown(&diagnostics), "");
    let intent = catalogue.intents.get("dns.lookup").unwrap();
    let parameters: Vec<_> = intent.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(parameters, ["domain", "record", "when"], "in the file's order");
    assert_eq!(intent.parameters[1].values[1].words, ["mail servers"]);

    let examples: Vec<_> = catalogue
        .examples
        .iter()
        .map(|example| {
            let values: Vec<_> = example
                .annotations
                .iter()
                .map(|found| {
                    let value = found.value.as_ref().map_or("?", |value| value.as_str());
                    format!("{}={value} at {}", found.parameter, &example.text[found.span.clone()])
                })
                .collect();
            let kind = match &example.kind {
                ExampleKind::Positive => "+",
                ExampleKind::NotThis(_) => "-",
                ExampleKind::OutOfScope => "0",
            };
            format!("{kind} {}:{} {} {}", example.file, example.line, example.text, values.join(", "))
        })
        .collect();
    assert_eq!(
        examples,
        [
            "+ intents/dns.lookup.toml:4 what does example.com resolve to domain=example.com at example.com",
            "+ intents/dns.lookup.toml:5 look up [www] Example.COM, mail servers \
             domain=example.com at Example.COM, record=mx at mail servers",
            "+ intents/dns.lookup.toml:6 dns for shop.example as of tonight \
             domain=shop.example at shop.example, when=? at tonight",
            "+ intents/dns.lookup.toml:7 as of new year: a.example \
             when=2026-01-01T00:00:00Z at new year, domain=a.example at a.example",
            "+ intents/dns.lookup.toml:8 resolve it ",
            "- intents/dns.lookup.toml:10 the dns of [example.com] is broken ",
            "0 intents/none.txt:2 thanks, the [fix] works ",
            "0 intents/none.txt:4 lunch? ",
        ]
    );

    let [runbook] = &catalogue.runbooks[..] else { panic!("one runbook") };
    assert_eq!((runbook.name.as_str(), runbook.first_line), ("network/dns.md", 8));
    assert_eq!(runbook.symptoms, ["getaddrinfo: no such host", "nothing resolves"]);
    assert_eq!((runbook.alerts.join(" "), runbook.body.lines().next()), ("DnsDown".to_owned(), Some("## Meaning")));
    let [step] = &runbook.steps[..] else { panic!("one step") };
    assert_eq!((step.intent.as_str(), step.file.as_str(), step.line), ("dns.lookup", "runbooks/network/dns.md", 15));
    let values: Vec<_> = step.arguments.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let domain = intent.parameters[0].parse("example.com").unwrap();
    assert_eq!(
        values,
        [("domain", &StepValue::Fixed(domain)), ("record", &StepValue::Placeholder("record".to_owned()))]
    );
    assert_eq!((catalogue.manifests[0].name.as_str(), catalogue.policies[0].name()), ("host", "default.cedar"));
}

#[test]
fn lessons_are_names_and_contents_of_intents() {
    let digest = |name: &str, content: &str| {
        let root = tempfile::tempdir().unwrap();
        for folder in ["intents", "policies"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join(name), content).unwrap();
        Catalogue::load(&beneath(root.path())).0.lessons
    };
    assert_eq!(digest("intents/none.txt", "x"), digest("intents/none.txt", "x"));
    assert_ne!(digest("intents/none.txt", "x"), digest("intents/a.b.toml", "x"));
    assert_ne!(digest("intents/none.txt", "x"), digest("intents/none.txt", "y"));
    assert_eq!(digest("policies/a.cedar", "x"), digest("policies/a.cedar", "y"));
}

#[test]
fn the_binary_holds_what_is_in_the_folders_and_it_is_sound() {
    let (built_in, diagnostics) = Catalogue::load(&DataFolders::built_in());
    let (folders, _) = Catalogue::load(&in_repository(""));
    assert_eq!(built_in.lessons, folders.lessons);
    let others = |catalogue: &Catalogue| {
        let runbooks: Vec<_> =
            catalogue.runbooks.iter().map(|runbook| (runbook.name.clone(), runbook.digest)).collect();
        let manifests: Vec<_> = catalogue.manifests.iter().map(|manifest| format!("{manifest:?}")).collect();
        let policies: Vec<_> = catalogue.policies.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
        (runbooks, manifests, policies)
    };
    assert_eq!(others(&built_in), others(&folders));
    assert_eq!(shown(&diagnostics), "");
}

#[test]
fn a_step_need_not_say_what_follows() {
    let root = tempfile::tempdir().unwrap();
    let head = "---\ntitle: Slow\nsymptoms: [\"it is slow\"]\nalerts: [Slow]\n---\n## Meaning\na\n## Impact\nb\n## Diagnosis\nc\n";
    let found = |step: &str| {
        let runbook = format!("{head}## Mitigation\n```sayso\n{step}\n```\n");
        fs::write(root.path().join("slow.md"), runbook).unwrap();
        let folders = DataFolders { runbooks: Folder::Disk(root.path().to_owned()), ..DataFolders::built_in() };
        shown(&Catalogue::load(&folders).1)
    };
    assert_eq!(found("flag.set flag=<flag> percentage=10"), "");
    assert_eq!(found("flag.set flag=<flag> percentage=<share>"), "");
    let said = "error: runbooks/slow.md:14: `flag.set` needs `state`\n  hint: add `state=<state>`\n";
    assert_eq!(found("flag.set flag=<flag>"), said);
}

#[test]
fn the_schema_beside_the_policies_is_the_one_that_is_used() {
    let root = tempfile::tempdir().unwrap();
    let policies = root.path().join("policies");
    fs::create_dir(&policies).unwrap();
    let ours = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/schema.cedarschema")).unwrap();
    let found = |text: &str| {
        fs::write(policies.join("schema.cedarschema"), text).unwrap();
        let (catalogue, diagnostics) = Catalogue::load(&beneath(root.path()));
        assert!(catalogue.policies.is_empty(), "it is no policy");
        shown(&diagnostics)
    };
    assert_eq!(found(&ours), "");
    assert_eq!(found(&ours.replace('\n', "\r\n")), "");
    assert_eq!(
        found(&format!("{ours}entity Cat;\n")),
        "warning: policies/schema.cedarschema: differs from the one built into this program, which is used\n  \
         hint: it is there for editors: copy the one of this version, or remove it\n"
    );
}

/// `sayso check` in the repository: nothing to say.
#[test]
fn what_ships_is_clean() {
    let check = std::process::Command::new(env!("CARGO_BIN_EXE_sayso"))
        .arg("check")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&check.stderr), "");
    let said = String::from_utf8_lossy(&check.stdout);
    assert!(check.status.success() && said.ends_with(": 0 errors, 0 warnings\n"), "{said}");
}

/// Who is on call is supposed, and not asked.
#[test]
fn a_policy_for_whoever_is_on_call_is_what_it_is_expected_to_be() {
    let sayso = |arguments: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_sayso"));
        program.args(["--config", "tests/policies/on-call/sayso.toml", "policy"]).args(arguments);
        let ended = program.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ended.status.code(), text(&ended.stdout), text(&ended.stderr))
    };
    let met = sayso(&["test", "tests/policies/on-call/cases.toml"]);
    assert_eq!(met, (Some(0), "8 expectations, 8 met, 0 not met\n".to_owned(), String::new()));
    let explain = |who: &[&str]| {
        let line = "service.restart service=web environment=production";
        sayso(&[&["explain", line, "--as", "discord:1", "--at", "2026-11-20T17:00:00Z"], who].concat())
    };
    let (_, said, _) = explain(&["--on-call", "mira"]);
    assert!(said.contains("by discord:1 (on-call, operator)") && said.contains("their own yes counts"), "{said}");
    let (_, said, _) = explain(&["--on-call", "nobody"]);
    assert!(said.contains("(operator)") && said.contains("on call by `PI7DH85`: nobody"), "{said}");
    let (_, said, _) = explain(&[]);
    let unknown = "who is on call cannot be found out: no system is asked here; say it with `--on-call NAME`";
    assert!(said.ends_with(&format!("It would be denied ({unknown}).\n")), "{said}");
    let (code, _, error) = explain(&["--on-call", "mria"]);
    assert_eq!((code, error.as_str()), (Some(1), "error: there is no `mria` in `[people]`\n"));
}

#[test]
fn every_bad_input_has_its_message() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bad");
    let mut cases: Vec<PathBuf> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(cases.len() >= 25, "the cases have gone: {}", cases.len());
    let mut failures = String::new();
    for case in cases {
        let found = shown(&Catalogue::load(&beneath(&case)).1);
        assert!(!found.is_empty(), "nothing is wrong with {}", case.display());
        let answer = case.with_extension("stderr");
        if std::env::var_os("SAYSO_BLESS").is_some() {
            fs::write(&answer, &found).unwrap();
        }
        let expected = fs::read_to_string(&answer).unwrap_or_default();
        if found != expected {
            failures += &format!("=== {}\nexpected:\n{expected}\nfound:\n{found}\n", case.display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn what_cannot_be_read_safely_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let intents = root.path().join("intents");
    fs::create_dir(&intents).unwrap();
    fs::write(intents.join("huge.one.toml"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    fs::write(intents.join("latin.one.toml"), b"# one\n# caf\xe9\n").unwrap();
    fs::write(root.path().join("outside.toml"), "summary = \"Outside\"\n").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../outside.toml", intents.join("linked.out.toml")).unwrap();
        std::os::unix::fs::symlink("gone.toml", intents.join("linked.gone.toml")).unwrap();
        let pipe = rustix::fs::FileType::Fifo;
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, intents.join("pipe.one.toml"), pipe, mode, 0).unwrap();
        let runbooks = root.path().join("runbooks");
        fs::create_dir(&runbooks).unwrap();
        std::os::unix::fs::symlink("..", runbooks.join("loop")).unwrap();
    }
    let (catalogue, diagnostics) = Catalogue::load(&beneath(root.path()));
    assert!(catalogue.intents.is_empty());
    #[cfg(unix)]
    assert_eq!(
        shown(&diagnostics),
        "error: intents/huge.one.toml: expected at most 1 MiB, found more\n  hint: split the file\n\
         error: intents/latin.one.toml:2: expected UTF-8, found other bytes\n  hint: save the file as UTF-8\n\
         error: intents/linked.gone.toml: cannot be read: No such file or directory (os error 2)\n\
         error: intents/linked.out.toml: is a link that leaves the folder\n  hint: copy the file into the folder\n\
         error: intents/pipe.one.toml: is no regular file\n\
         error: runbooks/loop: is a link to a folder, and such links are not followed\n  \
         hint: copy the folder, or link its files one by one\n"
    );
    #[cfg(not(unix))]
    assert_eq!(diagnostics.len(), 2);
}
