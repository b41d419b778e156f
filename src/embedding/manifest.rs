//! A model's folder: what it holds, and the proof that it holds what was imported.
//!
//! ```text
//! models/minilm-l6-ops/
//!   manifest.toml       name, source, licence, shape, and the digests of the three files below
//!   model.safetensors   the weights
//!   tokenizer.json      the tokenizer
//!   config.json         the shape of the network
//!   README.md           the model card, for people
//! ```
//!
//! The digests are compared at every start, on the very bytes the model is then made of. The card is not covered: a
//! corrected word in it changes nothing that is computed.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::Digest;

/// The manifest's file name.
pub const MANIFEST: &str = "manifest.toml";
/// The weights' file name.
pub const WEIGHTS: &str = "model.safetensors";
/// The tokenizer's file name.
pub const TOKENIZER: &str = "tokenizer.json";
/// The network's configuration's file name.
pub const CONFIG: &str = "config.json";
/// The model card's file name.
pub const CARD: &str = "README.md";

/// Where a model's files come from.
#[derive(Debug, Clone)]
pub enum ModelSource {
    /// A folder on disk.
    Folder(PathBuf),
    /// Files that are part of the binary: names and contents.
    BuiltIn(&'static [(&'static str, &'static [u8])]),
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::BuiltIn(_) => f.write_str("<built in>"),
        }
    }
}

impl ModelSource {
    /// Reads every file that the model is made of, and makes something of them. The weights' digest takes longer than all
    /// the rest; it is compared while `make` works, and what was made only counts if it is the right one.
    pub(super) fn open<T: Send>(
        &self,
        make: impl FnOnce(&ModelFiles) -> Result<T, ModelError> + Send,
    ) -> Result<T, ModelError> {
        let manifest = self.manifest()?;
        let expected = manifest.files.weights;
        let files = ModelFiles {
            weights: self.read(WEIGHTS)?,
            tokenizer: self.verified(TOKENIZER, manifest.files.tokenizer)?,
            config: self.verified(CONFIG, manifest.files.config)?,
            manifest,
            source: self.clone(),
        };
        let (verified, made) = rayon::join(|| self.verify(WEIGHTS, &files.weights, expected), || make(&files));
        verified.and(made)
    }

    fn manifest(&self) -> Result<Manifest, ModelError> {
        let content = self.read(MANIFEST)?;
        let text = String::from_utf8_lossy(&content);
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            ModelError::Manifest { file: self.file(MANIFEST), line, message: error.message().to_owned() }
        })
    }

    fn verified(&self, name: &'static str, expected: Digest) -> Result<Cow<'static, [u8]>, ModelError> {
        let content = self.read(name)?;
        self.verify(name, &content, expected).map(|()| content)
    }

    fn verify(&self, name: &'static str, content: &[u8], expected: Digest) -> Result<(), ModelError> {
        match Digest::of_file(content) {
            found if found == expected => Ok(()),
            found => Err(ModelError::Digest { file: self.file(name), digests: Box::new((expected, found)) }),
        }
    }

    fn read(&self, name: &'static str) -> Result<Cow<'static, [u8]>, ModelError> {
        let content = match self {
            Self::Folder(folder) => std::fs::read(folder.join(name)).map(Cow::Owned),
            Self::BuiltIn(files) => files
                .iter()
                .find(|(file, _)| *file == name)
                .map(|(_, content)| Cow::Borrowed(*content))
                .ok_or_else(|| std::io::ErrorKind::NotFound.into()),
        };
        content.map_err(|source| ModelError::Read { file: self.file(name), source })
    }

    /// How messages name one of the files.
    pub(super) fn file(&self, name: &str) -> String {
        format!("{self}/{name}")
    }
}

/// A model's files, each with the content that its manifest promises; the weights' is promised by [`ModelSource::open`].
pub(super) struct ModelFiles {
    pub(super) source: ModelSource,
    pub(super) manifest: Manifest,
    pub(super) weights: Cow<'static, [u8]>,
    pub(super) tokenizer: Cow<'static, [u8]>,
    pub(super) config: Cow<'static, [u8]>,
}

impl ModelFiles {
    /// A file that is whole, and yet of no use.
    pub(super) fn unusable(&self, name: &str, source: Box<dyn std::error::Error + Send + Sync>) -> ModelError {
        ModelError::Content { file: self.source.file(name), source }
    }
}

/// What `manifest.toml` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `all-MiniLM-L6-v2`.
    pub name: String,
    /// Where the weights were taken from.
    pub source: String,
    /// The version there.
    pub version: String,
    /// Its licence, an SPDX expression.
    pub licence: String,
    /// How the weights are stored.
    pub weights: WeightType,
    /// How many numbers a vector has.
    pub dimension: usize,
    /// The longest text the model reads, in word pieces, with the two special ones. Longer texts are cut there.
    pub max_tokens: usize,
    /// How token states become a sentence vector.
    pub pooling: Pooling,
    /// The SHA-256 digests.
    pub files: FileDigests,
}

impl Manifest {
    /// As the file is written.
    pub(super) fn to_toml(&self) -> String {
        #[expect(clippy::expect_used, reason = "a struct of strings, numbers and one table has a TOML form")]
        let body = toml::to_string(self).expect("a manifest has a TOML form");
        format!("# Written by `sayso model import`. The digests are compared whenever the model is loaded.\n{body}")
    }

    /// The digest of everything that has a say in a vector: the three files, and where texts are cut.
    pub fn digest(&self) -> Digest {
        let Self { max_tokens, files: FileDigests { weights, tokenizer, config }, .. } = self;
        let parts = [weights.to_string(), tokenizer.to_string(), config.to_string(), max_tokens.to_string()];
        Digest::of(parts.iter().map(String::as_bytes))
    }
}

/// How the weights are stored. Every encoder reads every type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightType {
    /// 16 bits.
    F16,
    /// 32 bits.
    F32,
    /// 8 bits with a scale for each row of a matrix, and 32 bits for what is no matrix.
    Int8,
}

impl fmt::Display for WeightType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F16 => "F16",
            Self::F32 => "F32",
            Self::Int8 => "I8 and F32",
        })
    }
}

/// How token states become a sentence vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean of all token states, scaled to unit length.
    Mean,
}

/// The digest of each file that the model is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigests {
    /// Of the network's configuration.
    #[serde(rename = "config.json")]
    pub config: Digest,
    /// Of the weights.
    #[serde(rename = "model.safetensors")]
    pub weights: Digest,
    /// Of the tokenizer.
    #[serde(rename = "tokenizer.json")]
    pub tokenizer: Digest,
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is missing or cannot be read.
    #[error("cannot read the model's `{file}`; restore the folder, or make it anew with `sayso model import`")]
    Read {
        /// Where it should be.
        file: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The manifest is not well formed.
    #[error("{file}:{line}: {message}")]
    Manifest {
        /// The manifest.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A file is not the one that was imported.
    #[error(
        "the model's `{file}` is damaged or was changed: expected sha256 {}, found {}; restore it, or make the folder \
         anew with `sayso model import`", digests.0, digests.1
    )]
    Digest {
        /// The file.
        file: String,
        /// Expected and found.
        digests: Box<(Digest, Digest)>,
    },
    /// The manifest and the files agree on the digests, not on the shape.
    #[error("the model's `{file}` does not fit its manifest: {what} expected {expected}, found {found}")]
    Shape {
        /// The file.
        file: String,
        /// `dimension`
        what: &'static str,
        /// What the manifest says.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// A file has the right digest, but is not what its name says.
    #[error("the model's `{file}` cannot be used")]
    Content {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
