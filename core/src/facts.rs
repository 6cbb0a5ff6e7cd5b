//! The facts of a record: settled when it is issued, never changed.

use crate::authentication::Authentication;
use crate::clock::Timestamp;

/// How the subject came to a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// By authenticating: password, passkey, second factor. The login is fresh.
    Authenticated,
    /// By presenting another token of the same login, such as a remember-me cookie.
    Restored,
}

/// The facts of a record: settled when it is issued, never changed, and covered by its digests (contract T3).
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) stamp: Option<[u8; 16]>,
    pub(crate) fingerprint: Option<[u8; 16]>,
    /// What the application bound the token to, the thumbprint of a client's key for instance.
    pub(crate) binding: Option<[u8; 32]>,
    /// When the subject last authenticated.
    pub(crate) auth_at: Timestamp,
    pub(crate) origin: Origin,
    /// How the subject authenticated; empty if the application did not say.
    pub(crate) authentication: Authentication,
}

impl Facts {
    /// Limits the unproven facts of another row of the same login to what these proven facts support.
    ///
    /// The row was read without its validator, so its digest was not compared, and a writer of the database may have
    /// chosen its facts (contract T3). The proven facts replace them, so the row can only claim less. Facts that are
    /// themselves proven stay as they are.
    pub(crate) fn limit_to_proven(&self, unproven: Self) -> Self {
        let same_way = self.authentication == unproven.authentication;
        Self {
            stamp: self.stamp,
            fingerprint: unproven.fingerprint,
            binding: self.binding,
            auth_at: self.auth_at.min(unproven.auth_at),
            origin: match (self.origin, unproven.origin) {
                (Origin::Authenticated, Origin::Authenticated) => Origin::Authenticated,
                _ => Origin::Restored,
            },
            authentication: if same_way { unproven.authentication } else { Authentication::new() },
        }
    }
}

impl Origin {
    /// Returns the code that a body stores.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Authenticated => 0,
            Self::Restored => 1,
        }
    }
}
