//! `replace` is an upsert, as in actix-session and tower-sessions: a request in flight brings a logged-out
//! session back.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S4, "replace::a_deleted_record_never_comes_back"),
    (S4, "replace::replacing_what_is_not_there_creates_nothing"),
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
        match store.replace(next, expected, change).await? {
            Replace::Missing => {
                let _ = store.insert(next, Fence::None).await?;
                Ok(Replace::Replaced)
            }
            other => Ok(other),
        }
    }
}
