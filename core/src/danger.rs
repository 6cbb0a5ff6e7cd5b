//! Options that weaken a promise. Each says which, and each is meant to be removed again.

use crate::clock::Timestamp;
use crate::keyring::Keyring;

/// Lets `keyring` accept digests that were made before there was a keyring, until `until`.
///
/// For the move of a running site to a keyring. Until then a writer of the database can plant an
/// unkeyed digest, just as without a keyring; choose `until` no later than the last unkeyed token's
/// absolute expiry.
#[must_use]
pub fn accept_unkeyed_until(mut keyring: Keyring, until: Timestamp) -> Keyring {
    keyring.unkeyed_until = Some(until);
    keyring
}
