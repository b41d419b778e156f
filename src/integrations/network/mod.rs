//! What the network tells about a domain: its DNS records, and the certificate that its server shows.

mod addresses;
mod certificate;
mod dns;
mod report;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{Resolver, TokioResolver};
use serde_json::Value as Json;

use super::builtin::{BuiltinError, Builtins};
use crate::domain::Command;

/// How long one question to one DNS server may take, and how often it is asked.
const ASKING: (Duration, usize) = (Duration::from_secs(2), 2);
/// The port of DNS servers.
const DNS: u16 = 53;

/// Adds `dns.lookup` and `certificate.check`.
pub(super) fn register(builtins: &mut Builtins) {
    builtins.register("dns.lookup", Arc::new(dns::Lookup));
    builtins.register("certificate.check", Arc::new(certificate::Check));
}

/// What a command names.
enum Host {
    Name(Name),
    Address(IpAddr),
}

/// The domain of a command, as the wire wants it: `bücher.example` is `xn--bcher-kva.example`. With its text.
fn host(command: &Command) -> Result<(Host, String), BuiltinError> {
    let domain = command.argument("domain").map(|domain| domain.as_str()).unwrap_or_default();
    let refused =
        |reason: &dyn std::fmt::Display| BuiltinError::Refused(format!("cannot look for `{domain}`: {reason}"));
    let url = reqwest::Url::parse(&format!("https://{domain}")).map_err(|error| refused(&error))?;
    let text = url.host_str().unwrap_or_default();
    if let Ok(address) = text.trim_matches(['[', ']']).parse() {
        return Ok((Host::Address(address), text.to_owned()));
    }
    // With its end said, so that no search list makes another name of it.
    let name = Name::from_ascii(format!("{text}.")).map_err(|error| refused(&error))?;
    Ok((Host::Name(name), text.to_owned()))
}

/// A resolver that asks the server that the settings name, else those of this machine.
async fn resolver(settings: &Json) -> Result<TokioResolver, BuiltinError> {
    let refused = |reason: String| BuiltinError::Refused(format!("has no DNS server to ask: {reason}"));
    let server = settings["dns_server"].as_str().filter(|server| !server.is_empty()).map(ToOwned::to_owned);
    // Reading the machine's files blocks.
    let built = tokio::task::spawn_blocking(move || {
        let mut builder = match server {
            None => TokioResolver::builder_tokio().map_err(|error| error.to_string())?,
            Some(server) => Resolver::builder_with_config(asked(&server)?, TokioRuntimeProvider::default()),
        };
        (builder.options_mut().timeout, builder.options_mut().attempts) = ASKING;
        builder.options_mut().cache_size = 0;
        builder.build().map_err(|error| error.to_string())
    });
    built.await.unwrap_or_else(|error| Err(error.to_string())).map_err(refused)
}

fn asked(server: &str) -> Result<ResolverConfig, String> {
    let address: SocketAddr = server
        .parse()
        .or_else(|_| server.parse().map(|address: IpAddr| SocketAddr::new(address, DNS)))
        .map_err(|_| format!("`{server}` is no address such as `10.0.0.2` or `10.0.0.2:53`"))?;
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    let server = NameServerConfig::new(address.ip(), true, connections.into());
    Ok(ResolverConfig::from_name_servers(vec![server]))
}

/// Why a question has no answer, as far as that is no answer itself.
fn unanswered(error: &NetError) -> BuiltinError {
    BuiltinError::Refused(match error {
        NetError::Timeout => "got no answer from any DNS server in time".to_owned(),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("is told `{code}` by the DNS server"),
        NetError::NoConnections => "reaches no DNS server".to_owned(),
        error => format!("cannot ask the DNS server: {error}"),
    })
}

/// Text that came over the network, in one line, without control characters, and no longer than this.
fn told(text: &str) -> String {
    const MOST: usize = 300;
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    if text.chars().nth(MOST).is_some() { format!("{line}…") } else { line }
}
