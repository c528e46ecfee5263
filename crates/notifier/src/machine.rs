//! What this machine is called by others.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Bridges to what runs on this very machine: nobody else reaches them.
const INNER: [&str; 7] = [
    "docker", "veth", "virbr", "vmnet", "vboxnet", "podman", "cni",
];

/// The addresses at which other machines reach this one; first those of the way to elsewhere.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let mut found = towards_elsewhere();
    let mut more: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|one| !INNER.iter().any(|inner| one.name.starts_with(inner)))
        .map(|one| one.ip())
        .collect();
    // IPv4 first: shorter to type.
    more.sort();
    for ip in more {
        if is_shown(ip) && !found.contains(&ip) {
            found.push(ip);
        }
    }
    found
}

/// Every address that leads to this very machine.
pub(crate) fn all_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.into_iter().map(|one| one.ip()).collect()
}

/// The addresses of the way to elsewhere.
fn towards_elsewhere() -> Vec<IpAddr> {
    let anywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    let names = hub::names_of(anywhere, &[]);
    let mut found: Vec<IpAddr> = names.iter().filter_map(|name| name.parse().ok()).collect();
    found.retain(|ip| is_shown(*ip));
    found.sort();
    found
}

/// Whether others can be told this address: one that is not of this machine alone, and needs no
/// interface named beside it.
fn is_shown(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_is_of_this_machine_alone() {
        let found = addresses();
        assert!(found.iter().all(|ip| is_shown(*ip)), "{found:?}");
        let mut once = found.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), found.len(), "{found:?}");
    }

    #[test]
    fn what_is_shown() {
        for (ip, expected) in [
            ("192.168.1.14", true),
            ("10.0.0.1", true),
            ("fd00::1", true),
            ("2001:db8::1", true),
            ("127.0.0.1", false),
            ("169.254.3.4", false),
            ("0.0.0.0", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
        ] {
            assert_eq!(is_shown(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
