//! Which words the examples of each intent use: a word that no example of an intent ever used speaks against it.

use super::linear::SPARSE;

/// Words by class, with how telling each is.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    classes: usize,
    /// `SPARSE × classes` bits: whether an example of the class uses the word.
    used: Vec<u64>,
    /// Per word: the inverse document frequency over all examples, in nats; the same for all words never seen.
    weights: Vec<f32>,
}

impl Vocabulary {
    /// Counts the words (hashed, each once per example) of examples with their class.
    pub fn of<'a>(examples: impl Iterator<Item = (&'a [u32], usize)>, classes: usize) -> Self {
        let mut used = vec![0; (SPARSE * classes).div_ceil(64)];
        let mut counts = vec![0_u32; SPARSE];
        let mut total = 0_u32;
        for (words, class) in examples {
            total += 1;
            for &word in words {
                counts[word as usize] += 1;
                let bit = word as usize * classes + class;
                used[bit / 64] |= 1 << (bit % 64);
            }
        }
        let weights = counts.iter().map(|count| ((1.0 + total as f32) / (1.0 + *count as f32)).ln()).collect();
        Self { classes, used, weights }
    }

    /// Per class: the weight of the words that its examples never use.
    pub fn unsaid(&self, words: &[u32]) -> Vec<f32> {
        let mut unsaid = vec![0.0; self.classes];
        for &word in words {
            let weight = self.weights.get(word as usize).copied().unwrap_or(0.0);
            for (class, sum) in unsaid.iter_mut().enumerate() {
                if !self.uses(word, class) {
                    *sum += weight;
                }
            }
        }
        unsaid
    }

    /// Whether an example of the class uses the word.
    pub fn uses(&self, word: u32, class: usize) -> bool {
        let bit = word as usize * self.classes + class;
        self.used.get(bit / 64).is_some_and(|bits| bits >> (bit % 64) & 1 == 1)
    }

    /// As little-endian bytes, for the cache.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bits = self.used.iter().flat_map(|bits| bits.to_le_bytes());
        let weights = self.weights.iter().flat_map(|weight| weight.to_le_bytes());
        (self.classes as u64).to_le_bytes().into_iter().chain(weights).chain(bits).collect()
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` if the length does not fit.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (classes, rest) = bytes.split_first_chunk::<8>()?;
        let classes = usize::try_from(u64::from_le_bytes(*classes)).ok()?;
        let (weights, bits) = rest.split_at_checked(4 * SPARSE)?;
        let weights = weights.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
        let (chunks, []) = bits.as_chunks::<8>() else { return None };
        let used: Vec<u64> = chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
        (used.len() == SPARSE.checked_mul(classes)?.div_ceil(64)).then_some(Self { classes, used, weights })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_a_class_never_said() {
        let vocabulary = Vocabulary::of([(&[1, 2][..], 0), (&[2, 3][..], 1)].into_iter(), 2);
        let unsaid = vocabulary.unsaid(&[1, 2]);
        assert!(unsaid[0].abs() < 1e-6 && unsaid[1] > 0.3);
        let never = vocabulary.unsaid(&[77]);
        assert!(never[0] > unsaid[1] && (never[0] - never[1]).abs() < 1e-6);
        let again = Vocabulary::from_bytes(&vocabulary.to_bytes()).unwrap();
        assert_eq!(again.unsaid(&[1, 3]), vocabulary.unsaid(&[1, 3]));
        assert!(Vocabulary::from_bytes(&vocabulary.to_bytes()[..100]).is_none());
    }
}
