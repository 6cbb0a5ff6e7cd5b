//! FoundationDB: records lie under `(subject, selector)`, and the parent is read under the child's subject.
//! Breaks S11: a parent may be another subject's of the same shard; here it fences.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(p of "a") → insert(c of "b", a subject of the same shard, Parent(p)) → Fenced. An anonymous parent
// is found in a table of its own.
#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if let Fence::Parent(parent) = fence
            && let Some(Record { subject: Some(subject), .. }) = store.find(parent).await?
            && record.subject.as_ref().is_some_and(|own| *own != subject)
        {
            return Ok(Insert::Fenced);
        }
        store.insert(record, fence).await
    }
}
