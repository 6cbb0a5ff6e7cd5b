//! The backend collects by its own clock the moment that a record is due: a node whose clock is behind still
//! needed it.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S10, "expiry::nothing_is_collected_before_its_time_by_any_clock")]);

#[derive(Default)]
struct Wrong {
    born: Locked<HashMap<Selector, tokio::time::Instant>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.born.lock().insert(record.selector, tokio::time::Instant::now());
        store.insert(record, fence).await
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let born = self.born.lock().get(&selector).copied();
        let over = |record: &Record| {
            born.is_some_and(|born| born.elapsed() >= record.purge_at.since(record.updated_at))
        };
        Ok(store.find(selector).await?.filter(|record| !over(record)))
    }
}
