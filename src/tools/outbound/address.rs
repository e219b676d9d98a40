//! Which addresses no workflow may reach, in whatever notation they come. Pure: it looks at an address and answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses outside the link-local ranges at which a cloud hands its machines their credentials.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Link-local addresses belong to the machine's own network card, and that is where a cloud answers with the
/// machine's credentials: nothing that a workflow has business with lives there.
pub fn is_link_local_or_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || METADATA_V4.contains(&address),
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || METADATA_V6.contains(&address)
                || embedded_v4(address)
                    .is_some_and(|inner| is_link_local_or_metadata(IpAddr::V4(inner)))
        }
    }
}

/// The IPv4 address that a packet to this IPv6 address may end up at.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from_halves = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // IPv4-mapped, and the older IPv4-compatible form.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => from_halves(high, low),
        // IPv4-translated.
        [0, 0, 0, 0, 0xffff, 0, high, low] => from_halves(high, low),
        // NAT64, well-known and local-use prefix.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => {
            from_halves(high, low)
        }
        // 6to4.
        [0x2002, high, low, ..] => from_halves(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, forbidden: bool) {
        let address: IpAddr = text.parse().unwrap();
        assert_eq!(is_link_local_or_metadata(address), forbidden, "{text}");
    }

    #[test]
    fn link_local_and_metadata_addresses_are_forbidden_in_every_wrapping() {
        for text in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            check(text, true);
        }
    }

    #[test]
    fn this_machine_and_ordinary_networks_may_be_reached() {
        for text in [
            "127.0.0.1",
            "::1",
            "10.0.0.7",
            "192.168.1.1",
            "8.8.8.8",
            "2001:db8::1",
            "fec0::1",
        ] {
            check(text, false);
        }
    }
}
