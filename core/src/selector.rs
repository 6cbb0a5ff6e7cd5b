//! The public half of a token, and the shard that all selectors of one subject share.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::ident::{Subject, hex};

const SHARD: &[u8] = b"hallpass/shard/1";

/// The public half of a token and the key of its record: 16 bytes, unique, safe to log.
///
/// The first two bytes are the shard of the subject (contract T7), so that a store can keep all records of a subject
/// together. The other 14 are random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector(pub [u8; 16]);

impl Selector {
    /// Returns the first two bytes, which say where the subject's records are.
    #[must_use]
    pub const fn shard(&self) -> [u8; 2] {
        [self.0[0], self.0[1]]
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Selector({self})")
    }
}

impl Subject {
    /// Returns the first two bytes of every selector of this subject (contract T7). A partitioned store routes a call
    /// for the subject by them.
    #[must_use]
    pub fn shard(&self) -> [u8; 2] {
        let mut hash = Sha256::new();
        hash.update([SHARD.len() as u8]);
        hash.update(SHARD);
        hash.update([self.as_str().len() as u8]);
        hash.update(self.as_str());
        let hash: [u8; 32] = hash.finalize().into();
        [hash[0], hash[1]]
    }
}
