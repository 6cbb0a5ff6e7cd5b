//! DynamoDB: the index of due times is spread over 16 partitions; the collector goes from one to the next and
//! hands on the `LastEvaluatedKey` of the one at which it stopped.
//! Breaks S10: it says "no more" where the limit was reached at the end of a partition and another one still
//! holds what is due.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert 2 due records with first bytes 0x00 and 0xff → purge(limit 1) → removed 1, more false.
#[derive(Default)]
struct Wrong {
    known: Locked<BTreeSet<Selector>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.known.lock().insert(record.selector);
        store.insert(record, fence).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let known: Vec<_> = self.known.lock().iter().copied().collect();
        let mut due = store.find_all(&known).await?;
        due.retain(|record| record.purge_at <= now);
        let partition = |record: &Record| record.selector.0[0] >> 4;
        let purged = store.purge(now, limit).await?;
        let (mut gone, mut left) = (HashSet::new(), HashSet::new());
        for record in &due {
            let there = store.find(record.selector).await?.is_some();
            (if there { &mut left } else { &mut gone }).insert(partition(record));
        }
        let more = purged.more && (purged.removed == 0 || gone.intersection(&left).next().is_some());
        Ok(Purged { more, ..purged })
    }
}
