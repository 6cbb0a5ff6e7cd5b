//! Redis: a revocation of everything finds the keys of a subject with `SCAN MATCH subject:*`, and a subject
//! may hold `*`.
//! Breaks S8: logging out the subject `a*` logs out every subject that begins with `a` (within its shard or
//! without one).

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r of "user*", s of "user-2") → revoke("user*", all, Remove) → s is gone, too.
#[derive(Default)]
struct Wrong {
    subjects: Locked<HashSet<Subject>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.subjects.lock().extend(record.subject.clone());
        store.insert(record, fence).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let count = store.revoke(subject, filter, action, update).await?;
        if let Some(prefix) = subject.as_str().strip_suffix('*') {
            let others: Vec<_> = {
                let subjects = self.subjects.lock();
                subjects.iter().filter(|other| other.as_str().starts_with(prefix)).cloned().collect()
            };
            for other in others {
                store.revoke(&other, filter, action, EpochUpdate::Keep).await?;
            }
        }
        Ok(count)
    }
}
