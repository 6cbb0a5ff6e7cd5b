//! Everything that touches a validator: digests, the proof that a token is ours, the successor.
//!
//! A validator is `r ‖ f` (contract T2): `r` is new in every generation, `f` is what all tokens of one
//! record share. The record keeps digests only, each under a domain constant of its own, each field
//! length-prefixed, so that no two uses and no two field splits ever hash the same bytes.

mod covered;
mod seal;

use std::fmt;
use std::num::NonZeroU32;

pub(crate) use covered::Covered;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use seal::Seal;

use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::error::{Failure, LimitError};
use crate::ident::Subject;
use crate::token::Selector;

const DIGEST: &[u8] = b"hallpass/digest/1";
const LINEAGE: &[u8] = b"hallpass/lineage/1";
const SUCCESSOR: &[u8] = b"hallpass/successor/1";
const SHARD: &[u8] = b"hallpass/shard/1";
const DIGEST_KEY: &[u8] = b"hallpass/key/digest/1";
const SUCCESSOR_KEY: &[u8] = b"hallpass/key/successor/1";

/// The secret half of a token: 32 bytes, wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Validator([u8; 32]);

impl Validator {
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// # Errors
    /// [`Failure::Randomness`].
    pub(crate) fn generate(entropy: &dyn Entropy) -> Result<Self, Failure> {
        let mut validator = Self([0; 32]);
        entropy.fill(&mut validator.0).map_err(Failure::Randomness)?;
        Ok(validator)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The half that every token of the record carries.
    fn family(&self) -> &[u8] {
        &self.0[16..]
    }

    /// What the record keeps to recognise any token it ever had: SHA-256 over the shared half, at 16
    /// bytes. Without a key, so that it outlives every key; without the half, so that a reader of the
    /// database cannot fabricate a token that passes.
    pub(crate) fn lineage(&self, selector: Selector) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update([LINEAGE.len() as u8]);
        hash.update(LINEAGE);
        hash.update(selector.0);
        hash.update(self.family());
        first_half(&hash.finalize().into())
    }

    /// Whether this validator belongs to a record with that lineage, in constant time (contract T4).
    pub(crate) fn descends_from(&self, selector: Selector, lineage: &[u8; 16]) -> bool {
        self.lineage(selector).ct_eq(lineage).into()
    }

    /// The one validator that follows this one under `nonce` (contract T5): the same for every holder,
    /// computable neither from the database alone nor from an old token alone.
    pub(crate) fn successor(&self, selector: Selector, nonce: &[u8; 16], key: Option<&Key>) -> Self {
        let hkdf = Hkdf::<Sha256>::new(key.map(|key| key.successor.as_slice()), &self.0);
        let mut next = Self(self.0);
        let info: [&[u8]; 4] = [&[SUCCESSOR.len() as u8], SUCCESSOR, &selector.0, nonce];
        // 16 bytes are less than the 8,160 that HKDF-SHA-256 gives, its only failure.
        if hkdf.expand_multi_info(&info, &mut next.0[..16]).is_err() {
            unreachable!("HKDF-SHA-256 gives up to 8,160 bytes");
        }
        next
    }
}

/// A stored digest of one validator, with the key that made it (`None`: plain SHA-256).
#[derive(Clone, Copy)]
pub(crate) struct Digest {
    pub(crate) key: Option<KeyId>,
    pub(crate) bytes: [u8; 32],
}

impl Digest {
    pub(crate) fn of(validator: &Validator, covered: Covered<'_>, key: Option<&Key>) -> Self {
        let bytes = match key {
            None => {
                let mut hash = Sha256::new();
                covered.write(validator, |field| hash.update(field));
                hash.finalize().into()
            }
            Some(key) => {
                let mut mac = key.digest.clone();
                covered.write(validator, |field| mac.update(field));
                mac.finalize().into_bytes().into()
            }
        };
        Self { key: key.map(|key| key.id), bytes }
    }

    /// Whether both were made with the same key from the same input, in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.key == other.key && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

/// The shard of a subject: the first two bytes of every selector of that subject (contract T7).
pub(crate) fn shard(subject: &Subject) -> [u8; 2] {
    let mut hash = Sha256::new();
    hash.update([SHARD.len() as u8]);
    hash.update(SHARD);
    hash.update([subject.as_str().len() as u8]);
    hash.update(subject.as_str());
    let hash: [u8; 32] = hash.finalize().into();
    [hash[0], hash[1]]
}

pub(crate) fn first_half(hash: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

/// The name of a key: stands beside each digest made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub NonZeroU32);

impl KeyId {
    /// The key numbered `id`, or `None` for 0, which stands for "no key".
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

/// One key, as the two sub-keys that HKDF-SHA-256 makes of it; wiped on drop.
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
}

/// The keys that digests are made with: one that signs, others that only verify, and the names of
/// those that are gone.
///
/// With a keyring, digests at rest are HMAC-SHA-256: who can write to the database still cannot mint
/// a token. To change keys, give the new one to every node as [verify-only](Keyring::verify_only),
/// then make it the signing key, then retire the old one when its tokens have expired. A record whose
/// key a node does not know is a [`Failure::UnknownKey`], never a logout.
#[derive(Clone)]
pub struct Keyring {
    active: Key,
    others: Vec<Key>,
    retired: Vec<KeyId>,
    /// See [`crate::danger::accept_unkeyed_until`].
    pub(crate) unkeyed_until: Option<Timestamp>,
}

impl Keyring {
    /// The shortest key, in bytes (256 bits, as strong as the hash).
    pub const MIN_KEY: usize = 32;

    /// A ring whose signing key is `secret`: at least 32 bytes from a good random source.
    ///
    /// # Errors
    /// [`LimitError`] if `secret` is shorter.
    pub fn new(id: KeyId, secret: &[u8]) -> Result<Self, LimitError> {
        let active = Key::new(id, secret)?;
        Ok(Self { active, others: Vec::new(), retired: Vec::new(), unkeyed_until: None })
    }

    /// Adds a key that verifies what it once signed, or will sign on other nodes soon.
    ///
    /// # Errors
    /// [`LimitError`] if `secret` is shorter than 32 bytes or the name is taken.
    pub fn verify_only(mut self, id: KeyId, secret: &[u8]) -> Result<Self, LimitError> {
        self.take_name(id)?;
        self.others.push(Key::new(id, secret)?);
        Ok(self)
    }

    /// Names a key that is gone: tokens made with it are [`Invalid`](crate::Rejected::Invalid).
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

    fn find(&self, id: KeyId) -> Option<&Key> {
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

/// The key with which a stored digest can be checked, if it can.
pub(crate) enum Usable<'a> {
    /// With this one (`None`: plain SHA-256).
    Yes(Option<&'a Key>),
    /// Never again: its key is retired, or it has none under a ring that demands one.
    No,
}

/// An optional [`Keyring`], asked by key id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(pub(crate) Option<Keyring>);

impl Keys {
    /// The key that new digests are made with.
    pub(crate) fn active(&self) -> Option<&Key> {
        self.0.as_ref().map(|ring| &ring.active)
    }

    /// # Errors
    /// [`Failure::UnknownKey`] if this node cannot tell.
    pub(crate) fn usable(&self, id: Option<KeyId>, now: Timestamp) -> Result<Usable<'_>, Failure> {
        match (&self.0, id) {
            (None, None) => Ok(Usable::Yes(None)),
            (Some(ring), None) if ring.unkeyed_until.is_some_and(|until| now < until) => {
                Ok(Usable::Yes(None))
            }
            (Some(_), None) => Ok(Usable::No),
            (Some(ring), Some(id)) if ring.retired.contains(&id) => Ok(Usable::No),
            (ring, Some(id)) => match ring.as_ref().and_then(|ring| ring.find(id)) {
                Some(key) => Ok(Usable::Yes(Some(key))),
                None => Err(Failure::UnknownKey(id)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validator(seed: u8) -> Validator {
        Validator::new(std::array::from_fn(|at| seed.wrapping_add(at as u8)))
    }

    fn ring() -> Keyring {
        Keyring::new(KeyId::new(1).unwrap(), &[1; 32]).unwrap()
    }

    #[test]
    fn the_successor_needs_both_the_nonce_and_the_token_and_the_key() {
        let ring = ring();
        let next = validator(0).successor(Selector([3; 16]), &[5; 16], ring.find(KeyId::new(1).unwrap()));
        let keyless = validator(0).successor(Selector([3; 16]), &[5; 16], None);
        let nonce = validator(0).successor(Selector([3; 16]), &[6; 16], None);
        let selector = validator(0).successor(Selector([4; 16]), &[5; 16], None);
        let all = [&next, &keyless, &nonce, &selector, &validator(0)];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.family(), validator(0).family(), "the shared half is copied");
            for other in &all[at + 1..] {
                assert_ne!(one.as_bytes(), other.as_bytes());
            }
        }
    }

    #[test]
    fn every_token_of_a_record_descends_from_it_and_no_guess_does() {
        let first = validator(0);
        let selector = Selector([3; 16]);
        let lineage = first.lineage(selector);
        let second = first.successor(selector, &[5; 16], None);
        assert!(first.descends_from(selector, &lineage));
        assert!(second.descends_from(selector, &lineage));
        assert!(!validator(1).descends_from(selector, &lineage));
        assert!(!first.descends_from(Selector([4; 16]), &lineage));
    }

    #[test]
    fn a_ring_tells_known_unknown_and_retired_keys_apart() {
        let id = |n| KeyId::new(n).unwrap();
        let keys = Keys(Some(ring().verify_only(id(2), &[2; 32]).unwrap().retired(id(3)).unwrap()));
        let now = Timestamp::from_millis(1_000);
        assert!(matches!(keys.usable(Some(id(1)), now), Ok(Usable::Yes(Some(key))) if key.id() == id(1)));
        assert!(matches!(keys.usable(Some(id(2)), now), Ok(Usable::Yes(Some(key))) if key.id() == id(2)));
        assert!(matches!(keys.usable(Some(id(3)), now), Ok(Usable::No)));
        assert!(matches!(keys.usable(Some(id(4)), now), Err(Failure::UnknownKey(_))));
        assert!(matches!(keys.usable(None, now), Ok(Usable::No)), "an unkeyed digest is refused");
        assert!(matches!(Keys(None).usable(Some(id(1)), now), Err(Failure::UnknownKey(_))));
        assert!(matches!(Keys(None).usable(None, now), Ok(Usable::Yes(None))));
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
