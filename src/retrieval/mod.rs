//! Finding runbook passages and examples by meaning, with their place.

mod chunk;
mod index;
mod lexical;
mod passages;
pub mod recall;

pub use chunk::{Chunk, Document, PASSAGE_WORDS, Step, chunks};
pub use index::{GRAPH_FROM, Hit, Index};
pub use passages::{PassageHit, Passages};
