//! Redis: a counter per subject is kept beside the records; the collector forgets to count down.
//! Breaks S2: the number of the subject's records is exact or absent; here logins that were collected count
//! for the cap, and live ones are ended for them.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    collected: Locked<HashMap<Subject, u32>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        let Insert::Inserted { of_subject: Some(count) } = answer else { return Ok(answer) };
        let Some(subject) = &record.subject else { return Ok(answer) };
        let collected = self.collected.lock().get(subject).copied().unwrap_or_default();
        Ok(Insert::Inserted { of_subject: Some(count + collected) })
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let (purged, gone) = store.purge_all(now, limit).await?;
        for subject in gone.into_iter().filter_map(|record| record.subject) {
            *self.collected.lock().entry(subject).or_default() += 1;
        }
        Ok(purged)
    }
}
