//! Redis: the collector deletes the hashes and leaves their members in the sorted set of the subject; a page
//! takes as many members as its limit and drops those without a hash.
//! Breaks S9: a page is shorter than its limit though more follows, so a caller stops and misses live
//! records.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    orphans: Locked<Vec<Record>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if answer.is_inserted() {
            self.orphans.lock().retain(|orphan| orphan.selector != record.selector);
        }
        Ok(answer)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let (purged, gone) = store.purge_all(now, limit).await?;
        self.orphans.lock().extend(gone);
        Ok(purged)
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        let place = |record: &Record| (record.created_at, record.selector);
        let orphans = self.orphans.lock();
        let dead = orphans.iter().filter(|orphan| {
            orphan.subject.as_ref() == Some(subject) && page.after.is_none_or(|after| place(orphan) < after)
        });
        let dead = dead.map(|orphan| (place(orphan), false));
        let mut members: Vec<_> = records.iter().map(|record| (place(record), true)).chain(dead).collect();
        members.sort_by(|one, other| other.cmp(one));
        let shown = members.iter().take(page.limit.get().into()).filter(|(_, alive)| *alive).count();
        records.truncate(shown);
        Ok(records)
    }
}
