//! Vectors of texts, kept from one start to the next: reading them takes a moment, making them takes seconds.
//!
//! A file `passages-<digest>.bin` for each encoder and list of texts: the SHA-256 of the rest, then the vectors, one after
//! the other, 32 bits a number, the lowest byte first.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::Digest;
use crate::embedding::Embedder;

/// The length of the digest at the beginning, in hexadecimal digits.
const HEAD: usize = 64;

/// Where the vectors of some texts are kept.
pub(super) struct KeptVectors {
    file: PathBuf,
    count: usize,
    dimension: usize,
}

impl KeptVectors {
    /// For these texts, in this order.
    pub(super) fn new(folder: &Path, texts: &[&str], embedder: &Embedder) -> Self {
        let encoder = embedder.digest().to_string();
        let digest = Digest::of(std::iter::once(encoder.as_str()).chain(texts.iter().copied()).map(str::as_bytes));
        let file = folder.join(format!("passages-{}.bin", digest.short()));
        Self { file, count: texts.len(), dimension: embedder.dimension() }
    }

    /// The vectors, one for each text, if they are there and whole.
    pub(super) fn read(&self) -> Option<Vec<Vec<f32>>> {
        let bytes = std::fs::read(&self.file).ok()?;
        let (head, numbers) = bytes.split_at_checked(HEAD)?;
        let whole = head == Digest::of_file(numbers).to_string().as_bytes()
            && numbers.len() == self.count * self.dimension * size_of::<f32>();
        let vector = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        whole.then(|| numbers.chunks_exact(self.dimension * size_of::<f32>()).map(vector).collect())
    }

    /// Keeps them, if that can be done.
    pub(super) fn write(&self, vectors: &[Vec<f32>]) {
        let numbers: Vec<u8> = vectors.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
        let mut bytes = Digest::of_file(&numbers).to_string().into_bytes();
        bytes.extend(numbers);
        if let Err(error) = self.replace(&bytes) {
            tracing::warn!(file = %self.file.display(), %error, "the vectors of the runbooks could not be cached");
        }
    }

    /// Writes beside the file and renames, so that a reader never sees half of it.
    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let partial = self.file.with_extension(format!("{}.partial", std::process::id()));
        std::fs::write(&partial, bytes)?;
        std::fs::rename(&partial, &self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptVectors { file: folder.path().join("cache/x.bin"), count: 2, dimension: 3 };
        assert_eq!(kept.read(), None);
        let vectors = vec![vec![0.1, -2.5, f32::MIN_POSITIVE], vec![1.0, 0.0, -0.0]];
        kept.write(&vectors);
        assert_eq!(kept.read(), Some(vectors.clone()));
        let whole = std::fs::read(&kept.file).unwrap();
        assert_eq!(KeptVectors { count: 3, file: kept.file.clone(), ..kept }.read(), None, "of other texts");
        for damage in [&whole[..whole.len() - 1], &whole[..10], b"", &[&whole[..70], b"x", &whole[71..]].concat()] {
            std::fs::write(&kept.file, damage).unwrap();
            assert_eq!(kept.read(), None);
        }
        // A folder that is a file keeps nothing, and that is no fault.
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let nowhere = KeptVectors { file: file.join("x.bin"), count: 2, dimension: 3 };
        nowhere.write(&vectors);
        assert_eq!(nowhere.read(), None);
    }
}
