//! A second mark writes its own reason over the first: a theft turns into a logout.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "subject::what_is_marked_already_keeps_its_first_reason")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    if let Action::Mark { reason, at } = call.action {
        for mut record in chosen(call.filter, &store.all(call.subject).await?).into_iter().cloned() {
            record.revoked = None;
            record.mark(reason, at);
            store.force(&record).await?;
        }
    }
    store.revoke(call).await
}
