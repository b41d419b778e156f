//! What every encoder does around its network: cutting a text into word pieces before, and making a sentence's vector of
//! the pieces' states after.

use std::error::Error;

use tokenizers::{Encoding, Tokenizer, TruncationParams};

use super::manifest::{ModelError, ModelFiles, TOKENIZER};
use super::shape::Shape;
use super::{EmbeddingError, Encoded, Token};

/// Cuts texts into word pieces, and puts the pieces' states together again.
pub(super) struct Reader {
    tokenizer: Tokenizer,
    dimension: usize,
}

impl Reader {
    /// Reads the tokenizer of a model of the shape.
    pub(super) fn load(files: &ModelFiles, shape: &Shape) -> Result<Self, ModelError> {
        let tokenizer = tokenizer(&files.tokenizer, files.manifest.max_tokens, shape.vocab_size)
            .map_err(|error| files.unusable(TOKENIZER, error))?;
        Ok(Self { tokenizer, dimension: shape.hidden_size })
    }

    /// How many numbers a vector has.
    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    /// The word pieces of each text.
    pub(super) fn cut(&self, texts: &[&str]) -> Result<Vec<Encoding>, EmbeddingError> {
        let cut = texts.iter().map(|text| self.tokenizer.encode(*text, true));
        cut.collect::<Result<_, _>>().map_err(EmbeddingError::Model)
    }

    /// What one text is: `states` holds one row for each word piece.
    pub(super) fn encoded(&self, encoding: &Encoding, states: &[f32]) -> Encoded {
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

/// Which texts go through the network together: neighbours, as many as have at most so many word pieces, and always one.
pub(super) fn batches(encodings: &[Encoding], most_pieces: usize) -> Vec<&[Encoding]> {
    let mut batches = Vec::new();
    let mut rest = encodings;
    while !rest.is_empty() {
        let mut pieces = 0;
        let fitting = rest.iter().take_while(|encoding| {
            pieces += encoding.len();
            pieces <= most_pieces
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

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 256;

    #[test]
    fn batches_hold_every_text_once_in_order_and_stay_within_the_bound() {
        for lengths in [vec![], vec![5], vec![2000, 3, 2000], vec![7; 1000], (1..=256).collect::<Vec<_>>()] {
            let encodings: Vec<_> = lengths.iter().map(|&length| encoding(length)).collect();
            let batches: Vec<Vec<usize>> =
                batches(&encodings, MOST).iter().map(|batch| batch.iter().map(Encoding::len).collect()).collect();
            assert!(batches.iter().all(|batch| batch.len() == 1 || batch.iter().sum::<usize>() <= MOST));
            assert_eq!(batches.concat(), lengths);
        }
        assert_eq!(batches(&vec![encoding(16); 64], MOST).len(), 4);
    }

    fn encoding(length: usize) -> Encoding {
        let tokens = (0..length).map(|_| tokenizers::Token::new(1, "x".to_owned(), (0, 1))).collect();
        Encoding::from_tokens(tokens, 0)
    }
}
