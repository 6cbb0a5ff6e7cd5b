//! The keys that digests are made with.

mod seal;

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use seal::Seal;

use crate::clock::Timestamp;
use crate::limit::LimitError;

const DIGEST_KEY: &[u8] = b"hallpass/key/digest/1";
const SUCCESSOR_KEY: &[u8] = b"hallpass/key/successor/1";

/// The name of a key, stored beside each digest made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub NonZeroU32);

impl KeyId {
    /// Creates the name numbered `id`; `None` for 0, which means "no key".
    #[must_use]
    pub const fn new(id: u32) -> Option<Self> {
        match NonZeroU32::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The error for a key that this node does not have (yet).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKey(pub KeyId);

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} is not in the keyring", self.0)
    }
}

impl Error for UnknownKey {}

/// One key, as two sub-keys derived from it with HKDF-SHA-256; wiped on drop.
#[derive(Clone)]
pub(crate) struct Key {
    id: KeyId,
    digest: Hmac<Sha256>,
    successor: Zeroizing<[u8; 32]>,
}

impl Key {
    fn new(id: KeyId, secret: &[u8]) -> Result<Self, LimitError> {
        if secret.len() < Keyring::MIN_KEY {
            return Err(LimitError::new("key", "must be at least 32 bytes"));
        }
        let hkdf = Hkdf::<Sha256>::new(None, secret);
        let derive = |info: &[u8]| {
            let mut key = Zeroizing::new([0; 32]);
            match hkdf.expand(info, &mut *key) {
                Ok(()) => key,
                Err(_) => unreachable!("HKDF-SHA-256 gives up to 8,160 bytes"),
            }
        };
        let Ok(digest) = Hmac::new_from_slice(&*derive(DIGEST_KEY)) else {
            unreachable!("HMAC takes keys of any length");
        };
        Ok(Self { id, digest, successor: derive(SUCCESSOR_KEY) })
    }

    pub(crate) const fn id(&self) -> KeyId {
        self.id
    }

    /// Starts an HMAC-SHA-256 under the sub-key for digests.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        self.digest.clone()
    }

    /// Returns the sub-key from which successors are derived.
    pub(crate) fn salt(&self) -> &[u8] {
        &*self.successor
    }
}

/// The keys that digests are made with: one that signs, others that only verify, and the names of retired ones.
///
/// With a keyring, stored digests are HMAC-SHA-256, so an attacker who can write to the database still cannot make a
/// token.
///
/// To change keys, give the new key to every node as [verify-only](Keyring::verify_only), then make it the signing
/// key, then retire the old one when its tokens have expired. If a node does not know the key of a record, the result
/// is [`Failure::UnknownKey`](crate::Failure::UnknownKey), never a log-out.
#[derive(Clone)]
pub struct Keyring {
    active: Key,
    others: Vec<Key>,
    retired: Vec<KeyId>,
    /// See [`crate::danger::accept_unkeyed_until`].
    pub(crate) unkeyed_until: Option<Timestamp>,
}

impl Keyring {
    /// The minimum length of a key, in bytes (256 bits, as strong as the hash).
    pub const MIN_KEY: usize = 32;

    /// Creates a ring whose signing key is `secret`: at least 32 bytes from a good random source.
    ///
    /// # Errors
    /// [`LimitError`] if `secret` is shorter.
    pub fn new(id: KeyId, secret: &[u8]) -> Result<Self, LimitError> {
        let active = Key::new(id, secret)?;
        Ok(Self { active, others: Vec::new(), retired: Vec::new(), unkeyed_until: None })
    }

    /// Adds a key that only verifies: one that signed in the past, or that other nodes will sign with soon.
    ///
    /// # Errors
    /// [`LimitError`] if `secret` is shorter than 32 bytes or the name is taken.
    pub fn verify_only(mut self, id: KeyId, secret: &[u8]) -> Result<Self, LimitError> {
        self.take_name(id)?;
        self.others.push(Key::new(id, secret)?);
        Ok(self)
    }

    /// Adds the name of a retired key: tokens made with it are [`Invalid`](crate::Rejected::Invalid).
    ///
    /// # Errors
    /// [`LimitError`] if the name is taken.
    pub fn retired(mut self, id: KeyId) -> Result<Self, LimitError> {
        self.take_name(id)?;
        self.retired.push(id);
        Ok(self)
    }

    fn take_name(&self, id: KeyId) -> Result<(), LimitError> {
        if self.find(id).is_some() || self.retired.contains(&id) {
            return Err(LimitError::new("key id", "must name one key of the ring"));
        }
        Ok(())
    }

    pub(crate) fn find(&self, id: KeyId) -> Option<&Key> {
        std::iter::once(&self.active).chain(&self.others).find(|key| key.id == id)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("active", &self.active.id)
            .field("verify_only", &self.others.iter().map(|key| key.id).collect::<Vec<_>>())
            .field("retired", &self.retired)
            .finish_non_exhaustive()
    }
}

/// Whether a stored digest can be checked, and with which key.
pub(crate) enum DigestKey<'a> {
    /// Yes, with this key (`None`: plain SHA-256).
    Accepted(Option<&'a Key>),
    /// No, permanently: its key is retired, or it has no key and the ring requires one.
    Refused,
}

/// An optional [`Keyring`], with look-up by key id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(pub(crate) Option<Keyring>);

impl Keys {
    /// Returns the key that new digests are made with.
    pub(crate) fn active(&self) -> Option<&Key> {
        self.0.as_ref().map(|ring| &ring.active)
    }

    /// # Errors
    /// [`UnknownKey`] if this node does not have the key.
    pub(crate) fn usable(&self, id: Option<KeyId>, now: Timestamp) -> Result<DigestKey<'_>, UnknownKey> {
        match (&self.0, id) {
            (None, None) => Ok(DigestKey::Accepted(None)),
            (Some(ring), None) if ring.unkeyed_until.is_some_and(|until| now < until) => {
                Ok(DigestKey::Accepted(None))
            }
            (Some(_), None) => Ok(DigestKey::Refused),
            (Some(ring), Some(id)) if ring.retired.contains(&id) => Ok(DigestKey::Refused),
            (ring, Some(id)) => match ring.as_ref().and_then(|ring| ring.find(id)) {
                Some(key) => Ok(DigestKey::Accepted(Some(key))),
                None => Err(UnknownKey(id)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Keyring {
        Keyring::new(KeyId::new(1).unwrap(), &[1; 32]).unwrap()
    }

    #[test]
    fn a_ring_tells_known_unknown_and_retired_keys_apart() {
        let id = |n| KeyId::new(n).unwrap();
        let keys = Keys(Some(ring().verify_only(id(2), &[2; 32]).unwrap().retired(id(3)).unwrap()));
        let now = Timestamp::from_millis(1_000);
        assert!(
            matches!(keys.usable(Some(id(1)), now), Ok(DigestKey::Accepted(Some(key))) if key.id() == id(1))
        );
        assert!(
            matches!(keys.usable(Some(id(2)), now), Ok(DigestKey::Accepted(Some(key))) if key.id() == id(2))
        );
        assert!(matches!(keys.usable(Some(id(3)), now), Ok(DigestKey::Refused)));
        assert!(matches!(keys.usable(Some(id(4)), now), Err(UnknownKey(_))));
        assert!(matches!(keys.usable(None, now), Ok(DigestKey::Refused)), "an unkeyed digest is refused");
        assert!(matches!(Keys(None).usable(Some(id(1)), now), Err(UnknownKey(_))));
        assert!(matches!(Keys(None).usable(None, now), Ok(DigestKey::Accepted(None))));
        assert_eq!(keys.active().map(Key::id), Some(id(1)));
    }

    #[test]
    fn short_keys_and_doubled_names_are_refused() {
        let one = KeyId::new(1).unwrap();
        assert!(Keyring::new(one, &[0; 31]).is_err());
        assert!(ring().verify_only(one, &[0; 32]).is_err());
        assert!(ring().retired(one).is_err());
    }

    #[test]
    fn debug_shows_names_of_keys_only() {
        let shown = format!("{:?}", ring());
        assert_eq!(shown, "Keyring { active: KeyId(1), verify_only: [], retired: [], .. }");
    }

    static_assertions::assert_not_impl_any!(Keyring: fmt::Display, PartialEq);
}
