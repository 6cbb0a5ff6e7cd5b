//! Options that weaken a promise. Each says which promise, and each is meant to be removed again.

use crate::clock::Timestamp;
use crate::keyring::Keyring;

/// Makes `keyring` accept digests without a key, made before there was a keyring, until `until`.
///
/// Use it to move a running site to a keyring. Until then a writer of the database can plant an unkeyed digest, just
/// as without a keyring. Choose `until` no later than the absolute expiry of the last unkeyed token.
#[must_use]
pub fn accept_unkeyed_until(mut keyring: Keyring, until: Timestamp) -> Keyring {
    keyring.unkeyed_until = Some(until);
    keyring
}
