//! The shipped model against sentence-transformers, and what its encoder promises about batches, spans and odd texts.
//!
//! Skips, saying so, when `models/minilm-l6-ops` is absent.

#![expect(clippy::expect_used, reason = "a test may fail")]

use std::path::PathBuf;
use std::sync::OnceLock;

use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use sayso::catalogue::{Catalogue, DataFolders, Example, ExampleKind};
use sayso::embedding::{CandleEncoder, Encoded, Encoder, Int8Encoder, ModelSource};
use sayso::understanding::groups;

/// What `tests/reference/minilm-l6-ops.py` wrote.
#[derive(serde::Deserialize)]
struct Reference {
    made_by: String,
    sentences: Vec<Sentence>,
}

#[derive(serde::Deserialize)]
struct Sentence {
    text: String,
    tokens: usize,
    vector: Vec<f32>,
}

fn model_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/minilm-l6-ops")
}

/// An encoder and what it is held to.
struct Subject {
    name: &'static str,
    encoder: Box<dyn Encoder + Sync>,
    /// The lowest cosine to the reference vectors.
    lowest: f64,
    /// The median of them.
    median: f64,
}

/// candle's and our own, of the same files; none where there are none.
fn subjects() -> &'static [Subject] {
    static SUBJECTS: OnceLock<Vec<Subject>> = OnceLock::new();
    let source = ModelSource::Folder(model_folder());
    let subjects = SUBJECTS.get_or_init(|| {
        if !model_folder().exists() {
            return Vec::new();
        }
        let candle = CandleEncoder::load(&source).expect("the shipped model loads");
        let int8 = Int8Encoder::load(&source).expect("the shipped model loads");
        vec![
            // What the rounding of the weights costs; then, what computing with rounded numbers costs as well.
            Subject { name: "f32", encoder: Box::new(candle), lowest: 0.996, median: 0.999 },
            Subject { name: "int8", encoder: Box::new(int8), lowest: 0.99, median: 0.997 },
        ]
    });
    if subjects.is_empty() {
        eprintln!("skipped: no model in {}", model_folder().display());
    }
    subjects
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/minilm-l6-ops.json")).expect("the reference vectors are JSON")
}

fn one(encoder: &dyn Encoder, text: &str) -> Encoded {
    encoder.encode(&[text]).expect("any text can be encoded").remove(0)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The words of the text that the word pieces stand for.
fn pieces<'a>(text: &'a str, encoded: &Encoded) -> Vec<&'a str> {
    encoded.tokens.iter().map(|token| &text[token.span.clone()]).collect()
}

#[test]
fn vectors_are_those_of_sentence_transformers() {
    let reference = reference();
    let texts: Vec<&str> = reference.sentences.iter().map(|sentence| sentence.text.as_str()).collect();
    for Subject { name, encoder, lowest, median } in subjects() {
        assert_eq!(encoder.dimension(), 384);
        let mut cosines = Vec::new();
        for (sentence, encoded) in reference.sentences.iter().zip(encoder.encode(&texts).unwrap()) {
            let shown: String = sentence.text.chars().take(40).collect();
            // The reference counts the two special pieces.
            assert_eq!(encoded.tokens.len() + 2, sentence.tokens, "word pieces of `{shown}`, by {}", reference.made_by);
            let cosine = cosine(&encoded.sentence, &sentence.vector);
            assert!(cosine >= *lowest, "{name}: {cosine} for `{shown}`, by {}", reference.made_by);
            let length = encoded.sentence.iter().map(|number| number * number).sum::<f32>().sqrt();
            assert!((length - 1.0).abs() < 1e-5, "{name}: length {length} for `{shown}`");
            cosines.push(cosine);
        }
        cosines.sort_by(f64::total_cmp);
        let middle = cosines[cosines.len() / 2];
        println!("{name}: cosine to the reference {:.5} at the lowest, {middle:.5} in the middle", cosines[0]);
        assert!(middle >= *median, "{name}: {middle}");
    }
}

/// The other texts of a batch change a number of candle's by at most this much: the sums are the same, their order inside
/// the matrix product is not. Our own does not change at all.
const BATCH_TOLERANCE: f32 = 1e-5;

#[test]
fn a_text_in_a_batch_is_encoded_as_alone() {
    let texts: Vec<String> = reference().sentences.into_iter().map(|sentence| sentence.text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for Subject { name, encoder, .. } in subjects() {
        let tolerance = if *name == "int8" { 0.0 } else { BATCH_TOLERANCE };
        for (text, batched) in texts.iter().zip(encoder.encode(&texts).unwrap()) {
            let alone = one(encoder.as_ref(), text);
            assert_eq!(spans(&batched), spans(&alone));
            let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance);
            assert!(near(&batched.sentence, &alone.sentence), "{name}: the sentence vector of `{text}`");
            for (a, b) in batched.tokens.iter().zip(&alone.tokens) {
                assert!(near(&a.state, &b.state), "{name}: the state at {:?} of `{text}`", a.span);
            }
        }
    }
}

#[test]
fn the_encoders_differ_in_nothing_but_rounding() {
    let [candle, int8] = subjects() else { return };
    assert_ne!(candle.encoder.digest(), int8.encoder.digest());
    let texts: Vec<String> = reference().sentences.into_iter().map(|sentence| sentence.text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (candle, int8) = (candle.encoder.encode(&texts).unwrap(), int8.encoder.encode(&texts).unwrap());
    for ((text, candle), int8) in texts.iter().zip(candle).zip(int8) {
        assert_eq!(spans(&candle), spans(&int8), "{text}");
        for (candle, int8) in candle.tokens.iter().zip(&int8.tokens) {
            let cosine = cosine(&candle.state, &int8.state);
            assert!(cosine > 0.97, "{cosine} at {:?} of `{text}`", candle.span);
        }
    }
}

fn spans(encoded: &Encoded) -> Vec<std::ops::Range<usize>> {
    encoded.tokens.iter().map(|token| token.span.clone()).collect()
}

#[test]
fn spans_are_bytes_of_the_text_as_it_was_written() {
    let cases: [(&str, &[&str]); 8] = [
        ("Restart Checkout", &["Restart", "Check", "out"]),
        ("Ünïcode ÄPFEL here", &["Ünïcode", "ÄP", "FE", "L", "here"]),
        // The accent that is a character of its own counts where the word goes on.
        ("e\u{301}te\u{301} now", &["e\u{301}t", "e", "now"]),
        ("🔥 prod is down 😱!", &["🔥", "pro", "d", "is", "down", "😱", "!"]),
        ("scale api-v2 to 12", &["scale", "api", "-", "v", "2", "to", "12"]),
        // Two characters in lower case.
        ("İstanbul is up", &["İstanbul", "is", "up"]),
        ("再起動", &["再", "起", "動"]),
        ("[CLS] x [SEP]", &["[", "CL", "S", "]", "x", "[", "SEP", "]"]),
    ];
    for Subject { name, encoder, .. } in subjects() {
        for (text, expected) in cases {
            assert_eq!(pieces(text, &one(encoder.as_ref(), text)), expected, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn spans_of_any_text_are_in_order_and_can_be_cut_out(text in "\\PC{0,40}|(\\w|[ \u{301}\u{200d}🔥İß]){0,20}") {
        for Subject { encoder, .. } in subjects() {
            let mut last = 0..0;
            for span in spans(&one(encoder.as_ref(), &text)) {
                // A character that is taken apart ("ோ") is the span of each of its parts.
                prop_assert!(span == last || span.start >= last.end, "{span:?} begins before the end of {last:?}");
                prop_assert!(text.get(span.clone()).is_some_and(|piece| !piece.is_empty()), "{span:?}");
                last = span;
            }
        }
    }
}

#[test]
fn blank_texts_have_a_vector_and_no_tokens() {
    for Subject { name, encoder, .. } in subjects() {
        for text in ["", " ", "\n\t \r\n", "\u{200b}\u{feff}", "\0\u{1b}"] {
            let encoded = one(encoder.as_ref(), text);
            assert!(encoded.tokens.is_empty(), "{name}: {text:?}");
            assert!(encoded.sentence.iter().all(|number| number.is_finite()), "{name}: {text:?}");
        }
        assert_eq!(encoder.encode(&[]).unwrap(), []);
    }
}

#[test]
fn what_comes_after_the_limit_is_not_read() {
    for Subject { name, encoder, .. } in subjects() {
        let long = "word ".repeat(300);
        let encoded = one(encoder.as_ref(), &long);
        assert_eq!(encoded.tokens.len(), 254, "{name}");
        let longer = format!("{long} and then something altogether different {}", "🔥 ".repeat(20_000));
        assert_eq!(one(encoder.as_ref(), &longer).sentence, encoded.sentence, "{name}");
    }
}

/// What [`sayso::understanding::groups`] says of its threshold.
#[test]
fn examples_in_a_group_are_of_one_intent() {
    let Some(Subject { encoder, .. }) = subjects().last() else { return };
    let catalogue = Catalogue::load(&DataFolders::built_in()).0;
    let examples = catalogue.examples.iter().filter(|example| example.kind == ExampleKind::Positive);
    let examples: Vec<_> = examples.step_by(8).collect();
    let without_values = |example: &&Example| {
        let mut text = example.text.clone();
        for annotation in example.annotations.iter().rev() {
            text.replace_range(annotation.span.clone(), &annotation.parameter.as_str().replace('_', " "));
        }
        text
    };
    let texts: Vec<String> = examples.iter().map(without_values).collect();
    let encode =
        |texts: &[String]| encoder.encode(&texts.iter().map(String::as_str).collect::<Vec<_>>()).expect("it encodes");
    let vectors: Vec<_> = texts.chunks(32).flat_map(encode).map(|encoded| encoded.sentence).collect();
    let (mut shared, mut alike) = (0, 0);
    for group in groups(&vectors).iter().filter(|group| group.len() > 1) {
        shared += group.len();
        alike += group.iter().filter(|index| examples[**index].intent == examples[group[0]].intent).count();
    }
    eprintln!("{shared} of {} examples share a group, {alike} with their intent", examples.len());
    assert!(3 * shared > examples.len() && 5 * alike > 4 * shared);
}

#[test]
fn meaning_is_nearer_than_wording() {
    for Subject { name, encoder, .. } in subjects() {
        let vectors =
            encoder.encode(&["roll back the release", "revert the deployment", "roll up the carpet"]).unwrap();
        let near = cosine(&vectors[0].sentence, &vectors[1].sentence);
        let far = cosine(&vectors[0].sentence, &vectors[2].sentence);
        assert!(near > far, "{name}: {near} against {far}");
    }
}
