//! Redis: the collector deletes the hashes and leaves their members in the sorted set of the subject; a page
//! takes as many members as its limit and drops those without a hash.
//! Breaks S9: a page is shorter than its limit though more follows, so a caller stops and misses live
//! records.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert a (old, due late), b (newer, due soon) → purge collects b → list(limit 1) → [], though a is there.
#[derive(Default)]
struct Wrong {
    members: Locked<HashMap<Selector, (Subject, Timestamp)>>,
    orphans: Locked<Vec<(Subject, Timestamp, Selector)>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if let (Some(subject), true) = (&record.subject, answer.is_inserted()) {
            self.orphans.lock().retain(|(_, _, orphan)| *orphan != record.selector);
            self.members.lock().insert(record.selector, (subject.clone(), record.created_at));
        }
        Ok(answer)
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        self.members.lock().remove(&selector);
        store.delete(selector).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let records = store.all(subject).await?;
        let count = store.revoke(subject, filter, action, update).await?;
        if action == Action::Remove {
            let mut members = self.members.lock();
            for record in chosen(filter, &records) {
                members.remove(&record.selector);
            }
        }
        Ok(count)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let purged = store.purge(now, limit).await?;
        let members: Vec<_> = self.members.lock().keys().copied().collect();
        for selector in members {
            if store.find(selector).await?.is_none()
                && let Some((subject, at)) = self.members.lock().remove(&selector)
            {
                self.orphans.lock().push((subject, at, selector));
            }
        }
        Ok(purged)
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        let orphans = self.orphans.lock();
        let limit = usize::from(page.limit.get());
        let places = records.iter().map(|record| ((record.created_at, record.selector), true));
        let dead = orphans
            .iter()
            .filter(|(owner, at, selector)| {
                owner == subject && page.after.is_none_or(|after| (*at, *selector) < after)
            })
            .map(|(_, at, selector)| ((*at, *selector), false));
        let mut members: Vec<_> = places.chain(dead).collect();
        members.sort_by(|a, b| b.cmp(a));
        records.truncate(members.iter().take(limit).filter(|(_, alive)| *alive).count());
        Ok(records)
    }
}
