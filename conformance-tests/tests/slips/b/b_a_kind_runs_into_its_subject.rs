//! Redis: there is a set for each kind of a subject, `subject:kind`, and both may hold colons.
//! Breaks S8: revoking one kind of the subject `u:a` also ends the kind `a:b` of the subject `u`.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let mut count = store.revoke(call).await?;
    let Kinds::Only(kinds) = &call.filter.kinds else { return Ok(count) };
    let key = |subject: &Subject, kind: &Kind| format!("{}:{}", subject.as_str(), kind.as_str());
    for record in store.find_all(&store.seen()).await? {
        let Some(other) = record.subject.as_ref().filter(|other| *other != call.subject) else { continue };
        if kinds.iter().any(|kind| key(other, &record.kind) == key(call.subject, kind)) {
            let filter = RecordFilter { kinds: record.kind.into(), ..call.filter.clone() };
            let (subject, update) = (other, EpochUpdate::Keep);
            count += store.revoke(RevokeCall { subject, filter: &filter, update, ..call }).await?;
        }
    }
    Ok(count)
}
