//! A revocation of one kind ends every kind: "revoke my API keys" logs every browser out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S8, "subject::every_choice_matches_the_reference"),
    (S16, "hostile::kinds_are_compared_whole"),
    (S8, "login::ending_by_kind_and_by_login_ends_just_that"),
]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        store.revoke(subject, &filter.clone().kinds(Kinds::Any), action, update).await
    }
}
