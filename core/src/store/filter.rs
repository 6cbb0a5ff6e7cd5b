//! Which records a revocation or a page is about.

use std::num::NonZeroU16;

use crate::clock::Timestamp;
use crate::ident::{Kind, LoginId};
use crate::purpose::{Purpose, Purposes};
use crate::record::Record;
use crate::selector::Selector;

/// Which records of a subject. All conditions hold at once.
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
    /// Everything of the subject.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Everything of one login.
    #[must_use]
    pub fn login(login: LoginId) -> Self {
        Self { logins: Logins::Only(login), ..Self::default() }
    }

    /// Everything but one login.
    #[must_use]
    pub fn except(login: LoginId) -> Self {
        Self { logins: Logins::Except(login), ..Self::default() }
    }

    /// The same, of these kinds only.
    #[must_use]
    pub fn kinds(self, kinds: Kinds) -> Self {
        Self { kinds, ..self }
    }

    /// The same, of these purposes only.
    #[must_use]
    pub fn purposes(self, purposes: impl Into<Purposes>) -> Self {
        Self { purposes: purposes.into(), ..self }
    }

    /// Whether `record` meets every condition.
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

/// A choice of kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kinds {
    /// Every kind.
    #[default]
    Any,
    /// These, and none if the list is empty. A kind that is named twice counts once.
    Only(Vec<Kind>),
}

impl Kinds {
    /// Whether `kind` is among them.
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

/// A choice of logins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logins {
    /// Every login.
    #[default]
    Any,
    /// This one.
    Only(LoginId),
    /// Every one but this.
    Except(LoginId),
}

impl Logins {
    /// Whether `login` is among them.
    #[must_use]
    pub fn contain(&self, login: LoginId) -> bool {
        match *self {
            Self::Any => true,
            Self::Only(only) => login == only,
            Self::Except(except) => login != except,
        }
    }
}

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Records of these kinds.
    pub kinds: Kinds,
    /// Records of these purposes.
    pub purposes: Purposes,
    /// Only what comes after this place in the order of the list. The record itself may be gone by now.
    pub after: Option<(Timestamp, Selector)>,
    /// At most this many entries. A shorter page is the last one.
    pub limit: NonZeroU16,
}

impl Page {
    /// The first page of everything, of at most `limit` entries.
    #[must_use]
    pub const fn first(limit: NonZeroU16) -> Self {
        Self { kinds: Kinds::Any, purposes: Purposes::ALL, after: None, limit }
    }

    /// Whether the page shows records of this kind and purpose.
    #[must_use]
    pub fn shows(&self, kind: &Kind, purpose: Purpose) -> bool {
        self.kinds.contain(kind) && self.purposes.contain(purpose)
    }
}
