//! Redis: the script that marks sets `PEXPIRE` to `purge_at − updated_at` and forgets the hour on top; for a
//! record that has expired that is nothing or less, and Redis deletes the key at once.
//! Breaks S10: a native time to live ends an hour after `purge_at` at the earliest, marked records included;
//! here the record vanishes in the step that marks it and that counts it as kept.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

// insert(r with expires_at = t) → revoke(all, Mark at t + 1 s) → 1 → find → None, list → empty. Marked before
// t it stays.
async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let mut count = 0;
    let records = store.all(call.subject).await?;
    count += store.revoke(call).await?;
    if let Action::Mark { at, .. } = call.action {
        for record in chosen(call.filter, &records) {
            if record.revoked.is_none() && record.expires_at <= at {
                store.delete(record.selector).await?;
            }
        }
    }
    Ok(count)
}
