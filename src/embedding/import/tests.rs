//! A model of a few hundred numbers goes the whole way: import, load, encode; and every way in which that can fail.

use std::error::Error;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use super::*;
use crate::embedding::{Int8Encoder, ModelSource};

const HIDDEN: usize = 8;
const WIDE: usize = 16;
const WORDS: [&str; 9] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "restart", "check", "##out", "disk", "full"];

/// A folder as sentence-transformers writes it.
fn original(folder: &Path) {
    let files: [(&str, Value); 5] = [
        (
            "config.json",
            json!({
                "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN,
                "intermediate_size": WIDE, "num_hidden_layers": 1, "num_attention_heads": 2, "layer_norm_eps": 1e-12,
                "max_position_embeddings": 10, "type_vocab_size": 2, "vocab_size": WORDS.len(),
                "transformers_version": "4.8.2"
            }),
        ),
        ("tokenizer.json", tokenizer()),
        (
            "modules.json",
            json!([{"type": "sentence_transformers.models.Transformer"},
                   {"type": "sentence_transformers.models.Pooling"},
                   {"type": "sentence_transformers.models.Normalize"}]),
        ),
        ("1_Pooling/config.json", json!({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false})),
        ("sentence_bert_config.json", json!({"max_seq_length": 6, "do_lower_case": false})),
    ];
    fs::create_dir_all(folder.join("1_Pooling")).unwrap();
    for (name, content) in files {
        fs::write(folder.join(name), content.to_string()).unwrap();
    }
    weights(folder, |_, number| number);
}

fn tokenizer() -> Value {
    let vocabulary: serde_json::Map<_, _> =
        WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect();
    let special = |id: usize| json!({"SpecialToken": {"id": WORDS[id], "type_id": 0}});
    let special_ids = |id: usize| json!({"id": WORDS[id], "ids": [id], "tokens": [WORDS[id]]});
    let sequence = json!({"Sequence": {"id": "A", "type_id": 0}});
    json!({
        "version": "1.0",
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": null,
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [special(2), sequence, special(3)], "pair": [sequence, sequence],
            "special_tokens": {"[CLS]": special_ids(2), "[SEP]": special_ids(3)}},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary}
    })
}

/// Numbers that look random, each as `change` wants it.
fn weights(folder: &Path, change: impl Fn(&str, f32) -> f32) {
    let layer = |name: &str| format!("bert.encoder.layer.0.{name}");
    let square = vec![HIDDEN, HIDDEN];
    let mut shapes = vec![
        ("bert.embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), HIDDEN]),
        ("bert.embeddings.position_embeddings.weight".to_owned(), vec![10, HIDDEN]),
        ("bert.embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]),
        (layer("intermediate.dense.weight"), vec![WIDE, HIDDEN]),
        (layer("intermediate.dense.bias"), vec![WIDE]),
        (layer("output.dense.weight"), vec![HIDDEN, WIDE]),
        (layer("output.dense.bias"), vec![HIDDEN]),
        ("bert.pooler.dense.weight".to_owned(), square.clone()),
    ];
    for name in ["self.query", "self.key", "self.value", "output.dense"] {
        shapes.push((layer(&format!("attention.{name}.weight")), square.clone()));
        shapes.push((layer(&format!("attention.{name}.bias")), vec![HIDDEN]));
    }
    let norms = ["attention.output.LayerNorm", "output.LayerNorm"].map(layer);
    for name in norms.iter().map(String::as_str).chain(["bert.embeddings.LayerNorm"]) {
        shapes.push((format!("{name}.weight"), vec![HIDDEN]));
        shapes.push((format!("{name}.bias"), vec![HIDDEN]));
    }
    let mut state = 1_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut tensors = Vec::new();
    for (name, shape) in shapes {
        let count = shape.iter().product();
        let numbers: Vec<u8> =
            std::iter::repeat_with(|| change(&name, random()).to_le_bytes()).take(count).flatten().collect();
        tensors.push((name, shape, numbers));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, data)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    fs::write(folder.join(WEIGHTS), safetensors::serialize(views, None).unwrap()).unwrap();
}

fn provenance() -> Provenance {
    Provenance {
        name: "tiny".to_owned(),
        source: "a test".to_owned(),
        version: "1".to_owned(),
        licence: "MIT".to_owned(),
    }
}

/// A place with an original in it.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    original(&place.path().join("original"));
    place
}

fn import_in(place: &Path, name: &str) -> Result<Report, ImportError> {
    import_as(place, name, WeightType::F16)
}

fn import_as(place: &Path, name: &str, weights: WeightType) -> Result<Report, ImportError> {
    import(&place.join("original"), &place.join(name), weights, &provenance())
}

/// The error and its causes, with the place left out.
fn told(place: &Path, error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    text.replace(&format!("{}/", place.display()), "")
}

fn load(place: &Path) -> Result<CandleEncoder, ModelError> {
    CandleEncoder::load(&ModelSource::Folder(place.join("model")))
}

#[test]
fn an_imported_model_loads_and_reads() {
    let place = place();
    let report = import_in(place.path(), "model").unwrap();
    assert_eq!(report.left_out, ["bert.pooler.dense.weight"]);
    assert!(report.lowest_cosine > 0.9999 && report.lowest_cosine <= report.median_cosine);
    assert_eq!(report.manifest.max_tokens, 6);
    let encoder = load(place.path()).unwrap();
    assert_eq!((encoder.dimension(), encoder.digest()), (HIDDEN, report.manifest.digest()));
    let encoded = encoder.encode(&["Restart checkout", "", "disk full disk full disk full"]).unwrap();
    let spans: Vec<_> = encoded[0].tokens.iter().map(|token| token.span.clone()).collect();
    assert_eq!(spans, [0..7, 8..13, 13..16]);
    assert_eq!(encoded.iter().map(|encoded| encoded.tokens.len()).collect::<Vec<_>>(), [3, 0, 4]);
    let card = fs::read_to_string(place.path().join("model/README.md")).unwrap();
    assert!(!card.contains('{'), "an empty field in the card:\n{card}");
}

#[test]
fn weights_in_8_bits_are_read_by_both_encoders() {
    let place = place();
    let report = import_as(place.path(), "model", WeightType::Int8).unwrap();
    assert!(report.lowest_cosine > 0.999, "{}", report.lowest_cosine);
    let source = ModelSource::Folder(place.path().join("model"));
    let texts = ["Restart checkout", "", "disk full disk full disk full"];
    let (candle, int8) = (CandleEncoder::load(&source).unwrap(), Int8Encoder::load(&source).unwrap());
    assert_ne!(candle.digest(), int8.digest());
    for (candle, int8) in candle.encode(&texts).unwrap().iter().zip(&int8.encode(&texts).unwrap()) {
        assert!(cosine(candle, int8) > 0.999, "{}", cosine(candle, int8));
        let spans = |encoded: &Encoded| encoded.tokens.iter().map(|token| token.span.clone()).collect::<Vec<_>>();
        assert_eq!(spans(candle), spans(int8));
    }
    let card = fs::read_to_string(place.path().join("model/README.md")).unwrap();
    assert!(!card.contains('{') && card.contains("What 8 bits cost"), "{card}");
}

#[test]
fn weights_of_any_type_are_rounded_to_the_same() {
    // Numbers that 16 bits hold exactly.
    let place = place();
    weights(&place.path().join("original"), |_, number| (number * 64.0).round() / 64.0);
    let encoded = [WeightType::F16, WeightType::Int8].map(|weights| {
        let name = format!("{weights:?}");
        import_as(place.path(), &name, weights).unwrap();
        let encoder = Int8Encoder::load(&ModelSource::Folder(place.path().join(name))).unwrap();
        encoder.encode(&["restart checkout", "disk full"]).unwrap()
    });
    assert_eq!(encoded[0], encoded[1]);
}

#[test]
fn an_import_is_the_same_every_time() {
    let place = place();
    let (one, other) = (import_in(place.path(), "one").unwrap(), import_in(place.path(), "other").unwrap());
    assert_eq!(one.manifest, other.manifest);
    let read = |folder: &str, name: &str| fs::read(place.path().join(folder).join(name)).unwrap();
    for name in [MANIFEST, CARD] {
        assert_eq!(read("one", name), read("other", name));
    }
}

#[test]
fn what_the_encoder_does_not_know_is_not_imported() {
    let cases: [(&str, &str, &str, &str); 8] = [
        (
            "config.json",
            "\"bert\"",
            "\"roberta\"",
            "`original/config.json`: `model_type` expected \"bert\", found \"roberta\"",
        ),
        (
            "config.json",
            "\"gelu\"",
            "\"swish\"",
            "the imported model does not load: the model's `model/config.json` cannot be used: unknown variant `swish`, \
             expected `gelu` at line 3 column 23",
        ),
        (
            "modules.json",
            "models.Normalize",
            "models.Dense",
            "`original/modules.json`: a stage expected Transformer, Pooling or Normalize, found \
             \"sentence_transformers.models.Dense\"",
        ),
        (
            "1_Pooling/config.json",
            "\"pooling_mode_cls_token\":false",
            "\"pooling_mode_cls_token\":true",
            "`original/1_Pooling/config.json`: the pooling expected the mean of the tokens, found \
             {\"pooling_mode_mean_tokens\":true,\"pooling_mode_cls_token\":true}",
        ),
        (
            "sentence_bert_config.json",
            "6",
            "\"six\"",
            "`original/sentence_bert_config.json`: max_seq_length expected a whole number, found \"six\"",
        ),
        (
            "tokenizer.json",
            "\"full\":8",
            "\"full\":8,\"empty\":9",
            "the imported model does not load: the model's `model/tokenizer.json` cannot be used: it has 10 word pieces, \
             the network knows 9",
        ),
        (
            "tokenizer.json",
            r#"[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}]"#,
            r#"[{"Sequence":{"id":"A","type_id":0}}]"#,
            "the imported model does not load: the model's `model/tokenizer.json` cannot be used: it adds no special word \
             pieces, so a blank text would be nothing at all",
        ),
        (
            "tokenizer.json",
            "{",
            "",
            "cannot make sense of `original/tokenizer.json`: trailing characters at line 1 column 10",
        ),
    ];
    for (file, from, to, expected) in cases {
        let place = place();
        let path = place.path().join("original").join(file);
        let content = fs::read_to_string(&path).unwrap();
        assert!(content.contains(from), "{file} has no {from}");
        fs::write(&path, content.replacen(from, to, 1)).unwrap();
        assert_eq!(told(place.path(), &import_in(place.path(), "model").unwrap_err()), expected);
        assert!(!place.path().join("model").exists());
    }
}

#[test]
fn weights_that_cannot_be_used_are_not_imported() {
    let place = place();
    let folder = place.path().join("original");
    let refusal = || told(place.path(), &import_in(place.path(), "model").unwrap_err());
    weights(&folder, |name, number| if name.ends_with("query.bias") { 70_000.0 } else { number });
    assert_eq!(
        refusal(),
        "`original/model.safetensors`: the tensor `bert.encoder.layer.0.attention.self.query.bias` holds 70000, which \
         16 bits cannot"
    );
    fs::write(folder.join(WEIGHTS), "not weights at all").unwrap();
    assert!(refusal().starts_with("cannot make sense of `original/model.safetensors`: "), "{}", refusal());
    fs::remove_file(folder.join(WEIGHTS)).unwrap();
    assert_eq!(refusal(), "cannot read `original/model.safetensors`: No such file or directory (os error 2)");
}

#[test]
fn nothing_is_overwritten() {
    let place = place();
    let error = import_in(place.path(), "original").unwrap_err();
    assert_eq!(told(place.path(), &error), "`original` exists; remove it first, or choose another name");
}

#[test]
fn a_damaged_model_is_refused_by_name() {
    let place = place();
    let manifest = import_in(place.path(), "model").unwrap().manifest;
    let file = |name: &str| place.path().join("model").join(name);
    let refusal = || told(place.path(), &load(place.path()).err().unwrap());
    for (name, digest) in
        [(WEIGHTS, manifest.files.weights), (TOKENIZER, manifest.files.tokenizer), (CONFIG, manifest.files.config)]
    {
        let content = fs::read(file(name)).unwrap();
        let mut damaged = content.clone();
        *damaged.last_mut().unwrap() ^= 1;
        fs::write(file(name), &damaged).unwrap();
        assert_eq!(
            refusal(),
            format!(
                "the model's `model/{name}` is damaged or was changed: expected sha256 {digest}, found {}; restore it, \
                 or make the folder anew with `sayso model import`",
                Digest::of_file(&damaged)
            )
        );
        fs::remove_file(file(name)).unwrap();
        assert_eq!(
            refusal(),
            format!(
                "cannot read the model's `model/{name}`; restore the folder, or make it anew with `sayso model import`: \
                 No such file or directory (os error 2)"
            )
        );
        fs::write(file(name), content).unwrap();
    }
    load(place.path()).unwrap();
}

#[test]
fn a_manifest_that_says_something_else_is_refused() {
    let place = place();
    import_in(place.path(), "model").unwrap();
    let path = place.path().join("model").join(MANIFEST);
    let content = fs::read_to_string(&path).unwrap();
    let cases = [
        (
            "dimension = 8",
            "dimension = 9",
            "the model's `model/config.json` does not fit its manifest: `dimension` expected 9, found 8",
        ),
        (
            "max_tokens = 6",
            "max_tokens = 11",
            "the model's `model/config.json` does not fit its manifest: `max_tokens` expected 11, found 3 to 10",
        ),
        (
            "weights = \"f16\"",
            "weights = \"f32\"",
            "the model's `model/model.safetensors` does not fit its manifest: `weights` expected F32, found F16 in `embeddings.LayerNorm.bias`",
        ),
        ("pooling = \"mean\"", "pooling = \"cls\"", "model/manifest.toml:9: unknown variant `cls`, expected `mean`"),
        (
            "licence",
            "license",
            "model/manifest.toml:5: unknown field `license`, expected one of `name`, `source`, `version`, `licence`, `weights`, `dimension`, `max_tokens`, `pooling`, `files`",
        ),
        ("[files]", "[files", "model/manifest.toml:11: unclosed table, expected `]`"),
    ];
    for (from, to, expected) in cases {
        assert!(content.contains(from), "the manifest has no {from}");
        fs::write(&path, content.replacen(from, to, 1)).unwrap();
        assert_eq!(told(place.path(), &load(place.path()).err().unwrap()), expected);
    }
}

#[test]
fn a_model_can_be_part_of_the_binary() {
    let place = place();
    let report = import_in(place.path(), "model").unwrap();
    // What a binary holds lives as long as the program.
    let files: Vec<(&'static str, &'static [u8])> = [MANIFEST, WEIGHTS, TOKENIZER, CONFIG]
        .map(|name| (name, &*fs::read(place.path().join("model").join(name)).unwrap().leak()))
        .to_vec();
    let encoder = CandleEncoder::load(&ModelSource::BuiltIn(files.leak())).unwrap();
    assert_eq!(encoder.digest(), report.manifest.digest());
    let error = CandleEncoder::load(&ModelSource::BuiltIn(&[])).err().unwrap();
    assert_eq!(
        told(place.path(), &error),
        "cannot read the model's `<built in>/manifest.toml`; restore the folder, or make it anew with \
         `sayso model import`: entity not found"
    );
}
