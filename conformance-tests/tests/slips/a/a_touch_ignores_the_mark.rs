//! The touch has a short statement of its own, `… WHERE selector = $1 AND revision = $2`: "a mark raises the revision
//! anyway".
//! Breaks S4: a marked record is not changed, whatever the revision.

use crate::prelude::*;

// A sequence that shows it:
// insert A at revision 1; revoke(u, all, Mark): revision 2; replace(A at revision 3, expected 2, Touch): `Replaced`
// instead of `Conflict`, with a new idle expiry and purge_at: a mark that is collected early. Update and End are right.
pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    if call.change == Change::Touch
        && call.expected < Revision::MAX
        && let Some(old) = store.find(call.next.selector).await?
        && old.revoked.is_some()
        && old.revision == call.expected
    {
        let touched = Record { revoked: old.revoked, ..call.next.clone() };
        store.force(&touched).await?;
        return Ok(Replace::Replaced);
    }
    store.replace(call).await
}
