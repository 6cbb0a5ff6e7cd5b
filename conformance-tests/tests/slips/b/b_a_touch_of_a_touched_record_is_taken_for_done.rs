//! Redis: a touch that meets another revision looks whether "seen at" is as late already, and then calls
//! itself done.
//! Breaks S5 and S4: another revision is a `Conflict`, and so is a mark: here a touch of a record that was
//! marked or rotated meanwhile is acknowledged.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r) → replace(seen_at 20, Update) → Replaced → replace(seen_at 20 from the first revision, Touch)
// → Replaced in place of Conflict. Also after a mark at which seen_at stays.
#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let answer = store.replace(next, expected, change).await?;
        if answer == Replace::Conflict
            && change == Change::Touch
            && store.find(next.selector).await?.is_some_and(|stored| next.seen_at <= stored.seen_at)
        {
            return Ok(Replace::Replaced);
        }
        Ok(answer)
    }
}
