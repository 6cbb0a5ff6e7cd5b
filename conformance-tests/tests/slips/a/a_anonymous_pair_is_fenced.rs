//! The parent's statement has `p.subject = $subject OR $subject IS NULL AND p.subject IS NOT NULL`, and NULL is not
//! equal to NULL: an anonymous record under an anonymous parent finds none.
//! Breaks S11: a parent may be anonymous, and this one is there and not marked.

use crate::prelude::*;

// A sequence that shows it:
// insert P without subject; insert A without subject under P: `Fenced` instead of `Inserted`. With a subject on either
// side all is well.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if let (Fence::Parent(parent), None) = (fence, &record.subject)
            && store.find(parent).await?.is_some_and(|parent| parent.subject.is_none())
        {
            return Ok(Insert::Fenced);
        }
        store.insert(record, fence).await
    }
}
