//! Redis: `HSET` writes the fields that are there and leaves a field that has gone; the script for endings
//! deletes the idle expiry, the one for updates does not.
//! Breaks S1: after an acknowledged replace the old idle expiry is returned, and the login dies by it.

use crate::prelude::*;

pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

// insert(r with idle_at = Some(t)) → replace(r' with idle_at = None, Update) → Replaced
// → find shows idle_at = Some(t).
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
        let mut next = next.clone();
        if change == Change::Update && next.idle_at.is_none() {
            next.idle_at = store.find(next.selector).await?.and_then(|old| old.idle_at);
        }
        store.replace(&next, expected, change).await
    }
}
