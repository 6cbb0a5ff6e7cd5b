//! A replace that changes no row is a conflict, whether or not the record is there: core reads and tries
//! again until it gives up.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S4, "replace::replacing_what_is_not_there_creates_nothing"),
    (S4, "replace::a_deleted_record_never_comes_back"),
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
        Ok(match store.replace(next, expected, change).await? {
            Replace::Missing => Replace::Conflict,
            other => other,
        })
    }
}
