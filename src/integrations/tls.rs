//! Whom we trust and who we are, where a system speaks TLS.

use std::path::{Path, PathBuf};

use reqwest::{Certificate, ClientBuilder, Identity};

use super::secret::read_file;
use crate::domain::Secret;

/// Certificates or a key, as PEM.
#[derive(Debug, Clone)]
pub(super) enum Pem {
    /// In a file.
    File(PathBuf),
    /// Given as they are.
    Text(Secret),
}

/// Who we are: a certificate, and its key.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) certificate: Pem,
    pub(super) key: Pem,
}

/// What a client goes by; nothing of it: the machine's authorities, and nobody.
#[derive(Debug, Clone, Default)]
pub(super) struct Tls {
    /// Authorities to trust beside the machine's own.
    pub(super) ca: Option<Pem>,
    /// Who we are.
    pub(super) own: Option<Own>,
}

impl Tls {
    /// A client that goes by it. Fails, for people, when something cannot be read. It reads files, and blocks.
    pub(super) fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, String> {
        if let Some(ca) = &self.ca {
            builder = builder.tls_certs_merge(ca.certificates()?);
        }
        if let Some(Own { certificate, key }) = &self.own {
            let failed = |reason: &dyn std::fmt::Display| format!("the client certificate cannot be used: {reason}");
            let mut pem = certificate.read().map_err(|reason| failed(&reason))?;
            pem.push(b'\n');
            pem.extend(key.key().map_err(|reason| failed(&reason))?.expose().as_bytes());
            // Its own words may hold a part of the key.
            let identity = Identity::from_pem(&pem).map_err(|_| failed(&"it, or its key, is no PEM"))?;
            builder = builder.identity(identity);
        }
        Ok(builder)
    }
}

impl Pem {
    fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => std::fs::read(path).map_err(|error| format!("`{}`: {error}", path.display())),
            Self::Text(text) => Ok(text.expose().as_bytes().to_vec()),
        }
    }

    /// A key: a file that holds one is for us alone.
    fn key(&self) -> Result<Secret, String> {
        match self {
            Self::File(path) => read_file(path).map_err(|reason| format!("`{}` {reason}", path.display())),
            Self::Text(text) => Ok(text.clone()),
        }
    }

    fn certificates(&self) -> Result<Vec<Certificate>, String> {
        let place = match self {
            Self::File(path) => format!(" in `{}`", Path::display(path)),
            Self::Text(_) => String::new(),
        };
        let failed = |reason: &dyn std::fmt::Display| format!("the certificates{place} cannot be read: {reason}");
        let text = match self {
            Self::File(path) => std::fs::read(path).map_err(|error| failed(&error))?,
            Self::Text(text) => text.expose().as_bytes().to_vec(),
        };
        let certificates =
            Certificate::from_pem_bundle(&text).map_err(|error| failed(&super::http::innermost(&error)))?;
        if certificates.is_empty() { Err(failed(&"there is none")) } else { Ok(certificates) }
    }
}
