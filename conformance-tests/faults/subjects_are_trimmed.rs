//! A subject loses the blanks around it, as under `PAD SPACE`: "alice " logs alice out.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S16, "hostile::revoking_one_spelling_leaves_the_others")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let mut count = 0;
    for alike in store.subjects(|name| name.as_str().trim() == call.subject.as_str().trim()) {
        count += store.revoke(RevokeCall { subject: &alike, ..call }).await?;
    }
    Ok(count)
}
