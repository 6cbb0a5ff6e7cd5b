//! The storage contract: what an adapter promises, clause by clause.
//!
//! An adapter sees no validator and takes no decision about a token, so its author can get the storage
//! wrong but not the security; the conformance suite checks the storage. Core decodes what it returns,
//! and compares digests, before believing any of it. What an author has to know stands on the trait,
//! where the rendered documentation shows it.
//!
//! The clause numbers S1–S18 (S17 is withdrawn) are those of `docs/contract.md`.

mod filter;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ident::{Epoch, Era, Revision, Subject};
use crate::limit::{BoxError, LimitError};
use crate::record::{Reason, Record};
use crate::selector::Selector;

pub use filter::{Kinds, Logins, Page, RecordFilter};

/// Where records live: what a backend implements.
///
/// A store moves rows. What it is given may be stored as it is; what it returns is not trusted. Losing
/// a record is harmless: its user logs in again. A revocation that was acknowledged and did not happen,
/// or a dead record that comes back, lets a thief in. For every method:
///
/// - **S6** Once a write is acknowledged, every handle and every node sees it: linearizable per
///   selector, and per subject for epoch, list and revoke.
/// - **S12** Trouble is an `Err`, never `None`, `false` or 0. Every call is bounded in time, because a request
///   waits for it: a few seconds, 20 at most. When the backend is back, each connection of a pool may fail
///   once; 30 seconds later the same handle works without failures.
/// - **S13** A future dropped at any await leaves each record either untouched or fully written. It may
///   be written after the caller has gone.
/// - **S14** What an acknowledgement survives (nothing, a process crash, a power loss) is declared, to
///   readers and to the conformance suite, and holds for every kind of write but a touch and a purge, above
///   all a revocation and a rotation. What a purge removed may be back after a restart.
/// - **S15** Two namespaces in one database never see each other, epochs included. No method names one:
///   it is chosen where the store is opened, and may be a database or a file of its own. Opening refuses a
///   name that the backend could confuse with another one.
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
/// [`Body::new`](crate::Body::new) for example. What they refuse is [`StoreError::Corrupt`]. A body has up to
/// [`Body::MAX_LEN`](crate::Body::MAX_LEN) bytes, which is more than the 16 KiB of application data in it. Look-ups go
/// by selector; by subject, then `created_at`, then selector; and by `purge_at`. Epochs are kept apart
/// from records.
///
/// ## On a server, without serializable transactions
/// 1. What is checked is checked in the statement that writes, or under a lock that is held until the commit: never a
///    `SELECT`, and then a write that trusts it. That goes for [`replace`](Self::replace), for both fences of
///    [`insert`](Self::insert) (a *locking* read of the epoch or of the parent), and for [`epoch`](Self::epoch).
/// 2. [`revoke_by_subject`](Self::revoke_by_subject) sets the epoch first, then ends records, and repeats that in the same
///    transaction until it finds none: one statement passes by a row that is inserted behind it.
/// 3. A deadlock has written nothing: repeat the transaction.
/// 4. Each write runs in a task of its own, and the call waits for it with a limit. So a caller who has gone leaves no
///    transaction open, and a connection that ran out of time is closed and not given back (S12, S13).
///
/// `docs/adapter.md` in the repository has the statements, a table of columns, the errors of PostgreSQL, MySQL and Redis
/// in terms of [`StoreError`], and for each clause the usual reasons why an adapter breaks it. `examples/custom-store` is
/// a whole store with SQLite in one file. The package `hallpass-conformance-tests` tests yours, and
/// `hallpass-test-servers` launches the server for that.
#[async_trait]
pub trait TokenStore: fmt::Debug + Send + Sync + 'static {
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
    /// - An epoch always fences a record without a subject. A parent may be expired, for a store has no clock;
    ///   it may be anonymous, or another subject's of the same shard. Ending or collecting a parent leaves the
    ///   records that were inserted under it. Where the selector is taken and the fence does not hold, either
    ///   answer is right.
    /// - A selector is unique in the store, not only in its shard.
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

    /// Replaces the record of `next.selector` if its revision is `expected` and it is not marked.
    /// `next.revision` is `expected.next()`; at [`Revision::MAX`] there is none, and the call is
    /// [`Refused`](StoreError::Refused). `change` says what kind of write it is; a store never compares bodies
    /// to find out.
    ///
    /// - **S4** Only updates: nothing is ever created by it, a deleted record never comes back, and a
    ///   marked record is never changed or un-marked (that is [`Replace::Conflict`], whatever its
    ///   revision). A record that is not there is always [`Replace::Missing`], and no other is.
    /// - **S5** Another revision is [`Replace::Conflict`], the record untouched. A conflict may be
    ///   spurious while the record is there. Of any number of concurrent replaces of one revision exactly
    ///   one wins. Two callers never send the same bytes: every write carries a fresh id inside the body.
    ///   So a store that re-sends may take *all bytes equal* as "this was my own write", and nothing less.
    ///
    /// # Errors
    /// [`StoreError`]; after a [`StoreError::Timeout`] with unknown outcome it may have happened.
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError>;

    /// Removes the record: how an anonymous session ends. `note` goes along with the ending.
    ///
    /// - **S7** Idempotent; answers whether a record was there.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError>;

    /// Does an action to every record of `subject` that matches a filter, sets its epoch first if asked to,
    /// and returns the number of records that it was done to.
    ///
    /// - **S8** All and only the matching records, any number of them. When it acknowledges, none is
    ///   left, none was saved by a racing [`replace`](Self::replace), and none slipped in by a racing
    ///   fenced [`insert`](Self::insert). The count is exact (only a re-send may not know it). On an
    ///   error any subset may be done; repeating finishes the rest.
    /// - Up to some 2,000 matching records it is one event. Above that a store may sweep: the epoch first,
    ///   durably, then the records in pages, so that no other call waits longer than 50 ms for a page. A sweep
    ///   that fails or is cut off leaves the epoch set and what was ended ended.
    /// - Unconditional: it compares no revision, so a flood of writes cannot starve it.
    /// - [`Action::Mark`] does what [`Record::mark`] does, and passes over marked records without counting
    ///   them.
    /// - A row that does not decode should not keep the others alive: choose by columns where you can.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError>;

    /// One page of the records of `subject`: `created_at` descending, then selector descending.
    ///
    /// - **S9** Never shows a record that is gone and never misses one that is there, marked and expired
    ///   ones included. Pages cover each record exactly once when nothing else writes. An index entry
    ///   goes only together with its record.
    /// - A row that does not decode is an entry of its own, [`Listed::Corrupt`]: it hides no other.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError>;

    /// The subject's epoch, with the era; if it has no epoch, `fresh` becomes it. One whose time is over may
    /// still serve until it is collected, or be made anew.
    ///
    /// - **S11** Kept until `now + keep` at least. No later call shortens that time, whether it reads the epoch
    ///   or sets another. A store may leave an existing one's time alone while half of `keep` is left, so that
    ///   this is mostly a read; if it keeps epochs longer than asked, its own time counts. Collected by
    ///   [`purge_expired`](Self::purge_expired) or a native time to live. A missing epoch fences.
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

    /// Removes at most `limit` records whose `purge_at ≤ now`, and epochs whose time is over, which count
    /// neither for `limit` nor in the answer.
    ///
    /// - **S10** Only such records; safe from many nodes at once. [`Purged::more`] is `true` whenever a record
    ///   that is due may be left, also after a call that removed none (a row was locked, say); repeating the
    ///   call collects every such record in the end. A store may stop before `limit`, to end in time; a limit
    ///   of 0 removes nothing. Epochs are collected late or at once, never early.
    /// - A call that passes over locked rows (`SKIP LOCKED`) has to answer `more` for them.
    /// - A store with a native time to live may remove nothing here. That time ends at least an hour after
    ///   `purge_at`, given as a duration from `updated_at` or as an instant, and never removes a record early,
    ///   marked and spent ones included.
    /// - A store may rely on `purge_at` not being before the earlier of the two expiries.
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
    Inserted {
        /// How many records its subject has from now on, marked and expired ones included, where the store
        /// knows that exactly in the step that inserts. With `None`, and for an anonymous record, core reads
        /// the list when it has to know.
        of_subject: Option<u32>,
    },
    /// The selector is taken; nothing was written.
    Duplicate,
    /// The fence does not hold; nothing was written.
    Fenced,
}

impl Insert {
    /// Whether it is stored.
    pub const fn is_inserted(self) -> bool {
        matches!(self, Self::Inserted { .. })
    }
}

/// What kind of write a replace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Only "seen at", the idle expiry and `purge_at` move. Losing it harms no one: a store may acknowledge it
    /// before it is durable.
    Touch,
    /// Anything else that leaves the record alive.
    Update,
    /// The record is marked by it: it was spent or superseded. The note goes along.
    End(&'a Note),
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

/// What an audit trail is to know about an ending: at most 1,024 bytes that a store may write in the same
/// step, and may ignore. `Debug` shows its length only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Note(Option<Arc<[u8]>>);

impl Note {
    /// The longest note, in bytes.
    pub const MAX_LEN: usize = 1_024;

    /// No note.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Takes any bytes.
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

    /// The bytes; empty for no note.
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

/// What [`TokenStore::revoke_by_subject`] is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// To which records.
    pub filter: RecordFilter,
    /// What to do to them.
    pub action: Action,
    /// Whether logins that are under way are turned away too.
    pub epoch: EpochUpdate,
    /// What goes along for an audit trail.
    pub note: Note,
}

impl Revocation {
    /// Does `action` to what matches `filter`; the epoch stays, and no note goes along.
    #[must_use]
    pub const fn new(filter: RecordFilter, action: Action) -> Self {
        Self { filter, action, epoch: EpochUpdate::Keep, note: Note::none() }
    }

    /// Sets or keeps the epoch.
    #[must_use]
    pub fn epoch(self, epoch: EpochUpdate) -> Self {
        Self { epoch, ..self }
    }

    /// Takes a note along.
    #[must_use]
    pub fn note(self, note: Note) -> Self {
        Self { note, ..self }
    }
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
    /// A row that does not make a record; [`TokenStore::delete`] removes it.
    Corrupt {
        /// Its selector.
        selector: Selector,
        /// Where it stands in the list.
        created_at: Timestamp,
        /// What is wrong with it. Contains neither data nor digests (S18).
        source: BoxError,
    },
}

impl Listed {
    /// Where it stands in the list: what the next page comes [`after`](Page::after).
    #[must_use]
    pub fn place(&self) -> (Timestamp, Selector) {
        match self {
            Self::Record(record) => (record.created_at, record.selector),
            Self::Corrupt { selector, created_at, .. } => (*created_at, *selector),
        }
    }

    /// The record, if it is one.
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

/// What a login is begun with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The subject's epoch.
    pub epoch: Epoch,
    /// The present era: [`Era::FIRST`] in a store that never logged everybody out.
    pub era: Era,
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
        }
    )+};
}

forward!(Arc, Box);
