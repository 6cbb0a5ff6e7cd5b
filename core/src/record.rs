//! Records: one row for one chain of successive tokens, however often it rotates.

mod codec;
pub(crate) mod state;
mod wire;

use std::fmt;

use crate::clock::Timestamp;
use crate::ident::{Device, Era, Kind, LoginId, Revision, Subject};
use crate::limit::{DecodeError, LimitError};
use crate::purpose::Purpose;
use crate::selector::Selector;

/// A record as a store keeps it: one row for one chain of tokens.
///
/// The fields are what a store queries or a person reads. Everything cryptographic and everything that may grow is in
/// [`body`](Self::body), which belongs to core, so a new field of core needs no migration in any adapter. Each fact
/// is either in a column or in the body, never in both.
///
/// `selector`, `subject`, `kind`, `purpose`, `login`, `era`, `created_at` and `expires_at` never change.
///
/// Columns need room for a subject of 255 bytes, a kind of 32, a device of 512 and a body of 17,408; for times in
/// milliseconds up to 253,402,300,799,999; for a revision up to 2⁵³ − 1; for an era and a generation of 32 bits. The
/// table in `docs/adapter.md` in the repository has the SQL types.
///
/// `==` compares bytes and is not constant-time. It serves tests, and stores that recognise their own write; never
/// use it to judge a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The key of the record. 16 bytes.
    pub selector: Selector,
    /// The owner; `None` for an anonymous session.
    pub subject: Option<Subject>,
    /// What its tokens are for.
    pub kind: Kind,
    /// The purpose of its kind at the time of issue. 1 byte, [`Purpose::code`].
    pub purpose: Purpose,
    /// The login that it belongs to. 8 bytes.
    pub login: LoginId,
    /// The number of times all users had been logged out when its login began. 32 bits.
    pub era: Era,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it was last written. Used only for a native time to live, which is `purge_at − updated_at`.
    pub updated_at: Timestamp,
    /// When its token was last seen, to the precision of the policy's touch interval.
    pub seen_at: Timestamp,
    /// The absolute expiry: from this instant on its tokens are expired, however much they are used.
    pub expires_at: Timestamp,
    /// The idle expiry, which use moves; `None` if it has none, or because it is marked.
    pub idle_at: Option<Timestamp>,
    /// When it may be removed: never before it is expired. Changes rarely.
    pub purge_at: Timestamp,
    /// Why it was ended; `None` if it was not.
    pub revoked: Option<Reason>,
    /// The number of its writes, which [`TokenStore::replace`](crate::store::TokenStore::replace) compares.
    pub revision: Revision,
    /// How many times it has rotated.
    pub generation: u32,
    /// A description by which a person recognises the client.
    pub device: Device,
    /// Core's own part, opaque to a store.
    pub body: Body,
}

impl Record {
    /// Returns whether a token of the record can still be valid at `at`: it is not marked, and neither expiry is
    /// reached.
    #[must_use]
    pub fn is_live(&self, at: Timestamp) -> bool {
        self.revoked.is_none() && at < self.expires_at && self.idle_at.is_none_or(|idle| at < idle)
    }

    /// Returns the record with an empty body, without copying the body first.
    pub(crate) fn without_body(&self) -> Self {
        Self {
            selector: self.selector,
            subject: self.subject.clone(),
            kind: self.kind,
            purpose: self.purpose,
            login: self.login,
            era: self.era,
            created_at: self.created_at,
            updated_at: self.updated_at,
            seen_at: self.seen_at,
            expires_at: self.expires_at,
            idle_at: self.idle_at,
            purge_at: self.purge_at,
            revoked: self.revoked,
            revision: self.revision,
            generation: self.generation,
            device: self.device.clone(),
            body: Body(Vec::new()),
        }
    }

    /// Ends the record: what [`Action::Mark`](crate::store::Action::Mark) does to each record that matches.
    ///
    /// The mark clears the idle expiry, and the record stays until its absolute one, so that its owner can be told
    /// why it ended (contract D13). A record that is already marked keeps its first reason and is left untouched.
    ///
    /// This is for stores that hold records in memory. SQL and Lua do the same where the record is not revoked yet:
    /// `revoked = reason, idle_at = null, purge_at = expires_at, updated_at = max(updated_at, at),
    /// revision = min(revision + 1, 9007199254740991)`.
    pub fn mark(&mut self, reason: Reason, at: Timestamp) {
        if self.revoked.is_none() {
            self.revoked = Some(reason);
            self.idle_at = None;
            self.purge_at = self.expires_at;
            self.updated_at = self.updated_at.max(at);
            self.revision = self.revision.next();
        }
    }
}

/// The opaque part of a [`Record`]: at most [`Body::MAX_LEN`] bytes, stored and returned byte for byte.
///
/// `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(Vec<u8>);

impl Body {
    /// The largest body: 17,408 bytes, of which at most 16 KiB are application data.
    pub const MAX_LEN: usize = state::MAX_DATA + state::MAX_OVERHEAD;

    /// Creates a body from the bytes that a store has kept.
    ///
    /// # Errors
    /// [`LimitError`] if there are more than [`Body::MAX_LEN`] bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, LimitError> {
        if bytes.len() > Self::MAX_LEN {
            return Err(LimitError::new("body", "must be at most 17,408 bytes"));
        }
        Ok(Self(bytes))
    }

    /// Returns the bytes that a store has to keep.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body(… {} bytes)", self.0.len())
    }
}

/// Why a record was ended. A store keeps the code; 0 means "not ended".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Reason {
    /// The user logged out on this client.
    LoggedOut = 1,
    /// The user logged it out from another device.
    LoggedOutElsewhere = 2,
    /// The user changed the password or another credential.
    CredentialChanged = 3,
    /// An administrator or the application ended it.
    Administrative = 4,
    /// The subject had more logins than the cap allows, and this was the oldest.
    Evicted = 5,
    /// Something newer replaces it: another login in the same browser, a renewal, a newer restored session.
    Superseded = 6,
    /// A replaced token of it came back: theft, or a copy of the client.
    Reused = 7,
    /// The client missed the retry window after a lost response.
    Lapsed = 8,
    /// The stamp that it was bound to had changed when it was presented.
    StampMismatch = 9,
    /// A single-use token was used.
    Spent = 10,
}

impl Reason {
    /// Every reason, in the order of their codes.
    pub const ALL: [Self; 10] = [
        Self::LoggedOut,
        Self::LoggedOutElsewhere,
        Self::CredentialChanged,
        Self::Administrative,
        Self::Evicted,
        Self::Superseded,
        Self::Reused,
        Self::Lapsed,
        Self::StampMismatch,
        Self::Spent,
    ];

    /// Whether an application may pass it to [`Tokens::revoke_login`](crate::Tokens::revoke_login) and the like. Only
    /// hallpass itself uses the others.
    #[must_use]
    pub const fn is_the_applications(self) -> bool {
        matches!(
            self,
            Self::LoggedOut | Self::LoggedOutElsewhere | Self::CredentialChanged | Self::Administrative
        )
    }

    /// Returns the code: 1 to 10, never reused for another meaning.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Returns the reason for a stored code; `None` for 0.
    ///
    /// # Errors
    /// [`DecodeError`] for a code that no version wrote.
    pub fn from_code(code: u8) -> Result<Option<Self>, DecodeError> {
        match code {
            0 => Ok(None),
            _ => match Self::ALL.get(usize::from(code) - 1) {
                Some(reason) => Ok(Some(*reason)),
                None => Err(DecodeError("unknown reason code")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_its_code() {
        assert_eq!(Reason::from_code(0), Ok(None));
        for (at, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(reason.code()), at + 1);
            assert_eq!(Reason::from_code(reason.code()), Ok(Some(reason)));
        }
        assert!(Reason::from_code(11).is_err());
        assert!(Reason::from_code(255).is_err());
    }

    #[test]
    fn a_body_has_a_limit_and_keeps_to_itself() {
        assert!(Body::new(vec![0; Body::MAX_LEN + 1]).is_err());
        let body = Body::new(vec![0xab; 3]).unwrap();
        assert_eq!(format!("{body:?}"), "Body(… 3 bytes)");
    }
}
