//! A BERT-family sentence encoder on the processor, by candle.
//!
//! One forward pass gives both what the intent head needs (the sentence) and what the tagger needs (the tokens). The
//! pooling is that of sentence-transformers: the mean over all word pieces, the two special ones included, scaled to
//! unit length.

use std::cmp::Reverse;
use std::error::Error;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use safetensors::{Dtype, SafeTensors};
use tokenizers::{Encoding, Tokenizer, TruncationParams};

use super::manifest::{CONFIG, Manifest, ModelError, ModelFiles, ModelSource, TOKENIZER, WEIGHTS, WeightType};
use super::{EmbeddingError, Encoded, Encoder, Token};
use crate::domain::Digest;

/// How many word pieces, padding included, go through the network at once. More is no faster on a processor
/// (`benches/embed.rs`), and this bounds the memory of a pass: 12 heads × 256 × 1024 scores are 12 MB.
const PASS_TOKENS: usize = 1024;

/// The encoder: weights, tokenizer, shape.
pub struct CandleEncoder {
    network: BertModel,
    tokenizer: Tokenizer,
    dimension: usize,
    padding: u32,
    digest: Digest,
}

impl CandleEncoder {
    /// Loads a model and verifies its digests.
    pub fn load(source: &ModelSource) -> Result<Self, ModelError> {
        Self::assemble(&source.open()?)
    }

    /// Builds the encoder; the files are not needed any more then.
    pub(super) fn assemble(files: &ModelFiles) -> Result<Self, ModelError> {
        let unusable = |name: &str, source: Box<dyn Error + Send + Sync>| ModelError::Content {
            file: files.source.file(name),
            source,
        };
        let config: Config = serde_json::from_slice(&files.config).map_err(|error| unusable(CONFIG, error.into()))?;
        check_shape(files, &config)?;
        let tokenizer =
            tokenizer(&files.tokenizer, files.manifest.max_tokens).map_err(|error| unusable(TOKENIZER, error))?;
        let network = VarBuilder::from_slice_safetensors(&files.weights, DType::F32, &Device::Cpu)
            .and_then(|weights| BertModel::load(weights, &config))
            .map_err(|error| unusable(WEIGHTS, error.into()))?;
        Ok(Self {
            network,
            tokenizer,
            dimension: config.hidden_size,
            padding: u32::try_from(config.pad_token_id).map_err(|error| unusable(CONFIG, error.into()))?,
            digest: files.manifest.digest(),
        })
    }

    /// One pass for texts of similar length; shorter ones are padded to the longest.
    fn pass(&self, batch: &[&Encoding]) -> candle_core::Result<Vec<Encoded>> {
        let width = batch.iter().map(|encoding| encoding.len()).max().unwrap_or_default();
        let padded = |numbers: fn(&Encoding) -> &[u32], filler: u32| {
            let rows = batch.iter().flat_map(|encoding| {
                let row = numbers(encoding);
                row.iter().copied().chain(std::iter::repeat_n(filler, width - row.len()))
            });
            Tensor::from_iter(rows, &Device::Cpu)?.reshape((batch.len(), width))
        };
        let ids = padded(Encoding::get_ids, self.padding)?;
        let mask = padded(Encoding::get_attention_mask, 0)?;
        let states = self.network.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let states = states.flatten_all()?.to_vec1::<f32>()?;
        Ok(batch.iter().zip(states.chunks_exact(width * self.dimension)).map(|(e, s)| self.encoded(e, s)).collect())
    }

    /// `states` holds one row per word piece and, after them, rows of padding.
    fn encoded(&self, encoding: &Encoding, states: &[f32]) -> Encoded {
        let mut sentence = vec![0.0; self.dimension];
        let mut tokens = Vec::with_capacity(encoding.len());
        let pieces = encoding.get_offsets().iter().zip(encoding.get_special_tokens_mask());
        for ((&(start, end), &special), state) in pieces.zip(states.chunks_exact(self.dimension)) {
            sentence.iter_mut().zip(state).for_each(|(sum, number)| *sum += number);
            if special == 0 {
                tokens.push(Token { span: start..end, state: state.to_vec() });
            }
        }
        // The mean and the sum point in the same direction.
        let length = sentence.iter().map(|number| number * number).sum::<f32>().sqrt();
        sentence.iter_mut().for_each(|number| *number /= length.max(f32::MIN_POSITIVE));
        Encoded { sentence, tokens }
    }
}

impl Encoder for CandleEncoder {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Encoded>, EmbeddingError> {
        let encodings = texts
            .iter()
            .map(|text| self.tokenizer.encode(*text, true))
            .collect::<Result<Vec<_>, _>>()
            .map_err(EmbeddingError::Model)?;
        let mut encoded = Vec::new();
        for batch in batches(&encodings.iter().map(Encoding::len).collect::<Vec<_>>()) {
            let texts: Vec<_> = batch.iter().map(|&index| &encodings[index]).collect();
            let states = self.pass(&texts).map_err(|error| EmbeddingError::Model(error.into()))?;
            encoded.extend(batch.into_iter().zip(states));
        }
        encoded.sort_unstable_by_key(|(index, _)| *index);
        Ok(encoded.into_iter().map(|(_, encoded)| encoded).collect())
    }
}

/// Which texts go through the network together: the longest first, so that neighbours are of similar length and little
/// is padding; at most [`PASS_TOKENS`] at once, and always at least one text.
fn batches(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| Reverse(lengths[index]));
    let mut rest = order.as_slice();
    let mut batches = Vec::new();
    while let Some(&longest) = rest.first() {
        let (batch, after) = rest.split_at((PASS_TOKENS / lengths[longest].max(1)).clamp(1, rest.len()));
        batches.push(batch.to_vec());
        rest = after;
    }
    batches
}

/// The tokenizer, set to cut at the model's limit. Padding is ours: it depends on the batch.
fn tokenizer(content: &[u8], max_tokens: usize) -> Result<Tokenizer, Box<dyn Error + Send + Sync>> {
    let mut tokenizer = Tokenizer::from_bytes(content)?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(Some(TruncationParams { max_length: max_tokens, ..TruncationParams::default() }))?;
    // Text is data: `[SEP]` in a message is five characters, not a mark of the model's.
    tokenizer.set_encode_special_tokens(true);
    Ok(tokenizer)
}

/// The files must have the shape that the manifest tells of.
fn check_shape(files: &ModelFiles, config: &Config) -> Result<(), ModelError> {
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
    let tensors = SafeTensors::deserialize(&files.weights)
        .map_err(|error| ModelError::Content { file: files.source.file(WEIGHTS), source: error.into() })?;
    let expected = match weights {
        WeightType::F16 => Dtype::F16,
        WeightType::F32 => Dtype::F32,
    };
    match tensors.iter().find(|(_, tensor)| tensor.dtype() != expected) {
        Some((name, tensor)) => {
            Err(misfit(WEIGHTS, "`weights`", expected.to_string(), format!("{} in `{name}`", tensor.dtype())))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_text_once_and_stay_within_the_bound() {
        for lengths in [vec![], vec![5], vec![2000, 3, 2000], vec![7; 1000], (1..=256).collect::<Vec<_>>()] {
            let batches = batches(&lengths);
            for batch in &batches {
                let longest = batch.iter().map(|&index| lengths[index]).max().unwrap();
                assert!(batch.len() == 1 || batch.len() * longest <= PASS_TOKENS);
            }
            let mut seen: Vec<_> = batches.concat();
            seen.sort_unstable();
            assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn little_of_a_large_batch_is_padding() {
        let lengths: Vec<usize> = (0..1500).map(|index| 4 + index * 7919 % 27).collect();
        let padded: usize = batches(&lengths).iter().map(|batch| batch.len() * lengths[batch[0]]).sum();
        let real: usize = lengths.iter().sum();
        assert!(padded as f64 <= 1.05 * real as f64, "{padded} rows for {real} word pieces");
    }
}
