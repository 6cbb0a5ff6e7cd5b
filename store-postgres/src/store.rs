//! The store that applications hold.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Change, Epoch, EpochUpdate, Fence, Insert as Inserted, Listed, Page, Purged, Record,
    Replace as Replaced, Revision, Revocation, TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject, Timestamp};
use sqlx::{Connection, PgConnection, PgPool, Row};
use tokio::time::{Instant, timeout};

use crate::batch::Batcher;
use crate::builder::{Builder, LONGEST};
use crate::connections::Connections;
use crate::epoch::Current;
use crate::error::{Trouble, What};
use crate::find::{Find, List};
use crate::insert::Insert;
use crate::instant::Instant as DueAt;
use crate::migrate::{self, Migration};
use crate::names::Names;
use crate::operation::{Operation, Together};
use crate::purge::{CHUNK, IsDue, Purge, Table};
use crate::replace::{Delete, Replace};
use crate::revoke::{Bounds, ByFunction, ByTransaction, EndPage, SetEpoch};
use crate::statements::Statements;

/// How many times the timeout of a call a sweep may last.
const SWEEP: u32 = 3;

/// The settings with which the store was opened, apart from those of its connections.
pub(crate) struct Settings {
    pub(crate) bounds: Bounds,
    pub(crate) functions: bool,
    pub(crate) migrations: Vec<Migration>,
}

/// Keeps records in PostgreSQL 13 or later.
///
/// Clones share connections. Needs a tokio runtime with time enabled.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    connections: Arc<Connections>,
    names: Names,
    migrations: Vec<Migration>,
    finds: Batcher<Find>,
    inserts: Batcher<Insert>,
    replaces: Batcher<Replace>,
    epochs: Batcher<Current>,
    bounds: Bounds,
    /// Whether a revocation calls the function.
    functions: bool,
    /// Where the next purge of each table begins.
    purged: Mutex<[DueAt; 2]>,
}

impl PostgresStore {
    /// Connects to the server at `url`, as [`Builder::connect`] does.
    ///
    /// # Errors
    /// Those of [`Builder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder().connect(url).await
    }

    /// Uses a pool of the application's, as [`Builder::from_pool`] does.
    ///
    /// # Errors
    /// Those of [`Builder::from_pool`].
    pub async fn from_pool(pool: PgPool) -> Result<Self, StoreError> {
        Self::builder().from_pool(pool).await
    }

    /// Returns a builder, for other tables, other limits, or a pooler.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(connections: Arc<Connections>, names: Names, settings: Settings) -> Self {
        let most = connections.pool().options().get_max_connections() as usize;
        let Settings { bounds, functions, migrations } = settings;
        // Measured: with two statements, the server answers one while the other is sent; more make smaller
        // batches. Replaces are fastest one at a time: two batches of them flush the log twice, and wait for
        // each other's flush. Beyond that, a quarter of the connections may wait for the locks of one sort of
        // call.
        let (lanes, limit) = (2, (most / 4).max(2));
        Self(Arc::new(Inner {
            finds: Batcher::new(Arc::clone(&connections), lanes, limit),
            inserts: Batcher::new(Arc::clone(&connections), lanes, limit),
            replaces: Batcher::new(Arc::clone(&connections), 1, limit),
            epochs: Batcher::new(Arc::clone(&connections), lanes, limit),
            connections,
            names,
            bounds,
            functions,
            migrations,
            purged: Mutex::new([DueAt::FIRST; 2]),
        }))
    }

    /// Creates the tables, or brings them up to date, over a connection of its own.
    ///
    /// Any number of instances may do this at the same time, and again. The user needs the right to create
    /// tables.
    ///
    /// There is no time limit: a migration waits for the locks and migrations of others, and an index on many
    /// rows takes minutes. Put a timeout around the call if you want a limit.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing has changed.
    ///
    /// # Cancellation
    /// The migration happens entirely or not at all.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate_to(migrate::VERSION).await
    }

    /// Migrates up to an older version.
    #[doc(hidden)]
    pub async fn migrate_to(&self, version: i32) -> Result<(), StoreError> {
        let options = self.0.connections.pool().connect_options();
        let limit = self.0.connections.limit();
        let done = async {
            let connecting = timeout(limit, PgConnection::connect_with(&options)).await;
            let timed_out = |_| Trouble::new(What::Unavailable, "the server does not answer in time");
            let on = connecting.map_err(timed_out)?.map_err(|error| Trouble::connecting(&error))?;
            migrate::migrate(&self.0.names, &self.0.migrations, on, version).await
        };
        done.await.map_err(|trouble| trouble.into_error(true))
    }

    /// Returns the statements, each with the name of its file.
    #[doc(hidden)]
    #[must_use]
    pub fn statements(&self) -> Vec<(&'static str, String)> {
        let all = self.0.connections.sql().all().into_iter();
        all.map(|(name, statement)| (name, statement.text().to_owned())).collect()
    }

    /// Closes the connections and the pool, even one of the application's.
    ///
    /// Calls that are under way finish first; later calls fail.
    pub async fn close(&self) {
        self.0.connections.close().await;
    }

    /// Checks that the server is a primary in UTF-8, and that this program knows its tables.
    pub(crate) async fn check(&self) -> Result<(), Trouble> {
        let connections = &self.0.connections;
        connections.perform(&Check(&self.0.names), connections.deadline()).await
    }

    /// Removes up to `limit` due rows and returns how many. Begins where the last purge ended, because an old
    /// snapshot keeps removed rows in the index; begins again from the start if that finds too few.
    async fn collect(
        &self,
        table: Table,
        now: Timestamp,
        limit: u32,
        deadline: Instant,
    ) -> Result<u32, StoreError> {
        let mut removed = 0;
        let mut from = self.purged(table);
        loop {
            let wanted = limit - removed;
            let gone = match self.perform_until(Purge { table, now, limit: wanted, from }, deadline).await {
                // The rows removed so far count. The second pass may fail because too many removed rows lie
                // before the next due one.
                Err(error) if removed > 0 && wrote_nothing(&error) => return Ok(removed),
                gone => gone?,
            };
            removed += u32::try_from(gone.rows).unwrap_or(u32::MAX).min(wanted);
            let found_all = removed == limit;
            let last = if found_all { gone.last.unwrap_or(DueAt::FIRST) } else { DueAt::FIRST };
            if found_all || from == DueAt::FIRST {
                self.0.purged.lock().unwrap_or_else(PoisonError::into_inner)[table as usize] = last;
                return Ok(removed);
            }
            from = DueAt::FIRST;
        }
    }

    /// Ends the matching records in one step.
    async fn revoke(
        &self,
        subject: &Subject,
        revocation: &Revocation,
        deadline: Instant,
    ) -> Result<u64, Trouble> {
        let operation = ByFunction { subject, revocation, most: self.0.bounds.most };
        match self.0.functions {
            true => self.0.connections.perform(&operation, deadline).await,
            false => self.0.connections.perform(&ByTransaction(operation), deadline).await,
        }
    }

    /// Sets the epoch durably, ends page after page, and ends the few records that are left in one step. So a
    /// login that began earlier is turned away from the first moment on, and after the last step no record is
    /// left.
    async fn sweep(
        &self,
        subject: &Subject,
        revocation: &Revocation,
        began: Instant,
    ) -> Result<u64, Trouble> {
        tracing::info!(
            "PostgreSQL: a subject has more records than one step may end: they are ended in pages"
        );
        let connections = &self.0.connections;
        // A statement that began before `end` may finish until `last`: by default 17.5 s, within the 20 s of
        // S12.
        let half = connections.limit() / 2;
        let last = began + (connections.limit() * SWEEP + half).min(LONGEST);
        let end = last - half;
        connections.perform(&SetEpoch { subject, revocation }, last.min(connections.deadline())).await?;
        // Another revocation may have set a newer epoch meanwhile.
        let rest = Revocation { epoch: EpochUpdate::Keep, ..revocation.clone() };
        let mut ended = 0;
        let result = loop {
            let mut after = None;
            let paged = loop {
                if Instant::now() >= end {
                    break Err(Trouble::new(What::TooLate, "the subject has too many records for one call"));
                }
                let page =
                    EndPage { subject, revocation: &rest, page: self.0.bounds.page, after: after.as_ref() };
                match connections.perform(&page, last.min(connections.deadline())).await {
                    Err(trouble) => break Err(trouble),
                    Ok(page) => {
                        ended += page.rows;
                        after = page.next;
                        if after.is_none() {
                            break Ok(());
                        }
                    }
                }
            };
            let rest = match paged {
                Ok(()) => self.revoke(subject, &rest, last.min(connections.deadline())).await,
                Err(trouble) => Err(trouble),
            };
            match rest {
                Ok(rest) => break Ok(ended + rest),
                Err(trouble) if trouble.what() == What::TooMany && Instant::now() < end => {}
                Err(trouble) => break Err(trouble),
            }
        };
        result.map_err(Trouble::in_part)
    }

    fn purged(&self, table: Table) -> DueAt {
        self.0.purged.lock().unwrap_or_else(PoisonError::into_inner)[table as usize]
    }

    async fn is_any_due(&self, now: Timestamp, deadline: Instant) -> Result<bool, StoreError> {
        let from = self.purged(Table::Tokens);
        Ok(self.is_due(now, from, deadline).await?
            || from != DueAt::FIRST && self.is_due(now, DueAt::FIRST, deadline).await?)
    }

    async fn is_due(&self, now: Timestamp, from: DueAt, deadline: Instant) -> Result<bool, StoreError> {
        self.perform_until(IsDue { now, from }, deadline).await
    }

    async fn perform<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        self.perform_until(operation, self.0.connections.deadline()).await
    }

    async fn perform_until<O: Operation>(
        &self,
        operation: O,
        deadline: Instant,
    ) -> Result<O::Answer, StoreError> {
        let done = self.0.connections.perform(&operation, deadline).await;
        done.map_err(|trouble| trouble.into_error(O::WRITES))
    }

    /// Runs `job` in a batch with others, in time (S12).
    async fn share<J: Together>(&self, batcher: &Batcher<J>, job: J) -> Result<J::Answer, StoreError> {
        batcher.call(job).await.map_err(|trouble| trouble.into_error(J::WRITES))
    }
}

struct Check<'a>(&'a Names);

impl Operation for Check<'_> {
    type Answer = ();

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<(), Trouble> {
        let row = sql.server.query().fetch_one(&mut *on).await?;
        let encoding: &str = row.try_get(0)?;
        if encoding != "UTF8" {
            return Err(Trouble::refused(format!(
                "the database's encoding is {encoding}: hallpass needs one with encoding UTF8"
            )));
        }
        if row.try_get(1)? {
            return Err(Trouble::standby(What::Refused));
        }
        migrate::check(self.0, on).await
    }
}

#[async_trait]
impl TokenStore for PostgresStore {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Inserted, StoreError> {
        let job = Insert { record: Arc::new(record.clone()), fence };
        self.share(&self.0.inserts, job).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.share(&self.0.finds, Find(selector)).await
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        _change: Change<'_>,
    ) -> Result<Replaced, StoreError> {
        if expected == Revision::MAX {
            let trouble = Trouble::refused("the revision cannot be counted any further");
            return Err(trouble.into_error(true));
        }
        let job = Replace { next: Arc::new(next.clone()), expected };
        self.share(&self.0.replaces, job).await
    }

    async fn delete(&self, selector: Selector, _note: &Note) -> Result<bool, StoreError> {
        self.perform(Delete(selector)).await
    }

    /// Runs in one step, or as a sweep if there are too many records. A sweep may take three times as long as
    /// another call, and each of its pages as long as one.
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let began = Instant::now();
        let done = match self.revoke(subject, revocation, self.0.connections.deadline()).await {
            Err(trouble) if trouble.what() == What::TooMany => self.sweep(subject, revocation, began).await,
            done => done,
        };
        done.map_err(|trouble| trouble.into_error(true))
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.perform(List { subject, page }).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let job = Current { subject: subject.clone(), fresh, keep, now };
        self.share(&self.0.epochs, job).await
    }

    /// Removes a thousand rows at a time. When half of the time is gone it stops early and reports that there
    /// is more.
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let deadline = self.0.connections.deadline();
        let half = deadline - self.0.connections.limit() / 2;
        while self.collect(Table::Epochs, now, CHUNK, deadline).await? == CHUNK && Instant::now() < half {}
        let mut removed = 0;
        while removed < limit {
            let chunk = CHUNK.min(limit - removed);
            let done = match self.collect(Table::Tokens, now, chunk, deadline).await {
                Err(error) if removed > 0 && wrote_nothing(&error) => break,
                done => done?,
            };
            removed += done;
            if done < chunk || Instant::now() >= half {
                break;
            }
        }
        // Fewer rows than asked for may mean that other calls hold the rest.
        let more = match self.is_any_due(now, deadline).await {
            // An error would mean that nothing was removed.
            Err(_) if removed > 0 => true,
            more => more?,
        };
        Ok(Purged { removed: u64::from(removed), more })
    }
}

/// Whether a call with this error has changed nothing.
const fn wrote_nothing(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_) | StoreError::Timeout { outcome_unknown: false, .. })
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("schema", &self.0.names.schema)
            .field("prefix", &self.0.names.prefix)
            .finish_non_exhaustive()
    }
}
