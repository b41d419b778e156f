//! A BERT-family sentence encoder in whole numbers of 8 bits, on the processor: what understands messages.

mod kernels;
mod network;
mod numbers;
mod panels;

use std::sync::{Mutex, PoisonError};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use tokenizers::Encoding;

use super::manifest::{ModelError, ModelFiles, ModelSource, WEIGHTS};
use super::reading::{Reader, batches};
use super::shape::Shape;
use super::{EmbeddingError, Encoded, Encoder};
use crate::domain::Digest;
use kernels::Kernel;
use network::{Network, Scratch};

/// How many word pieces one thread takes at once, unless a text alone has more.
const PASS_TOKENS: usize = 64;

/// The encoder. One text is read on the caller's thread; many are shared among all processors.
pub struct Int8Encoder {
    network: Network,
    kernel: Kernel,
    reader: Reader,
    digest: Digest,
    /// As many as were ever in use at once.
    scratches: Mutex<Vec<Scratch>>,
}

impl Int8Encoder {
    /// Loads a model and verifies its digests. Weights of more bits are rounded.
    pub fn load(source: &ModelSource) -> Result<Self, ModelError> {
        source.open(Self::assemble)
    }

    /// Builds the encoder; the files are not needed any more then.
    pub(super) fn assemble(files: &ModelFiles) -> Result<Self, ModelError> {
        let shape = Shape::of(files)?;
        let (reader, network) = rayon::join(|| Reader::load(files, &shape), || Network::load(&files.weights, &shape));
        let (reader, network) = (reader?, network.map_err(|error| files.unusable(WEIGHTS, error))?);
        // The vectors are others than those that the reference makes of the same files.
        let digest = Digest::of([files.manifest.digest().to_string().as_bytes(), b"int8".as_slice()]);
        Ok(Self { network, kernel: Kernel::best(), reader, digest, scratches: Mutex::default() })
    }

    fn pass(&self, batch: &[Encoding]) -> Result<Vec<Encoded>, EmbeddingError> {
        let ids: Vec<_> = batch.iter().map(Encoding::get_ids).collect();
        if let Some(id) = ids.iter().copied().flatten().find(|id| **id as usize >= self.network.vocabulary()) {
            return Err(EmbeddingError::Model(format!("the network does not know the word piece {id}").into()));
        }
        let pooled = self.scratches.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = pooled.unwrap_or_default();
        let mut rest = self.network.forward(self.kernel, &ids, &mut scratch);
        let mut encoded = Vec::with_capacity(batch.len());
        for encoding in batch {
            let (states, after) = rest.split_at(encoding.len() * self.reader.dimension());
            encoded.push(self.reader.encoded(encoding, states));
            rest = after;
        }
        self.scratches.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        Ok(encoded)
    }
}

impl Encoder for Int8Encoder {
    fn dimension(&self) -> usize {
        self.reader.dimension()
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Encoded>, EmbeddingError> {
        let encodings = self.reader.cut(texts)?;
        match *batches(&encodings, PASS_TOKENS) {
            [batch] => self.pass(batch),
            ref batches => {
                let encoded: Vec<Vec<_>> =
                    batches.par_iter().map(|batch| self.pass(batch)).collect::<Result<_, _>>()?;
                Ok(encoded.into_iter().flatten().collect())
            }
        }
    }
}
