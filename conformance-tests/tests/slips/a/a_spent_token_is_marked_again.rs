//! The author reads "used up" as a state of its own: the revocation's predicate is `revoked IN (0, 10)`, so a spent
//! token gets another reason and is counted.
//! Breaks S8: a mark passes over marked records without counting them; the first reason stays.

use crate::prelude::*;

// A sequence that shows it:
// insert A; replace(A, marked Spent, End); revoke(u, all, Mark LoggedOut): 1 instead of 0, and find(A).revoked is
// LoggedOut. A token presented twice is told as revoked, not as spent. Any other reason stays.
pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let Action::Mark { reason, at } = call.action else {
        return store.revoke(call).await;
    };
    let all = store.all(call.subject).await?;
    let spent: Vec<_> =
        chosen(call.filter, &all).into_iter().filter(|r| r.revoked == Some(Reason::Spent)).collect();
    let mut count = store.revoke(call).await?;
    for record in spent {
        let mut again = record.clone();
        again.revoked = None;
        again.mark(reason, at);
        store.force(&again).await?;
        count += 1;
    }
    Ok(count)
}
