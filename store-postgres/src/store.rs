//! The store that applications hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Announcer, Change, ChangeFeed, Epoch, Fence, Insert as Inserted, Listed, Page, Purged, Record,
    Replace as Replaced, Revision, Revocation, TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject, Timestamp};

use crate::batch::Batcher;
use crate::connection::Connections;
use crate::epoch::Current;
use crate::error::Error;
use crate::feed::{Count, Feed};
use crate::find::{Find, List};
use crate::insert::Insert;
use crate::migrate::{self, Migration};
use crate::names::Names;
use crate::operation::Operation;
use crate::purge::Purger;
use crate::replace::{Delete, Replace};
use crate::revoke::Bounds;
#[cfg(feature = "test-hooks")]
use crate::statements::Statements;
use crate::sweep::Revoker;

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
    revoker: Revoker,
    purger: Purger,
}

impl PostgresStore {
    pub(crate) fn new(connections: Arc<Connections>, names: Names, settings: Settings) -> Self {
        let most = connections.pool().options().get_max_connections() as usize;
        let Settings { bounds, functions, migrations } = settings;
        // Measured: with two statements, the server answers one while the other is sent; more make smaller
        // batches. Replaces are fastest one at a time: two batches of them flush the log twice, and wait for
        // each other's flush. Beyond that, a quarter of the connections may wait for the locks of one sort of
        // call.
        let (slots, limit) = (2, (most / 4).max(2));
        Self(Arc::new(Inner {
            finds: Batcher::new(Arc::clone(&connections), slots, limit),
            inserts: Batcher::new(Arc::clone(&connections), slots, limit),
            replaces: Batcher::new(Arc::clone(&connections), 1, limit),
            epochs: Batcher::new(Arc::clone(&connections), slots, limit),
            revoker: Revoker { connections: Arc::clone(&connections), bounds, functions },
            purger: Purger::new(Arc::clone(&connections)),
            connections,
            names,
            migrations,
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
        self.migrate_up_to(migrate::VERSION).await
    }

    /// Migrates up to this version.
    pub(crate) async fn migrate_up_to(&self, version: i32) -> Result<(), StoreError> {
        let Inner { connections, names, migrations, .. } = &*self.0;
        let to = connections.pool().connect_options();
        let done = migrate::migrate(names, migrations, &to, connections.limit(), version).await;
        done.map_err(|error| error.into_error(true))
    }

    #[cfg(feature = "test-hooks")]
    pub(crate) fn sql(&self) -> &Statements {
        self.0.connections.sql()
    }

    /// Counts the rows of `hallpass_changes`: what was announced to near caches and is not trimmed yet. For a metric.
    ///
    /// Purges trim them ([`purge_expired`](TokenStore::purge_expired)), so usually there are as many as transactions
    /// have ended records in the last two minutes. More, and growing, means that nothing purges, or that a transaction
    /// stays open on the server. A row takes some 70 bytes with its index.
    ///
    /// It reads them all: a million take some 50 ms of the server. Ask once a minute.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Refused`] if the tables are older than the near cache.
    pub async fn changes_rows(&self) -> Result<u64, StoreError> {
        self.perform(Count).await
    }

    /// Closes the connections and the pool, even one of the application's.
    ///
    /// Calls that are under way finish first; later calls fail.
    pub async fn close(&self) {
        self.0.connections.close().await;
    }

    async fn perform<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        self.0.connections.call(operation, self.0.connections.deadline()).await
    }
}

#[async_trait]
impl TokenStore for PostgresStore {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Inserted, StoreError> {
        self.0.inserts.call(Insert { record: Arc::new(record.clone()), fence }).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.0.finds.call(Find(selector)).await
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replaced, StoreError> {
        if expected == Revision::MAX {
            let error = Error::refused("the revision cannot be counted any further");
            return Err(error.into_error(true));
        }
        let ends = matches!(change, Change::End(_)) || next.revoked.is_some();
        self.0.replaces.call(Replace { next: Arc::new(next.clone()), expected, ends }).await
    }

    async fn delete(&self, selector: Selector, _note: &Note) -> Result<bool, StoreError> {
        self.perform(Delete(selector)).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let done = self.0.revoker.run(subject, revocation).await;
        done.map_err(|error| error.into_error(true))
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
        self.0.epochs.call(Current { subject: subject.clone(), fresh, keep, now }).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.purger.run(now, limit).await
    }

    fn announcer(&self) -> Option<&dyn Announcer> {
        Some(self)
    }
}

/// A feed has a connection of its own, besides those of the store.
#[async_trait]
impl Announcer for PostgresStore {
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        let opened = Feed::open(&self.0.connections).await;
        let feed = opened.map_err(|error| {
            error.trace();
            error.into_error(false)
        })?;
        Ok(Box::new(feed))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("schema", &self.0.names.schema)
            .field("prefix", &self.0.names.prefix)
            .finish_non_exhaustive()
    }
}
