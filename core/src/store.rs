//! What the author of a store needs: [`TokenStore`], and the types of its arguments and results.
//!
//! An adapter sees no validator and takes no decision about a token. So its author can get the storage wrong, but not
//! the security, and the conformance suite checks the storage. Core decodes what an adapter returns and compares
//! digests before it trusts any of it. The documentation of the trait has all that an author needs.
//!
//! The clause numbers S1–S19 (S17 is withdrawn) are those of `docs/contract.md`.

mod feed;
mod filter;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use crate::clock::Timestamp;
pub use crate::error::StoreError;
pub use crate::ident::{Device, Epoch, Era, Kind, LoginId, Revision, Subject};
pub use crate::limit::{BoxError, LimitError};
pub use crate::purpose::{Purpose, Purposes};
pub use crate::record::{Body, Reason, Record};
pub use crate::selector::Selector;
pub use feed::{Announced, Announcer, ChangeFeed, Heard, Lost, Proven};
pub use filter::{Kinds, Logins, Page, RecordFilter};

/// The trait that a backend implements: it stores and finds records.
///
/// A store moves rows. It may store its arguments unprotected, and core does not trust what it returns. Losing a
/// record is harmless: its user logs in again. A revocation that was acknowledged but did not happen lets a thief
/// in, and so does an ended record that comes back. For every method:
///
/// - **S6** Once a write is acknowledged, every handle and every node sees it: linearizable per
///   selector, and per subject for epoch, list and revoke.
/// - **S12** An error of the backend is an `Err`, never `None`, `false` or 0. A request waits for the call, so every
///   call ends within a few seconds, 20 at most. When the backend is back, each connection of a pool may fail once;
///   30 seconds later the same handle works without failures.
/// - **S13** A future dropped at any await leaves each record either untouched or fully written. The write may come
///   after the drop.
/// - **S14** A store declares, to readers and to the conformance suite, what an acknowledgement survives: nothing, a
///   process crash, or a power loss. That holds for every kind of write except a touch and a purge, above all for a
///   revocation and a rotation. Records that a purge removed may be back after a restart.
/// - **S15** Two namespaces in one database never see each other's records or epochs. No method takes a namespace: it
///   is chosen when the store is opened, and may be a database or a file of its own. Opening refuses a name that the
///   backend could confuse with another one.
/// - **S16** Every value that the argument types admit is stored as given, never truncated, normalised or
///   interpreted. If the backend itself cannot take a value, the call returns a clear [`StoreError::Refused`].
/// - **S18** `Debug` output, errors and logs contain neither data nor digests. Many drivers quote values
///   in their messages.
///
/// Time comes only from arguments and records; a store never asks a clock what has expired. Only
/// [`announcer`](Self::announcer) has a default body, so an adapter cannot inherit a weak method by accident: a store
/// that announces nothing is slower, not weaker.
///
/// # Implementing it
/// The methods are `async fn` under the attribute macro of the crate `async-trait`.
///
/// A [`Record`] has public fields. Store each as a column (numbers fit a signed 64-bit integer) and build the record
/// again through the constructors of the types, [`Subject::new`], [`Reason::from_code`] or [`Body::new`] for example.
/// If a constructor fails, return [`StoreError::Corrupt`]. A body has up to [`Body::MAX_LEN`] = 17,408 bytes. Records
/// are looked up by selector; by subject, then `created_at`, then selector; and by `purge_at`. Epochs are kept apart
/// from records.
///
/// ## On a server, without serializable transactions
/// 1. Check a condition in the statement that writes, or under a lock that is held until the commit. Never `SELECT`
///    and then write in reliance on the result. This applies to [`replace`](Self::replace), to both fences of
///    [`insert`](Self::insert) (a *locking* read of the epoch or of the parent), and to [`epoch`](Self::epoch).
/// 2. [`revoke_by_subject`](Self::revoke_by_subject) sets the epoch first, then ends records, and repeats the second
///    step in the same transaction until it finds none: a single statement misses a row that is inserted behind it.
/// 3. A deadlock has written nothing: repeat the transaction.
/// 4. Each write runs in a task of its own, and the call waits for it with a time limit. So a caller that drops its
///    future leaves no transaction open, and a connection that ran out of time is closed instead of returned to the
///    pool (S12, S13).
///
/// `docs/adapter.md` in the repository has the statements, a table of columns, the errors of PostgreSQL, MySQL and
/// Redis as [`StoreError`]s, and for each clause the usual reasons why an adapter breaks it. `examples/custom-store`
/// is a complete store with a feed, in one file. The package `hallpass-conformance-tests` tests your store, and
/// `hallpass-test-servers` launches the server for that.
#[async_trait]
pub trait TokenStore: fmt::Debug + Send + Sync + 'static {
    /// Stores a new record if `fence` still holds; the check and the write are one step.
    ///
    /// - **S1** After an acknowledgement, [`find`](Self::find) returns the record byte for byte.
    /// - **S2** Only inserts: if the selector exists, the result is [`Insert::Duplicate`] and the old record is
    ///   untouched.
    /// - **S11** [`Fence::Epoch`] gives [`Insert::Fenced`] if the subject has no epoch or another one;
    ///   [`Fence::Parent`] does if that record is gone or marked. No interleaving with
    ///   [`revoke_by_subject`](Self::revoke_by_subject) or [`delete`](Self::delete) lets a record slip in behind
    ///   them.
    /// - **T7** If a record has a subject, its selector begins with [`Subject::shard`], and so does that of its
    ///   parent. A store that routes by shard may refuse any other.
    /// - With [`Fence::Epoch`], a record without a subject is always fenced. A parent may be expired, because a store
    ///   has no clock; it may be anonymous, or another subject's of the same shard. Ending or purging a parent leaves
    ///   the records that were inserted under it. If the selector is taken and the fence does not hold, either result
    ///   is right.
    /// - A selector is unique in the store, not only in its shard.
    ///
    /// # Errors
    /// [`StoreError`]; after a [`StoreError::Timeout`] with unknown outcome the record may be there.
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError>;

    /// Returns the record, or `None` if there is none.
    ///
    /// - **S3** An unknown selector gives `None`; a selector that is merely similar never matches.
    /// - Expired, marked and spent records are returned like any other: core decides what they mean.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError>;

    /// Replaces the record of `next.selector` if its revision is `expected` and it is not marked.
    ///
    /// `next.revision` is `expected.next()`. At [`Revision::MAX`] there is none, and the call is
    /// [`Refused`](StoreError::Refused). `change` says what kind of write it is; a store never compares bodies to
    /// find out.
    ///
    /// - **S4** Only updates: it creates nothing, and a deleted record never comes back through it. A marked record
    ///   is never changed or un-marked: whatever its revision, the result is [`Replace::Conflict`]. A missing record,
    ///   and only a missing one, gives [`Replace::Missing`].
    /// - **S5** If the revision differs, the result is [`Replace::Conflict`] and the record is untouched. A conflict
    ///   may be spurious while the record is there. Of any number of concurrent replaces of one revision exactly one
    ///   wins. Two callers never send the same bytes, because every write carries a fresh id inside the body. So a
    ///   store that re-sends may treat a record as its own earlier send only if *all bytes are equal*.
    ///
    /// # Errors
    /// [`StoreError`]; after a [`StoreError::Timeout`] with unknown outcome the write may have happened.
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError>;

    /// Removes the record and stores `note` with the ending; this is how an anonymous session ends.
    ///
    /// - **S7** Idempotent; returns whether the record was there.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError>;

    /// Removes or marks every record of `subject` that matches a filter, and returns how many.
    ///
    /// It sets the subject's epoch first if the revocation asks for it.
    ///
    /// - **S8** All and only the matching records, any number of them. After the acknowledgement none is left, none
    ///   was saved by a concurrent [`replace`](Self::replace), and none slipped in through a concurrent fenced
    ///   [`insert`](Self::insert). The count is exact (only a re-send may not know it). On an error any subset may be
    ///   done; repeating the call does the rest.
    /// - Up to some 2,000 matching records it is one event. Above that a store may sweep: first it sets the epoch,
    ///   durably, then it ends the records in pages, so that no other call waits longer than 50 ms for a page. If a
    ///   sweep fails or is cut off, the epoch stays set and what was ended stays ended.
    /// - Unconditional: it compares no revision, so a flood of writes cannot starve it.
    /// - [`Action::Mark`] does what [`Record::mark`] does, and skips marked records without counting them.
    /// - A row that does not decode should not keep the others alive: select by columns where you can.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError>;

    /// Returns one page of the records of `subject`, by `created_at` descending, then selector descending.
    ///
    /// - **S9** Shows no record that is gone and misses none that is there, marked and expired ones included. Pages
    ///   show each record exactly once while nothing else writes. An index entry goes only together with its record.
    /// - A row that does not decode is an entry of its own, [`Listed::Corrupt`], and hides no other.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError>;

    /// Returns the subject's epoch and the era; if the subject has no epoch, `fresh` becomes it.
    ///
    /// An epoch whose time is over may still serve until it is collected, or the call may replace it with `fresh`.
    ///
    /// - **S11** The epoch is kept until `now + keep` at least. No later call shortens that time, whether it reads
    ///   the epoch or sets another. A store may leave the time of an existing epoch alone while half of `keep` is
    ///   left, so that most calls only read; if it keeps epochs longer than asked, that longer time counts. Epochs
    ///   are collected by [`purge_expired`](Self::purge_expired) or a native time to live. A missing epoch fences.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError>;

    /// Removes at most `limit` records whose `purge_at ≤ now`, and epochs whose time is over.
    ///
    /// Epochs do not count, neither against `limit` nor in the result.
    ///
    /// - **S10** Removes only such records; safe from many nodes concurrently. [`Purged::more`] is `true` whenever a
    ///   record that is due may be left, also after a call that removed none (because a row was locked, for
    ///   instance). Repeating the call removes every such record in the end. A store may stop before `limit`, to end
    ///   in time; a limit of 0 removes nothing. Epochs are collected late or on time, never early.
    /// - A call that skips locked rows (`SKIP LOCKED`) must return `more` for them.
    /// - A store with a native time to live may remove nothing here. That time ends at least an hour after
    ///   `purge_at`, is given as a duration from `updated_at` or as an instant, and removes no record early, marked
    ///   and spent ones included.
    /// - A store may rely on `purge_at` being at or after the earlier of the two expiries.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError>;

    /// Returns what announces endings, if the store can (S19). Without it there is no near cache: every verification
    /// reads the store.
    fn announcer(&self) -> Option<&dyn Announcer> {
        None
    }
}

/// A condition that must still hold when a record is inserted (contract S11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// No condition.
    None,
    /// The subject still has this epoch: no "log out everywhere" ran since it was read.
    Epoch(Epoch),
    /// The record with this selector exists and is not marked.
    Parent(Selector),
}

/// The result of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Insert {
    /// The record is stored.
    Inserted {
        /// How many records the subject has now, marked and expired ones included, if the store knows that exactly in
        /// the step that inserts. With `None`, and for an anonymous record, core reads the list when it needs the
        /// number.
        of_subject: Option<u32>,
    },
    /// The selector is taken; nothing was written.
    Duplicate,
    /// The fence does not hold; nothing was written.
    Fenced,
}

impl Insert {
    /// Returns whether the record is stored.
    pub const fn is_inserted(self) -> bool {
        matches!(self, Self::Inserted { .. })
    }
}

/// The kind of write that a replace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Only "seen at", the idle expiry and `purge_at` move. Losing this write harms no one, so a store may
    /// acknowledge it before it is durable.
    Touch,
    /// Any other write that leaves the record alive.
    Update,
    /// The write marks the record, as spent or superseded. The note accompanies the ending.
    End(&'a Note),
}

/// The result of a replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Replace {
    /// The new record is stored.
    Replaced,
    /// The record has another revision, or is marked; nothing was written.
    Conflict,
    /// There is no such record; nothing was written.
    Missing,
}

/// Bytes that accompany an ending, for an audit trail: at most 1,024.
///
/// A store may write them in the same step, and may ignore them. `Debug` shows their length only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Note(Option<Arc<[u8]>>);

impl Note {
    /// The longest note, in bytes.
    pub const MAX_LEN: usize = 1_024;

    /// Returns the empty note.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Creates a note of any bytes.
    ///
    /// # Errors
    /// [`LimitError`] if there are more than 1,024.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, LimitError> {
        let bytes = bytes.as_ref();
        if bytes.len() > Self::MAX_LEN {
            return Err(LimitError::new("note", "must be at most 1,024 bytes"));
        }
        Ok(Self((!bytes.is_empty()).then(|| bytes.into())))
    }

    /// Returns the bytes; empty for no note.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Note(… {} bytes)", self.as_bytes().len())
    }
}

/// The argument of [`TokenStore::revoke_by_subject`]: which records to end, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Which records.
    pub filter: RecordFilter,
    /// What to do to them.
    pub action: Action,
    /// Whether to turn away logins under way, too.
    pub epoch: EpochUpdate,
    /// The note that accompanies the ending.
    pub note: Note,
}

impl Revocation {
    /// Does `action` to the records that match `filter`, keeps the epoch, and adds no note.
    #[must_use]
    pub const fn new(filter: RecordFilter, action: Action) -> Self {
        Self { filter, action, epoch: EpochUpdate::Keep, note: Note::none() }
    }

    /// Sets or keeps the epoch.
    #[must_use]
    pub fn epoch(self, epoch: EpochUpdate) -> Self {
        Self { epoch, ..self }
    }

    /// Adds a note.
    #[must_use]
    pub fn note(self, note: Note) -> Self {
        Self { note, ..self }
    }
}

/// What a revocation does to the records of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Removes them.
    Remove,
    /// Ends them but keeps them until their absolute expiry, so that their owners can be told why.
    Mark {
        /// Why.
        reason: Reason,
        /// When.
        at: Timestamp,
    },
}

/// Whether a revocation also turns away the logins under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochUpdate {
    /// No: the epoch stays.
    Keep,
    /// Yes: the epoch becomes this one, whether or not there was one.
    Set {
        /// The new epoch.
        epoch: Epoch,
        /// The present instant.
        now: Timestamp,
        /// How long the epoch must be kept from `now` on.
        keep: Duration,
    },
}

/// One entry of a list.
#[derive(Debug)]
pub enum Listed {
    /// A record.
    Record(Box<Record>),
    /// A row that does not decode; [`TokenStore::delete`] removes it.
    Corrupt {
        /// Its selector.
        selector: Selector,
        /// Its place in the list.
        created_at: Timestamp,
        /// What is wrong with it. Contains neither data nor digests (S18).
        source: BoxError,
    },
}

impl Listed {
    /// Returns its place in the list, for [`Page::after`] of the next page.
    #[must_use]
    pub fn place(&self) -> (Timestamp, Selector) {
        match self {
            Self::Record(record) => (record.created_at, record.selector),
            Self::Corrupt { selector, created_at, .. } => (*created_at, *selector),
        }
    }

    /// Returns the record, if it is one.
    #[must_use]
    pub fn record(self) -> Option<Record> {
        match self {
            Self::Record(record) => Some(*record),
            Self::Corrupt { .. } => None,
        }
    }
}

impl From<Record> for Listed {
    fn from(record: Record) -> Self {
        Self::Record(Box::new(record))
    }
}

/// What a login begins with: the subject's epoch and the era.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The subject's epoch.
    pub epoch: Epoch,
    /// The present era: [`Era::FIRST`] in a store that never logged all users out.
    pub era: Era,
}

/// The result of a purge.
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
            async fn replace(
                &self,
                next: &Record,
                expected: Revision,
                change: Change<'_>,
            ) -> Result<Replace, StoreError> {
                (**self).replace(next, expected, change).await
            }
            async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
                (**self).delete(selector, note).await
            }
            async fn revoke_by_subject(
                &self,
                subject: &Subject,
                revocation: &Revocation,
            ) -> Result<u64, StoreError> {
                (**self).revoke_by_subject(subject, revocation).await
            }
            async fn list_by_subject(
                &self,
                subject: &Subject,
                page: &Page,
            ) -> Result<Vec<Listed>, StoreError> {
                (**self).list_by_subject(subject, page).await
            }
            async fn epoch(
                &self,
                subject: &Subject,
                fresh: Epoch,
                keep: Duration,
                now: Timestamp,
            ) -> Result<Admission, StoreError> {
                (**self).epoch(subject, fresh, keep, now).await
            }
            async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
                (**self).purge_expired(now, limit).await
            }
            fn announcer(&self) -> Option<&dyn Announcer> {
                (**self).announcer()
            }
        }
    )+};
}

forward!(Arc, Box);
