//! `SELECT epoch`; if there is none, `INSERT … ON CONFLICT DO NOTHING` and the fresh one is returned, whether or not
//! the insert did anything.
//! Breaks S11 and S6: `fresh` is the answer only if it became the epoch; the login of the slower call is fenced.

use crate::prelude::*;

// A sequence that shows it:
// u has no epoch. At once: epoch(u, F1), epoch(u, F2). Both answer their own; one of F1 and F2 is not the epoch.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    seen: Locked<HashSet<Subject>>,
}

impl Twist for Wrong {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let first = !self.seen.lock().contains(call.subject);
        if first {
            pause().await;
        }
        let epoch = store.epoch(call).await?;
        self.seen.lock().insert(call.subject.clone());
        Ok(if first { call.fresh } else { epoch })
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let answer = store.revoke(call).await?;
        if call.update != EpochUpdate::Keep {
            self.seen.lock().insert(call.subject.clone());
        }
        Ok(answer)
    }
}
