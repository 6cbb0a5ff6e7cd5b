//! What every wrong store is built on: the reference store, and a server that may be hurt.

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_conformance_tests::Trouble;
use hallpass_core::{
    Action, Advance, Epoch, Fence, Insert, Kinds, MemoryStore, Page, Purged, Record, Replace, Revision,
    Selector, StoreError, Subject, Timestamp, TokenStore, Which,
};
use tokio::sync::{RwLock, RwLockReadGuard};

/// A reference store behind a make-believe server: while that is hurt, every call says so. Clones share
/// the records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base {
    memory: MemoryStore,
    trouble: Arc<Locked<Option<Trouble>>>,
    /// Held to look at a fence by inserting a probe, which nobody may see.
    probing: Arc<RwLock<()>>,
}

/// A mutex that no panic poisons: what a fault remembers.
#[derive(Debug, Default)]
pub(crate) struct Locked<T>(Mutex<T>);

/// Gives way as a call over a network does.
pub(crate) async fn give_way() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

/// Lets others in between, also those on other threads: what should have been one step becomes two.
pub(crate) async fn pause() {
    give_way().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
}

impl<T> Locked<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Base {
    /// A store behind the server that `trouble` tells of.
    pub(crate) fn behind(trouble: &Arc<Locked<Option<Trouble>>>) -> Self {
        Self { trouble: Arc::clone(trouble), ..Self::default() }
    }

    /// Every record of `subject`, newest first.
    pub(crate) async fn all(&self, subject: &Subject) -> Result<Vec<Record>, StoreError> {
        self.list_by_subject(subject, &Page { kinds: Kinds::Any, after: None, limit: NonZeroU16::MAX }).await
    }

    /// Writes `record` over whatever is there, marked or not.
    pub(crate) async fn force(&self, record: &Record) -> Result<(), StoreError> {
        self.delete(record.selector).await?;
        let _ = self.insert(record, Fence::None).await?;
        Ok(())
    }

    /// Does `action` to `record` as it was read, and says whether that was still so.
    pub(crate) async fn end(&self, record: &Record, action: Action) -> Result<bool, StoreError> {
        match action {
            Action::Remove => self.delete(record.selector).await,
            Action::Mark { .. } if record.revoked.is_some() => Ok(false),
            Action::Mark { reason, at } => {
                let mut marked = record.clone();
                marked.mark(reason, at);
                Ok(self.replace(&marked, record.revision).await? == Replace::Replaced)
            }
        }
    }

    /// Only advances the epoch of `subject`.
    pub(crate) async fn advance(&self, subject: &Subject, advance: Advance) -> Result<(), StoreError> {
        let nothing = Which::all().kinds(Kinds::Only(Vec::new()));
        self.revoke_by_subject(subject, &nothing, Action::Remove, advance).await.map(|_| ())
    }

    /// Whether `fence` holds for `record`, looked at but not held.
    pub(crate) async fn admits(&self, record: &Record, fence: Fence) -> Result<bool, StoreError> {
        let mut probe = record.clone();
        probe.selector = Selector(*b"a probe, no key!");
        drop(self.answer().await?);
        let _alone = self.probing.write().await;
        let answer = self.memory.insert(&probe, fence).await?;
        self.memory.delete(probe.selector).await?;
        Ok(answer != Insert::Fenced)
    }

    /// What is done to the server.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        *self.trouble.lock()
    }

    async fn answer(&self) -> Result<RwLockReadGuard<'_, ()>, StoreError> {
        match self.trouble() {
            None | Some(Trouble::Restart) => Ok(self.probing.read().await),
            Some(Trouble::Freeze) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Err(StoreError::Timeout { source: "no answer".into(), outcome_unknown: false })
            }
            Some(_) => Err(StoreError::Unavailable("connection refused".into())),
        }
    }
}

#[async_trait]
impl TokenStore for Base {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.insert(record, fence).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.find(selector).await
    }
    async fn find_many(&self, selectors: &[Selector]) -> Result<Vec<Option<Record>>, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.find_many(selectors).await
    }
    async fn replace(&self, next: &Record, expected: Revision) -> Result<Replace, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.replace(next, expected).await
    }
    async fn delete(&self, selector: Selector) -> Result<bool, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.delete(selector).await
    }
    async fn revoke_by_subject(
        &self,
        subject: &Subject,
        which: &Which,
        action: Action,
        advance: Advance,
    ) -> Result<u64, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.revoke_by_subject(subject, which, action, advance).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.list_by_subject(subject, page).await
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.epoch(subject, fresh, keep, now).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let _unseen = self.answer().await?;
        self.memory.purge_expired(now, limit).await
    }
}
