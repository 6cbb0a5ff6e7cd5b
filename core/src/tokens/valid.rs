//! What an application is handed: a token that was made, a token that is good.

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

/// A token that was made: send it to the client, it is not to be had again.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub token: Token,
    /// What it is for.
    pub kind: Kind,
    /// The login that it belongs to.
    pub login: LoginId,
    /// Its absolute expiry: what a cookie's `Max-Age` counts to.
    pub expires_at: Timestamp,
}

/// A token that was presented and is good.
pub struct Valid {
    pub(super) found: Box<Found>,
    pub(super) fingerprint: FingerprintCheck,
    /// The rotation whose successor this call hands out: a token that is issued from it arrives with that.
    pub(super) confirms: Option<Confirms>,
    /// The token to send to the client in place of the one that was presented. Every request that
    /// races for it gets the same one.
    pub successor: Option<Issued>,
}

impl Valid {
    /// Whom it belongs to; `None` for an anonymous session.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.found.record.subject.as_ref()
    }

    /// What it is for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.found.record.kind
    }

    /// The login that it belongs to.
    #[must_use]
    pub const fn login(&self) -> LoginId {
        self.found.record.login
    }

    /// The public half of the token.
    #[must_use]
    pub const fn selector(&self) -> Selector {
        self.found.record.selector
    }

    /// How many times it has rotated.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.found.record.generation
    }

    /// Whether the newest token was presented, which tells that the client has it; otherwise it was the
    /// predecessor, within its windows (D6, D7).
    #[must_use]
    pub const fn is_newest(&self) -> bool {
        matches!(self.found.presented, Presented::Current)
    }

    /// When its first token was issued.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.found.record.created_at
    }

    /// When it expires if it is not used again: the earlier of its absolute and its idle expiry.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.found.deadlines.first()
    }

    /// When it expires however much it is used.
    #[must_use]
    pub const fn absolute_expiry(&self) -> Timestamp {
        self.found.deadlines.absolute
    }

    /// When the subject last authenticated for this login.
    #[must_use]
    pub const fn auth_at(&self) -> Timestamp {
        self.found.state.facts.auth_at
    }

    /// How the subject came to it.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.found.state.facts.origin
    }

    /// How the subject authenticated for this login, as far as the application said so.
    #[must_use]
    pub const fn authentication(&self) -> &Authentication {
        &self.found.state.facts.authentication
    }

    /// What the application [bound](crate::Issue::binding) the token to. Compare it with what the client proves;
    /// hallpass does not.
    #[must_use]
    pub const fn binding(&self) -> Option<&[u8; 32]> {
        self.found.state.facts.binding.as_ref()
    }

    /// How a person would recognise the client it was issued to.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.found.record.device
    }

    /// How the client that presented it compares with the one it was issued to.
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
