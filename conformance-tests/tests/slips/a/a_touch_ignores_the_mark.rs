//! The touch has a short statement of its own, `… WHERE selector = $1 AND revision = $2`: "a mark raises the revision
//! anyway".
//! Breaks S4: a marked record is not changed, whatever the revision.

use crate::prelude::*;

// A sequence that shows it:
// insert A at revision 1; revoke(u, all, Mark): revision 2; replace(A at revision 3, expected 2, Touch): `Replaced`
// instead of `Conflict`, with a new idle expiry and purge_at: a mark that is collected early. Update and End are right.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        if change == Change::Touch
            && expected < Revision::MAX
            && let Some(old) = store.find(next.selector).await?
            && old.revoked.is_some()
            && old.revision == expected
        {
            let touched = Record { revoked: old.revoked, ..next.clone() };
            store.force(&touched).await?;
            return Ok(Replace::Replaced);
        }
        store.replace(next, expected, change).await
    }
}
