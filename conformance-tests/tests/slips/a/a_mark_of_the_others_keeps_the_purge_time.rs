//! "Log out the others" has a statement of its own, with `login <> $1`; it writes reason and idle expiry and forgets
//! `purge_at = expires_at`.
//! Breaks S8 (a mark does what `Record::mark` does; D13: it stays until its absolute expiry): it is collected early.

use crate::prelude::*;

// A sequence that shows it:
// insert A with idle_at = purge_at = 1000, expires_at = 9000; revoke(u, Except(another login), Mark); find(A).purge_at
// is 1000, and purge at 1000 takes A. With Any or Only all is well.
pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let Action::Mark { reason, at } = call.action else {
        return store.revoke(call).await;
    };
    let matches = |r: &Record| {
        call.filter.matches(r)
            && r.revoked.is_none()
            && r.purge_at != r.expires_at
            && r.revision < Revision::MAX
    };
    if !matches!(call.filter.logins, Logins::Except(_)) || !store.all(call.subject).await?.iter().any(matches)
    {
        return store.revoke(call).await;
    }
    store.set_epoch(call.subject, call.update).await?;
    let mut count = 0;
    for old in store.all(call.subject).await?.into_iter().filter(matches) {
        let mut marked = old.clone();
        marked.mark(reason, at);
        marked.purge_at = old.purge_at;
        let change = Change::End(&Note::none());
        count += u64::from(
            store.replace(ReplaceCall { next: &marked, expected: old.revision, change }).await?
                == Replace::Replaced,
        );
    }
    Ok(count + store.revoke(RevokeCall { update: EpochUpdate::Keep, ..call }).await?)
}
