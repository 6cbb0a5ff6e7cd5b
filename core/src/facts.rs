//! What is settled when a record is issued and never changes.

use crate::authentication::Authentication;
use crate::clock::Timestamp;

/// How the subject came to this login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// By authenticating: password, passkey, second factor. The login is fresh.
    Authenticated,
    /// By presenting another token of the same login, such as a remember-me cookie.
    Restored,
}

/// What was settled when the record was issued and never changes: the digests cover it (contract T3).
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) stamp: Option<[u8; 16]>,
    pub(crate) fingerprint: Option<[u8; 16]>,
    /// What the application binds the token to: the thumbprint of a client's key, for instance.
    pub(crate) binding: Option<[u8; 32]>,
    /// When the subject last authenticated.
    pub(crate) auth_at: Timestamp,
    pub(crate) origin: Origin,
    /// How it did; empty if the application did not say.
    pub(crate) authentication: Authentication,
}

impl Facts {
    /// What remains of the facts of another row of the same login, whose digest was not compared: they were read
    /// without their validator, and a writer of the database may have chosen them (contract T3). So these, which
    /// are proven, stand in for them, and the row can only say less. Of proven facts themselves all remains.
    pub(crate) fn bear_out(&self, unproven: Self) -> Self {
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
    /// What a body keeps.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Authenticated => 0,
            Self::Restored => 1,
        }
    }
}
