//! Redis: a touch that meets another revision looks whether "seen at" is as late already, and then calls
//! itself done.
//! Breaks S5 and S4: another revision is a `Conflict`, and so is a mark: here a touch of a record that was
//! marked or rotated meanwhile is acknowledged.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

// insert(r) → replace(seen_at 20, Update) → Replaced → replace(seen_at 20 from the first revision, Touch)
// → Replaced in place of Conflict. Also after a mark at which seen_at stays.
async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let answer = store.replace(call).await?;
    if answer == Replace::Conflict
        && call.change == Change::Touch
        && store.find(call.next.selector).await?.is_some_and(|stored| call.next.seen_at <= stored.seen_at)
    {
        return Ok(Replace::Replaced);
    }
    Ok(answer)
}
