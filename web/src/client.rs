//! Clients: the address, through trusted proxies only, and the browser.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use hallpass_core::{Device, Fingerprint};
use http::header::USER_AGENT;
use http::{Extensions, HeaderMap, HeaderValue};

/// What to do when a session comes from another client than the one it was issued to.
///
/// A client is its address (of IPv6 the first 64 bits, because the rest changes daily) and its `User-Agent`. The
/// address changes whenever a phone leaves its network, so [`Strong`](Self::Strong) suits only sites whose users stay
/// in one network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protection {
    /// The session goes on but is no longer fresh, and the signal [`Protected`](crate::SignalKind::Protected) is
    /// sent.
    #[default]
    Basic,
    /// Nothing happens.
    None,
    /// The login ends, in every tab and with its remember-me token.
    Strong,
}

/// How to treat a session that was issued without a fingerprint, for instance before protection was turned on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MissingFingerprint {
    /// As a session from another client.
    #[default]
    Differs,
    /// As a session from the same client.
    Matches,
}

/// A block of addresses, such as `10.0.0.0/8` or `fd00::/8`; a single address is a block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// The error of text that is not a block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError;

impl Network {
    /// Returns whether `address` is in the block.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, bits: u32| self.prefix == 0 || (a ^ b) >> (bits - self.prefix) == 0;
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let whole = Self::from(address.parse::<IpAddr>().map_err(|_| NetworkError)?);
        let Some(prefix) = prefix else { return Ok(whole) };
        let prefix =
            prefix.parse().ok().filter(|&prefix: &u32| prefix <= whole.prefix).ok_or(NetworkError)?;
        Ok(Self { prefix, ..whole })
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a block of addresses")
    }
}

impl std::error::Error for NetworkError {}

/// Finds the address at the other end of the connection in a request.
pub(crate) type Peer = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

/// The settings by which clients are told apart.
#[derive(Clone, Default)]
pub(crate) struct Clients {
    pub(crate) protection: Protection,
    pub(crate) missing: MissingFingerprint,
    pub(crate) peer: Option<Peer>,
    pub(crate) proxies: Vec<Network>,
}

/// One client, as far as its request shows.
pub(crate) struct Client {
    pub(crate) address: Option<IpAddr>,
    agent: Option<HeaderValue>,
    pub(crate) fingerprint: Option<Fingerprint>,
}

impl Client {
    /// Returns the description by which a person recognises it.
    pub(crate) fn device(&self) -> Device {
        Device::from_header(&self.agent())
    }

    /// Returns its `User-Agent`; empty without one.
    pub(crate) fn agent(&self) -> Cow<'_, str> {
        self.agent.as_ref().map(|agent| String::from_utf8_lossy(agent.as_bytes())).unwrap_or_default()
    }
}

impl Clients {
    pub(crate) fn read(&self, headers: &HeaderMap, extensions: &Extensions) -> Client {
        let agent = headers.get(USER_AGENT);
        let known = self.address(headers, extensions);
        let fingerprint = (self.protection != Protection::None).then(|| {
            let address = known.map(coarse);
            let address = address.map_or_else(String::new, |address| address.to_string());
            let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()));
            Fingerprint::of(&[&address, agent.as_deref().unwrap_or_default()])
        });
        Client { address: known, agent: agent.cloned(), fingerprint }
    }

    /// Returns the client's address: the peer's, or, if the peer is a trusted proxy, the last one in
    /// `X-Forwarded-For` that is not a proxy. What an untrusted peer writes there is ignored.
    fn address(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
        let trusted = |address: IpAddr| self.proxies.iter().any(|network| network.contains(address));
        let mut address = (self.peer.as_ref()?)(extensions)?;
        if !trusted(address) {
            return Some(address);
        }
        let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        let hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|&b| b == b','));
        for hop in hops {
            // One of our proxies wrote or passed on invalid text: where the request came from is unknown.
            address = std::str::from_utf8(hop).ok().and_then(|hop| forwarded(hop.trim()))?;
            if !trusted(address) {
                break;
            }
        }
        Some(address)
    }
}

/// Parses the address in a hop of `X-Forwarded-For`. Some proxies add the client's port, and put IPv6 in brackets.
fn forwarded(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.unwrap_or(hop).parse().ok().or_else(with_port)
}

/// Returns the part of an address that stays the same while a device stays in its network.
pub(crate) fn coarse(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &[&'static str]) -> Option<String> {
        let peer: IpAddr = peer.parse().unwrap();
        let clients = Clients {
            peer: Some(Arc::new(move |_| Some(peer))),
            proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::1".parse().unwrap()],
            ..Clients::default()
        };
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        clients.address(&headers, &Extensions::new()).map(|address| address.to_string())
    }

    #[test]
    fn only_trusted_proxies_may_name_another_address() {
        assert_eq!(address("192.0.2.1", &["203.0.113.9"]).unwrap(), "192.0.2.1", "the peer is no proxy");
        assert_eq!(address("10.0.0.1", &[]).unwrap(), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["203.0.113.9"]).unwrap(), "203.0.113.9");
        assert_eq!(address("fd00::1", &["6.6.6.6, 203.0.113.9 ,10.1.1.1"]).unwrap(), "203.0.113.9");
        assert_eq!(address("::ffff:10.0.0.1", &["6.6.6.6", "2001:db8::1"]).unwrap(), "2001:db8::1");
        assert_eq!(
            address("10.0.0.1", &["6.6.6.6, 203.0.113.9:4711"]).unwrap(),
            "203.0.113.9",
            "with its port"
        );
        for text in ["[2001:db8::1]:4711", "[2001:db8::1]"] {
            assert_eq!(address("10.0.0.1", &[text]).unwrap(), "2001:db8::1");
        }
        assert_eq!(
            address("10.0.0.1", &["6.6.6.6, unknown"]),
            None,
            "junk is no address, and not the one before it"
        );
        assert_eq!(address("fd00::2", &["6.6.6.6"]).unwrap(), "fd00::2");
    }

    #[test]
    fn a_network_contains_its_addresses_only() {
        let contains = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("0.0.0.0/0", "203.0.113.9") && contains("::/0", "::1"));
        assert!(contains("192.0.2.128/25", "192.0.2.200") && !contains("192.0.2.128/25", "192.0.2.1"));
        assert!(contains("2001:db8::/32", "2001:db8:1::") && !contains("2001:db8::/32", "2001:db9::"));
        assert!(!contains("::/0", "203.0.113.9"), "one family says nothing about the other");
        for bad in ["", "x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "10.0.0/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_of_version_six_is_its_network() {
        let coarse = |text: &str| coarse(text.parse().unwrap()).to_string();
        assert_eq!(coarse("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(
            (coarse("192.0.2.7"), coarse("::ffff:192.0.2.7")),
            ("192.0.2.7".into(), "192.0.2.7".into())
        );
    }
}
