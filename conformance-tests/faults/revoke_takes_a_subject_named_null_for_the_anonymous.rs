//! Anonymous records are stored under the subject "null", and a user is called that.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "subject::anonymous_records_belong_to_no_subject")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let mut count = store.revoke(call).await?;
    if call.subject.as_str() == "null" {
        for record in store.find_all(&store.seen()).await?.iter().filter(|record| record.subject.is_none()) {
            count += u64::from(store.delete(record.selector).await?);
        }
    }
    Ok(count)
}
