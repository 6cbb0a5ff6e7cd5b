//! A purge collects in every namespace of the database: what staging thinks is due is gone from production.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S15, "namespace::purging_stays_in_its_namespace")]);

#[derive(Default)]
struct Wrong {
    all: Locked<Vec<Base>>,
}

impl Twist for Wrong {
    fn remembers(namespace: &str) -> &str {
        root_of(namespace)
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.all.lock().push(store.clone());
        store.insert(record, fence).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let (mut purged, all) = (store.purge(now, limit).await?, self.all.lock().clone());
        for other in all {
            purged.removed += other.purge(now, limit).await?.removed;
        }
        Ok(purged)
    }
}
