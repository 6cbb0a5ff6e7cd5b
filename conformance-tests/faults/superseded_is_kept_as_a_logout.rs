//! An enumeration of the database lacks a reason: a login that was superseded was "logged out".

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S8, "subject::marking_does_what_the_record_says")]);

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
        let action = match action {
            Action::Mark { reason: Reason::Superseded, at } => Action::Mark { reason: Reason::LoggedOut, at },
            other => other,
        };
        store.revoke(subject, filter, action, update).await
    }
}
