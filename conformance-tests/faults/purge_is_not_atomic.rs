//! A purge looks for what is due, then removes it by its key: a session that slides in between is lost.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S10, "race::purges_from_two_nodes_share_the_work"),
    (S10, "race::a_slide_and_a_purge_do_not_both_win"),
]);

#[derive(Default)]
struct Wrong {
    seen: Locked<BTreeSet<Selector>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.seen.lock().insert(record.selector);
        store.insert(record, fence).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let seen: Vec<_> = self.seen.lock().iter().copied().collect();
        let found = store.find_all(&seen).await?;
        let due: Vec<_> =
            found.into_iter().filter(|record| record.purge_at <= now).take(limit as usize).collect();
        pause().await;
        for record in &due {
            store.delete(record.selector).await?;
        }
        Ok(Purged { removed: due.len() as u64, more: store.purge(now, 0).await?.more })
    }
}
