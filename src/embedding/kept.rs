//! Encodings that were computed before: of what is edited only the new lines are encoded, everything else is read from the
//! cache folder. A cache that cannot be read or written is no error: it costs the time to encode again.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{Embedder, EmbeddingError, Encoded, Token};
use crate::domain::Digest;

/// How many hexadecimal digits of a digest name a text.
const KEY: usize = 32;
/// The file begins with the digest of everything after it.
const DIGEST: usize = 64;

/// What is kept of each text of one kind: examples, passages.
pub struct Kept<'a> {
    embedder: &'a Embedder,
    file: Option<PathBuf>,
    /// The file as it was read.
    bytes: Vec<u8>,
    /// Where in it each text's record is.
    known: HashMap<String, Range<usize>>,
    /// The records that were asked for, in the order of asking: what is written in the end.
    used: Vec<(String, Record)>,
}

enum Record {
    Old(Range<usize>),
    New(Vec<u8>),
}

impl<'a> Kept<'a> {
    /// Reads what the cache folder keeps for this encoder under a name; without a folder nothing is kept.
    pub fn open(cache: Option<&Path>, name: &str, embedder: &'a Embedder) -> Self {
        let file = cache.map(|folder| folder.join(format!("{name}-{}.bin", embedder.digest().short())));
        let bytes = file.as_ref().and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        let known = records(&bytes).unwrap_or_default();
        Self { embedder, file, bytes, known, used: Vec::new() }
    }

    /// The sentence vectors of texts, exactly.
    pub fn sentences(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        self.get(
            texts,
            |encoded| encoded.sentence.iter().flat_map(|number| number.to_le_bytes()).collect(),
            |bytes, dimension| {
                let (numbers, rest) = bytes.as_chunks::<4>();
                let whole = rest.is_empty() && numbers.len() == dimension;
                whole.then(|| numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
            },
        )
    }

    /// The encodings of texts, rounded to 8 bits: the same whether a text was encoded now or before.
    pub fn encodings(&mut self, texts: &[&str]) -> Result<Vec<Encoded>, EmbeddingError> {
        self.get(texts, rounded, restored)
    }

    fn get<T>(
        &mut self,
        texts: &[&str],
        write: impl Fn(&Encoded) -> Vec<u8>,
        read: impl Fn(&[u8], usize) -> Option<T>,
    ) -> Result<Vec<T>, EmbeddingError> {
        let dimension = self.embedder.dimension();
        let keys: Vec<String> =
            texts.iter().map(|text| Digest::of_file(text.as_bytes()).to_string()[..KEY].to_owned()).collect();
        let mut found: Vec<Option<(T, Record)>> = keys
            .iter()
            .map(|key| {
                let range = self.known.get(key)?;
                Some((read(&self.bytes[range.clone()], dimension)?, Record::Old(range.clone())))
            })
            .collect();
        let absent: Vec<usize> = (0..texts.len()).filter(|index| found[*index].is_none()).collect();
        let new: Vec<&str> = absent.iter().map(|index| texts[*index]).collect();
        for (index, encoded) in absent.into_iter().zip(self.embedder.encode_blocking(&new)?) {
            let bytes = write(&encoded);
            found[index] = read(&bytes, dimension).map(|value| (value, Record::New(bytes)));
        }
        let mut values = Vec::with_capacity(texts.len());
        for (key, found) in keys.into_iter().zip(found) {
            let (value, record) =
                found.ok_or_else(|| EmbeddingError::Model("the encoder gave vectors of another length".into()))?;
            values.push(value);
            self.used.push((key, record));
        }
        Ok(values)
    }

    /// Keeps what was asked for, and nothing else.
    pub fn save(self) {
        let Some(file) = &self.file else { return };
        let old = |record: &(String, Record)| matches!(record.1, Record::Old(_));
        if self.used.is_empty() || self.used.len() == self.known.len() && self.used.iter().all(old) {
            return;
        }
        let mut written = HashSet::new();
        let records: Vec<(&str, &[u8])> = self
            .used
            .iter()
            .filter(|(key, _)| written.insert(key.as_str()))
            .map(|(key, record)| match record {
                Record::Old(range) => (key.as_str(), &self.bytes[range.clone()]),
                Record::New(bytes) => (key.as_str(), bytes.as_slice()),
            })
            .collect();
        // A record has at most a thousand word pieces.
        let lengths: Vec<[u8; 4]> =
            records.iter().map(|(_, bytes)| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()).collect();
        let pieces: Vec<&[u8]> = records
            .iter()
            .zip(&lengths)
            .flat_map(|((key, bytes), length)| [key.as_bytes(), length.as_slice(), bytes])
            .collect();
        if let Err(error) = write(file, &pieces) {
            tracing::warn!(file = %file.display(), %error, "what was encoded could not be cached");
        }
    }
}

/// Writes content, which lies in pieces, with its digest; beside the file first, so that a reader never sees half of it.
pub fn write(file: &Path, pieces: &[&[u8]]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let partial = file.with_extension(format!("{}.partial", std::process::id()));
    let mut out = std::io::BufWriter::new(std::fs::File::create(&partial)?);
    out.write_all(Digest::of_pieces(pieces.iter().copied()).to_string().as_bytes())?;
    pieces.iter().try_for_each(|piece| out.write_all(piece))?;
    out.flush()?;
    drop(out);
    std::fs::rename(&partial, file)
}

/// The content of what [`write`] wrote; `None` for anything else.
pub fn verified(bytes: &[u8]) -> Option<&[u8]> {
    let (digest, content) = bytes.split_at_checked(DIGEST)?;
    (Digest::of_file(content).to_string().as_bytes() == digest).then_some(content)
}

/// Where each record lies; `None` if the file is not what [`Kept::save`] wrote.
fn records(bytes: &[u8]) -> Option<HashMap<String, Range<usize>>> {
    let content = verified(bytes)?;
    let mut known = HashMap::new();
    let mut at = 0;
    while at < content.len() {
        let key = std::str::from_utf8(content.get(at..at + KEY)?).ok()?;
        let length = content.get(at + KEY..at + KEY + 4)?.first_chunk::<4>()?;
        let start = at + KEY + 4;
        at = start.checked_add(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        content.get(start..at)?;
        known.insert(key.to_owned(), DIGEST + start..DIGEST + at);
    }
    Some(known)
}

/// The sentence vector, then each word piece's place and state; a vector is its scale and a byte for each number.
fn rounded(encoded: &Encoded) -> Vec<u8> {
    let mut bytes = Vec::new();
    let vector = |bytes: &mut Vec<u8>, numbers: &[f32]| {
        let scale = numbers.iter().fold(f32::MIN_POSITIVE, |most, number| most.max(number.abs())) / 127.0;
        bytes.extend(scale.to_le_bytes());
        bytes.extend(numbers.iter().map(|number| (number / scale).round() as i8).map(i8::cast_unsigned));
    };
    vector(&mut bytes, &encoded.sentence);
    for token in &encoded.tokens {
        bytes.extend((token.span.start as u32).to_le_bytes());
        bytes.extend((token.span.end as u32).to_le_bytes());
        vector(&mut bytes, &token.state);
    }
    bytes
}

/// What [`rounded`] wrote.
fn restored(bytes: &[u8], dimension: usize) -> Option<Encoded> {
    let vector = |bytes: &[u8]| {
        let (scale, numbers) = bytes.split_first_chunk::<4>()?;
        let scale = f32::from_le_bytes(*scale);
        Some(numbers.iter().map(|number| f32::from(number.cast_signed()) * scale).collect::<Vec<f32>>())
    };
    let (sentence, tokens) = bytes.split_at_checked(4 + dimension)?;
    let tokens = tokens.chunks(8 + 4 + dimension).map(|token| {
        let (place, state) = token.split_at_checked(8).filter(|(_, state)| state.len() == 4 + dimension)?;
        let number = |at: usize| Some(u32::from_le_bytes(*place.get(at..at + 4)?.first_chunk()?) as usize);
        Some(Token { span: number(0)?..number(4)?, state: vector(state)? })
    });
    Some(Encoded { sentence: vector(sentence)?, tokens: tokens.collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::embedding::Encoder;

    /// Counts the texts it was given.
    struct Counting(Arc<AtomicUsize>);

    impl Encoder for Counting {
        fn dimension(&self) -> usize {
            2
        }

        fn digest(&self) -> Digest {
            Digest::of([b"counting".as_slice()])
        }

        fn encode(&self, texts: &[&str]) -> Result<Vec<Encoded>, EmbeddingError> {
            self.0.fetch_add(texts.len(), Ordering::SeqCst);
            let encode = |text: &&str| Encoded {
                sentence: vec![text.len() as f32, -1.0],
                tokens: vec![Token { span: 0..text.len(), state: vec![0.3, text.len() as f32] }],
            };
            Ok(texts.iter().map(encode).collect())
        }
    }

    fn embedder() -> (Embedder, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let encoder = Box::new(Counting(Arc::clone(&count)));
        (Embedder::start(encoder, NonZeroUsize::MIN).unwrap(), count)
    }

    #[test]
    fn only_new_lines_are_encoded_and_nothing_differs() {
        let folder = tempfile::tempdir().unwrap();
        let (embedder, count) = embedder();
        let texts = ["one", "three", "one"];
        let mut kept = Kept::open(Some(folder.path()), "test", &embedder);
        let (whole, sentences) = (kept.encodings(&texts).unwrap(), Kept::open(None, "x", &embedder).sentences(&texts));
        kept.save();
        assert_eq!(sentences.unwrap(), [[3.0, -1.0], [5.0, -1.0], [3.0, -1.0]]);
        assert!((whole[1].tokens[0].state[0] - 0.3).abs() < 0.02 && whole[1].tokens[0].span == (0..5));
        let before = count.load(Ordering::SeqCst);
        let mut kept = Kept::open(Some(folder.path()), "test", &embedder);
        assert_eq!(kept.encodings(&["three", "one", "fourteen"]).unwrap()[..2], [whole[1].clone(), whole[0].clone()]);
        kept.save();
        assert_eq!(count.load(Ordering::SeqCst), before + 1);
        assert_eq!(Kept::open(Some(folder.path()), "test", &embedder).known.len(), 3);
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let (embedder, count) = embedder();
        let mut kept = Kept::open(Some(folder.path()), "test", &embedder);
        kept.sentences(&["one"]).unwrap();
        kept.save();
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let whole = std::fs::read(&file).unwrap();
        let mut other = whole.clone();
        *other.last_mut().unwrap() ^= 1;
        for bytes in [&whole[..whole.len() - 1], &whole[..10], &other] {
            std::fs::write(&file, bytes).unwrap();
            let mut kept = Kept::open(Some(folder.path()), "test", &embedder);
            let before = count.load(Ordering::SeqCst);
            assert_eq!(kept.sentences(&["one"]).unwrap(), [[3.0, -1.0]]);
            assert_eq!(count.load(Ordering::SeqCst), before + 1);
        }
        // A record of another shape is encoded again.
        std::fs::write(&file, &whole).unwrap();
        assert_eq!(Kept::open(Some(folder.path()), "test", &embedder).encodings(&["one"]).unwrap()[0].tokens.len(), 1);
    }
}
