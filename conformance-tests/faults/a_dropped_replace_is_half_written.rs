//! `replace` writes its columns, then its body: a client that hangs up in between leaves half of each.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S13, "cancel::a_dropped_replace_is_whole_or_nothing"),
    (S6, "race::a_reader_never_sees_a_record_torn_or_going_back"),
]);

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
        let Some(old) = store.find(next.selector).await? else { return Ok(Replace::Missing) };
        let half = Record { body: old.body, ..next.clone() };
        let answer = store.replace(&half, expected, change).await?;
        pause().await;
        if answer == Replace::Replaced && store.find(next.selector).await? == Some(half) {
            store.force(next).await?;
        }
        Ok(answer)
    }
}
