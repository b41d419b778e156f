//! A BERT-family sentence encoder on the processor, by candle: the reference.
//!
//! One forward pass gives both what the intent head needs (the sentence) and what the tagger needs (the tokens). The
//! pooling is that of sentence-transformers: the mean over all word pieces, the two special ones included, scaled to
//! unit length.

use tokenizers::Encoding;

use super::manifest::{ModelError, ModelFiles, ModelSource, WEIGHTS};
use super::network::Network;
use super::reading::{Reader, batches};
use super::shape::Shape;
use super::{EmbeddingError, Encoded, Encoder};
use crate::domain::Digest;

/// How many word pieces go through the network at once, unless one text alone has more. More is no faster on a processor,
/// and this bounds the memory of a pass: the widest layer of MiniLM has 256 × 1536 numbers, 1.5 MB.
const PASS_TOKENS: usize = 256;

/// The encoder: weights, tokenizer, shape.
pub struct CandleEncoder {
    network: Network,
    reader: Reader,
    digest: Digest,
}

impl CandleEncoder {
    /// Loads a model and verifies its digests.
    pub fn load(source: &ModelSource) -> Result<Self, ModelError> {
        source.open(Self::assemble)
    }

    /// Builds the encoder; the files are not needed any more then.
    pub(super) fn assemble(files: &ModelFiles) -> Result<Self, ModelError> {
        let shape = Shape::of(files)?;
        let reader = Reader::load(files, &shape)?;
        let network = Network::load(&files.weights, &shape).map_err(|error| files.unusable(WEIGHTS, error.into()))?;
        Ok(Self { network, reader, digest: files.manifest.digest() })
    }
}

impl Encoder for CandleEncoder {
    fn dimension(&self) -> usize {
        self.reader.dimension()
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Encoded>, EmbeddingError> {
        let encodings = self.reader.cut(texts)?;
        let mut encoded = Vec::with_capacity(texts.len());
        for batch in batches(&encodings, PASS_TOKENS) {
            let ids: Vec<_> = batch.iter().map(Encoding::get_ids).collect();
            let states = self.network.forward(&ids).map_err(|error| EmbeddingError::Model(error.into()))?;
            let mut rest = states.as_slice();
            for encoding in batch {
                let (states, after) = rest.split_at(encoding.len() * self.dimension());
                encoded.push(self.reader.encoded(encoding, states));
                rest = after;
            }
        }
        Ok(encoded)
    }
}
