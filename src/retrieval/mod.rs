//! Finding runbook passages by meaning and by words, with their place.

mod chunk;
mod index;
mod lexical;
mod passages;

pub use chunk::{Chunk, Document, Step, chunks};
pub use index::{Hit, Index};
pub use passages::{PassageHit, Passages};
