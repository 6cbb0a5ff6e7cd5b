//! The statement that replaces writes every column and has none for the era: a login of before "log everybody
//! out" is good again.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S1, "insert::what_never_changes_is_kept_through_every_write")]);

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
        store.replace(&Record { era: Era::FIRST, ..next.clone() }, expected, change).await
    }
}
