//! The folder that is imported: what sentence-transformers writes, read with suspicion.

use std::fs;
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

use super::ImportError;
use crate::domain::Digest;
use crate::embedding::manifest::{CONFIG, TOKENIZER, WEIGHTS, WeightType};
use crate::embedding::weights::{Rows8, SCALE, floats};

/// What the encoder reads of `config.json`; the rest concerns training or other software.
const CONFIG_KEYS: [&str; 11] = [
    "model_type",
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
    "position_embedding_type",
];

/// The stages that a sentence-transformers model may have; the encoder does what these three do.
const MODULES: [&str; 3] = ["Transformer", "Pooling", "Normalize"];

/// The original, checked to be of a kind that the encoder knows.
pub(super) struct Original {
    weights_file: PathBuf,
    weights: Vec<u8>,
    pub(super) tokenizer: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) dimension: usize,
    pub(super) max_tokens: usize,
}

/// A tensor as it is written: name, type, shape, bytes.
type Converted = (String, Dtype, Vec<usize>, Vec<u8>);

impl Original {
    pub(super) fn open(folder: &Path) -> Result<Self, ImportError> {
        let config_file = folder.join(CONFIG);
        let config = read_json(&config_file)?;
        let config = config.as_object().cloned().unwrap_or_default();
        let kind = config.get("model_type").cloned().unwrap_or_default();
        if kind != "bert" {
            return Err(unsupported(config_file, "`model_type`", "\"bert\"", &kind));
        }
        let dimension = number(&config, "hidden_size", &config_file)?;
        let positions = number(&config, "max_position_embeddings", &config_file)?;
        check_modules(&folder.join("modules.json"))?;
        check_pooling(&folder.join("1_Pooling/config.json"))?;
        let limits_file = folder.join("sentence_bert_config.json");
        let limits = read_json(&limits_file)?.as_object().cloned().unwrap_or_default();
        let weights_file = folder.join(WEIGHTS);
        Ok(Self {
            weights: read(&weights_file)?,
            weights_file,
            tokenizer: tokenizer(&folder.join(TOKENIZER))?,
            config: pretty(Value::Object(config.into_iter().filter(|(k, _)| CONFIG_KEYS.contains(&&**k)).collect())),
            dimension,
            max_tokens: number(&limits, "max_seq_length", &limits_file)?.min(positions),
        })
    }

    /// The digest of the original weights.
    pub(super) fn digest(&self) -> Digest {
        Digest::of_file(&self.weights)
    }

    /// The original weights' size in bytes.
    pub(super) fn weights_bytes(&self) -> usize {
        self.weights.len()
    }

    /// The names of the tensors that the encoder does not read, in order.
    pub(super) fn left_out(&self) -> Result<Vec<String>, ImportError> {
        let tensors = self.tensors()?;
        let mut names: Vec<_> = tensors.names().into_iter().filter(|name| kept(name).is_none()).collect();
        names.sort_unstable();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// The weights that the encoder reads, as a safetensors file.
    pub(super) fn weights(&self, to: WeightType) -> Result<Vec<u8>, ImportError> {
        let mut tensors = self.tensors()?.tensors();
        // By name, so that the same file always has the same message.
        tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut converted = Vec::new();
        for (name, tensor) in &tensors {
            let Some(kept) = kept(name) else { continue };
            converted.extend(self.convert(name, kept, tensor, to)?);
        }
        let views = converted
            .iter()
            .map(|(name, dtype, shape, data)| Ok((name, TensorView::new(*dtype, shape.clone(), data)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
        views.and_then(|views| safetensors::serialize(views, None)).map_err(|error| self.unusable(error.into()))
    }

    /// What becomes of a tensor: one, or two if it is rounded to 8 bits.
    fn convert(
        &self,
        name: &str,
        kept: &str,
        tensor: &TensorView<'_>,
        to: WeightType,
    ) -> Result<Vec<Converted>, ImportError> {
        let numbers = floats(name, tensor).map_err(|error| self.unusable(error.into()))?;
        let fits = |number: f32| to != WeightType::F16 || f16::from_f32(number).is_finite();
        if let Some(&value) = numbers.iter().find(|&&number| !number.is_finite() || !fits(number)) {
            return Err(ImportError::Overflow { file: self.weights_file.clone(), tensor: name.to_owned(), value });
        }
        let one = |name: String, dtype, shape: &[usize], data| (name, dtype, shape.to_vec(), data);
        let full = |numbers: Vec<f32>| numbers.into_iter().flat_map(f32::to_le_bytes).collect();
        Ok(match (to, tensor.shape()) {
            (WeightType::F16, shape) => {
                let halves = numbers.into_iter().flat_map(|number| f16::from_f32(number).to_le_bytes());
                vec![one(kept.to_owned(), Dtype::F16, shape, halves.collect())]
            }
            (WeightType::Int8, &[rows, columns]) if is_rounded(kept) => {
                let Rows8 { numbers, scales } = Rows8::round(&numbers, columns);
                let bytes = numbers.into_iter().map(i8::cast_unsigned).collect();
                let scale = one(format!("{kept}{SCALE}"), Dtype::F32, &[rows], full(scales));
                vec![one(kept.to_owned(), Dtype::I8, &[rows, columns], bytes), scale]
            }
            (WeightType::F32 | WeightType::Int8, shape) => {
                vec![one(kept.to_owned(), Dtype::F32, shape, full(numbers))]
            }
        })
    }

    fn tensors(&self) -> Result<SafeTensors<'_>, ImportError> {
        SafeTensors::deserialize(&self.weights).map_err(|error| self.unusable(error.into()))
    }

    fn unusable(&self, source: Box<dyn std::error::Error + Send + Sync>) -> ImportError {
        ImportError::Content { file: self.weights_file.clone(), source }
    }
}

/// The name under which a tensor is kept; none for what the encoder does not read: the pooler, the heads of the
/// pre-training, the numbered positions.
fn kept(name: &str) -> Option<&str> {
    let name = name.strip_prefix("bert.").unwrap_or(name);
    let read = (name.starts_with("embeddings.") && name != "embeddings.position_ids") || name.starts_with("encoder.");
    read.then_some(name)
}

/// Whether a matrix is worth rounding: all but the small tables.
fn is_rounded(kept: &str) -> bool {
    kept.starts_with("encoder.") || kept == "embeddings.word_embeddings.weight"
}

/// Every stage must be one that the encoder has.
fn check_modules(file: &Path) -> Result<(), ImportError> {
    let modules = read_json(file)?;
    for module in modules.as_array().into_iter().flatten() {
        let kind = module["type"].as_str().unwrap_or_default();
        if !kind.rsplit('.').next().is_some_and(|class| MODULES.contains(&class)) {
            return Err(unsupported(file.to_owned(), "a stage", "Transformer, Pooling or Normalize", &module["type"]));
        }
    }
    Ok(())
}

/// Only the mean, in the older form of the file (a switch for each mode) or the newer (one name).
fn check_pooling(file: &Path) -> Result<(), ImportError> {
    let pooling = read_json(file)?;
    let switched_on = |mode: &str| pooling[format!("pooling_mode_{mode}")] == true;
    let others = ["cls_token", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"];
    let mean = match &pooling["pooling_mode"] {
        Value::Null => switched_on("mean_tokens") && !others.into_iter().any(switched_on),
        mode => mode == "mean",
    };
    if mean { Ok(()) } else { Err(unsupported(file.to_owned(), "the pooling", "the mean of the tokens", &pooling)) }
}

/// Without its own cutting and padding: the encoder sets both.
fn tokenizer(file: &Path) -> Result<Vec<u8>, ImportError> {
    let mut tokenizer = read_json(file)?;
    if let Some(fields) = tokenizer.as_object_mut() {
        fields.insert("truncation".to_owned(), Value::Null);
        fields.insert("padding".to_owned(), Value::Null);
    }
    Ok(tokenizer.to_string().into_bytes())
}

fn pretty(value: Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

fn number(fields: &Map<String, Value>, key: &'static str, file: &Path) -> Result<usize, ImportError> {
    let value = fields.get(key).cloned().unwrap_or_default();
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| unsupported(file.to_owned(), key, "a whole number", &value))
}

fn unsupported(file: PathBuf, what: &'static str, expected: &'static str, found: &Value) -> ImportError {
    ImportError::Unsupported { file, what, expected, found: found.to_string() }
}

fn read_json(file: &Path) -> Result<Value, ImportError> {
    serde_json::from_slice(&read(file)?)
        .map_err(|error| ImportError::Content { file: file.to_owned(), source: error.into() })
}

fn read(file: &Path) -> Result<Vec<u8>, ImportError> {
    fs::read(file).map_err(|source| ImportError::Read { file: file.to_owned(), source })
}
