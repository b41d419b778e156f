//! Text to vectors and token states, by a local BERT-family encoder on a thread of its own.

use std::ops::Range;

use crate::domain::Digest;

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

/// Why a text could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingError {
    /// The queue is full.
    #[error("overloaded: the model has more messages waiting than it can read; try again in a moment")]
    Overloaded,
    /// The thread has ended.
    #[error("the model's thread has ended")]
    Ended,
}
