//! Seals: keyed digests of adapter data that are no tokens.

use hmac::Mac;
use subtle::ConstantTimeEq;

use super::{DigestKey, Key, KeyId, Keyring, Keys, UnknownKey};
use crate::clock::Timestamp;

const SEAL: &[u8] = b"hallpass/seal/1";

/// A keyed digest and the name of its key; a writer of the database cannot forge one.
#[derive(Clone, Copy, Debug)]
pub struct Seal {
    /// The name of the key.
    pub key: KeyId,
    /// The HMAC-SHA-256.
    pub bytes: [u8; 32],
}

impl Keyring {
    /// Seals `message`, data of an adapter that is no token, with the signing key.
    ///
    /// `context` names the use, in at most 255 bytes: a seal of one use is not valid for another. A seal is never the
    /// digest of a token.
    #[must_use]
    pub fn seal(&self, context: &'static str, message: &[u8]) -> Seal {
        Seal { key: self.active.id, bytes: self.active.seal(context, message) }
    }

    /// Returns whether `seal` was made from this `message` and `context`, in constant time. The seal of a retired key
    /// is not valid.
    ///
    /// # Errors
    /// [`UnknownKey`] if the ring does not have its key.
    pub fn is_sealed(&self, context: &'static str, message: &[u8], seal: &Seal) -> Result<bool, UnknownKey> {
        let keys = Keys(Some(self.clone()));
        Ok(match keys.usable(Some(seal.key), Timestamp::MAX)? {
            DigestKey::Accepted(Some(key)) => key.seal(context, message).ct_eq(&seal.bytes).into(),
            DigestKey::Accepted(None) | DigestKey::Refused => false,
        })
    }

    /// Returns whether digests that were made before there was a keyring are accepted at `now`.
    #[must_use]
    pub fn accepts_unkeyed(&self, now: Timestamp) -> bool {
        self.unkeyed_until.is_some_and(|until| now < until)
    }
}

impl Key {
    fn seal(&self, context: &str, message: &[u8]) -> [u8; 32] {
        let mut mac = self.mac();
        for part in [SEAL, context.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(id: u32, secret: u8) -> Keyring {
        Keyring::new(KeyId::new(id).unwrap(), &[secret; 32]).unwrap()
    }

    #[test]
    fn a_seal_is_good_for_its_message_use_and_key_only() {
        let ring_1 = ring(1, 1).verify_only(KeyId::new(3).unwrap(), &[3; 32]).unwrap();
        let seal = ring_1.seal("use", b"message");
        assert!(ring_1.is_sealed("use", b"message", &seal).unwrap());
        assert!(!ring_1.is_sealed("use", b"massage", &seal).unwrap());
        assert!(!ring_1.is_sealed("usem", b"essage", &seal).unwrap());
        assert!(!ring(1, 2).is_sealed("use", b"message", &seal).unwrap(), "another key of that name");
        assert!(matches!(ring(2, 1).is_sealed("use", b"message", &seal), Err(UnknownKey(_))));
        let retired = ring(2, 2).retired(KeyId::new(1).unwrap()).unwrap();
        assert!(!retired.is_sealed("use", b"message", &seal).unwrap());
        let older = ring(3, 3).seal("use", b"message");
        assert!(ring_1.is_sealed("use", b"message", &older).unwrap(), "a key that only verifies");
    }
}
