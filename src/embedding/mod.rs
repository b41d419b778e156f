//! Text to vectors and token states, by a local BERT-family encoder on a thread of its own.

mod candle;
mod embedder;
mod import;
mod int8;
mod kept;
mod manifest;
mod network;
mod reading;
mod shape;
mod weights;

use std::ops::Range;
use std::time::Duration;

use crate::domain::Digest;

pub use candle::CandleEncoder;
pub use embedder::Embedder;
pub use import::{ImportError, Provenance, Report, import};
pub use int8::Int8Encoder;
pub use kept::{Kept, verified, write};
pub use manifest::{
    CARD, CONFIG, FileDigests, MANIFEST, Manifest, ModelError, ModelSource, Pooling, TOKENIZER, WEIGHTS, WeightType,
};

/// What one forward pass gives for one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// The sentence vector: mean of the token states, unit length; `dimension` numbers.
    pub sentence: Vec<f32>,
    /// One entry per word piece, in order, without the special ones.
    pub tokens: Vec<Token>,
}

/// A word piece with its state in context.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Where it stands in the text, in bytes.
    pub span: Range<usize>,
    /// The last layer's state; `dimension` numbers.
    pub state: Vec<f32>,
}

/// Turns texts into vectors. Blocking; see [`Embedder`] for the thread in front of it.
pub trait Encoder: Send {
    /// How many numbers a vector has.
    fn dimension(&self) -> usize;
    /// The digest of the weights, the tokenizer and the configuration.
    fn digest(&self) -> Digest;
    /// Encodes a batch. Texts longer than the model's limit are truncated at it.
    fn encode(&self, texts: &[&str]) -> Result<Vec<Encoded>, EmbeddingError>;
}

/// How exactly an encoder computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// In 8 bits, by [`Int8Encoder`].
    #[default]
    Int8,
    /// In 32 bits, by [`CandleEncoder`]: the reference, and several times slower.
    F32,
}

/// Loads a model, whatever type its weights are stored in, and verifies its digests.
pub fn load(source: &ModelSource, precision: Precision) -> Result<Box<dyn Encoder>, ModelError> {
    Ok(match precision {
        Precision::Int8 => Box::new(Int8Encoder::load(source)?),
        Precision::F32 => Box::new(CandleEncoder::load(source)?),
    })
}

/// Why a text could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingError {
    /// The queue is full.
    #[error("overloaded: the model has more messages waiting than it can read; try again in a moment")]
    Overloaded,
    /// The answer did not come in time.
    #[error("overloaded: the model did not answer within {0:?}; try again in a moment")]
    TimedOut(Duration),
    /// The thread has ended.
    #[error("the model's thread has ended")]
    Ended,
    /// The thread could not be started.
    #[error("cannot start the model's thread")]
    Thread(#[source] std::io::Error),
    /// The tokenizer or the network refused the text.
    #[error("the model cannot read this text")]
    Model(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The encoder panicked; the thread lives on.
    #[error("the model failed on this text: {0}")]
    Panicked(String),
}
