//! More than 2,000 records are ended in pages of 500, and the next page begins `WHERE created_at < $last`: what was
//! created in the same millisecond as a page's last row is passed over.
//! Breaks S8: when it acknowledges, none is left, and the count is exact.

use crate::prelude::*;

// A sequence that shows it:
// insert 2,001 records of u with one created_at; revoke(u, all, Remove): 500, and 1,501 are left. With an instant of its
// own for each all is well.
pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let matching = store.meant(call).await?;
    let (mut kept, mut rest) = (Vec::new(), matching.as_slice());
    while matching.len() > 2_000 && rest.len() > 500 {
        let last = rest[499].created_at;
        let (passed, next) = rest[500..].split_at(rest[500..].partition_point(|r| r.created_at >= last));
        kept.extend_from_slice(passed);
        rest = next;
    }
    store.revoke_but(&kept, call).await
}
