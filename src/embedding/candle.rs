//! A BERT-family sentence encoder on the processor, by candle.
//!
//! One forward pass gives both what the intent head needs (the sentence) and what the tagger needs (the tokens). The
//! pooling is that of sentence-transformers: the mean over all word pieces, the two special ones included, scaled to
//! unit length.

use std::error::Error;

use safetensors::{Dtype, SafeTensors};
use tokenizers::{Encoding, Tokenizer, TruncationParams};

use super::manifest::{CONFIG, Manifest, ModelError, ModelFiles, ModelSource, TOKENIZER, WEIGHTS, WeightType};
use super::network::{Config, Network};
use super::{EmbeddingError, Encoded, Encoder, Token};
use crate::domain::Digest;

/// How many word pieces go through the network at once, unless one text alone has more. More is no faster on a processor,
/// and this bounds the memory of a pass: the widest layer of MiniLM has 256 × 1536 numbers, 1.5 MB.
const PASS_TOKENS: usize = 256;

/// The encoder: weights, tokenizer, shape.
pub struct CandleEncoder {
    network: Network,
    tokenizer: Tokenizer,
    dimension: usize,
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
        let tokenizer = tokenizer(&files.tokenizer, files.manifest.max_tokens, config.vocab_size)
            .map_err(|error| unusable(TOKENIZER, error))?;
        let network = Network::load(&files.weights, &config).map_err(|error| unusable(WEIGHTS, error.into()))?;
        Ok(Self { network, tokenizer, dimension: config.hidden_size, digest: files.manifest.digest() })
    }

    /// `states` holds one row for each word piece.
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
        let mut encoded = Vec::with_capacity(texts.len());
        for batch in batches(&encodings) {
            let ids: Vec<_> = batch.iter().map(Encoding::get_ids).collect();
            let states = self.network.forward(&ids).map_err(|error| EmbeddingError::Model(error.into()))?;
            let mut rest = states.as_slice();
            for encoding in batch {
                let (states, after) = rest.split_at(encoding.len() * self.dimension);
                encoded.push(self.encoded(encoding, states));
                rest = after;
            }
        }
        Ok(encoded)
    }
}

/// Which texts go through the network together: neighbours, as many as [`PASS_TOKENS`] allows and always one.
fn batches(encodings: &[Encoding]) -> Vec<&[Encoding]> {
    let mut batches = Vec::new();
    let mut rest = encodings;
    while !rest.is_empty() {
        let mut pieces = 0;
        let fitting = rest.iter().take_while(|encoding| {
            pieces += encoding.len();
            pieces <= PASS_TOKENS
        });
        let (batch, after) = rest.split_at(fitting.count().max(1));
        batches.push(batch);
        rest = after;
    }
    batches
}

/// The tokenizer, set to cut at the model's limit.
fn tokenizer(content: &[u8], max_tokens: usize, known: usize) -> Result<Tokenizer, Box<dyn Error + Send + Sync>> {
    let mut tokenizer = Tokenizer::from_bytes(content)?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(Some(TruncationParams { max_length: max_tokens, ..TruncationParams::default() }))?;
    // Text is data: `[SEP]` in a message is five characters, not a mark of the model's.
    tokenizer.set_encode_special_tokens(true);
    let words = tokenizer.get_vocab_size(true);
    if words > known {
        return Err(format!("it has {words} word pieces, the network knows {known}").into());
    }
    if tokenizer.encode("", true)?.is_empty() {
        return Err("it adds no special word pieces, so a blank text would be nothing at all".into());
    }
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
    // By name, so that the same file always has the same message.
    let other = tensors.iter().filter(|(_, tensor)| tensor.dtype() != expected);
    match other.min_by_key(|(name, _)| *name) {
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
    fn batches_hold_every_text_once_in_order_and_stay_within_the_bound() {
        for lengths in [vec![], vec![5], vec![2000, 3, 2000], vec![7; 1000], (1..=256).collect::<Vec<_>>()] {
            let encodings: Vec<_> = lengths.iter().map(|&length| encoding(length)).collect();
            let batches: Vec<Vec<usize>> =
                batches(&encodings).iter().map(|batch| batch.iter().map(Encoding::len).collect()).collect();
            assert!(batches.iter().all(|batch| batch.len() == 1 || batch.iter().sum::<usize>() <= PASS_TOKENS));
            assert_eq!(batches.concat(), lengths);
        }
        assert_eq!(batches(&vec![encoding(16); 64]).len(), 4);
    }

    fn encoding(length: usize) -> Encoding {
        let tokens = (0..length).map(|_| tokenizers::Token::new(1, "x".to_owned(), (0, 1))).collect();
        Encoding::from_tokens(tokens, 0)
    }
}
