//! Vectors that were computed before: the runbooks' passages are embedded once, and read from the cache folder at the next
//! start. A cache that cannot be read or written is no error: it costs the time to embed them again.

use std::path::{Path, PathBuf};

use crate::domain::Digest;
use crate::embedding::{Embedder, EmbeddingError};

/// The sentence vectors of texts, from the cache folder if they are there. Blocking: for loading.
pub(super) fn vectors(
    texts: &[&str],
    embedder: &Embedder,
    cache: Option<&Path>,
) -> Result<Vec<Vec<f32>>, EmbeddingError> {
    let of = embedder.digest().to_string();
    let digest = Digest::of([of.as_bytes()].into_iter().chain(texts.iter().map(|text| text.as_bytes())));
    let file = cache.map(|folder| folder.join(format!("passages-{}.bin", digest.short())));
    let shape = (texts.len(), embedder.dimension());
    if let Some(vectors) = file.as_ref().and_then(|file| read(&std::fs::read(file).ok()?, digest, shape)) {
        return Ok(vectors);
    }
    let vectors: Vec<Vec<f32>> = embedder.encode_blocking(texts)?.into_iter().map(|encoded| encoded.sentence).collect();
    if let Some(file) = file.filter(|_| !texts.is_empty())
        && let Err(error) = write(&file, digest, &vectors)
    {
        tracing::warn!(file = %file.display(), %error, "the passages' vectors could not be cached");
    }
    Ok(vectors)
}

/// The digest in hexadecimal digits, then the numbers, four bytes each.
fn read(bytes: &[u8], digest: Digest, (count, dimension): (usize, usize)) -> Option<Vec<Vec<f32>>> {
    let numbers = bytes.strip_prefix(digest.to_string().as_bytes())?;
    if dimension == 0 || numbers.len() != count * dimension * 4 {
        return None;
    }
    let (numbers, _) = numbers.as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    numbers
        .iter()
        .all(|number| number.is_finite())
        .then(|| numbers.chunks_exact(dimension).map(<[f32]>::to_vec).collect())
}

/// Writes beside the file and renames, so that a reader never sees half of it.
fn write(file: &Path, digest: Digest, vectors: &[Vec<f32>]) -> std::io::Result<()> {
    let mut bytes = digest.to_string().into_bytes();
    bytes.extend(vectors.iter().flatten().flat_map(|number| number.to_le_bytes()));
    let partial: PathBuf = file.with_extension(format!("{}.partial", std::process::id()));
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&partial, bytes)?;
    std::fs::rename(&partial, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/passages.bin");
        let (ours, other) = (Digest::of([b"a".as_slice()]), Digest::of([b"b".as_slice()]));
        let vectors = vec![vec![0.25, -1.0], vec![1.0, 0.0], vec![0.5, 0.5]];
        write(&file, ours, &vectors).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        assert_eq!(read(&bytes, ours, (3, 2)), Some(vectors));
        assert_eq!(read(&bytes, other, (3, 2)), None);
        assert_eq!(read(&bytes, ours, (2, 2)), None);
        assert_eq!(read(&bytes[..bytes.len() - 1], ours, (3, 2)), None);
        let end = bytes.len() - 4;
        bytes[end..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert_eq!(read(&bytes, ours, (3, 2)), None);
    }
}
