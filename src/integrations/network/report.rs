//! What is told of a certificate: whose it is, how long it is good, and each reason not to accept it. An expired certificate
//! that nobody trusts has two faults, and both are told.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, ProtocolVersion, RootCertStore};
use serde_json::{Value as Json, json};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::told;
use crate::integrations::builtin::BuiltinError;

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;
/// How many names of a certificate, and how many certificates of a chain, are told.
const MOST: usize = 20;

/// What a server showed.
pub(super) struct Shown {
    pub(super) address: SocketAddr,
    /// The server's own certificate, and those it sent along. There is at least one.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// None if the handshake came to nothing.
    pub(super) protocol: Option<ProtocolVersion>,
    /// Why it came to nothing.
    pub(super) broken: Option<String>,
}

/// `{domain, address, protocol, subject, issuer, names, more_names, not_before, not_after, days_left, valid, faults, chain:
/// [{subject, issuer, not_after}]}`. `days_left` are whole days, negative after the end; `faults` are ends of a sentence about
/// the certificate.
pub(super) fn report(
    shown: &Shown,
    domain: &str,
    name: &ServerName<'_>,
    roots: &RootCertStore,
    now: Timestamp,
) -> Result<Json, BuiltinError> {
    let read = |der| X509Certificate::from_der(der).map(|(_, certificate)| certificate);
    let chain: Vec<_> = shown.chain.iter().filter_map(|der| read(der).ok()).collect();
    let (Some(leaf_der), Some(leaf)) = (shown.chain.first(), shown.chain.first().and_then(|der| read(der).ok())) else {
        let said = format!("gets a certificate from {} that cannot be read", shown.address);
        return Err(BuiltinError::Refused(said));
    };
    let (begins, ends) = (leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp());
    let names = names(&leaf);
    let seconds = now.as_second();
    let days_left = (ends - seconds).div_euclid(DAY);
    let mut faults = Vec::new();
    if seconds > ends {
        faults.push(format!("it expired {}", days(-days_left - 1, "ago", "today")));
    }
    if seconds < begins {
        faults.push("it is not valid yet".to_owned());
    }
    match ParsedCertificate::try_from(leaf_der) {
        Err(error) => faults.push(format!("it is of a form that is not accepted: {}", told(&error.to_string()))),
        Ok(parsed) => {
            if verify_server_name(&parsed, name).is_err() {
                faults.push(format!("it is not for `{domain}`"));
            }
            // Whether the chain is trusted apart from the leaf's own time, which is told already.
            let moment = u64::try_from(seconds.clamp(begins, ends.max(begins))).unwrap_or_default();
            let moment = UnixTime::since_unix_epoch(Duration::from_secs(moment));
            let algorithms = ring::default_provider().signature_verification_algorithms.all;
            let rest = &shown.chain[1..];
            if let Err(error) = verify_server_cert_signed_by_trust_anchor(&parsed, roots, rest, moment, algorithms) {
                faults.push(distrust(&error, &leaf));
            }
        }
    }
    faults.extend(shown.broken.iter().map(|broken| format!("the handshake came to nothing: {}", told(broken))));
    Ok(json!({
        "domain": domain,
        "address": shown.address.to_string(),
        "protocol": shown.protocol.and_then(|version| version.as_str()),
        "subject": told(&leaf.subject().to_string()),
        "issuer": told(&leaf.issuer().to_string()),
        "names": names.iter().take(MOST).collect::<Vec<_>>(),
        "more_names": names.len().saturating_sub(MOST),
        "not_before": time(begins),
        "not_after": time(ends),
        "days_left": days_left,
        "valid": faults.is_empty(),
        "faults": faults,
        "chain": chain.iter().take(MOST).map(|certificate| json!({
            "subject": told(&certificate.subject().to_string()),
            "issuer": told(&certificate.issuer().to_string()),
            "not_after": time(certificate.validity().not_after.timestamp()),
        })).collect::<Vec<_>>(),
    }))
}

/// `3 days ago`.
fn days(count: i64, when: &str, none: &str) -> String {
    match count {
        0 => none.to_owned(),
        1 => format!("1 day {when}"),
        count => format!("{count} days {when}"),
    }
}

fn time(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

/// The names that it is for.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.into_iter().flat_map(|names| &names.value.general_names);
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(told(name)),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string());
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| std::net::IpAddr::from(bytes).to_string())).ok()
}

/// Why a chain is not trusted.
fn distrust(error: &Error, leaf: &X509Certificate<'_>) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) if leaf.subject() == leaf.issuer() => {
            "it is signed by itself, and trusted by nobody here".to_owned()
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its issuer is not trusted here, or a certificate between them is missing".to_owned()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "a certificate above it has expired".to_owned()
        }
        Error::InvalidCertificate(error) => told(&format!("its chain is not accepted: {error}")),
        error => told(&format!("its chain is not accepted: {error}")),
    }
}
