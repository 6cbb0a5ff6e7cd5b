//! The two digests of a session id that a store receives.

use hallpass_core::Selector;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

const SELECTOR: &[u8] = b"hallpass/tower-sessions/selector/1";
const DIGEST: &[u8] = b"hallpass/tower-sessions/digest/1";

/// Where a session is stored, and the proof that a record belongs to it. No `Debug`.
///
/// The id is 128 random bits, so plain SHA-256 protects it; a slow hash as for passwords is not needed. The
/// selector alone reveals nothing about the id and gives no access.
#[derive(Clone)]
pub(crate) struct Name {
    pub(crate) selector: Selector,
    pub(crate) digest: [u8; 32],
    /// The id itself, for the seal.
    pub(crate) id: [u8; 16],
}

impl Name {
    /// Computes the name of the session with this id.
    pub(crate) fn of(id: i128) -> Self {
        let mut selector = [0; 16];
        selector.copy_from_slice(&hash(SELECTOR, id)[..16]);
        Self { selector: Selector(selector), digest: hash(DIGEST, id), id: id.to_le_bytes() }
    }

    /// Whether a stored digest belongs to this session, in constant time (contract T4).
    pub(crate) fn is_proved_by(&self, digest: &[u8; 32]) -> bool {
        self.digest.ct_eq(digest).into()
    }
}

fn hash(domain: &[u8], id: i128) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([domain.len() as u8]);
    hash.update(domain);
    hash.update(id.to_le_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_of_the_id_changes_selector_and_digest() {
        let name = Name::of(1);
        for other in [0, 2, -1, 1 << 127] {
            let other = Name::of(other);
            assert_ne!(name.selector, other.selector);
            assert!(!name.is_proved_by(&other.digest));
        }
        assert!(name.is_proved_by(&Name::of(1).digest));
    }

    #[test]
    fn the_digest_does_not_begin_with_the_selector() {
        let name = Name::of(7);
        assert_ne!(name.selector.0, name.digest[..16]);
    }

    /// A different derivation would log out every user at an upgrade.
    #[test]
    fn the_derivation_stays_as_it_is() {
        let name = Name::of(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
        assert_eq!(name.selector.to_string(), "6d5a33e9a643a3962b5427b71a601e31");
    }
}
