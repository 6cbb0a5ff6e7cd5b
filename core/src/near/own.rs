//! The store as the service with a near cache uses it: what it writes itself, it forgets before the call returns.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Near;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ident::{Epoch, Revision, Subject};
use crate::record::Record;
use crate::selector::Selector;
use crate::store::{
    Admission, Announcer, Change, Fence, Insert, Listed, Note, Page, Purged, Replace, Revocation, TokenStore,
};

/// Passes every call on. An inserted record is not known yet, so an insert forgets nothing.
pub(crate) struct OwnWrites(Arc<Near>);

/// What a write forgets when it has ended, however it ended: it may have happened even if its future was dropped.
struct Forgets<'a> {
    near: &'a Near,
    what: Target,
}

enum Target {
    Record(Selector),
    Shard([u8; 2]),
}

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        match self.what {
            Target::Record(selector) => self.near.ended(&[selector]),
            Target::Shard(shard) => self.near.ended_shard(shard),
        }
    }
}

impl OwnWrites {
    pub(crate) const fn new(near: Arc<Near>) -> Self {
        Self(near)
    }

    fn store(&self) -> &dyn TokenStore {
        &*self.0.store
    }

    const fn forgets(near: &Near, what: Target) -> Forgets<'_> {
        Forgets { near, what }
    }
}

#[async_trait]
impl TokenStore for OwnWrites {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.store().insert(record, fence).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.store().find(selector).await
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let _forgets = Self::forgets(&self.0, Target::Record(next.selector));
        self.store().replace(next, expected, change).await
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        let _forgets = Self::forgets(&self.0, Target::Record(selector));
        self.store().delete(selector, note).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        // Finding the records of the subject among those of its shard would cost more than reading them again.
        let _forgets = Self::forgets(&self.0, Target::Shard(subject.shard()));
        self.store().revoke_by_subject(subject, revocation).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.store().list_by_subject(subject, page).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.store().epoch(subject, fresh, keep, now).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.store().purge_expired(now, limit).await
    }

    fn announcer(&self) -> Option<&dyn Announcer> {
        self.store().announcer()
    }
}

impl fmt::Debug for OwnWrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.store.fmt(f)
    }
}
