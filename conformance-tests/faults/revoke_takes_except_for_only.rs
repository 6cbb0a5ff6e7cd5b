//! "Log out my other devices" logs this one out and leaves the others.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S8, "subject::every_choice_matches_the_reference"),
    (S8, "login::a_changed_credential_leaves_only_the_caller"),
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
        let logins = match filter.logins {
            Logins::Except(login) => Logins::Only(login),
            other => other,
        };
        store.revoke(subject, &RecordFilter { logins, ..filter.clone() }, action, update).await
    }
}
