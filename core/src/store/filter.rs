//! Filters: which records of a subject a revocation or a page covers.

use std::num::NonZeroU16;

use crate::clock::Timestamp;
use crate::ident::{Kind, LoginId};
use crate::purpose::{Purpose, Purposes};
use crate::record::Record;
use crate::selector::Selector;

/// Which records of a subject a revocation applies to. All conditions hold at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Records of these kinds.
    pub kinds: Kinds,
    /// Records of these purposes.
    pub purposes: Purposes,
    /// Records of these logins.
    pub logins: Logins,
}

impl RecordFilter {
    /// Matches every record of the subject.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Matches every record of one login.
    #[must_use]
    pub fn login(login: LoginId) -> Self {
        Self { logins: Logins::Only(login), ..Self::default() }
    }

    /// Matches every record outside one login.
    #[must_use]
    pub fn except(login: LoginId) -> Self {
        Self { logins: Logins::Except(login), ..Self::default() }
    }

    /// Narrows the filter to these kinds.
    #[must_use]
    pub fn kinds(self, kinds: Kinds) -> Self {
        Self { kinds, ..self }
    }

    /// Narrows the filter to these purposes.
    #[must_use]
    pub fn purposes(self, purposes: impl Into<Purposes>) -> Self {
        Self { purposes: purposes.into(), ..self }
    }

    /// Returns whether `record` meets every condition.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        self.kinds.contain(&record.kind)
            && self.purposes.contain(record.purpose)
            && self.logins.contain(record.login)
    }
}

impl From<Kinds> for RecordFilter {
    fn from(kinds: Kinds) -> Self {
        Self::all().kinds(kinds)
    }
}

impl From<Kind> for RecordFilter {
    fn from(kind: Kind) -> Self {
        Self::all().kinds(kind.into())
    }
}

impl From<Purposes> for RecordFilter {
    fn from(purposes: Purposes) -> Self {
        Self::all().purposes(purposes)
    }
}

impl From<Purpose> for RecordFilter {
    fn from(purpose: Purpose) -> Self {
        Self::all().purposes(purpose)
    }
}

/// A set of kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kinds {
    /// Every kind.
    #[default]
    Any,
    /// These kinds; an empty list matches none. A kind that is named twice counts once.
    Only(Vec<Kind>),
}

impl Kinds {
    /// Returns whether `kind` is in the set.
    #[must_use]
    pub fn contain(&self, kind: &Kind) -> bool {
        match self {
            Self::Any => true,
            Self::Only(kinds) => kinds.contains(kind),
        }
    }
}

impl From<Kind> for Kinds {
    fn from(kind: Kind) -> Self {
        Self::Only(vec![kind])
    }
}

/// A set of logins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logins {
    /// Every login.
    #[default]
    Any,
    /// This login.
    Only(LoginId),
    /// Every login except this one.
    Except(LoginId),
}

impl Logins {
    /// Returns whether `login` is in the set.
    #[must_use]
    pub fn contain(&self, login: LoginId) -> bool {
        match *self {
            Self::Any => true,
            Self::Only(only) => login == only,
            Self::Except(except) => login != except,
        }
    }
}

/// The part of a list that a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Records of these kinds.
    pub kinds: Kinds,
    /// Records of these purposes.
    pub purposes: Purposes,
    /// Only entries after this place in the order of the list. The record there may be gone by now.
    pub after: Option<(Timestamp, Selector)>,
    /// At most this many entries. A shorter page is the last one.
    pub limit: NonZeroU16,
}

impl Page {
    /// Asks for the first page of everything, with at most `limit` entries.
    #[must_use]
    pub const fn first(limit: NonZeroU16) -> Self {
        Self { kinds: Kinds::Any, purposes: Purposes::ALL, after: None, limit }
    }

    /// Returns whether the page shows records of this kind and purpose.
    #[must_use]
    pub fn shows(&self, kind: &Kind, purpose: Purpose) -> bool {
        self.kinds.contain(kind) && self.purposes.contain(purpose)
    }
}
