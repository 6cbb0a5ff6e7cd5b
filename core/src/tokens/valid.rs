//! The results of calls: an issued token, a valid token.

use std::fmt;

use super::found::Found;
use crate::authentication::Authentication;
use crate::clock::Timestamp;
use crate::facts::Origin;
use crate::ident::{Device, Kind, LoginId, Subject};
use crate::record::state::Confirms;
use crate::rotation::Presented;
use crate::selector::Selector;
use crate::stamp::FingerprintCheck;
use crate::token::Token;

/// An issued token: send it to the client, because it cannot be retrieved later.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub token: Token,
    /// What the token is for.
    pub kind: Kind,
    /// The login that it belongs to.
    pub login: LoginId,
    /// The absolute expiry, for a cookie's `Max-Age`.
    pub expires_at: Timestamp,
}

/// A presented token that is valid.
pub struct Valid {
    pub(super) found: Box<Found>,
    /// Whether the record comes from the near cache: it has no data, and a newer token may be in use.
    pub(super) is_recalled: bool,
    /// The first byte of the data, if the record comes from the near cache.
    pub(super) first_byte: Option<u8>,
    pub(super) fingerprint: FingerprintCheck,
    /// The rotation whose successor this call hands out. A token that is issued from this one reaches the client
    /// together with it.
    pub(super) confirms: Option<Confirms>,
    /// The token to send to the client in place of the presented one. Concurrent requests get the same one.
    pub successor: Option<Issued>,
}

impl Valid {
    /// Returns the owner of the token; `None` for an anonymous session.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.found.record.subject.as_ref()
    }

    /// Returns what the token is for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.found.record.kind
    }

    /// Returns the login that it belongs to.
    #[must_use]
    pub const fn login(&self) -> LoginId {
        self.found.record.login
    }

    /// Returns the public half of the token.
    #[must_use]
    pub const fn selector(&self) -> Selector {
        self.found.record.selector
    }

    /// Returns the number of rotations of its record.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.found.record.generation
    }

    /// Returns whether the newest token was presented, which shows that the client has it; otherwise it was the
    /// predecessor, within its windows (D6, D7). `false` for an answer of the near cache, which cannot know.
    #[must_use]
    pub const fn is_newest(&self) -> bool {
        !self.is_recalled && matches!(self.found.presented, Presented::Current)
    }

    /// Returns whether it was accepted from the near cache. Then it may have ended within the lag, and a change that
    /// did not end it may be unseen for [`Policy::cached_for`](crate::Policy::cached_for). For an answer of this
    /// moment, ask [`exact`](crate::Tokens::exact).
    #[must_use]
    pub const fn is_cached(&self) -> bool {
        self.is_recalled
    }

    /// Returns the first byte of the application data; `None` if there are none.
    ///
    /// The near cache keeps this one byte, so it costs no call of the store, unlike [`data`](crate::Tokens::data). Of a
    /// [cached](Self::is_cached) token it is as old as the cached record. So it suits flags that are set once and never
    /// taken back: one that is set here is set, and one that is not may have been set meanwhile.
    #[must_use]
    pub fn first_data_byte(&self) -> Option<u8> {
        if self.is_recalled { self.first_byte } else { self.found.state.data.first().copied() }
    }

    /// Returns when the first token of its record was issued.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.found.record.created_at
    }

    /// Returns when it expires if it is not used again: the earlier of its absolute and its idle expiry.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.found.deadlines.first()
    }

    /// Returns its absolute expiry: when it expires however much it is used.
    #[must_use]
    pub const fn absolute_expiry(&self) -> Timestamp {
        self.found.deadlines.absolute
    }

    /// Returns when the subject last authenticated for this login.
    #[must_use]
    pub const fn auth_at(&self) -> Timestamp {
        self.found.state.facts.auth_at
    }

    /// Returns how the subject came to this login.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.found.state.facts.origin
    }

    /// Returns how the subject authenticated for this login; empty if the application did not say.
    #[must_use]
    pub const fn authentication(&self) -> &Authentication {
        &self.found.state.facts.authentication
    }

    /// Returns the value that the application [bound](crate::Issue::binding) the token to. Compare it with what the
    /// client proves; hallpass does not.
    #[must_use]
    pub const fn binding(&self) -> Option<&[u8; 32]> {
        self.found.state.facts.binding.as_ref()
    }

    /// Returns the description by which a person recognises the client that it was issued to.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.found.record.device
    }

    /// Returns how the client that presented the token compares with the one that it was issued to.
    #[must_use]
    pub const fn fingerprint(&self) -> FingerprintCheck {
        self.fingerprint
    }
}

impl fmt::Debug for Valid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Valid")
            .field("record", &self.found.record)
            .field("origin", &self.found.state.facts.origin)
            .field("expires_at", &self.expires_at())
            .field("fingerprint", &self.fingerprint)
            .field("successor", &self.successor)
            .finish_non_exhaustive()
    }
}
