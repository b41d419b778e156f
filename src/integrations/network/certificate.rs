//! `certificate.check`: a TLS handshake with a domain's server, for the certificate it shows, good or bad. Nothing is sent
//! over the connection that comes of it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::addresses::reachable;
use super::report::{Shown, report};
use super::{Host, dns, host, resolver};
use crate::domain::Command;
use crate::integrations::builtin::{Builtin, BuiltinError, RunContext};

/// How long one address may take to take a connection.
const CONNECTING: Duration = Duration::from_secs(4);
/// How long the handshake may take, however busily the other side sends.
const SHAKING: Duration = Duration::from_secs(5);
/// How many addresses of a name are tried.
const ADDRESSES: usize = 3;
/// The usual port.
const HTTPS: u16 = 443;

/// Looks at a certificate. [`report`] says what of it is told.
pub(super) struct Check;

#[async_trait]
impl Builtin for Check {
    async fn run(&self, command: &Command, cx: &RunContext) -> Result<Json, BuiltinError> {
        let settings = &cx.settings;
        let port = port(&settings["port"])?;
        let (host, domain) = host(command)?;
        let addresses = match &host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => dns::addresses(&resolver(settings).await?, name).await?,
        };
        let addresses = reachable(addresses, settings)?;
        let name = ServerName::try_from(domain.clone())
            .map_err(|_| BuiltinError::Refused(format!("cannot ask for `{domain}`: no certificate can be for it")))?;
        let roots = roots(settings["trust"].as_str().map(PathBuf::from)).await?;
        let (stream, address) = connect(&addresses, port).await?;
        let shown = handshake(stream, &name, address).await?;
        report(&shown, &domain, &name, &roots, cx.now)
    }
}

fn port(setting: &Json) -> Result<u16, BuiltinError> {
    let port = match setting {
        Json::Null => return Ok(HTTPS),
        Json::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|port| u16::try_from(port).ok()),
    };
    port.filter(|port| *port > 0).ok_or_else(|| BuiltinError::Refused(format!("has `{setting}` as its `port`")))
}

/// Who this machine trusts, and who the settings add. It is read each time: certificates come and go.
async fn roots(ca: Option<PathBuf>) -> Result<RootCertStore, BuiltinError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(ca) = ca {
            let unreadable = |error: &dyn std::fmt::Display| format!("cannot read `{}`: {error}", ca.display());
            for certificate in CertificateDer::pem_file_iter(&ca).map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
        }
        Ok(roots)
    });
    read.await.unwrap_or_else(|error| Err(error.to_string())).map_err(BuiltinError::Refused)
}

/// A connection to the first address that takes one.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<(TcpStream, SocketAddr), BuiltinError> {
    let mut refused = None;
    for address in addresses.iter().take(ADDRESSES).map(|address| SocketAddr::new(*address, port)) {
        refused = Some(match timeout(CONNECTING, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => format!("cannot connect to {address}: {error}"),
            Err(_) => format!("cannot connect to {address}: no answer within {} s", CONNECTING.as_secs()),
        });
    }
    Err(BuiltinError::Refused(refused.unwrap_or_else(|| "has no address to connect to".to_owned())))
}

/// Shakes hands, and keeps what the other side showed, also if it comes to nothing after that.
async fn handshake(stream: TcpStream, name: &ServerName<'static>, address: SocketAddr) -> Result<Shown, BuiltinError> {
    let refused = |reason: String| BuiltinError::Refused(format!("gets no certificate from {address}: {reason}"));
    let provider = Arc::new(ring::default_provider());
    let witness = Arc::new(Witness { provider: Arc::clone(&provider), chain: Mutex::default() });
    let configured = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = configured
        .map_err(|error| refused(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let shaken = timeout(SHAKING, TlsConnector::from(Arc::new(config)).connect(name.clone(), stream)).await;
    let chain = std::mem::take(&mut *witness.chain.lock().unwrap_or_else(PoisonError::into_inner));
    let (protocol, broken) = match shaken {
        Ok(Ok(stream)) => (stream.get_ref().1.protocol_version(), None),
        Ok(Err(error)) => (None, Some(error.to_string())),
        Err(_) => (None, Some(format!("the handshake did not end within {} s", SHAKING.as_secs()))),
    };
    match (chain.is_empty(), broken) {
        (true, broken) => Err(refused(broken.unwrap_or_else(|| "it shows none".to_owned()))),
        (false, broken) => Ok(Shown { address, chain, protocol, broken }),
    }
}

/// Takes any certificate, and remembers it. That the other side holds its key is verified all the same.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|shown| shown.clone().into_owned());
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain.collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
