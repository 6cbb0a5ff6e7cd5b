//! A conflict with a record that is equal but for its write id is taken for a lost answer: two callers spend
//! one token.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S5, "replace::equal_but_for_the_write_id_is_still_another_caller"),
    (D3, "race_token::a_one_time_token_presented_many_times_at_once_works_once"),
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
        let found = store.find(next.selector).await?;
        let alike = |mut found: Record| {
            found.body = next.body.clone();
            found == *next
        };
        Ok(if answer == Replace::Conflict && found.is_some_and(alike) { Replace::Replaced } else { answer })
    }
}
