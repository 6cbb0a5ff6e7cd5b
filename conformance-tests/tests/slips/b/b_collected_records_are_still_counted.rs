//! Redis: a counter per subject is kept beside the records; the collector forgets to count down.
//! Breaks S2: the number of the subject's records is exact or absent; here logins that were collected count
//! for the cap, and live ones are ended for them.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(a) → Inserted{1} → purge collects a → insert(b) → Inserted{2}.
#[derive(Default)]
struct Wrong {
    subjects: Locked<HashMap<Selector, Subject>>,
    collected: Locked<HashMap<Subject, u32>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        let Insert::Inserted { of_subject: Some(count) } = answer else { return Ok(answer) };
        let Some(subject) = record.subject.clone() else { return Ok(answer) };
        let collected = self.collected.lock().get(&subject).copied().unwrap_or_default();
        self.subjects.lock().insert(record.selector, subject);
        Ok(Insert::Inserted { of_subject: Some(count + collected) })
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        self.subjects.lock().remove(&selector);
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
            let mut subjects = self.subjects.lock();
            for record in chosen(filter, &records) {
                subjects.remove(&record.selector);
            }
        }
        Ok(count)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let purged = store.purge(now, limit).await?;
        let known: Vec<_> = self.subjects.lock().keys().copied().collect();
        for selector in known {
            if store.find(selector).await?.is_none()
                && let Some(subject) = self.subjects.lock().remove(&selector)
            {
                *self.collected.lock().entry(subject).or_default() += 1;
            }
        }
        Ok(purged)
    }
}
