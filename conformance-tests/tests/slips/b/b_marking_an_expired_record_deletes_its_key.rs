//! Redis: the script that marks sets `PEXPIRE` to `purge_at − updated_at` plus an hour; for a record that
//! expired long before it is marked that is negative, and Redis deletes the key at once.
//! Breaks S10: a native time to live given as a duration ends an hour after `purge_at` at the earliest only
//! if it is counted from the record; here a record vanishes in the step that marks it, so no page and no
//! owner is told why (and the count says that it was marked and kept).

use crate::prelude::*;

pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

// insert(r with expires_at = t) → revoke(all, Mark at t + 2 h) → 1 → find → None, list → empty.
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
            let hour = Duration::from_secs(3_600);
            for record in chosen(filter, &records) {
                if record.revoked.is_none() && record.expires_at.saturating_add(hour) <= at {
                    store.delete(record.selector).await?;
                }
            }
        }
        Ok(count)
    }
}
