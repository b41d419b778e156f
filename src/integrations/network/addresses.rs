//! Which addresses Sayso connects to for somebody who names a domain. Whoever may ask for a certificate can make this machine
//! open a connection, so where to is decided by the address that it really goes to, and not by the name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value as Json;

use crate::integrations::builtin::BuiltinError;

/// The address under which a cloud tells its machines their secrets, outside of the link-local range.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// A kind of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anywhere in the world.
    Public,
    /// Of an organisation's own network.
    Private,
    /// This machine.
    Loopback,
    /// The same wire, and where clouds tell machines about themselves.
    LinkLocal,
    /// Of no single machine.
    Nowhere,
}

impl Kind {
    const ALL: [(&'static str, Self); 4] = [
        ("public", Self::Public),
        ("private", Self::Private),
        ("loopback", Self::Loopback),
        ("link_local", Self::LinkLocal),
    ];

    /// The kind of an address; one that stands for another is of that one's kind.
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => match address.segments() {
                // Gateways to IPv4.
                [0x64, 0xff9b, 0 | 1, .., high, low] => {
                    Self::of_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
                }
                [0x2002, high, low, ..] => Self::of_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
                _ if address.is_loopback() => Self::Loopback,
                _ if address.is_unspecified() || address.is_multicast() => Self::Nowhere,
                _ if address == METADATA || address.is_unicast_link_local() => Self::LinkLocal,
                _ if address.is_unique_local() => Self::Private,
                // Addresses that IPv4 is written as, and those of a site, are used no more.
                [0, 0, 0, 0, 0, 0, ..] | [0xfec0..=0xfeff, ..] => Self::Nowhere,
                _ => Self::Public,
            },
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [127, ..] => Self::Loopback,
            [169, 254, ..] => Self::LinkLocal,
            [0, ..] | [224..=255, ..] => Self::Nowhere,
            // Shared by providers, and for measuring.
            [100, 64..=127, ..] | [198, 18..=19, ..] | [192, 0, 0, _] => Self::Private,
            _ if address.is_private() => Self::Private,
            _ => Self::Public,
        }
    }

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("nobody's", |(word, _)| word)
    }
}

/// The addresses among these that the settings let us connect to; a reason, if there are none.
pub(super) fn reachable(addresses: Vec<IpAddr>, settings: &Json) -> Result<Vec<IpAddr>, BuiltinError> {
    let words = settings["reach"].as_array().cloned().unwrap_or_default();
    let mut reach = Vec::new();
    for word in words.iter().map(|word| word.as_str().unwrap_or_default()) {
        let kind = Kind::ALL.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
        let known = "`public`, `private`, `loopback` or `link_local`";
        reach.push(kind.ok_or_else(|| BuiltinError::Refused(format!("has `{word}` in `reach`, expected {known}")))?);
    }
    let (mut reachable, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| reach.contains(&Kind::of(*address)));
    reachable.dedup();
    match (reachable.is_empty(), other.first()) {
        (false, _) => Ok(reachable),
        (true, None) => Err(BuiltinError::Refused("finds no address of that name".to_owned())),
        (true, Some(address)) => {
            let kind = Kind::of(*address).as_str();
            let said = format!("does not connect to {address}: the setting `reach` has no `{kind}` addresses");
            Err(BuiltinError::Refused(said))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_is_of_the_kind_of_where_it_leads() {
        for (address, kind) in [
            ("93.184.216.34", Kind::Public),
            ("2606:2800:220:1::1", Kind::Public),
            ("10.1.2.3", Kind::Private),
            ("172.31.0.1", Kind::Private),
            ("172.32.0.1", Kind::Public),
            ("192.168.0.1", Kind::Private),
            ("100.64.0.1", Kind::Private),
            ("fd12:3456::1", Kind::Private),
            ("127.0.0.53", Kind::Loopback),
            ("::1", Kind::Loopback),
            ("169.254.169.254", Kind::LinkLocal),
            ("fe80::1", Kind::LinkLocal),
            ("fd00:ec2::254", Kind::LinkLocal),
            ("0.0.0.0", Kind::Nowhere),
            ("::", Kind::Nowhere),
            ("255.255.255.255", Kind::Nowhere),
            ("224.0.0.1", Kind::Nowhere),
            ("ff02::1", Kind::Nowhere),
            ("::ffff:127.0.0.1", Kind::Loopback),
            ("::ffff:169.254.169.254", Kind::LinkLocal),
            ("64:ff9b::a9fe:a9fe", Kind::LinkLocal),
            ("2002:7f00:1::", Kind::Loopback),
            ("::127.0.0.1", Kind::Nowhere),
        ] {
            assert_eq!(Kind::of(address.parse().unwrap()), kind, "{address}");
        }
    }

    #[test]
    fn what_is_not_within_reach_is_left_alone() {
        let addresses = || vec!["127.0.0.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        let told = |addresses, reach: Json| reachable(addresses, &json!({ "reach": reach })).map_err(|e| e.to_string());
        assert_eq!(told(addresses(), json!(["public", "private"])), Ok(vec!["10.0.0.1".parse().unwrap()]));
        let said = "does not connect to 127.0.0.1: the setting `reach` has no `loopback` addresses";
        assert_eq!(told(addresses(), json!(["public"])), Err(said.to_owned()));
        assert_eq!(told(Vec::new(), json!(["public"])), Err("finds no address of that name".to_owned()));
        assert!(told(addresses(), json!(["everything"])).unwrap_err().starts_with("has `everything` in `reach`"));
    }
}
