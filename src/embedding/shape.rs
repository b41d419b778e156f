//! The shape of a BERT-family network, as its `config.json` tells it.

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::manifest::{CONFIG, Manifest, ModelError, ModelFiles, WEIGHTS, WeightType};

/// What is read of `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Shape {
    pub(super) hidden_size: usize,
    pub(super) vocab_size: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) type_vocab_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) layer_norm_eps: f32,
    #[serde(rename = "hidden_act")]
    _activation: Activation,
    #[serde(rename = "position_embedding_type", default)]
    _positions: Positions,
}

impl Shape {
    /// Reads the configuration, and compares the files with what the manifest tells of them.
    pub(super) fn of(files: &ModelFiles) -> Result<Self, ModelError> {
        let shape = serde_json::from_slice(&files.config).map_err(|error| files.unusable(CONFIG, error.into()))?;
        check(files, &shape)?;
        Ok(shape)
    }

    /// How many features each head has.
    pub(super) fn head_width(&self) -> Result<usize, String> {
        let Self { hidden_size: hidden, num_attention_heads: heads, .. } = *self;
        if heads == 0 || hidden == 0 || hidden % heads != 0 {
            return Err(format!("{hidden} features cannot be shared among {heads} heads"));
        }
        Ok(hidden / heads)
    }
}

/// What the networks can compute between the two products of a layer. A configuration with another one is refused.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Activation {
    Gelu,
}

/// How the networks can know the order of the word pieces. A configuration with another way is refused.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Positions {
    #[default]
    Absolute,
}

/// The files must have the shape that the manifest tells of.
fn check(files: &ModelFiles, config: &Shape) -> Result<(), ModelError> {
    let Manifest { dimension, max_tokens, weights, .. } = &files.manifest;
    let misfit = |name: &str, what: &'static str, expected: String, found: String| ModelError::Shape {
        file: files.source.file(name),
        what,
        expected,
        found,
    };
    if config.hidden_size != *dimension {
        let (expected, found) = (dimension.to_string(), config.hidden_size.to_string());
        return Err(misfit(CONFIG, "`dimension`", expected, found));
    }
    // Two are special; without room for a third there is nothing to read.
    if !(3..=config.max_position_embeddings).contains(max_tokens) {
        let found = format!("3 to {}", config.max_position_embeddings);
        return Err(misfit(CONFIG, "`max_tokens`", max_tokens.to_string(), found));
    }
    let tensors = SafeTensors::deserialize(&files.weights).map_err(|error| files.unusable(WEIGHTS, error.into()))?;
    let fits = |name: &str, dtype: Dtype| match weights {
        WeightType::F16 => dtype == Dtype::F16,
        WeightType::F32 => dtype == Dtype::F32,
        // The matrices; what is added is not worth rounding.
        WeightType::Int8 => dtype == Dtype::F32 || (dtype == Dtype::I8 && name.ends_with(".weight")),
    };
    // By name, so that the same file always has the same message.
    let other = tensors.iter().filter(|(name, tensor)| !fits(name, tensor.dtype()));
    match other.min_by_key(|(name, _)| *name) {
        Some((name, tensor)) => {
            let found = format!("{} in `{name}`", tensor.dtype());
            Err(misfit(WEIGHTS, "`weights`", weights.to_string(), found))
        }
        None => Ok(()),
    }
}
