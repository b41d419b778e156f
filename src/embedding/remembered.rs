//! Sentence vectors of texts that do not change between starts, kept in the cache folder.

use std::path::Path;

use super::{Embedder, EmbeddingError};
use crate::domain::Digest;

/// The sentence vectors of texts: read from the cache folder if it holds those of exactly these texts and this encoder,
/// else computed and written there. A cache that cannot be read or written is no error: it costs the computing. Blocking.
pub fn sentences(embedder: &Embedder, texts: &[&str], cache: Option<&Path>) -> Result<Vec<Vec<f32>>, EmbeddingError> {
    let encoder = embedder.digest().to_string();
    let digest = Digest::of(std::iter::once(encoder.as_bytes()).chain(texts.iter().map(|text| text.as_bytes())));
    let file = cache.map(|folder| folder.join(format!("vectors-{}.bin", digest.short())));
    let kept = file.as_ref().and_then(|file| std::fs::read(file).ok());
    if let Some(vectors) = kept.and_then(|bytes| read(&bytes, texts.len(), embedder.dimension())) {
        return Ok(vectors);
    }
    let vectors: Vec<Vec<f32>> = embedder.encode_blocking(texts)?.into_iter().map(|encoded| encoded.sentence).collect();
    if let Some(file) = file
        && let Err(error) = write(&file, &vectors)
    {
        tracing::warn!(file = %file.display(), %error, "vectors could not be cached");
    }
    Ok(vectors)
}

/// `None` for anything but what [`write`] wrote for so many vectors.
fn read(bytes: &[u8], count: usize, dimension: usize) -> Option<Vec<Vec<f32>>> {
    let (sum, numbers) = bytes.split_at_checked(64)?;
    if numbers.len() != count.checked_mul(dimension)?.checked_mul(4)?
        || Digest::of_file(numbers).to_string().as_bytes() != sum
    {
        return None;
    }
    let numbers: Vec<f32> = numbers.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
    Some(numbers.chunks_exact(dimension.max(1)).map(<[f32]>::to_vec).collect())
}

/// Writes beside the file and renames, so that a reader never sees half of it.
fn write(file: &Path, vectors: &[Vec<f32>]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let numbers: Vec<u8> = vectors.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
    let sum = Digest::of_file(&numbers).to_string();
    let partial = file.with_extension(format!("{}.partial", std::process::id()));
    std::fs::write(&partial, [sum.as_bytes(), &numbers].concat())?;
    std::fs::rename(&partial, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_back_as_they_were_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/vectors.bin");
        let vectors = vec![vec![1.0, -2.5], vec![0.25, 3.0]];
        write(&file, &vectors).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        assert_eq!(read(&bytes, 2, 2), Some(vectors));
        assert_eq!(read(&bytes, 3, 2), None);
        bytes[70] ^= 1;
        assert_eq!(read(&bytes, 2, 2), None);
    }
}
