//! Values that a token may be bound to: a stamp of the account, a fingerprint of the client.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::first_half;

const STAMP: &[u8] = b"hallpass/stamp/1";
const FINGERPRINT: &[u8] = b"hallpass/fingerprint/1";

/// A digest of an application value, usually the stored password hash. When the value changes, tokens bound to the
/// old one are refused.
///
/// Django's session hash and ASVS 7.4.3 do the same. 16 bytes of SHA-256 suffice: an attacker cannot choose both
/// sides of the comparison, so a collision is of no use.
#[derive(Clone, Copy)]
pub struct Stamp(pub(crate) [u8; 16]);

impl Stamp {
    /// Creates the stamp of `value`, any bytes.
    #[must_use]
    pub fn of(value: impl AsRef<[u8]>) -> Self {
        Self(digest(STAMP, &[value.as_ref()]))
    }

    /// Returns whether both are stamps of the same value, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stamp(…)")
    }
}

/// A digest of what the client looked like (address, browser), for session protection.
///
/// It decides nothing by itself: [`Valid`](crate::Valid) reports whether it matches (contract D17).
#[derive(Clone, Copy)]
pub struct Fingerprint(pub(crate) [u8; 16]);

impl Fingerprint {
    /// Creates the fingerprint of these `traits`, in this order.
    #[must_use]
    pub fn of(traits: &[&str]) -> Self {
        let parts: Vec<&[u8]> = traits.iter().map(|part| part.as_bytes()).collect();
        Self(digest(FINGERPRINT, &parts))
    }

    /// Returns whether both are fingerprints of the same traits, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

/// How the client that presented a token compares with the one that it was issued to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FingerprintCheck {
    /// The fingerprints differ.
    Differs,
    /// The fingerprints are equal.
    Matches,
    /// At least one of the two is not known.
    Unknown,
}

impl FingerprintCheck {
    pub(crate) fn new(stored: Option<[u8; 16]>, presented: Option<Fingerprint>) -> Self {
        match (stored.map(Fingerprint), presented) {
            (Some(stored), Some(presented)) if stored.matches(&presented) => Self::Matches,
            (Some(_), Some(_)) => Self::Differs,
            _ => Self::Unknown,
        }
    }
}

fn digest(domain: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    first_half(&hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert!(!Fingerprint::of(&["ab", "c"]).matches(&Fingerprint::of(&["a", "bc"])));
        assert!(!Fingerprint::of(&[""]).matches(&Fingerprint::of(&[])));
        assert!(Fingerprint::of(&["a"]).matches(&Fingerprint::of(&["a"])));
    }

    #[test]
    fn stamps_and_fingerprints_have_domains_of_their_own() {
        assert_ne!(Stamp::of("a").0, Fingerprint::of(&["a"]).0);
        assert!(Stamp::of("a").matches(&Stamp::of(b"a")));
        assert!(!Stamp::of("a").matches(&Stamp::of("b")));
    }
}
