//! Everything that reads foreign bytes, each as a function that must come back whatever the bytes are. The programs in
//! `fuzz_targets/` try bytes without end; `tests/corpus.rs` tries the ones in `corpus/`, on every run of the tests.
#![allow(dead_code)] // Each program calls one of them.
#![allow(clippy::expect_used, clippy::unwrap_used)] // What must not happen ends the program: that is what we look for.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sayso::catalogue::manifest::Decode;
use sayso::catalogue::{Catalogue, DataFolders, Diagnostic, Folder, Manifest, Severity};
use sayso::config::Config;
use sayso::domain::{
    Command, Digest, Entities, EntityType, MAX_MESSAGE_BYTES, Secret, SystemClock, clean, looks_typed, parse_typed,
    quote, sanitise,
};
use sayso::embedding::{CandleEncoder, Embedder, EmbeddingError, Encoded, Encoder, ModelSource, Token};
use sayso::integrations::{self, Builtins, Planner, Redactor, Registry, Surroundings, read_answer};
use sayso::proposal::{Policy, Roles};
use sayso::retrieval::Passages;
use sayso::understanding::{Context, Draft, Model, OutcomeKind, Understander};

mod chat;
mod response;

pub use chat::chat;
pub use response::response;

/// Takes any bytes, and comes back.
pub type Target = fn(&[u8]);

/// The targets, by the names of their programs and of their folders in `corpus/`.
pub const ALL: [(&str, Target); 13] = [
    ("message", message),
    ("typed", typed),
    ("intent", intent),
    ("runbook", runbook),
    ("manifest", manifest),
    ("config", config),
    ("policy", policy),
    ("template", template),
    ("answer", answer),
    ("response", response),
    ("redactor", redactor),
    ("chat", chat),
    ("model", model),
];

static SHIPPED: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::load(&DataFolders::built_in()).0);

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"));

/// A text as a program gets it that was promised UTF-8.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A message, cleaned and understood: alone, as an answer, and beside a proposal that waits. What comes out as a command
/// is one.
pub fn message(bytes: &[u8]) {
    let message = text(bytes);
    let cleaned = clean(&message);
    assert_eq!(clean(&cleaned), cleaned);
    assert!(sanitise(&message).chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
    if cleaned.len() > MAX_MESSAGE_BYTES {
        return;
    }
    let understander = &*UNDERSTANDER;
    let command = parse_typed("service.restart service=checkout", understander.intents()).expect("a command");
    let draft = Draft::from(&command);
    let asked = Some((draft.clone(), vec!["service".parse().expect("a name")]));
    let proposal = Some(draft.clone());
    for context in [
        Context::default(),
        Context { asked, speaker: Some("mira".to_owned()), ..Context::default() },
        Context { proposal, waiting: 1, last: Some(draft), ..Context::default() },
    ] {
        let understood = RUNTIME.block_on(understander.understand(&cleaned, &context, Timestamp::UNIX_EPOCH));
        let understood = understood.expect("any text can be understood");
        if understood.outcome == OutcomeKind::Command {
            let intent = understood.intent.as_ref().and_then(|name| understander.intents().get(name.as_str()));
            Command::new(intent.expect("an intent"), &understood.arguments).expect("a command");
        }
        for argument in &understood.stages.arguments {
            assert!(argument.span.as_ref().is_none_or(|span| cleaned.get(span.clone()).is_some()));
        }
    }
}

/// A line in the typed form. What is a command is the same one when it is written and read again.
pub fn typed(bytes: &[u8]) {
    let line = text(bytes);
    looks_typed(&line);
    if let Ok(command) = parse_typed(&line, &SHIPPED.intents) {
        assert_eq!(parse_typed(&command.to_string(), &SHIPPED.intents).expect("a command"), command);
        assert_eq!(Command::restore(&command.to_json(), &SHIPPED.intents).expect("a command"), command);
    }
}

/// An intent's file.
pub fn intent(bytes: &[u8]) {
    in_folder(bytes, "fuzz.it.toml", |folder| DataFolders { intents: folder, ..little() });
}

/// A runbook.
pub fn runbook(bytes: &[u8]) {
    in_folder(bytes, "fuzz.md", |folder| DataFolders { runbooks: folder, ..little() });
}

/// Two intents and nothing else: all that ships takes a second to read, in which a thousand files could be tried.
fn little() -> DataFolders {
    let named = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let intents = vec![
        named("host.disk.toml", include_str!("../intents/host.disk.toml")),
        named("service.restart.toml", include_str!("../intents/service.restart.toml")),
        named("none.txt", "lunch?\nthanks a lot\n"),
    ];
    let [runbooks, integrations, policies] = std::array::from_fn(|_| Folder::empty());
    DataFolders { intents: Folder::Given(intents), runbooks, integrations, policies, models: None }
}

/// A file alone in its folder. It is read, or said to be wrong.
fn in_folder(bytes: &[u8], name: &str, folders: impl FnOnce(Folder) -> DataFolders) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join(name), bytes).expect("a temporary file");
    let (catalogue, findings) = Catalogue::load(&folders(Folder::Disk(folder.path().to_owned())));
    let there = catalogue.intents.len() + catalogue.runbooks.len();
    assert!(there > 0 || findings.iter().any(|finding| finding.severity == Severity::Error));
    shown(&findings);
}

fn shown(findings: &[Diagnostic]) {
    for finding in findings {
        assert!(!finding.to_string().is_empty() && finding.line != Some(0) && finding.column != Some(0));
    }
}

/// A manifest.
pub fn manifest(bytes: &[u8]) {
    let mut findings = Vec::new();
    match Manifest::parse("integrations/fuzz.toml", &text(bytes), &mut findings) {
        Some(manifest) => findings.extend(manifest.cross_check(&SHIPPED.intents, |_| false)),
        None => assert!(!findings.is_empty()),
    }
    shown(&findings);
}

/// A configuration.
pub fn config(bytes: &[u8]) {
    if let Err(findings) = Config::parse("sayso.toml", &text(bytes)) {
        assert!(!findings.is_empty());
        shown(&findings);
    }
}

/// A policy.
pub fn policy(bytes: &[u8]) {
    if let Err(faults) = Policy::load(&[("policies/fuzz.cedar".to_owned(), text(bytes))], &Roles::default()) {
        assert!(!faults.is_empty() && faults.iter().all(|fault| fault.line > 0));
    }
}

/// A template and, from the second line on, the value that it is filled in with: by every filter, in a JSON leaf and in
/// a part of a URL. Whatever they are, one request comes out, and it goes where it should.
pub fn template(bytes: &[u8]) {
    let all = text(bytes);
    let (template, value) = all.split_once('\n').unwrap_or((&all, "x"));
    let template = toml::Value::from(template).to_string();
    let manifest = format!(
        "summary = \"x\"\nrequires = {{ always = true }}\nconnection.url = \"http://127.0.0.1:9/base\"\n\
         [actions.a]\nimplements = \"ticket.create\"\n\
         http = {{ method = \"POST\", path = \"/a/{{{{ title }}}}/b\", query = {{ q = {template} }}, json = {{ j = {template} }} }}\n"
    );
    let Some(manifest) = Manifest::parse("integrations/fuzz.toml", &manifest, &mut Vec::new()) else { return };
    let line = format!("ticket.create title={}", quote(value));
    let Ok(command) = parse_typed(&line, &SHIPPED.intents) else { return };
    let surroundings = Surroundings { env: Arc::new(|_| None), machine: "here".to_owned() };
    let redactor = Arc::new(Redactor::default());
    let config = integrations::Config::default();
    let (registry, _) = Registry::new(vec![manifest], &config, Builtins::default(), &surroundings, &redactor);
    let planner = Planner::new(registry, surroundings, redactor, Arc::new(SystemClock));
    let Ok(requester) = "console:fuzz".parse() else { return };
    if let Ok(plan) = RUNTIME.block_on(planner.plan(&command, &requester)) {
        assert!(plan.runs.starts_with("POST http://127.0.0.1:9/base/a/"), "{}", plan.runs);
    }
}

/// The body of an answer: plain, JSON, or in Docker's frames; whole or cut off.
pub fn answer(bytes: &[u8]) {
    for status in [200, 301, 500] {
        for decode in [Decode::Auto, Decode::Text, Decode::JsonLines, Decode::DockerStream] {
            for truncated in [false, true] {
                let (said, _) = read_answer(status, bytes, truncated, decode);
                assert!(said.starts_with("answered ") && !said.contains('\n'));
            }
        }
    }
}

/// A secret in the first line and, from the second on, a text that holds it. What leaves does not, and is clean.
pub fn redactor(bytes: &[u8]) {
    let all = text(bytes);
    let (secret, around) = all.split_once('\n').unwrap_or((&all, ""));
    // A line of an input is a secret of several where it says so.
    let secret = secret.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t");
    let redactor = Redactor::default();
    redactor.learn(&Secret::new(secret.clone()));
    let secret = secret.trim();
    // In our own words it is no secret, and what is shorter than four letters is none.
    let ours = "[redacted] \n… (cut: 0123456789 of bytes are shown)";
    let odd = |c: char| !c.is_ascii_graphic() && !c.is_ascii_whitespace() || "@<`'＠‹".contains(c);
    for text in [around.to_owned(), format!("{around}{secret}"), format!("{secret}{around}{secret}")] {
        let clean = redactor.clean(&text);
        assert!(clean.len() <= 64 * 1024);
        assert!(clean.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
        if secret.len() >= 4 && !secret.contains(odd) && !secret.chars().all(|c| ours.contains(c)) {
            assert!(!clean.contains(&sanitise(secret)), "{clean:?} holds {secret:?}");
        }
    }
}

/// A file of a model; the first byte says which. The others are whole, and digests agree.
pub fn model(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let mut files: BTreeMap<&str, &[u8]> =
        BTreeMap::from([("config.json", CONFIG), ("tokenizer.json", TOKENIZER), ("model.safetensors", &[])]);
    let file = ["manifest.toml", "config.json", "tokenizer.json", "model.safetensors"][usize::from(which % 4)];
    files.insert(file, bytes);
    let digest = |name: &str| Digest::of_file(files[name]);
    let written = format!(
        "name = \"x\"\nsource = \"x\"\nversion = \"1\"\nlicence = \"MIT\"\nweights = \"f32\"\ndimension = 8\n\
         max_tokens = 6\npooling = \"mean\"\n[files]\n\"config.json\" = \"{}\"\n\"model.safetensors\" = \"{}\"\n\
         \"tokenizer.json\" = \"{}\"\n",
        digest("config.json"),
        digest("model.safetensors"),
        digest("tokenizer.json")
    );
    files.entry("manifest.toml").or_insert(written.as_bytes());
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in &files {
        fs::write(folder.path().join(name), content).expect("a temporary file");
    }
    match CandleEncoder::load(&ModelSource::Folder(folder.path().to_owned())) {
        Ok(encoder) => drop(encoder.encode(&["restart check"])),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A network of one layer.
const CONFIG: &[u8] = br#"{"model_type": "bert", "hidden_act": "gelu", "hidden_size": 8, "intermediate_size": 16,
    "num_hidden_layers": 1, "num_attention_heads": 2, "layer_norm_eps": 1e-12, "max_position_embeddings": 10,
    "type_vocab_size": 2, "vocab_size": 5}"#;

/// A tokenizer of five words.
const TOKENIZER: &[u8] = br###"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
    "lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100, "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "restart": 4}}}"###;

/// How many numbers the toy's vectors have.
const DIMENSION: usize = 8;

/// An encoder that knows nothing but the letters: fast, and always the same.
struct Toy;

impl Encoder for Toy {
    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn digest(&self) -> Digest {
        Digest::of([b"toy".as_slice()])
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Encoded>, EmbeddingError> {
        Ok(texts.iter().map(|text| toy_encoded(text)).collect())
    }
}

fn toy_encoded(text: &str) -> Encoded {
    let mut sentence = vec![1e-3_f32; DIMENSION];
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        let mut state = vec![0.0_f32; DIMENSION];
        word.bytes().for_each(|byte| state[usize::from(byte) % DIMENSION] += 1.0);
        sentence.iter_mut().zip(&state).for_each(|(sum, number)| *sum += number);
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        tokens.push(Token { span: start..start + word.len(), state });
    }
    let length = sentence.iter().map(|number| number * number).sum::<f32>().sqrt();
    sentence.iter_mut().for_each(|number| *number /= length);
    Encoded { sentence, tokens }
}

/// All intents, learned from a few examples of each; nobody looks at how well.
static UNDERSTANDER: LazyLock<Arc<Understander>> = LazyLock::new(|| {
    let embedder = Embedder::start(Box::new(Toy), NonZeroUsize::MIN).expect("a thread");
    let examples: Vec<_> = SHIPPED.examples.iter().step_by(7).cloned().collect();
    let model = Model::load_or_train(None, &SHIPPED.intents, &examples, SHIPPED.lessons, &embedder).expect("a model");
    let passages = Passages::build(&[], &embedder, None).expect("no passages");
    let mut entities = Entities::default();
    entities.add(EntityType::Service, "checkout", &["the shop", "check-out"]);
    entities.add(EntityType::Environment, "production", &["prod"]);
    entities.add(EntityType::Person, "mira", &[]);
    let intents = SHIPPED.intents.clone();
    Arc::new(Understander::new(intents, entities, &examples, model, passages, embedder, TimeZone::UTC))
});
