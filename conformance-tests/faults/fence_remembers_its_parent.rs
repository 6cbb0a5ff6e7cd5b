//! A parent that was seen once is not looked at again: a session is restored after its remember token was
//! deleted.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S11, "fence::a_live_parent_admits_and_a_missing_one_fences"),
    (S11, "stream::no_session_is_restored_through_the_delete_of_its_parent"),
]);

#[derive(Default)]
struct Wrong {
    seen: Locked<HashSet<Selector>>,
}

impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let Fence::Parent(parent) = fence else { return store.insert(record, fence).await };
        let seen = self.seen.lock().contains(&parent);
        let answer = store.insert(record, if seen { Fence::None } else { fence }).await?;
        if answer.is_inserted() {
            self.seen.lock().insert(parent);
        }
        Ok(answer)
    }
}
