//! `find_many` answers only what it has found: every answer after a gap is somebody else's.

use crate::prelude::*;

pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[
    (S17, "find::many_are_answered_in_the_order_asked"),
    (S3, "find::an_unknown_selector_is_nothing_and_no_error"),
]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn find_many(
        &self,
        store: &Base,
        selectors: &[Selector],
    ) -> Result<Vec<Option<Record>>, StoreError> {
        Ok(store.find_many(selectors).await?.into_iter().filter(Option::is_some).collect())
    }
}
