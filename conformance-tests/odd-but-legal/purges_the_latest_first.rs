//! A purge takes what became due last, and what became due first at the end (S10 names no order).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    seen: Locked<BTreeSet<Selector>>,
    /// Whether somebody moves or needs a `purge_at`.
    busy: Locked<bool>,
}

impl Strange {
    async fn wait(&self) {
        while std::mem::replace(&mut *self.busy.lock(), true) {
            give_way().await;
        }
    }

    fn done<T>(&self, answer: T) -> T {
        *self.busy.lock() = false;
        answer
    }
}

#[async_trait]
impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        self.seen.lock().insert(record.selector);
        Ok(answer)
    }
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.wait().await;
        self.done(store.replace(next, expected, change).await)
    }

    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        self.wait().await;
        self.done(store.revoke(subject, filter, action, update).await)
    }

    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.wait().await;
        let seen: Vec<_> = self.seen.lock().iter().copied().collect();
        let mut due = Vec::new();
        for record in store.find_all(&seen).await? {
            if record.purge_at <= now {
                due.push((record.purge_at, record.selector));
            }
        }
        due.sort_unstable_by(|one, other| other.cmp(one));
        let mut removed = 0;
        for (_, selector) in due.iter().take(limit as usize) {
            removed += u64::from(store.delete(*selector).await?);
        }
        self.done(store.purge(now, 0).await).map(|rest| Purged { removed, more: rest.more })
    }
}
