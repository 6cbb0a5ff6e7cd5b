//! The statement was sent, its answer did not come, and the error says that nothing was written.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S12, "outage::cut_connections_are_an_error_and_pass")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    fn declared() -> Declared {
        served()
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await;
        if answer.is_err() {
            let _ = store.insert_unanswered(record, fence).await?;
        }
        answer
    }
}
