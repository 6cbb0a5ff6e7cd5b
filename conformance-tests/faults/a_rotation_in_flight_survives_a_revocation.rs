//! A rotation read the record before "log out everywhere" and writes it back after, as every `save` that is
//! an upsert does.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S4, "interleaved::no_replace_saves_what_is_being_removed"),
    (S4, "race_subject::no_flood_of_writes_saves_what_is_removed"),
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
        let answer = store.replace(next, expected, change).await?;
        pause().await;
        if answer == Replace::Replaced && store.find(next.selector).await?.is_none() {
            store.force(next).await?;
        }
        Ok(answer)
    }
}
