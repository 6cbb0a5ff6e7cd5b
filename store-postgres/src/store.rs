//! The handle.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::{
    Admission, Change, Epoch, EpochUpdate, Fence, Insert as Inserted, Listed, Note, Page, Purged, Record,
    Replace as Replaced, Revision, Revocation, Selector, StoreError, Subject, Timestamp, TokenStore,
};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::{Instant, timeout};

use crate::batch::Batcher;
use crate::builder::Builder;
use crate::connections::Connections;
use crate::epoch::Current;
use crate::error::{Trouble, What};
use crate::find::{Find, List};
use crate::insert::Insert;
use crate::migrate;
use crate::names::Names;
use crate::operation::{Operation, Together};
use crate::purge::{CHUNK, IsDue, PurgeEpochs, PurgeRecords};
use crate::replace::{Delete, Replace};
use crate::revoke::Revoke;
use crate::statements::Statements;

/// Keeps records in PostgreSQL 13 or later.
///
/// Clones share connections. Needs a tokio runtime with time enabled.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    connections: Arc<Connections>,
    names: Names,
    finds: Batcher<Find>,
    inserts: Batcher<Insert>,
    replaces: Batcher<Replace>,
    epochs: Batcher<Current>,
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

    /// For other tables, limits, or a pooler in between.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(connections: Arc<Connections>, names: Names, most: usize) -> Self {
        // Measured. Of two statements one is answered while the other is sent; more make smaller batches. Replaces
        // are best alone: two batches of them flush the log twice, and wait for each other's flush.
        let (lanes, limit) = (2, (most / 2).max(2));
        Self(Arc::new(Inner {
            finds: Batcher::new(Arc::clone(&connections), lanes, limit),
            inserts: Batcher::new(Arc::clone(&connections), lanes, limit),
            replaces: Batcher::new(Arc::clone(&connections), 1, limit),
            epochs: Batcher::new(Arc::clone(&connections), lanes, limit),
            connections,
            names,
        }))
    }

    /// Makes the tables, or brings them up to date, over a connection of its own. Any number of instances may do
    /// this at once, and again. The user needs the right to create tables.
    ///
    /// It takes the time that it takes, others' locks and migrations included: an index on many rows takes minutes.
    /// Whoever wants a limit puts a timeout around it.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing has changed.
    ///
    /// # Cancellation
    /// It is done or not done.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate_to(migrate::VERSION).await
    }

    /// The same up to an older version.
    #[doc(hidden)]
    pub async fn migrate_to(&self, version: i32) -> Result<(), StoreError> {
        let options = self.0.connections.pool().connect_options();
        let limit = self.0.connections.limit();
        let done = async {
            let connecting = timeout(limit, PgConnection::connect_with(&options)).await;
            let timed_out = |_| Trouble::new(What::Unavailable, "the server does not answer in time");
            let on = connecting.map_err(timed_out)?.map_err(|error| Trouble::connecting(&error))?;
            migrate::migrate(&self.0.names, on, version).await
        };
        done.await.map_err(|trouble| trouble.into_error(true))
    }

    /// The statements, each with the name of its file.
    #[doc(hidden)]
    #[must_use]
    pub fn statements(&self) -> Vec<(&'static str, String)> {
        let all = self.0.connections.sql().all().into_iter();
        all.map(|(name, statement)| (name, statement.text().to_owned())).collect()
    }

    /// Closes the connections, and the pool, the application's too. Calls that are under way end first; later
    /// ones fail.
    pub async fn close(&self) {
        self.0.connections.close().await;
    }

    /// That the server answers, and its tables are not of a newer version.
    pub(crate) async fn check(&self) -> Result<(), Trouble> {
        let connections = &self.0.connections;
        let version = connections.perform(&Version(&self.0.names), connections.deadline()).await?;
        version.map_or(Ok(()), migrate::newer)
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

    /// Does `job` together with others, in time (S12).
    async fn share<J: Together>(&self, batcher: &Batcher<J>, job: J) -> Result<J::Answer, StoreError> {
        batcher.call(job).await.map_err(|trouble| trouble.into_error(J::WRITES))
    }
}

struct Version<'a>(&'a Names);

impl Operation for Version<'_> {
    type Answer = Option<i32>;

    const WRITES: bool = false;

    async fn run(&self, _: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        migrate::version(self.0, on).await
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

    async fn revoke_by_subject(
        &self,
        subject: &Subject,
        which: &Which,
        action: Action,
        advance: Advance,
    ) -> Result<u64, StoreError> {
        self.perform(Revoke { subject, which, action, advance }).await
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

    /// Removes a thousand at a time, and ends early, saying that there is more, when half of its time is gone.
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let deadline = self.0.connections.deadline();
        let half = deadline - self.0.connections.limit() / 2;
        while self.perform_until(PurgeEpochs { now }, deadline).await? == u64::from(CHUNK)
            && Instant::now() < half
        {}
        let mut removed = 0;
        while removed < u64::from(limit) {
            let chunk = u64::from(CHUNK).min(u64::from(limit) - removed);
            let done = self.perform_until(PurgeRecords { now, limit: chunk as u32 }, deadline).await?;
            removed += done;
            if done < chunk || Instant::now() >= half {
                break;
            }
        }
        // Fewer than asked for may mean that others hold the rest.
        let more = self.perform_until(IsDue { now }, deadline).await?;
        Ok(Purged { removed, more })
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
