//! `NULLIF(idle_at, 0)` in the statement that replaces: a session that is idle since 1970 never is.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S1, "replace::an_idle_expiry_at_the_beginning_of_time_is_one")]);

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
        let idle_at = next.idle_at.filter(|idle| *idle != Timestamp::MIN);
        store.replace(&Record { idle_at, ..next.clone() }, expected, change).await
    }
}
