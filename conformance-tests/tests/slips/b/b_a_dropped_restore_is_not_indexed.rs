//! Cassandra: a session that is restored is written first and then its entry in the table by subject, in two
//! statements; the caller gives up between them.
//! Breaks S13: a record is neither untouched nor fully written: its token works, and no list and no
//! revocation of its subject ever sees it.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(p); insert(c, Parent(p)) dropped at an await → find(c) → Some, list → [p],
// revoke(all, Remove) → 1 and c still works.
#[derive(Default)]
struct Wrong {
    unlisted: Locked<HashSet<Selector>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let Fence::Parent(_) = fence else { return store.insert(record, fence).await };
        let answer = store.insert(record, fence).await?;
        if answer.is_inserted() {
            self.unlisted.lock().insert(record.selector);
            pause().await;
            self.unlisted.lock().remove(&record.selector);
        }
        Ok(answer)
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let unlisted: Vec<_> = self.unlisted.lock().iter().copied().collect();
        let mut kept = store.find_all(&unlisted).await?;
        kept.retain(|record| record.subject.as_ref() == Some(call.subject) && call.filter.matches(record));
        let mut count = store.revoke(call).await?;
        for record in kept {
            // What is indexed by now is ended like any other.
            if self.unlisted.lock().contains(&record.selector) {
                count -= u64::from(call.ends(&record));
                store.force(&record).await?;
            }
        }
        Ok(count)
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        let unlisted = self.unlisted.lock();
        records.retain(|record| !unlisted.contains(&record.selector));
        Ok(records)
    }
}
