//! The storage contract: what an adapter promises, clause by clause.
//!
//! An adapter sees no validator and takes no decision about a token, so its author can get the storage
//! wrong but not the security; the conformance suite checks the storage. Core decodes what it returns,
//! and compares digests, before believing any of it. What an author has to know stands on the trait,
//! where the rendered documentation shows it.
//!
//! The clause numbers S1–S18 are those of `docs/contract.md`.

use std::fmt::Debug;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ident::{Epoch, Kind, LoginId, Revision, Subject};
use crate::record::{Reason, Record};
use crate::token::Selector;

/// Where records live: what a backend implements.
///
/// A store moves rows. What it is given may be stored as it is; what it returns is not trusted. Losing
/// a record is harmless, somebody logs in again. A revocation that was acknowledged and did not happen,
/// or a dead record that comes back, lets a thief in. For every method:
///
/// - **S6** Once a write is acknowledged, every handle and every node sees it: linearizable per
///   selector, and per subject for epoch, list and revoke.
/// - **S12** Trouble is an `Err`, never `None`, `false` or 0. Every call is bounded in time: in seconds,
///   for a request waits for it. When the backend is back, the same handle works again.
/// - **S13** A future dropped at any await leaves each record either untouched or fully written. It may
///   be written after the caller has gone.
/// - **S14** What an acknowledgement survives (nothing, a process crash, a power loss) is declared, to
///   readers and to the conformance suite, and holds for every kind of write, above all a revocation
///   and a rotation.
/// - **S15** Two namespaces in one database never see each other, epochs included. No method names one:
///   it is chosen where the store is opened, and may be a database or a file of its own.
/// - **S16** Whatever the argument types admit is stored faithfully, never truncated, normalised or
///   interpreted; what the backend itself cannot take is a clear [`StoreError::Refused`].
/// - **S18** `Debug` output, errors and logs contain neither data nor digests. Many drivers quote values
///   in their messages.
///
/// Time comes only from arguments and records; a store never asks a clock what is expired. There are
/// no default bodies, so that nothing weak is inherited by accident.
///
/// # Implementing it
/// The methods are `async fn` under the attribute of the crate `async-trait`.
///
/// A [`Record`] has public fields: store each as a column (numbers fit a signed 64-bit integer) and build
/// it again through the constructors of the types, [`Subject::new`], [`Reason::from_code`] or
/// [`Body::new`](crate::Body::new) for example. What they refuse is [`StoreError::Corrupt`]. Look-ups go
/// by selector; by subject, then `created_at`, then selector; and by `purge_at`. Epochs are kept apart
/// from records.
///
/// `examples/custom-store` in the repository does all of it with SQLite in one file; the package
/// `hallpass-conformance-tests` tests it.
#[async_trait]
pub trait TokenStore: Debug + Send + Sync + 'static {
    /// Stores a new record if `fence` still holds, checked and written as one step.
    ///
    /// - **S1** What is acknowledged, [`find`](Self::find) returns byte for byte.
    /// - **S2** Only inserts: an existing selector is [`Insert::Duplicate`] and the old record is
    ///   untouched.
    /// - **S11** [`Fence::Epoch`] is [`Insert::Fenced`] when the subject's epoch is missing or another;
    ///   [`Fence::Parent`] when that record is gone or marked. No interleaving with
    ///   [`revoke_by_subject`](Self::revoke_by_subject) or [`delete`](Self::delete) lets a record slip in
    ///   behind them.
    /// - **T7** The selector of a record with a subject begins with [`Subject::shard`], and so does that of
    ///   its parent; a store that routes by it may refuse another.
    /// - An epoch fences a record without a subject. A parent may be expired: a store has no clock. Where
    ///   the selector is taken and the fence does not hold, either answer is right.
    ///
    /// # Errors
    /// [`StoreError`]; after a [`StoreError::Timeout`] with unknown outcome the record may be there.
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError>;

    /// The record, or `None` if there is none.
    ///
    /// - **S3** An unknown selector is `None`; a near miss never matches.
    /// - Expired, marked and spent records are returned like any other: core decides what they mean.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError>;

    /// The records of all these selectors.
    ///
    /// - **S17** In the order asked, `None` for the unknown, repeats for repeats. Each is what
    ///   [`find`](Self::find) would answer; together they need not be one snapshot.
    ///
    /// # Errors
    /// [`StoreError`]; then no answer at all.
    async fn find_many(&self, selectors: &[Selector]) -> Result<Vec<Option<Record>>, StoreError>;

    /// Replaces the record of `next.selector` if its revision is `expected` and it is not marked.
    /// `next.revision` is `expected.next()`.
    ///
    /// - **S4** Only updates: nothing is ever created by it, a deleted record never comes back, and a
    ///   marked record is never changed or un-marked (that is [`Replace::Conflict`], whatever its
    ///   revision). [`Replace::Missing`] is never false.
    /// - **S5** Another revision is [`Replace::Conflict`], the record untouched. A conflict may be
    ///   spurious. Of any number of concurrent replaces of one revision exactly one wins. Two callers
    ///   never send the same bytes: every write carries a fresh id inside the body. So a store that
    ///   re-sends may take *all bytes equal* as "this was my own write", and nothing less.
    ///
    /// # Errors
    /// [`StoreError`]; after a [`StoreError::Timeout`] with unknown outcome it may have happened.
    async fn replace(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError>;

    /// Removes the record.
    ///
    /// - **S7** Idempotent; answers whether a record was there.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delete(&self, selector: Selector) -> Result<bool, StoreError>;

    /// Does `action` to every record of `subject` that matches `which`, advances its epoch first if
    /// asked to, and answers how many records it was done to.
    ///
    /// - **S8** All and only the matching records, any number of them. When it acknowledges, none is
    ///   left, none was saved by a racing [`replace`](Self::replace), and none slipped in by a racing
    ///   fenced [`insert`](Self::insert). The count is exact (only a re-send may not know it). On an
    ///   error any subset may be done; repeating finishes the rest.
    /// - Unconditional: it compares no revision, so a flood of writes cannot starve it.
    /// - [`Action::Mark`] does what [`Record::mark`] does, and passes over marked records without counting
    ///   them.
    /// - A row that does not decode should not keep the others alive: choose by columns where you can.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke_by_subject(
        &self,
        subject: &Subject,
        which: &Which,
        action: Action,
        advance: Advance,
    ) -> Result<u64, StoreError>;

    /// One page of the records of `subject`: `created_at` descending, then selector descending.
    ///
    /// - **S9** Never shows a record that is gone and never misses one that is there, marked and expired
    ///   ones included. Pages cover each record exactly once when nothing else writes. An index entry
    ///   goes only together with its record.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError>;

    /// The subject's epoch; if it has none, `fresh` becomes it. One whose time is over may still serve
    /// until it is collected.
    ///
    /// - **S11** Kept until `now + keep` at least, and no shorter than it was promised before; a store may
    ///   leave an existing one's time alone while half of `keep` is left, so that this is mostly a read.
    ///   Collected by [`purge_expired`](Self::purge_expired) or a native time to live. A missing epoch
    ///   fences.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError>;

    /// Removes at most `limit` records whose `purge_at ≤ now`, and epochs whose time is over, which count
    /// neither for `limit` nor in the answer.
    ///
    /// - **S10** Only such records; safe from many nodes at once; [`Purged::more`] is `false` only when
    ///   no record that is due is left, and is `false` when the call found none. A store may stop before
    ///   `limit`, to end in time. One with a native
    ///   time to live may remove nothing here: that time is the duration `purge_at − updated_at` and at
    ///   least an hour of slack, and never removes a record early, marked and spent ones included.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError>;
}

/// What must still hold when a record is inserted (contract S11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// Nothing.
    None,
    /// The subject's epoch is this: nothing was logged out everywhere since it was read.
    Epoch(Epoch),
    /// The record of this selector is there and not marked.
    Parent(Selector),
}

/// What became of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Insert {
    /// It is stored.
    Inserted,
    /// The selector is taken; nothing was written.
    Duplicate,
    /// The fence does not hold; nothing was written.
    Fenced,
}

/// What became of a replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Replace {
    /// It is stored.
    Replaced,
    /// The record has another revision, or is marked; nothing was written.
    Conflict,
    /// There is no such record; nothing was written.
    Missing,
}

/// What to do to the records of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Remove them.
    Remove,
    /// End them but keep them until their absolute expiry, so that their owners are told why.
    Mark {
        /// Why.
        reason: Reason,
        /// When.
        at: Timestamp,
    },
}

/// Whether a revocation also turns away the logins that are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// No: the epoch stays.
    Keep,
    /// Yes: the epoch becomes this one, whether or not there was one.
    To {
        /// The new epoch.
        epoch: Epoch,
        /// The present instant.
        now: Timestamp,
        /// How long the epoch must be kept from `now` on.
        keep: Duration,
    },
}

/// Which records of a subject. All conditions hold at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// Records of these kinds.
    pub kinds: Kinds,
    /// Records of these logins.
    pub logins: Logins,
    /// Only records that are [live](Record::is_live) at this instant.
    pub live_at: Option<Timestamp>,
    /// Of the logins that have a record matching all of the above, marked ones included, the newest so
    /// many are spared with all their records. A login is as new as its newest matching record: later
    /// `created_at`, then larger selector.
    pub keep_newest: u32,
}

impl Which {
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

    /// The same, of these kinds only.
    #[must_use]
    pub fn kinds(self, kinds: Kinds) -> Self {
        Self { kinds, ..self }
    }

    /// Of all records of a subject, those that are meant, in any order: for stores that can afford to
    /// look at each, as the reference store does.
    #[must_use]
    pub fn select<'a>(&self, records: impl IntoIterator<Item = &'a Record>) -> Vec<&'a Record> {
        let mut matching: Vec<_> = records.into_iter().filter(|record| self.matches(record)).collect();
        matching.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at, record.selector)));
        let mut spared: Vec<LoginId> = Vec::new();
        for record in &matching {
            if spared.len() < self.keep_newest as usize && !spared.contains(&record.login) {
                spared.push(record.login);
            }
        }
        matching.retain(|record| !spared.contains(&record.login));
        matching
    }

    /// Whether `record` meets every condition but `keep_newest`, which looks at several records.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        self.kinds.contain(&record.kind)
            && self.logins.contain(record.login)
            && self.live_at.is_none_or(|at| record.is_live(at))
    }
}

/// A choice of kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kinds {
    /// Every kind.
    #[default]
    Any,
    /// These, and none if the list is empty.
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
    /// Only what comes after this place in the order of the list. The record itself may be gone by now.
    pub after: Option<(Timestamp, Selector)>,
    /// At most so many. A shorter page is the last one.
    pub limit: NonZeroU16,
}

/// What a purge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Purged {
    /// How many records it removed.
    pub removed: u64,
    /// Whether there may be more records to remove.
    pub more: bool,
}

macro_rules! forward {
    ($($pointer:ident),+) => {$(
        #[async_trait]
        impl<T: TokenStore + ?Sized> TokenStore for $pointer<T> {
            async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
                (**self).insert(record, fence).await
            }
            async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
                (**self).find(selector).await
            }
            async fn find_many(&self, selectors: &[Selector]) -> Result<Vec<Option<Record>>, StoreError> {
                (**self).find_many(selectors).await
            }
            async fn replace(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
                (**self).replace(next, expected).await
            }
            async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
                (**self).delete(selector).await
            }
            async fn revoke_by_subject(
                &self,
                subject: &Subject,
                which: &Which,
                action: Action,
                advance: Advance,
            ) -> Result<u64, StoreError> {
                (**self).revoke_by_subject(subject, which, action, advance).await
            }
            async fn list_by_subject(
                &self,
                subject: &Subject,
                page: &Page,
            ) -> Result<Vec<Record>, StoreError> {
                (**self).list_by_subject(subject, page).await
            }
            async fn epoch(
                &self,
                subject: &Subject,
                fresh: Epoch,
                keep: Duration,
                now: Timestamp,
            ) -> Result<Epoch, StoreError> {
                (**self).epoch(subject, fresh, keep, now).await
            }
            async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
                (**self).purge_expired(now, limit).await
            }
        }
    )+};
}

forward!(Arc, Box);
