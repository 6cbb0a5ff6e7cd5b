//! Redis: the script that marks sets `PEXPIRE` to `purge_at − updated_at` and forgets the hour on top; for a
//! record that has expired that is nothing or less, and Redis deletes the key at once.
//! Breaks S10: a native time to live ends an hour after `purge_at` at the earliest, marked records included;
//! here the record vanishes in the step that marks it and that counts it as kept.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r with expires_at = t) → revoke(all, Mark at t + 1 s) → 1 → find → None, list → empty. Marked before
// t it stays.
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
        let mut count = 0;
        let records = store.all(subject).await?;
        count += store.revoke(subject, filter, action, update).await?;
        if let Action::Mark { at, .. } = action {
            for record in chosen(filter, &records) {
                if record.revoked.is_none() && record.expires_at <= at {
                    store.delete(record.selector).await?;
                }
            }
        }
        Ok(count)
    }
}
