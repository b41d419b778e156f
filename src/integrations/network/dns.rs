//! `dns.lookup`: the records of a domain, as the machine's DNS servers tell them.

use std::net::IpAddr;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use serde_json::{Value as Json, json};

use super::{Host, host, resolver, told, unanswered};
use crate::domain::Command;
use crate::integrations::builtin::{Builtin, BuiltinError, RunContext};

/// How many records are told.
const MOST: usize = 100;

/// What a domain has of one type.
struct Found {
    /// Whether there is such a domain at all.
    exists: bool,
    records: Vec<Json>,
}

/// Looks up records. `{domain, record, exists, records: [{name, type, ttl, data}]}`, ttl in seconds.
pub(super) struct Lookup;

#[async_trait]
impl Builtin for Lookup {
    async fn run(&self, command: &Command, cx: &RunContext) -> Result<Json, BuiltinError> {
        let (Host::Name(name), domain) = host(command)? else {
            return Err(BuiltinError::Refused("looks up names, and this is an address".to_owned()));
        };
        let record = command.argument("record").map(|record| record.as_str());
        let types: &[RecordType] = match record {
            None => &[RecordType::A, RecordType::AAAA],
            Some("a") => &[RecordType::A],
            Some("aaaa") => &[RecordType::AAAA],
            Some("cname") => &[RecordType::CNAME],
            Some("mx") => &[RecordType::MX],
            Some("txt") => &[RecordType::TXT],
            Some("ns") => &[RecordType::NS],
            Some(other) => return Err(BuiltinError::Refused(format!("looks up no `{other}` records"))),
        };
        let resolver = resolver(&cx.settings).await?;
        let mut exists = false;
        let mut records: Vec<Json> = Vec::new();
        for kind in types {
            let found = ask(&resolver, &name, *kind).await?;
            exists |= found.exists;
            // An alias comes with each answer.
            records.extend(found.records.into_iter().filter(|record| !records.contains(record)).collect::<Vec<_>>());
        }
        let more = records.len().saturating_sub(MOST);
        records.truncate(MOST);
        Ok(json!({ "domain": domain, "record": record, "exists": exists, "records": records, "more": more }))
    }
}

async fn ask(resolver: &TokioResolver, name: &Name, kind: RecordType) -> Result<Found, BuiltinError> {
    let lookup = match resolver.lookup(name.clone(), kind).await {
        Ok(lookup) => lookup,
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
            ResponseCode::NoError => return Ok(Found { exists: true, records: Vec::new() }),
            ResponseCode::NXDomain => return Ok(Found { exists: false, records: Vec::new() }),
            code => return Err(unanswered(&NetError::Dns(DnsError::ResponseCode(code)))),
        },
        Err(error) => return Err(unanswered(&error)),
    };
    let records = lookup.answers().iter().map(|record| {
        json!({
            "name": told(record.name.to_string().trim_end_matches('.')),
            "type": record.record_type().to_string(),
            "ttl": record.ttl,
            "data": told(&record.data.to_string()),
        })
    });
    Ok(Found { exists: true, records: records.collect() })
}

/// The addresses of a name, those of IPv4 first.
pub(super) async fn addresses(resolver: &TokioResolver, name: &Name) -> Result<Vec<IpAddr>, BuiltinError> {
    let (four, six) =
        tokio::join!(resolver.lookup(name.clone(), RecordType::A), resolver.lookup(name.clone(), RecordType::AAAA));
    let mut addresses = Vec::new();
    let mut failed = None;
    for lookup in [four, six] {
        match lookup {
            Ok(lookup) => addresses.extend(lookup.answers().iter().filter_map(|record| record.data.ip_addr())),
            Err(NetError::Dns(DnsError::NoRecordsFound(_))) => {}
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if addresses.is_empty() => Err(unanswered(&error)),
        _ => Ok(addresses),
    }
}
