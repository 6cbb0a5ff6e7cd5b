//! The reference store: a map behind one lock, which shows what [`TokenStore`] means.

mod feed;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use async_trait::async_trait;

use self::feed::Feeds;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::ident::{Epoch, Era, Revision, Subject};
use crate::record::{Reason, Record};
use crate::selector::Selector;
use crate::store::{
    Action, Admission, Announcer, Change, ChangeFeed, EpochUpdate, Fence, Insert, Listed, Note, Page, Purged,
    Replace, Revocation, TokenStore,
};

/// Keeps records in memory: for tests, examples, and sites that may lose all logins at a restart.
///
/// Clones share the same records. It keeps every clause; as durability (S14) it declares none.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<RwLock<Tables>>);

#[derive(Default)]
struct Tables {
    records: HashMap<Selector, Record>,
    /// The records of each subject, in the reverse order of a list.
    index: HashMap<Subject, BTreeSet<(Timestamp, Selector)>>,
    due: BTreeSet<(Timestamp, Selector)>,
    epochs: BTreeMap<Subject, (Epoch, Timestamp)>,
    feeds: Feeds,
}

impl MemoryStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // No code below panics between two writes, so the records behind a poisoned lock are whole.
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut tables = self.write();
        if tables.records.contains_key(&record.selector) {
            return Ok(Insert::Duplicate);
        }
        if !tables.admits(record, fence) {
            return Ok(Insert::Fenced);
        }
        tables.put(record.clone());
        Ok(Insert::Inserted { of_subject: record.subject.as_ref().map(|subject| tables.count(subject)) })
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        Ok(self.read().records.get(&selector).cloned())
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        if expected == Revision::MAX {
            return Err(StoreError::Refused("the revision cannot be counted any further".into()));
        }
        let mut tables = self.write();
        match tables.records.get(&next.selector) {
            None => Ok(Replace::Missing),
            Some(old) if old.revision != expected || old.revoked.is_some() => Ok(Replace::Conflict),
            Some(_) => {
                tables.put(next.clone());
                if let Change::End(_) = change {
                    tables.feeds.announce(next.selector);
                }
                Ok(Replace::Replaced)
            }
        }
    }

    async fn delete(&self, selector: Selector, _note: &Note) -> Result<bool, StoreError> {
        let mut tables = self.write();
        let removed = tables.take(selector);
        if removed {
            tables.feeds.announce(selector);
        }
        Ok(removed)
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        let mut tables = self.write();
        if let EpochUpdate::Set { epoch, now, keep } = revocation.epoch {
            let until = now.saturating_add(keep);
            let until = tables.epochs.get(subject).map_or(until, |(_, kept)| until.max(*kept));
            tables.epochs.insert(subject.clone(), (epoch, until));
        }
        let matching = tables.of(subject).filter(|record| revocation.filter.matches(record));
        let doomed: Vec<Selector> = matching.map(|record| record.selector).collect();
        let mut count = 0;
        for selector in doomed {
            let ended = match revocation.action {
                Action::Remove => tables.take(selector),
                Action::Mark { reason, at } => tables.mark(selector, reason, at),
            };
            if ended {
                tables.feeds.announce(selector);
                count += 1;
            }
        }
        Ok(count)
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        let tables = self.read();
        let after = page.after.map_or(Bound::Unbounded, Bound::Excluded);
        let wanted = tables.before(subject, after).filter(|record| page.shows(&record.kind, record.purpose));
        Ok(wanted.take(page.limit.get().into()).cloned().map(Listed::from).collect())
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        let until = now.saturating_add(keep);
        let mut tables = self.write();
        let entry = tables.epochs.entry(subject.clone()).or_insert((fresh, until));
        entry.1 = entry.1.max(until);
        Ok(Admission { epoch: entry.0, era: Era::FIRST })
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut tables = self.write();
        tables.epochs.retain(|_, (_, until)| now < *until);
        let mut removed = 0;
        while let Some(&(due, selector)) = tables.due.first().filter(|(due, _)| *due <= now) {
            if removed == u64::from(limit) {
                return Ok(Purged { removed, more: true });
            }
            tables.due.remove(&(due, selector));
            removed += u64::from(tables.take(selector));
        }
        Ok(Purged { removed, more: false })
    }

    fn announcer(&self) -> Option<&dyn Announcer> {
        Some(self)
    }
}

#[async_trait]
impl Announcer for MemoryStore {
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        Ok(self.write().feeds.open())
    }
}

impl Tables {
    fn admits(&self, record: &Record, fence: Fence) -> bool {
        match fence {
            Fence::None => true,
            Fence::Epoch(epoch) => {
                let current = record.subject.as_ref().and_then(|subject| self.epochs.get(subject));
                current.is_some_and(|(current, _)| *current == epoch)
            }
            Fence::Parent(parent) => self.records.get(&parent).is_some_and(|parent| parent.revoked.is_none()),
        }
    }

    /// Returns the subject's records, newest first.
    fn of(&self, subject: &Subject) -> impl Iterator<Item = &Record> {
        self.before(subject, Bound::Unbounded)
    }

    /// Returns the subject's records before this place in the index, newest first.
    fn before(
        &self,
        subject: &Subject,
        place: Bound<(Timestamp, Selector)>,
    ) -> impl Iterator<Item = &Record> {
        let entries = self
            .index
            .get(subject)
            .into_iter()
            .flat_map(move |entries| entries.range((Bound::Unbounded, place)).rev());
        entries.filter_map(|(_, selector)| self.records.get(selector))
    }

    fn count(&self, subject: &Subject) -> u32 {
        let count = self.index.get(subject).map_or(0, BTreeSet::len);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn put(&mut self, record: Record) {
        if let Some(old) = self.records.get(&record.selector) {
            self.due.remove(&(old.purge_at, old.selector));
        }
        self.due.insert((record.purge_at, record.selector));
        if let Some(subject) = &record.subject {
            self.index.entry(subject.clone()).or_default().insert((record.created_at, record.selector));
        }
        self.records.insert(record.selector, record);
    }

    fn take(&mut self, selector: Selector) -> bool {
        let Some(record) = self.records.remove(&selector) else { return false };
        self.due.remove(&(record.purge_at, selector));
        if let Some(subject) = &record.subject
            && let Some(entries) = self.index.get_mut(subject)
        {
            entries.remove(&(record.created_at, selector));
            if entries.is_empty() {
                self.index.remove(subject);
            }
        }
        true
    }

    fn mark(&mut self, selector: Selector, reason: Reason, at: Timestamp) -> bool {
        let Some(record) = self.records.get(&selector) else { return false };
        if record.revoked.is_some() {
            return false;
        }
        let mut record = record.clone();
        record.mark(reason, at);
        self.put(record);
        true
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.read().records.len()).finish_non_exhaustive()
    }
}
