//! Revocations write a column `ended_at`, and the parent's fence asks `ended_at IS NULL`. The statement of replace
//! writes the reason and forgets `ended_at`.
//! Breaks S11: a marked parent fences.

use crate::prelude::*;

// A sequence that shows it:
// insert P; replace(P, marked Superseded, End); insert A under P: `Inserted` instead of `Fenced`. With P marked by
// revoke_by_subject all is well. A session restored at once with a renewal outlives it.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    ended: Locked<HashSet<Selector>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if let Fence::Parent(parent) = fence
            && self.ended.lock().contains(&parent)
            && store.find(parent).await?.is_some()
        {
            return store.insert(record, Fence::None).await;
        }
        store.insert(record, fence).await
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let answer = store.replace(call).await?;
        if answer == Replace::Replaced && matches!(call.change, Change::End(_)) {
            self.ended.lock().insert(call.next.selector);
        }
        Ok(answer)
    }
}
