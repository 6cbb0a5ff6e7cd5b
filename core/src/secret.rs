//! All code that handles validators: digests, the proof that a token is ours, the successor.
//!
//! A validator is `r ‖ f` (contract T2): `r` is new in every generation, and all tokens of one record share `f`. The
//! record keeps only digests. Each has its own domain constant and length-prefixed fields, so that no two uses and no
//! two splits of fields ever hash the same bytes.

mod covered;

pub(crate) use covered::Covered;
use hkdf::Hkdf;
use hmac::Mac;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::entropy::Entropy;
use crate::keyring::{Key, KeyId};
use crate::limit::BoxError;
use crate::selector::Selector;

const DIGEST: &[u8] = b"hallpass/digest/1";
const LINEAGE: &[u8] = b"hallpass/lineage/1";
const SUCCESSOR: &[u8] = b"hallpass/successor/1";

/// The secret half of a token: 32 bytes, wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Validator([u8; 32]);

impl Validator {
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// # Errors
    /// The errors of `entropy`.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Result<Self, BoxError> {
        let mut validator = Self([0; 32]);
        entropy.fill(&mut validator.0)?;
        Ok(validator)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the half that every token of the record carries.
    fn family(&self) -> &[u8] {
        &self.0[16..]
    }

    /// Returns the value by which a record recognises every token it ever had: 16 bytes of SHA-256 over the shared
    /// half.
    ///
    /// No key goes into it, so it outlives every key. The shared half cannot be computed from it, so a reader of the
    /// database cannot compose a token that passes.
    pub(crate) fn lineage(&self, selector: Selector) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update([LINEAGE.len() as u8]);
        hash.update(LINEAGE);
        hash.update(selector.0);
        hash.update(self.family());
        first_half(&hash.finalize().into())
    }

    /// Returns whether this validator belongs to a record with that lineage, in constant time (contract T4).
    pub(crate) fn descends_from(&self, selector: Selector, lineage: &[u8; 16]) -> bool {
        self.lineage(selector).ct_eq(lineage).into()
    }

    /// Derives the validator that follows this one under `nonce` (contract T5).
    ///
    /// Every holder of this validator derives the same one. The database alone does not suffice for that, nor does
    /// an old token alone.
    pub(crate) fn successor(&self, selector: Selector, nonce: &[u8; 16], key: Option<&Key>) -> Self {
        let hkdf = Hkdf::<Sha256>::new(key.map(Key::salt), &self.0);
        let mut next = Self(self.0);
        let info: [&[u8]; 4] = [&[SUCCESSOR.len() as u8], SUCCESSOR, &selector.0, nonce];
        // HKDF-SHA-256 fails only beyond 8,160 bytes; these are 16.
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
                let mut mac = key.mac();
                covered.write(validator, |field| mac.update(field));
                mac.finalize().into_bytes().into()
            }
        };
        Self { key: key.map(Key::id), bytes }
    }

    /// Returns whether both were made with the same key from the same input, in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.key == other.key && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

pub(crate) fn first_half(hash: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::Keyring;

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
}
